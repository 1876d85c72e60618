# amaranth: UnusedElaboratable=no
"""Runs of components in both engines: limits, faults, waveforms, progress."""

import re

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from xnorloom_sim import harness
from xnorloom_sim.harness import DeadlineError, ProtocolError, Stall, run

ENGINES = ("amaranth", "compiled")


class Component(wiring.Component):
    def __init__(self, i_width, o_width):
        super().__init__({"i": In(stream.Signature(i_width)),
                          "o": Out(stream.Signature(o_width))})


class Wire(Component):
    """No register, so no clock either."""

    def __init__(self, shape):
        super().__init__(shape, shape)

    def elaborate(self, platform):
        m = Module()
        wiring.connect(m, wiring.flipped(self.i), wiring.flipped(self.o))
        return m


class Count(Component):
    """Answers a word n after n cycles by an empty payload."""

    def __init__(self):
        super().__init__(8, 0)

    def elaborate(self, platform):
        m = Module()
        left = Signal(8)
        m.d.comb += self.i.ready.eq(~self.o.valid & (left == 0))
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += left.eq(self.i.payload)
        with m.If(left != 0):
            m.d.sync += left.eq(left - 1)
        with m.If(left == 1):
            m.d.sync += self.o.valid.eq(1)
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m


class Faulty(Component):
    """Passes words, but word 1 is offered for one cycle, 2 changes, 3 comes twice, 4 is lost."""

    def __init__(self):
        super().__init__(8, 70)

    def elaborate(self, platform):
        m = Module()
        again = Signal()
        m.d.comb += self.i.ready.eq(~self.o.valid)
        with m.If(self.o.valid):
            with m.If(self.o.payload[:8] == 1):
                m.d.sync += self.o.valid.eq(0)
            with m.If(self.o.payload[:8] == 2):
                m.d.sync += self.o.payload[69].eq(1)
            with m.If(self.o.ready):
                m.d.sync += [self.o.valid.eq(again), again.eq(0)]
        with m.Elif(self.i.valid):
            m.d.sync += [
                self.o.valid.eq(self.i.payload != 4),
                self.o.payload.eq(self.i.payload),
                again.eq(self.i.payload == 3),
            ]
        return m


class Table(Component):
    """Looks each word up in a memory that is long enough to be read from a file."""

    def __init__(self, depth):
        super().__init__(12, 27)
        self.values = np.random.default_rng(depth).integers(0, 1 << 27, depth)

    def elaborate(self, platform):
        m = Module()
        m.submodules.table = table = memory.Memory(
            shape=27, depth=len(self.values), init=[int(value) for value in self.values]
        )
        read = table.read_port()
        m.d.comb += [
            self.i.ready.eq(~self.o.valid | self.o.ready),
            read.addr.eq(self.i.payload),
            read.en.eq(self.i.ready),
            self.o.payload.eq(read.data),
        ]
        with m.If(self.i.ready):
            m.d.sync += self.o.valid.eq(self.i.valid)
        return m


# An object is elaborated, and converted to Verilog, only once.
COUNT, FAULTY, TABLE, WIDE, NARROW = Count(), Faulty(), Table(2500), Wire(200), Wire(8)


def words_of(count, width):
    bits = np.random.default_rng(width).integers(0, 2, (count, width), dtype=np.uint8)
    return np.packbits(bits, axis=1, bitorder="little")


def last_time(vcd):
    """Femtoseconds of the last change in a waveform."""
    unit = {"1 fs": 1, "1ps": 1_000, "1ns": 1_000_000}[
        re.search(r"\$timescale\s+(1 ?\ws)\s+\$end", vcd)[1]
    ]
    return unit * int(re.findall(r"^#(\d+)", vcd, re.MULTILINE)[-1])


def column(*values):
    return np.array(values, dtype=np.uint8).reshape(-1, 1)


@pytest.mark.parametrize("engine", ENGINES)
class TestRun:
    def test_no_width(self, engine):
        trace = run(COUNT, column(5, 1, 2), 3, engine=engine)
        assert trace.outputs.shape == (3, 0)
        np.testing.assert_array_equal(trace.i_cycles, [0, 7, 10])
        np.testing.assert_array_equal(trace.o_cycles, [6, 9, 13])

    def test_no_words(self, engine):
        trace = run(COUNT, column(), 0, engine=engine)
        assert (len(trace.i_cycles), len(trace.o_cycles), trace.cycles) == (0, 0, 0)

    def test_waits_for_words_without_answer(self, engine):
        trace = run(FAULTY, column(8, 4, 4), 1, engine=engine)
        np.testing.assert_array_equal(trace.i_cycles, [0, 2, 3])
        assert trace.cycles == 2

    @pytest.mark.parametrize(
        ("word", "never", "cycle", "message"),
        [
            (1, True, 4, "Cycle 4: valid dropped before output word 1 was taken"),
            (2, True, 4, "Cycle 4: payload of output word 1 changed before it was taken"),
            (3, False, 4, "Cycle 4: spurious output word after the 2 expected"),
        ],
        ids=["dropped", "changed", "spurious"],
    )
    def test_protocol_error(self, word, never, cycle, message, engine):
        # Ready for the first word, then never again, where `never` is true.
        class Once(Stall):
            def masks(self):
                may_present, ready = super().masks()
                ready[:] = not never
                ready[1] = True
                return may_present, ready

        with pytest.raises(ProtocolError, match=f"^{message}$") as caught:
            run(FAULTY, column(9, word), 2, engine=engine, stall=Once())
        assert caught.value.cycle == cycle

    def test_nothing_watched(self, engine):
        trace = run(FAULTY, column(3), 1, engine=engine, watch=0)
        np.testing.assert_array_equal(trace.o_cycles, [1])

    def test_deadline(self, engine):
        words = column(5, 1)
        assert run(COUNT, words, 2, engine=engine, deadline=10).cycles == 10
        with pytest.raises(
            DeadlineError,
            match=r"^Cycle 9: the run did not finish in time, 2 of 2 words went in and "
            r"1 of 2 came out$",
        ) as caught:
            run(COUNT, words, 2, engine=engine, deadline=9)
        assert (caught.value.cycle, caught.value.received, caught.value.sent) == (9, 2, 1)

    def test_no_progress(self, engine, monkeypatch):
        monkeypatch.setattr(harness, "IDLE_LIMIT", 300)
        # More than the limit in all, but never without a transfer.
        run(COUNT, column(200, 200), 2, engine=engine)
        with pytest.raises(
            DeadlineError,
            match=r"^Cycle 303: the run did not finish and 300 cycles had no transfer, 2 of 2 "
            r"words went in and 1 of 2 came out$",
        ):
            run(FAULTY, column(8, 4), 2, engine=engine)

    def test_patience(self, engine):
        words = column(200)
        run(COUNT, words, 1, engine=engine, patience=201)
        with pytest.raises(DeadlineError, match=r"^Cycle 200: .* and 199 cycles had no transfer"):
            run(COUNT, words, 1, engine=engine, patience=199)
        # A deadline takes its place.
        run(COUNT, words, 1, engine=engine, patience=199, deadline=300)

    def test_more_expected_than_come(self, engine):
        with pytest.raises(DeadlineError, match=r"3 of 3 words went in and 3 of 2147483647 came"):
            run(WIDE, words_of(3, 200), 2**31 - 1, engine=engine, deadline=9)

    def test_no_limits(self, engine):
        trace = run(NARROW, column(1), 1, engine=engine, patience=2**70)
        assert trace.cycles == 1
        assert run(NARROW, column(1), 1, engine=engine, deadline=2**70).cycles == 1

    @pytest.mark.parametrize("parent", ["missing", "a file", "itself"])
    def test_waveform_wrong(self, parent, engine, tmp_path):
        (tmp_path / "a file").touch()
        path, error, message = {
            "missing": (tmp_path / "missing" / "x.vcd", FileNotFoundError, "No such file"),
            "a file": (tmp_path / "a file" / "x.vcd", NotADirectoryError, "Not a directory"),
            "itself": (tmp_path, IsADirectoryError, "Is a directory"),
        }[parent]
        culprit = re.escape(repr(str(path)))
        with pytest.raises(error, match=rf"^\[Errno \d+\] {message}.*: {culprit}$"):
            run(COUNT, column(5), 1, engine=engine, waveform=path)

    def test_waveform_by_relative_path(self, engine, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        run(COUNT, column(5), 1, engine=engine, waveform="wave.vcd")
        assert "$enddefinitions" in (tmp_path / "wave.vcd").read_text()

    def test_long_table(self, engine):
        dut = TABLE
        addresses = np.arange(2500, dtype="<u2")
        trace = run(dut, addresses.view(np.uint8).reshape(-1, 2), 2500, engine=engine)
        np.testing.assert_array_equal(trace.outputs.view("<u4").ravel(), dut.values)

    def test_waveform(self, engine, tmp_path):
        path = tmp_path / "wave.vcd"
        run(COUNT, column(5), 1, engine=engine, waveform=path)
        text = path.read_text()
        assert "$enddefinitions" in text
        for name in ("clk", "rst", "i__valid", "o__ready", "left"):
            assert f" {name} " in text
        # Cycle 0 begins after two edges; seven cycles and 16 watched ones of 1 us each.
        assert 24e9 < last_time(text) < 26e9

    def test_waveform_of_a_failed_run(self, engine, tmp_path):
        path = tmp_path / "wave.vcd"
        with pytest.raises(DeadlineError):
            run(COUNT, column(5), 1, engine=engine, deadline=3, waveform=path)
        assert 4e9 < last_time(path.read_text()) < 6e9

    def test_progress(self, engine):
        seen = []
        words = column(*[255] * (50 if engine == "amaranth" else 2000))
        run(
            COUNT,
            words,
            len(words),
            engine=engine,
            progress=lambda *numbers: seen.append(numbers),
        )
        assert seen == sorted(seen)
        assert seen[-1] == (len(words), len(words))

    def test_progress_may_end_the_run(self, engine):
        def stop(done, expected):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(COUNT, column(5), 1, engine=engine, progress=stop)
