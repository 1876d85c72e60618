"""Sizes of frames and results that the serial link can carry."""

from xnorloom.graph import Graph
from xnorloom.schedule import Plan
from xnorloom.support.text import count, quoted

from ..errors import BuildError
from .protocol import MOST_RESULT_BYTES, MOST_WORDS, result_bytes

__all__ = ["check_graph", "check_plan"]


def check_graph(graph: Graph, scores: bool) -> None:
    """Check that some schedule of ``graph`` has frames and results that fit the link.

    Raises
    ------
    BuildError
        If none has. The message says what is wanted, what was found, and what would fit.
    """
    # A word holds a bit plane of a pixel at most, or of a frame.
    parts = graph.maps[0].pixels if graph.by_pixel else 1
    least = graph.input.bits * parts
    if least > MOST_WORDS:
        raise BuildError(f"{_frames(graph, least)}; take an input of fewer pixels or fewer bits")
    size = result_bytes(graph, scores)
    if size > MOST_RESULT_BYTES:
        raise BuildError(
            f"a result of network {quoted(graph.name)} has {size:,} bytes, but the serial link "
            f"takes at most {MOST_RESULT_BYTES}; leave the scores of its "
            f"{count(graph.classes, 'class', 'es')} out")


def check_plan(plan: Plan, scores: bool) -> None:
    """Check that the frames and results of ``plan`` fit the link.

    Raises
    ------
    BuildError
        If they do not. The message says what is wanted, what was found, and what would fit.
    """
    graph, width = plan.graph, plan.schedule.input_width
    check_graph(graph, scores)
    if plan.words <= MOST_WORDS:
        return
    # Elements of a part, and the words of all parts: one word each would fit.
    parts = graph.input.bits * (graph.maps[0].pixels if graph.by_pixel else 1)
    elements = graph.maps[0].channels if graph.by_pixel else graph.input.size
    enough = -(-elements // (MOST_WORDS // parts))
    raise BuildError(f"{_frames(graph, plan.words)}; take a schedule with an input_width of at "
                     f"least {enough}, not {width}")


def _frames(graph: Graph, words: int) -> str:
    shape = "x".join(map(str, graph.input.shape))
    return (f"network {quoted(graph.name)} takes {words:,} words for a frame of {shape} elements "
            f"of {count(graph.input.bits, 'bit')}, but the serial link takes at most "
            f"{MOST_WORDS:,}")
