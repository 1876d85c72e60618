"""Design for a board: network, serial link, clock, pins."""
