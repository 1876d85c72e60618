# amaranth: UnusedElaboratable=no
"""Wired layers after synthesis: a trained layer on random, near and extreme inputs."""

from pathlib import Path

import numpy as np
import pytest

from xnorloom.gateware.layer import Layer
from xnorloom.graph import Dense, Graph
from xnorloom.schedule import Fold, LayerPlan
from xnorloom_sim import harness
from xnorloom_sim.netlist.component import FAMILIES, Netlist

TFC = Path(__file__).parents[3] / "models" / "tfc.bnn"


# All 64 neurons take a minute of processor time for each family.
@pytest.mark.parametrize("neurons", [16, pytest.param(64, marks=pytest.mark.full)])
@pytest.mark.parametrize("family", FAMILIES)
def test_trained_layer(family, neurons):
    layer = Graph.load(TFC).layers[1]
    layer = Dense("part", layer.weights[:neurons], layer.thresholds[:neurons])
    dut = Layer(LayerPlan(layer, Fold(neurons, 64, "wired", 3)))
    netlist = Netlist(dut, family)
    rng = np.random.default_rng(5)
    near = layer.weights ^ (rng.random((neurons, 64)) < 0.3)
    frames = np.concatenate([rng.integers(0, 2, (300, 64)), near, 1 - near, layer.weights,
                             np.zeros((1, 64)), np.ones((1, 64))]).astype(np.uint8)
    # Inputs at which a neuron just reaches its threshold, and just misses it.
    for neuron, threshold in enumerate(layer.thresholds):
        for count in (threshold - 1, threshold):
            agree = np.zeros(64, np.uint8)
            agree[rng.permutation(64)[:count]] = 1
            frames = np.concatenate([frames, [1 ^ layer.weights[neuron] ^ agree]])
    expected = (frames[:, None] == layer.weights).sum(axis=2) >= layer.thresholds
    words = np.packbits(frames, axis=1, bitorder="little")
    for stall in (None, harness.Stall(3, i=0.3, o=0.4)):
        trace = harness.run(netlist, words, len(frames), engine="compiled", stall=stall)
        outputs = np.unpackbits(trace.outputs, axis=1, count=neurons, bitorder="little")
        assert np.array_equal(outputs, expected)
        if stall is None:
            # A frame in every cycle.
            latency = dut.latency
            assert trace.o_cycles.tolist() == list(range(latency, latency + len(frames)))
