"""Interface of the runtimes that execute source models."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["MOST_FRAMES", "Execute", "Runtime", "Tensors"]

MOST_FRAMES = 500
"""Maximum number of frames per execution."""

Tensors = dict[str, np.ndarray]
Execute = Callable[[np.ndarray], Tensors]


@dataclass(frozen=True, eq=False)
class Runtime:
    """A source model, ready to run.

    Parameters
    ----------
    title : str
        Name and version of the program that runs it.
    execute : callable
        Takes frames of shape ``[B, *shape of the input]`` in the data type of the model, at most
        ``MOST_FRAMES``, and returns the requested tensors by name, batch first.
    """

    title: str
    execute: Execute
