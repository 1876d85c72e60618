"""Errors of boards, builds and serial ports that a user can cause."""

from xnorloom.errors import XnorloomError

__all__ = ["BoardError", "BuildError", "LinkError", "NoAnswerError", "PortError",
           "WrongBitstreamError"]


class BoardError(XnorloomError):
    """Unknown board, or a board whose definition needs a package that is not installed."""

    page = "boards.md"


class BuildError(XnorloomError):
    """Design that is too large for its board or serial link, or too slow."""

    page = "boards.md#fitting"


class LinkError(XnorloomError):
    """Board whose answers cannot be trusted."""

    page = "first-board.md#if-it-does-not-work"


class PortError(LinkError):
    """Serial port that is unknown, busy, not permitted, or that went away."""

    page = "boards.md#ports"


class NoAnswerError(LinkError):
    """Port from which nothing comes, or only garbage."""


class WrongBitstreamError(LinkError):
    """Board of another kind, with another network, or with another version of the protocol."""
