"""Verilog of a network, with manifest and testbench."""
