# amaranth: UnusedElaboratable=no
"""Page docs/schedule.md: the printed schedule, and the formulas on schedules of all kinds."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from xnorloom import Fold, Graph, Network, Schedule, Score
from xnorloom_cli.main import main

PAGE = (Path(__file__).parents[2] / "docs" / "schedule.md").read_text()


def test_printed_schedule(tmp_path, capsys):
    [shown] = re.findall(r"^```\n(.*?)^```$", PAGE, re.M | re.S)
    assert main(["compile", "tfc", "-o", str(tmp_path), "--interval", "98"]) == 0
    assert shown in capsys.readouterr().out


def formulas(graph, schedule):
    """Latency and interval by the formulas of the page."""
    width, cycles, latency = schedule.input_width, [], 0
    words = graph.input.bits * math.ceil(graph.input.size / width)
    for index, (layer, fold) in enumerate(zip(graph.layers, schedule.folds)):
        steps = math.ceil(layer.inputs / fold.simd) * graph.planes(index)
        neurons = math.ceil(layer.neurons / fold.pe)
        cycles.append(neurons * steps)
        direct = neurons == 1 and width == fold.simd
        levels = max(1, math.floor(math.log2(fold.simd)))
        latency += 0 if direct else 2 + cycles[-1] - 1
        if fold.style in ("block", "spram"):
            latency += 1
        latency += fold.read_register
        latency += levels // fold.register_every if fold.register_every else 0
        latency += steps > 1
        if isinstance(layer, Score) and layer.scaled:
            latency += 1 if fold.pe == layer.neurons else 2
        latency += 1 + 1
        width = fold.pe
    return words - 1 + latency + math.ceil(math.log2(width)) + 1, max(words, *cycles)


@pytest.mark.parametrize("seed", range(60))
def test_formulas(random_graph, seed):
    rng = np.random.default_rng(seed)
    sizes = [int(size) for size in rng.integers(2, 40, 4)]
    graph = random_graph(rng, sizes, int(rng.integers(1, 4)))
    if seed % 2:
        last = graph.layers[-1]
        scaled = Score("score", last.weights, last.offsets, rng.integers(1, 5, last.neurons))
        graph = Graph("scaled", graph.input, (*graph.layers[:-1], scaled))
    folds, width = [], int(rng.integers(1, sizes[0] + 1))
    for layer in graph.layers:
        style = str(rng.choice(["lut", "block", "wired"]))
        pe, simd = ((layer.neurons, layer.inputs) if style == "wired" else
                    (int(rng.integers(1, layer.neurons + 1)),
                     int(rng.integers(1, layer.inputs + 1))))
        folds.append(Fold(pe, simd, style, int(rng.integers(0, 4)),
                          style != "wired" and bool(rng.integers(2))))
    schedule = Schedule(width, folds)
    network = Network(schedule.bind(graph))
    assert (network.latency, network.interval) == formulas(graph, schedule)
