# amaranth: UnusedElaboratable=no
"""Page docs/schedule.md: the printed schedule, and the formulas on schedules of all kinds."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from xnorloom import Fold, Graph, Network, Schedule, Score
from xnorloom.graph import Conv, Input, Map, Pool, Window
from xnorloom.sharing import solve
from xnorloom_cli.main import main

PAGE = (Path(__file__).parents[2] / "docs" / "schedule.md").read_text()


def test_printed_schedule(tmp_path, capsys):
    [shown] = re.findall(r"^```\n(.*?)^```$", PAGE, re.M | re.S)
    assert main(["compile", "tfc", "-o", str(tmp_path), "--interval", "98"]) == 0
    assert shown in capsys.readouterr().out


def longest_path(solution):
    """Nodes on the longest path of a program."""
    program, levels = solution.program, {}
    for first, node in zip(program.firsts, program.nodes):
        level = 1 + max(levels.get(bit, 0) for bit in node.sources)
        levels |= dict.fromkeys(range(first, first + node.width), level)
    return max(levels.values(), default=0)


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
        if fold.style == "wired":
            bounds = {"offsets": layer.offsets} if isinstance(layer, Score) else {
                "thresholds": layer.thresholds}
            # Counts alone, to be added over bit planes or scaled.
            if steps > 1 or layer.scaled:
                bounds = {}
            levels = max(0, longest_path(solve(2 * layer.weights.astype(int) - 1, **bounds)) - 1)
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


def stage_latency(entry):
    """Cycles ``L + 1`` by the formula of the page, without operand buffer."""
    fold, scaled = entry.fold, isinstance(entry.layer, Score) and entry.layer.scaled
    levels = max(1, math.floor(math.log2(fold.simd)))
    return ((fold.style in ("block", "spram")) + fold.read_register
            + (levels // fold.register_every if fold.register_every else 0)
            + (entry.steps > 1) + scaled * (1 if fold.pe == entry.layer.neurons else 2) + 2)


def last_needed(window, pool, side, axis, output):
    """Last place on the map in the windows of a pooled output, along an axis."""
    last = ((output + 1) * pool[axis] - 1) * window.stride[axis] - window.padding[axis]
    return min(side - 1, last + (window.kernel[axis] - 1) * window.dilation[axis])


def formulas_of_maps(graph, schedule):
    """Latency and interval of a network that begins with convolutions, by the page."""
    width, planes, cycles = schedule.input_width, graph.input.bits, []
    plan = schedule.bind(graph)
    rows, columns, channels = graph.maps[0]
    words = planes * rows * columns * math.ceil(channels / width)
    # Each bit plane of each pixel of the input.
    a = [(index + 1) * math.ceil(channels / width) - 1 for index in range(planes * rows * columns)]
    for entry, map in zip(plan.layers, graph.maps):
        layer, fold = entry.layer, entry.fold
        rows, columns, channels = map
        if isinstance(layer, Conv):
            groups = max(1, fold.pe * layer.groups // layer.neurons)
            needed = math.ceil(channels / (fold.simd * groups))
            cycles.append(planes * rows * columns * max(needed, math.ceil(channels / width)))
            if width != fold.simd * groups:
                b = -math.inf
                for index, arrived in enumerate(a):
                    b = max(arrived + 2, b + needed)
                    a[index] = b + needed - 1
            a = a[planes - 1::planes]
            high, wide = layer.pool_size
            down, across, _ = layer.output(map)
            w = (high * wide * layer.window.taps * math.ceil(layer.weights.shape[3] / fold.simd)
                 * math.ceil(layer.neurons / fold.pe) * planes)
            r, done = -math.inf, []
            for y in range(down):
                row = last_needed(layer.window, layer.pool_size, rows, 0, y)
                for x in range(across):
                    column = last_needed(layer.window, layer.pool_size, columns, 1, x)
                    r = max(a[row * columns + column] + 1, r + w)
                    done.append(r + w + stage_latency(entry))
            cycles.append(w * down * across)
        else:
            n = rows * columns * math.ceil(channels / width) * width if len(a) > 1 else layer.inputs
            folds = math.ceil(layer.neurons / fold.pe)
            cycles.append(math.ceil(n / fold.simd) * folds * planes)
            direct = folds == 1 and width == fold.simd
            done = [a[-1] + (0 if direct else 2 + cycles[-1] - 1) + stage_latency(entry)]
        a, width, planes = done, fold.pe, 1
    return a[-1] + math.ceil(math.log2(width)) + 1, max(words, *cycles)


@pytest.mark.parametrize("seed", range(40))
def test_formulas_of_convolutions(seed):
    rng = np.random.default_rng(seed)

    def some(low, high):
        return int(rng.integers(low, high + 1))

    map, layers, bits = Map(some(4, 9), some(4, 9), some(1, 6)), [], some(1, 3)
    graph_input = Input(tuple(map), bits)
    for index in range(some(1, 2)):
        kernel = (some(1, min(3, map.rows)), some(1, min(3, map.columns)))
        padding = (some(0, kernel[0] - 1), 0, some(0, kernel[0] - 1), some(0, kernel[1] - 1))
        window = Window(kernel, (some(1, 2), some(1, 2)), padding=padding, pad=0)
        outputs = window.outputs(map.rows, map.columns)
        pool = Pool((some(1, min(2, outputs[0])), some(1, min(2, outputs[1]))))
        groups = map.channels if seed % 5 == 0 else 1
        neurons = some(1, 6) * groups
        layers.append(Conv(f"conv{index}",
                           rng.integers(0, 2, (neurons, *kernel, map.channels // groups)),
                           np.ones(neurons, int), window, pool, groups))
        map = layers[-1].output(map)
    layers.append(Score("score", rng.integers(0, 2, (3, map.size)), [0, 1, 2]))
    graph, folds = Graph("cnn", graph_input, layers), []
    for layer in layers:
        if isinstance(layer, Conv):
            # Whole groups, one or all at once.
            pe = (some(1, layer.neurons) if layer.groups == 1 else
                  layer.neurons // (layer.groups if seed % 2 else 1))
            fold = Fold(pe, some(1, layer.weights.shape[3]), "block", some(0, 3), bool(some(0, 1)))
        else:
            fold = Fold(some(1, 3), some(1, layer.inputs), "lut", some(0, 3))
        folds.append(fold)
    schedule = Schedule(some(1, graph.maps[0].channels), folds)
    network = Network(schedule.bind(graph))
    assert (network.latency, network.interval) == formulas_of_maps(graph, schedule)


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
