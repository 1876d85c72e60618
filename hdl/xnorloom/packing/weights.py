"""Packing of weights into words of ROMs and SPRAMs."""

import numpy as np

from ..schedule import LayerPlan, Plan
from ..target.device import SPRAM_WIDTH

__all__ = ["load_words", "weight_bits", "weight_words"]


def weight_bits(plan: LayerPlan) -> np.ndarray:
    """Return the bits of the weight words, shape (depth, lanes).

    A word has ``simd`` weights of each of ``pe`` neurons, of the synapses in ``plan.order``.
    Gaps, and padding of the last neurons, are 1.
    """
    layer, fold = plan.layer, plan.fold
    padded = np.ones((plan.neuron_folds * fold.pe, plan.synapse_folds * fold.simd), np.uint8)
    order = plan.order.reshape(-1)
    weights = layer.weights.reshape(layer.neurons, -1)
    padded[:layer.neurons, order >= 0] = weights[:, order[order >= 0]]
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
    of neuron ``j * pe + p`` for synapse ``order[k, s]``, or 1 if either does not exist. RAM ``r``
    has lanes ``16 * r`` to ``16 * r + 15`` from bit 0 on, and 0 after the last lane.

    Returns
    -------
    array of uint16, shape (ceil(lanes / 16) * depth,)
    """
    bits = weight_bits(plan)
    rams = -(-plan.fold.lanes // SPRAM_WIDTH)
    padded = np.pad(bits, ((0, 0), (0, rams * SPRAM_WIDTH - plan.fold.lanes)))
    columns = padded.reshape(len(bits), rams, SPRAM_WIDTH).swapaxes(0, 1)
    octets = np.packbits(columns.reshape(-1, SPRAM_WIDTH), axis=1, bitorder="little")
    # The order of the octets in memory is that of the columns, whatever numpy chose.
    return np.ascontiguousarray(octets).view("<u2").ravel().astype(np.uint16)
