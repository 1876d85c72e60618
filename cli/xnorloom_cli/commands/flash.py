"""``xnorloom flash``: a bitstream into the flash of a board."""

import json
import re
from argparse import Namespace
from hashlib import sha256
from pathlib import Path

from xnorloom.errors import ToolError, XnorloomError

from ..console import Console

__all__ = ["run"]

# How a bitstream begins: perhaps with a comment, then with what wakes up the chip.
_PREAMBLES = {"ice40": bytes.fromhex("7eaa997e"), "ecp5": bytes.fromhex("ffffbdb3")}
_HEAD = 1024
# How openFPGALoader says that a step failed: what was done ends in FAIL, Fail or Error, a bar has
# Fail in the next line, and other lines begin with Error. For an iCE40 it ends with status 0 even
# so (its ice40.cpp, spiFlash.cpp, ftdispi.cpp and progressBar.cpp).
_FAILED = re.compile(r"(?:^|\s)(?:FAIL|Fail)$|: Error$|^Error: |^flash overflow$"
                     r"|^Verification failed at |^Failed to ")
_BAR = re.compile(r": \[[= ]*\].*")


def run(arguments: Namespace, console: Console) -> int:
    """Flash a bitstream; returns the exit status."""
    from xnorloom_boards import board
    from xnorloom_boards.flow import tools

    chosen = board.find(arguments.board)
    path = Path(arguments.bitstream)
    _check(path, chosen.name, chosen.device.family)
    loader = tools.loader()
    mode = [] if arguments.volatile else ["-f"]
    command = [*chosen.loader, *mode, path.name]
    notes = [chosen.note, chosen.volatile_note if arguments.volatile else ""]
    for note in filter(None, notes):
        console.say(f"Board: {note}")
    console.note(f"{loader.name} {' '.join(command)}")
    with tools.Jobs() as jobs:
        done = jobs.run(loader, command, cwd=path.resolve().parent, watch=console.note)
    failed = _failed(done.output)
    if done.status:
        raise ToolError(f"{loader.name} cannot write to board {chosen.name}: "
                        f"{failed or tools.reason(done)}; is it connected, and may you use its USB "
                        f"port?")
    if failed is not None:
        advice = f"; {chosen.volatile_note}" if arguments.volatile and chosen.volatile_note else ""
        raise ToolError(f"{loader.name} reports a failure at board {chosen.name}: {failed}{advice}")
    where = "configuration" if arguments.volatile else "flash"
    console.result({"board": chosen.name, "bitstream": str(path), "bytes": path.stat().st_size,
                    "volatile": arguments.volatile, "loader": loader.version},
                   f"wrote {path} into the {where} of {chosen.title}\n\n"
                   f"Next: xnorloom run MODEL --board {chosen.name} --port PORT "
                   f"--data mnist:bundled")
    return 0


def _failed(output: str) -> str | None:
    """The first line of openFPGALoader's output that tells of a failure, if any does."""
    before = ""
    for line in filter(None, map(str.strip, output.splitlines())):
        if _FAILED.search(line):
            return f"{_BAR.sub(':', before)} {line}" if line == "Fail" and before else line
        before = line
    return None


def _check(path: Path, board: str, family: str) -> None:
    """Raise unless ``path`` is a bitstream for the family, and not one built for another board."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise XnorloomError(f"bitstream {path} cannot be read: "
                            f"{error.strerror or error}") from error
    for other, preamble in _PREAMBLES.items():
        if preamble in data[:_HEAD]:
            if other != family:
                raise XnorloomError(f"bitstream {path} is for a chip of the family {other}, but "
                                    f"board {board} has one of {family}")
            break
    else:
        raise XnorloomError(f"file {path} is not a bitstream")
    built = _built_for(path, sha256(data).hexdigest())
    if built is not None and built != board:
        raise XnorloomError(f"bitstream {path} was built for board {built}, not {board}")


def _built_for(path: Path, digest: str) -> str | None:
    """The board that the ``build.json`` beside a bitstream names, if it is about that one."""
    try:
        values = json.loads((path.parent / "build.json").read_bytes())
        if values["digests"]["bitstream"] == digest:
            return str(values["board"]["name"])
    except (OSError, ValueError, KeyError, TypeError):
        # It is a help and not needed.
        return None
    return None
