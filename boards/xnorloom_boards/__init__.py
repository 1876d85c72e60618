"""Boards: from a network to a bitstream, and the host's side of the serial link to it."""
