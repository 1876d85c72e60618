"""Reduced frames: one element for each channel of a map, in the shape that a step expects.

Elementwise arithmetic after a convolution treats all positions of a channel alike. It is evaluated
on frames in which each channel occurs once, so that a table has the size of the channels instead of
the map.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Layout", "layout_of"]

_Take = slice | npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Layout:
    """Reduced frame of a tensor.

    Parameters
    ----------
    units : int64 array
        Channel of each element of the reduced frame.
    takes : tuple
        Places on each axis of the whole frame that the reduced frame has.
    places : int64 array, shape (channels,)
        Index of each channel in the flattened reduced frame.
    whole : int64 array
        Channel of each element of the whole frame.
    """

    units: npt.NDArray[np.int64]
    takes: tuple[_Take, ...]
    places: npt.NDArray[np.int64]
    whole: npt.NDArray[np.int64]

    def frames(self, values: np.ndarray) -> np.ndarray:
        """Make reduced frames of values ``(B, channels)``."""
        return values[:, self.units]

    def values(self, frames: np.ndarray) -> np.ndarray:
        """Return the values ``(B, channels)`` of reduced frames."""
        return frames.reshape(len(frames), -1)[:, self.places]

    def constant(self, array: np.ndarray) -> np.ndarray | None:
        """Reduce a constant that broadcasts to whole frames, with or without an axis of the batch.

        Returns None if it differs between elements of one channel.
        """
        if self.units.shape == self.whole.shape or array.size == 1:
            return array
        full = np.broadcast_to(array, (1, *self.whole.shape))[0]
        reduced = full[np.ix_(*(np.arange(size)[take] for size, take in
                                zip(full.shape, self.takes)))]
        by_unit = reduced.reshape(-1)[self.places]
        return reduced[np.newaxis] if np.array_equal(by_unit[self.whole], full) else None


def layout_of(whole: npt.NDArray[np.int64]) -> Layout:
    """Reduce frames whose elements belong to the channels ``whole``."""
    takes: list[_Take] = []
    units = whole
    for axis in range(whole.ndim):
        first = units[(slice(None),) * axis + (slice(0, 1),)]
        same = units.shape[axis] > 1 and bool((units == first).all())
        takes.append(slice(0, 1) if same else slice(None))
        units = first if same else units
    wide = [axis for axis, size in enumerate(units.shape) if size > 1]
    if len(wide) == 1:
        # Flattened positions: the first element of each channel stands for the others.
        chosen = np.sort(np.unique(units, return_index=True)[1])
        if len(chosen) < units.shape[wide[0]]:
            takes[wide[0]] = chosen
            units = np.take(units, chosen, wide[0])
    present, first = np.unique(units, return_index=True)
    places = np.zeros(int(whole.max(initial=-1)) + 1, np.int64)
    places[present] = first
    return Layout(units, tuple(takes), places, whole)
