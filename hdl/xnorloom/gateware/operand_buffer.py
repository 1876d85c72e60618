"""Operand buffer: double buffer and width converter before a layer."""

import numpy as np
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..schedule import OperandKind
from ..schedule.operand_kind import operand_kind
from ..support.arguments import integer
from . import primitives
from .frame_store import FrameStore
from .primitives import address, count, names

__all__ = ["OperandBuffer"]

# Cycles from the last input word of a frame to its first output word.
_LATENCY = 2


class OperandBuffer(wiring.Component):
    """Double buffer that sends each frame ``passes`` times, in words of another width.

    A frame has ``planes`` bit planes of ``size`` bits. Each plane starts a new word, on both
    sides; bits after its end are undefined. With ``vectors`` a frame is a batch of that many
    frames in lockstep: each word consists of one word of each. One frame is received while another
    is sent, so output words are back to back as long as the input keeps up. ``latency``, from the
    last input word of a frame to its first output word, is 2 cycles (0 and no hardware for
    ``direct``). ``interval`` is
    ``planes * max(passes * ceil(size / out_width), ceil(size / in_width))``.

    Parameters
    ----------
    size : int
        Bits per plane.
    planes : int
        Planes per frame.
    in_width, out_width : int
        Bits of a frame per word; neither needs to divide ``size``.
    passes : int
        Number of times to send each frame.
    vectors : int
        Frames per word.
    target_interval : int
        Cycles between frames that the network needs. If these or the output words leave a cycle
        without an input word, there is no combinational path from ``o`` to ``i``.

    Members
    -------
    i : In(stream.Signature(vectors * in_width))
        Words of frames.
    o : Out(stream.Signature(vectors * out_width))
        Words of each frame, ``passes`` times.
    """

    def __init__(self, size: int, *, in_width: int, out_width: int, planes: int = 1,
                 passes: int = 1, vectors: int = 1, target_interval: int = 0):
        self._size = integer("Operand buffer size", size, 1)
        self._planes = integer("Operand buffer planes", planes, 1)
        self._passes = integer("Operand buffer passes", passes, 1)
        self._vectors = integer("Operand buffer vectors", vectors, 1)
        self._target_interval = integer("Operand buffer target_interval", target_interval, 0)
        self._in_width = integer("Operand buffer in_width", in_width, 1)
        self._out_width = integer("Operand buffer out_width", out_width, 1)
        self._in_words, self._out_words = -(-size // in_width), -(-size // out_width)
        super().__init__({"i": In(stream.Signature(vectors * in_width)),
                          "o": Out(stream.Signature(vectors * out_width))})

    @property
    def kind(self) -> OperandKind:
        return operand_kind(self._size, self._planes, self._in_width, self._out_width, self._passes,
                            self._vectors)

    @property
    def latency(self) -> int:
        return 0 if self.kind is OperandKind.DIRECT else _LATENCY

    @property
    def interval(self) -> int:
        return max(self._passes * self._planes * self._out_words, self._planes * self._in_words)

    def model(self, words: np.ndarray) -> np.ndarray:
        """Return the output words of the input words of whole frames.

        Both are arrays of bits of shape (words, width). Undefined bits are 0.
        """
        rows = np.asarray(words).reshape(-1, self._in_words, self._vectors, self._in_width)
        planes = rows.swapaxes(1, 2).reshape(len(rows), self._vectors, -1)[..., :self._size]
        padded = np.zeros((*planes.shape[:2], self._out_words * self._out_width), np.uint8)
        padded[..., :self._size] = planes
        columns = padded.reshape(len(rows), self._vectors, self._out_words, self._out_width)
        width = self._vectors * self._out_width
        frames = columns.swapaxes(1, 2).reshape(-1, 1, self._planes * self._out_words, width)
        return np.repeat(frames, self._passes, axis=1).reshape(-1, width)

    def elaborate(self, platform):
        match self.kind:
            case OperandKind.DIRECT:
                m = Module()
                wiring.connect(m, wiring.flipped(self.i), wiring.flipped(self.o))
                return m
            case OperandKind.MEMORY:
                return self._memory()
            case _:
                return self._registers()

    def _registers(self):
        m = Module()
        size, planes = self._size, self._planes
        received, sent = planes * self._in_words, self._passes * planes * self._out_words
        stores = [FrameStore(size, planes=planes, in_width=self._in_width,
                             out_width=self._out_width, name=name)
                  for name in names("", self._vectors)]
        full = Signal()

        # The next frame is loaded in the cycle in which the last word leaves. If there is none, the
        # contents do not matter.
        go, free = Signal(), Signal()
        _, last = count(m, sent, self.o.valid & self.o.ready, name="sent")
        m.d.comb += [
            go.eq(~self.o.valid | self.o.ready),
            free.eq(go & (~self.o.valid | last)),
            self.o.payload.eq(Cat(store.word for store in stores)),
        ]
        with m.If(free):
            m.d.sync += [self.o.valid.eq(full), full.eq(0)]
            for store in stores:
                store.load(m)
        with m.Elif(go & (planes * self._out_words > 1)):
            for store in stores:
                store.turn(m)

        take = self.i.valid & self.i.ready
        _, last = count(m, received, take, name="received")
        least = max(sent, self._target_interval)
        m.d.comb += self.i.ready.eq(~full if received < least else ~full | free)
        with m.If(take):
            for vector, store in enumerate(stores):
                store.shift(m, self.i.payload.word_select(vector, self._in_width))
            with m.If(last):
                m.d.sync += full.eq(1)
        return m

    def _memory(self):
        m = Module()
        words = self._planes * self._out_words
        # Two banks. Only a full bank is read, and only one that is not full is written.
        place = (words - 1).bit_length()
        m.submodules.memory = memory = primitives.ram(
            self._vectors * self._out_width, 2 << place)
        write = memory.write_port()
        full = Signal(2)

        put, put_last = count(m, words, write.en, name="put")
        put_bank, _ = count(m, 2, write.en & put_last, name="put_bank")
        m.d.comb += [
            self.i.ready.eq(~full.bit_select(put_bank, 1)),
            write.addr.eq(address(put, put_bank, place)), write.data.eq(self.i.payload),
            write.en.eq(self.i.valid & self.i.ready),
        ]
        with m.If(write.en & put_last):
            m.d.sync += full.bit_select(put_bank, 1).eq(1)

        go, step = Signal(), Signal()
        get, _ = count(m, words, step, name="get")
        _, all_last = count(m, self._passes * words, step, name="get_all")
        done = step & all_last
        get_bank, _ = count(m, 2, done, name="get_bank")
        word = primitives.read(m, memory, address(get, get_bank, place), go)
        m.d.comb += [
            go.eq(~self.o.valid | self.o.ready),
            step.eq(go & full.bit_select(get_bank, 1)),
            self.o.payload.eq(word),
        ]
        with m.If(go):
            m.d.sync += self.o.valid.eq(step)
        with m.If(done):
            m.d.sync += full.bit_select(get_bank, 1).eq(0)
        return m
