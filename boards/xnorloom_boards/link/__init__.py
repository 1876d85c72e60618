"""Serial link between a host program and a network on a board; see docs/protocol.md."""
