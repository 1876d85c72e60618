"""Activations of the layers, from the words that the probes of a network record."""

import numpy as np
import numpy.typing as npt

from xnorloom.schedule import Plan

from .harness import SimulationError, Trace

__all__ = ["activations"]


def activations(plan: Plan, trace: Trace,
                frames: int) -> tuple[npt.NDArray[np.uint8], ...]:
    """Unpack the probed words of ``trace`` into the activations of ``frames`` frames.

    Lanes that have no neuron, and pixels that do not exist, are left out.

    Returns
    -------
    tuple of uint8 arrays of shape ``[frames, m]``
        One for each layer but the last.

    Raises
    ------
    SimulationError
        If another number of words left a layer.
    """
    found = []
    order = _order(plan.vectors, trace.probes.get("batches"), frames)
    for entry, (name, words) in zip(plan.layers[:-1], trace.probes.items()):
        (rows, columns), vectors = entry.output_words, entry.out_vectors
        layer, folds = entry.layer, rows * columns * entry.neuron_folds
        batches = 1 + int(order.max()) // plan.vectors
        if plan.overlaps:
            words = words[:batches * folds]
        if len(words) != batches * folds:
            of = f"{frames} frames" if plan.vectors == 1 else f"{batches} batches"
            raise SimulationError(f"{name}: {len(words)} words left layer {layer.name!r}, "
                                          f"{batches * folds} belong to {of}")
        bits = np.unpackbits(words, axis=1, count=vectors * entry.fold.pe, bitorder="little")
        values = bits.reshape(batches * rows, columns, entry.neuron_folds, vectors, -1)
        values = values.swapaxes(2, 3).reshape(batches * rows, columns * vectors, -1)
        if plan.vectors == 1:
            # The last word of a row may have pixels that do not exist.
            values = values[:, :entry.output.columns]
        values = values.reshape(batches * plan.vectors, entry.output.pixels, -1)[order]
        found.append(values[..., :layer.neurons].reshape(frames, -1))
    return tuple(found)


def _order(vectors: int, masks: npt.NDArray[np.uint8] | None,
           frames: int) -> npt.NDArray[np.int64]:
    """Return the place of each frame among all columns of all batches.

    ``masks`` has the columns with a frame of each batch.
    """
    if masks is None:
        return np.arange(frames)
    places, column = [], 0
    for batch, mask in enumerate(np.unpackbits(masks, axis=1, count=vectors, bitorder="little")):
        for _ in range(int(mask.sum())):
            if not mask[column]:
                raise SimulationError(f"batches: frame {len(places)} belongs to column "
                                              f"{column}, which batch {batch} lacks")
            places.append(batch * vectors + column)
            column = (column + 1) % vectors
    if len(places) != frames:
        raise SimulationError(f"batches: {len(places)} frames were in batches, not "
                                      f"{frames}")
    return np.array(places, np.int64)
