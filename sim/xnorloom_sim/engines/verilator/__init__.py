"""Compiled engine: Verilog through Verilator and a C++ compiler."""
