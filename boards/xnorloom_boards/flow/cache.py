"""Steps of a build under the hash of all that went into them, in the user's cache."""

from collections.abc import Callable, Sequence
from pathlib import Path

from xnorloom.errors import ToolError
from xnorloom.support import artifacts
from xnorloom.support.cache import writable

__all__ = ["step"]

# Raised when a step begins to make something else of the same inputs.
_VERSION = 1


def step(name: str, inputs: Sequence[object], product: str, make: Callable[[Path], None],
         tool: str) -> Path:
    """Folder with file ``product`` and whatever else ``make(folder)`` writes beside it.

    It is made where no folder of the same ``name`` and ``inputs`` is in the cache. It is there
    whole or not at all, however many builds make it at once and wherever they are interrupted.
    One with a file that was damaged is made anew. ``tool`` is the program that writes ``product``,
    as a person knows it. Folders that nobody asked for in 30 days are removed.

    Raises
    ------
    ToolError
        If ``make`` leaves no product.
    OSError
        If the cache cannot be written.
    """
    def checked(folder: Path, log: Path) -> None:
        make(folder)
        if not (folder / product).is_file():
            raise ToolError(f"{tool} wrote no {product}")

    folder = writable("xnorloom") / "builds"
    return artifacts.entry(folder / artifacts.key([_VERSION, name, inputs]), product, checked)
