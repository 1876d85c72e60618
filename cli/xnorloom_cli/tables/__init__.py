"""Tables for people and values for programs."""
