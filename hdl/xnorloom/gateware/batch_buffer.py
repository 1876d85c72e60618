# amaranth: UnusedElaboratable=no
"""Batch buffer: gathers frames that arrive one after the other, and sends several in lockstep."""

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..schedule import OperandKind
from ..schedule.operand_kind import operand_kind
from ..support.arguments import integer
from . import primitives
from .frame_store import FrameStore
from .primitives import address, count
from .stream import Fifo

__all__ = ["BatchBuffer"]


class BatchBuffer(wiring.Component):
    """Double buffer that sends frames in batches, each batch ``passes`` times, in lockstep.

    Frame ``n`` is stored in column ``n % vectors``. Whenever no batch is being sent and at least
    one frame is complete, a batch starts with all complete frames, at most ``vectors``. It waits
    for no other frame: a frame that arrives in part stays for the next batch. Each column can hold
    one frame of the batch and one that is complete or arrives.

    A frame has the planes and words of an
    :class:`~xnorloom.gateware.operand_buffer.OperandBuffer`. Output words are back to back.
    ``latency``, from the last input word of a frame to the first output word, is 2 cycles if no
    batch is being sent. ``interval`` is the number of cycles per batch of ``vectors`` frames,
    ``planes * max(passes * ceil(size / out_width), vectors * ceil(size / in_width))``.

    ::

        frame    0    1    2    3    4    5          vectors = 3, an input that keeps up
        i       ─██───██───██───██───██───██─
        o       ────[0    ][1 2 3   ][4 5
        column       0      1 2 0     1 2

    Parameters
    ----------
    size, in_width, out_width, planes, passes : int
        See :class:`~xnorloom.gateware.operand_buffer.OperandBuffer`.
    vectors : int
        Columns: the most frames of a batch.
    target_interval : int
        Cycles between batches of ``vectors`` frames that the network needs. If these or the output
        words leave a cycle without an input word, no combinational path leads from ``o`` to ``i``.
    batches : int
        Entries of ``batches`` that can wait, one per batch; no batch starts without room for its
        own.

    Members
    -------
    i : In(stream.Signature(in_width))
        Words of frames.
    o : Out(stream.Signature(vectors * out_width))
        Words of each batch, ``passes`` times: a word of column 0, of column 1 and so on. Those of
        columns without a frame are undefined.
    batches : Out(stream.Signature(vectors))
        Columns with a frame, for each batch from the cycle of its first output word on. The first
        of them follows the last of the batch before, modulo ``vectors``, and so do the others.
    """

    latency = 2

    def __init__(self, size: int, *, vectors: int, in_width: int, out_width: int, planes: int = 1,
                 passes: int = 1, target_interval: int = 0, batches: int = 2):
        self._size = integer("Batch buffer size", size, 1)
        self._vectors = integer("Batch buffer vectors", vectors, 1)
        self._planes = integer("Batch buffer planes", planes, 1)
        self._passes = integer("Batch buffer passes", passes, 1)
        self._target_interval = integer("Batch buffer target_interval", target_interval, 0)
        self._in_width = integer("Batch buffer in_width", in_width, 1)
        self._out_width = integer("Batch buffer out_width", out_width, 1)
        self._batches = integer("Batch buffer batches", batches, 1)
        self._in_words, self._out_words = -(-size // in_width), -(-size // out_width)
        super().__init__({"i": In(stream.Signature(in_width)),
                          "o": Out(stream.Signature(vectors * out_width)),
                          "batches": Out(stream.Signature(vectors))})

    @property
    def kind(self) -> OperandKind:
        return operand_kind(self._size, self._planes, self._in_width, self._out_width, self._passes,
                            self._vectors, gather=True)

    @property
    def interval(self) -> int:
        return self._planes * max(self._passes * self._out_words, self._vectors * self._in_words)

    def model(self, words: np.ndarray) -> np.ndarray:
        """Return the output words of the input words of whole frames, in full batches.

        Both are arrays of bits of shape (words, width). Undefined bits, and columns after the last
        frame, are 0.
        """
        planes = np.asarray(words).reshape(-1, self._in_words * self._in_width)[:, :self._size]
        frames = -(-len(planes) // self._planes // self._vectors) * self._vectors
        padded = np.zeros((frames * self._planes, self._out_words * self._out_width), np.uint8)
        padded[:len(planes), :self._size] = planes
        columns = padded.reshape(-1, self._vectors, self._planes * self._out_words, self._out_width)
        batches = columns.swapaxes(1, 2).reshape(len(columns), 1, columns.shape[2], -1)
        return np.repeat(batches, self._passes, axis=1).reshape(-1, batches.shape[-1])

    def elaborate(self, platform):
        m = Module()
        m.submodules.waiting = waiting = Fifo(self._vectors, self._batches)
        wiring.connect(m, waiting.o, wiring.flipped(self.batches))

        received = self._planes * self._in_words
        take, go = Signal(), Signal()
        m.d.comb += [take.eq(self.i.valid & self.i.ready), go.eq(~self.o.valid | self.o.ready)]
        _, complete = count(m, received, take, name="received")
        # The column that receives, in one-hot code.
        column = Signal(self._vectors, init=1)
        with m.If(take & complete):
            m.d.sync += column.eq(column.rotate_left(1))

        send = self._memory if self.kind is OperandKind.MEMORY else self._registers
        send(m, take, complete, column, go, waiting.i)
        return m

    def _registers(self, m: Module, take, complete, column, go, batch):
        received = self._planes * self._in_words
        sent = self._passes * self._planes * self._out_words
        stores = [FrameStore(self._size, planes=self._planes, in_width=self._in_width,
                             out_width=self._out_width, name=str(index))
                  for index in range(self._vectors)]
        full = Signal(self._vectors)

        # The next batch is loaded in the cycle in which the last word leaves. If there is none, the
        # contents do not matter.
        free, start = Signal(), Signal()
        _, last = count(m, sent, self.o.valid & self.o.ready, name="sent")
        m.d.comb += [
            free.eq(go & (~self.o.valid | last)),
            start.eq(free & full.any() & batch.ready),
            batch.payload.eq(full), batch.valid.eq(start),
            self.o.payload.eq(Cat(store.word for store in stores)),
        ]
        with m.If(free):
            m.d.sync += self.o.valid.eq(start)
            for store in stores:
                store.load(m)
        with m.Elif(go & (self._planes * self._out_words > 1)):
            for store in stores:
                store.turn(m)
        with m.If(start):
            m.d.sync += full.eq(0)

        room = ~(full & column).any()
        least = max(sent, self._target_interval)
        m.d.comb += self.i.ready.eq(room if self._vectors * received < least else room | start)
        for index, store in enumerate(stores):
            with m.If(take & column[index]):
                store.shift(m, self.i.payload)
                with m.If(complete):
                    m.d.sync += full[index].eq(1)

    def _memory(self, m: Module, take, complete, column, go, batch):
        words = self._planes * self._out_words
        # Two banks a column. Only a full bank is read, and only one that is not full is written.
        place = (words - 1).bit_length()
        put, _ = count(m, words, take, name="put")
        put_bank, _ = count(m, 2, take & complete & column[-1], name="put_bank")
        get_bank, full = Signal(self._vectors), [Signal(2, name=f"full{index}")
                                                 for index in range(self._vectors)]

        there = Cat(full[index].bit_select(get_bank[index], 1) for index in range(self._vectors))
        sending, sent_batch = Signal(), Signal(self._vectors)
        start, step = Signal(), Signal()
        get, _ = count(m, words, step, name="get")
        _, last = count(m, self._passes * words, step, name="get_all")
        current = Signal(self._vectors)
        m.d.comb += [
            start.eq(go & ~sending & there.any() & batch.ready),
            step.eq(start | go & sending),
            current.eq(Mux(sending, sent_batch, there)),
            batch.payload.eq(there), batch.valid.eq(start),
        ]
        with m.If(go):
            m.d.sync += self.o.valid.eq(step)
        with m.If(step):
            m.d.sync += [sending.eq(~last), sent_batch.eq(current)]

        outputs = []
        for index in range(self._vectors):
            m.submodules[f"memory{index}"] = memory = primitives.ram(self._out_width, 2 << place)
            write = memory.write_port()
            m.d.comb += [
                write.addr.eq(address(put, put_bank, place)), write.data.eq(self.i.payload),
                write.en.eq(take & column[index]),
            ]
            outputs.append(primitives.read(m, memory, address(get, get_bank[index], place), go,
                                           name=f"word{index}"))
            with m.If(step & last & current[index]):
                m.d.sync += [full[index].bit_select(get_bank[index], 1).eq(0),
                             get_bank[index].eq(~get_bank[index])]
            with m.If(take & complete & column[index]):
                m.d.sync += full[index].bit_select(put_bank, 1).eq(1)
        m.d.comb += [
            self.i.ready.eq(~(Cat(bank.bit_select(put_bank, 1) for bank in full) & column).any()),
            self.o.payload.eq(Cat(outputs)),
        ]
