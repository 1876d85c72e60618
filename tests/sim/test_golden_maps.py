"""The golden model of convolutions against loops over the definition, and against PyTorch."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from xnorloom.graph import Conv, Dense, Graph, Input, Map, Pool, Score, Window, input_map
from xnorloom_sim import golden
from xnorloom_sim.golden import evaluate, evaluate_packed, layer_counts

PATHS = [evaluate, evaluate_packed]
PADS = ["code", "codes", "nothing"]


# Random networks


def sides(rng, side, pads):
    """Kernel, stride, dilation, padding before and after along an axis on which they fit."""
    while True:
        taps, stride, dilation = (int(rng.integers(1, most + 1)) for most in (5, 3, 2))
        extent = (taps - 1) * dilation + 1
        before, after = (int(n) for n in rng.integers(0, extent, 2)) if pads else (0, 0)
        outputs = (side + before + after - extent) // stride + 1
        # Where outside contributes nothing, each window must see a tap of the map.
        seen = all(any(0 <= y * stride - before + tap * dilation < side for tap in range(taps))
                   for y in range(outputs))
        if outputs >= 1 and seen:
            return taps, stride, dilation, before, after, outputs


def classes_of(layer, map):
    """Border class of each output, and the elements that each class sees."""
    rows, columns = layer.positions(map)
    window = layer.window
    numbers, seen = [], []
    for axis, outputs in enumerate((rows, columns)):
        places = [tuple(
            0 <= y * window.stride[axis] - window.padding[axis] + tap * window.dilation[axis]
            < map[axis] for tap in range(window.kernel[axis])) for y in range(outputs)]
        if not window.skips:
            places = [(True,) * window.kernel[axis]] * outputs
        distinct = list(dict.fromkeys(places))
        numbers.append([distinct.index(place) for place in places])
        seen.append(distinct)
    table = np.array([[row * len(seen[1]) + column for column in numbers[1]]
                      for row in numbers[0]])
    sizes = [sum(a) * sum(b) * layer.weights.shape[3] for a, b in itertools.product(*seen)]
    return table, sizes


def random_conv(rng, name, map, planes, pad=None, groups=None):
    """A convolution of random sizes that fits ``map``."""
    pad = rng.choice([*PADS, "none"]) if pad is None else pad
    (high, down, lower, top, bottom, rows), (wide, across, farther, left, right, columns) = (
        sides(rng, side, pad != "none") for side in map[:2])
    if groups is None:
        groups = int(rng.choice([n for n in range(1, map.channels + 1) if map.channels % n == 0]))
    neurons = groups * int(rng.integers(1, 4))
    codes = {"code": lambda: int(rng.integers(0, 1 << planes)),
             "codes": lambda: rng.integers(0, 1 << planes, map.channels)}.get(pad, lambda: None)()
    window = Window((high, wide), (down, across), (lower, farther), (top, left, bottom, right),
                    codes)
    pool = None
    if rng.random() < 0.6:
        size = tuple(int(rng.integers(1, min(3, outputs) + 1)) for outputs in (rows, columns))
        pool = Pool(size, rng.integers(0, 2, neurons) if rng.random() < 0.5 else None)
    weights = rng.integers(0, 2, (neurons, high, wide, map.channels // groups))
    draft = Conv(name, weights, np.zeros(neurons, int), window, pool, groups)
    _, seen = classes_of(draft, map)
    tops = [n * ((1 << planes) - 1) for n in seen]
    thresholds = np.array([rng.integers(0, top + 2, neurons) if rng.random() < 0.2 else
                           np.clip(rng.normal(top / 2, top / 6, neurons).round(), 0, top + 1)
                           for top in tops]).astype(int)
    return Conv(name, weights, thresholds if len(tops) > 1 else thresholds[0], window, pool, groups)


def random_graph(rng, convolutions, pad=None, groups=None, bits=None, channels=None, most=9):
    """A network of some convolutions, perhaps a dense layer, and a score."""
    bits = int(rng.integers(1, 9)) if bits is None else bits
    channels = int(rng.integers(1, 5)) if channels is None else channels
    shape = tuple(int(n) for n in rng.integers(3, most + 1, 2))
    if channels > 1 or rng.random() < 0.5:
        shape += (channels,)
    frame = Input(shape, bits)
    layers, map, planes = [], input_map(frame), bits
    for number in range(convolutions):
        layers.append(random_conv(rng, f"conv{number}", map, planes, pad, groups))
        map, planes = layers[-1].output(map), 1
    inputs = map.size
    if rng.random() < 0.5:
        layers.append(Dense("dense", rng.integers(0, 2, (5, inputs)),
                            rng.integers(0, inputs + 2, 5)))
        inputs = 5
    layers.append(Score("score", rng.integers(0, 2, (3, inputs)), rng.integers(-9, 10, 3)))
    return Graph("random", frame, layers)


def random_frames(rng, graph, count):
    return rng.integers(0, 1 << graph.input.bits, (count, graph.input.size), dtype=np.uint8)


# References


def naive(graph, frame):
    """The scores and activations of a frame, one synapse at a time."""
    codes, found = [int(x) for x in frame], []
    for layer, map, planes in zip(graph.layers, graph.maps, [graph.input.bits, *[1] * 9]):
        top = (1 << planes) - 1
        if not isinstance(layer, Conv):
            counts = [(sum((2 * int(w) - 1) * (2 * x - top) for w, x in zip(row, codes))
                       + len(codes) * top) // 2 for row in layer.weights]
            if isinstance(layer, Score):
                return [c + int(o) for c, o in zip(counts, layer.offsets)], found
            codes = [int(c >= t) for c, t in zip(counts, layer.thresholds)]
            found.append(codes)
            continue
        window, (rows, columns) = layer.window, layer.positions(map)
        classes, _ = classes_of(layer, map)
        seen, fires = map.channels // layer.groups, {}
        for y, x, j in itertools.product(range(rows), range(columns), range(layer.neurons)):
            dot = real = 0
            for r, s, i in itertools.product(*map_ranges(window.kernel), range(seen)):
                row = y * window.stride[0] - window.padding[0] + r * window.dilation[0]
                column = x * window.stride[1] - window.padding[1] + s * window.dilation[1]
                channel = j // (layer.neurons // layer.groups) * seen + i
                if 0 <= row < map.rows and 0 <= column < map.columns:
                    code = codes[(row * map.columns + column) * map.channels + channel]
                elif window.pad is None:
                    continue
                else:
                    code = window.pad[channel] if isinstance(window.pad, tuple) else window.pad
                dot += (2 * int(layer.weights[j, r, s, i]) - 1) * (2 * code - top)
                real += top
            count, odd = divmod(dot + real, 2)
            assert not odd
            threshold = layer.thresholds.reshape(-1, layer.neurons)[classes[y, x], j]
            fires[y, x, j] = int(count >= threshold)
        high, wide = layer.pool_size
        codes = [(min if layer.least[j] else max)(
            fires[y * high + r, x * wide + s, j] for r in range(high) for s in range(wide))
            for y, x, j in itertools.product(*map_ranges(graph.maps[len(found) + 1]))]
        found.append(codes)
    raise AssertionError("a graph ends in a score")


def map_ranges(sizes):
    return [range(size) for size in sizes]


def with_torch(graph, frames):
    """Scores and activations by PyTorch's convolution and pooling of numbers in float64."""
    planes, found = graph.input.bits, []
    values = torch.from_numpy(2.0 * frames - ((1 << planes) - 1))
    for index, layer in enumerate(graph.layers):
        top, map = (1 << planes) - 1, graph.maps[index]
        signed = torch.from_numpy(2.0 * layer.weights - 1)
        if not isinstance(layer, Conv):
            sums = functional.linear(values.reshape(len(frames), -1), signed)
            if isinstance(layer, Score):
                return ((sums + layer.inputs * top) / 2).numpy() + layer.offsets, found
            limits = torch.from_numpy(2.0 * layer.thresholds - layer.inputs * top)
            values = torch.where(sums >= limits, 1.0, -1.0).double()
        else:
            images = values.reshape(len(frames), *map).permute(0, 3, 1, 2)
            top_, left, bottom, right = layer.window.padding
            code = 0 if layer.window.pad is None else layer.window.pad
            outside = np.broadcast_to(2.0 * np.asarray(code) - top, map.channels)
            if layer.window.pad is None:
                outside = np.zeros(map.channels)
            sides = (left, right, top_, bottom)
            padded = torch.stack([functional.pad(images[:, c], sides, value=float(outside[c]))
                                  for c in range(map.channels)], 1)
            shape = {"stride": layer.window.stride, "dilation": layer.window.dilation,
                     "groups": layer.groups}
            sums = functional.conv2d(padded, signed.permute(0, 3, 1, 2), **shape)
            classes, seen = classes_of(layer, map)
            rows, columns = classes.shape
            limits = 2.0 * layer.thresholds.reshape(-1, layer.neurons) \
                - np.array(seen)[:, np.newaxis] * top
            limits = torch.from_numpy(limits[classes]).permute(2, 0, 1)
            bits = torch.where(sums[:, :, :rows, :columns] >= limits, 1.0, -1.0).double()
            turned = torch.from_numpy(np.where(layer.least, -1.0, 1.0))[:, None, None]
            values = functional.max_pool2d(bits * turned, layer.pool_size) * turned
            values = values.permute(0, 2, 3, 1)
        planes = 1
        values = values.reshape(len(frames), -1)
        found.append((values.numpy() > 0).astype(np.uint8))
    raise AssertionError("a graph ends in a score")


def assert_equal(result, scores, activations):
    assert np.array_equal(result.scores, scores)
    assert np.array_equal(result.classes, np.argmax(scores, axis=1))
    assert len(result.activations) == len(activations)
    for ours, theirs in zip(result.activations, activations):
        assert ours.dtype == np.uint8
        assert np.array_equal(ours, theirs)


def assert_torch(graph, frames):
    wanted = with_torch(graph, frames)
    for path in PATHS:
        assert_equal(path(graph, frames), *wanted)


# Random chains


@pytest.mark.parametrize("seed", range(25))
def test_definition(seed):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, int(rng.integers(1, 3)), most=6)
    frames = random_frames(rng, graph, 1)
    scores, activations = naive(graph, frames[0])
    for path in PATHS:
        assert_equal(path(graph, frames), [scores], [[bits] for bits in activations])


@pytest.mark.parametrize("seed", range(150))
def test_torch(seed):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, int(rng.integers(1, 4)))
    assert_torch(graph, random_frames(rng, graph, 3))


@pytest.mark.parametrize("pad", PADS)
@pytest.mark.parametrize("bits", [1, 8])
@pytest.mark.parametrize("groups", [1, 2, 4], ids=["plain", "groups", "depthwise"])
def test_padding(pad, bits, groups):
    rng = np.random.default_rng(bits)
    graph = random_graph(rng, 1, pad, groups, bits, channels=4)
    assert_torch(graph, random_frames(rng, graph, 4))


# Named cases


def one(shape, bits, layer, seed=0):
    """A network of ``layer`` and a score, and three frames."""
    rng = np.random.default_rng(seed)
    map = input_map(Input(shape, bits))
    score = Score("score", rng.integers(0, 2, (3, layer.output(map).size)), [0, 0, 0])
    graph = Graph("one", Input(shape, bits), [layer, score])
    return graph, random_frames(rng, graph, 3)


def test_zero_padding_of_a_bipolar_map():
    """Xilinx/finn issue 996: zeros around numbers ±1 are neither -1 nor +1.

    A source that computes ``conv2d(x, w, padding=1) >= 0`` is a table of thresholds: half the
    synapses on the map. With -1 outside instead, as there, most outputs at the border differ.
    """
    rng = np.random.default_rng(996)
    signs, weights = rng.integers(0, 2, (4, 6, 6, 2)), rng.integers(0, 2, (3, 3, 3, 2))
    images, kernels = (torch.from_numpy(2.0 * array - 1).permute(0, 3, 1, 2)
                       for array in (signs, weights))
    fires = (functional.conv2d(images, kernels, padding=1) >= 0).permute(0, 2, 3, 1)
    wanted = fires.reshape(4, -1).numpy().astype(np.uint8)
    taps = np.array([2, 3, 2])
    seen = (taps[:, np.newaxis] * taps).reshape(-1, 1) * 2
    score = Score("score", np.ones((2, 108), int), [0, 0])
    layer = Conv("zeros", weights, np.repeat(seen // 2, 3, axis=1),
                 Window((3, 3), padding=(1, 1, 1, 1)))
    graph = Graph("finn996", Input((6, 6, 2)), [layer, score])
    assert_torch(graph, signs)
    for path in PATHS:
        assert np.array_equal(path(graph, signs).activations[0], wanted)
    layer = Conv("minus", weights, [9, 9, 9], Window((3, 3), padding=(1, 1, 1, 1), pad=0))
    other = evaluate(Graph("finn996", Input((6, 6, 2)), [layer, score]), signs).activations[0]
    differ = (other != wanted).reshape(4, 6, 6, 3).any(axis=(0, 3))
    assert differ[0].any() and differ[:, 0].any() and not differ[1:-1, 1:-1].any()


@pytest.mark.parametrize(
    ("shape", "layer"),
    [
        ((7, 5), Conv("c", np.eye(4, dtype=int)[:, :, np.newaxis, np.newaxis].repeat(3, 2),
                      [6] * 4, Window((4, 3), (3, 1), (2, 2)))),
        ((3, 8, 2), Conv("c", np.ones((2, 1, 1, 2), int), [1, 2], Window((1, 1), (2, 3)))),
        ((1, 12, 2), Conv("c", np.ones((3, 1, 4, 2), int), [3, 4, 5], Window((1, 4)))),
        ((5, 7), Conv("c", np.ones((2, 2, 2, 1), int), [2, 2], Window((2, 2)),
                      Pool((3, 2), [0, 1]))),
        ((4, 4, 70), Conv("c", np.ones((2, 4, 4, 70), int), [560, 561], Window((4, 4)))),
        ((3, 3, 2), Conv("c", np.ones((2, 1, 1, 1), int), [1, 1], Window((1, 1)), groups=2)),
    ],
    ids=["dilation", "strided 1x1", "one row", "odd pool", "kernel is map", "depthwise 1x1"])
@pytest.mark.parametrize("bits", [1, 3])
def test_named(shape, layer, bits):
    assert_torch(*one(shape, bits, layer))


def test_pool_beyond_the_last_whole_area():
    """Outputs that no area covers do not matter."""
    layer = Conv("c", np.ones((1, 1, 1, 1), int), [1], Window((1, 1)), Pool((2, 2)))
    graph = Graph("g", Input((3, 3)), [layer, Score("s", [[1], [0]], [0, 0])])
    frame = np.zeros((1, 3, 3), np.uint8)
    frame[0, 2] = frame[0, :, 2] = 1
    for path in PATHS:
        assert path(graph, frame).activations[0].tolist() == [[0]]


def test_chunks(monkeypatch):
    rng = np.random.default_rng(1)
    # Areas that are wider than they are high, and the reverse.
    pools = [Graph("pool", Input((6, 6)), [
        Conv("c", rng.integers(0, 2, (2, 1, 1, 1)), [1, 1], Window((1, 1)), Pool(size)),
        Score("s", rng.integers(0, 2, (2, 24)), [0, 0])]) for size in ((1, 3), (3, 1))]
    graphs = [*(random_graph(rng, 2) for _ in range(4)), *pools]
    frames = [random_frames(rng, graph, 5) for graph in graphs]
    whole = [evaluate(graph, these) for graph, these in zip(graphs, frames)]
    monkeypatch.setattr(golden, "_MATMUL_ELEMENTS", 60)
    monkeypatch.setattr(golden, "_PACKED_ELEMENTS", 1)
    for graph, these, wanted in zip(graphs, frames, whole):
        for path in PATHS:
            assert_equal(path(graph, these), wanted.scores, wanted.activations)


def test_16_bits():
    """Counts beyond the mantissa of float32, at the border too."""
    weights = np.random.default_rng(2).integers(0, 2, (2, 3, 3, 40))
    taps = np.array([2, 3, 2])
    seen = (taps[:, np.newaxis] * taps).reshape(-1, 1) * 40 * 65535
    layer = Conv("c", weights, seen - [1, 0], Window((3, 3), padding=(1, 1, 1, 1)))
    graph = Graph("g", Input((3, 3, 40), 16), [layer, Score("s", np.ones((2, 18), int), [0, 0])])
    frames = np.stack([np.where(row, 65535, 0) for row in weights]).astype(np.uint16)
    frames[:, 0, 0, 0] ^= 1
    for path in PATHS:
        fired = path(graph, frames).activations[0].reshape(2, 3, 3, 2)
        assert [fired[j, 1, 1, j] for j in range(2)] == [1, 0]
    assert_equal(evaluate_packed(graph, frames), evaluate(graph, frames).scores,
                 evaluate(graph, frames).activations)


def test_no_frames():
    graph = random_graph(np.random.default_rng(3), 2)
    for path in PATHS:
        result = path(graph, np.zeros((0, graph.input.size), np.uint8))
        assert [bits.shape for bits in result.activations] == [
            (0, map.size) for map in graph.maps[1:-1]]


def test_layer_counts():
    rng = np.random.default_rng(4)
    layer = random_conv(rng, "c", Map(6, 5, 2), 3)
    graph, frames = one((6, 5, 2), 3, layer)
    counts = layer_counts(graph, 0, frames)
    assert counts.shape == (3, *layer.positions(graph.maps[0]), layer.neurons)
    fires = counts >= layer.thresholds.reshape(-1, layer.neurons)[
        classes_of(layer, graph.maps[0])[0]]
    assert np.array_equal(golden.pooled(layer, fires).reshape(3, -1),
                          evaluate(graph, frames).activations[0])
    elements = evaluate(graph, frames).activations[0]
    assert np.array_equal(layer_counts(graph, 1, elements), evaluate(graph, frames).scores)
