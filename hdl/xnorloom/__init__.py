"""xnorloom: trained binarized neural networks become gateware."""

from importlib.metadata import PackageNotFoundError, version

from .graph import Dense, Graph, Input, Score

__all__ = ["Dense", "Graph", "Input", "Score", "__version__"]

try:
    __version__ = version("xnorloom")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+unknown"
