"""Packing of weights into words of ROMs and SPRAMs."""

import numpy as np

from ..schedule import LayerPlan, Plan
from ..target.device import SPRAM_WIDTH

__all__ = ["load_words", "weight_bits", "weight_words"]


def weight_bits(plan: LayerPlan) -> np.ndarray:
    """Return the bits of the weight words, shape (depth, weight_width).

    A word has ``simd`` weights of each of ``pe`` neurons, of the synapses in ``plan.order``.
    Gaps, and padding of the last neurons, are 1. With absent synapses, a word then has as many
    bits that are 1 where the synapse exists.
    """
    bits = _words(plan, plan.layer.weights, 1)
    if not plan.masked:
        return bits
    return np.concatenate([bits, _words(plan, plan.layer.present, 0)], axis=1)


def _words(plan: LayerPlan, synapses: np.ndarray, missing: int) -> np.ndarray:
    """Arrange an array in the shape of the weights by words, shape (depth, lanes)."""
    layer, fold = plan.layer, plan.fold
    padded = np.full((plan.neuron_folds * fold.pe, plan.synapse_folds * fold.simd), missing,
                     np.uint8)
    order = plan.order.reshape(-1)
    rows = synapses.reshape(layer.neurons, -1)
    padded[:layer.neurons, order >= 0] = rows[:, order[order >= 0]]
    words = padded.reshape(plan.neuron_folds, fold.pe, plan.synapse_folds, fold.simd)
    return words.swapaxes(1, 2).reshape(-1, fold.lanes)


def load_words(plan: Plan) -> np.ndarray:
    """Return the words to load into a network: the weights of its layers of style ``spram``.

    Returns
    -------
    array of uint16, shape (words,)
        :func:`weight_words` of these layers in their order; empty if there are none.
    """
    words = [weight_words(layer) for layer in plan.layers if layer.fold.style.loadable]
    return np.concatenate([np.zeros(0, np.uint16), *words])


def weight_words(plan: LayerPlan) -> np.ndarray:
    """Return the weights of a layer as the contents of RAMs of 16 bits, one RAM after another.

    At address ``j * synapse_folds + k``, lane ``p * simd + s`` has the weight (1 for +1, 0 for -1)
    of neuron ``j * pe + p`` for synapse ``order[k, s]``, or 1 if either does not exist. With absent
    synapses, bit ``lanes + p * simd + s`` is 1 if that one exists. RAM ``r`` has the bits
    ``16 * r`` to ``16 * r + 15`` from bit 0 on, and 0 after the last.

    Returns
    -------
    array of uint16, shape (ceil(weight_width / 16) * depth,)
    """
    bits = weight_bits(plan)
    rams = -(-plan.weight_width // SPRAM_WIDTH)
    padded = np.pad(bits, ((0, 0), (0, rams * SPRAM_WIDTH - plan.weight_width)))
    columns = padded.reshape(len(bits), rams, SPRAM_WIDTH).swapaxes(0, 1)
    octets = np.packbits(columns.reshape(-1, SPRAM_WIDTH), axis=1, bitorder="little")
    # The order of the octets in memory is that of the columns, whatever numpy chose.
    return np.ascontiguousarray(octets).view("<u2").ravel().astype(np.uint16)
