"""A linear layer of a source as counts: which sum belongs to which count."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..frontend.program import Dense
from .input_levels import Elements

__all__ = ["TOLERANCE", "Stage", "make_stage"]

# Values of a source that should be one differ by its rounding, as those of w + (sign(w) - w) do.
TOLERANCE = 1e-3
# A decision is near a tie if so small a part of one synapse's contribution would change it.
_NEAR = 1e-5


@dataclass(frozen=True, eq=False)
class Stage:
    """A linear layer: neuron ``j`` with the count ``p`` has the sum
    ``unit[j] * (2p - N) + constant[j]``, rounded to ``dtype``.

    ``weights`` is uint8 of shape (neurons, inputs), 1 for +1; ``ranges`` int64 of shape
    (neurons, 2) holds the smallest and the largest count that any frame reaches. The source may
    compute a sum that differs by up to about ``slack[j]``, 0 where it computes exactly.
    """

    name: str
    weights: npt.NDArray[np.uint8]
    count_max: int
    unit: npt.NDArray[np.float64]
    constant: npt.NDArray[np.float64]
    slack: npt.NDArray[np.float64]
    ranges: npt.NDArray[np.int64]
    dtype: np.dtype

    def sums(self, counts: npt.NDArray[np.int64], shift: str = "") -> npt.NDArray[np.floating]:
        """Sums, shape ``(B, neurons)``, of counts of that shape or of ``(B, 1)``.

        ``shift`` moves them: ``+near`` and ``-near`` by 1e-5 of one synapse's contribution, or to
        the next number of the type if that is farther; ``+slack`` and ``-slack`` by as much as the
        source may.
        """
        exact = (2.0 * counts - self.count_max) * self.unit + self.constant
        # What the type cannot hold is infinite in the source, too.
        with np.errstate(over="ignore", invalid="ignore"):
            if not shift:
                return exact.astype(self.dtype)
            if shift[1:] == "near":
                spacing = np.spacing(np.abs(exact).astype(self.dtype)).astype(np.float64)
                amount = np.maximum(_NEAR * self.unit, spacing)
            else:
                amount = self.slack
            return (exact + (amount if shift[0] == "+" else -amount)).astype(self.dtype)


def make_stage(dense: Dense, order: npt.NDArray[np.int64], elements: Elements) -> Stage:
    """The layer ``dense`` of a source on ``elements``, of which number ``i`` is at ``order[i]``.

    Raises
    ------
    SourceError
        If a neuron's weights are not of one magnitude.
    """
    name, weights = dense.name, dense.weights[order]
    bias = np.zeros(weights.shape[1]) if dense.bias is None else dense.bias.astype(np.float64)
    signs, scale, error = _split(name, weights)
    # Elements that fall where the pixel rises count with the other sign.
    bits = (signs * elements.direction > 0).astype(np.uint8)
    top = (1 << elements.planes) - 1
    count_max = bits.shape[1] * top
    signed = 2.0 * bits - 1
    constant = scale * (signed @ elements.middle) + bias
    # A synapse counts the element where its weight is 1, else what is missing to the top.
    least, largest = elements.least, elements.largest
    ranges = np.stack([np.where(bits, least, top - largest).sum(axis=1),
                       np.where(bits, largest, top - least).sum(axis=1)], axis=1)
    dtype = np.result_type(elements.dtype, weights.dtype)
    if dtype.kind != "f":
        raise SourceError(f"layer {name} must compute in floating point, not in {dtype}")
    slack = _rounding(weights, bias, elements, dtype)
    slack += np.abs(weights).sum(axis=0, dtype=np.float64) * elements.error
    slack += error * (np.abs(elements.middle) + elements.half * top).sum()
    return Stage(name, bits, count_max, scale * elements.half, constant, slack, ranges, dtype)


def _split(name: str, weights: npt.NDArray[np.floating],
           ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Signs (neurons, inputs), magnitude of each neuron, and how far its weights are off it."""
    rows = weights.T.astype(np.float64)
    if not np.isfinite(rows).all():
        neuron, synapse = np.argwhere(~np.isfinite(rows))[0]
        raise SourceError(f"weights of layer {name} must be finite, but neuron {neuron} has "
                          f"{rows[neuron, synapse]} at input {synapse}")
    magnitude = np.abs(rows)
    scale = np.median(magnitude, axis=1)
    # Zero is no sign; a neuron that has nothing else is a constant, though.
    scale = np.where(scale == 0, magnitude.max(axis=1), scale)
    error = np.abs(magnitude - scale[:, np.newaxis]).max(axis=1)
    wrong = np.flatnonzero(error > TOLERANCE * scale)
    if wrong.size:
        raise SourceError(f"weights of layer {name} must be of one magnitude in each neuron, "
                          f"-a and +a, but neuron {wrong[0]} has {_values(rows[wrong[0]])}")
    return np.where(rows < 0, -1.0, 1.0), scale, error


def _values(row: npt.NDArray[np.float64]) -> str:
    # Zero may have a sign, which is not worth telling.
    values = np.unique(row + 0.0)
    text = ", ".join(f"{value:.6g}" for value in values[:3])
    if len(values) > 3:
        text += f" and {len(values) - 3} more"
    return f"{text} (a weight 0 has no XNOR)" if 0 in values else text


def _rounding(weights: npt.NDArray[np.floating], bias: npt.NDArray[np.float64],
              elements: Elements, dtype: np.dtype) -> npt.NDArray[np.float64]:
    """How far rounded sums of products come off the exact ones, typically; 0 where they are exact.

    They are exact if all products are multiples of one power of two and even the sum of their
    magnitudes has no more such units than the mantissa holds. Else the roundings of ``n``
    additions are taken for a random walk.
    """
    precision = np.finfo(dtype).nmant + 1
    magnitude = np.abs(weights).astype(np.float64)
    top = (1 << elements.planes) - 1
    largest = np.abs(elements.middle) + elements.half * top
    total = magnitude.T @ largest + np.abs(bias)
    parts = np.concatenate([[2 * elements.half], elements.middle - elements.half * top])
    unit = _power_of_two(parts) * np.array([_power_of_two(column) for column in magnitude.T])
    added = np.array([_power_of_two(number) for number in bias])
    unit = np.where(bias == 0, unit, np.minimum(unit, added))
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = (total == 0) | (total / unit <= 2.0 ** precision)
    return np.where(exact, 0.0, np.sqrt(len(weights)) * 2.0 ** -precision * total)


def _power_of_two(values: npt.ArrayLike) -> float:
    """The largest power of two of which all ``values`` are multiples; 1 if there is none but 0."""
    values = np.unique(np.abs(values))
    mantissa, exponent = np.frexp(values[(values != 0) & np.isfinite(values)])
    if not mantissa.size:
        return 1.0
    integers = (mantissa * 2.0 ** 53).astype(np.int64)
    return float(np.ldexp((integers & -integers).astype(np.float64), exponent - 53).min())
