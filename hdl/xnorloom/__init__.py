"""xnorloom: trained binarized neural networks become FPGA gateware.

The names of this page are the whole public face; each is imported when it is first used.

Models: :func:`load`, :func:`import_model`; :class:`Graph` of :class:`Input`, :class:`Dense` and
:class:`Score`. Schedules: :class:`Schedule` of :class:`Fold`, :func:`automatic_schedule`,
:func:`fit_schedule`. Gateware: :class:`Network`, :func:`write_verilog`. Errors:
:mod:`xnorloom.errors`.
"""

from importlib import import_module as _import_module
from importlib.metadata import PackageNotFoundError as _PackageNotFoundError
from importlib.metadata import version as _version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import errors
    from .export.verilog import write as write_verilog
    from .folding.automatic import automatic as automatic_schedule
    from .folding.fit import fit as fit_schedule
    from .gateware.network import Network
    from .graph import Dense, Graph, Input, Score
    from .loading import import_model, load
    from .schedule import Fold, Schedule

__all__ = ["Dense", "Fold", "Graph", "Input", "Network", "Schedule", "Score", "__version__",
           "automatic_schedule", "errors", "fit_schedule", "import_model", "load",
           "write_verilog"]

try:
    __version__ = _version("xnorloom")
except _PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+unknown"

# Module of each name, and its name there.
_PLACES = {
    "Dense": (".graph", "Dense"), "Graph": (".graph", "Graph"), "Input": (".graph", "Input"),
    "Score": (".graph", "Score"), "Fold": (".schedule", "Fold"),
    "Schedule": (".schedule", "Schedule"), "Network": (".gateware.network", "Network"),
    "automatic_schedule": (".folding.automatic", "automatic"),
    "fit_schedule": (".folding.fit", "fit"), "import_model": (".loading", "import_model"),
    "load": (".loading", "load"), "write_verilog": (".export.verilog", "write"),
}


def __getattr__(name: str) -> object:
    # Amaranth and numpy take half a second to import, which `xnorloom --help` must not.
    if name == "errors":
        return _import_module(".errors", __name__)
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _PLACES[name]
    value = getattr(_import_module(module, __name__), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
