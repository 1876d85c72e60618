# amaranth: UnusedElaboratable=no
"""The contract of `run`, on components whose every cycle is known."""

import re

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from xnorloom_sim.harness import Stall, Trace, run


class Wire(wiring.Component):
    """Its output is its input; no register."""

    def __init__(self, width):
        super().__init__({"i": In(stream.Signature(width)), "o": Out(stream.Signature(width))})

    def elaborate(self, platform):
        m = Module()
        wiring.connect(m, wiring.flipped(self.i), wiring.flipped(self.o))
        return m


class Ages(wiring.Component):
    """Answers a word with the edges since power-on, the reset, a port and the later payload."""

    i: In(stream.Signature(8))
    o: Out(stream.Signature(32))
    port: In(8, init=5)

    def elaborate(self, platform):
        m = Module()
        edges = Signal(8, reset_less=True)
        cycles = Signal(8)
        busy = Signal()
        m.d.sync += [edges.eq(edges + 1), cycles.eq(cycles + 1)]
        m.d.comb += self.i.ready.eq(~busy & ~self.o.valid)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += busy.eq(1)
        with m.If(busy):
            m.d.sync += [
                busy.eq(0),
                self.o.valid.eq(1),
                self.o.payload[0:8].eq(edges),
                self.o.payload[8:16].eq(cycles),
                self.o.payload[16:24].eq(self.port),
                self.o.payload[24:32].eq(self.i.payload),
            ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m


def words_of(count, size):
    return np.random.default_rng(7).integers(0, 256, (count, size), dtype=np.uint8)


def cycles_of_wire(count, stall):
    """Cycle of each transfer through a wire, from the text of the contract."""
    may_present, ready = stall.masks()
    cycle, cycles = -1, []
    for _ in range(count):
        cycle += 1
        while not may_present[cycle % stall.PERIOD]:
            cycle += 1
        while not ready[cycle % stall.PERIOD]:
            cycle += 1
        cycles.append(cycle)
    return np.array(cycles)


class TestStall:
    def test_masks(self):
        may_present, ready = Stall(3, 0.25, 0.75).masks()
        assert may_present.dtype == ready.dtype == bool
        assert may_present.shape == ready.shape == (Stall.PERIOD,)
        assert abs(may_present.mean() - 0.75) < 0.05
        assert abs(ready.mean() - 0.25) < 0.05
        for again, mask in zip(Stall(3, 0.25, 0.75).masks(), (may_present, ready)):
            np.testing.assert_array_equal(again, mask)

    def test_masks_of_the_ends(self):
        assert all(mask.all() for mask in Stall(1).masks())
        assert all(0 < mask.mean() < 0.05 for mask in Stall(1, 0.98, 0.98).masks())

    @pytest.mark.parametrize(
        ("kwargs", "error", "message"),
        [
            ({"i": -0.1}, ValueError, "Stall probability i must be at least 0 and below 1, "
             "not -0.1"),
            ({"o": 1}, ValueError, "Stall probability o must be at least 0 and below 1, not 1"),
            ({"o": float("nan")}, ValueError,
             "Stall probability o must be at least 0 and below 1, not nan"),
            ({"i": "0.5"}, TypeError, "Stall probability i must be a number, not '0.5'"),
            ({"o": False}, TypeError, "Stall probability o must be a number, not False"),
            ({"seed": -1}, ValueError, "Stall seed must be at least 0, not -1"),
            ({"seed": None}, TypeError, "Stall seed must be an integer, not None"),
            ({"seed": True}, TypeError, "Stall seed must be an integer, not True"),
        ],
    )  # fmt: skip
    def test_wrong(self, kwargs, error, message):
        with pytest.raises(error, match=f"^{re.escape(message)}$"):
            Stall(**kwargs)


class TestRun:
    def test_without_stalls_one_word_a_cycle(self):
        words = words_of(10, 2)
        trace = run(Wire(16), words, 10)
        assert isinstance(trace, Trace)
        assert trace.outputs.dtype == np.uint8
        assert trace.i_cycles.dtype == trace.o_cycles.dtype == np.int64
        np.testing.assert_array_equal(trace.outputs, words)
        np.testing.assert_array_equal(trace.i_cycles, np.arange(10))
        np.testing.assert_array_equal(trace.o_cycles, np.arange(10))
        assert trace.cycles == 10

    @pytest.mark.parametrize(("i", "o"), [(0.5, 0), (0, 0.5), (0.9, 0.3)])
    def test_stalls_are_those_of_the_masks(self, i, o):
        stall = Stall(5, i, o)
        trace = run(Wire(16), words_of(1000, 2), 1000, stall=stall)
        np.testing.assert_array_equal(trace.o_cycles, cycles_of_wire(1000, stall))
        np.testing.assert_array_equal(trace.i_cycles, trace.o_cycles)

    def test_start(self):
        trace = run(Ages(), np.array([[1], [2]], dtype=np.uint8), 2)
        np.testing.assert_array_equal(trace.i_cycles, [0, 3])
        np.testing.assert_array_equal(trace.o_cycles, [2, 5])
        edges, cycles, port, payload = trace.outputs.T
        np.testing.assert_array_equal(edges, [2 + 1, 2 + 4])
        np.testing.assert_array_equal(cycles, [1, 4])
        np.testing.assert_array_equal(port, 0)
        # The next word is there at once; after the last one comes its complement.
        np.testing.assert_array_equal(payload, [2, 0xFF - 2])

    def test_nothing_to_do(self):
        trace = run(Wire(12), np.zeros((0, 2), dtype=np.uint8), 0)
        assert trace.outputs.shape == (0, 2)
        assert trace.cycles == 0

    def test_progress(self):
        seen = []
        run(Wire(8), words_of(5, 1), 5, progress=lambda *numbers: seen.append(numbers))
        assert seen[-1] == (5, 5)

    def test_progress_may_end_the_run(self):
        def stop(done, expected):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(Wire(8), words_of(5, 1), 5, progress=stop)


WIRE = Wire(12)
GOOD = np.zeros((3, 2), dtype=np.uint8)
TOO_LARGE = np.array([[0, 0], [0, 16], [0, 32]], dtype=np.uint8)


@pytest.mark.parametrize(
    ("dut", "words", "kwargs", "error", "message"),
    [
        pytest.param(*case[1:], id=case[0])
        for case in [
            ("engine", WIRE, GOOD, {"engine": "cxxrtl"}, ValueError,
             "Engine must be one of amaranth, compiled, not 'cxxrtl'"),
            ("stall", WIRE, GOOD, {"stall": 0.5}, TypeError, "Stall must be a Stall, not 0.5"),
            ("dut", 5, GOOD, {}, TypeError,
             "Simulated object must be a wiring.Component, not 5"),
            ("list", WIRE, [1, 2], {}, TypeError, "Words must be a uint8 array, not [1, 2]"),
            ("dtype", WIRE, GOOD.astype(np.uint16), {}, TypeError,
             "Words must be a uint8 array, not uint16 array"),
            ("shape", WIRE, GOOD[:, :1], {}, ValueError,
             "Words of 12 bits must have the shape [count, 2], not (3, 1)"),
            ("flat", WIRE, GOOD[0], {}, ValueError,
             "Words of 12 bits must have the shape [count, 2], not (2,)"),
            ("large", WIRE, TOO_LARGE, {}, ValueError,
             "Words must fit 12 bits, but word 1 has more"),
            ("deadline", WIRE, GOOD, {"deadline": -1}, ValueError,
             "Deadline must be at least 0, not -1"),
            ("deadline bool", WIRE, GOOD, {"deadline": True}, TypeError,
             "Deadline must be an integer, not True"),
            ("patience", WIRE, GOOD, {"patience": 0}, ValueError,
             "Patience must be at least 1, not 0"),
            ("watch", WIRE, GOOD, {"watch": -1}, ValueError,
             "Number of cycles to watch must be at least 0, not -1"),
            ("watch float", WIRE, GOOD, {"watch": 1.5}, TypeError,
             "Number of cycles to watch must be an integer, not 1.5"),
            ("expected", WIRE, GOOD, {"expected": -1}, ValueError,
             "Number of expected words must be in 0 to 2147483647, not -1"),
            ("expected bool", WIRE, GOOD, {"expected": True}, TypeError,
             "Number of expected words must be an integer, not True"),
            ("expected absurd", WIRE, GOOD, {"expected": 10**15}, ValueError,
             "Number of expected words must be in 0 to 2147483647, not 1000000000000000"),
        ]
    ],
)  # fmt: skip
def test_run_wrong(dut, words, kwargs, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        run(dut, words, **{"expected": 3, **kwargs})


@pytest.mark.parametrize(
    ("members", "error", "message"),
    [
        ({}, TypeError, r"^Component must have the stream i: In\(…\), not None$"),
        (
            {"i": Out(stream.Signature(1))},
            TypeError,
            r"^Component must have the stream i: In\(…\), not Out\(",
        ),
        (
            {"i": In(stream.Signature(1)), "o": Out(1)},
            TypeError,
            r"^Component must have the stream o: Out\(…\), not Out\(1\)$",
        ),
        (
            {"i": In(stream.Signature(1, always_ready=True)), "o": Out(stream.Signature(1))},
            ValueError,
            r"^Stream i must have both valid and ready, not stream\.Signature\(",
        ),
    ],
    ids=["none", "flow", "port", "always"],
)
def test_ports_wrong(members, error, message):
    with pytest.raises(error, match=message):
        run(wiring.Component(members), GOOD, 3)
