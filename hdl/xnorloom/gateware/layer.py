# amaranth: UnusedElaboratable=no
"""Binary layer: processing elements, weights, parameters and sequencer."""

import numpy as np
from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..graph import Dense
from ..packing import score_shape
from ..schedule import LayerPlan
from .accumulator import Accumulator
from .counting.code import encoded, is_coded, rom_bits
from .neuron import Neuron
from .parameters import Parameters
from .primitives import delay, names
from .rom import Rom
from .score_unit import ScoreUnit
from .sequencer import sequence
from .weight_ram import WeightRam, load_members

__all__ = ["Layer"]


class Layer(wiring.Component):
    """Dense or score layer that processes ``simd`` synapses of ``pe`` neurons per cycle.

    It does so for ``vectors`` frames in lockstep: each has processing elements of its own, and all
    share weights, parameters and the sequencer. Words of streams hold the elements of the first
    frame, then those of the next.

    For each neuron fold the layer receives all operands of the frame, the most significant bit
    plane first, and sends one word with an element per neuron: the activation, or the score of a
    class. An :class:`~xnorloom.gateware.operand_buffer.OperandBuffer` sends operands in this order.

    ``latency``, from the last operands of a neuron fold to its output word, is
    ``fold.read_latency + popcount latency + (1 if steps > 1) + product latency + 1``. The
    product latency is 0 unless counts are scaled, then 2, or 1 if ``pe`` is the number of classes.
    ``interval`` is ``F`` cycles per frame (see :mod:`xnorloom.schedule.plan`).

    Parameters
    ----------
    plan : LayerPlan
        The layer under its fold.

    Members
    -------
    i : In(stream.Signature(vectors * simd))
        Operands. Bits after the last input of a plane are ignored.
    o : Out(stream.Signature(data.ArrayLayout(element, vectors * pe)))
        Element ``v * pe + l`` of word ``j`` belongs to neuron ``j * pe + l`` and frame ``v``. If
        that neuron does not exist, an activation is 0 and a score undefined.
    load : In(stream.Signature(16))
        With weights in SPRAM: the words of :func:`xnorloom.packing.weight_words`, before the first
        operands.
    loaded : Out(1)
        With weights in SPRAM: true if all weights are loaded.
    reload : In(1)
        With weights in SPRAM: discards the weights; no operands may arrive meanwhile. See
        :class:`~xnorloom.gateware.weight_ram.WeightRam`.
    """

    def __init__(self, plan: LayerPlan):
        if not isinstance(plan, LayerPlan):
            raise TypeError(f"Layer plan must be a LayerPlan, not {plan!r}")
        self._plan, self._parameters = plan, Parameters(plan)
        layer, fold = plan.layer, plan.fold
        element = unsigned(1) if isinstance(layer, Dense) else score_shape(layer, plan.planes)
        self._sample = self._element(0)
        super().__init__({
            "i": In(stream.Signature(fold.vectors * fold.simd)),
            "o": Out(stream.Signature(data.ArrayLayout(element, fold.vectors * fold.pe))),
            **(load_members() if fold.style.loadable else {}),
        })

    @property
    def latency(self) -> int:
        return self._plan.fold.read_latency + self._sample.latency + 1

    @property
    def interval(self) -> int:
        return self._plan.cycles

    def model(self, words: np.ndarray) -> np.ndarray:
        """Return output elements, shape (frames, neurons), of the operands of whole frames.

        Operands are an array of bits of shape (words, vectors * simd).
        """
        plan, layer = self._plan, self._plan.layer
        words = np.asarray(words).reshape(-1, plan.cycles, plan.vectors, plan.fold.simd)
        words = words.swapaxes(1, 2).reshape(-1, plan.neuron_folds, plan.planes,
                                             plan.synapse_folds, plan.fold.simd)
        bits = words[:, 0].reshape(len(words), plan.planes, -1)[..., :layer.inputs]
        agree = 1 - (bits[:, None] ^ layer.weights[None, :, None])
        counts = agree.sum(axis=-1, dtype=np.int64) @ (1 << np.arange(plan.planes)[::-1])
        if isinstance(layer, Dense):
            return (counts >= layer.thresholds).astype(np.uint8)
        return counts * layer.scales + layer.offsets

    def elaborate(self, platform):
        m = Module()
        plan, layer, fold = self._plan, self._plan.layer, self._plan.fold

        # The whole pipeline stops while a word waits at the output.
        go, taken = Signal(), Signal()
        m.d.comb += [
            go.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(go),
            taken.eq(self.i.valid & go),
        ]

        # Cycle 0: operands, and the address of their weights.
        step = sequence(m, plan, taken)
        if fold.style.loadable:
            with m.If(self.load.valid & self.load.ready):
                m.d.sync += step.address.eq(step.following)
            with m.If(self.reload):
                m.d.sync += step.address.eq(0)

        # A padding synapse has activation 0 and weight 1, which never agree.
        operands = [Signal(fold.simd, name=name) for name in names("operands", fold.vectors)]
        m.d.comb += Cat(operands).eq(self.i.payload)
        beyond = plan.synapse_folds * fold.simd - layer.inputs
        if beyond:
            with m.If(step.end_of_plane):
                m.d.comb += [vector[fold.simd - beyond:].eq(0) for vector in operands]

        # Cycles 1 to read_latency: weights are read, and operands wait for them.
        m.submodules.weights = weights = self._weights(m)
        m.d.comb += [weights.address.eq(step.address), weights.en.eq(go)]
        words = delay(m, weights.o, int(fold.read_register), go, name="words")
        if is_coded(fold):
            operands = [encoded(vector, fold.register_every) for vector in operands]
        x = [delay(m, vector, fold.read_latency, go, name=name)
             for vector, name in zip(operands, names("x", fold.vectors))]

        # Next cycles: counts. All trees share one delay line of flags.
        stages = fold.read_latency + self._sample.tree_latency
        flags = {"last": taken & step.end}
        if plan.steps > 1:
            flags |= {"add": taken, "first": step.first, "double": step.double}
        flags = {name: delay(m, flag, stages, go, name=name, reset=True)
                 for name, flag in flags.items()}
        last = delay(m, flags.pop("last"), int(plan.steps > 1), go, name="last_total", reset=True)
        elements = []
        for vector, name in zip(x, names("pe", fold.vectors)):
            for lane in range(fold.pe):
                separator = "" if fold.vectors == 1 else "_"
                element = self._element(lane, len(elements))
                m.submodules[f"{name}{separator}{lane}"] = element
                m.d.comb += [element.x.eq(vector), element.en.eq(go),
                             element.w.eq(words.word_select(lane, fold.simd))]
                m.d.comb += [getattr(element, flag).eq(value) for flag, value in flags.items()]
                elements.append(element)
        if plan.neuron_folds > 1:
            self._parameters.feed(m, elements, go, last)

        # Next cycles: products, if counts are scaled.
        products = elements[0].product_latency if isinstance(elements[0], ScoreUnit) else 0
        last = delay(m, last, products, go, name="last_product", reset=True)

        # Last cycle: thresholds or offsets, and the output register.
        result = Signal.like(self.o.payload, name="result", reset_less=True)
        m.d.comb += self.o.payload.eq(result)
        with m.If(go):
            m.d.sync += self.o.valid.eq(last)
            with m.If(last):
                m.d.sync += [result[index].eq(element.o)
                             for index, element in enumerate(elements)]
        return m

    def _element(self, lane: int, index: int = 0) -> Neuron | ScoreUnit:
        plan, parameters = self._plan, self._parameters
        accumulator = Accumulator(plan.fold.simd, folds=plan.synapse_folds, planes=plan.planes,
                                  register_every=plan.fold.register_every,
                                  count_max=plan.count_max, coded=is_coded(plan.fold))
        if isinstance(plan.layer, Dense):
            return Neuron(accumulator, parameters.constant("threshold", lane))
        offsets, offset = parameters.range("offset"), parameters.constant("offset", lane)
        if not plan.layer.scaled:
            return ScoreUnit(accumulator, offsets, offset)
        return ScoreUnit(accumulator, offsets, offset, scales=parameters.range("scale"),
                         scale=parameters.constant("scale", lane), index=index)

    def _weights(self, m: Module) -> Rom | WeightRam:
        """Return the memory of weight words."""
        plan, fold = self._plan, self._plan.fold
        if fold.style.loadable:
            weights = WeightRam(plan.depth, fold.lanes)
            wiring.connect(m, wiring.flipped(self.load), weights.load)
            m.d.comb += [self.loaded.eq(weights.loaded), weights.reload.eq(self.reload)]
            return weights
        packed = np.packbits(rom_bits(plan), axis=1, bitorder="little")
        return Rom([int.from_bytes(word.tobytes(), "little") for word in packed], fold.lanes,
                   fold.style)
