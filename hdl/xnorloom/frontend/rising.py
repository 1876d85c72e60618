"""Sigmoid and tanh, which keep the order of their inputs and which libraries round differently."""

from collections.abc import Callable

import numpy as np

__all__ = ["RISING"]

# Largest deviation of a library from the nearest number, in units of the type's precision. ONNX
# Runtime, TensorFlow and PyTorch differ by up to 2 for numbers of any size.
_UNITS = 4


def _sigmoid(x: np.ndarray) -> np.ndarray:
    wide = np.tanh(x.astype(np.float64) / 2)
    return ((1 + wide) / 2).astype(x.dtype)


def _sigmoid_error(x: np.ndarray) -> np.ndarray:
    # The sigmoid of 0 is 0.5 in all libraries.
    return np.where(x == 0, 0, _UNITS * np.finfo(x.dtype).eps).astype(x.dtype)


def _tanh(x: np.ndarray) -> np.ndarray:
    return np.tanh(x.astype(np.float64)).astype(x.dtype)


def _tanh_error(x: np.ndarray) -> np.ndarray:
    # Relative, so that the sign is certain.
    return np.abs(_tanh(x)) * x.dtype.type(_UNITS * np.finfo(x.dtype).eps)


RISING: dict[str, tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]] = {
    "sigmoid": (_sigmoid, _sigmoid_error), "tanh": (_tanh, _tanh_error)}
"""Functions by name, each with its largest deviation in other libraries."""
