"""Summary of a schedule on a graph."""

import json

import numpy as np

from xnorloom.folding.summary import schedule_values
from xnorloom.schedule import Fold, Schedule


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
