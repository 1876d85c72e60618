"""Operand buffer: takes a frame in words as they come, gives it in words as a layer uses them."""

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..checks import integer

__all__ = ["KINDS", "LATENCY", "MEMORY_BITS", "kind", "Replay"]

KINDS = ("direct", "registers", "memory")
LATENCY = 2
# Frames from this size on go to block RAM where the widths allow it: two copies in flip-flops
# would take more than a fifth of the 5,280 logic cells of an iCE40 UP5K.
MEMORY_BITS = 512


def kind(size: int, planes: int, in_width: int, out_width: int, passes: int) -> str:
    """The kind of buffer for frames of ``size`` elements of ``planes`` bit planes.

    ``direct`` (none at all) when each word is used once and as it comes, ``memory`` when words
    are used as they come and a frame is large, ``registers`` otherwise.
    """
    if in_width == out_width and passes == 1:
        return "direct"
    if in_width == out_width and size * planes >= MEMORY_BITS:
        return "memory"
    return "registers"


class Replay(wiring.Component):
    """Double buffer that gives every frame ``passes`` times over, in words of another width.

    A frame is ``planes`` bit planes of ``size`` bits; each plane starts a new word, on both
    sides, and bits beyond its end are undefined. While one frame is given, the next is taken, so
    output words follow each other without a gap as long as input keeps up. ``latency``, from the
    last input word of a frame to its first output word, is 2 cycles (0 and no hardware for
    ``direct``); ``interval`` is ``passes * planes * ceil(size / out_width)``, or the number of
    input words if that is larger.

    Parameters
    ----------
    size : int
        Bits in a plane.
    planes : int
        Planes in a frame.
    in_width, out_width : int
        Bits in a word, neither of which needs to divide anything.
    passes : int
        Times that each frame is given.

    Members
    -------
    i : In(stream.Signature(in_width))
    o : Out(stream.Signature(out_width))
    """

    def __init__(self, size: int, *, in_width: int, out_width: int, planes: int = 1,
                 passes: int = 1):
        self._size = integer("Replay size", size, 1)
        self._planes = integer("Replay planes", planes, 1)
        self._passes = integer("Replay passes", passes, 1)
        self._in_width = integer("Replay in_width", in_width, 1)
        self._out_width = integer("Replay out_width", out_width, 1)
        self._in_words, self._out_words = -(-size // in_width), -(-size // out_width)
        super().__init__({"i": In(stream.Signature(in_width)),
                          "o": Out(stream.Signature(out_width))})

    @property
    def kind(self) -> str:
        return kind(self._size, self._planes, self._in_width, self._out_width, self._passes)

    @property
    def latency(self) -> int:
        return 0 if self.kind == "direct" else LATENCY

    @property
    def interval(self) -> int:
        return max(self._passes * self._planes * self._out_words, self._planes * self._in_words)

    def model(self, words: np.ndarray) -> np.ndarray:
        """Output words of whole frames, both as arrays of bits of the shape (words, width).

        Undefined bits are 0.
        """
        planes = np.asarray(words).reshape(-1, self._in_words * self._in_width)[:, :self._size]
        padded = np.zeros((len(planes), self._out_words * self._out_width), np.uint8)
        padded[:, :self._size] = planes
        frames = padded.reshape(-1, 1, self._planes * self._out_words, self._out_width)
        return np.repeat(frames, self._passes, axis=1).reshape(-1, self._out_width)

    def elaborate(self, platform):
        match self.kind:
            case "direct":
                m = Module()
                wiring.connect(m, wiring.flipped(self.i), wiring.flipped(self.o))
                return m
            case "memory":
                return self._memory()
            case _:
                return self._registers()

    def _registers(self):
        m = Module()
        size, planes = self._size, self._planes
        taken, given = planes * self._in_words, self._passes * planes * self._out_words
        fill = Signal(taken * self._in_width)
        place = Signal(range(taken))
        full = Signal()
        frame = Signal(planes * self._out_words * self._out_width)
        count = Signal(range(given))

        # The last word of a frame makes room for the next frame in the same cycle.
        free = ~self.o.valid | (self.o.ready & (count == given - 1))
        m.d.comb += self.o.payload.eq(frame[:self._out_width])
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += count.eq(count + 1)
            if planes * self._out_words > 1:
                m.d.sync += frame.eq(frame.rotate_right(self._out_width))
        with m.If(free):
            m.d.sync += [self.o.valid.eq(full), count.eq(0)]
            with m.If(full):
                for plane in range(planes):
                    source = fill[plane * self._in_words * self._in_width:][:size]
                    start = plane * self._out_words * self._out_width
                    m.d.sync += frame[start:start + size].eq(source)

        m.d.comb += self.i.ready.eq(~full | free)
        with m.If(free):
            m.d.sync += full.eq(0)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += fill.eq(Cat(fill, self.i.payload)[self._in_width:])
            m.d.sync += place.eq(place + 1)
            with m.If(place == taken - 1):
                m.d.sync += [place.eq(0), full.eq(1)]
        return m

    def _memory(self):
        m = Module()
        words = self._planes * self._out_words
        # A word is never read in the cycle that writes it, for its bank is not full then. Without
        # being told, Yosys puts a bypass beside the RAM, which costs more cells than all the rest.
        m.submodules.memory = memory = Memory(
            shape=unsigned(self._out_width), depth=2 * words, init=[],
            attrs={"ram_style": "block", "no_rw_check": 1})
        write, read = memory.write_port(), memory.read_port()
        full = Signal(2)

        put, put_bank = Signal(range(2 * words)), Signal()
        put_last = put == Mux(put_bank, 2 * words - 1, words - 1)
        m.d.comb += [
            self.i.ready.eq(~full.bit_select(put_bank, 1)),
            write.addr.eq(put), write.data.eq(self.i.payload),
            write.en.eq(self.i.valid & self.i.ready),
        ]
        with m.If(write.en):
            m.d.sync += put.eq(put + 1)
            with m.If(put_last):
                m.d.sync += [full.bit_select(put_bank, 1).eq(1), put_bank.eq(~put_bank)]
                with m.If(put_bank):
                    m.d.sync += put.eq(0)

        get, get_bank, get_pass = Signal(range(2 * words)), Signal(), Signal(range(self._passes))
        get_last = get == Mux(get_bank, 2 * words - 1, words - 1)
        m.d.comb += [
            read.addr.eq(get), self.o.payload.eq(read.data),
            read.en.eq(~self.o.valid | self.o.ready),
        ]
        with m.If(read.en):
            m.d.sync += self.o.valid.eq(full.bit_select(get_bank, 1))
            with m.If(full.bit_select(get_bank, 1)):
                m.d.sync += get.eq(get + 1)
                with m.If(get_last):
                    m.d.sync += [get.eq(Mux(get_bank, words, 0)), get_pass.eq(get_pass + 1)]
                    with m.If(get_pass == self._passes - 1):
                        m.d.sync += [
                            full.bit_select(get_bank, 1).eq(0), get_bank.eq(~get_bank),
                            get_pass.eq(0), get.eq(Mux(get_bank, 0, words)),
                        ]
        return m
