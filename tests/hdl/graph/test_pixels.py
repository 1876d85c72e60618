"""Quantization of pixels, against pixel thresholds counted one by one."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorloom.graph import Input
from xnorloom.graph import pixels as encoding
from xnorloom.graph.pixels import encode, fits, frame_rows, top_bits

PIXELS = np.arange(256, dtype=np.uint8)


def counted(thresholds, pixels):
    """Elements by the definition: the number of thresholds that each pixel reaches."""
    rows = [thresholds[0]] * pixels.shape[1] if len(thresholds) == 1 else thresholds
    return [[sum(1 for threshold in row if threshold <= pixel) for row, pixel in zip(rows, frame)]
            for frame in pixels.tolist()]


@pytest.mark.parametrize("bits", range(1, 9))
def test_top_bits(bits):
    frame = Input((16, 16), bits)
    elements = encode(frame, PIXELS.reshape(1, 16, 16))
    assert elements.dtype == np.uint8
    assert elements.shape == (1, 16, 16)
    assert elements.ravel().tolist() == [pixel * 2**bits // 256 for pixel in range(256)]
    assert np.array_equal(top_bits(PIXELS, bits), elements.ravel())


CUTS = {
    "one bit": (1, [100]),
    "always": (1, [0]),
    "never": (1, [256]),
    "three of one": (2, [7, 7, 7]),
    "ends": (2, [0, 1, 256]),
    "last pixel": (2, [0, 255, 255]),
    "all of eight bits": (8, [0] * 100 + [200] * 100 + [256] * 55),
}


@pytest.mark.parametrize("bits, row", CUTS.values(), ids=CUTS)
def test_every_pixel(bits, row):
    expected = counted([row], PIXELS[None])
    assert encode(Input((256,), bits, [row]), PIXELS[None]).tolist() == expected
    # Also where other elements have other thresholds.
    rows = [row] * 255 + [[0] * len(row)]
    elements = encode(Input((256,), bits, rows), PIXELS[None])
    assert elements[0].tolist() == [*expected[0][:-1], len(row)]


@given(bits=st.integers(1, 8), size=st.integers(1, 9), shared=st.booleans(),
       count=st.integers(0, 7), chunk=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_random(bits, size, shared, count, chunk, seed):
    rng = np.random.default_rng(seed)
    thresholds = np.sort(rng.integers(0, 257, (1 if shared else size, 2**bits - 1)), axis=1)
    pixels = rng.integers(0, 256, (count, size), dtype=np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "_CHUNK_ELEMENTS", chunk)
        elements = encode(Input((size,), bits, thresholds), pixels)
    assert elements.dtype == np.uint8
    assert elements.shape == (count, size)
    assert elements.tolist() == counted(thresholds.tolist(), pixels)


def test_shapes():
    rng = np.random.default_rng(1)
    frame = Input((2, 3, 4), 2, np.sort(rng.integers(0, 257, (24, 3)), axis=1))
    pixels = rng.integers(0, 256, (5, 24), dtype=np.uint8)
    flat = encode(frame, pixels)
    shaped = encode(frame, pixels.reshape(5, 2, 3, 4))
    assert shaped.shape == (5, 2, 3, 4)
    assert np.array_equal(shaped.reshape(5, 24), flat)
    # Any memory layout.
    assert np.array_equal(encode(frame, np.asfortranarray(pixels)), flat)
    assert encode(frame, pixels[:0]).shape == (0, 24)


@pytest.mark.parametrize("rows", [1, 784])
def test_memory(rows):
    rng = np.random.default_rng(2)
    frame = Input((28, 28), 8, np.sort(rng.integers(0, 257, (rows, 255)), axis=1))
    pixels = rng.integers(0, 256, (10000, 28, 28), dtype=np.uint8)
    tracemalloc.start()
    encode(frame, pixels)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The result, tables of 64-bit integers, and indices of a chunk; indices of all would be 63 MB.
    assert peak < pixels.size + 784 * 256 * 10 + 8 * 2**20 * 2.5


@pytest.mark.parametrize("wanted, shape, fitting", [
    ((1, 28, 28), (28, 28), True), ((28, 28), (28, 28, 1), True), ((1, 28, 28), (784,), True),
    ((784,), (28, 28), True), ((784,), (1, 28, 28), True), ((1, 784), (4, 196), True),
    ((28, 28), (14, 56), False), ((28, 28), (28, 27), False), ((3, 8, 8), (8, 8, 3), False),
    ((1,), (1, 1), True), ((1,), (), False)])
def test_fits(wanted, shape, fitting):
    frame, frames = Input(wanted), np.zeros((2, *shape), np.uint8)
    assert fits(frame, shape) == fitting
    if fitting:
        assert frame_rows("frames", frame, frames).shape == (2, frame.size)
        assert encode(frame, frames).shape == frames.shape
    else:
        with pytest.raises(ValueError, match=r"^frames must have the shape \(frames, "):
            frame_rows("frames", frame, frames)


WRONG = {
    "no input": (None, PIXELS[None, :6], TypeError, r"^input must be an Input, not None$"),
    "9 bits": (Input((6,), 9), PIXELS[None, :6], ValueError,
               r"^input must have at most 8 bits, as pixels have, not 9$"),
    "floats": (Input((6,)), np.zeros((1, 6)), TypeError,
               r"^pixels must be of type uint8, not float64$"),
    "bools": (Input((6,)), np.zeros((1, 6), bool), TypeError,
              r"^pixels must be of type uint8, not bool$"),
    "one frame": (Input((6,)), PIXELS[:6], ValueError,
                  r"^pixels must have the shape \(frames, 6\), not \(6,\)$"),
    "another shape": (Input((2, 3), 1, [[3]]), np.zeros((1, 3, 2), np.uint8), ValueError,
                      r"^pixels must have the shape \(frames, 2, 3\) or \(frames, 6\), "
                      r"not \(1, 3, 2\)$"),
}


@pytest.mark.parametrize("frame, pixels, error, message", WRONG.values(), ids=WRONG)
def test_wrong(frame, pixels, error, message):
    with pytest.raises(error, match=message):
        encode(frame, pixels)
