"""``xnorloom models``: the trained networks that have names."""

from argparse import ArgumentParser, Namespace
from typing import Any

from xnorloom.support.text import printable, table

from ..console import Console

__all__ = ["DESCRIPTION", "EXAMPLES", "HELP", "add_arguments", "run"]

HELP = "list the trained models that have names"
DESCRIPTION = (
    "List the models that all commands take by name, with size, accuracy and place. Files are "
    "searched in the folder of the variable XNORLOOM_MODELS, in xnorloom/models of the user's data "
    "folder, and in the package; each must have the SHA-256 that the package pins. Exit status 1 "
    "if one has another."
)
EXAMPLES = ["xnorloom models", "xnorloom models --json"]


def add_arguments(parser: ArgumentParser) -> None:
    """Add no arguments."""


def run(arguments: Namespace, console: Console) -> int:
    """Print the list. Returns 1 if a file is not the pinned one."""
    from xnorloom.errors import ModelFileError
    from xnorloom.graph.bundled import bundled, check, pinned

    files, entries, wrong = bundled(), [], []
    for name, entry in pinned().items():
        path, state = files.get(name), "missing"
        if path is not None:
            try:
                check(name, path)
                state = "sound"
            except (ModelFileError, OSError) as error:
                state = "altered"
                wrong.append(str(error))
        entries.append(
            {
                "name": name,
                "bytes": entry.bytes,
                "images": entry.images,
                "data": entry.data,
                "frames": entry.frames,
                "correct": entry.correct,
                "accuracy": entry.correct / entry.frames,
                "sha256": entry.sha256,
                "digest": entry.graph,
                "state": state,
                "path": None if path is None else str(path),
            }
        )
    console.result(entries, _text(entries))
    for line in wrong:
        console.warn(line)
    return 1 if wrong else 0


def _text(entries: list[dict[str, Any]]) -> str:
    rows = [
        (
            entry["name"],
            entry["bytes"],
            entry["images"],
            f"{100 * entry['accuracy']:.2f} % of {entry['frames']:,}",
            entry["state"],
            printable(entry["path"] or ""),
        )
        for entry in entries
    ]
    return table(rows, ("name", "bytes", "images", "accuracy", "file", "place"))
