"""PNG of a frame in a network: input, activations of each layer, scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xnorloom.graph import Conv, Graph, Map
from xnorloom.support.text import clipped, count, printable

from .layout import Grid, grid, mosaic

__all__ = ["Shown", "draw", "panels"]

# Pixels: the picture, its margins, the text over a panel, and the panels at most.
_WIDTH, _MARGIN, _HEADING, _TITLE, _APART = 1180, 30, 30, 72, 22
_TOP, _MOST = 250, 400
_SCORES = 460
_BARS = 20
# Blue and orange are distinct to colour-blind eyes.
_ONE, _ZERO, _PAGE = (33, 102, 172), (222, 229, 237), (255, 255, 255)
_RIGHT, _WRONG, _OTHER, _GREY = "#2166ac", "#d95f02", "#c2cad3", "#57606a"


@dataclass(frozen=True, eq=False)
class Shown:
    """A frame and what the layers of a network make of it.

    Attributes
    ----------
    title : str
        Heading of the picture, which the class completes.
    elements : unsigned int array of shape (size,)
        Elements of the input.
    activations : sequence of uint8 arrays of shape (m,)
        Output of each layer but the last.
    scores : int64 array of shape (classes,)
        Scores.
    read : int
        Class of the frame.
    label : int or None
        Right class, if it is known.
    """

    title: str
    elements: npt.NDArray[np.unsignedinteger]
    activations: Sequence[npt.NDArray[np.uint8]]
    scores: npt.NDArray[np.int64]
    read: int
    label: int | None


@dataclass(frozen=True, eq=False)
class _Panel:
    """Image under a heading.

    Attributes
    ----------
    name, details : str
        Heading: the name of the layer, and more about it.
    grid : Grid
        Its tiles.
    image : uint8 array of shape (height, width, 3)
        Colours.
    """

    name: str
    details: str
    grid: Grid
    image: npt.NDArray[np.uint8]


def panels(graph: Graph, shown: Shown) -> list[_Panel]:
    """Return the panels of a picture: the input, and each layer but the last."""
    found = [_input(graph, shown)]
    for layer, map, values in zip(graph.layers, graph.maps[1:], shown.activations):
        tiles = grid(map, _WIDTH - 2 * _MARGIN, _MOST)
        fired = f"{int(values.sum()):,} of {values.size:,} fire"
        if isinstance(layer, Conv):
            high, wide = layer.window.kernel
            pool = "" if layer.pool is None else f", pool {layer.pool.size[0]}x{layer.pool.size[1]}"
            details = (f"{count(map.channels, 'map')} of {map.rows}x{map.columns}, kernel "
                       f"{high}x{wide}{pool}; {fired}{_left_out(map, tiles)}")
        else:
            details = f"{count(layer.neurons, 'neuron')}; {fired}{_left_out(map, tiles)}"
        colours = np.array([_ZERO, _ONE, _PAGE], np.uint8)
        image = colours[mosaic(values.astype(np.int64).reshape(map), tiles, 2)]
        found.append(_Panel(_short(layer.name), details, tiles, image))
    return found


def _input(graph: Graph, shown: Shown) -> _Panel:
    map, input = graph.maps[0], graph.input
    tiles = grid(map, _WIDTH - 2 * _MARGIN - _SCORES - _APART, _TOP)
    # Dark on light, as on paper; a gap is the largest number of all.
    most = (1 << input.bits) - 1
    values = shown.elements.astype(np.int64).reshape(map)
    shades = 235 - mosaic(values, tiles, -1) * 225 // most
    image = np.where(shades > 235, 255, shades)
    details = (f"{map.rows}x{map.columns}" + (f", {count(map.channels, 'channel')}"
                                              if map.channels > 1 else "")
               if map.pixels > 1 else count(map.size, "element"))
    return _Panel("input", f"{details}, {count(input.bits, 'bit')}{_left_out(map, tiles)}", tiles,
                  np.repeat(image.astype(np.uint8)[..., None], 3, axis=2))


def _left_out(map: Map, tiles: Grid) -> str:
    """Return what the tiles leave out, for a heading."""
    found = "" if tiles.every == 1 else f"; 1 of {tiles.every} rows and columns shown"
    return found + ("" if tiles.channels == map.channels else
                    f"; the first {tiles.channels:,} of {map.channels:,} shown")


def _short(name: str) -> str:
    return printable(clipped(name, 40))


def draw(path: Path, graph: Graph, shown: Shown) -> None:
    """Draw a frame with its activations and scores to the PNG ``path``.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    first, *others = panels(graph, shown)
    classes = min(graph.classes, _BARS)
    top = max(first.grid.height, 22 * classes, 60)
    height = (_TITLE + _HEADING + top + _MARGIN
              + sum(_HEADING + _APART + panel.grid.height for panel in others))
    figure = Figure(figsize=(_WIDTH / 100, height / 100), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)

    def text(x: int, y: int, words: str, size: float, **style) -> int:
        """Write ``words`` and return the pixel where they end."""
        made = figure.text(x / _WIDTH, 1 - y / height, words, fontsize=size, ha="left",
                           va="baseline", parse_math=False, **style)
        return int(made.get_window_extent().x1)

    def heading(x: int, y: int, name: str, details: str) -> None:
        end = text(x, y, name, 11, fontweight="bold")
        text(end + 10, y, details, 10, color=_GREY)

    def axes(x: int, y: int, wide: int, high: int):
        return figure.add_axes((x / _WIDTH, 1 - (y + high) / height, wide / _WIDTH, high / height))

    def picture(x: int, y: int, panel: _Panel) -> None:
        heading(x, y + 18, panel.name, panel.details)
        place = axes(x, y + _HEADING, panel.grid.width, panel.grid.height)
        place.imshow(panel.image, interpolation="nearest", aspect="auto")
        place.set_axis_off()

    is_wrong = shown.label not in (None, shown.read)
    said = f": reads {shown.read}" + (f", is {shown.label}" if is_wrong else "")
    end = text(_MARGIN, 34, shown.title, 14, fontweight="bold")
    text(end, 34, said, 14, fontweight="bold",
         color=_WRONG if is_wrong else _RIGHT)
    end = text(_MARGIN, 57, "Activations: ", 10, color=_GREY)
    for colour, words in ((_ONE, "1, the neuron fires"), (_ZERO, "0, it does not")):
        box = axes(end + 6, 47, 11, 11)
        box.set_facecolor("#" + bytes(colour).hex())
        box.set(xticks=[], yticks=[])
        for spine in box.spines.values():
            spine.set_visible(False)
        end = text(end + 23, 57, words, 10, color=_GREY) + 10
    picture(_MARGIN, _TITLE, first)
    left = max(_MARGIN + first.grid.width + 60, 330)
    heading(left, _TITLE + 18, _short(graph.layers[-1].name), _of_scores(graph))
    _bars(axes(left + 40, _TITLE + _HEADING, _SCORES - 110, 22 * classes), shown)
    y = _TITLE + _HEADING + top
    for panel in others:
        picture(_MARGIN, y + _APART, panel)
        y += _HEADING + _APART + panel.grid.height
    # Matplotlib would write its version; without it equal results make equal files.
    figure.savefig(path, format="png", dpi=100, metadata={"Software": None})


def _of_scores(graph: Graph) -> str:
    if graph.classes <= _BARS:
        return "scores of the classes"
    return f"the {_BARS} highest scores of {graph.classes} classes"


def _bars(axes, shown: Shown) -> None:
    """Draw the scores of all classes, or the highest of many."""
    order = np.arange(len(shown.scores))
    if len(order) > _BARS:
        order = np.argsort(-shown.scores, kind="stable")[:_BARS]
    scores, right = shown.scores[order], shown.label in (None, shown.read)
    colours = [(_RIGHT if right else _WRONG) if number == shown.read else _OTHER
               for number in order]
    # The longest bar is what the network reads, with scores below zero too.
    lowest, highest = min(0, int(scores.min())), max(0, int(scores.max()))
    base = lowest - (highest - lowest + 1) / 20 if lowest < 0 else 0
    axes.barh(range(len(order)), scores - base, left=base, height=0.76, color=colours)
    axes.set(yticks=range(len(order)), yticklabels=map(str, order), xticks=[],
             ylim=(len(order) - 0.5, -0.5), xlim=(base, max(highest, base + 1)))
    axes.tick_params(axis="y", length=0, labelsize=10, pad=4)
    for place, (number, name) in enumerate(zip(order, axes.get_yticklabels())):
        if number in (shown.read, shown.label):
            name.set(fontweight="bold", color=colours[place] if number == shown.read else "black")
        axes.annotate(f"{scores[place]:,}", (scores[place], place), (6, 0),
                      textcoords="offset points", va="center", fontsize=9, color=_GREY,
                      annotation_clip=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
