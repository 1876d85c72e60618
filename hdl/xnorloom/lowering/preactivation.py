"""Preactivations: the sum of a source's linear layer as a function of the count."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..frontend.program import Dense
from .input_levels import InputLevels

__all__ = ["TOLERANCE", "Preactivation", "preactivation_of"]

# Relative deviation of equal values by the source's rounding, as that of w + (sign(w) - w).
TOLERANCE = 1e-3
# A decision is near a tie if this fraction of one synapse's contribution would change it.
_NEAR = 1e-5


@dataclass(frozen=True, eq=False)
class Preactivation:
    """Sums of a linear layer.

    Neuron ``j`` with the count ``p`` has the sum ``unit[j] * (2p - N) + constant[j]``, rounded to
    ``dtype``.

    Parameters
    ----------
    name : str
        Name of the layer in the source.
    weights : uint8 array, shape (neurons, inputs)
        1 for +1, 0 for -1.
    count_max : int
        Largest count ``N``.
    unit, constant : float64 array, shape (neurons,)
        Coefficients of the sum.
    slack : float64 array, shape (neurons,)
        Typical deviation of the source's sum by rounding; 0 where it computes exactly.
    ranges : int64 array, shape (neurons, 2)
        Smallest and largest count that any frame reaches.
    dtype : numpy dtype
        Data type of the sums.
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
        """Compute the sums, shape ``(B, neurons)``, of counts of that shape or of ``(B, 1)``.

        ``shift`` moves the sums: ``+near`` and ``-near`` by 1e-5 of one synapse's contribution, but
        at least to the next number of the type; ``+slack`` and ``-slack`` by the slack.
        """
        exact = (2.0 * counts - self.count_max) * self.unit + self.constant
        # Overflow gives infinity, as in the source.
        with np.errstate(over="ignore", invalid="ignore"):
            if not shift:
                return exact.astype(self.dtype)
            if shift[1:] == "near":
                spacing = np.spacing(np.abs(exact).astype(self.dtype)).astype(np.float64)
                amount = np.maximum(_NEAR * self.unit, spacing)
            else:
                amount = self.slack
            return (exact + (amount if shift[0] == "+" else -amount)).astype(self.dtype)


def preactivation_of(dense: Dense, order: npt.NDArray[np.int64],
                     inputs: InputLevels) -> Preactivation:
    """Express the sums of the layer ``dense`` by counts; row ``order[i]`` is of input ``i``.

    Raises
    ------
    SourceError
        If the weights of a neuron differ in magnitude.
    """
    name, weights = dense.name, dense.weights[order]
    bias = np.zeros(weights.shape[1]) if dense.bias is None else dense.bias.astype(np.float64)
    signs, scale, error = _split(name, weights)
    # The sign of an input that falls as its element rises is inverted.
    bits = (signs * inputs.direction > 0).astype(np.uint8)
    top = (1 << inputs.planes) - 1
    count_max = bits.shape[1] * top
    signed = 2.0 * bits - 1
    constant = scale * (signed @ inputs.middle) + bias
    # A synapse counts its element where the weight is 1, else the complement to the top.
    least, largest = inputs.least, inputs.largest
    ranges = np.stack([np.where(bits, least, top - largest).sum(axis=1),
                       np.where(bits, largest, top - least).sum(axis=1)], axis=1)
    dtype = np.result_type(inputs.dtype, weights.dtype)
    if dtype.kind != "f":
        raise SourceError(f"layer {name} must compute in floating point, not in {dtype}")
    slack = _rounding(weights, bias, inputs, dtype)
    slack += np.abs(weights).sum(axis=0, dtype=np.float64) * inputs.error
    slack += error * (np.abs(inputs.middle) + inputs.half * top).sum()
    return Preactivation(name, bits, count_max, scale * inputs.half, constant, slack, ranges, dtype)


def _split(name: str, weights: npt.NDArray[np.floating],
           ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Split weights into signs (neurons, inputs), magnitude per neuron, and deviation from it."""
    rows = weights.T.astype(np.float64)
    if not np.isfinite(rows).all():
        neuron, synapse = np.argwhere(~np.isfinite(rows))[0]
        raise SourceError(f"weights of layer {name} must be finite, but neuron {neuron} has "
                          f"{rows[neuron, synapse]} at input {synapse}")
    magnitude = np.abs(rows)
    scale = np.median(magnitude, axis=1)
    # A zero weight has no sign, but a neuron with nothing else is a constant.
    scale = np.where(scale == 0, magnitude.max(axis=1), scale)
    error = np.abs(magnitude - scale[:, np.newaxis]).max(axis=1)
    wrong = np.flatnonzero(error > TOLERANCE * scale)
    if wrong.size:
        raise SourceError(f"weights of layer {name} must be of one magnitude in each neuron, "
                          f"-a and +a, but neuron {wrong[0]} has {_values(rows[wrong[0]])}")
    return np.where(rows < 0, -1.0, 1.0), scale, error


def _values(row: npt.NDArray[np.float64]) -> str:
    # Removes the sign of zeros.
    values = np.unique(row + 0.0)
    text = ", ".join(f"{value:.6g}" for value in values[:3])
    if len(values) > 3:
        text += f" and {len(values) - 3} more"
    return f"{text} (a weight 0 has no XNOR)" if 0 in values else text


def _rounding(weights: npt.NDArray[np.floating], bias: npt.NDArray[np.float64],
              inputs: InputLevels, dtype: np.dtype) -> npt.NDArray[np.float64]:
    """Estimate the typical rounding error of the sums; 0 where they are exact.

    Sums are exact if all products are multiples of one power of two, and the sum of their
    magnitudes, in that unit, fits the mantissa. Otherwise the roundings of ``n`` additions are
    modelled as a random walk.
    """
    precision = np.finfo(dtype).nmant + 1
    magnitude = np.abs(weights).astype(np.float64)
    top = (1 << inputs.planes) - 1
    largest = np.abs(inputs.middle) + inputs.half * top
    total = magnitude.T @ largest + np.abs(bias)
    parts = np.concatenate([[2 * inputs.half], inputs.middle - inputs.half * top])
    unit = _power_of_two(parts) * np.array([_power_of_two(column) for column in magnitude.T])
    added = np.array([_power_of_two(number) for number in bias])
    unit = np.where(bias == 0, unit, np.minimum(unit, added))
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = (total == 0) | (total / unit <= 2.0 ** precision)
    return np.where(exact, 0.0, np.sqrt(len(weights)) * 2.0 ** -precision * total)


def _power_of_two(values: npt.ArrayLike) -> float:
    """Return the largest power of two that divides all ``values``; 1 if all are 0."""
    values = np.unique(np.abs(values))
    mantissa, exponent = np.frexp(values[(values != 0) & np.isfinite(values)])
    if not mantissa.size:
        return 1.0
    integers = (mantissa * 2.0 ** 53).astype(np.int64)
    return float(np.ldexp((integers & -integers).astype(np.float64), exponent - 53).min())
