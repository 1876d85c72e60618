"""Counting of ones: the tree of a popcount, its adders, and codes of its operands."""
