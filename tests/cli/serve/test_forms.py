"""Forms of inputs, and inputs that have none."""

import numpy as np
import pytest

from xnorloom.errors import XnorloomError
from xnorloom.graph import Graph, Input, Score
from xnorloom_cli.serve.forms import Form, check_input, form, form_map


@pytest.mark.parametrize("shape, wanted, cells", [
    ((28, 28), Form.GREY, (28, 28, 1)),
    ((8, 7, 1), Form.GREY, (8, 7, 1)),
    ((2, 512), Form.GREY, (2, 512, 1)),
    ((32, 32, 3), Form.COLOUR, (32, 32, 3)),
    ((784,), Form.GREY, (28, 28, 1)),
    ((783,), Form.VECTOR, (25, 32, 1)),
    ((1024,), Form.VECTOR, (32, 32, 1)),
    ((1,), Form.VECTOR, (1, 1, 1)),
    ((33,), Form.VECTOR, (3, 16, 1)),
    ((1, 28), Form.VECTOR, (4, 8, 1)),
    ((4, 4, 2), Form.VECTOR, (4, 8, 1)),
    ((2, 2, 2, 2), Form.VECTOR, (2, 8, 1)),
    ((256,), Form.VECTOR, (16, 16, 1)),
    ((5,), Form.VECTOR, (1, 5, 1)),
    ((1025,), Form.NONE, (1, 1, 1025)),
    ((32, 32, 4), Form.NONE, (32, 32, 4)),
    ((2, 513), Form.NONE, (2, 513, 1)),
], ids=str)
def test_form(shape, wanted, cells):
    input = Input(shape)
    assert form(input) is wanted
    assert form_map(input) == cells
    # Every element has a cell.
    assert form_map(input).size >= input.size


def graph(shape, bits):
    size = int(np.prod(shape))
    return Graph("net", Input(shape, bits), (Score("score", np.ones((2, size), int), [0, 1]),))


@pytest.mark.parametrize("shape, bits, has_data, message", [
    ((4,), 9, True, "^model 'net' cannot be served: its inputs have 9 bits, and pixels 8$"),
    ((32, 32, 4), 1, False,
     "^model 'net' needs --data: the page cannot draw inputs of shape 32 x 32 x 4$"),
])
def test_check_wrong(shape, bits, has_data, message):
    with pytest.raises(XnorloomError, match=message):
        check_input(graph(shape, bits), has_data)


def test_check():
    check_input(graph((32, 32, 4), 1), True)
    check_input(graph((4,), 8), False)
