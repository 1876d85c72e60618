# amaranth: UnusedElaboratable=no
"""Network: a stage per layer, and an argmax."""

import numpy as np
from amaranth.hdl import Module, Shape
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..graph import Graph
from ..packing import pack_frames
from ..schedule import Plan, Schedule
from .argmax import Argmax
from .batch_argmax import BatchArgmax
from .stages import STAGES, Stage, Work
from .weight_ram import load_members

__all__ = ["Network"]


def _probe(width: int) -> wiring.Signature:
    return wiring.Signature({"valid": Out(1), "payload": Out(width)})


class Network(wiring.Component):
    """Classifier of a stream of frames. All layers work concurrently, each on its own frame.

    ::

        i ─ OperandBuffer ─ Layer ─ RegisterSlice ─ … ─ RegisterSlice ─ Argmax ─ o
            └────────────── stage 0 ─────────────┘

    ``latency`` is the number of cycles from the transfer of the first word of a frame to its valid
    result, in an idle network with back-to-back input words. ``interval`` is the number of cycles
    between frames. Both are exact. Without convolutions::

        latency  = W - 1 + sum of the latencies of the stages + latency of the argmax
        interval = max(W, interval of each stage)

    where ``W`` is the number of input words per frame. A convolution begins before the last word
    of a frame arrives; its latency follows from the cycles in which pixels arrive, see
    :class:`~xnorloom.gateware.stages.ConvStage`. Results leave in the order of the frames under any
    stall on either side.

    With ``vectors`` ``B`` above 1 the first stage begins with a
    :class:`~xnorloom.gateware.batch_buffer.BatchBuffer`, each stage works on up to ``B`` frames in
    lockstep, and a :class:`~xnorloom.gateware.batch_argmax.BatchArgmax` takes the place of the
    argmax. A batch waits for no frame. ``interval`` is then ``max(B * W, interval of each stage)``
    cycles per ``B`` frames, if a full batch takes all the cycles of a stage in which its frames
    arrive; if ``B * W`` is larger, batches are smaller and input words never wait.

    Weights in SPRAM are loaded after reset: ``load`` takes the words of
    :func:`xnorloom.packing.load_words`, and no word of a frame is transferred before ``loaded``
    rises after the last of them.

    Parameters
    ----------
    plan : Plan
        The graph under its schedule; see :meth:`xnorloom.schedule.Schedule.bind`.
    scores : bool
        True to send the scores with the class.
    probes : bool
        True for ports that show the activations of all layers but the last, for comparisons.

    Members
    -------
    i : In(stream.Signature(input_width))
        Words of frames; see :func:`xnorloom.packing.pack_frames`.
    o : Out(stream.Signature(unsigned(bits))) or Out(stream.Signature(result_layout(…)))
        Class, or class and scores; see :class:`~xnorloom.gateware.argmax.Argmax`.
    probe0, probe1, … : Out(wiring.Signature({"valid": Out(1), "payload": Out(out_vectors * pe)}))
        With ``probes``, one per layer but the last: ``valid`` is high in each cycle in which a word
        of activations leaves the layer; ``payload`` is that word.
    batches : Out(wiring.Signature({"valid": Out(1), "payload": Out(vectors)}))
        With ``probes`` and several ``vectors``: the columns with a frame, once for each batch.
    load : In(stream.Signature(16))
        With weights in SPRAM: words of weights. Not ready while all are loaded.
    loaded : Out(1)
        With weights in SPRAM: true if all weights are loaded.
    reload : In(1)
        With weights in SPRAM: while high, discards the weights, so that all are loaded again. It
        may be high only while no frame is in the network.
    """

    def __init__(self, plan: Plan, *, scores: bool = False, probes: bool = False):
        if not isinstance(plan, Plan):
            raise TypeError(f"Network plan must be a Plan, not {plan!r}")
        self._plan, self._scores = plan, bool(scores)
        self._stages: list[Stage] = [STAGES[type(layer.layer)](layer, plan.interval)
                                     for layer in plan.layers]
        final = self._stages[-1].core.o.payload.shape()
        lanes, vectors = plan.layers[-1].fold.pe, plan.vectors
        # Frames overlap in convolutions, so that the first results have other distances.
        self._steady_frames = 1 + len(plan.layers) * plan.overlaps
        if vectors == 1:
            self._argmax = Argmax(plan.graph.classes, lanes=lanes, scores=scores,
                                  shape=final.elem_shape)
        else:
            self._argmax = BatchArgmax(plan.graph.classes, vectors=vectors, lanes=lanes,
                                       scores=scores, shape=final.elem_shape)
            # An entry per batch waits from the start of the batch to the cycle in which its results
            # are taken; with fewer entries the interval would grow. Batches of a single frame come
            # as often as frames.
            cycles = self.latency - plan.words
            spacing = max(plan.words, *(layer.cycles for layer in plan.layers))
            batches = -(-cycles // spacing)
            self._stages[0] = STAGES[type(plan.layers[0].layer)](
                plan.layers[0], plan.interval, batches=batches)
            self._steady_frames = vectors * (batches + 2)
        # Layers with loadable weights, in the order of loading.
        self._loaded = [stage.core for stage in self._stages
                        if stage.plan.fold.style.loadable]
        self._probes = [f"probe{index}" for index in range(len(plan.layers) - 1)] if probes else []
        super().__init__({
            "i": In(stream.Signature(plan.schedule.input_width)),
            "o": Out(self._argmax.o.signature),
            **{probe: Out(_probe(layer.out_vectors * layer.fold.pe))
               for probe, layer in zip(self._probes, plan.layers)},
            **({"batches": Out(_probe(vectors))} if probes and vectors > 1 else {}),
            **(load_members() if self._loaded else {})})

    def __repr__(self) -> str:
        vectors = f"vectors {self.vectors}, " if self.vectors > 1 else ""
        return (f"Network({self.graph.name!r}, {vectors}latency {self.latency}, "
                f"interval {self.interval})")

    @property
    def plan(self) -> Plan:
        return self._plan

    @property
    def graph(self) -> Graph:
        return self._plan.graph

    @property
    def schedule(self) -> Schedule:
        return self._plan.schedule

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Stages, one per layer."""
        return tuple(self._stages)

    @property
    def scores(self) -> bool:
        """True if results have scores."""
        return self._scores

    @property
    def probes(self) -> tuple[str, ...]:
        """Names of the ports with activations, in the order of the layers.

        With several ``vectors`` the last is ``batches``.
        """
        return (*self._probes, *(("batches",) if hasattr(self, "batches") else ()))

    @property
    def vectors(self) -> int:
        """Most frames of a batch."""
        return self._plan.vectors

    @property
    def widths(self) -> list[int]:
        """Bits of a word of each stream: the input, the outputs of the layers, and the result."""
        streams = [self.i, *(stage.core.o for stage in self._stages), self.o]
        return [Shape.cast(stream.payload.shape()).width for stream in streams]

    @property
    def latency(self) -> int:
        return int(self.work[-1].done[-1]) + self._argmax.latency

    @property
    def work(self) -> list[Work]:
        """Cycles in which each stage of an idle network works on a frame.

        They count from the transfer of the first word of the frame.
        """
        arrived, work = self._plan.arrivals(), []
        for stage in self._stages:
            work.append(stage.work(arrived))
            arrived = work[-1].done
        return work

    @property
    def interval(self) -> int:
        return self._plan.interval

    @property
    def steady_frames(self) -> int | None:
        """Frames of a stream without gaps after which ``vectors`` results take ``interval`` cycles.

        ``None`` if batches differ in size for ever: with several ``vectors``, if the words of that
        many frames take more cycles than a layer.
        """
        if self.vectors > 1 and self.interval > max(stage.interval for stage in self._stages):
            return None
        return self._steady_frames

    def model(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return classes and scores of ``frames``, composed of the models of the stages."""
        words = pack_frames(self._plan, frames)
        return self.model_words(np.unpackbits(words, axis=1, count=self.schedule.input_width,
                                              bitorder="little"))

    def model_words(self, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return classes and scores of frames, from their input words as rows of bits."""
        values = words
        for stage in self._stages:
            values = stage.model(values)
        return self._argmax.model(values), values

    def elaborate(self, platform):
        m = Module()
        source = self._load(m) if self._loaded else wiring.flipped(self.i)
        for index, stage in enumerate(self._stages):
            for name, part in stage.parts.items():
                m.submodules[f"{name}{index}"] = part
                self._join(m, source, part.i)
                source = part.o
        for name, stage in zip(self._probes, self._stages):
            probe, o = getattr(self, name), stage.core.o
            m.d.comb += [probe.valid.eq(o.valid & o.ready), probe.payload.eq(o.payload)]
        m.submodules.argmax = self._argmax
        self._join(m, source, self._argmax.i)
        wiring.connect(m, self._argmax.o, wiring.flipped(self.o))
        if self.vectors > 1:
            batches = self._stages[0].parts["operands"].batches
            wiring.connect(m, batches, self._argmax.batches)
            if "batches" in self.probes:
                m.d.comb += [self.batches.valid.eq(batches.valid & batches.ready),
                             self.batches.payload.eq(batches.payload)]
        return m

    def _load(self, m: Module):
        """Load one layer after the other; return the stream of frames, blocked meanwhile."""
        before = 1
        for layer in self._loaded:
            m.d.comb += [layer.load.payload.eq(self.load.payload), layer.reload.eq(self.reload),
                         layer.load.valid.eq(self.load.valid & before)]
            with m.If(before & ~layer.loaded):
                m.d.comb += self.load.ready.eq(layer.load.ready)
            before = before & layer.loaded
        held = stream.Signature(self.schedule.input_width).create()
        m.d.comb += [self.loaded.eq(before), held.payload.eq(self.i.payload),
                     held.valid.eq(self.i.valid & self.loaded),
                     self.i.ready.eq(held.ready & self.loaded)]
        return held

    @staticmethod
    def _join(m: Module, source, sink):
        # Payloads have equal bits, but activations are an array on one side only.
        m.d.comb += [sink.payload.eq(source.payload), sink.valid.eq(source.valid),
                     source.ready.eq(sink.ready)]
