# amaranth: UnusedElaboratable=no
"""Both engines give the same trace, cycle for cycle, and notice the same faults."""

import re

import numpy as np
import pytest
from amaranth.hdl import Cat, Module, Signal, Value, signed
from amaranth.lib import data, fifo, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from xnorloom_sim import harness
from xnorloom_sim.harness import DeadlineError, ProtocolError, Stall, run

ENGINES = ("amaranth", "compiled")


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


class Component(wiring.Component):
    checked = None
    """How many bits of an output word `model` tells, if not all."""

    def __init__(self, i_shape, o_shape):
        super().__init__({"i": In(stream.Signature(i_shape)), "o": Out(stream.Signature(o_shape))})

    def model(self, bits):
        return bits


class Buffer(Component):
    """Two entries; no combinational path between its sides."""

    def __init__(self, shape):
        super().__init__(shape, shape)

    def elaborate(self, platform):
        m = Module()
        spare = stream.Signature(self.i.payload.shape()).create()
        m.d.comb += self.i.ready.eq(~spare.valid)
        with m.If(self.o.ready | ~self.o.valid):
            m.d.sync += [
                self.o.valid.eq(spare.valid | self.i.valid),
                spare.valid.eq(0),
            ]
            with m.If(spare.valid):
                m.d.sync += self.o.payload.eq(spare.payload)
            with m.Else():
                m.d.sync += self.o.payload.eq(self.i.payload)
        with m.Elif(self.i.valid & self.i.ready):
            m.d.sync += [spare.valid.eq(1), spare.payload.eq(self.i.payload)]
        return m


class Wire(Component):
    """No register, so no clock either."""

    def __init__(self, shape):
        super().__init__(shape, shape)

    def elaborate(self, platform):
        m = Module()
        wiring.connect(m, wiring.flipped(self.i), wiring.flipped(self.o))
        return m


class Pair(Component):
    """Joins every two words; takes the second in the cycle in which the pair leaves."""

    def __init__(self, width):
        super().__init__(width, 2 * width)

    def elaborate(self, platform):
        m = Module()
        first, full = Signal(self.i.payload.shape()), Signal()
        m.d.comb += [
            self.i.ready.eq(~full | self.o.ready),
            self.o.valid.eq(full & self.i.valid),
            self.o.payload.eq(Cat(first, self.i.payload)),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [first.eq(self.i.payload), full.eq(~full)]
        return m

    def model(self, bits):
        return bits.reshape(len(bits) // 2, -1)


class Fifo(Component):
    """Five entries in a memory, with the low bits of a free-running counter beside each word."""

    def __init__(self, width):
        super().__init__(width, data.StructLayout({"word": signed(width), "when": 8}))
        self.checked = width

    def elaborate(self, platform):
        m = Module()
        m.submodules.fifo = inner = fifo.SyncFIFOBuffered(width=width_of(self.o), depth=5)
        when = Signal(8, reset_less=True)
        m.d.sync += when.eq(when + 1)
        m.d.comb += [
            inner.w_data.eq(Cat(self.i.payload, when)),
            inner.w_en.eq(self.i.valid),
            self.i.ready.eq(inner.w_rdy),
            self.o.payload.eq(inner.r_data),
            self.o.valid.eq(inner.r_rdy),
            inner.r_en.eq(self.o.ready),
        ]
        return m


class Count(Component):
    """Answers each word, a number n, after n cycles, by a payload of no width."""

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


def words_of(count, width):
    bits = np.random.default_rng(width).integers(0, 2, (count, width), dtype=np.uint8)
    return np.packbits(bits, axis=1, bitorder="little")


def width_of(port):
    return len(Value.cast(port.payload))


def bits_of(words, port):
    return np.unpackbits(words, axis=1, count=width_of(port), bitorder="little")


def last_time(vcd):
    """Femtoseconds of the last change in a waveform."""
    unit = {"1 fs": 1, "1ps": 1_000, "1ns": 1_000_000}[
        re.search(r"\$timescale\s+(1 ?\ws)\s+\$end", vcd)[1]
    ]
    return unit * int(re.findall(r"^#(\d+)", vcd, re.MULTILINE)[-1])


def column(*values):
    return np.array(values, dtype=np.uint8).reshape(-1, 1)


STALLS = [None, Stall(1, 0.5, 0.0), Stall(2, 0.0, 0.5), Stall(3, 0.3, 0.6)]
STRUCT = data.StructLayout({"a": signed(5), "b": data.ArrayLayout(3, 4)})
DESIGNS = {
    **{f"buffer {width}": (Buffer, width) for width in (1, 8, 31, 64, 65, 200)},
    "buffer struct": (Buffer, STRUCT),
    "wire": (Wire, signed(40)),
    "pair": (Pair, 33),
    "fifo": (Fifo, 12),
}


@pytest.mark.parametrize(("design", "shape"), DESIGNS.values(), ids=DESIGNS)
def test_engines_agree(design, shape, cache):
    dut = design(shape)
    words = words_of(120, width_of(dut.i))
    for stall in STALLS:
        slow, fast = (
            run(dut, words, 60 if design is Pair else 120, engine=engine, stall=stall, cache=cache)
            for engine in ENGINES
        )
        for field in ("outputs", "i_cycles", "o_cycles"):
            one, other = getattr(slow, field), getattr(fast, field)
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other, f"{field} with {stall}")
        assert slow.cycles == fast.cycles == slow.o_cycles[-1] + 1
        i_bits, o_bits = bits_of(words, dut.i), bits_of(slow.outputs, dut.o)
        np.testing.assert_array_equal(dut.model(i_bits), o_bits[:, : dut.checked])


@pytest.mark.parametrize("engine", ENGINES)
class TestRun:
    def test_no_width(self, engine, cache):
        trace = run(Count(), column(5, 1, 2), 3, engine=engine, cache=cache)
        assert trace.outputs.shape == (3, 0)
        np.testing.assert_array_equal(trace.i_cycles, [0, 7, 10])
        np.testing.assert_array_equal(trace.o_cycles, [6, 9, 13])

    def test_no_words(self, engine, cache):
        trace = run(Count(), column(), 0, engine=engine, cache=cache)
        assert (len(trace.i_cycles), len(trace.o_cycles), trace.cycles) == (0, 0, 0)

    def test_waits_for_words_without_answer(self, engine, cache):
        trace = run(Faulty(), column(8, 4, 4), 1, engine=engine, cache=cache)
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
    def test_protocol_error(self, word, never, cycle, message, engine, cache):
        # Ready for the first word, then never again, where `never` is true.
        class Once(Stall):
            def masks(self):
                may_present, ready = super().masks()
                ready[:] = not never
                ready[1] = True
                return may_present, ready

        with pytest.raises(ProtocolError, match=f"^{message}$") as caught:
            run(Faulty(), column(9, word), 2, engine=engine, stall=Once(), cache=cache)
        assert caught.value.cycle == cycle

    def test_nothing_watched(self, engine, cache):
        trace = run(Faulty(), column(3), 1, engine=engine, watch=0, cache=cache)
        np.testing.assert_array_equal(trace.o_cycles, [1])

    def test_deadline(self, engine, cache):
        words = column(5, 1)
        assert run(Count(), words, 2, engine=engine, deadline=10, cache=cache).cycles == 10
        with pytest.raises(
            DeadlineError,
            match=r"^Cycle 9: the run did not finish in time, 2 of 2 words went in and "
            r"1 of 2 came out$",
        ) as caught:
            run(Count(), words, 2, engine=engine, deadline=9, cache=cache)
        assert (caught.value.cycle, caught.value.received, caught.value.sent) == (9, 2, 1)

    def test_no_progress(self, engine, cache, monkeypatch):
        monkeypatch.setattr(harness, "IDLE_LIMIT", 300)
        # More than the limit in all, but never without a transfer.
        run(Count(), column(200, 200), 2, engine=engine, cache=cache)
        with pytest.raises(
            DeadlineError,
            match=r"^Cycle 303: the run did not finish and 300 cycles had no transfer, 2 of 2 "
            r"words went in and 1 of 2 came out$",
        ):
            run(Faulty(), column(8, 4), 2, engine=engine, cache=cache)

    def test_patience(self, engine, cache):
        words = column(200)
        run(Count(), words, 1, engine=engine, patience=201, cache=cache)
        with pytest.raises(DeadlineError, match=r"^Cycle 200: .* and 199 cycles had no transfer"):
            run(Count(), words, 1, engine=engine, patience=199, cache=cache)
        # A deadline takes its place.
        run(Count(), words, 1, engine=engine, patience=199, deadline=300, cache=cache)

    def test_more_expected_than_come(self, engine, cache):
        with pytest.raises(DeadlineError, match=r"3 of 3 words went in and 3 of 2147483647 came"):
            run(Wire(200), words_of(3, 200), 2**31 - 1, engine=engine, deadline=9, cache=cache)

    def test_no_limits(self, engine, cache):
        trace = run(Wire(8), column(1), 1, engine=engine, patience=2**70, cache=cache)
        assert trace.cycles == 1
        assert run(Wire(8), column(1), 1, engine=engine, deadline=2**70, cache=cache).cycles == 1

    @pytest.mark.parametrize("parent", ["missing", "a file", "itself"])
    def test_waveform_wrong(self, parent, engine, cache, tmp_path):
        (tmp_path / "a file").touch()
        path, error, message = {
            "missing": (tmp_path / "missing" / "x.vcd", FileNotFoundError, "No such file"),
            "a file": (tmp_path / "a file" / "x.vcd", NotADirectoryError, "Not a directory"),
            "itself": (tmp_path, IsADirectoryError, "Is a directory"),
        }[parent]
        culprit = re.escape(repr(str(path)))
        with pytest.raises(error, match=rf"^\[Errno \d+\] {message}.*: {culprit}$"):
            run(Count(), column(5), 1, engine=engine, waveform=path, cache=cache)

    def test_waveform_by_relative_path(self, engine, cache, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        run(Count(), column(5), 1, engine=engine, waveform="wave.vcd", cache=cache)
        assert "$enddefinitions" in (tmp_path / "wave.vcd").read_text()

    def test_long_table(self, engine, cache):
        dut = Table(2500)
        addresses = np.arange(2500, dtype="<u2")
        trace = run(dut, addresses.view(np.uint8).reshape(-1, 2), 2500, engine=engine, cache=cache)
        np.testing.assert_array_equal(trace.outputs.view("<u4").ravel(), dut.values)

    def test_waveform(self, engine, cache, tmp_path):
        path = tmp_path / "wave.vcd"
        run(Count(), column(5), 1, engine=engine, waveform=path, cache=cache)
        text = path.read_text()
        assert "$enddefinitions" in text
        for name in ("clk", "rst", "i__valid", "o__ready", "left"):
            assert f" {name} " in text
        # Cycle 0 begins after two edges; seven cycles and 16 watched ones of 1 us each.
        assert 24e9 < last_time(text) < 26e9

    def test_waveform_of_a_failed_run(self, engine, cache, tmp_path):
        path = tmp_path / "wave.vcd"
        with pytest.raises(DeadlineError):
            run(Count(), column(5), 1, engine=engine, deadline=3, waveform=path, cache=cache)
        assert 4e9 < last_time(path.read_text()) < 6e9

    def test_progress(self, engine, cache):
        seen = []
        words = column(*[255] * (50 if engine == "amaranth" else 2000))
        run(
            Count(),
            words,
            len(words),
            engine=engine,
            cache=cache,
            progress=lambda *numbers: seen.append(numbers),
        )
        assert seen == sorted(seen)
        assert seen[-1] == (len(words), len(words))

    def test_progress_may_end_the_run(self, engine, cache):
        def stop(done, expected):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(Count(), column(5), 1, engine=engine, cache=cache, progress=stop)
