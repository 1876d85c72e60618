"""Reference models, simulation and verification of xnorloom networks.

The names below are imported on first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .board.simulated import SimulatedBoard
    from .golden import Golden, evaluate, evaluate_packed
    from .harness import ProtocolError, SimulationError, Stall
    from .simulation import Comparison, Simulation, Simulator, compare, simulate
    from .verification import SourceModel, Verification, verify

__all__ = [
    "Comparison",
    "Golden",
    "ProtocolError",
    "SimulatedBoard",
    "Simulation",
    "SimulationError",
    "Simulator",
    "SourceModel",
    "Stall",
    "Verification",
    "compare",
    "evaluate",
    "evaluate_packed",
    "simulate",
    "verify",
]

_MODULES = {
    ".board.simulated": ("SimulatedBoard",),
    ".golden": ("Golden", "evaluate", "evaluate_packed"),
    ".harness": ("ProtocolError", "SimulationError", "Stall"),
    ".simulation": ("Comparison", "Simulation", "Simulator", "compare", "simulate"),
    ".verification": ("SourceModel", "Verification", "verify"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULE_OF[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
