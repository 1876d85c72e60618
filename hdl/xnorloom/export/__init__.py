"""Export of a network: Verilog, manifest and testbench."""
