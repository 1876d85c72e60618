"""Preactivations: the sum of a source's linear layer as a function of the count."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import graph
from ..errors import SourceError
from ..frontend.program import Dense
from ..graph import Map
from .input_levels import InputLevels

__all__ = ["TOLERANCE", "Preactivation", "preactivation_of", "rounding", "split"]

# Relative deviation of equal values by the source's rounding, as that of w + (sign(w) - w).
TOLERANCE = 1e-3
# Zero, relative to the largest weight of a neuron: the rounding of products and differences.
_ZERO = 1e-6
# A decision is near a tie if this fraction of one synapse's contribution would change it.
_NEAR = 1e-5


@dataclass(frozen=True, eq=False)
class Preactivation:
    """Sums of a linear layer.

    Neuron ``j`` with the count ``p`` has the sum ``unit[j] * (2p - tops[j]) + constant[j]``,
    rounded to ``dtype``. A convolution lists its neurons once for each border class, one class
    after the other.

    Parameters
    ----------
    name : str
        Name of the layer in the source.
    weights : uint8 array, shape (neurons, inputs), or that of the weights of a convolution
        1 for +1, 0 for -1, and 0 where the synapse is absent.
    tops : int64 array, shape (classes * neurons,)
        Largest count of each neuron.
    unit, constant : float64 array, shape (classes * neurons,)
        Coefficients of the sum.
    slack : float64 array, shape (classes * neurons,)
        Typical deviation of the source's sum by rounding; 0 where it computes exactly.
    ranges : int64 array, shape (classes * neurons, 2)
        Smallest and largest count that any frame reaches.
    dtype : numpy dtype
        Data type of the sums.
    conv : Conv or None
        The layer in the graph, without its thresholds, for a convolution.
    map : Map
        Map of the inputs of a convolution.
    present : bool array in the shape of the weights, or None
        Synapses whose weight is not 0; ``None`` for all.
    """

    name: str
    weights: npt.NDArray[np.uint8]
    tops: npt.NDArray[np.int64]
    unit: npt.NDArray[np.float64]
    constant: npt.NDArray[np.float64]
    slack: npt.NDArray[np.float64]
    ranges: npt.NDArray[np.int64]
    dtype: np.dtype
    conv: graph.Conv | None = None
    map: Map = Map(1, 1, 1)
    present: npt.NDArray[np.bool_] | None = None

    @property
    def count_max(self) -> int:
        """Largest count of all."""
        return int(self.tops.max())

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return len(self.weights)

    @property
    def classes(self) -> int:
        """Number of border classes."""
        return len(self.tops) // len(self.weights)

    def mirrored(self, table: npt.NDArray, neurons: npt.NDArray[np.bool_]) -> npt.NDArray:
        """Return a table of counts, shape ``(count_max + 1, neurons)``, for inverted weights.

        Of the ``neurons`` it is that of the largest count less the count.
        """
        counts = np.maximum(self.tops - np.arange(len(table))[:, np.newaxis], 0)
        return np.where(neurons, np.take_along_axis(table, counts, 0), table)

    def sums(self, counts: npt.NDArray[np.int64], shift: str = "") -> npt.NDArray[np.floating]:
        """Compute the sums of counts, shape ``(B, classes * neurons)`` or ``(B, 1)``.

        ``shift`` moves the sums: ``+near`` and ``-near`` by 1e-5 of one synapse's contribution, but
        at least to the next number of the type; ``+slack`` and ``-slack`` by the slack.
        """
        exact = (2.0 * counts - self.tops) * self.unit + self.constant
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
    name, rows = dense.name, dense.weights[order].T
    bias = np.zeros(len(rows)) if dense.bias is None else dense.bias.astype(np.float64)
    signs, scale, error = split(name, rows)
    present = signs != 0
    # The sign of an input that falls as its element rises is inverted.
    bits = (signs * inputs.direction > 0).astype(np.uint8)
    top = (1 << inputs.planes) - 1
    signed = (2.0 * bits - 1) * present
    constant = scale * (signed @ inputs.middle) + bias
    # A synapse counts its element where the weight is 1, else the complement to the top.
    least, largest = inputs.least, inputs.largest
    ranges = np.stack([(np.where(bits, least, top - largest) * present).sum(axis=1),
                       (np.where(bits, largest, top - least) * present).sum(axis=1)], axis=1)
    dtype = np.result_type(inputs.dtype, rows.dtype)
    reach = np.abs(inputs.middle) + inputs.half * top
    numbers = np.concatenate([[2 * inputs.half], inputs.middle - inputs.half * top])
    slack = rounding(name, rows, bias, reach, numbers, dtype)
    slack += np.abs(rows).sum(axis=1, dtype=np.float64) * inputs.error
    slack += error * reach.sum()
    tops = present.sum(axis=1, dtype=np.int64) * top
    return Preactivation(name, bits, tops, scale * inputs.half, constant, slack, ranges, dtype,
                         present=None if present.all() else present)


def split(name: str, rows: npt.NDArray[np.floating],
          ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Split weights (neurons, inputs) into signs, magnitude per neuron, and deviation from it.

    The sign of a weight 0 is 0. If no neuron has both zeros and other weights, signs of neurons
    with nothing but zeros are 1, which makes them constants without a mask.

    Raises
    ------
    SourceError
        If the weights of a neuron that are not 0 differ in magnitude, or any is not finite.
    """
    rows = rows.astype(np.float64)
    if not np.isfinite(rows).all():
        neuron, synapse = np.argwhere(~np.isfinite(rows))[0]
        raise SourceError(f"weights of layer {name} must be finite, but neuron {neuron} has "
                          f"{rows[neuron, synapse]} at input {synapse}")
    magnitude = np.abs(rows)
    present = magnitude > _ZERO * magnitude.max(axis=1, keepdims=True)
    empty = ~present.any(axis=1)
    if present[~empty].all():
        # Neurons without weights are constants, for which no layer needs a mask.
        present[:] = True
        scale = np.median(magnitude, axis=1)
    else:
        scale = np.nanmedian(np.where(present | empty[:, np.newaxis], magnitude, np.nan), axis=1)
    error = np.abs(magnitude - np.where(present, scale[:, np.newaxis], 0)).max(axis=1)
    wrong = np.flatnonzero(error > TOLERANCE * scale)
    if wrong.size:
        raise SourceError(f"weights of layer {name} must be of one magnitude in each neuron, "
                          f"-a, 0 and +a, but neuron {wrong[0]} has {_values(rows[wrong[0]])}")
    return np.where(present, np.where(rows < 0, -1.0, 1.0), 0.0), scale, error


def _values(row: npt.NDArray[np.float64]) -> str:
    # Removes the sign of zeros.
    values = np.unique(row + 0.0)
    text = ", ".join(f"{value:.6g}" for value in values[:3])
    if len(values) > 3:
        text += f" and {len(values) - 3} more: train with binary or ternary weights"
    return text


def rounding(name: str, rows: npt.NDArray[np.floating], bias: npt.NDArray[np.float64],
             reach: npt.NDArray[np.float64], numbers: npt.NDArray[np.float64],
             dtype: np.dtype) -> npt.NDArray[np.float64]:
    """Estimate the typical rounding error of the sums; 0 where they are exact.

    Sums are exact if all products are multiples of one power of two, and the sum of their
    magnitudes, in that unit, fits the mantissa. Otherwise the roundings of ``n`` additions are
    modelled as a random walk.

    Parameters
    ----------
    name : str
        Name of the layer.
    rows : float array, shape (neurons, inputs)
        Weights.
    bias : float64 array, shape (neurons,)
        Bias that is a part of the sum.
    reach : float64 array, shape (inputs,) or (neurons, inputs)
        Largest magnitude of each input.
    numbers : float64 array
        Numbers of which all inputs are sums of multiples.
    dtype : numpy dtype
        Data type of the sums.

    Raises
    ------
    SourceError
        If the type is not one of floats.
    """
    if dtype.kind != "f":
        raise SourceError(f"layer {name} must compute in floating point, not in {dtype}")
    precision = np.finfo(dtype).nmant + 1
    magnitude = np.abs(rows).astype(np.float64)
    total = (magnitude * reach).sum(axis=1) + np.abs(bias)
    unit = _power_of_two(numbers) * np.array([_power_of_two(row) for row in magnitude])
    added = np.array([_power_of_two(number) for number in bias])
    unit = np.where(bias == 0, unit, np.minimum(unit, added))
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = (total == 0) | (total / unit <= 2.0 ** precision)
    return np.where(exact, 0.0, np.sqrt(rows.shape[1]) * 2.0 ** -precision * total)


def _power_of_two(values: npt.ArrayLike) -> float:
    """Return the largest power of two that divides all ``values``; 1 if all are 0."""
    values = np.unique(np.abs(values))
    mantissa, exponent = np.frexp(values[(values != 0) & np.isfinite(values)])
    if not mantissa.size:
        return 1.0
    integers = (mantissa * 2.0 ** 53).astype(np.int64)
    return float(np.ldexp((integers & -integers).astype(np.float64), exponent - 53).min())
