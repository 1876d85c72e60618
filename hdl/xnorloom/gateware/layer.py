"""A binary layer: processing elements, the tables that feed them, and the steps they take."""

import numpy as np
from amaranth.hdl import Module, Mux, Shape, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..graph import Dense, Score
from ..schedule import Fold
from ..support.arguments import integer
from ..target.device import LUT_DEPTH
from . import neuron, rom
from .neuron import Neuron, Scorer, Synapses
from .primitives import count, delay
from .rom import Table
from .weight_ram import LoadedTable, load_members

__all__ = ["Layer", "latency", "read_latency", "score_shape", "weight_bits"]


def read_latency(fold: Fold) -> int:
    """Cycles from the address of weights to the weights."""
    return rom.latency(fold.style) + fold.read_register


def latency(fold: Fold, steps: int, scaled: bool = False) -> int:
    """Cycles from the last operands of a neuron fold to its output word.

    Weights (:func:`read_latency`), count, register of a ``scaled`` count, output register.
    """
    return (read_latency(fold) + neuron.latency(fold.simd, steps, fold.register_every)
            + scaled + 1)


def score_shape(layer: Score, planes: int) -> Shape:
    """Shape of a score."""
    low, high = layer.score_range(planes)
    return Shape.cast(range(low, high + 1))


def weight_bits(layer: Dense | Score, fold: Fold) -> np.ndarray:
    """Bits of the weight words, shape (depth, lanes): ``simd`` of each of ``pe`` neurons.

    The weights of neurons and synapses that fill up the last folds are 1.
    """
    neuron_folds, synapse_folds = fold.neuron_folds(layer), fold.synapse_folds(layer)
    padded = np.ones((neuron_folds * fold.pe, synapse_folds * fold.simd), np.uint8)
    padded[:layer.neurons, :layer.inputs] = layer.weights
    words = padded.reshape(neuron_folds, fold.pe, synapse_folds, fold.simd).swapaxes(1, 2)
    return words.reshape(-1, fold.lanes)


class Layer(wiring.Component):
    """A dense or score layer, ``pe`` neurons and ``simd`` synapses of each at once.

    Operands come as :class:`~xnorloom.gateware.operand_buffer.Replay` gives them: the whole input
    once for each neuron fold, most significant bit plane first. For each neuron fold a word leaves
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
    load, loaded, reload
        With weights in SPRAM, as of :class:`~xnorloom.gateware.weight_ram.LoadedTable`: the words
        of :func:`xnorloom.packing.weight_words` go in while no operands do, and before any.
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
            **(load_members() if fold.style == "spram" else {}),
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
        wait = read_latency(fold)

        # The pipeline stops as a whole while a word waits at the output.
        go, taken = Signal(), Signal()
        m.d.comb += [
            go.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(go),
            taken.eq(self.i.valid & go),
        ]

        # Cycle 0: operands, and the address of their weights; it steps through the synapse folds
        # of a neuron fold once for each plane.
        column, end_of_plane = count(m, self._synapse_folds, taken, name="column")
        plane, last_plane = count(m, planes, taken & end_of_plane, name="plane")
        end = end_of_plane & last_plane
        address, row = Signal(range(depth)), Signal(range(depth))
        following = Mux(address == depth - 1, 0, address + 1)
        with m.If(taken):
            m.d.sync += address.eq(following)
            with m.If(end):
                m.d.sync += row.eq(following)
            if planes > 1:
                with m.Elif(end_of_plane):
                    m.d.sync += address.eq(row)
        if fold.style == "spram":
            with m.If(self.load.valid & self.load.ready):
                m.d.sync += address.eq(following)
            with m.If(self.reload):
                m.d.sync += address.eq(0)

        # A padding synapse has activation 0 and weight 1, which do not agree, so it never counts.
        operands = Signal(fold.simd)
        m.d.comb += operands.eq(self.i.payload)
        beyond = self._synapse_folds * fold.simd - self._layer.inputs
        if beyond:
            with m.If(end_of_plane):
                m.d.comb += operands[fold.simd - beyond:].eq(0)

        # Then the weights are read, in no time from look-up tables without a register behind them;
        # everything else waits for them.
        m.submodules.weights = weights = self._weights(m, depth)
        m.d.comb += [weights.address.eq(address), weights.en.eq(go)]
        words = delay(m, weights.o, int(fold.read_register), go, name="words")
        x = delay(m, operands, wait, go, name="x")

        # Then the counts. Flags travel beside the trees, once for all of them.
        stages = wait + neuron.latency(fold.simd, 1, fold.register_every)
        flags = {"last": taken & end}
        if steps > 1:
            flags |= {"add": taken, "first": (column == 0) & (plane == 0), "double": column == 0}
        flags = {name: delay(m, flag, stages, go, name=name, reset=True)
                 for name, flag in flags.items()}
        last = delay(m, flags.pop("last"), int(steps > 1), go, name="last_total", reset=True)
        elements = [self._element(lane) for lane in range(fold.pe)]
        for lane, element in enumerate(elements):
            m.submodules[f"pe{lane}"] = element
            m.d.comb += [element.x.eq(x), element.en.eq(go),
                         element.w.eq(words.word_select(lane, fold.simd))]
            m.d.comb += [getattr(element, name).eq(flag) for name, flag in flags.items()]
        if self._neuron_folds > 1:
            self._feed(m, elements, go, last)

        # Then the products, if counts are scaled.
        last = delay(m, last, int(self._layer.scaled), go, name="last_product", reset=True)

        # Last cycle: thresholds or offsets, and the output register.
        result = Signal.like(self.o.payload, name="result", reset_less=True)
        m.d.comb += self.o.payload.eq(result)
        with m.If(go):
            m.d.sync += self.o.valid.eq(last)
            with m.If(last):
                m.d.sync += [result[lane].eq(element.o) for lane, element in enumerate(elements)]
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

    def _weights(self, m: Module, depth: int) -> Table | LoadedTable:
        """The table of a word for each address."""
        fold = self._fold
        if fold.style == "spram":
            weights = LoadedTable(depth, fold.lanes)
            wiring.connect(m, wiring.flipped(self.load), weights.load)
            m.d.comb += [self.loaded.eq(weights.loaded), weights.reload.eq(self.reload)]
            return weights
        packed = np.packbits(weight_bits(self._layer, fold), axis=1, bitorder="little")
        return Table([int.from_bytes(word.tobytes(), "little") for word in packed], fold.lanes,
                     fold.style)

    def _feed(self, m: Module, elements: list, go, last):
        """Give each element the threshold, or scale and offset, of the neuron fold it works on."""
        fold = Signal(range(self._neuron_folds), name="neuron_fold")
        after = Signal(range(self._neuron_folds), name="neuron_fold_after", init=1)
        step = go & last
        with m.If(step):
            m.d.sync += [fold.eq(after),
                         after.eq(Mux(after == self._neuron_folds - 1, 0, after + 1))]
        for port in ("scale", "value") if self._layer.scaled else ("value",):
            shape = Shape.cast(self._reach(port))
            word = self._word(m, port, shape.width, fold, after, step)
            if port == "value" and self._layer.scaled:
                # Offsets meet the products, one cycle behind the counts.
                word = delay(m, word, 1, go, name="offset")
            for lane, element in enumerate(elements):
                value = word.word_select(lane, shape.width)
                m.d.comb += getattr(element, port).eq(value.as_signed() if shape.signed else value)

    def _word(self, m: Module, port: str, width: int, fold, after, step):
        """What the elements take at ``port`` in ``fold``, which becomes ``after`` by a ``step``."""
        words = []
        for row in self._padded(port).reshape(self._neuron_folds, self._fold.pe):
            words.append(sum((int(value) & ((1 << width) - 1)) << (lane * width)
                             for lane, value in enumerate(row)))
        # Shallow tables are cheaper in look-up tables whatever the weights use; only weights are
        # worth loading.
        deep = self._neuron_folds > LUT_DEPTH
        style = "block" if self._fold.style == "spram" else self._fold.style
        m.submodules[f"{port}s"] = values = Table(words, width * self._fold.pe,
                                                  style if deep else "lut")
        if not values.latency or self._fold.read_register and self._steps > 1:
            # The next word is read ahead, and no table is in front of the comparison or addition.
            word = Signal(len(values.o), name=f"{port}_word", init=words[0])
            m.d.comb += values.address.eq(after)
            with m.If(step):
                m.d.sync += word.eq(values.o)
            return word
        # A read register holds the word of the address of the cycle before.
        m.d.comb += values.address.eq(Mux(step, after, fold) if values.latency else fold)
        return values.o
