# amaranth: UnusedElaboratable=no
"""Stages of a network: the chain of components of each kind of layer."""

from typing import Protocol

import numpy as np
from amaranth.lib import wiring

from ..graph import Dense, Score
from ..schedule import LayerPlan, OperandKind
from .batch_buffer import BatchBuffer
from .layer import Layer
from .operand_buffer import OperandBuffer
from .stream import RegisterSlice

__all__ = ["STAGES", "DenseStage", "Stage"]


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
    latency : int
        Cycles from the last input word of a frame to its last output word.
    interval : int
        Cycles per frame.
    """

    plan: LayerPlan
    parts: dict[str, wiring.Component]
    core: wiring.Component
    latency: int
    interval: int

    def model(self, values: np.ndarray) -> np.ndarray:
        """Return the output elements of input elements, one row per frame."""
        ...

    def window(self, arrived: int) -> tuple[int, int]:
        """Return the first and last cycle of work on a frame that is complete in ``arrived``."""
        ...


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
        self._operands = (BatchBuffer(plan.layer.inputs, batches=batches, **shape) if plan.gather
                          else OperandBuffer(plan.layer.inputs, **shape))
        self.core = Layer(plan)
        self._slice = RegisterSlice(self.core.o.payload.shape())
        self.parts = {"operands": self._operands, "layer": self.core, "slice": self._slice}

    @property
    def latency(self) -> int:
        _, last = self.window(0)
        return last + self.core.latency + self._slice.latency

    @property
    def interval(self) -> int:
        return self.plan.cycles

    def model(self, values: np.ndarray) -> np.ndarray:
        # Words of the previous stage; the last is padded.
        plan, width = self.plan, self.plan.in_width
        words = np.pad(values, ((0, 0), (0, -values.shape[-1] % width))).reshape(-1, width)
        count = plan.planes * -(-plan.layer.inputs // width)
        frames = len(words) // count
        if plan.vectors > 1 and not plan.gather:
            words = np.pad(words, ((0, -frames % plan.vectors * count), (0, 0)))
            words = words.reshape(-1, plan.vectors, count, width).swapaxes(1, 2)
            words = words.reshape(-1, plan.vectors * width)
        return self._slice.model(self.core.model(self._operands.model(words)))[:frames]

    def window(self, arrived: int) -> tuple[int, int]:
        if self.plan.operands is OperandKind.DIRECT:
            return arrived - self.plan.cycles + 1, arrived
        first = arrived + self._operands.latency
        return first, first + self.plan.cycles - 1


# The stage of each kind of layer.
STAGES: dict[type, type[Stage]] = {Dense: DenseStage, Score: DenseStage}
