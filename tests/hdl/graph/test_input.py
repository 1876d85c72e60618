"""Inputs: pixel thresholds and preprocessing, their canonical form, and what is refused."""

import copy
import dataclasses

import numpy as np
import pytest

from xnorloom.graph import Graph, Input, Score

STEPS = [[10, 20, 20], [0, 128, 256], [5, 5, 5], [1, 2, 3], [0, 0, 0], [256, 256, 256]]


def graph_of(*arguments, **others):
    frame = Input(*arguments, **others)
    return Graph("g", frame, (Score("s", np.ones((2, frame.size), int), [0, 1]),))


# Canonical form


def test_nothing_by_default():
    assert Input((3,)).pixel_thresholds is None
    assert Input((3,)).preprocessing is None


def test_cuts():
    frame = Input((2, 3), 2, STEPS, "u8/255")
    assert frame.pixel_thresholds.tolist() == STEPS
    assert frame.pixel_thresholds.dtype == np.uint16
    assert frame.preprocessing == "u8/255"


def test_one_row_for_all_elements():
    assert Input((2, 3), 2, STEPS[:1]).pixel_thresholds.tolist() == STEPS[:1]
    # For one element, both shapes are the same.
    assert Input((1,), 2, STEPS[:1]).pixel_thresholds.tolist() == STEPS[:1]


def test_equal_rows_become_one():
    assert Input((2, 3), 2, STEPS[:1] * 6).pixel_thresholds.tolist() == STEPS[:1]
    assert Input((2, 3), 2, STEPS[:1] * 5 + STEPS[1:2]).pixel_thresholds.shape == (6, 3)


@pytest.mark.parametrize("bits", range(1, 9))
def test_cuts_of_the_top_bits_become_none(bits):
    top = [code * 256 // 2**bits for code in range(1, 2**bits)]
    assert Input((2, 2), bits, [top]).pixel_thresholds is None
    assert Input((2, 2), bits, [top] * 4).pixel_thresholds is None
    other = [[*top[:-1], top[-1] + 1]]
    assert Input((2, 2), bits, other).pixel_thresholds.tolist() == other
    # One such element among others.
    assert Input((2, 2), bits, [top] * 3 + other).pixel_thresholds.tolist() == [top] * 3 + other


def test_cuts_are_copies_that_cannot_be_written():
    thresholds = np.array(STEPS)
    frame = Input((6,), 2, thresholds)
    thresholds[:] = 0
    assert frame.pixel_thresholds.tolist() == STEPS
    for constant in (frame, copy.copy(frame), copy.deepcopy(frame), copy.deepcopy(graph_of(
            (6,), 2, STEPS)).input, dataclasses.replace(frame, preprocessing="u8")):
        assert constant == frame
        with pytest.raises(ValueError, match=r"^assignment destination is read-only$"):
            constant.pixel_thresholds[0] = 0


def test_copies_keep_the_meaning():
    frame = Input((6,), 2, STEPS, "bits")
    assert copy.deepcopy(frame).preprocessing == copy.copy(graph_of(
        (6,), 2, STEPS, "bits")).input.preprocessing == "bits"


# Equality and digest


def test_equal():
    assert Input((6,), 2, STEPS) == Input((6,), 2, np.array(STEPS, np.uint16))
    assert hash(Input((6,), 2, STEPS)) == hash(Input((6,), 2, STEPS))
    # No result depends on the preprocessing.
    assert Input((6,), 2, STEPS, "u8") == Input((6,), 2, STEPS, "u8/255")
    assert hash(Input((6,), 2, STEPS, "u8")) == hash(Input((6,), 2, STEPS))
    assert Input((3,)) != "input"


DIFFERENT = {
    "none": Input((6,), 2),
    "shape": Input((2, 3), 2, STEPS),
    "bits": Input((6,), 3),
    "one row": Input((6,), 2, STEPS[:1]),
    "another row": Input((6,), 2, STEPS[1:2]),
    "one threshold": Input((6,), 2, [*STEPS[:5], [255, 256, 256]]),
    "order": Input((6,), 2, STEPS[::-1]),
}


@pytest.mark.parametrize("other", DIFFERENT.values(), ids=DIFFERENT)
def test_different(other):
    assert Input((6,), 2, STEPS) != other
    assert graph_of((6,), 2, STEPS) != Graph("g", other, graph_of((6,)).layers)


def test_digest():
    plain = graph_of((6,), 2)
    assert graph_of((6,), 2, None, "u8/255").digest == plain.digest
    assert graph_of((6,), 2, [[64, 128, 192]] * 6).digest == plain.digest
    graphs = [plain, *(graph_of((6,), 2, thresholds)
                       for thresholds in (STEPS, STEPS[::-1], STEPS[:1]))]
    assert len({graph.digest for graph in graphs}) == 4


def test_digest_is_pinned():
    # Stored in model files, see test_graph.py.
    digest = "1f162ca5fbf91d83141061aa041e41255bfbfa5a4bd8007f4b034d1cc22fd846"
    assert graph_of((6,), 2, STEPS).digest == digest


# Refused arguments

WRONG = {
    "thresholds floats": (
        dict(pixel_thresholds=[[0.5, 1.0, 2.0]]), TypeError,
        r"^Input pixel thresholds must be integers, not an array of float64$"),
    "thresholds bools": (
        dict(bits=1, pixel_thresholds=[[True]]), TypeError,
        r"^Input pixel thresholds must be integers, not an array of bool$"),
    "thresholds ragged": (
        dict(pixel_thresholds=[[1, 2, 3], [1]]), ValueError,
        r"^Input pixel thresholds must be integers, in rows of one length$"),
    "thresholds flat": (
        dict(pixel_thresholds=[1, 2, 3]), ValueError,
        r"^Input pixel thresholds must have the shape \(1, 3\) or \(6, 3\), not \(3,\)$"),
    "thresholds of other bits": (
        dict(pixel_thresholds=[[1]]), ValueError,
        r"^Input pixel thresholds must have the shape \(1, 3\) or \(6, 3\), not \(1, 1\)$"),
    "thresholds of some elements": (
        dict(pixel_thresholds=STEPS[:2]), ValueError,
        r"^Input pixel thresholds must have the shape \(1, 3\) or \(6, 3\), not \(2, 3\)$"),
    "thresholds of more than the element": (
        dict(shape=(1,), pixel_thresholds=STEPS[:2]), ValueError,
        r"^Input pixel thresholds must have the shape \(1, 3\), not \(2, 3\)$"),
    "thresholds none": (
        dict(pixel_thresholds=np.zeros((0, 3))), ValueError,
        r"^Input pixel thresholds must have the shape \(1, 3\) or \(6, 3\), not \(0, 3\)$"),
    "threshold negative": (
        dict(pixel_thresholds=[[-1, 2, 3]]), ValueError,
        r"^Input pixel thresholds must be in 0 to 256, not -1$"),
    "threshold too large": (
        dict(pixel_thresholds=[[0, 256, 257]]), ValueError,
        r"^Input pixel thresholds must be in 0 to 256, not 257$"),
    "threshold huge": (
        dict(pixel_thresholds=np.array([[0, 1, 2**64 - 1]], np.uint64)), ValueError,
        r"^Input pixel thresholds must be in 0 to 256, not 18446744073709551615$"),
    "thresholds fall": (
        dict(pixel_thresholds=[*STEPS[:4], [1, 2, 1], [3, 2, 1]]), ValueError,
        r"^Input pixel thresholds must not decrease along a row, but those of row 4 do$"),
    "unsigned cuts fall": (
        dict(pixel_thresholds=np.array([[2, 1, 3]], np.uint8)), ValueError,
        r"^Input pixel thresholds must not decrease along a row, but those of row 0 do$"),
    "bits 9": (
        dict(bits=9, pixel_thresholds=[[0] * 511]), ValueError,
        r"^Input pixel thresholds must be None for elements of more than 8 bits, not of 9$"),
    "preprocessing a number": (
        dict(preprocessing=255), TypeError, r"^Input preprocessing must be a string, not 255$"),
    "preprocessing empty": (
        dict(preprocessing=""), ValueError,
        r"^Input preprocessing must be a printable string that is not empty, not ''$"),
    "preprocessing of two lines": (
        dict(preprocessing="u8\n"), ValueError,
        r"^Input preprocessing must be a printable string that is not empty, not 'u8\\n'$"),
}


@pytest.mark.parametrize("changes, error, message", WRONG.values(), ids=WRONG)
def test_wrong(changes, error, message):
    with pytest.raises(error, match=message):
        Input(**{"shape": (2, 3), "bits": 2, **changes})


@pytest.mark.parametrize("frame, text", [
    (Input((28, 28)), "Input((28, 28), 1 bit)"),
    (Input((784,), 8, preprocessing="u8/255"), "Input((784,), 8 bits, 'u8/255')"),
    (Input((6,), 2, STEPS), "Input((6,), 2 bits, pixel thresholds 6 x 3)")])
def test_repr(frame, text):
    assert repr(frame) == text
