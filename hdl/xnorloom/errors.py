"""Errors that users can cause. The command line prints them as one line and exits with status 2.

Wrong arguments of constructors and functions raise the builtin ``TypeError`` and ``ValueError``.
"""

__all__ = ["XnorloomError", "ModelFileError", "SourceError", "ScheduleError", "ToolError",
           "MissingToolError", "DataError"]


class XnorloomError(Exception):
    """Base class of the errors of this project; the message is one line.

    Attributes
    ----------
    page : str
        Page of the documentation about errors of the class, under ``docs``, with its section; empty
        if there is none. The command line names it after the message.
    """

    page = ""


class ModelFileError(XnorloomError):
    """Model file is missing, foreign, truncated, altered or of another version."""

    page = "formats.md#model-file-bnn"


class SourceError(XnorloomError):
    """Source model cannot be read, or no integer graph equals its arithmetic."""

    page = "import/README.md"


class ScheduleError(XnorloomError):
    """Schedule does not fit its graph, or an interval cannot be reached."""

    page = "schedule.md"


class ToolError(XnorloomError):
    """External program (Yosys, Verilator, a C++ compiler) is missing or failed."""


class MissingToolError(ToolError):
    """External program or package is not installed."""


class DataError(XnorloomError):
    """Data set is unavailable, or a data file is invalid."""

    page = "command-line.md#images"
