"""Max pools before or after a sign: OR or AND of the activations of an area."""

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from .preactivation import Preactivation
from .segment import Segment

__all__ = ["pooled_by_and"]

# Table elements evaluated at once, a few MiB, which caches hold.
_CHUNK = 1 << 18


def pooled_by_and(linear: Preactivation, segment: Segment,
                  middle: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Find the neurons whose pooled activation is the AND of its area; the others have the OR.

    The activation of an area is that of its largest value before the pool. It is the OR if
    both that value and the activation rise with the sum, or both fall.

    Parameters
    ----------
    linear, segment
        Convolution, and the steps after it, with a pool.
    middle : float64 array, shape (neurons,)
        Middle of the two values of each neuron.

    Raises
    ------
    SourceError
        If a value before the pool, or the activation, neither rises nor falls.
    """
    neurons = linear.neurons
    # Sums of all border classes, which meet in one area.
    counts = np.clip(np.arange(linear.count_max + 1)[:, np.newaxis], *linear.ranges.T)
    sums = np.sort(linear.sums(counts).reshape(-1, neurons), axis=0)
    rises, falls, fires, turns = (np.zeros(neurons, np.bool_) for _ in range(4))
    rows = max(2, _CHUNK // neurons)
    # Parts overlap by one row.
    for start in range(0, max(len(sums) - 1, 1), rows - 1):
        part = sums[start:start + rows]
        before = segment.evaluate(part, before_pool=True)
        if np.isnan(before).any():
            raise SourceError(f"the values that layer {linear.name} pools must be numbers, but "
                              f"those of neuron {int(np.argmax(np.isnan(before).any(axis=0)))} "
                              f"are NaN")
        rises |= (before[1:] > before[:-1]).any(axis=0)
        falls |= (before[1:] < before[:-1]).any(axis=0)
        bits = segment.evaluate(part) > middle
        fires |= (bits[1:] & ~bits[:-1]).any(axis=0)
        turns |= (~bits[1:] & bits[:-1]).any(axis=0)
    for one, other, what in ((rises, falls, "values before its pool"),
                             (fires, turns, "response")):
        if (one & other).any():
            raise SourceError(f"the {what} of layer {linear.name} must only rise or only fall as "
                              f"the sum rises, but that of neuron {int(np.argmax(one & other))} "
                              f"does both; pool after the sign")
    return falls ^ turns
