"""FPGA families and chips."""
