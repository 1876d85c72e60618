"""Simulation of netlists and bitstreams."""
