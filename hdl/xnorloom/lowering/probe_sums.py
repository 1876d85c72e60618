"""Sums of any size, to find the kind of a function that follows a linear layer."""

import numpy as np
import numpy.typing as npt

from .preactivation import Preactivation

__all__ = ["probe_sums"]

_NEAR, _FAR = 129, 64


def probe_sums(linear: Preactivation) -> npt.NDArray[np.floating]:
    """Return rising sums, shape ``(B, 1)``, half of them beyond any that the layer reaches.

    They lie evenly in four times the range of the layer, and beyond it in growing steps up to the
    root of the largest number of the type, so that products of them do not overflow.
    """
    reached = np.abs(linear.sums(linear.ranges.T).astype(np.float64))
    most = 4 * max(float(reached[np.isfinite(reached)].max(initial=0)), 1.0)
    end = max(float(np.sqrt(np.finfo(linear.dtype).max)), 2 * most)
    far = np.geomspace(most, end, _FAR + 1)[1:]
    sums = np.concatenate([-far[::-1], np.linspace(-most, most, _NEAR), far])
    return sums.astype(linear.dtype)[:, np.newaxis]
