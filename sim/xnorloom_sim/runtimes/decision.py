"""Two classes from the single output of a source model."""

import numpy as np

from .base import Runtime, Tensors

__all__ = ["two_classes"]


def two_classes(runtime: Runtime, output: str, boundary: float) -> Runtime:
    """Return ``runtime`` with scores of two classes as its tensor ``output``, shape ``[B, 2]``.

    The score of class 0 is the ``boundary``, that of class 1 what the model gives for the frame, so
    that the first index of the largest score is 1 where the model's output is above the boundary.

    Raises
    ------
    ValueError
        When frames are executed, if the output has more than one number per frame.
    """
    def execute(frames: np.ndarray) -> Tensors:
        tensors = dict(runtime.execute(frames))
        values = np.asarray(tensors[output], np.float64)
        if values.size != len(frames):
            raise ValueError(f"tensor {output!r} must have one number per frame, not the shape "
                             f"{values.shape} for {len(frames)} frames")
        values = values.reshape(len(frames))
        tensors[output] = np.stack([np.full_like(values, boundary), values], axis=1)
        return tensors
    return Runtime(runtime.title, execute)
