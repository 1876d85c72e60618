"""Errors that a user can cause; the command line prints them as one line and exits with 2.

Wrong arguments to constructors and functions raise the builtin ``TypeError`` and ``ValueError``.
"""

__all__ = ["XnorloomError", "ModelFileError", "ScheduleError", "ToolError"]


class XnorloomError(Exception):
    """Base of every error of this project; the message is one line for a person."""


class ModelFileError(XnorloomError):
    """A model file that is missing, foreign, truncated, altered or of another version."""


class ScheduleError(XnorloomError):
    """A schedule that does not fit its graph, or an interval that cannot be reached."""


class ToolError(XnorloomError):
    """An outside program (Yosys, Verilator, a C++ compiler) that is missing or failed."""
