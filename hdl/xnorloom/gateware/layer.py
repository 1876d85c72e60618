"""A binary layer: processing elements, the tables that feed them, and the steps they take."""

import numpy as np
from amaranth.hdl import Module, Mux, Shape, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..checks import integer
from ..graph import Dense, Score
from ..schedule import LUT_DEPTH, Fold
from . import neuron, table
from .neuron import Neuron, Scorer, Synapses
from .pipeline import delay
from .table import Table

__all__ = ["Layer", "latency", "score_shape"]


def latency(fold: Fold, steps: int, scaled: bool = False) -> int:
    """Cycles from the last operands of a neuron fold to its output word.

    Read register of ``block`` weights, count, register of a ``scaled`` count, output register.
    """
    return (table.latency(fold.style) + neuron.latency(fold.simd, steps, fold.register_every)
            + scaled + 1)


def score_shape(layer: Score, planes: int) -> Shape:
    """Shape of a score."""
    low, high = layer.score_range(planes)
    return Shape.cast(range(low, high + 1))


class Layer(wiring.Component):
    """A dense or score layer, ``pe`` neurons and ``simd`` synapses of each at once.

    Operands come as :class:`~xnorloom.gateware.replay.Replay` gives them: the whole input once
    for each neuron fold, most significant bit plane first. For each neuron fold a word leaves
    with one element for each of ``pe`` neurons: the activation, or the score of a class. In the
    last fold, lanes without a neuron give 0 (activations) or an undefined value (scores).
    ``latency`` is as of :func:`latency`; ``interval`` is ``ceil(neurons / pe) *
    ceil(inputs / simd) * planes`` cycles a frame, in each of which operands can be taken.

    Parameters
    ----------
    layer : Dense or Score
        Weights, and thresholds or scales and offsets.
    fold : Fold
        Lanes, weight style and registers.
    planes : int
        Bit planes of the input.

    Members
    -------
    i : In(stream.Signature(simd))
        Operands; bits beyond the last input of a plane are ignored.
    o : Out(stream.Signature(data.ArrayLayout(element, pe)))
        Element ``l`` of word ``j`` belongs to neuron ``j * pe + l``.
    """

    def __init__(self, layer: Dense | Score, fold: Fold, *, planes: int = 1):
        if not isinstance(layer, (Dense, Score)):
            raise TypeError(f"Layer must be given a Dense or a Score, not {layer!r}")
        if not isinstance(fold, Fold):
            raise TypeError(f"Layer fold must be a Fold, not {fold!r}")
        planes = integer("Layer planes", planes, 1)
        if fold.pe > layer.neurons or fold.simd > layer.inputs:
            raise ValueError(f"Layer fold must have at most {layer.neurons} pe and {layer.inputs} "
                             f"simd, not {fold.pe} and {fold.simd}")
        if fold.style == "wired" and (fold.pe, fold.simd) != layer.weights.shape:
            raise ValueError(f"Layer fold of style wired must have pe {layer.neurons} and simd "
                             f"{layer.inputs}, the whole layer, not {fold.pe} and {fold.simd}")
        self._layer, self._fold, self._planes = layer, fold, planes
        self._synapse_folds = fold.synapse_folds(layer)
        self._neuron_folds = fold.neuron_folds(layer)
        element = unsigned(1) if isinstance(layer, Dense) else score_shape(layer, planes)
        super().__init__({
            "i": In(stream.Signature(fold.simd)),
            "o": Out(stream.Signature(data.ArrayLayout(element, fold.pe))),
        })

    @property
    def _steps(self) -> int:
        return self._synapse_folds * self._planes

    @property
    def _count_max(self) -> int:
        return self._layer.count_max(self._planes)

    @property
    def latency(self) -> int:
        return latency(self._fold, self._steps, self._layer.scaled)

    @property
    def interval(self) -> int:
        return self._neuron_folds * self._steps

    def model(self, words: np.ndarray) -> np.ndarray:
        """Output elements, shape (frames, neurons), of the operand words of whole frames."""
        words = np.asarray(words).reshape(-1, self._neuron_folds, self._planes, self._synapse_folds,
                                          self._fold.simd)
        bits = words[:, 0].reshape(len(words), self._planes, -1)[..., :self._layer.inputs]
        agree = 1 - (bits[:, None] ^ self._layer.weights[None, :, None])
        counts = agree.sum(axis=-1, dtype=np.int64) @ (1 << np.arange(self._planes)[::-1])
        if isinstance(self._layer, Dense):
            return (counts >= self._layer.thresholds).astype(np.uint8)
        return counts * self._layer.scales + self._layer.offsets

    def elaborate(self, platform):
        m = Module()
        fold, planes, steps = self._fold, self._planes, self._steps
        depth = self._neuron_folds * self._synapse_folds
        wait = table.latency(fold.style)

        # The pipeline stops as a whole while a word waits at the output.
        go, taken = Signal(), Signal()
        m.d.comb += [
            go.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(go),
            taken.eq(self.i.valid & go),
        ]

        # Cycle 0: operands, and the address of their weights; it steps through the synapse folds
        # of a neuron fold once for each plane.
        column, plane = Signal(range(self._synapse_folds)), Signal(range(planes))
        address, row = Signal(range(depth)), Signal(range(depth))
        end_of_plane = column == self._synapse_folds - 1
        end = end_of_plane & (plane == planes - 1)
        following = Mux(address == depth - 1, 0, address + 1)
        with m.If(taken):
            m.d.sync += [column.eq(column + 1), address.eq(following)]
            with m.If(end_of_plane):
                m.d.sync += [column.eq(0), plane.eq(plane + 1)]
                if planes > 1:
                    m.d.sync += address.eq(row)
            with m.If(end):
                m.d.sync += [plane.eq(0), address.eq(following), row.eq(following)]

        # A padding synapse has activation 0 and weight 1, which do not agree, so it never counts.
        operands = Signal(fold.simd)
        m.d.comb += operands.eq(self.i.payload)
        beyond = self._synapse_folds * fold.simd - self._layer.inputs
        if beyond:
            with m.If(end_of_plane):
                m.d.comb += operands[fold.simd - beyond:].eq(0)

        # Cycle 1, block RAM only: the weights are read; everything else waits for them.
        m.submodules.weights = weights = Table(self._weight_words(), fold.lanes, fold.style)
        m.d.comb += [weights.address.eq(address), weights.en.eq(go)]
        x = delay(m, operands, wait, go, name="x")

        # Then the counts. Flags travel beside the trees, once for all of them.
        stages = wait + neuron.latency(fold.simd, 1, fold.register_every)
        flags = {"last": taken & end}
        if steps > 1:
            flags |= {"add": taken, "first": (column == 0) & (plane == 0), "double": column == 0}
        flags = {name: delay(m, flag, stages, go, name=name) for name, flag in flags.items()}
        last = delay(m, flags.pop("last"), int(steps > 1), go, name="last_total")
        elements = [self._element(lane) for lane in range(fold.pe)]
        for lane, element in enumerate(elements):
            m.submodules[f"pe{lane}"] = element
            m.d.comb += [element.x.eq(x), element.en.eq(go),
                         element.w.eq(weights.o.word_select(lane, fold.simd))]
            m.d.comb += [getattr(element, name).eq(flag) for name, flag in flags.items()]
        if self._neuron_folds > 1:
            self._feed(m, elements, go, last)

        # Then the products, if counts are scaled.
        last = delay(m, last, int(self._layer.scaled), go, name="last_product")

        # Last cycle: thresholds or offsets, and the output register.
        with m.If(go):
            m.d.sync += self.o.valid.eq(last)
            with m.If(last):
                m.d.sync += [self.o.payload[lane].eq(element.o)
                             for lane, element in enumerate(elements)]
        return m

    def _element(self, lane: int) -> Neuron | Scorer:
        synapses = Synapses(self._fold.simd, folds=self._synapse_folds, planes=self._planes,
                            register_every=self._fold.register_every, count_max=self._count_max)
        value = self._constant("value", lane)
        if isinstance(self._layer, Dense):
            return Neuron(synapses, value)
        if not self._layer.scaled:
            return Scorer(synapses, self._reach("value"), value)
        return Scorer(synapses, self._reach("value"), value, scales=self._reach("scale"),
                      scale=self._constant("scale", lane))

    def _values(self, port: str) -> np.ndarray:
        """What the elements take at ``port``, for each neuron."""
        if isinstance(self._layer, Dense):
            return self._layer.thresholds
        return self._layer.scales if port == "scale" else self._layer.offsets

    def _reach(self, port: str) -> range:
        if isinstance(self._layer, Dense):
            return range(self._count_max + 2)
        values = self._values(port)
        return range(int(values.min()), int(values.max()) + 1)

    def _padded(self, port: str) -> np.ndarray:
        """Values for whole neuron folds; at the largest threshold missing neurons never fire."""
        values = self._values(port)
        return np.pad(values, (0, self._neuron_folds * self._fold.pe - len(values)),
                      constant_values=self._reach(port)[-1])

    def _constant(self, port: str, lane: int) -> int | None:
        """The value of a lane that works on one neuron only."""
        return int(self._padded(port)[lane]) if self._neuron_folds == 1 else None

    def _weight_words(self) -> list[int]:
        """A word for each address: ``simd`` bits of each of ``pe`` neurons."""
        rows, columns = self._neuron_folds * self._fold.pe, self._synapse_folds * self._fold.simd
        padded = np.ones((rows, columns), np.uint8)
        padded[:self._layer.neurons, :self._layer.inputs] = self._layer.weights
        words = padded.reshape(self._neuron_folds, self._fold.pe, self._synapse_folds,
                               self._fold.simd).swapaxes(1, 2)
        packed = np.packbits(words.reshape(-1, self._fold.lanes), axis=1, bitorder="little")
        return [int.from_bytes(word.tobytes(), "little") for word in packed]

    def _feed(self, m: Module, elements: list, go, last):
        """Give each element the threshold, or scale and offset, of the neuron fold it works on."""
        fold = Signal(range(self._neuron_folds), name="neuron_fold")
        following = Signal.like(fold, name="neuron_fold_next")
        m.d.comb += following.eq(fold)
        with m.If(go & last):
            m.d.comb += following.eq(Mux(fold == self._neuron_folds - 1, 0, fold + 1))
        m.d.sync += fold.eq(following)
        if self._layer.scaled:
            self._feed_port(m, elements, "scale", fold, following)
            # Offsets meet the products, one cycle behind the counts.
            product_fold = Signal.like(fold, name="product_fold")
            following = Mux(go, fold, product_fold)
            m.d.sync += product_fold.eq(following)
            fold = product_fold
        self._feed_port(m, elements, "value", fold, following)

    def _feed_port(self, m: Module, elements: list, port: str, fold, following):
        """Connect a port of the elements to a table; ``following`` is the next ``fold``."""
        shape = Shape.cast(self._reach(port))
        # Shallow tables are cheaper in look-up tables whatever the weights use.
        style = self._fold.style if self._neuron_folds > LUT_DEPTH else "lut"
        words = []
        for row in self._padded(port).reshape(self._neuron_folds, self._fold.pe):
            words.append(sum((int(value) & ((1 << shape.width) - 1)) << (lane * shape.width)
                             for lane, value in enumerate(row)))
        m.submodules[f"{port}s"] = values = Table(words, shape.width * self._fold.pe, style)
        # A read register holds the word of the address of the cycle before.
        m.d.comb += values.address.eq(following if values.latency else fold)
        for lane, element in enumerate(elements):
            value = values.o.word_select(lane, shape.width)
            m.d.comb += getattr(element, port).eq(value.as_signed() if shape.signed else value)
