"""Random frames for verification, which reach more states of a network than photographs."""

import numpy as np
import numpy.typing as npt

from xnorloom.graph import Graph
from xnorloom.graph.input import PIXEL_BITS
from xnorloom.graph.pixels import encode

__all__ = ["elements_of", "random_pixels"]


def random_pixels(shape: tuple[int, ...], count: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Return ``count`` frames of 8-bit pixels, the same for the same seed.

    The first is black, the second white. The others alternate between noise of all values, noise
    around a value, and noise of black and white in random proportion.
    """
    rng = np.random.default_rng(seed)
    pixels = np.zeros((count, *shape), np.uint8)
    for number, frame in enumerate(pixels[1:], 1):
        if number == 1:
            frame[...] = 255
        elif number % 3 == 2:
            frame[...] = rng.integers(0, 256, shape)
        elif number % 3 == 0:
            spread = rng.integers(1, 128)
            frame[...] = np.clip(rng.integers(0, 256) + rng.integers(-spread, spread + 1, shape),
                                 0, 255)
        else:
            frame[...] = 255 * (rng.random(shape) < rng.random())
    return pixels


def elements_of(graph: Graph, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.unsignedinteger]:
    """Convert ``pixels`` to input elements of ``graph``.

    Elements wider than a pixel are its bits, followed by the same bits again.
    """
    if graph.input.bits <= PIXEL_BITS:
        return encode(graph.input, pixels)
    return pixels * np.uint16(257) >> np.uint16(2 * PIXEL_BITS - graph.input.bits)
