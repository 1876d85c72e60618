"""ONNX model of an integer graph: plain operators with exact results.

With ``k`` bits per element and ``v = 2x - (2**k - 1)``, a count ``p`` is ``(s + N) / 2``, where
``s`` is the sum of the products of weights ±1 and elements ``v``, and ``N`` the largest count. All
sums are integers within the mantissa of the type that computes them.
"""

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import MissingToolError, XnorloomError
from ..graph import Conv, Dense, Graph, Score
from ..graph.thermometer import Cuts
from ..support.extras import install_hint
from ..support.files import write_atomic
from ..support.text import printable, quoted

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["onnx_model", "write_onnx"]

_OPSET, _IR = 17, 8
# Integers that float32 and float64 hold exactly.
_SINGLE, _DOUBLE = 1 << 24, 1 << 53


def write_onnx(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Write the model of :func:`onnx_model` to a file. Errors as there, and ``OSError``."""
    write_atomic(path, onnx_model(graph).SerializeToString())


def onnx_model(graph: Graph) -> "ModelProto":
    """ONNX model that computes classes and scores of ``graph``.

    Its input ``frames`` has the shape (frames, …) of the graph's input, and elements of uint8, or
    of uint16 for more than 8 bits; for a thermometer, whose cuts the model has, the input is
    ``pixels``, uint8 of the shape of the graph's pixels. Its outputs are ``scores``, int64 of shape
    (frames, classes), and ``class``, int64 of shape (frames,), the first of equal scores. The
    operators are those of opset 17.

    Raises
    ------
    XnorloomError
        If a sum is too large to be exact in an operator; the message names the layer.
    MissingToolError
        If onnx is not installed.
    """
    try:
        import onnx
        from onnx import TensorProto, helper
    except ImportError:
        raise MissingToolError(f"ONNX models need onnx, which is not installed: "
                               f"{install_hint('onnx')}") from None
    _check(graph)
    nodes = _Nodes()
    value = nodes.elements(graph)
    for index, layer in enumerate(graph.layers):
        if isinstance(layer, Conv):
            value = nodes.convolution(graph, index, layer, value)
        else:
            value = nodes.dense(graph, index, layer, value)
    bits = graph.input.bits
    element = TensorProto.UINT8 if bits <= 8 else TensorProto.UINT16
    name, shape = _input(graph)
    model = helper.make_model(
        helper.make_graph(
            nodes.nodes, printable(graph.name),
            [helper.make_tensor_value_info(name, element, ["frames", *shape])],
            [helper.make_tensor_value_info("scores", TensorProto.INT64, ["frames", graph.classes]),
             helper.make_tensor_value_info("class", TensorProto.INT64, ["frames"])],
            nodes.constants),
        producer_name="xnorloom", ir_version=_IR,
        opset_imports=[helper.make_opsetid("", _OPSET)])
    helper.set_model_props(model, {"xnorloom.digest": graph.digest, "xnorloom.bits": str(bits)})
    onnx.checker.check_model(model, full_check=True)
    return model


def _input(graph: Graph) -> tuple[str, tuple[int, ...]]:
    """Name of the input of the model, and the shape of a frame of it."""
    frame = graph.input
    return ("frames", frame.shape) if frame.thermometer is None else ("pixels", frame.pixel_shape)


def _check(graph: Graph) -> None:
    """Check that all sums are exact."""
    for index, layer in enumerate(graph.layers):
        # Elements of padding are subtracted first, which doubles the sums.
        most = 2 * graph.count_max(index)
        # ONNX Runtime convolves numbers of float32 only.
        limit = _SINGLE if isinstance(layer, Conv) else _DOUBLE
        if most >= limit:
            raise XnorloomError(f"network {quoted(graph.name)} cannot be written as ONNX: sums of "
                                f"layer {quoted(layer.name)} reach {most:,}, and its operator is "
                                f"exact below {limit:,}")
    low, high = graph.score_range
    if max(-low, high) >= 1 << 62:
        raise XnorloomError(f"network {quoted(graph.name)} cannot be written as ONNX: its scores "
                            f"reach {max(-low, high):,}, more than 64 bits hold")


class _Nodes:
    """Nodes and constants of a model, in their order.

    Attributes
    ----------
    nodes, constants : list
        Of onnx: ``NodeProto`` and ``TensorProto``.
    """

    def __init__(self):
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._prefix = "input"

    def add(self, operator: str, *inputs: Any, output: str | None = None, **attributes: Any) -> str:
        """Add a node whose inputs are names or constant arrays; return the name of its output."""
        from onnx import helper, numpy_helper

        names = []
        for value in inputs:
            if not isinstance(value, str):
                name = f"{self._prefix}/constant{len(self.constants)}"
                self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
                value = name
            names.append(value)
        output = output or f"{self._prefix}/{operator}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [output], name=output, **attributes))
        return output

    def cast(self, value: str, dtype: Any) -> str:
        from onnx import helper

        return self.add("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def elements(self, graph: Graph) -> str:
        """Elements ``v`` of the input, as a float32 map (channels, rows, columns) or a row."""
        top = (1 << graph.input.bits) - 1
        value = self.cast(_input(graph)[0], np.float32)
        if graph.input.thermometer is None:
            value = self.add("Sub", self.add("Mul", value, np.float32(2)), np.float32(top))
        else:
            value = self._reached(value, graph.input.thermometer)
        if not graph.by_pixel:
            return self.add("Reshape", value, np.array([0, graph.input.size]))
        value = self.add("Reshape", value, np.array([0, *graph.maps[0]]))
        return self.add("Transpose", value, perm=[0, 3, 1, 2])

    def _reached(self, pixels: str, rows: Cuts) -> str:
        """1 for each cut of a thermometer that a pixel reaches, else -1, as (frames, …, cuts)."""
        lengths = [len(row) for row in rows]
        value = self.add("Reshape", pixels, np.array([0, -1, len(rows)]))
        value = self.add("Gather", value, np.repeat(np.arange(len(rows)), lengths), axis=2)
        return self._fires(value, np.concatenate(rows).astype(np.float32))

    def dense(self, graph: Graph, index: int, layer: Dense | Score, value: str) -> str:
        """Activations ±1 of a dense layer, or the outputs of the last one."""
        if index and isinstance(graph.layers[index - 1], Conv):
            value = self.add("Transpose", value, perm=[0, 2, 3, 1])
            value = self.add("Reshape", value, np.array([0, graph.maps[index].size]))
        self._prefix = f"{index}.{printable(layer.name)}"
        planes = graph.planes(index)
        dtype = np.float32 if 2 * graph.count_max(index) < _SINGLE else np.float64
        weights = _signed(layer).T.astype(dtype)
        largest = layer.present_inputs * ((1 << planes) - 1)
        if dtype is np.float64:
            value = self.cast(value, dtype)
        sums = self.add("MatMul", value, weights)
        if isinstance(layer, Score):
            counts = self.add("Div", self.add("Add", self.cast(sums, np.int64), largest),
                              np.int64(2))
            scaled = self.add("Mul", counts, layer.scales) if layer.scaled else counts
            scores = self.add("Add", scaled, layer.offsets.astype(np.int64), output="scores")
            return self.add("ArgMax", scores, output="class", axis=1, keepdims=0)
        return self._fires(sums, (2 * layer.thresholds - largest).astype(dtype))

    def convolution(self, graph: Graph, index: int, layer: Conv, value: str) -> str:
        """Activations ±1 of a convolution after pooling, as a map (channels, rows, columns)."""
        self._prefix = f"{index}.{printable(layer.name)}"
        map, window, planes = graph.maps[index], layer.window, graph.planes(index)
        weights, top = _signed(layer), (1 << planes) - 1
        # Sums with the elements of the padding, which the operator pads with zeros.
        outside = np.zeros(layer.neurons, np.int64)
        if window.pad is not None:
            pads = np.broadcast_to(2 * np.asarray(window.pad, np.int64) - top, layer.channels)
            value = self.add("Sub", value, pads.reshape(-1, 1, 1).astype(np.float32))
            of_group = np.repeat(pads.reshape(layer.groups, -1), layer.neurons // layer.groups,
                                 axis=0)
            outside = np.einsum("nrsc,nc->n", weights, of_group)
        levels = 2 * layer.thresholds - layer.class_counts(map, planes) - outside
        if len(levels) > 1:
            levels = levels[layer.borders(map).classes].transpose(2, 0, 1)
        else:
            levels = levels[0].reshape(-1, 1, 1)
        sums = self.add("Conv", value, weights.transpose(0, 3, 1, 2).astype(np.float32),
                        kernel_shape=window.kernel, strides=window.stride,
                        dilations=window.dilation, pads=window.padding, group=layer.groups)
        fires = self._fires(sums, levels.astype(np.float32))
        if layer.pool is None:
            return fires
        if not layer.least.any():
            return self.add("MaxPool", fires, kernel_shape=layer.pool_size,
                            strides=layer.pool_size)
        # The AND of an area is the negated OR of its negations.
        signs = np.where(layer.least, -1, 1).reshape(-1, 1, 1).astype(np.float32)
        pooled = self.add("MaxPool", self.add("Mul", fires, signs), kernel_shape=layer.pool_size,
                          strides=layer.pool_size)
        return self.add("Mul", pooled, signs)

    def _fires(self, sums: str, levels: np.ndarray) -> str:
        """1 where a sum reaches its level, else -1, as float32."""
        return self.add("Where", self.add("GreaterOrEqual", sums, levels), np.float32(1),
                        np.float32(-1))


def _signed(layer: Conv | Dense | Score) -> np.ndarray:
    """Weights as int64: ±1, and 0 where a synapse is absent."""
    weights = 2 * layer.weights.astype(np.int64) - 1
    return weights if layer.present is None else weights * layer.present
