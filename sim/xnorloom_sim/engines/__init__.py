"""The simulation engines: each one a function from a job to its trace."""

from collections.abc import Callable

from . import amaranth
from .api import Job, Trace
from .verilator import engine

__all__ = ["ENGINES"]

ENGINES: dict[str, Callable[[Job], Trace]] = {
    "amaranth": amaranth.simulate,
    "compiled": engine.simulate,
}
