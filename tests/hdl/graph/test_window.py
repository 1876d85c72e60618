"""Maps, windows and pools: values, copies, and what is refused."""

import copy
import pickle

import numpy as np
import pytest

from xnorloom.graph import Input, Map, Pool, Window, input_map
from xnorloom.graph.window import tap_ranges

COPIES = [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]  # noqa: S301


# Maps


def test_map():
    map = Map(3, 4, 5)
    assert (map.pixels, map.size, str(map)) == (12, 60, "3x4x5")
    assert map == (3, 4, 5) and map._replace(channels=1).size == 12


@pytest.mark.parametrize(("shape", "map"), [
    ((6,), (1, 1, 6)), ((3, 2), (3, 2, 1)), ((3, 2, 4), (3, 2, 4)), ((1, 3, 2, 4), (1, 1, 24))])
def test_input_map(shape, map):
    assert input_map(Input(shape)) == map


# Windows


def test_window():
    window = Window((3, 2), [2, 1], (1, 4), np.array([1, 0, 2, 3]).tolist(), np.array([1, 0]))
    assert (window.extent, window.taps, window.skips) == ((3, 5), 6, False)
    assert window.stride == (2, 1) and window.pad == (1, 0)
    assert window.outputs(5, 7) == (3, 6)
    assert window == Window((3, 2), (2, 1), (1, 4), (1, 0, 2, 3), [1, 0])
    assert hash(window) == hash(Window((3, 2), (2, 1), (1, 4), (1, 0, 2, 3), (1, 0)))
    assert repr(window) == ("Window(kernel=(3, 2), stride=(2, 1), dilation=(1, 4), "
                            "padding=(1, 0, 2, 3), pad=(1, 0))")
    assert all(other(window) == window for other in COPIES)


def test_pad():
    pads = {"padding": (1, 0, 0, 0)}
    assert Window((2, 2), **pads).skips
    assert Window((2, 2), pad=3).pad is None
    assert not Window((2, 2), pad=None).skips
    assert Window((2, 2), pad=np.uint8(3), **pads) == Window((2, 2), pad=[3, 3], **pads)
    assert type(Window((2, 2), pad=np.uint8(3), **pads).pad) is int
    assert Window((2, 2), pad=[3], **pads).pad == (3,)


@pytest.mark.parametrize("rows, columns, outputs", [
    (2, 5, (0, 3)), (1, 1, (-1, -1)), (9, 3, (7, 1))])
def test_outputs_of_small_maps(rows, columns, outputs):
    assert Window((3, 3)).outputs(rows, columns) == outputs


WRONG = {
    "kernel a number": (
        {"kernel": 3}, TypeError, r"^Window kernel must be 2 integers, not 3$"),
    "kernel of three": (
        {"kernel": (1, 2, 3)}, TypeError, r"^Window kernel must be 2 integers, not \(1, 2, 3\)$"),
    "kernel a string": (
        {"kernel": "33"}, TypeError, r"^Window kernel must be 2 integers, not '33'$"),
    "kernel of floats": (
        {"kernel": (3.0, 3)}, TypeError,
        r"^Each number of Window kernel must be an integer, not 3\.0$"),
    "kernel of zero": (
        {"kernel": (0, 3)}, ValueError,
        r"^Each number of Window kernel must be in 1 to 65536, not 0$"),
    "kernel too large": (
        {"kernel": (3, 65537)}, ValueError,
        r"^Each number of Window kernel must be in 1 to 65536, not 65537$"),
    "stride zero": (
        {"stride": (1, 0)}, ValueError,
        r"^Each number of Window stride must be in 1 to 65536, not 0$"),
    "dilation zero": (
        {"dilation": (0, 1)}, ValueError,
        r"^Each number of Window dilation must be in 1 to 65536, not 0$"),
    "dilation a bool": (
        {"dilation": (True, 1)}, TypeError,
        r"^Each number of Window dilation must be an integer, not True$"),
    "padding of two": (
        {"padding": (1, 1)}, TypeError, r"^Window padding must be 4 integers, not \(1, 1\)$"),
    "padding negative": (
        {"padding": (0, -1, 0, 0)}, ValueError,
        r"^Each number of Window padding must be in 0 to 65536, not -1$"),
    "padding as large as the window": (
        {"padding": (0, 0, 0, 5), "dilation": (1, 2)}, ValueError,
        r"^Window padding must be smaller than its window of 3x5, not \(0, 0, 0, 5\)$"),
    "pad a float": (
        {"pad": 0.0}, TypeError, r"^Window pad must be an integer, not 0\.0$"),
    "pad negative": (
        {"pad": -1}, ValueError, r"^Window pad must be at least 0, not -1$"),
    "pads empty": (
        {"pad": []}, ValueError, r"^Window pad must have a code for each channel, not \(\)$"),
    "pads of a bool": (
        {"pad": [0, True]}, TypeError,
        r"^Each code of Window pad must be an integer, not True$"),
    "pads negative": (
        {"pad": np.array([0, -2])}, ValueError,
        r"^Each code of Window pad must be at least 0, not -2$"),
    "pads too many": (
        {"pad": np.zeros(65537, int)}, ValueError,
        r"^Window pad must have at most 65536 codes, not 65537$"),
}


@pytest.mark.parametrize("changes, error, message", WRONG.values(), ids=WRONG)
def test_window_wrong(changes, error, message):
    with pytest.raises(error, match=message):
        Window(**{"kernel": (3, 3), **changes})


def test_tap_ranges():
    """All small sizes, against the places of all taps."""
    numbers = np.arange(4)
    for side in range(1, 6):
        for taps in range(1, 5):
            for stride, dilation, before in np.ndindex(3, 2, 6):
                stride, dilation = stride + 1, dilation + 1
                first, last = tap_ranges(side, 7, taps, stride, dilation, before)
                places = np.arange(7)[:, None] * stride - before + numbers[:taps] * dilation
                found = (numbers[:taps] >= first[:, None]) & (numbers[:taps] < last[:, None])
                assert np.array_equal(found, (places >= 0) & (places < side))


# Pools


def test_pool():
    pool = Pool([2, 3], [1, 0])
    assert pool.size == (2, 3) and pool.least.dtype == bool and pool.least.tolist() == [True, False]
    assert not pool.least.flags.writeable
    for other in COPIES:
        again = other(pool)
        assert again.size == pool.size and again.least.tolist() == [True, False]
        assert not again.least.flags.writeable
    assert Pool((1, 2), np.zeros(3, bool)).least is None


@pytest.mark.parametrize("size, least, error, message", [
    (2, None, TypeError, r"^Pool size must be 2 integers, not 2$"),
    ((0, 2), None, ValueError, r"^Each number of Pool size must be in 1 to 65536, not 0$"),
    ((2, 2), [0.5], TypeError, r"^Pool least must be bools, not an array of float64$"),
    ((2, 2), [0, 2], ValueError, r"^Pool least must be a bool for each neuron, not \[0, 2\]$"),
    ((2, 2), [0, -1], ValueError, r"^Pool least must be a bool for each neuron, not \[0, -1\]$"),
    ((2, 2), [[1]], ValueError, r"^Pool least must be a bool for each neuron, not \[\[1\]\]$"),
    ((2, 2), True, ValueError, r"^Pool least must be a bool for each neuron, not True$"),
], ids=["number", "zero", "floats", "two", "negative", "axes", "bool"])
def test_pool_wrong(size, least, error, message):
    with pytest.raises(error, match=message):
        Pool(size, least)
