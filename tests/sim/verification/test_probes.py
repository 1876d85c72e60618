# amaranth: UnusedElaboratable=no
"""Probes of a component, and the activations of a network that they record."""

import re

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorloom.export import verilog
from xnorloom.folding import automatic
from xnorloom.gateware.network import Network
from xnorloom.schedule import Fold, Schedule
from xnorloom_sim import golden
from xnorloom_sim import simulation as module
from xnorloom_sim.harness import SimulationError, Stall, run
from xnorloom_sim.simulation import simulate

ENGINES = ("amaranth", "compiled")


class Shows(wiring.Component):
    """A register slice with probes of its output words, and of every fifth one and their number."""

    def __init__(self, width):
        self._width = width
        super().__init__({
            "i": In(stream.Signature(width)), "o": Out(stream.Signature(width)),
            "left": Out(wiring.Signature({"valid": Out(1), "payload": Out(signed(width))})),
            "fifth": Out(wiring.Signature({
                "valid": Out(1), "payload": Out(data.StructLayout({"count": 70, "last": 1}))})),
        })

    def elaborate(self, platform):
        m = Module()
        count, fifth = Signal(70), Signal(range(5))
        m.d.comb += [self.i.ready.eq(~self.o.valid | self.o.ready),
                     self.left.valid.eq(self.o.valid & self.o.ready),
                     self.left.payload.eq(self.o.payload),
                     self.fifth.valid.eq(self.left.valid & (fifth == 4)),
                     self.fifth.payload.count.eq(count), self.fifth.payload.last.eq(1)]
        with m.If(self.i.ready):
            m.d.sync += [self.o.valid.eq(self.i.valid), self.o.payload.eq(self.i.payload)]
        with m.If(self.left.valid):
            m.d.sync += [count.eq(count + 1), fifth.eq(fifth + 1)]
            with m.If(fifth == 4):
                m.d.sync += fifth.eq(0)
        return m


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("stall", [None, Stall(2, 0.5, 0.5)], ids=["free", "stalled"])
def test_any_component(engine, stall):
    words = np.random.default_rng(1).integers(0, 256, (23, 2), dtype=np.uint8)
    words[:, 1] &= 0x0F
    trace = run(Shows(12), words, 23, engine=engine, stall=stall, probes=["fifth", "left"])
    assert list(trace.probes) == ["fifth", "left"]
    np.testing.assert_array_equal(trace.probes["left"], words, strict=True)
    # 71 bits in nine bytes, the uppermost of which is `last`.
    expected = np.zeros((4, 9), np.uint8)
    expected[:, 0], expected[:, 8] = [4, 9, 14, 19], 1 << 6
    np.testing.assert_array_equal(trace.probes["fifth"], expected, strict=True)
    assert run(Shows(12), words, 23, engine=engine).probes == {}


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_shown(engine):
    trace = run(Shows(12), np.zeros((0, 2), np.uint8), 0, engine=engine, probes=["fifth", "left"])
    assert {name: words.shape for name, words in trace.probes.items()} == {
        "fifth": (0, 9), "left": (0, 2)}


@pytest.mark.parametrize("name", ["nothing", "i", "port"])
def test_no_probe(name):
    class Component(Shows):
        def __init__(self):
            wiring.Component.__init__(self, {
                "i": In(stream.Signature(1)), "o": Out(stream.Signature(1)), "port": Out(3)})

    message = f"Component must have the outputs valid and payload in {name}: Out(…), not "
    with pytest.raises(TypeError, match=f"^{re.escape(message)}"):
        run(Component(), np.zeros((0, 1), np.uint8), 0, probes=[name])


# networks


def check(graph, schedule, frames, **options):
    result = simulate(schedule.bind(graph), frames, probes=True, **options)
    expected = golden.evaluate(graph, frames).activations
    assert len(result.activations) == len(expected) == len(graph.layers) - 1
    for found, wanted in zip(result.activations, expected):
        np.testing.assert_array_equal(found, wanted, strict=True)


@st.composite
def cases(draw):
    sizes = draw(st.lists(st.integers(1, 40), min_size=2, max_size=4))
    bits = draw(st.integers(1, 3))
    folds = []
    for n, m in zip(sizes, sizes[1:]):
        style = draw(st.sampled_from(["wired", "lut", "block"]))
        pe, simd = (m, n) if style == "wired" else (
            draw(st.integers(max(1, m // 5), m)), draw(st.integers(max(1, n // 5), n)))
        folds.append(Fold(pe, simd, style, draw(st.integers(0, 3))))
    return draw(st.integers(0, 2**32)), sizes, bits, Schedule(folds[0].simd, tuple(folds))


@settings(max_examples=15)
@given(cases(), st.sampled_from([None, (0.5, 0.0), (0.0, 0.5), (0.3, 0.8)]))
def test_random_network(random_graph, case, stalls):
    seed, sizes, bits, schedule = case
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, sizes, bits)
    frames = rng.integers(0, 1 << bits, (5, sizes[0]))
    stall = Stall(seed % 1000, *stalls) if stalls else None
    check(graph, schedule, frames, engine="amaranth", stall=stall)


@pytest.mark.parametrize("stall", [None, Stall(3, 0.4, 0.6)], ids=["free", "stalled"])
def test_compiled(random_graph, stall):
    rng = np.random.default_rng(12)
    graph = random_graph(rng, [11, 9, 70, 3], bits=2)
    # Words of 4 and of 66 bits, both with lanes that have no neuron at the end.
    schedule = Schedule(7, (Fold(4, 5, "block"), Fold(66, 3, "block"), Fold(2, 30, "lut")))
    check(graph, schedule, rng.integers(0, 4, (30, 11)), engine="compiled", stall=stall)


def test_golden(random_graph):
    rng = np.random.default_rng(13)
    graph = random_graph(rng, [20, 9, 5])
    check(graph, automatic(graph), rng.integers(0, 2, (3, 20)), engine="golden")


def test_without_probes(random_graph):
    rng = np.random.default_rng(14)
    graph = random_graph(rng, [20, 9, 5])
    schedule = automatic(graph, 6)
    assert simulate(schedule.bind(graph), rng.integers(0, 2, (3, 20)),
                    engine="amaranth").activations is None
    plain, probed = Network(schedule.bind(graph)), Network(schedule.bind(graph), probes=True)
    assert (plain.probes, probed.probes) == ((), ("probe0",))
    assert dict(plain.signature.members).keys() == {"i", "o"}
    assert "probe" not in verilog.convert(plain)
    assert (plain.latency, plain.interval) == (probed.latency, probed.interval)


def test_words_lost(random_graph, monkeypatch):
    rng = np.random.default_rng(15)
    graph = random_graph(rng, [20, 9, 5])
    schedule = Schedule(5, (Fold(3, 5, "lut"), Fold(5, 9, "lut")))
    right = module.harness.run

    def lossy(*arguments, **options):
        trace = right(*arguments, **options)
        trace.probes["probe0"] = trace.probes["probe0"][1:]
        return trace

    monkeypatch.setattr(module.harness, "run", lossy)
    message = "probe0: 5 words left layer 'dense0', 6 belong to 2 frames"
    with pytest.raises(SimulationError, match=f"^{re.escape(message)}$"):
        simulate(schedule.bind(graph), rng.integers(0, 2, (2, 20)), engine="amaranth", probes=True)
