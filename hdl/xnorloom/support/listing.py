"""The list of a folder's files, by which damage to them is found."""

import hashlib
import json
from pathlib import Path

__all__ = ["NAME", "whole", "write"]

NAME = "manifest.json"


def write(folder: Path) -> None:
    """List all files that are in ``folder`` now, with sizes and SHA-256, in file :data:`NAME`."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): [path.stat().st_size, _digest(path)]
             for path in paths if path != folder / NAME}
    (folder / NAME).write_text(json.dumps(files, indent=1) + "\n", "utf-8")


def whole(folder: Path, product: str) -> bool:
    """Whether all files that ``folder`` lists are as they were, and ``product`` is one of them.

    Other files may have come since. Everything that is listed is read, a gigabyte in a second or
    two: 1 ms for a simulation, 20 ms for a large design that was routed.
    """
    try:
        files = json.loads((folder / NAME).read_bytes())
        if not isinstance(files, dict) or product not in files:
            return False
        wanted = {folder / name: tuple(entry) for name, entry in files.items()}
        # What was cut short is found without reading it.
        return (all(path.stat().st_size == size for path, (size, _) in wanted.items())
                and all(_digest(path) == digest for path, (_, digest) in wanted.items()))
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
