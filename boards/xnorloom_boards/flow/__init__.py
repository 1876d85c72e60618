"""Build flow: schedule, synthesis, place and route, clock, bitstream."""
