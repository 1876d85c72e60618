# amaranth: UnusedElaboratable=no
"""Parameters of neurons: thresholds of activations, scales and offsets of scores."""

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value

from ..graph import Score
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
        self.ports = (("threshold",) if not isinstance(plan.layer, Score) else
                      ("scale", "offset") if plan.layer.scaled else ("offset",))

    @property
    def constant_thresholds(self) -> bool:
        """True if each lane has one value of each port: a single neuron, and no levels."""
        return self._plan.neuron_folds == 1 and self._levels == 1

    @property
    def _levels(self) -> int:
        return 1 if isinstance(self._layer, Score) else len(self._plan.levels)

    def range(self, port: str) -> range:
        """Return the range of the values at ``port``; thresholds are complements."""
        if not isinstance(self._layer, Score):
            return range(complement(0, self._plan.count_max) + 1)
        values = self._values(port)
        return range(int(values.min()), int(values.max()) + 1)

    def constant(self, port: str, lane: int) -> int | None:
        """Return the value of a lane that has one, a threshold as such, else ``None``."""
        if not self.constant_thresholds:
            return None
        if not isinstance(self._layer, Score):
            return int(self._plan.levels[0, lane])
        return int(self._values(port)[0, lane])

    def feed(self, m: Module, elements: list, go, last, level: Value | None = None) -> Value:
        """Connect each processing element to the values of its current neuron fold.

        Parameters
        ----------
        m : Module
            Module of the layer.
        elements : list of ProcessingElement
            Elements of all lanes.
        go : Value
            Enable of the pipeline.
        last : Value
            High in the cycle in which the results of a neuron fold leave the elements.
        level : Value or None
            Level of the count that leaves the elements one enabled cycle later, if there are
            several.

        Returns
        -------
        Value
            The neuron fold.
        """
        folds = self._plan.neuron_folds
        fold = Signal(range(folds), name="neuron_fold")
        after = Signal(range(folds), name="neuron_fold_after", init=min(1, folds - 1))
        step = go & last
        with m.If(step):
            m.d.sync += [fold.eq(after), after.eq(Mux(after == folds - 1, 0, after + 1))]
        for port in self.ports:
            shape = Shape.cast(self.range(port))
            word = (self._word(m, port, shape.width, fold, after, step) if level is None else
                    self._level_word(m, port, shape.width, Mux(step, after, fold), level, go))
            for index, element in enumerate(elements):
                # Elements of several frames share the values of their lane.
                value = word.word_select(index % self._plan.fold.pe, shape.width)
                m.d.comb += getattr(element, port).eq(value.as_signed() if shape.signed else value)
        return fold

    def _values(self, port: str) -> np.ndarray:
        """Return the values of all neurons, a row for each level."""
        if not isinstance(self._layer, Score):
            return complement(self._plan.levels, self._plan.count_max)
        return (self._layer.scales if port == "scale" else self._layer.offsets)[np.newaxis]

    def _words(self, port: str, width: int) -> list[list[int]]:
        """Return the words of all lanes, for each level and neuron fold."""
        plan, values, count_max = self._plan, self._values(port), self._plan.count_max
        # Padding neurons never fire.
        never = (self.range(port)[-1] if isinstance(self._layer, Score) else
                 complement(count_max + 1, count_max))
        missing = plan.neuron_folds * plan.fold.pe - plan.layer.neurons
        padded = np.pad(values, ((0, 0), (0, missing)), constant_values=never)
        return [[sum((int(value) & ((1 << width) - 1)) << (lane * width)
                     for lane, value in enumerate(row))
                 for row in level.reshape(plan.neuron_folds, plan.fold.pe)] for level in padded]

    def _style(self, depth: int) -> WeightStyle:
        # Shallow tables are cheaper in look-up tables, whatever the style of the weights. Loading
        # pays for weights only.
        style = self._plan.fold.style
        if depth <= LUT_DEPTH:
            return WeightStyle.LUT
        return WeightStyle.BLOCK if style.loadable else style

    def _word(self, m: Module, port: str, width: int, fold, after, step):
        """Return the values of all lanes in ``fold``, which becomes ``after`` at a ``step``."""
        plan, words = self._plan, self._words(port, width)[0]
        m.submodules[f"{port}s"] = values = Rom(words, width * plan.fold.pe,
                                                self._style(plan.neuron_folds))
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

    def _level_word(self, m: Module, port: str, width: int, fold, level: Value, go):
        """Return the values of all lanes, one enabled cycle after ``fold`` and ``level``."""
        plan, words = self._plan, self._words(port, width)
        bits = (plan.neuron_folds - 1).bit_length()
        rows = [word for level_words in words
                for word in [*level_words, *[0] * ((1 << bits) - plan.neuron_folds)]]
        m.submodules[f"{port}s"] = values = Rom(rows, width * plan.fold.pe, self._style(len(rows)))
        m.d.comb += [values.address.eq(Cat(fold[:bits], level)), values.en.eq(go)]
        if values.latency:
            return values.o
        word = Signal(len(values.o), name=f"{port}_word")
        with m.If(go):
            m.d.sync += word.eq(values.o)
        return word
