"""Forms of the page in which a person makes an input."""

from enum import StrEnum

from xnorloom.errors import XnorloomError
from xnorloom.graph import Graph, Input, Map
from xnorloom.graph.input import PIXEL_BITS
from xnorloom.graph.maps import input_map
from xnorloom.support.text import quoted

__all__ = ["Form", "check_input", "form", "form_map"]

# Cells of a side of a drawing, and elements of a vector: more are no use to a person.
_SIDE, _CELLS = 512, 1024
# Cells in a row of a vector, and the cells for which these are enough.
_ROWS = {8: 32, 16: 256, 32: _CELLS}
# Vectors of this size are images: files of other tools often lose the shape of MNIST.
_IMAGE = Map(28, 28, 1)


class Form(StrEnum):
    """Form in which a person makes an input."""

    GREY = "grey"
    """Drawing of one channel; a picture is taken as its brightness."""
    COLOUR = "colour"
    """Drawing of red, green and blue."""
    VECTOR = "vector"
    """Cells that are switched one by one."""
    NONE = "none"
    """Only images of a data set."""


def form(input: Input) -> Form:
    """Return the form that fits ``input``."""
    map = _map(input)
    if 1 < min(map.rows, map.columns) and max(map.rows, map.columns) <= _SIDE:
        found = {1: Form.GREY, 3: Form.COLOUR}.get(map.channels)
        if found is not None:
            return found
    return Form.VECTOR if input.pixel_count <= _CELLS else Form.NONE


def form_map(input: Input) -> Map:
    """Return the cells of the form: the map of the pixels of ``input``, or the rows of a vector."""
    if form(input) is not Form.VECTOR:
        return _map(input)
    size = input.pixel_count
    row = next(row for row, most in _ROWS.items() if size <= most)
    columns = min(size, row)
    return Map(-(-size // columns), columns, 1)


def _map(input: Input) -> Map:
    shape = input.pixel_shape
    return _IMAGE if shape == (_IMAGE.size,) else input_map(Input(shape))


def check_input(graph: Graph, has_data: bool) -> None:
    """Raise :class:`XnorloomError` if the page has no way to make an input of ``graph``."""
    input, shape = graph.input, " x ".join(map(str, graph.input.pixel_shape))
    if input.bits > PIXEL_BITS:
        raise XnorloomError(f"model {quoted(graph.name)} cannot be served: its inputs have "
                            f"{input.bits} bits, and pixels {PIXEL_BITS}")
    if form(input) is Form.NONE and not has_data:
        raise XnorloomError(f"model {quoted(graph.name)} needs --data: the page cannot draw "
                            f"inputs of shape {shape}")
