# amaranth: UnusedElaboratable=no
"""Parameters of neurons: thresholds of dense layers, scales and offsets of score layers."""

import numpy as np
from amaranth.hdl import Module, Mux, Shape, Signal

from ..graph import Dense
from ..schedule import LayerPlan, WeightStyle
from ..target.device import LUT_DEPTH
from .rom import Rom
from .threshold import complement

__all__ = ["Parameters"]


class Parameters:
    """Parameters of the neurons of a layer, by port of the processing element.

    Parameters
    ----------
    plan : LayerPlan
        The layer under its fold.

    Attributes
    ----------
    ports : tuple of str
        ``threshold``, or ``offset``, or ``scale`` and ``offset``.
    """

    def __init__(self, plan: LayerPlan):
        self._plan, self._layer = plan, plan.layer
        self.ports = (("threshold",) if isinstance(plan.layer, Dense) else
                      ("scale", "offset") if plan.layer.scaled else ("offset",))

    def range(self, port: str) -> range:
        """Return the range of the values at ``port``; thresholds are complements."""
        if isinstance(self._layer, Dense):
            return range(complement(0, self._plan.count_max) + 1)
        values = self._values(port)
        return range(int(values.min()), int(values.max()) + 1)

    def constant(self, port: str, lane: int) -> int | None:
        """Return the value of a lane with a single neuron, a threshold as such, else ``None``."""
        if self._plan.neuron_folds > 1:
            return None
        layer = self._layer
        return int((layer.thresholds if isinstance(layer, Dense) else self._values(port))[lane])

    def feed(self, m: Module, elements: list, go, last):
        """Connect each processing element to the values of its current neuron fold.

        ``last`` is high in the cycle in which the results of a neuron fold leave the elements.
        """
        folds = self._plan.neuron_folds
        fold = Signal(range(folds), name="neuron_fold")
        after = Signal(range(folds), name="neuron_fold_after", init=1)
        step = go & last
        with m.If(step):
            m.d.sync += [fold.eq(after), after.eq(Mux(after == folds - 1, 0, after + 1))]
        for port in self.ports:
            shape = Shape.cast(self.range(port))
            word = self._word(m, port, shape.width, fold, after, step)
            for index, element in enumerate(elements):
                # Elements of several frames share the values of their lane.
                value = word.word_select(index % self._plan.fold.pe, shape.width)
                m.d.comb += getattr(element, port).eq(value.as_signed() if shape.signed else value)

    def _values(self, port: str) -> np.ndarray:
        if isinstance(self._layer, Dense):
            return complement(self._layer.thresholds, self._plan.count_max)
        return self._layer.scales if port == "scale" else self._layer.offsets

    def _padded(self, port: str) -> np.ndarray:
        """Return values of whole neuron folds; padding neurons never fire."""
        values, count_max = self._values(port), self._plan.count_max
        never = (complement(count_max + 1, count_max) if isinstance(self._layer, Dense) else
                 self.range(port)[-1])
        return np.pad(values, (0, self._plan.neuron_folds * self._plan.fold.pe - len(values)),
                      constant_values=never)

    def _word(self, m: Module, port: str, width: int, fold, after, step):
        """Return the values of all lanes in ``fold``, which becomes ``after`` at a ``step``."""
        plan, words = self._plan, []
        for row in self._padded(port).reshape(plan.neuron_folds, plan.fold.pe):
            words.append(sum((int(value) & ((1 << width) - 1)) << (lane * width)
                             for lane, value in enumerate(row)))
        # Shallow tables are cheaper in look-up tables, whatever the style of the weights. Loading
        # pays for weights only.
        style = WeightStyle.LUT
        if plan.neuron_folds > LUT_DEPTH:
            style = WeightStyle.BLOCK if plan.fold.style.loadable else plan.fold.style
        m.submodules[f"{port}s"] = values = Rom(words, width * plan.fold.pe, style)
        if not values.latency or plan.fold.read_register and plan.steps > 1:
            # The next word is read ahead, so that no table is on the path to the comparison or
            # the addition.
            word = Signal(len(values.o), name=f"{port}_word", init=words[0])
            m.d.comb += values.address.eq(after)
            with m.If(step):
                m.d.sync += word.eq(values.o)
            return word
        # The read register holds the word at the address of the previous cycle.
        m.d.comb += values.address.eq(Mux(step, after, fold) if values.latency else fold)
        return values.o
