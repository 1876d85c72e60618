"""Committed convolutional networks on real images: PyTorch, both golden models, the gateware.

The recipes compare the trained module with the graph before they write it. Here a second module of
plain numbers -1 and +1, made from the file, stands for it.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from xnorloom.folding import automatic
from xnorloom.graph import Conv, Graph, Score, Window
from xnorloom.graph.pixels import encode
from xnorloom_sim import data, golden
from xnorloom_sim.simulation import compare, simulate

MODELS = Path(__file__).parents[2] / "models"
# Data set, images for PyTorch and the golden models, interval and frames of the simulation. Long
# intervals make small networks, which compile in seconds.
CASES = {
    "mnist-cnn": ("mnist", 100, 60_000, 20),
    "mnist-cnn-accurate": ("mnist", 100, 100_000, 5),
    "fashion-cnn": ("fashion", 100, 100_000, 5),
    "cnv-digits": ("photo-digits", 20, 300_000, 3),
    "vowels": ("vowels", 100, 3_000, 20),
}


@pytest.fixture(scope="module")
def frames_of(import_example):
    """``frames_of(kind, graph, count)``: the first test images of a set as frames of a graph."""
    def frames(kind, graph, count):
        testing = (import_example("photo_digits").load_test() if kind == "photo-digits" else
                   import_example("vowels").load("test") if kind == "vowels" else
                   data.load(f"{kind}:test"))
        return encode(graph.input, testing.images[:count]).reshape(count, graph.input.size)
    return frames


def with_torch(graph, frames):
    """Activations and scores by PyTorch's convolutions and pools of numbers, without padding."""
    top, found = (1 << graph.input.bits) - 1, []
    values = torch.from_numpy(2.0 * frames - top)
    for layer, map in zip(graph.layers, graph.maps):
        weights = torch.from_numpy(2.0 * layer.weights - 1)
        if isinstance(layer, Conv):
            assert layer.window == Window(layer.window.kernel)
            assert (layer.groups, layer.least.any()) == (1, False)
            images = values.reshape(-1, *map).permute(0, 3, 1, 2)
            sums = functional.conv2d(images, weights.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        else:
            sums = functional.linear(values.reshape(len(frames), -1), weights)
        counts = (sums + weights[0].numel() * top) / 2
        if isinstance(layer, Score):
            return counts.numpy() + layer.offsets, found
        values = torch.where(counts >= torch.tensor(layer.thresholds), 1.0, -1.0).double()
        if isinstance(layer, Conv):
            pooled = functional.max_pool2d(values.permute(0, 3, 1, 2), layer.pool_size)
            values = pooled.permute(0, 2, 3, 1)
        values, top = values.reshape(len(frames), -1), 1
        found.append((values > 0).numpy())
    raise AssertionError("a graph ends in a score")


@pytest.mark.parametrize("name", CASES)
def test_torch_and_golden_models(name, frames_of):
    kind, count, _, _ = CASES[name]
    graph = Graph.load(MODELS / f"{name}.bnn")
    frames = frames_of(kind, graph, count)
    scores, activations = with_torch(graph, frames)
    for path in (golden.evaluate, golden.evaluate_packed):
        result = path(graph, frames)
        np.testing.assert_array_equal(result.scores, scores)
        for found, wanted in zip(result.activations, activations, strict=True):
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", [
    # The program of CNV takes half a minute to compile.
    pytest.param(name, marks=[pytest.mark.full] if name == "cnv-digits" else []) for name in CASES])
def test_compiled_simulation(name, frames_of):
    kind, _, interval, count = CASES[name]
    graph = Graph.load(MODELS / f"{name}.bnn")
    frames = frames_of(kind, graph, count)
    result = simulate(automatic(graph, interval).bind(graph), frames, engine="compiled")
    comparison = compare(result, golden.evaluate_packed(graph, frames))
    assert (len(result.classes), comparison.mismatches) == (count, 0)
