# amaranth: UnusedElaboratable=no
"""Wider words for the ring of a convolution: the taps of a kernel column, and of a kernel row."""

import numpy as np
import numpy.typing as npt
from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..graph import Conv
from ..schedule import LayerPlan
from . import primitives
from .primitives import count, delay
from .window_steps import table

__all__ = ["LineBuffer", "ShiftWindow"]

_Cycles = npt.NDArray[np.int64]


class _Spread(wiring.Component):
    """Common base: words of all taps along one axis, for each output along it.

    A position along the axis is ``inner`` words. A word leaves one cycle after the input word of
    its last tap.

    Parameters
    ----------
    width, out_width : int
        Bits of an input word and of an output word.
    side, inner : int
        Positions along the axis, and words of each.
    last : int array
        Position of the last tap of each output. That of the very last may be ``side``, one beyond
        the axis, where ``inner`` is 1: that output leaves one cycle later.
    """

    latency = 1

    def __init__(self, width: int, out_width: int, side: int, inner: int, last: np.ndarray):
        self._width, self._side, self._inner, self._last = width, side, inner, last
        super().__init__({"i": In(stream.Signature(width)), "o": Out(stream.Signature(out_width))})

    @property
    def _drains(self) -> bool:
        """True if the last output of the axis takes a step without an input word."""
        return bool(self._last[-1] == self._side)

    def work(self, arrived: _Cycles) -> _Cycles:
        """Return the cycles in which words leave, of the cycles in which input words arrive.

        Both in an idle component, and in the order of the words.
        """
        rows = arrived.reshape(-1, self._side, self._inner)
        if self._drains:
            rows = np.concatenate([rows, rows[:, -1:] + 1], axis=1)
        return rows[:, self._last].reshape(-1) + self.latency

    def _control(self, m: Module) -> tuple[Signal, Signal, Value]:
        """Add what both have: enables, and the flag of an output word.

        Returns the enable of the output register, that of a step, and the place of the input word
        in its position.
        """
        go, step = Signal(), Signal()
        taken = step if not self._drains else Signal(name="taken")
        place, last = count(m, self._inner, taken, name="place")
        position, end = count(m, self._side, taken & last, name="position")
        leaves = np.zeros(self._side, int)
        leaves[self._last[self._last < self._side]] = 1
        leave = taken & table(m, leaves, position, name="leaves")
        if self._drains:
            # The first word of the next row may arrive in this step; no output of its own leaves.
            drain = Signal()
            with m.If(go):
                m.d.sync += drain.eq(taken & end)
            m.d.comb += step.eq(taken | go & drain)
            leave = leave | drain
        valid = delay(m, leave, 1, go, name="valid", reset=True)
        m.d.comb += [go.eq(~self.o.valid | self.o.ready), self.o.valid.eq(valid),
                     self.i.ready.eq(go), taken.eq(go & self.i.valid)]
        return go, step, place


class LineBuffer(_Spread):
    """Line buffer: the pixels under a column of the kernel, for each pixel of a row of outputs.

    It keeps the last rows of the map in a block RAM. ``latency``, from the input word of the last
    tap to the output word, is 1 cycle. ``interval`` is the number of input words of a frame.

    Parameters
    ----------
    plan : LayerPlan
        Convolution under a fold whose SIMD spans the whole kernel.

    Members
    -------
    i : In(stream.Signature(in_pixels * channels))
        Bit planes of pixels, row after row.
    o : Out(stream.Signature(kernel rows * in_pixels * channels))
        Taps of a kernel column, the first row in the lowest bits, for each bit plane of each pixel
        of the rows of outputs; those of pixels side by side one after the other.
    """

    def __init__(self, plan: LayerPlan):
        if not isinstance(plan, LayerPlan):
            raise TypeError(f"Line buffer plan must be a LayerPlan, not {plan!r}")
        layer, map = plan.layer, plan.map
        assert isinstance(layer, Conv) and map is not None
        window, width = layer.window, plan.in_pixels * map.channels
        self._pixels, self._channels = plan.in_pixels, map.channels
        self._taps, self._apart = window.kernel[0], window.dilation[0]
        self._before = window.extent[0] - 1
        outputs = np.arange(layer.positions(map)[0]) * window.stride[0]
        super().__init__(width, width * self._taps, map.rows, plan.in_words // map.rows *
                         plan.planes, outputs + self._before)

    @property
    def interval(self) -> int:
        return self._side * self._inner

    def model(self, words: np.ndarray) -> np.ndarray:
        """Return the output words of the input words of whole frames, both bits (words, width)."""
        rows = words.reshape(-1, self._side, self._inner, self._pixels, self._channels)
        places = self._last[:, None] - self._before + np.arange(self._taps) * self._apart
        return np.moveaxis(rows[:, places], 2, -2).reshape(-1, self._taps * self._width)

    def elaborate(self, platform):
        m = Module()
        width, before = self._width, self._before * self._width
        go, step, place = self._control(m)
        # The word of a step, and the rows before it at the same place, the last in the lowest bits.
        word = Signal(width, name="word", reset_less=True)
        with m.If(go):
            m.d.sync += word.eq(self.i.payload)
        if self._inner == 1:
            old, lines = (Signal(before, name=name, reset_less=True) for name in ("old", "lines"))
            with m.If(step):
                m.d.sync += [old.eq(lines), lines.eq(Cat(self.i.payload, lines)[:before])]
        elif before:
            m.submodules.memory = memory = primitives.ram(before, self._inner)
            old = primitives.read(m, memory, place, go, name="old")
            write = memory.write_port()
            m.d.comb += [write.addr.eq(delay(m, place, 1, go, name="written")),
                         write.data.eq(Cat(word, old)[:before]),
                         write.en.eq(go & delay(m, step, 1, go, name="stepped", reset=True))]
        else:
            old = Value.cast(0)
        rows, ages = Cat(word, old), self._apart * np.arange(self._taps)[::-1]
        m.d.comb += self.o.payload.eq(Cat(
            rows.word_select(int(age) * self._pixels + pixel, self._channels)
            for pixel in range(self._pixels) for age in ages))
        return m


class ShiftWindow(_Spread):
    """Shift register: the pixels under a row of the kernel, for each output of a row.

    ``latency``, from the input word of the last tap to the output word, is 1 cycle. ``interval`` is
    the number of input words of a frame. With several ``vectors`` a word has the pixels of as many
    outputs side by side. If the last of them ends after the last input word of a row, it is an
    output that does not exist, and the word leaves a cycle later.

    Parameters
    ----------
    plan : LayerPlan
        Convolution under a fold whose SIMD spans a row of the kernel, or all of it.

    Members
    -------
    i : In(stream.Signature(width))
        Bit planes of pixels, row after row: of the map, or from a line buffer.
    o : Out(stream.Signature(vectors * kernel columns * width / in_pixels))
        Taps of the kernel row, the first column in the lowest bits, for each bit plane of each
        output. Taps outside the map, of an output that does not exist, are undefined.
    """

    def __init__(self, plan: LayerPlan):
        if not isinstance(plan, LayerPlan):
            raise TypeError(f"Shift window plan must be a LayerPlan, not {plan!r}")
        layer, map = plan.layer, plan.map
        assert isinstance(layer, Conv) and map is not None
        window, stride = layer.window, layer.window.stride[1]
        self._planes, self._pixels = plan.planes, plan.in_pixels
        self._rows = plan.ring.view.map.rows
        # Columns of the taps of a word, of the outputs one after the other, for the first word.
        self._columns = (np.arange(plan.vectors)[:, None] * stride
                         + np.arange(window.kernel[1]) * window.dilation[1]).reshape(-1)
        self._step = plan.vectors * stride // plan.in_pixels
        self._before = int(self._columns[-1]) // self._pixels
        self._tap = map.channels * (window.kernel[0] if plan.ring.view.rows else 1)
        last = np.arange(plan.ring.view.map.columns) * self._step + self._before
        super().__init__(plan.in_pixels * self._tap, len(self._columns) * self._tap,
                         plan.in_words // map.rows, plan.planes, last)

    @property
    def interval(self) -> int:
        return self._rows * self._side * self._inner

    def model(self, words: np.ndarray) -> np.ndarray:
        """Return the output words of the input words of whole frames, both bits (words, width).

        Undefined bits are 0.
        """
        rows = words.reshape(-1, self._side, self._planes, self._pixels, self._tap)
        pixels = rows.swapaxes(1, 2).reshape(len(rows), self._planes, -1, self._tap)
        first = (self._last - self._before)[:, None] * self._pixels
        # A word of pixels that do not exist follows each row.
        pixels = np.pad(pixels, ((0, 0), (0, 0), (0, self._pixels), (0, 0)))
        taps = pixels[:, :, first + self._columns]
        return taps.swapaxes(1, 2).reshape(-1, len(self.o.payload))

    def elaborate(self, platform):
        m = Module()
        _, step, _ = self._control(m)
        # The words of the last steps, the last in the lowest bits.
        words = Signal((self._before * self._planes + 1) * self._width, name="words",
                       reset_less=True)
        with m.If(step):
            m.d.sync += words.eq(Cat(self.i.payload, words))
        taps = []
        for column in self._columns:
            word, pixel = divmod(int(column), self._pixels)
            age = (self._before - word) * self._planes
            taps.append(words.word_select(age * self._pixels + pixel, self._tap))
        m.d.comb += self.o.payload.eq(Cat(taps))
        return m
