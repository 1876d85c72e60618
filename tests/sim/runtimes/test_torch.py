"""PyTorch modules as source models: the module as a whole is run and compared."""

import dataclasses
import re

import numpy as np
import pytest
import torch
from torch import nn

from xnorloom import import_model
from xnorloom.errors import SourceError
from xnorloom.graph import Graph
from xnorloom.graph.pixels import encode
from xnorloom.nn import BinaryLinear, Pixels, Sign
from xnorloom_sim.runtimes import select
from xnorloom_sim.verification import SourceModel, frames, verify


def network(bits=1):
    """6 x 5 pixels, 24 and 20 neurons, 4 classes; the second layers are nested."""
    rng, generator = np.random.default_rng(1), torch.Generator().manual_seed(1)

    def norm(neurons):
        module = nn.BatchNorm1d(neurons)
        module.load_state_dict({
            "running_mean": torch.tensor(rng.normal(0, 3, neurons)),
            "running_var": torch.tensor(rng.uniform(1, 9, neurons)),
            "weight": torch.tensor(rng.uniform(-2, 2, neurons)),
            "bias": torch.tensor(rng.normal(0, 0.3, neurons))}, strict=False)
        return module

    body = nn.Sequential(BinaryLinear(24, 20, generator=generator), norm(20), Sign())
    return nn.Sequential(Pixels(bits), nn.Flatten(), BinaryLinear(30, 24, generator=generator),
                         norm(24), Sign(), nn.Dropout(0.5), body,
                         BinaryLinear(20, 4, generator=generator)).eval()


@pytest.mark.parametrize("bits", [1, 3])
def test_verify(bits):
    module = network(bits)
    lowered = import_model(module, shape=(6, 5))
    pixels = frames.random_pixels((6, 5), 700)
    result = verify(lowered.graph, encode(lowered.graph.input, pixels),
                    source=SourceModel(lowered, pixels, module), steps=["source"])
    row = result.rows[0]
    assert result.equal
    assert row.title == f"torch {torch.__version__}"
    assert (row.step, row.frames, row.layers, row.neurons, row.scores, row.classes) == (
        "source", 700, 3, 44, 0, 4)
    assert (row.differences, row.rounding) == (0, 0)


def test_another_graph():
    """PyTorch runs, not the imported program: a threshold of the graph is changed."""
    module = network()
    lowered = import_model(module, shape=(6, 5))
    pixels = frames.random_pixels((6, 5), 300)
    layers = list(lowered.graph.layers)
    thresholds = layers[1].thresholds.copy()
    thresholds[7] += 1
    layers[1] = dataclasses.replace(layers[1], thresholds=thresholds)
    graph = Graph("other", lowered.graph.input, tuple(layers))
    source = SourceModel(lowered, pixels, module)
    result = verify(graph, encode(graph.input, pixels), source=source, steps=["source"])
    assert not result.equal
    assert (result.rows[0].first.layer, result.rows[0].first.neuron) == ("dense1", 7)
    assert "in tensor '6.2'" in str(result.rows[0].first)


def test_module_changed_after_the_import():
    """The row is of PyTorch's module as it is now, not of a copy inside the import."""
    module = network()
    lowered = import_model(module, shape=(6, 5))
    pixels = frames.random_pixels((6, 5), 300)
    with torch.no_grad():
        module[7].weight.neg_()
    result = verify(lowered.graph, encode(lowered.graph.input, pixels),
                    source=SourceModel(lowered, pixels, module), steps=["source"])
    assert result.rows[0].differences > 0
    assert result.rows[0].first.kind == "class"


def test_rounded_sums():
    """Weights of ±0.1: PyTorch's order of additions breaks exact ties."""
    rng = np.random.default_rng(2)
    module = nn.Sequential(nn.Linear(16, 4, bias=False)).eval()
    weights = np.sign(rng.normal(size=(4, 16)))
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor(0.1 * weights))
    lowered = import_model(module, shape=(16,), input="bipolar")
    pixels = frames.random_pixels((16,), 500)
    result = verify(lowered.graph, encode(lowered.graph.input, pixels),
                    source=SourceModel(lowered, pixels, module), steps=["source"])
    with torch.no_grad():
        found = module(torch.tensor(np.where(pixels >= 128, 1, -1), dtype=torch.float32))
    sums = np.where(pixels >= 128, 1, -1) @ weights.T.astype(int)
    differ = found.numpy().argmax(axis=1) != sums.argmax(axis=1)
    assert result.equal
    assert (result.rows[0].differences, result.rows[0].rounding) == (0, differ.sum())


def test_tensors():
    """Outputs by path, of modules that are used twice and that work in place."""
    twice = Sign()
    module = nn.Sequential(twice, nn.ReLU(inplace=True), nn.Sequential(twice)).eval()
    runtime = select.open_model(module, ["0", "1", "2.0"])
    x = np.array([[-2.0, 3.0]], np.float32)
    found = runtime.execute(x)
    assert {name: array.tolist() for name, array in found.items()} == {
        "0": [[-1, 1]], "1": [[0, 1]], "2.0": [[1, 1]]}
    assert not any(leaf._forward_hooks for leaf in module.modules())
    alone = select.open_model(Sign().eval(), [""])
    assert alone.execute(x)[""].tolist() == [[-1, 1]]
    with pytest.raises(SourceError, match=f"^{re.escape('the PyTorch module has no module')} '3'$"):
        select.open_model(module, ["3"])
