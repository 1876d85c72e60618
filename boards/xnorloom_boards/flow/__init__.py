"""From a network to a bitstream."""
