"""Sizes of frames and results that the serial link can carry."""

from bisect import bisect_left
from collections.abc import Sequence

from xnorloom.folding.at_once import tried
from xnorloom.graph import Conv, Graph
from xnorloom.schedule import Plan
from xnorloom.schedule.fold import MOST_VECTORS
from xnorloom.schedule.plan import packed_words
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
    least = _words(graph, _widths(graph)[-1])
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
    # The words become fewer with their width.
    widths = _widths(graph)
    enough = widths[bisect_left(widths, -MOST_WORDS, key=lambda width: -_words(graph, width))]
    raise BuildError(f"{_frames(graph, plan.words)}; take a schedule with an input_width of at "
                     f"least {enough}, not {width}")


def _widths(graph: Graph) -> Sequence[int]:
    """Return the widths that input words can have, ascending."""
    if not graph.by_pixel:
        return range(1, graph.input.size + 1)
    channels, first = graph.maps[0].channels, graph.layers[0]
    assert isinstance(first, Conv)
    # Words of several pixels are those of as many outputs at once.
    several = [vectors * first.window.stride[1] * channels
               for vectors in tried(graph, MOST_VECTORS)[1:]]
    return [*range(1, channels + 1), *several]


def _words(graph: Graph, width: int) -> int:
    """Return the input words of a frame."""
    return graph.input.bits * packed_words(graph, width)


def _frames(graph: Graph, words: int) -> str:
    shape = "x".join(map(str, graph.input.shape))
    return (f"network {quoted(graph.name)} takes {words:,} words for a frame of {shape} elements "
            f"of {count(graph.input.bits, 'bit')}, but the serial link takes at most "
            f"{MOST_WORDS:,}")
