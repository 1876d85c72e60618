"""Computation with numpy arrays while a model is read, bounded in memory."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...support.text import first_line
from .file import LARGEST
from .node import Node

__all__ = ["INCOMPATIBLE", "check_broadcast", "check_size", "compute"]

# Exceptions of numpy and Python for incompatible operands.
INCOMPATIBLE = (ValueError, TypeError, IndexError, OverflowError, MemoryError, ZeroDivisionError,
                RuntimeError)


def check_size(*shape: int) -> None:
    """Raise ``ValueError`` if an array of ``shape`` has more than ``LARGEST`` elements."""
    if math.prod(int(size) for size in shape) > LARGEST:
        raise ValueError(f"the result would have more than {LARGEST} elements")


def check_broadcast(*arrays: np.ndarray) -> None:
    """Call :func:`check_size` for the result of an elementwise function of ``arrays``."""
    check_size(*np.broadcast_shapes(*(array.shape for array in arrays)))


def compute(node: Node, function: Callable[..., Any], *arrays: np.ndarray | None) -> Any:
    """Compute ``function(*arrays)``, with an error of ``node`` if they are incompatible."""
    try:
        with np.errstate(all="ignore"):
            return function(*arrays)
    except INCOMPATIBLE as error:
        raise node.error(f"cannot be computed: {first_line(error).rstrip('.')}") from None
