"""Reader of the layers of a Keras network: what all kinds of layers share."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import SourceError
from ...support.text import quoted
from ..chain import Chain
from ..program import Operand
from ..rising import RISING
from .config import Layer
from .file import KerasFile
from .quantizers import elementwise, quantized

__all__ = ["Reader", "finite"]

_ERRORS = dict(RISING.values())


class Reader(Chain):
    """Appends the steps of layers in order, each under the name of its layer.

    Attributes
    ----------
    notes : list of str
        Remarks for the user.
    declared_preprocessing : str or None
        Preprocessing of the input that a layer declares.
    left_out : bool
        The activation of the current layer is left out.
    """

    def __init__(self, file: KerasFile, shape: tuple[int, ...], dtype: np.dtype):
        super().__init__(shape, dtype)
        self.input_dtype = dtype
        self.notes: list[str] = []
        self.declared_preprocessing: str | None = None
        self.left_out = False
        self._file = file

    def compute(self, layer: Layer, function: Callable[..., npt.NDArray], *constants: Operand,
                part: str = "") -> None:
        """Append an elementwise function; ``part`` is added to the name of the layer."""
        self.check_float(layer)
        name = layer.name + part
        self.elementwise(name, name, function, *constants, error=_ERRORS.get(function))

    def check_float(self, layer: Layer) -> None:
        """Refuse integers, which only a Rescaling takes."""
        if self.dtype != np.float32:
            raise SourceError(f"{layer.title} must come after a Rescaling, as the input is "
                              f"{self.dtype}")

    def apply(self, layer: Layer, spec: Any, key: str, part: str = "") -> None:
        """Append the function of the configuration entry ``spec`` called ``key``."""
        function = elementwise(spec, f"{key} of {layer.title}")
        if function is not None:
            self.compute(layer, function, part=part)

    def weights(self, layer: Layer,
                shapes: dict[str, tuple[int, ...]]) -> dict[str, npt.NDArray[np.float32]]:
        """Read the weights of a layer; see :meth:`.file.KerasFile.weights`."""
        return self._file.weights(layer.name, layer.kind, shapes)

    def linear(self, layer: Layer, key: str, shape: tuple[int, ...], outputs: int,
               append: Callable[[str, npt.NDArray[np.float32]], None]) -> None:
        """Append a linear layer with its input quantizer, bias and activation.

        Parameters
        ----------
        layer : Layer
            The layer.
        key : str
            Name of its kernel: ``kernel`` or ``depthwise_kernel``.
        shape : tuple of int
            Shape of the kernel.
        outputs : int
            Size of the bias.
        append : callable
            Appends the step of the sums, called a name, with the quantized kernel.
        """
        use_bias = layer.get("use_bias", bool, True)
        arrays = self.weights(layer, {key: shape, **({"bias": (outputs,)} if use_bias else {})})
        quantizer = "kernel_quantizer" if key == "kernel" else "depthwise_quantizer"
        kernel = quantized(arrays[key], layer.config.get(quantizer),
                           f"{quantizer} of {layer.title}")
        self.apply(layer, layer.config.get("input_quantizer"), "input_quantizer",
                   "/input_quantizer")
        self.check_float(layer)
        function = None
        if not self.left_out:
            function = elementwise(layer.config.get("activation"), f"activation of {layer.title}")
        append(layer.name + ("/MatMul" if use_bias or function is not None else ""), kernel)
        if use_bias:
            self.compute(layer, np.add, arrays["bias"],
                         part="/BiasAdd" if function is not None else "")
        if function is not None:
            self.compute(layer, function)


def finite(layer: Layer, key: str, default: float | None = None) -> np.float32:
    """Return the number ``key`` of a layer's configuration.

    Raises
    ------
    SourceError
        If it is missing without a default, no number, or too large.
    """
    value = layer.get(key, (int, float), default)
    # An integer in JSON may be too large for a float.
    if not abs(value) < 1e30:
        raise SourceError(f"{key} of {layer.title} must be a finite number, not {quoted(value)}")
    return np.float32(value)
