# amaranth: UnusedElaboratable=no
"""Stages of a network: the chain of components of each kind of layer."""

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from amaranth.lib import wiring

from ..graph import Conv, Dense, Score
from ..schedule import LayerPlan, OperandKind
from .batch_buffer import BatchBuffer
from .layer import Layer
from .operand_buffer import OperandBuffer
from .spread import LineBuffer, ShiftWindow
from .stream import RegisterSlice
from .word_window import WordWindow

__all__ = ["STAGES", "ConvStage", "DenseStage", "Stage", "Work"]

_Cycles = npt.NDArray[np.int64]


class Work(NamedTuple):
    """Cycles in which a stage works on a frame.

    Attributes
    ----------
    first, last : int
        First and last cycle in which it reads operands.
    done : int array
        Cycle in which the last word of each pixel of the output leaves, if the receiver is ready.
    """

    first: int
    last: int
    done: _Cycles


class Stage(Protocol):
    """Chain of components from stream to stream, for one layer of the network.

    A stage is not a component: the network adds its parts as submodules, so that part and layer
    number name a cell in Verilog, in reports and on critical paths.

    Attributes
    ----------
    plan : LayerPlan
        The layer under its fold.
    parts : dict of str to Component
        Components by name, in the order of the data. Each has the streams ``i`` and ``o``.
    core : Component
        The part that computes. Its output stream can be probed; with weights in SPRAM it has the
        ports ``load``, ``loaded`` and ``reload``.
    interval : int
        Cycles per frame.
    """

    plan: LayerPlan
    parts: dict[str, wiring.Component]
    core: wiring.Component
    interval: int

    def model(self, values: np.ndarray) -> np.ndarray:
        """Return the output elements of input elements, one row per frame."""
        ...

    def work(self, arrived: _Cycles) -> Work:
        """Return when the stage works on a frame.

        ``arrived`` are the cycles in which the last word of each pixel is transferred, or of each
        bit plane of a pixel at the input of the network, in an idle network. Where words have
        several pixels side by side, these count as one, here and in the result.
        """
        ...


def _words(plan: LayerPlan, values: np.ndarray) -> np.ndarray:
    """Return the input words of a stage: those of the network, or elements of whole frames."""
    map, width, pixels = plan.map, plan.in_width, plan.in_pixels
    assert map is not None and width is not None
    if values.shape[-1] == map.size:
        values = values.reshape(-1, map.columns, map.channels)
        values = np.pad(values, ((0, 0), (0, -map.columns % pixels), (0, 0)))
    elif pixels > 1:
        return values
    values = values.reshape(-1, pixels, values.shape[-1])
    words = np.pad(values, ((0, 0), (0, 0), (0, -values.shape[-1] % width)))
    return words.reshape(len(words), pixels, -1, width).swapaxes(1, 2).reshape(-1, pixels * width)


def _begun(ready: _Cycles, cycles: int) -> _Cycles:
    """Return when each piece of work of ``cycles`` begins: ready, and after the one before it."""
    spacing = np.arange(len(ready)) * cycles
    return np.maximum.accumulate(ready - spacing) + spacing


class DenseStage:
    """Stage of a dense or score layer: operand or batch buffer, layer, register slice.

    ``latency`` is ``B + L + 1``, where ``L`` is the latency of the layer and ``B`` is 0 without an
    operand buffer, ``2 + F - 1`` with one. ``interval`` is ``F``. With several ``vectors`` both
    are those of a batch, from the last input word of its first frame if no other is in the stage.

    Parameters
    ----------
    plan : LayerPlan
        The layer under its fold.
    target_interval : int
        Interval of the whole network; see :class:`~xnorloom.gateware.operand_buffer.OperandBuffer`.
    batches : int
        Batches in the network, if this stage gathers them; see
        :class:`~xnorloom.gateware.batch_buffer.BatchBuffer`.
    """

    def __init__(self, plan: LayerPlan, target_interval: int, *, batches: int = 1):
        self.plan = plan
        shape = {"planes": plan.planes, "passes": plan.neuron_folds, "in_width": plan.in_width,
                 "out_width": plan.fold.simd, "vectors": plan.vectors,
                 "target_interval": target_interval}
        self._operands = (BatchBuffer(plan.size, batches=batches, **shape) if plan.gather
                          else OperandBuffer(plan.size, **shape))
        self.core = Layer(plan)
        self._slice = RegisterSlice(self.core.o.payload.shape())
        self.parts = {"operands": self._operands, "layer": self.core, "slice": self._slice}

    @property
    def latency(self) -> int:
        return int(self.work(np.zeros(1, np.int64)).done[-1])

    @property
    def interval(self) -> int:
        return self.plan.cycles

    def model(self, values: np.ndarray) -> np.ndarray:
        plan, width, words = self.plan, self.plan.in_width, _words(self.plan, values)
        count = plan.received
        frames = len(words) // count
        if plan.vectors > 1 and not plan.gather:
            words = np.pad(words, ((0, -frames % plan.vectors * count), (0, 0)))
            words = words.reshape(-1, plan.vectors, count, width).swapaxes(1, 2)
            words = words.reshape(-1, plan.vectors * width)
        return self._slice.model(self.core.model(self._operands.model(words)))[:frames]

    def work(self, arrived: _Cycles) -> Work:
        last = int(arrived[-1])
        if self.plan.operands is not OperandKind.DIRECT:
            last += self._operands.latency + self.plan.cycles - 1
        done = last + self.core.latency + self._slice.latency
        return Work(last - self.plan.cycles + 1, last, np.array([done], np.int64))


class ConvStage:
    """Stage of a convolution: ring of operand words, layer, slice, and what makes the words.

    A change of width and, where the SIMD spans more than the channels, a line buffer and a shift
    register come before the ring.

    The first word of output ``j`` is read in cycle ``R(j)``, when the ring has the pixels that it
    needs and output ``j - 1`` is read, which takes ``w`` cycles. Its last word leaves the stage in
    ``R(j) + w + L + 1``, where ``L`` is the latency of the layer. ``interval`` is the maximum of
    ``F`` and the cycles in which the words of a frame are received.

    Parameters
    ----------
    plan : LayerPlan
        The layer under its fold.
    target_interval : int
        Interval of the whole network; it makes no difference.
    batches : int
        Batches in the network; it makes no difference.
    """

    def __init__(self, plan: LayerPlan, target_interval: int = 0, *, batches: int = 1):
        assert plan.map is not None and plan.in_width is not None
        self.plan = plan
        # Bits of a pixel in words of the ring, or of what comes before it.
        width = plan.map.channels if plan.ring.view.columns else plan.operand_width
        self._words = -(-plan.map.channels // width)
        self._before: dict[str, OperandBuffer | LineBuffer | ShiftWindow] = {}
        if plan.in_width != width:
            self._before["widths"] = OperandBuffer(plan.map.channels, in_width=plan.in_width,
                                                   out_width=width, vectors=plan.in_pixels)
        if plan.ring.view.rows:
            self._before["lines"] = LineBuffer(plan)
        if plan.ring.view.columns:
            self._before["columns"] = ShiftWindow(plan)
        self._window, self.core = WordWindow(plan), Layer(plan)
        self._slice = RegisterSlice(self.core.o.payload.shape())
        self.parts = {**self._before, "operands": self._window, "layer": self.core,
                      "slice": self._slice}

    @property
    def interval(self) -> int:
        return self.plan.interval

    def model(self, values: np.ndarray) -> np.ndarray:
        words = _words(self.plan, values)
        for part in self._before.values():
            words = part.model(words)
        return self.core.model(self._window.model(words))

    def work(self, arrived: _Cycles) -> Work:
        plan = self.plan
        for part in self._before.values():
            arrived = (part.work(arrived) if not isinstance(part, OperandBuffer) else
                       self._changed(arrived, part.latency))
        planes = len(arrived) // plan.ring.view.map.pixels
        ready = arrived[planes - 1::planes][plan.ring.reach.needed - 1] + 1
        begun = _begun(ready, plan.pixel_cycles)
        read = begun + plan.pixel_cycles
        return Work(int(begun[0]), int(read[-1]) - 1,
                    read + self.core.latency + self._slice.latency)

    def _changed(self, arrived: _Cycles, latency: int) -> _Cycles:
        """Return when each bit plane of a pixel has its last word of another width."""
        return _begun(arrived + latency, self._words) + self._words - 1


# The stage of each kind of layer.
STAGES: dict[type, type[Stage]] = {Conv: ConvStage, Dense: DenseStage, Score: DenseStage}
