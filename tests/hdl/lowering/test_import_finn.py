"""FINN's streamlining as an independent reference, and files of older FINN and Brevitas."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from xnorloom import frontend
from xnorloom.graph import Dense
from xnorloom.lowering.lower import lower

BREVITAS = "tfc_1w1a_mnist_brevitas_qonnx_torchscript"
KEPT = ("tfc_finn_streamlined", "tfc_finn_xnor")


def graph_of(path):
    return lower(frontend.load(path), "u8/255").graph


def of_finn(path):
    """Weights as bits (neurons, inputs), and thresholds, of the layers after the first."""
    model = onnx.load(path)
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    weights = [arrays[node.input[1]].T > 0 for node in model.graph.node if "MatMul" in node.op_type]
    thresholds = [arrays[node.input[1]] for node in model.graph.node
                  if node.op_type == "MultiThreshold"]
    return weights, [values[:, 0] for values in thresholds[1:]]


@pytest.mark.parametrize("name", KEPT)
def test_thresholds_are_those_of_finn(sources, name):
    """A MultiThreshold fires iff its input is at least T: the ±1 product 2p - n, or the count p of
    an XnorPopcountMatMul."""
    weights, thresholds = of_finn(sources.kept(name))
    ours = graph_of(sources.kept(BREVITAS))
    agreeing = 0
    for layer, bits, values in zip(ours.layers, weights, thresholds):
        assert isinstance(layer, Dense)
        n = layer.inputs
        counts = values if name.endswith("xnor") else (values + n) / 2
        expected = np.ceil(counts).clip(0, n + 1).astype(np.int64)
        dead = (layer.thresholds == 0) | (layer.thresholds == n + 1)
        np.testing.assert_array_equal(layer.weights[~dead], bits[~dead])
        np.testing.assert_array_equal(layer.thresholds[~dead], expected[~dead])
        agreeing += (~dead).sum()
    # One of 192 neurons is dead.
    assert agreeing == 191
    np.testing.assert_array_equal(ours.layers[-1].weights, weights[-1])


def test_all_three_files_are_the_same_graph(sources):
    brevitas, *finn = (graph_of(sources.kept(name)) for name in (BREVITAS, *KEPT))
    assert finn == [brevitas, brevitas]


@pytest.mark.parametrize("name, domain", [
    (BREVITAS, "onnx.brevitas"),
    ("tfc_finn_streamlined", "finn.custom_op.general"),
    ("tfc_finn_streamlined", "finn"),
    ("tfc_finn_xnor", "finn.custom_op.general"),
])
def test_domains_of_earlier_versions(sources, name, domain):
    path = sources.kept(name)
    old = sources.changed(f"{name}-{domain}", path, lambda model: sources.renamed(model, domain))
    assert {node.domain for node in onnx.load(old).graph.node} == {"", domain}
    assert graph_of(old) == graph_of(path)
