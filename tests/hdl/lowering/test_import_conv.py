"""Convolutional networks of real tools, layer by layer against ONNX Runtime."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from xnorloom import frontend
from xnorloom.graph import Conv, Dense, Score
from xnorloom.graph.pixels import encode
from xnorloom.lowering.lower import lower
from xnorloom_sim import golden

# Name: preprocessing, kinds of the layers, C for a convolution with padding that counts nothing.
NETS = {
    "same sizes": ("bipolar", "cCs"), "zero padding": ("bipolar", "CCs"),
    "pool after the sign": ("bipolar", "Ccs"), "pool before the norm": ("bipolar", "Ccs"),
    "pool before the sign": ("bipolar", "cs"), "groups": ("bipolar", "ccs"),
    "depthwise": ("bipolar", "cCs"),
    "padded by minus one": ("bipolar", "ccs"), "scaled weights": ("bipolar", "Ccs"),
    "kernel of the whole map": ("bipolar", "cdds"), "average": ("bipolar", "ccs"),
    "average before the scores": ("bipolar", "cs"), "scores by position": ("bipolar", "cs"),
    "sequence": ("bipolar", "Ccs"), "ternary": ("bipolar", "Ccs"), "brevitas": ("bipolar", "ccs"),
    "brevitas padded": ("bipolar", "CCs"), "brevitas of eight bits": ("u8/255", "cCs"),
}


# The newer exporter takes seconds, and puts batch norms into the convolutions before them.
DYNAMO = ("pool before the norm", "padded by minus one", "average before the scores",
          "brevitas of eight bits")


@pytest.mark.parametrize(("name", "exporter"), [
    *((name, "torchscript") for name in NETS), *((name, "dynamo") for name in DYNAMO)])
def test_import_conv(sources, name, exporter):
    preprocessing, kinds = NETS[name]
    path = sources.conv(name, exporter)
    pixels = np.random.default_rng(3).integers(0, 256, (200, 500), dtype=np.uint8)
    lowered, _ = sources.compare(path, preprocessing, pixels)
    letters = ""
    for layer in lowered.graph.layers:
        letters += {Conv: "c", Dense: "d", Score: "s"}[type(layer)]
        if isinstance(layer, Conv) and layer.window.skips:
            letters = letters[:-1] + "C"
    assert letters == kinds


@pytest.mark.parametrize("name", ["pool after the sign", "depthwise", "brevitas padded"])
def test_convolutions_that_finn_lowered(sources, name):
    """Im2Col and a product, in the order of their channels last, are the same graph."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.fold_constants import FoldConstants
    from qonnx.transformation.infer_shapes import InferShapes
    from qonnx.transformation.lower_convs_to_matmul import LowerConvsToMatMul

    path = sources.conv(name, "torchscript")
    model = ModelWrapper(str(path)).transform(InferShapes())
    model = model.transform(FoldConstants(exclude_op_types=[]))
    lowered = sources.changed(f"lowered {name}", path,
                              lambda _: model.transform(LowerConvsToMatMul()).model)
    kinds = {node.op_type for node in onnx.load(lowered).graph.node}
    assert {"Im2Col", "MatMul"} <= kinds
    one, other = (lower(frontend.load(file), "bipolar") for file in (path, lowered))
    assert one.graph == other.graph


def test_finn_996_zero_padding_of_a_bipolar_map_is_exact(sources):
    """Zeros around numbers ±1 are neither: in FINN's streamlined networks they became -1."""
    pixels = np.random.default_rng(4).integers(0, 256, (100, 84), dtype=np.uint8)
    # Fails where a neuron or a class differs from ONNX Runtime's.
    lowered, wanted = sources.compare(sources.conv("zero padding", "torchscript"), "bipolar",
                                      pixels)
    graph = lowered.graph
    layers = [layer for layer in graph.layers if isinstance(layer, Conv)]
    assert all(layer.window.skips and layer.thresholds.ndim == 2 for layer in layers)
    # Padding by -1 changes activations and classes.
    wrong = replace(graph, layers=(*(
        replace(layer, window=replace(layer.window, pad=0),
                thresholds=layer.thresholds[layer.borders(map).taps.all(axis=(1, 2)).argmax()])
        for layer, map in zip(layers, graph.maps)), *graph.layers[len(layers):]))
    frames = encode(graph.input, pixels.reshape(100, *graph.input.shape))
    assert (golden.evaluate(wrong, frames).classes != wanted.classes).any()
