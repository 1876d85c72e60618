# amaranth: UnusedElaboratable=no
"""Proof of the layer and its sequencer: every result of every frame is that of the definition.

The definition counts, for each neuron, the inputs that agree with their weights, bit plane by bit
plane; it knows no doubling and no padding.
"""

import numpy as np
import pytest
from amaranth.hdl import C, Cat, Mux, Signal, Value

from xnorloom.gateware import count_accumulator, layer, neuron, parameters, sequencer
from xnorloom.graph import Dense, Score
from xnorloom.schedule import Fold, LayerPlan

# Neither inputs nor neurons fill their folds.
INPUTS, NEURONS = 3, 3
WEIGHTS = np.array([[0, 1, 1], [1, 0, 1], [0, 0, 1]], np.uint8)


def dense(planes):
    return Dense("dense", WEIGHTS, np.array([2, 3 * ((1 << planes) - 1) + 1, 1]))


PLANS = {
    "lut": LayerPlan(dense(2), Fold(2, 2, "lut", register_every=0), planes=2),
    "block": LayerPlan(dense(1), Fold(2, 2, "block", register_every=1)),
    "spram": LayerPlan(dense(1), Fold(2, 2, "spram", register_every=0)),
    "score": LayerPlan(Score("score", WEIGHTS, np.array([-2, 0, 1])),
                       Fold(1, 2, "lut", register_every=0)),
}


def ones(bits):
    return sum(bits, C(0, 1))


def pick(index, values):
    """Return the value at ``index``."""
    chosen = values[0]
    for place, value in enumerate(values):
        chosen = Mux(index == place, value, chosen)
    return chosen


class Weights:
    """Model of the weights: constants, or words that are loaded before the first operands."""

    def __init__(self, h, plan):
        self._words = [C(1, 1).replicate(plan.fold.lanes)] * plan.depth
        self._plan = plan
        if plan.fold.style.loadable:
            self._load(h, plan)

    def _load(self, h, plan):
        m, dut = h.m, h.dut
        self._words = [Signal(plan.fold.lanes, name=f"weights{row}") for row in range(plan.depth)]
        self.loaded = Signal(range(plan.depth + 1))
        with m.If(dut.load.valid & dut.load.ready):
            m.d.sync += self.loaded.eq(self.loaded + 1)
            for row, word in enumerate(self._words):
                with m.If(self.loaded == row):
                    m.d.sync += word.eq(dut.load.payload)
        with m.If(dut.reload):
            m.d.sync += self.loaded.eq(0)
        # Synapses that do not exist have weight 1.
        for row in range(plan.depth):
            for lane in range(plan.fold.lanes):
                if self._place(row, lane)[1] >= INPUTS:
                    h.assume((self.loaded != row) | dut.load.payload[lane])
                    h.helper((self.loaded <= row) | self._words[row][lane])
        h.assume(dut.loaded | ~dut.i.valid)
        h.check(dut.load.ready == ((self.loaded < plan.depth) & ~dut.reload))
        h.check(dut.loaded == (self.loaded == plan.depth))
        h.helper(self.loaded <= plan.depth)
        for row, word in enumerate(self._words):
            stored = h.word("weights.column0", row)
            h.helper((self.loaded <= row) | (stored == word))

    def _place(self, row, lane):
        """Neuron and synapse of a lane of a word."""
        fold, place = divmod(row, self._plan.synapse_folds)
        element, synapse = divmod(lane, self._plan.fold.simd)
        return fold * self._plan.fold.pe + element, place * self._plan.fold.simd + synapse

    def lane(self, row, lane):
        neuron, synapse = self._place(row, lane)
        if self._plan.fold.style.loadable:
            return self._words[row][lane], synapse < INPUTS
        exists = neuron < NEURONS and synapse < INPUTS
        return C(int(WEIGHTS[neuron, synapse]) if exists else 1, 1), synapse < INPUTS

    def word(self, row):
        return Cat(self.lane(row, lane)[0] for lane in range(self._plan.fold.lanes))


def result(plan, neuron, count):
    """Bits of an output element."""
    if isinstance(plan.layer, Score):
        return count + int(plan.layer.offsets[neuron])
    return count >= int(plan.layer.thresholds[neuron]) if neuron < NEURONS else C(0, 1)


def contract(plan):
    def check(h):
        m, i, o, fold = h.m, h.dut.i, h.dut.o, plan.fold
        folds, steps, planes, depth = plan.synapse_folds, plan.steps, plan.planes, plan.depth
        go, took, gave = ~o.valid | o.ready, i.valid & i.ready, o.valid & o.ready
        weights = Weights(h, plan)
        h.held(o)
        h.check(i.ready == go)

        # Operands and their places in the frame, late by the stages before the sum.
        at = Signal(range(plan.cycles))
        with m.If(took):
            m.d.sync += at.eq(Mux(at == plan.cycles - 1, 0, at + 1))
        stages = [(i.valid, at, i.payload)]
        for stage in range(1, fold.read_latency + fold.register_every + 1):
            registers = tuple(Signal(len(value), name=f"stage{stage}_{index}")
                              for index, value in enumerate(stages[-1]))
            with m.If(go):
                m.d.sync += [into.eq(value) for into, value in zip(registers, stages[-1])]
            stages.append(registers)
        valid, place, word = stages[-1]
        row, plane = place // steps * folds + place % folds, place % steps // folds

        def agreeing(row, word, element):
            first = element * fold.simd
            lanes = [[weights.lane(index, first + synapse) for synapse in range(fold.simd)]
                     for index in range(depth)]
            return pick(row, [ones((bit == weight) & exists for bit, (weight, exists)
                                   in zip(word, pairs)) for pairs in lanes])

        # Counts and results by the definition.
        sums, counts = [], []
        for element in range(fold.pe):
            total = Signal(range(plan.count_max + 1), name=f"sum{element}")
            count = Signal.like(total, name=f"count{element}")
            new = agreeing(row, word, element)
            m.d.comb += count.eq(Mux(place % steps == 0, 0, total)
                                 + pick(plane, [new << planes - 1 - k for k in range(planes)]))
            with m.If(valid & go):
                m.d.sync += total.eq(count)
            sums.append(total)
            counts.append(count)

        def results(counts, fold_index):
            return Cat(pick(fold_index, [result(plan, index * fold.pe + element, count)
                                         for index in range(plan.neuron_folds)])[:width]
                       for element, count in enumerate(counts))
        width = len(Value.cast(o.payload)) // fold.pe
        queue = h.queue(2, width * fold.pe)
        queue.move(valid & go & (place % steps == steps - 1), results(counts, place // steps), gave)
        h.check(~o.valid | (queue.level > 0))
        h.check(~o.valid | (Value.cast(o.payload) == queue.head))
        h.progress(3, o.ready & (queue.level > 0), gave)
        if fold.style.loadable:
            # The network is empty when it is loaded.
            busy = (at != 0) | (queue.level > 0) | Cat(stage[0] for stage in stages[1:]).any()
            h.assume(~h.dut.reload | ~(busy | i.valid))
            h.helper(~busy | h.dut.loaded)

        # Sequencer.
        h.helper(at < plan.cycles)
        h.helper(h.peek("column") == at % folds)
        if planes > 1:
            h.helper(h.peek("plane") == at % steps // folds)
            h.helper(h.peek("row") == at // steps * folds)
        address = at // steps * folds + at % folds
        if fold.style.loadable:
            address = Mux(h.dut.loaded, address, weights.loaded)
        h.helper(h.peek("address") == address)

        # Registers before the sum. `reached` is the place of the next operands at a stage.
        reached = at
        for stage, (valid, place, word) in enumerate(stages[1:], 1):
            h.helper(place < plan.cycles)
            h.helper(~valid | (reached == Mux(place == plan.cycles - 1, 0, place + 1)))
            reached = Mux(valid, place, reached)
            now = place % steps
            h.helper(h.peek(f"add_{stage}") == valid)
            h.helper(h.peek(f"last_{stage}") == valid & (now == steps - 1))
            h.helper(~valid | (h.peek(f"first_{stage}") == (now == 0)))
            h.helper(~valid | (h.peek(f"double_{stage}") == (now % folds == 0)))
            row = place // steps * folds + place % folds
            if stage <= fold.read_latency:
                kept = Mux(place % folds == folds - 1, word & 1, word)
                h.helper(~valid | (h.peek(f"x_{stage}") == kept))
                h.helper(~valid | (h.peek("weights.o")
                                   == pick(row, [weights.word(index) for index in range(depth)])))
            else:
                for element in range(fold.pe):
                    h.helper(~valid | (h.peek(f"pe{element}.accumulator.popcount.count1_0_1")
                                       == agreeing(row, word, element)))

        # Sums, parameters, and the result that is next.
        pending, ended = h.peek("last_total_1"), reached % steps == 0
        h.helper(queue.level == o.valid + pending)
        h.helper(~pending | ended)
        before = Mux(reached == 0, plan.neuron_folds, reached // steps) - 1
        index = Mux(pending, before, reached // steps)
        h.helper(~pending | (Mux(o.valid, queue.item(1), queue.head) == results(sums, before)))
        # The largest sum after each step of a neuron fold.
        most = [sum(min(fold.simd, INPUTS - step % folds * fold.simd) << planes - 1 - step // folds
                    for step in range(done or steps)) for done in range(steps)]
        for element, total in enumerate(sums):
            h.helper((total <= pick(reached % steps, most)) | ended & ~pending)
            shift = Mux(ended, 0, planes - 1 - (reached % steps - 1)[:4] // folds)
            h.helper((ended & ~pending)
                     | (h.peek(f"pe{element}.accumulator.total") << shift[:2] == total))
        h.helper(h.peek("neuron_fold") == index)
        h.helper(h.peek("neuron_fold_after")
                 == Mux(index == plan.neuron_folds - 1, 0, index + 1))
        [port] = parameters.Parameters(plan).ports
        word = h.peek(f"{port}_word")
        words = parameters.Parameters(plan)._words(port, len(word) // fold.pe)[0]
        h.helper(word == pick(index, [C(value, len(word)) for value in words]))
    return check


@pytest.mark.parametrize("name", PLANS)
def test_layer(prove, name):
    prove(layer.Layer(PLANS[name]), contract(PLANS[name]), depth=4)


@pytest.mark.parametrize("module, change", [
    (sequencer, ("row.eq(following)", "row.eq(address)")),
    (layer, ("go.eq(~self.o.valid | self.o.ready)", "go.eq(1)")),
    (layer, ("vector[fold.simd - beyond:].eq(0)", "vector[fold.simd - beyond:].eq(1)")),
    (count_accumulator, ("total << 1, total", "total, total")),
    (parameters, ("values.address.eq(after)", "values.address.eq(fold)")),
], ids=["row of weights", "no stall", "padding counts", "no doubling", "old parameters"])
def test_broken(prove, monkeypatch, module, change):
    broken = prove.copy(module, change)
    if module is count_accumulator:
        # Accumulators inherit it.
        monkeypatch.setattr(count_accumulator.CountAccumulator, "_accumulate",
                            broken.CountAccumulator._accumulate)
    else:
        for user in (layer, neuron):
            for name in module.__all__:
                if name in vars(user):
                    monkeypatch.setattr(user, name, getattr(broken, name))
    prove.refute(layer.Layer(PLANS["lut"]), contract(PLANS["lut"]), depth=24)
