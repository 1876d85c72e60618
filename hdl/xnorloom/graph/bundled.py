"""Trained networks by name: their files, with the SHA-256 sums that the package pins."""

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..errors import ModelFileError
from ..support.files import read_regular
from ..support.text import printable

__all__ = ["VARIABLE", "Pinned", "bundled", "check", "of_graph", "pinned", "places"]

VARIABLE = "XNORLOOM_MODELS"
"""Environment variable that names a folder of trained networks."""

# The folder of an installed package, and that of a source tree.
_PLACES = (Path(__file__).parents[1] / "bundled", Path(__file__).parents[3] / "models")
_LONGEST = 1 << 26  # bytes


@dataclass(frozen=True)
class Pinned:
    """Trained network that the package knows.

    Attributes
    ----------
    name : str
        Name, that of its file without ``.bnn``.
    bytes : int
        Size of the file.
    sha256 : str
        SHA-256 of the file.
    graph : str
        Digest of the graph.
    images : str
        Images that it classifies.
    data : str or None
        Name of the test images for ``--data``; ``None`` if they are no data set of xnorloom.
    frames, correct : int
        Number of test images, and of those classified correctly by the integer graph.
    """

    name: str
    bytes: int
    sha256: str
    graph: str
    images: str
    data: str | None
    frames: int
    correct: int


@cache
def pinned() -> dict[str, Pinned]:
    """Return the known networks by name, in the order of their files."""
    values = json.loads((Path(__file__).parent / "models.json").read_text("utf-8"))
    return {name: Pinned(name, **entry) for name, entry in values["models"].items()}


def of_graph(digest: str) -> Pinned | None:
    """Return the known network whose graph has this digest."""
    return next((entry for entry in pinned().values() if entry.graph == digest), None)


def places() -> list[Path]:
    """Return the folders in which files are searched, the first one first.

    They are that of the variable ``XNORLOOM_MODELS``, ``xnorloom/models`` in the user's data
    folder, and that of the package or the source tree.
    """
    # Importing it takes longer than the rest of this module.
    import platformdirs

    named = os.environ.get(VARIABLE)
    found = [Path(named)] if named else []
    try:
        found.append(platformdirs.user_data_path() / "xnorloom" / "models")
    except RuntimeError:
        # There is no home directory.
        pass
    return found + list(_PLACES)


def bundled() -> dict[str, Path]:
    """Return the files of the known networks by name, such as ``tfc``, as far as they exist."""
    folders, found = places(), {}
    for name in pinned():
        files = (folder / f"{name}.bnn" for folder in folders)
        path = next((path for path in files if path.is_file()), None)
        if path is not None:
            found[name] = path
    return found


def check(name: str, path: Path) -> Path:
    """Compare the file of network ``name`` with the pinned sum; return ``path``.

    Raises
    ------
    ModelFileError
        If it differs.
    OSError
        If it cannot be read.
    """
    found = hashlib.sha256(read_regular(path, _LONGEST)).hexdigest()
    if found != pinned()[name].sha256:
        raise ModelFileError(
            f"{printable(path)} is not the trained network {name}: its SHA-256 is {found}, wanted "
            f"{pinned()[name].sha256}; name the file by its path to use it nevertheless"
        )
    return path
