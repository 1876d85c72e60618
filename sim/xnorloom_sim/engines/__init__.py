"""Simulation engines: functions from a :class:`.api.Job` to its :class:`.api.Trace`."""

from collections.abc import Callable

from . import amaranth
from .api import Job, Trace
from .verilator import engine

__all__ = ["ENGINES"]

ENGINES: dict[str, Callable[[Job], Trace]] = {
    "amaranth": amaranth.simulate,
    "compiled": engine.simulate,
}
