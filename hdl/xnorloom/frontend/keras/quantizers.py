"""Quantizers of Larq and activations of Keras, as functions of float32 arrays.

They follow Larq 0.14 operation by operation. Its sign is ``sign(sign(x) + 0.1)``, so that the sign
of 0 is +1.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import SourceError
from ...support.text import quoted
from ..rising import RISING
from .config import entry

__all__ = ["QUANTIZERS", "elementwise", "function_name", "quantized"]

_Function = Callable[[npt.NDArray], npt.NDArray]

# Names of functions, and older names, by which the classes are known.
_ALIASES = {"ste_sign": "SteSign", "approx_sign": "ApproxSign", "swish_sign": "SwishSign",
            "ste_heaviside": "SteHeaviside", "ste_tern": "SteTern", "dorefa_quantizer": "DoReFa",
            "magnitude_aware_sign": "MagnitudeAwareSign", "DoReFaQuantizer": "DoReFa",
            "NoOpQuantizer": "NoOp"}
QUANTIZERS = (*sorted(set(_ALIASES.values())), "DoReFaQuantizer", "NoOpQuantizer")


def _sign(x: npt.NDArray) -> npt.NDArray:
    return np.sign(np.sign(x) + np.float32(0.1))


def _heaviside(x: npt.NDArray) -> npt.NDArray:
    return np.sign(np.maximum(x, np.float32(0)))


def _ternary(threshold: np.float32) -> _Function:
    return lambda x: np.sign(np.sign(x + threshold) + np.sign(x - threshold))


def _magnitude(kernel: npt.NDArray) -> npt.NDArray:
    """Average magnitude for each index of the last axis."""
    rows = np.abs(kernel).reshape(-1, kernel.shape[-1])
    return rows.mean(axis=0, dtype=np.float64).astype(np.float32)


def _rounded(steps: int) -> _Function:
    """Make the quantizer of numbers from 0 to 1 to ``steps`` steps; halves round to even."""
    n = np.float32(steps)
    return lambda x: np.rint(np.clip(x, np.float32(0), np.float32(1)) * n) / n


_FUNCTIONS: dict[str, _Function | None] = {
    "linear": None, "NoOp": None, "SteSign": _sign, "ApproxSign": _sign, "SwishSign": _sign,
    "SteHeaviside": _heaviside, "sign": np.sign,
    "hard_tanh": lambda x: np.clip(x, np.float32(-1), np.float32(1)),
    "relu": lambda x: np.maximum(x, np.float32(0)),
    **{name: function for name, (function, _) in RISING.items()},
}


def elementwise(spec: Any, what: str) -> _Function | None:
    """Return the function of the configuration entry ``spec``; None for the identity.

    Raises
    ------
    SourceError
        If it is unknown or not elementwise; ``what`` names the entry.
    """
    name, config = _parsed(spec, what)
    if name in _FUNCTIONS:
        return _FUNCTIONS[name]
    if name == "SteTern" and not config.get("ternary_weight_networks"):
        return _ternary(_number(config, "threshold_value", 0.05, what))
    if name == "DoReFa" and config.get("mode", "activations") == "activations":
        return _rounded((1 << _bits(config, what)) - 1)
    if name in ("SteTern", "DoReFa", "MagnitudeAwareSign"):
        raise SourceError(f"{what} must be elementwise, but {name}, as it is set, "
                          f"depends on all frames of a batch")
    raise _unknown(name, what)


def function_name(spec: Any, what: str) -> str:
    """Return the name in a configuration entry; for a quantizer its class.

    Raises
    ------
    SourceError
        If it has no name.
    """
    return _parsed(spec, what)[0]


def quantized(kernel: npt.NDArray[np.float32], spec: Any, what: str) -> npt.NDArray[np.float32]:
    """Quantize a kernel, shape (..., neurons), by the configuration entry ``spec``.

    A kernel that was saved quantized stays as it is.

    Raises
    ------
    SourceError
        For the reasons given at :func:`elementwise`, or if the weights have more than one bit.
    """
    name, config = _parsed(spec, what)
    if name == "MagnitudeAwareSign":
        return _magnitude(kernel) * _sign(kernel)
    if name == "SteTern" and config.get("ternary_weight_networks"):
        total = np.abs(kernel).sum(dtype=np.float64)
        return _ternary(np.float32(0.7 * total / kernel.size))(kernel)
    if name == "DoReFa" and config.get("mode") == "weights":
        if (bits := _bits(config, what)) != 1:
            raise SourceError(f"{what} must give weights of one bit, not DoReFa with k_bit={bits}")
        bounded = np.tanh(kernel)
        largest = np.abs(bounded).max() or np.float32(1)
        half = np.float32(0.5)
        return np.float32(2) * np.rint(bounded / (2 * largest) + half) - np.float32(1)
    function = elementwise(spec, what)
    return kernel if function is None else function(kernel).astype(np.float32)


def _parsed(spec: Any, what: str) -> tuple[str, dict[str, Any]]:
    """Return name and configuration of an entry: None, a name, a function or an object."""
    config: Any = {}
    if isinstance(spec, dict):
        name = entry(spec, "class_name", str, what)
        config = spec.get("config")
        if name == "function":
            name = config
            config = {}
    else:
        name = "linear" if spec is None else spec
    if not isinstance(name, str) or not name.isprintable():
        raise SourceError(f"{what} must be a word or an object, not {quoted(spec)}")
    name = name.rsplit(">", 1)[-1]
    return _ALIASES.get(name, name), config if isinstance(config, dict) else {}


def _number(config: dict[str, Any], key: str, default: float, what: str) -> np.float32:
    value = config.get(key, default)
    if type(value) not in (int, float) or not abs(value) < 1e30:
        raise SourceError(f"{key} of {what} must be a number, not {quoted(value)}")
    return np.float32(value)


def _bits(config: dict[str, Any], what: str) -> int:
    bits = config.get("k_bit", 2)
    if type(bits) is not int or not 1 <= bits <= 16:
        raise SourceError(f"k_bit of {what} must be an integer in 1 to 16, not {quoted(bits)}")
    return bits


def _unknown(name: str, what: str) -> SourceError:
    known = sorted({*_FUNCTIONS, *_ALIASES.values()})
    return SourceError(f"{what} is {quoted(name)}, which is not supported; these are: "
                       f"{', '.join(known)}")
