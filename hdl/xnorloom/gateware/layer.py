# amaranth: UnusedElaboratable=no
"""Binary layer: processing elements, weights, parameters and sequencer."""

from functools import cached_property

import numpy as np
from amaranth.hdl import C, Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..graph import Conv, Score
from ..packing import score_shape
from ..schedule import LayerPlan, WeightStyle
from .accumulator import Accumulator
from .count_accumulator import CountAccumulator
from .counting.code import encoded, is_coded, rom_bits
from .layer_model import conv_outputs, dense_outputs
from .neuron import Neuron
from .operands import Operands, operand_shape
from .parameters import Parameters
from .primitives import count, delay, names
from .rom import Rom
from .score_unit import ScoreUnit
from .sequencer import sequence
from .weight_ram import WeightRam, load_members
from .wired import WiredNeurons, solution

__all__ = ["Layer"]


class Layer(wiring.Component):
    """Layer that processes ``simd`` synapses of ``pe`` neurons per cycle.

    It does so for ``vectors`` frames, or outputs of a convolution side by side, in lockstep: each
    has processing elements of its own, and all share weights, parameters and the sequencer. Words
    of streams hold the elements of the first vector, then those of the next.

    For each neuron fold the layer receives all operands of the frame, the most significant bit
    plane first, and sends one word with an element per neuron: the activation, or the score of a
    class. An :class:`~xnorloom.gateware.operand_buffer.OperandBuffer` sends operands in this order.
    A convolution does so for each pixel of its output, ``repeats`` times per neuron fold: for each
    output in the area of the pool, of which it sends the OR, or the AND. Those of an area that are
    computed at once are joined at once. Its operands come from a
    :class:`~xnorloom.gateware.word_window.WordWindow`.

    ``latency``, from the last operands of a neuron fold to its output word, is
    ``fold.read_latency + popcount latency + (1 if steps > 1) + product latency + 1``. The
    product latency is 0 unless counts are scaled, then 2, or 1 if ``pe`` is the number of classes.
    The popcount is that of ``simd`` bits. Neurons of wired weights share counts (``plan.shares``):
    their popcount is :class:`~xnorloom.gateware.wired.WiredNeurons`, whose latency depends on the
    weights.
    ``interval`` is ``F`` cycles per frame (see :mod:`xnorloom.schedule.layer_plan`).

    Parameters
    ----------
    plan : LayerPlan
        The layer under its fold.

    Members
    -------
    i : In(stream.Signature(operand_shape(plan)))
        Operands; see :func:`~xnorloom.gateware.operands.operand_shape`. Bits after the last input
        of a plane are ignored, but those of a convolution are 0.
    o : Out(stream.Signature(data.ArrayLayout(element, out_vectors * pe)))
        Element ``v * pe + l`` of word ``j`` belongs to neuron ``j * pe + l`` and frame ``v``, or
        pixel ``v`` of those side by side. If that neuron does not exist, an activation is 0 and a
        score undefined; all elements of a pixel that does not exist are undefined.
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
        element = score_shape(layer, plan.planes) if isinstance(layer, Score) else unsigned(1)
        self._shape = element
        super().__init__({
            "i": In(stream.Signature(operand_shape(plan))),
            "o": Out(stream.Signature(data.ArrayLayout(element, plan.out_vectors * fold.pe))),
            **(load_members() if fold.style.loadable else {}),
        })

    @cached_property
    def _sample(self) -> Neuron | ScoreUnit | None:
        """One of the elements; ``None`` if shared counts end in activations or scores."""
        plan = self._plan
        return None if plan.shares and not plan.shares_numbers else self._element(0)

    @cached_property
    def _wired(self) -> WiredNeurons | None:
        """Neurons that share counts, if they do.

        They are made when they are needed first, since the search takes time.
        """
        if not self._plan.shares:
            return None
        shape = unsigned(max(1, self._plan.layer.count_max(1)).bit_length())
        return WiredNeurons(solution(self._plan), shape if self._sample else self._shape,
                            register_every=self._plan.fold.register_every)

    @property
    def _count_latency(self) -> int:
        """Cycles from operands to the counts of a step, with those of reading weights."""
        plan, sample = self._plan, self._sample
        tree = self._wired.latency if self._wired else sample.tree_latency
        return plan.fold.read_latency + tree

    @property
    def latency(self) -> int:
        sample = self._sample
        return self._count_latency + (sample.latency - sample.tree_latency if sample else 0) + 1

    @property
    def interval(self) -> int:
        return self._plan.cycles

    def model(self, words: np.ndarray | Operands) -> np.ndarray:
        """Return output elements, shape (frames, elements), of the operands of whole frames.

        Operands are an array of bits of shape (words, vectors * simd), those of a convolution
        :class:`~xnorloom.gateware.operands.Operands`.
        """
        if isinstance(words, Operands):
            return conv_outputs(self._plan, words)
        return dense_outputs(self._plan, words)

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

        # A padding synapse has activation 0 and weight 1, which never agree, or is absent.
        slices = fold.vectors * plan.lane_groups
        operands = [Signal(fold.simd, name=name) for name in names("operands", slices)]
        payload = self.i.payload
        composite = not isinstance(operand_shape(plan), int)
        m.d.comb += Cat(operands).eq(payload.bits if composite else payload)
        beyond = 0 if isinstance(layer, Conv) else plan.synapse_folds * fold.simd - plan.size
        if beyond and not plan.masked:
            with m.If(step.end_of_plane):
                m.d.comb += [vector[fold.simd - beyond:].eq(0) for vector in operands]

        # Cycles 1 to read_latency: weights are read, and operands wait for them.
        words: Value = C(0, 0)
        if not plan.shares:
            m.submodules.weights = weights = self._weights(m)
            m.d.comb += [weights.address.eq(step.address), weights.en.eq(go)]
            words = delay(m, weights.o, int(fold.read_register), go, name="words")
        if is_coded(plan):
            operands = [encoded(vector, fold.register_every) for vector in operands]
        x = [delay(m, vector, fold.read_latency, go, name=name)
             for vector, name in zip(operands, names("x", slices))]

        # Next cycles: counts. All trees share one delay line of flags.
        sample, stages = self._sample, self._count_latency
        flags = {"last": taken & step.end}
        if plan.steps > 1:
            add, first, double = taken, step.first, step.double
            if plan.half:
                flags["skip"] = payload.skip
            elif composite and plan.layer.window.skips:
                add = taken & ~payload.skip
                first = _until(m, first, payload.skip, taken, "first")
                double = _until(m, double, payload.skip, taken, "double")
            flags |= {"add": add, "first": first, "double": double}
        flags = {name: delay(m, flag, stages, go, name=name, reset=True)
                 for name, flag in flags.items()}
        last = delay(m, flags.pop("last"), int(plan.steps > 1), go, name="last_total", reset=True)
        elements, outputs = [], []
        for vector, name in enumerate(names("pe", fold.vectors)):
            if self._wired:
                separator = "" if sample is None else "counts" if fold.vectors == 1 else "_counts"
                m.submodules[f"{name}{separator}"] = wired = WiredNeurons(
                    self._wired.solution, self._wired.shape, register_every=fold.register_every)
                first_slice = vector * plan.lane_groups
                m.d.comb += [wired.x.eq(Cat(x[first_slice:first_slice + plan.lane_groups])),
                             wired.en.eq(go)]
                if sample is None:
                    outputs += [wired.o[lane] for lane in range(fold.pe)]
                    continue
            for lane in range(fold.pe):
                separator = "" if fold.vectors == 1 else "_"
                element = self._element(lane, len(elements))
                m.submodules[f"{name}{separator}{lane}"] = element
                if self._wired:
                    m.d.comb += [element.partial.eq(wired.o[lane]), element.en.eq(go)]
                else:
                    group = lane * plan.lane_groups // fold.pe
                    m.d.comb += self._operands(element, lane, x[vector * plan.lane_groups + group],
                                               words, go)
                m.d.comb += [getattr(element, flag).eq(value) for flag, value in flags.items()]
                elements.append(element)
                outputs.append(element.o)
        repeat, last_repeat = count(m, plan.repeats, go & last, name="counted")
        done = last & last_repeat if plan.repeats > 1 else last
        neuron_fold = None
        if not self._parameters.constant_thresholds:
            level = None
            if composite and len(plan.levels) > 1:
                level = delay(m, payload.level, stages + (plan.steps > 1) - 1, go, name="level")
            neuron_fold = self._parameters.feed(m, elements, go, done, level)

        # Next cycles: products, if counts are scaled.
        products = sample.product_latency if isinstance(sample, ScoreUnit) else 0
        last = delay(m, last, products, go, name="last_product", reset=True)

        # Last cycle: thresholds or offsets, and the output register.
        result = Signal.like(self.o.payload, name="result", reset_less=True)
        m.d.comb += self.o.payload.eq(result)
        with m.If(go):
            m.d.sync += self.o.valid.eq(last & last_repeat if plan.repeats > 1 else last)
            with m.If(last):
                m.d.sync += [result[index].eq(value) for index, value in
                             enumerate(self._pooled(m, outputs, result, neuron_fold, repeat))]
        return m

    def _pooled(self, m: Module, outputs: list[Value], result, neuron_fold: Value | None,
                repeat: Value) -> list[Value]:
        """Return the elements of a word, with those of the outputs pooled before, if any."""
        plan, pe = self._plan, self._plan.fold.pe
        # Vectors that the pool joins, for each element of the output.
        joined = plan.vectors // plan.out_vectors
        if plan.repeats * joined == 1:
            return outputs
        assert isinstance(plan.layer, Conv)
        # Padding neurons never fire: the OR of their activations is 0.
        least = np.pad(plan.layer.least, (0, plan.neuron_folds * pe - plan.layer.neurons))
        least = least.reshape(plan.neuron_folds, pe)
        words = [sum(int(bit) << lane for lane, bit in enumerate(row)) for row in least]
        ands: Value = C(words[0], pe)
        if neuron_fold is not None and len(set(words)) > 1:
            m.submodules.least = table = Rom(words, pe, WeightStyle.LUT)
            m.d.comb += table.address.eq(neuron_fold)
            ands = table.o
        first, pooled = repeat == 0, []
        for index in range(plan.out_vectors * pe):
            vector, lane = divmod(index, pe)
            bits = Cat(outputs[(vector * joined + other) * pe + lane] for other in range(joined))
            least = ands[lane]
            value = Mux(least, bits.all(), bits.any()) if joined > 1 else bits
            if plan.repeats > 1:
                value = Mux(first, value, Mux(least, value & result[index], value | result[index]))
            pooled.append(value)
        return pooled

    def _operands(self, element: Neuron | ScoreUnit, lane: int, x: Value, words: Value,
                  go: Value) -> list:
        """Connect an element to its activations, to weights of the weight words, and ``go``."""
        fold = self._plan.fold
        w = words.word_select(lane, fold.simd)
        connected = [element.x.eq(x), element.en.eq(go), element.w.eq(w)]
        if self._plan.masked:
            present = words[fold.lanes:].word_select(lane, fold.simd)
            connected.append(element.present.eq(present))
        return connected

    def _element(self, lane: int, index: int = 0) -> Neuron | ScoreUnit:
        plan, parameters = self._plan, self._parameters
        if plan.shares:
            accumulator = CountAccumulator(max(1, plan.layer.count_max(1)), planes=plan.planes,
                                           count_max=plan.count_max)
        else:
            accumulator = Accumulator(
                plan.fold.simd, folds=plan.synapse_folds, planes=plan.planes,
                register_every=plan.fold.register_every, count_max=plan.count_max,
                half=plan.half, coded=is_coded(plan), masked=plan.masked)
        if not isinstance(plan.layer, Score):
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
            weights = WeightRam(plan.depth, plan.weight_width)
            wiring.connect(m, wiring.flipped(self.load), weights.load)
            m.d.comb += [self.loaded.eq(weights.loaded), weights.reload.eq(self.reload)]
            return weights
        packed = np.packbits(rom_bits(plan), axis=1, bitorder="little")
        return Rom([int.from_bytes(word.tobytes(), "little") for word in packed],
                   plan.weight_width, fold.style)


def _until(m: Module, flag: Value, skip: Value, step: Value, name: str) -> Value:
    """Return ``flag``, which stays high after a skipped step until the next that is not."""
    waits = Signal(name=f"{name}_waits")
    held = flag | waits
    with m.If(step):
        m.d.sync += waits.eq(held & skip)
    return held
