# amaranth: UnusedElaboratable=no
"""End of a network that processes batches of frames: classes in lockstep, sent one by one."""

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..support.arguments import integer
from .argmax import Argmax

__all__ = ["BatchArgmax", "ResultSerializer"]


class ResultSerializer(wiring.Component):
    """Sends the results of a batch one after the other, in the order of the frames.

    ``latency``, from a batch to its first result, is 1; the others follow back to back.
    ``interval`` is the number of cycles per batch of ``vectors`` frames, ``vectors``.

    Parameters
    ----------
    shape : ShapeLike
        Shape of a result.
    vectors : int
        Columns of a batch.

    Members
    -------
    i : In(stream.Signature(data.ArrayLayout(shape, vectors)))
        Results of a batch, one per column.
    batches : In(stream.Signature(vectors))
        Columns with a frame; see :class:`~xnorloom.gateware.batch_buffer.BatchBuffer`. Taken
        together with the results.
    o : Out(stream.Signature(shape))
        Results of the frames.
    """

    latency = 1

    def __init__(self, shape, vectors: int):
        self._vectors = integer("Result serializer vectors", vectors, 1)
        super().__init__({"i": In(stream.Signature(data.ArrayLayout(shape, vectors))),
                          "batches": In(stream.Signature(vectors)),
                          "o": Out(stream.Signature(shape))})

    @property
    def interval(self) -> int:
        return self._vectors

    def model(self, results: np.ndarray) -> np.ndarray:
        """Return the results of full batches, shape (batches, vectors, …), frame by frame."""
        results = np.asarray(results)
        return results.reshape(-1, *results.shape[2:])

    def elaborate(self, platform):
        m = Module()
        payload = Value.cast(self.o.payload)
        results = Signal(self._vectors * len(payload), reset_less=True)
        # Columns that are not sent yet, and the next of them in one-hot code.
        left, column = Signal(self._vectors), Signal(self._vectors, init=1)
        give, take, free = Signal(), Signal(), Signal()
        m.d.comb += [
            self.o.valid.eq(left.any()),
            give.eq(self.o.valid & self.o.ready),
            free.eq(~(left & ~Mux(self.o.ready, column, 0)).any()),
            take.eq(free & self.i.valid & self.batches.valid),
            self.i.ready.eq(free & self.batches.valid),
            self.batches.ready.eq(free & self.i.valid),
        ]
        chosen = Value.cast(0)
        for index in range(self._vectors):
            word = results.word_select(index, len(payload))
            chosen |= word & column[index].replicate(len(payload))
        m.d.comb += payload.eq(chosen)

        with m.If(give):
            m.d.sync += [left.eq(left & ~column), column.eq(column.rotate_left(1))]
        with m.If(take):
            m.d.sync += [left.eq(self.batches.payload), results.eq(self.i.payload)]
        return m


class BatchArgmax(wiring.Component):
    """Argmaxes of the frames of a batch in lockstep, and their results one after the other.

    ``latency``, from the last word of a batch to its first result, is one cycle more than that of
    :class:`~xnorloom.gateware.argmax.Argmax`. ``interval`` is
    ``max(ceil(classes / lanes), vectors)`` cycles per batch of ``vectors`` frames.

    Parameters
    ----------
    vectors : int
        Columns of a batch.
    classes, lanes, shape, scores
        See :class:`~xnorloom.gateware.argmax.Argmax`.

    Members
    -------
    i : In(stream.Signature(data.ArrayLayout(shape, vectors * lanes)))
        Scores of the frames of a batch: those of column 0, of column 1 and so on.
    batches : In(stream.Signature(vectors))
        Columns with a frame; see :class:`~xnorloom.gateware.batch_buffer.BatchBuffer`.
    o : Out(stream.Signature(unsigned(bits))) or Out(stream.Signature(result_layout(…)))
        Class, or class and scores, of each frame; see :class:`~xnorloom.gateware.argmax.Argmax`.
    """

    def __init__(self, classes: int, *, vectors: int, lanes: int, shape, scores: bool = False):
        vectors = integer("Batch argmax vectors", vectors, 1)
        self._argmaxes = [Argmax(classes, lanes=lanes, shape=shape, scores=scores)
                          for _ in range(vectors)]
        result = self._argmaxes[0].o.signature
        self._serializer = ResultSerializer(self._argmaxes[0].o.payload.shape(), vectors)
        super().__init__({
            "i": In(stream.Signature(data.ArrayLayout(shape, vectors * lanes))),
            "batches": In(stream.Signature(vectors)),
            "o": Out(result),
        })

    @property
    def latency(self) -> int:
        return self._argmaxes[0].latency + self._serializer.latency

    @property
    def interval(self) -> int:
        return max(self._argmaxes[0].interval, self._serializer.interval)

    def model(self, scores: np.ndarray) -> np.ndarray:
        """Return the classes of scores of shape (frames, classes)."""
        return self._argmaxes[0].model(scores)

    def elaborate(self, platform):
        m = Module()
        m.submodules.serializer = serializer = self._serializer
        # The argmaxes are always in the same state, so that one of them speaks for all.
        first = self._argmaxes[0]
        m.d.comb += self.i.ready.eq(first.i.ready)
        words = Value.cast(self.i.payload)
        for index, argmax in enumerate(self._argmaxes):
            m.submodules[f"argmax{index}"] = argmax
            width = Shape.cast(argmax.i.payload.shape()).width
            m.d.comb += [argmax.i.payload.eq(words.word_select(index, width)),
                         argmax.i.valid.eq(self.i.valid), argmax.o.ready.eq(serializer.i.ready)]
        m.d.comb += [
            serializer.i.payload.eq(Cat(argmax.o.payload for argmax in self._argmaxes)),
            serializer.i.valid.eq(first.o.valid),
        ]
        wiring.connect(m, wiring.flipped(self.batches), serializer.batches)
        wiring.connect(m, serializer.o, wiring.flipped(self.o))
        return m
