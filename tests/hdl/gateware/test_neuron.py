# amaranth: UnusedElaboratable=no
"""Accumulators, neurons and scores against sums of ±1; small neurons exhaustively."""

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from xnorloom.gateware.accumulator import Accumulator
from xnorloom.gateware.count_accumulator import CountAccumulator
from xnorloom.gateware.counting.code import encode
from xnorloom.gateware.neuron import Neuron
from xnorloom.gateware.score_unit import ScoreUnit


def ints(bits):
    """Rows of bits, the first in bit 0, as integers of any size."""
    packed = np.packbits(bits, axis=-1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in packed]


def bits_of(values, width):
    return np.asarray(values)[..., None] >> np.arange(width) & 1


def dot(x, w):
    """Compute the ±1 dot product of bit vectors by definition."""
    return ((2 * x.astype(int) - 1) * (2 * w.astype(int) - 1)).sum(axis=-1)


# Exhaustive: every input of every neuron with up to six synapses, all weights, all thresholds.
# A cycle shows one input and threshold (or threshold and weights) to many neurons side by side,
# so that the 64 * 64 * 8 cases of six synapses take 512 cycles.

SMALL = range(1, 7)


class AllWeights(wiring.Component):
    """Neurons with each weight vector, one input and one threshold for all of them."""

    def __init__(self, n):
        self._n = n
        super().__init__({"x": In(n), "t": In(n.bit_length() + 1), "o": Out(1 << n)})

    def elaborate(self, platform):
        m = Module()
        for weights in range(1 << self._n):
            m.submodules[f"neuron{weights}"] = dut = Neuron(Accumulator(self._n))
            m.d.comb += [dut.x.eq(self.x), dut.w.eq(weights), dut.threshold.eq(self.t),
                         self.o[weights].eq(dut.o)]
        return m


class AllThresholds(wiring.Component):
    """Neurons with each constant threshold, one input and one weight vector for all of them."""

    def __init__(self, n):
        self._n = n
        super().__init__({"x": In(n), "w": In(n), "o": Out(n + 2)})

    def elaborate(self, platform):
        m = Module()
        for threshold in range(self._n + 2):
            m.submodules[f"neuron{threshold}"] = dut = Neuron(Accumulator(self._n), threshold)
            m.d.comb += [dut.x.eq(self.x), dut.w.eq(self.w), self.o[threshold].eq(dut.o)]
        return m


def stored(t, top):
    """Thresholds at the port: subtracted from the first power of two above all counts."""
    return (1 << int(top).bit_length()) - t


def fires(n):
    """Activations of every neuron, shape (inputs, weights, thresholds)."""
    vectors = bits_of(np.arange(1 << n), n)
    products = dot(vectors[:, None], vectors[None, :])
    return (products[..., None] >= 2 * np.arange(n + 2) - n).astype(np.uint8)


@pytest.mark.parametrize("n", SMALL)
def test_every_neuron_with_an_input_for_the_threshold(n, drive):
    x, t = (axis.ravel() for axis in np.meshgrid(np.arange(1 << n), np.arange(n + 2)))
    assert drive(AllWeights(n), x=x, t=stored(t, n)) == ints(fires(n)[x, :, t])


@pytest.mark.parametrize("n", SMALL)
def test_every_neuron_with_a_constant_threshold(n, drive):
    x, w = (axis.ravel() for axis in np.meshgrid(np.arange(1 << n), np.arange(1 << n)))
    assert drive(AllThresholds(n), x=x, w=w) == ints(fires(n)[x, w])


@pytest.mark.parametrize("n", SMALL)
def test_model_of_every_neuron(n):
    vectors = bits_of(np.arange(1 << n), n)[:, None, None]  # one plane, one fold
    x, w = vectors[:, None], vectors[None, :]
    for t in range(n + 2):
        assert np.array_equal(Neuron(Accumulator(n)).model(x, w, t), fires(n)[..., t])
        assert np.array_equal(Neuron(Accumulator(n), t).model(x, w), fires(n)[..., t])


# Several steps. Operands and flags come with gaps; flags run the latency of the tree late.

STEPS = {  # simd, folds, planes, register_every: cycles of the tree, latency
    "one step": (5, 1, 1, 0, 0, 0),
    "one step, registers": (8, 1, 1, 1, 3, 3),
    "folds": (3, 4, 1, 0, 0, 1),
    "folds, registers": (4, 3, 1, 1, 2, 3),
    "folds, registers every 2": (8, 5, 1, 2, 1, 2),
    "folds, registers every 3": (9, 2, 1, 3, 1, 2),
    "one lane": (1, 7, 1, 2, 0, 1),
    "planes": (6, 1, 4, 0, 0, 1),
    "planes, registers": (6, 1, 3, 1, 2, 3),
    "one lane, planes": (1, 1, 8, 1, 1, 2),
    "folds and planes": (3, 3, 2, 0, 0, 1),
    "folds and planes, registers": (5, 2, 4, 2, 1, 2),
    "folds and planes, deep": (16, 2, 3, 1, 4, 5),
}
TOLD = [case[:4] for case in STEPS.values()]


def operands(simd, folds, planes, every, counts=12):
    """Activations (counts, planes, folds, simd), weights (counts, folds, simd), from one seed."""
    rng = np.random.default_rng([simd, folds, planes, every])
    x = rng.integers(0, 2, (counts, planes, folds, simd), np.uint8)
    w = rng.integers(0, 2, (counts, folds, simd), np.uint8)
    x[0], w[0] = 1, 1  # the largest count
    x[1], w[1] = 0, 1  # the smallest
    return x, w


def counts_of(x, w):
    """Counts from the definition: elements ``v = 2x - (2**k - 1)``, ``p = (sum(w v) + N) / 2``."""
    planes = x.shape[1]
    top = (1 << planes) - 1
    elements = sum(x[:, plane].astype(int) << planes - 1 - plane for plane in range(planes))
    products = (2 * w.astype(int) - 1) * (2 * elements - top)
    return (products.sum(axis=(1, 2)) + w[0].size * top) // 2


def play(drive, dut, x, w, *, tree, enabled=1.0, present=1.0, every=None, **inputs):
    """Outputs, one for each count, each read ``dut.latency`` enabled cycles after its last step.

    With ``every``, the operands are sent as codes.
    """
    rng = np.random.default_rng([x.size, int(8 * enabled), int(8 * present)])
    counts, planes, folds, simd = x.shape
    steps = planes * folds
    w = np.repeat(w[:, None], planes, axis=1)
    if every is not None:
        x, w = encode(x, every), encode(w, every)
    x, w = ints(x.reshape(-1, simd)), ints(w.reshape(-1, simd))
    rows = []  # one for each enabled cycle: x, w, add, first, double
    ends = []
    for step in range(counts * steps):
        while rng.random() >= present:
            # No step: the operands are wrong ones.
            rows.append((x[step] ^ 1, w[step], 0, int(rng.integers(2)), int(rng.integers(2))))
        rows.append((x[step], w[step], 1, int(step % steps == 0), int(step % folds == 0)))
        if step % steps == steps - 1:
            ends.append(len(rows) - 1)
    rows += [(0, 0, 0, 0, 0)] * dut.latency
    late = [(0, 0, 0)] * tree + [row[2:] for row in rows]
    rows = [row[:2] + flags for row, flags in zip(rows, late)]
    sent, moving = [], []
    for row in rows:
        while rng.random() >= enabled:
            # Not enabled: the inputs are ignored.
            sent.append((*rng.integers(0, 2, 5), 0))
        moving.append(len(sent))
        sent.append((*row, 1))
    ports = dict(zip(("x", "w", "add", "first", "double", "en"), zip(*sent)))
    if steps == 1:
        for name in ("add", "first", "double"):
            assert name not in dut.signature.members
            del ports[name]
    for name, values in inputs.items():
        # Values arrive together with their count.
        ports[name] = [0] * len(sent)
        for end, value in zip(ends, values):
            ports[name][moving[end + dut.latency]] = value
    outputs = drive(dut, **ports)
    return [outputs[moving[end + dut.latency]] for end in ends]


@pytest.mark.parametrize("simd, folds, planes, every, tree, latency", STEPS.values(), ids=STEPS)
def test_synapses(simd, folds, planes, every, tree, latency, drive):
    dut = Accumulator(simd, folds=folds, planes=planes, register_every=every)
    assert dut.latency == latency
    assert dut.interval == dut.steps == folds * planes
    assert dut.count_max == simd * folds * ((1 << planes) - 1)
    x, w = operands(simd, folds, planes, every)
    expected = counts_of(x, w)
    assert play(drive, dut, x, w, tree=tree) == expected.tolist()
    assert np.array_equal(dut.model(x, np.repeat(w[:, None], planes, axis=1)), expected)
    dut = Accumulator(simd, folds=folds, planes=planes, register_every=every, coded=True)
    assert dut.latency == latency
    assert play(drive, dut, x, w, tree=tree, every=every) == expected.tolist()


@pytest.mark.parametrize("simd, folds, planes, every, tree, latency", STEPS.values(), ids=STEPS)
def test_synapses_with_gaps_and_stalls(simd, folds, planes, every, tree, latency, drive):
    x, w = operands(simd, folds, planes, every)
    expected = counts_of(x, w).tolist()
    for stalls in (dict(present=0.5), dict(enabled=0.5), dict(present=0.6, enabled=0.6)):
        dut = Accumulator(simd, folds=folds, planes=planes, register_every=every)
        assert play(drive, dut, x, w, tree=tree, **stalls) == expected


def test_smaller_count_max(drive):
    # The last fold has one synapse less, whose operands never agree.
    dut = Accumulator(4, folds=2, count_max=7)
    assert (dut.count_max, len(dut.count), len(Accumulator(4, folds=2).count)) == (7, 3, 4)
    ports = dict(x=[15, 7, 0, 1, 0], w=[15, 15, 15, 15, 0], add=[1, 1, 1, 1, 0],
                 first=[1, 0, 1, 0, 0], double=[1, 0, 1, 0, 0])
    assert drive(dut, **ports)[1:] == [4, 7, 0, 1]


def test_count_stays_until_the_next_one(drive):
    dut = Accumulator(4, folds=2)
    ports = dict(x=[15, 15, 0, 0, 0, 1, 0], w=[15] * 7, add=[1, 1, 0, 0, 0, 1, 0],
                 first=[1, 0, 1, 0, 1, 1, 0], double=[1, 0, 0, 1, 1, 1, 0])
    assert drive(dut, **ports)[1:] == [4, 8, 8, 8, 8, 1]


@pytest.mark.parametrize("simd, folds, planes, every, tree, latency", STEPS.values(), ids=STEPS)
def test_neuron(simd, folds, planes, every, tree, latency, drive):
    x, w = operands(simd, folds, planes, every)
    counts, top = counts_of(x, w), simd * folds * ((1 << planes) - 1)
    t = counts + np.array([0, 1, -1] * 4)
    t[:4] = [top, 0, 0, top + 1]
    t = t.clip(0, top + 1)
    # In terms of the products: their sum reaches 2 t - N.
    expected = (2 * counts - top >= 2 * t - top).astype(int)
    dut = Neuron(Accumulator(simd, folds=folds, planes=planes, register_every=every))
    assert (dut.latency, dut.interval) == (latency, folds * planes)
    assert play(drive, dut, x, w, tree=tree, enabled=0.8,
                threshold=stored(t, top).tolist()) == expected.tolist()
    w_planes = np.repeat(w[:, None], planes, axis=1)
    assert np.array_equal(dut.model(x, w_planes, t), expected)

    middle = int(np.median(counts))
    dut = Neuron(Accumulator(simd, folds=folds, planes=planes, register_every=every), middle)
    assert "threshold" not in dut.signature.members
    assert play(drive, dut, x, w, tree=tree) == (counts >= middle).astype(int).tolist()
    assert np.array_equal(dut.model(x, w_planes), counts >= middle)


OFFSETS = {
    "zero": range(1),
    "one value": range(-6, -5),
    "both signs": range(-9, 5),
    "negative": range(-200, -100),
    "positive": range(3, 300),
}


@pytest.mark.parametrize("offsets", OFFSETS.values(), ids=OFFSETS)
@pytest.mark.parametrize("simd, folds, planes, every, tree", [
    (5, 1, 1, 0, 0), (8, 1, 1, 2, 1), (3, 4, 1, 1, 1), (4, 2, 3, 0, 0),
])
def test_scorer(simd, folds, planes, every, tree, offsets, drive):
    x, w = operands(simd, folds, planes, every)
    values = np.random.default_rng(5).integers(offsets[0], offsets[-1] + 1, len(x))
    values[:4] = [offsets[-1], offsets[0], offsets[0], offsets[-1]]
    w_planes = np.repeat(w[:, None], planes, axis=1)
    parts = dict(folds=folds, planes=planes, register_every=every)

    dut = ScoreUnit(Accumulator(simd, **parts), offsets)
    assert (dut.latency, dut.interval) == (tree + (folds * planes > 1), folds * planes)
    expected = counts_of(x, w) + values
    outputs = play(drive, dut, x, w, tree=tree, enabled=0.8, offset=values.tolist())
    assert outputs == expected.tolist()
    assert np.array_equal(dut.model(x, w_planes, values), expected)

    for constant in {offsets[0], offsets[-1]}:
        dut = ScoreUnit(Accumulator(simd, **parts), offsets, constant)
        assert "offset" not in dut.signature.members
        expected = counts_of(x, w) + constant
        assert play(drive, dut, x, w, tree=tree) == expected.tolist()
        assert np.array_equal(dut.model(x, w_planes), expected)


@pytest.mark.parametrize("arguments, error, message", [
    (dict(simd=0), ValueError, r"^XNOR array size must be at least 1, not 0$"),
    (dict(simd="4"), TypeError, r"^XNOR array size must be an integer, not '4'$"),
    (dict(simd=4, folds=0), ValueError, r"^Accumulator folds must be at least 1, not 0$"),
    (dict(simd=4, folds=1.5), TypeError, r"^Accumulator folds must be an integer, not 1\.5$"),
    (dict(simd=4, planes=-1), ValueError, r"^Accumulator planes must be at least 1, not -1$"),
    (dict(simd=4, planes=True), TypeError, r"^Accumulator planes must be an integer, not True$"),
    (dict(simd=4, register_every=-2), ValueError,
     r"^Popcount register_every must be at least 0, not -2$"),
    (dict(simd=4, count_max=0), ValueError, r"^Accumulator count_max must be at least 1, not 0$"),
    (dict(simd=4, count_max="9"), TypeError,
     r"^Accumulator count_max must be an integer, not '9'$"),
])
def test_synapses_wrong(arguments, error, message):
    with pytest.raises(error, match=message):
        Accumulator(**arguments)


@pytest.mark.parametrize("synapses, value, error, message", [
    (4, None, TypeError, r"^Neuron accumulator must be an Accumulator, not 4$"),
    (Accumulator(4), 6, ValueError, r"^Threshold constant must be in 0 to 5, not 6$"),
    (Accumulator(4, folds=2), -1, ValueError, r"^Threshold constant must be in 0 to 9, not -1$"),
    (Accumulator(4), 1.0, TypeError, r"^Threshold constant must be an integer, not 1\.0$"),
])
def test_neuron_wrong(synapses, value, error, message):
    with pytest.raises(error, match=message):
        Neuron(synapses, value)


@pytest.mark.parametrize("synapses, offsets, value, error, message", [
    (None, range(3), None, TypeError, r"^ScoreUnit accumulator must be an Accumulator, not None$"),
    (Accumulator(4), [1, 2], None, TypeError, r"^ScoreUnit offsets must be a range, not \[1, 2\]$"),
    (Accumulator(4), range(2, 2), None, ValueError,
     r"^ScoreUnit offsets must be a range of step 1 that is not empty, not range\(2, 2\)$"),
    (Accumulator(4), range(0, 9, 2), None, ValueError,
     r"^ScoreUnit offsets must be a range of step 1 that is not empty, not range\(0, 9, 2\)$"),
    (Accumulator(4), range(-2, 3), 3, ValueError, r"^ScoreUnit offset must be in -2 to 2, not 3$"),
    (Accumulator(4), range(-2, 3), True, TypeError,
     r"^ScoreUnit offset must be an integer, not True$"),
])
def test_scorer_wrong(synapses, offsets, value, error, message):
    with pytest.raises(error, match=message):
        ScoreUnit(synapses, offsets, value)


@pytest.mark.parametrize("most, folds, planes", [(1, 1, 1), (9, 1, 1), (6, 3, 1), (5, 1, 4),
                                                 (3, 2, 3)])
def test_counts_of_steps(most, folds, planes, drive):
    """Counts that are made elsewhere, in any order of idle cycles."""
    rng = np.random.default_rng(most)
    dut = CountAccumulator(most, folds=folds, planes=planes)
    partial = rng.integers(0, most + 1, (12, planes, folds))
    expected = sum(partial[:, plane].sum(axis=1) << planes - 1 - plane for plane in range(planes))
    assert dut.model(partial).tolist() == expected.tolist()
    assert (dut.latency, dut.interval) == (int(folds * planes > 1), folds * planes)
    assert dut.count_max == most * folds * (2**planes - 1)
    if dut.steps == 1:
        assert drive(dut, partial=partial.reshape(-1)) == expected.tolist()
        return
    idle = rng.random((12, planes, folds)) < 0.3
    ports = {"partial": [], "add": [], "first": [], "double": []}
    done = []
    for index in np.ndindex(idle.shape):
        for add in (0, 1) if idle[index] else (1,):
            ports["partial"].append(int(partial[index]) if add else most)
            ports["add"].append(add)
            ports["first"].append(int(index[1:] == (0, 0)))
            ports["double"].append(int(index[2] == 0))
        if index[1:] == (planes - 1, folds - 1):
            done.append(len(ports["add"]))
    counts = drive(dut, **{name: [*values, 0] for name, values in ports.items()})
    assert [counts[cycle] for cycle in done] == expected.tolist()


@pytest.mark.parametrize("arguments, error, message", [
    ({"most": 0}, ValueError, r"^CountAccumulator most must be at least 1, not 0$"),
    ({"most": 2, "planes": 0}, ValueError, r"^CountAccumulator planes must be at least 1, not 0$"),
    ({"most": 2, "folds": 0.5}, TypeError,
     r"^CountAccumulator folds must be an integer, not 0\.5$"),
])
def test_counts_wrong(arguments, error, message):
    with pytest.raises(error, match=message):
        CountAccumulator(**arguments)
