"""Last step of the demo: a bitstream, if the tools for it are installed."""

import shutil
from pathlib import Path
from typing import Any

from xnorloom.errors import ToolError
from xnorloom.graph import Graph

from ...console import Console

__all__ = ["BOARD", "bitstream"]

BOARD = "icebreaker"
# Far below the limits of the chip, so that place and route takes a minute.
INTERVAL = 1568


def bitstream(graph: Graph, staging: Path, console: Console) -> dict[str, Any] | None:
    """Build ``graph`` for :data:`BOARD` into ``staging``: the bitstream and its reports.

    Returns the values of ``build.json`` with the names of the files. If a tool is missing, says so
    and returns ``None``.
    """
    from xnorloom.support.scratch import scratch_directory
    from xnorloom_boards import board, build
    from xnorloom_boards.flow import tools
    from xnorloom_boards.report.values import build_text

    chosen = board.find(BOARD)
    try:
        # A build needs these; asking first keeps a missing tool from failing the demo.
        chosen.platform()
        tools.find_all(chosen.device.family)
    except (board.BoardError, ToolError) as error:
        console.say(f"Left out: {error}")
        return None
    with scratch_directory() as directory:
        made = build.build(graph, chosen, directory=directory, interval=INTERVAL,
                           progress=lambda text: console.note(f"{text} ..."))
        names = [made.files[0].name, "build.json", "report.html"]
        for name in names:
            shutil.copyfile(directory / name, staging / name)
    console.say(build_text(made.values))
    return {**made.values, "files": names}
