# amaranth: UnusedElaboratable=no
"""Summary of a schedule on a graph."""

import json
import re

import numpy as np

from xnorloom.folding.summary import schedule_values, timeline_values
from xnorloom.gateware.network import Network
from xnorloom.graph import Conv, Graph, Input, Pool, Score, Window
from xnorloom.schedule import Fold, Schedule
from xnorloom_cli.tables.schedule import schedule_text


def test_values(random_graph):
    graph = random_graph(np.random.default_rng(1), [12, 5, 3], bits=2)
    schedule = Schedule(4, (Fold(2, 4, "lut"), Fold(3, 5, "wired")))
    values = schedule_values(schedule.bind(graph))
    assert json.loads(json.dumps(values)) == values
    assert (values["input_width"], values["words"], values["interval"]) == (4, 6, 18)
    assert values["frames_per_interval"] == 1
    assert values["lanes"] == 2 * 4 + 3 * 5
    first, last = values["layers"]
    # ceil(12 / 4) synapse folds, ceil(5 / 2) neuron folds, and 2 bit planes.
    assert first == {
        "name": "dense0", "neurons": 5, "inputs": 12, "pe": 2, "simd": 4, "vectors": 1,
        "style": "lut",
        "register_every": 2, "read_register": False, "lanes": 8, "cycles": 18, "depth": 9,
        "buffer": first["buffer"], "bottleneck": True}
    assert (last["cycles"], last["depth"], last["bottleneck"]) == (1, 1, False)


def test_timeline(random_graph):
    graph = random_graph(np.random.default_rng(1), [12, 5, 3], bits=2)
    schedule = Schedule(4, (Fold(2, 4, "lut"), Fold(3, 5, "wired")))
    network = Network(schedule.bind(graph))
    values = timeline_values(network)
    assert [bar["name"] for bar in values] == ["input", "dense0", "score", "argmax"]
    # 6 words of 4 bits; 18 cycles of the first layer, 1 of the second; the class is the end.
    assert [bar["last"] - bar["first"] + 1 for bar in values[:3]] == [6, 18, 1]
    assert values[0]["first"] == 0
    assert [bar["first"] for bar in values] == sorted(bar["first"] for bar in values)
    assert values[-1]["last"] == network.latency


def test_convolutions():
    """Entries of a convolution; the words that it receives may be the bottleneck."""
    rng = np.random.default_rng(2)
    graph = Graph("cnn", Input((6, 5, 2)), (
        Conv("wide", rng.integers(0, 2, (8, 1, 1, 2)), np.ones(8, int), Window((1, 1))),
        Conv("narrow", rng.integers(0, 2, (2, 2, 2, 8)), [9, 16], Window((2, 2), (2, 2)),
             Pool((3, 1))),
        Score("score", rng.integers(0, 2, (3, 4)), [0, 0, 1])))
    plan = Schedule(2, (Fold(8, 2, "wired"), Fold(2, 1, "block"), Fold(3, 4, "wired"))).bind(graph)
    values = schedule_values(plan)
    assert json.loads(json.dumps(values)) == values
    first, narrow, score = values["layers"]
    assert (values["interval"], values["words"]) == (240, 30)
    assert narrow == {
        "name": "narrow", "neurons": 2, "inputs": 32, "pe": 2, "simd": 1, "vectors": 1,
        "style": "block", "register_every": 2, "read_register": False, "lanes": 2, "cycles": 192,
        "depth": 32, "buffer": "ring", "bottleneck": True, "map": [6, 5, 8], "output": [1, 2, 2],
        "kernel": [2, 2], "stride": [2, 2], "dilation": [1, 1], "groups": 1,
        "pool": [3, 1], "rows": 12, "received": 240}
    assert (first["bottleneck"], first["received"], score["bottleneck"]) == (False, 30, False)
    assert "map" not in score
    lines = schedule_text(plan).splitlines()
    assert lines[0].split() == ["layer", "map", "kernel", "neurons", "x", "inputs", "PE", "SIMD",
                                "lanes", "cycles", "weights", "depth", "buffer"]
    assert re.fullmatch(r"narrow +6x5x8 +2x2, stride 2x2, pool 3x1 +2 x 32 +2 +1 +2 +192 +block +"
                        r"32 +ring, 12 rows +<- slowest", lines[3])
    assert lines[-1] == "interval 240 cycles between frames, set by layer narrow"
