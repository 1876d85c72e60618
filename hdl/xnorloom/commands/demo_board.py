"""The last step of ``xnorloom demo``: a bitstream, where the tools for one are installed."""

from pathlib import Path
from typing import Any

from ..errors import ToolError
from ..graph import Graph
from .console import Console

__all__ = ["BOARD", "bitstream"]

BOARD = "icebreaker"
# Far from what the chip can do, so that place and route takes a minute.
INTERVAL = 1568


def bitstream(graph: Graph, out: Path, staging: Path, console: Console) -> dict[str, Any] | None:
    """Build ``graph`` for :data:`BOARD` into ``staging``, which will be ``out``.

    Returns what ``build.json`` says, and the files, or None, after saying so, if a tool is missing.
    """
    from xnorloom_boards import board, build, tools
    from xnorloom_boards.buildreport import build_text

    chosen = board.find(BOARD)
    try:
        chosen.platform()
        tools.find_all(chosen.device.family)
    except (board.BoardError, ToolError) as error:
        console.say(f"Left out: {error}")
        return None
    made = build.build(graph, chosen, directory=staging / BOARD, interval=INTERVAL,
                       progress=lambda text: console.note(f"{text} ..."))
    console.say(build_text(made.values))
    names = [out / BOARD / path.name for path in made.files]
    console.say("\n" + "\n".join(f"wrote {name}" for name in names))
    return {**made.values, "files": [str(name) for name in names]}
