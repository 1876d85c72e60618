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

    A position along the axis is a pixel of ``inner`` words, or a row of them. A word leaves one
    cycle after the input word of its last tap.
    """

    latency = 1

    def __init__(self, plan: LayerPlan, axis: int, width: int, inner: int):
        layer = plan.layer
        assert isinstance(layer, Conv) and plan.map is not None
        window, self._side = layer.window, plan.map[axis]
        self._planes, self._width, self._inner = plan.planes, width, inner
        self._taps, self._apart = window.kernel[axis], window.dilation[axis]
        self._before = window.extent[axis] - 1
        # Position of the last tap of each output.
        outputs = np.arange(layer.positions(plan.map)[axis]) * window.stride[axis]
        self._last = outputs + self._before
        super().__init__({"i": In(stream.Signature(width)),
                          "o": Out(stream.Signature(width * self._taps))})

    def work(self, arrived: _Cycles) -> _Cycles:
        """Return the cycles in which words leave, of the cycles in which input words arrive.

        Both in an idle component, and in the order of the words.
        """
        rows = arrived.reshape(-1, self._side, self._inner)
        return rows[:, self._last].reshape(-1) + self.latency

    def model(self, words: np.ndarray) -> np.ndarray:
        """Return the output words of the input words of whole frames, both bits (words, width)."""
        rows = words.reshape(-1, self._side, self._inner, self._width)
        places = self._last[:, None] - self._before + np.arange(self._taps) * self._apart
        return np.moveaxis(rows[:, places], 2, -2).reshape(-1, self._taps * self._width)

    def _control(self, m: Module) -> tuple[Signal, Signal, Value]:
        """Add what both have: enables, and the flag of an output word.

        Returns the enable of the output register, that of a step, and the place of the input word
        in its position.
        """
        go, step = Signal(), Signal()
        place, last = count(m, self._inner, step, name="place")
        position, _ = count(m, self._side, step & last, name="position")
        leaves = np.zeros(self._side, int)
        leaves[self._last] = 1
        valid = delay(m, step & table(m, leaves, position, name="leaves"), 1, go, name="valid",
                      reset=True)
        m.d.comb += [go.eq(~self.o.valid | self.o.ready), self.o.valid.eq(valid),
                     self.i.ready.eq(go), step.eq(go & self.i.valid)]
        return go, step, place

    def _send(self, m: Module, words: Value, apart: int):
        """Set the output word to ``words`` at distances of ``apart``, the last of them lowest."""
        m.d.comb += self.o.payload.eq(Cat(words.word_select((self._taps - 1 - tap) * apart,
                                                            self._width)
                                          for tap in range(self._taps)))


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
    i : In(stream.Signature(channels))
        Bit planes of pixels, row after row.
    o : Out(stream.Signature(kernel rows * channels))
        Taps of a kernel column, the first row in the lowest bits, for each bit plane of each pixel
        of the rows of outputs.
    """

    def __init__(self, plan: LayerPlan):
        if not isinstance(plan, LayerPlan):
            raise TypeError(f"Line buffer plan must be a LayerPlan, not {plan!r}")
        super().__init__(plan, 0, plan.map.channels, plan.map.columns * plan.planes)

    @property
    def interval(self) -> int:
        return self._side * self._inner

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
        self._send(m, Cat(word, old), self._apart)
        return m


class ShiftWindow(_Spread):
    """Shift register: the pixels under a row of the kernel, for each output of a row.

    ``latency``, from the input word of the last tap to the output word, is 1 cycle. ``interval`` is
    the number of input words of a frame.

    Parameters
    ----------
    plan : LayerPlan
        Convolution under a fold whose SIMD spans a row of the kernel, or all of it.

    Members
    -------
    i : In(stream.Signature(width))
        Bit planes of pixels, row after row: of the map, or from a line buffer.
    o : Out(stream.Signature(kernel columns * width))
        Taps of the kernel row, the first column in the lowest bits, for each bit plane of each
        output.
    """

    def __init__(self, plan: LayerPlan):
        if not isinstance(plan, LayerPlan):
            raise TypeError(f"Shift window plan must be a LayerPlan, not {plan!r}")
        rows = plan.layer.window.kernel[0] if plan.view.rows else 1
        self._rows = plan.view.map.rows
        super().__init__(plan, 1, plan.map.channels * rows, plan.planes)

    @property
    def interval(self) -> int:
        return self._rows * self._side * self._inner

    def elaborate(self, platform):
        m = Module()
        _, step, _ = self._control(m)
        # The words of the last steps, the last in the lowest bits.
        words = Signal((self._before * self._planes + 1) * self._width, name="words",
                       reset_less=True)
        with m.If(step):
            m.d.sync += words.eq(Cat(self.i.payload, words))
        self._send(m, words, self._apart * self._planes)
        return m
