"""Errors of boards and their ports that a user can cause."""

from xnorloom.errors import XnorloomError

__all__ = ["LinkError", "PortError", "NoAnswerError", "WrongBitstreamError"]


class LinkError(XnorloomError):
    """A board that answers, but not so that a result can be trusted."""


class PortError(LinkError):
    """A serial port that is unknown, busy, not permitted, or that went away."""


class NoAnswerError(LinkError):
    """Nothing, or nothing but garbage, came from a port."""


class WrongBitstreamError(LinkError):
    """A board that holds another network, or speaks another version of the protocol."""
