"""Programming of a board: a checked bitstream goes through openFPGALoader into flash or SRAM."""

import json
import os
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from xnorloom.errors import ToolError, XnorloomError
from xnorloom.support.files import read_regular
from xnorloom.support.process import Jobs, Tool
from xnorloom.support.text import clipped, printable
from xnorloom.target.family import Family

from ..board import Board
from .tools import find_programmer

__all__ = ["check_bitstream", "program"]

# Synchronisation words. ECP5 bitstreams may have a comment before theirs.
_PREAMBLES = {Family.ICE40: bytes.fromhex("7eaa997e"),
              Family.ECP5: bytes.fromhex("ffffbdb3")}
_HEAD = 1024
# Bytes of a file; bitstreams of the largest chips have 2 MB.
_LARGEST = 1 << 26
# Failures in the output of openFPGALoader: a step ends in FAIL, Fail or Error, a bar is followed by
# a line Fail, other lines begin with Error. For an iCE40 the exit status is 0 all the same (its
# ice40.cpp, spiFlash.cpp, ftdispi.cpp and progressBar.cpp).
_FAILED = re.compile(r"(?:^|\s)(?:FAIL|Fail)$|: Error$|^Error: |^flash overflow$"
                     r"|^Verification failed at |^Failed to ")
_BAR = re.compile(r": \[[= ]*\].*")


def program(board: Board, path: str | os.PathLike[str], *, volatile: bool = False,
            programmer: Tool | None = None, note: Callable[[str], None] = lambda line: None
            ) -> Tool:
    """Write the bitstream ``path`` into ``board``.

    Parameters
    ----------
    board : Board
        The board, connected by USB.
    path : path
        Bitstream.
    volatile : bool
        True to configure the chip until power goes, instead of writing the flash.
    programmer : Tool
        openFPGALoader, if it was found before.
    note : callable
        Called with the command and each line of its output.

    Returns
    -------
    Tool
        The programmer.

    Raises
    ------
    XnorloomError
        If the file is no bitstream for the board.
    ToolError
        If openFPGALoader is missing, fails, or reports a failure.
    """
    path = Path(path)
    check_bitstream(path, board)
    programmer = programmer or find_programmer()
    command = [*board.programmer, *([] if volatile else ["-f"]), path.name]
    note(printable(f"{programmer.name} {' '.join(command)}"))
    with Jobs() as jobs:
        done = jobs.run(programmer, command, cwd=path.resolve().parent,
                        watch=lambda line: note(clipped(line)))
    failure = _failure(done.output)
    if done.status:
        raise ToolError(f"{programmer.name} cannot write to board {board.name}: "
                        f"{clipped(failure or done.reason)}; is it connected, and may you use its "
                        f"USB port?")
    if failure is not None:
        advice = f"; {board.volatile_note}" if volatile and board.volatile_note else ""
        raise ToolError(f"{programmer.name} reports a failure at board {board.name}: "
                        f"{clipped(failure)}{advice}")
    return programmer


def check_bitstream(path: Path, board: Board) -> None:
    """Check that ``path`` is a bitstream for the chip of ``board``.

    A ``build.json`` in the same directory must not name another board for it.

    Raises
    ------
    XnorloomError
        If it is not.
    """
    where = printable(path)
    try:
        data = read_regular(path, _LARGEST)
    except OSError as error:
        raise XnorloomError(f"bitstream {where} cannot be read: "
                            f"{printable(error.strerror or error)}") from error
    head, wanted = data[:_HEAD], board.device.family
    family = next((name for name, word in _PREAMBLES.items() if word in head), None)
    if family is None:
        raise XnorloomError(f"file {where} is not a bitstream")
    if family != wanted:
        raise XnorloomError(f"bitstream {where} is for a chip of the family {family}, but board "
                            f"{board.name} has one of {wanted}")
    built = _built_for(path, sha256(data).hexdigest())
    if built is not None and built != board.name:
        raise XnorloomError(f"bitstream {where} was built for board "
                            f"{clipped(built)}, not {board.name}")


def _built_for(path: Path, digest: str) -> str | None:
    """Board in the ``build.json`` beside a bitstream; ``None`` if it lists another bitstream."""
    try:
        values = json.loads(read_regular(path.parent / "build.json", _LARGEST))
        if values["digests"]["bitstream"] == digest:
            return str(values["board"]["name"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        # Bitstreams from elsewhere have no such file.
        return None
    return None


def _failure(output: str) -> str | None:
    """First line of openFPGALoader's output that reports a failure."""
    before = ""
    for line in filter(None, map(str.strip, output.splitlines())):
        if _FAILED.search(line):
            return f"{_BAR.sub(':', before)} {line}" if line == "Fail" and before else line
        before = line
    return None
