"""The simulation engines: each one a function from a job to its trace."""

from collections.abc import Callable

from . import amaranth_engine, compiled
from .contract import Job, Trace

__all__ = ["ENGINES"]

ENGINES: dict[str, Callable[[Job], Trace]] = {
    "amaranth": amaranth_engine.simulate,
    "compiled": compiled.simulate,
}
