"""xnorloom: trained binarized neural networks become FPGA gateware.

The names of this page are the whole public face; each is imported when it is first used.

Models: :func:`~xnorloom.loading.load`, :func:`~xnorloom.loading.import_model`; :class:`Graph` of
:class:`Input`, :class:`Conv` with its :class:`Window` and :class:`Pool`, :class:`Dense` and
:class:`Score`. Schedules: :class:`Schedule` of :class:`Fold`,
:func:`automatic_schedule <xnorloom.folding.automatic.automatic>`,
:func:`fit_schedule <xnorloom.folding.fit.fit>`. Gateware: :class:`Network`,
:func:`write_verilog <xnorloom.export.verilog.write>`. Errors: :mod:`xnorloom.errors`.
"""

# Ctrl-C during what is imported here shows a traceback: `python -m xnorloom` imports it before the
# module that handles Ctrl-C. So it is little, not even `typing`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    __version__: str

    from . import errors
    from .export.verilog import write as write_verilog
    from .folding.automatic import automatic as automatic_schedule
    from .folding.fit import fit as fit_schedule
    from .gateware.network import Network
    from .graph import Conv, Dense, Graph, Input, Pool, Score, Window
    from .loading import import_model, load
    from .schedule import Fold, Schedule

__all__ = ["Conv", "Dense", "Fold", "Graph", "Input", "Network", "Pool", "Schedule", "Score",
           "Window", "__version__", "automatic_schedule", "errors", "fit_schedule",
           "import_model", "load", "write_verilog"]

# Module of each name, and its name there.
_PLACES = {
    "Conv": (".graph", "Conv"), "Pool": (".graph", "Pool"), "Window": (".graph", "Window"),
    "Dense": (".graph", "Dense"), "Graph": (".graph", "Graph"), "Input": (".graph", "Input"),
    "Score": (".graph", "Score"), "Fold": (".schedule", "Fold"),
    "Schedule": (".schedule", "Schedule"), "Network": (".gateware.network", "Network"),
    "automatic_schedule": (".folding.automatic", "automatic"),
    "fit_schedule": (".folding.fit", "fit"), "import_model": (".loading", "import_model"),
    "load": (".loading", "load"), "write_verilog": (".export.verilog", "write"),
}


def __getattr__(name: str) -> object:
    # Amaranth and numpy take half a second to import, which `xnorloom --help` must not.
    from importlib import import_module

    if name == "errors":
        return import_module(".errors", __name__)
    if name == "__version__":
        value = _version()
    elif name in _PLACES:
        module, attribute = _PLACES[name]
        value = getattr(import_module(module, __name__), attribute)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("xnorloom")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0+unknown"


def __dir__() -> list[str]:
    return __all__
