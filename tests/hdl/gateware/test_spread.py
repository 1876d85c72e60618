# amaranth: UnusedElaboratable=no
"""Line buffer and shift window: the taps under a kernel, pixel by pixel."""

import numpy as np
import pytest

from xnorloom.gateware.spread import LineBuffer, ShiftWindow
from xnorloom.graph import Conv, Map, Window
from xnorloom.schedule import Fold, LayerPlan
from xnorloom_sim.harness import Stall, run

CASES = {  # map, kernel, stride, dilation, planes
    "square": ((5, 6, 2), (3, 3), (1, 1), (1, 1), 1),
    "stride": ((7, 8, 1), (2, 3), (2, 3), (1, 1), 1),
    "dilation, planes": ((6, 7, 3), (2, 3), (1, 2), (3, 2), 3),
    "the whole map": ((3, 4, 2), (3, 4), (1, 1), (1, 1), 2),
    "a column of the map": ((6, 1, 2), (3, 1), (1, 1), (2, 1), 1),
    "two words a row": ((5, 2, 1), (2, 2), (1, 1), (1, 1), 1),
    "a row": ((1, 9, 2), (1, 4), (1, 2), (1, 1), 2),
}
FRAMES = 3


def plan_of(shape, kernel, stride, dilation, planes, *, whole):
    map = Map(*shape)
    conv = Conv("conv", np.ones((2, *kernel, map.channels), int), [1, 1],
                Window(kernel, stride, dilation))
    simd = conv.inputs if whole else kernel[1] * map.channels
    return LayerPlan(conv, Fold(1, simd, "lut"), planes, map.channels, map=map)


def taps_of(frames, kernel, stride, dilation, rows, columns):
    """Taps under each output, shape (frames, y, x, planes, kernel column, kernel row, channels).

    With ``rows`` or ``columns`` false the kernel spans one row or column, and moves by one.
    """
    high, wide = kernel[0] if rows else 1, kernel[1] if columns else 1
    step, apart = (stride[0] if rows else 1, stride[1] if columns else 1), dilation
    ys = range(0, frames.shape[1] - (high - 1) * apart[0], step[0])
    xs = range(0, frames.shape[2] - (wide - 1) * apart[1], step[1])
    return np.array([[[[[[frame[y + r * apart[0], x + s * apart[1], plane] for r in range(high)]
                         for s in range(wide)] for plane in range(frames.shape[3])]
                       for x in xs] for y in ys] for frame in frames])


@pytest.mark.parametrize("stall", [None, Stall(1, 0.4, 0.4)], ids=["", "stalls"])
@pytest.mark.parametrize("shape, kernel, stride, dilation, planes", CASES.values(), ids=CASES)
def test_taps(shape, kernel, stride, dilation, planes, stall):
    frames = np.random.default_rng(0).integers(
        0, 2, (FRAMES, *shape[:2], planes, shape[2])).astype(np.uint8)
    whole = kernel[0] > 1
    plan = plan_of(shape, kernel, stride, dilation, planes, whole=whole)
    words = frames.reshape(-1, shape[2])
    if whole:
        taps = taps_of(frames, kernel, stride, dilation, True, False)
        words = _check(LineBuffer(plan), words, taps, stall)
    _check(ShiftWindow(plan), words, taps_of(frames, kernel, stride, dilation, whole, True), stall)


def _check(part, words, taps, stall):
    """Compare words of ``part`` with the taps; each leaves a cycle after its last tap arrives."""
    expected = taps.reshape(-1, part.o.payload.shape().width)
    np.testing.assert_array_equal(part.model(words), expected)
    trace = run(part, np.packbits(words, axis=1, bitorder="little"), len(expected), stall=stall)
    bits = np.unpackbits(trace.outputs, axis=1, count=expected.shape[1], bitorder="little")
    np.testing.assert_array_equal(bits, expected)
    if stall is None:
        # Those of a frame; the words of the others come a frame of input words later.
        cycles = part.work(trace.i_cycles[:len(words) // FRAMES])
        np.testing.assert_array_equal(trace.o_cycles[:len(cycles)], cycles)
        assert (np.diff(trace.i_cycles) == 1).all()
        assert part.interval == len(words) // FRAMES
    return expected


def test_wrong():
    for part, name in ((LineBuffer, "Line buffer"), (ShiftWindow, "Shift window")):
        with pytest.raises(TypeError, match=rf"^{name} plan must be a LayerPlan, not None$"):
            part(None)
