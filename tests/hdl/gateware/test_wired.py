# amaranth: UnusedElaboratable=no
"""Neurons of constant weights: every cycle against the definition, stalls, proofs of equality."""

import re
from contextlib import nullcontext
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import Shape, signed, unsigned

from xnorloom.gateware.wired import WiredNeurons, solution
from xnorloom.graph import Dense
from xnorloom.schedule import Fold, LayerPlan
from xnorloom.sharing import solve
from xnorloom.support import cache
from xnorloom.support.activity import watched


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "folder", lambda name: tmp_path / "cache" / name)


def layer_of(neurons, inputs, absent=0.0, seed=1):
    """Weights, and thresholds near the middle, of which the first never fires."""
    rng = np.random.default_rng([neurons, inputs, seed])
    weights = rng.choice([-1, 0, 1], (neurons, inputs), p=[(1 - absent) / 2, absent,
                                                           (1 - absent) / 2])
    weights[neurons // 2:] = np.where(rng.random((neurons - neurons // 2, inputs)) < 0.2,
                                      weights[neurons // 2:], weights[0])
    top = np.count_nonzero(weights, axis=1)
    thresholds = (top + 1) // 2 + rng.integers(-2, 3, neurons)
    thresholds[0] = top[0] + 1
    return weights, thresholds.clip(0, top + 1)


def counts_of(vectors, weights):
    return ((2 * vectors - 1)[:, None] == weights).sum(axis=2)


def numbers(values, shape, count):
    """Elements of the output words."""
    shape = Shape.cast(shape)
    low = (1 << shape.width) - 1
    found = np.array([[value >> shape.width * index & low for index in range(count)]
                      for value in values])
    return np.where(found > low >> 1, found - low - 1, found) if shape.signed else found


def check(drive, dut, expected, vectors, enabled):
    rng = np.random.default_rng(7)
    assert dut.model(vectors).tolist() == expected.tolist()
    words = [sum(int(bit) << place for place, bit in enumerate(row)) for row in vectors]
    source, en = [], []
    for word in [*words, *[0] * dut.latency]:
        waits = int(rng.geometric(enabled)) - 1
        source += [word] * (waits + 1)
        en += [0] * waits + [1]
    outputs = [value for value, enable in zip(drive(dut, x=source, en=en), en) if enable]
    shape = dut.o.shape().elem_shape
    outputs = [value.as_bits() for value in outputs[dut.latency:]]
    found = numbers(outputs, shape, expected.shape[1])
    assert found.tolist() == expected.tolist()


CASES = {  # neurons, inputs, absent, register_every: latency
    "one of each": (1, 1, 0, 0, 0),
    "combinational": (9, 10, 0, 0, 0),
    "registers": (9, 10, 0, 1, 4),
    "registers every 2": (12, 33, 0, 2, 4),
    "registers every 3": (12, 33, 0, 3, 3),
    "no registers needed": (9, 10, 0, 20, 0),
    "absent synapses": (9, 20, 0.6, 2, 1),
}


@pytest.mark.parametrize("neurons, inputs, absent, every, latency", CASES.values(), ids=CASES)
def test_activations(neurons, inputs, absent, every, latency, drive):
    weights, thresholds = layer_of(neurons, inputs, absent)
    vectors = np.random.default_rng(1).integers(0, 2, (40, inputs))
    vectors[:2] = [[0], [1]]
    expected = (counts_of(vectors, weights) >= thresholds).astype(int)
    for enabled in (1, 0.5):
        dut = WiredNeurons(solve(weights, thresholds), register_every=every)
        assert (dut.latency, dut.interval) == (latency, 1)
        check(drive, dut, expected, vectors, enabled)


@pytest.mark.parametrize("low, high, shape", [
    (0, 0, unsigned(5)), (3, 90, unsigned(7)), (-40, 30, signed(7)), (-2000, -1900, signed(12))])
@pytest.mark.parametrize("every", [0, 2])
def test_scores(low, high, shape, every, drive):
    weights, _ = layer_of(6, 19)
    offsets = np.random.default_rng(5).integers(low, high + 1, 6)
    offsets[[0, -1]] = low, high
    vectors = np.random.default_rng(2).integers(0, 2, (30, 19))
    expected = counts_of(vectors, weights) + offsets
    dut = WiredNeurons(solve(weights, offsets=offsets), shape, register_every=every)
    check(drive, dut, expected, vectors, 0.6)


def model(weights, thresholds):
    """Verilog of the definition: a sum for each neuron."""
    lines = []
    for neuron, (row, threshold) in enumerate(zip(weights, thresholds)):
        terms = [f"{'' if weight > 0 else '!'}x[{place}]"
                 for place, weight in enumerate(row) if weight]
        total = " + ".join(["9'd0", *terms])
        lines.append(f"wire [8:0] p{neuron} = {total}; "
                     f"assign o[{neuron}] = p{neuron} >= {threshold};")
    return "\n".join(lines)


@pytest.mark.parametrize("device", [None, "LFE5U-25F"])
@pytest.mark.parametrize("neurons, inputs, absent", [(1, 1, 0), (5, 9, 0), (9, 10, 0),
                                                     (6, 11, 0.5)])
def test_equality_is_proven(neurons, inputs, absent, device, equivalent):
    weights, thresholds = layer_of(neurons, inputs, absent, seed=3)
    dut = WiredNeurons(solve(weights, thresholds))
    assert equivalent(dut, model(weights, thresholds), device=device)


def test_another_layer_is_not_equal(equivalent):
    weights, thresholds = layer_of(5, 9)
    changed = thresholds + (np.arange(5) == 3)
    assert not equivalent(WiredNeurons(solve(weights, thresholds)), model(weights, changed))


def test_every_carry_chain_of_an_ecp5_is_legal():
    """The first cell of a chain has a constant carry input, which builds leave open."""
    weights, thresholds = layer_of(20, 40)
    text = rtlil.convert(WiredNeurons(solve(weights, thresholds), register_every=2),
                         platform=SimpleNamespace(device="LFE5U-25F"))
    cells = re.findall(r"cell \\CCU2C .*?\n((?:.*\n)*?)\s+end\n", text)
    first = [cell for cell in cells if "connect \\CIN 1'0" in cell]
    assert 10 < len(first) < len(cells)
    # The first slot propagates nothing, whatever comes in.
    for cell in first:
        [table] = re.findall(r"parameter \\INIT0 16'([01]+)", cell)
        assert table[:8] == "00000000"


def test_a_search_that_ends_early_is_told(monkeypatch):
    """Each time, since another command uses what it found."""
    said = []
    monkeypatch.setattr("xnorloom.gateware.wired.solve", partial(solve, steps=5))
    rng = np.random.default_rng(4)
    layer = Dense("hidden", rng.integers(0, 2, (30, 40)), rng.integers(15, 25, 30))
    plan = LayerPlan(layer, Fold(30, 40, "wired", 2))
    with watched(SimpleNamespace(notice=said.append, activity=lambda what: nullcontext(
            lambda done, total: None))):
        vectors = rng.integers(0, 2, (50, 40))
        for _ in range(2):
            found = WiredNeurons(solution(plan)).model(vectors)
    expected = counts_of(vectors, 2 * layer.weights.astype(int) - 1) >= layer.thresholds
    assert found.tolist() == expected.astype(int).tolist()
    assert said == [
        "the search for shared counts of layer 'hidden' ended after its 5 steps, with 5 rows added "
        "and 0 shared counts; the layer works, but takes more cells than a longer search would find"
    ] * 2


def test_wrong_arguments():
    solution = solve([[1, -1]], offsets=[-3])
    with pytest.raises(TypeError, match=r"^WiredNeurons solution must be a Solution, not None$"):
        WiredNeurons(None)
    with pytest.raises(ValueError, match=r"^WiredNeurons shape must hold 3 bits with a sign, "
                                         r"not unsigned\(3\)$"):
        WiredNeurons(solution, 3)
    with pytest.raises(ValueError, match=r"^WiredNeurons shape must hold 2 bits, not signed\(2\)$"):
        WiredNeurons(solve([[1, -1]]), signed(2))
    with pytest.raises(ValueError,
                       match=r"^WiredNeurons register_every must be at least 0, not -2$"):
        WiredNeurons(solution, signed(3), register_every=-2)
