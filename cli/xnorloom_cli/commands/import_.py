"""``xnorloom import``: a model from another tool becomes a model file."""

from argparse import Namespace
from pathlib import Path

from xnorloom.errors import XnorloomError
from xnorloom.frontend import file_suffixes

from ..console import Console
from ..inputs import load
from ..tables.imported import import_text, import_values

__all__ = ["run"]


def run(arguments: Namespace, console: Console) -> int:
    """Import a model; returns the exit status."""
    if Path(arguments.output).suffix.lower() in file_suffixes():
        raise XnorloomError(f"argument --output: must name a model file, such as "
                            f"{Path(arguments.output).stem}.bnn, not {arguments.output!r}")
    loaded = load(arguments, console)
    if loaded.lowered is None:
        raise XnorloomError(f"{arguments.model} must be a model from another tool, but is a model "
                            f"file already")
    loaded.graph.save(arguments.output)
    values = {**import_values(loaded.lowered), "file": arguments.output}
    console.result(values, f"\n{import_text(loaded.lowered)}\n\nwrote {arguments.output}")
    return 0
