"""Steps after the last layer that give different sums one score, such as a sign or ReLU."""

import numpy as np

from ..frontend.program import Elementwise
from ..support.text import quoted
from .preactivation import Preactivation
from .probe_sums import probe_sums
from .segment import Segment

__all__ = ["reason"]

# A function is flat if it is constant on this fraction of all sums, and not on all.
_FLAT = 0.2


def reason(linear: Preactivation, segment: Segment) -> str:
    """Return the end of a message that names the steps to leave off, or nothing if there are none.
    """
    names = _flat_steps(linear, segment)
    if not names:
        return ""
    them = " to ".join(f"the activation of {quoted(name)}" if name == linear.name else quoted(name)
                       for name in dict.fromkeys([names[0], names[-1]]))
    follow, give, it = (("follows", "gives", "it") if len(names) == 1
                        else ("follow", "give", "them"))
    return (f": {them} {follow} the last layer, {quoted(linear.name)}, and {give} different sums "
            f"one score; leave {it} off, so that the scores before are the output")


def _flat_steps(linear: Preactivation, segment: Segment) -> list[str]:
    """Return the names of the steps from the first that is flat for some neuron to the last."""
    sums = np.repeat(probe_sums(linear), len(linear.ranges), axis=1)
    names: list[str] = []
    for step, result in segment.trace(sums):
        if isinstance(step, Elementwise) and (names or _flat(result)):
            names.append(step.name)
    return names


def _flat(result: np.ndarray) -> bool:
    table = result.reshape(len(result), -1)
    same = table[1:] == table[:-1]
    # Rows of a run of equal values, by how far each is from the last change before it.
    rows = np.arange(len(same))[:, np.newaxis]
    runs = rows - np.maximum.accumulate(np.where(same, -1, rows), axis=0)
    longest = runs.max(axis=0)
    return bool(((longest >= _FLAT * len(same)) & ~same.all(axis=0)).any())
