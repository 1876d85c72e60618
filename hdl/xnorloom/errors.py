"""Errors that a user can cause; the command line prints them as one line and exits with 2.

Wrong arguments to constructors and functions raise the builtin ``TypeError`` and ``ValueError``.
"""

__all__ = ["XnorloomError", "ModelFileError", "SourceError", "ScheduleError", "ToolError",
           "DataError", "first_line"]


class XnorloomError(Exception):
    """Base of every error of this project; the message is one line for a person."""


class ModelFileError(XnorloomError):
    """A model file that is missing, foreign, truncated, altered or of another version."""


class SourceError(XnorloomError):
    """A source model that cannot be read, or whose arithmetic no integer graph equals."""


class ScheduleError(XnorloomError):
    """A schedule that does not fit its graph, or an interval that cannot be reached."""


class ToolError(XnorloomError):
    """An outside program (Yosys, Verilator, a C++ compiler) that is missing or failed."""


class DataError(XnorloomError):
    """A data set that cannot be had, or a data file that is not what it must be."""


# Of a foreign error's message: some quote the whole file they are about.
_LONGEST = 200


def first_line(error: BaseException) -> str:
    """The first line of an error's message, not too long, or its type where it has none."""
    lines = str(error).strip().splitlines()
    line = lines[0] if lines else type(error).__name__
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."
