# amaranth: UnusedElaboratable=no
"""Word splitter and packet check: definition, latency and throughput, stalls."""

import numpy as np
import pytest
from amaranth.hdl import Cat, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from xnorloom.gateware.packet_check import PacketCheck
from xnorloom.gateware.word_splitter import WordSplitter
from xnorloom_sim.harness import Stall, run

STALLS = [None, Stall(1, i=0.5), Stall(2, o=0.5), Stall(3, 0.4, 0.4), Stall(4, 0.1, 0.9)]


class OneOutput(wiring.Component):
    """A component whose second output is the top bit of the words of ``o``."""

    def __init__(self, dut):
        self.dut = dut
        width = dut.o.payload.shape().width
        super().__init__({"i": In(dut.i.signature.flip()), "o": Out(stream.Signature(width + 1))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.dut = dut = self.dut
        wiring.connect(m, wiring.flipped(self.i), dut.i)
        second = dut.last if isinstance(dut, WordSplitter) else dut.wrong.payload
        if isinstance(dut, PacketCheck):
            m.d.comb += dut.wrong.ready.eq(1)
        m.d.comb += [self.o.payload.eq(Cat(dut.o.payload, second)), self.o.valid.eq(dut.o.valid),
                     dut.o.ready.eq(self.o.ready)]
        return m


def pack(bits):
    return np.packbits(bits.astype(np.uint8), axis=-1, bitorder="little")


def bits_of(words, width):
    return np.unpackbits(words, axis=-1, count=width, bitorder="little")


@pytest.mark.parametrize("stall", STALLS, ids=str)
@pytest.mark.parametrize("width, parts, group", [
    (3, 1, 1), (3, 1, 4), (1, 8, 8), (5, 2, 4), (4, 3, 7), (2, 5, 3), (7, 4, 1), (1, 32, 49)])
def test_splitter(width, parts, group, stall):
    dut = WordSplitter(width, parts=parts, group=group)
    wide = -(-group // parts)
    assert (dut.words, dut.latency, dut.interval) == (wide, 0, group)
    words = np.random.default_rng(1).integers(0, 2, (4 * wide, parts * width), np.uint8)
    trace = run(OneOutput(dut), pack(words), 4 * group, stall=stall)
    found = bits_of(trace.outputs, width + 1)
    expected = [words[g * wide + p // parts][p % parts * width:][:width]
                for g in range(4) for p in range(group)]
    np.testing.assert_array_equal(found[:, :width], expected)
    np.testing.assert_array_equal(found[:, :width], dut.model(words))
    np.testing.assert_array_equal(found[:, width], [p == group - 1 for p in range(group)] * 4)
    if stall is None:
        assert trace.o_cycles.tolist() == list(range(4 * group))


def checked(beats, last, per_frame):
    """Frames by the definition, beat by beat, and the lengths of the packets."""
    frames, lengths, packet = [], [], []
    for beat, end in zip(beats, last):
        packet.append(beat)
        if end:
            lengths.append(len(packet))
            frames += (packet + per_frame * [np.zeros_like(beat)])[:per_frame]
            packet = []
    return np.array(frames), lengths


@pytest.mark.parametrize("stall", STALLS, ids=str)
@pytest.mark.parametrize("per_frame", [1, 2, 5])
def test_check(per_frame, stall):
    dut = PacketCheck(6, beats=per_frame)
    rng = np.random.default_rng(per_frame)
    lengths = [per_frame, 1, per_frame, per_frame + 1, per_frame, 3 * per_frame,
               *rng.integers(1, 2 * per_frame + 2, 30), per_frame]
    last = np.concatenate([np.arange(length) == length - 1 for length in lengths])
    beats = rng.integers(0, 2, (len(last), 6), np.uint8)
    expected, found_lengths = checked(beats, last, per_frame)
    assert found_lengths == list(lengths)
    trace = run(OneOutput(dut), pack(np.column_stack([beats, last])), len(expected), stall=stall)
    found = bits_of(trace.outputs, 7)
    np.testing.assert_array_equal(found[:, :6], expected)
    wrong = [length != per_frame for length in lengths]
    np.testing.assert_array_equal(found[per_frame - 1::per_frame, 6], wrong)
    modelled = dut.model(beats, last)
    np.testing.assert_array_equal(modelled.beats, expected)
    np.testing.assert_array_equal(modelled.wrong, wrong)


def test_check_throughput():
    dut = PacketCheck(4, beats=3)
    assert (dut.beats, dut.latency, dut.interval) == (3, 0, 3)
    last = np.arange(30) % 3 == 2
    beats = np.zeros((30, 4), np.uint8)
    trace = run(OneOutput(dut), pack(np.column_stack([beats, last])), 30)
    assert trace.o_cycles.tolist() == list(range(30))


def test_no_whole_packet():
    beats = np.ones((2, 4), np.uint8)
    modelled = PacketCheck(4, beats=3).model(beats, np.zeros(2, bool))
    assert modelled.beats.shape == (0, 4) and modelled.wrong.shape == (0,)


@pytest.mark.parametrize("make, error, message", [
    (lambda: WordSplitter(0, parts=1, group=1), ValueError,
     "Word splitter width must be at least 1, not 0"),
    (lambda: WordSplitter(1, parts=1.5, group=1), TypeError,
     "Word splitter parts must be an integer, not 1.5"),
    (lambda: WordSplitter(1, parts=1, group=0), ValueError,
     "Word splitter group must be at least 1, not 0"),
    (lambda: PacketCheck(0, beats=1), ValueError, "Packet check width must be at least 1, not 0"),
    (lambda: PacketCheck(1, beats=True), TypeError,
     "Packet check beats must be an integer, not True"),
])
def test_wrong(make, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        make()
