"""The link between a host program and a network on a board; docs/protocol.md is its protocol."""
