# amaranth: UnusedElaboratable=no
"""A whole network as one component: operand buffers, layers, register slices, argmax."""

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..graph import Graph
from ..packing import pack_frames
from ..schedule import Schedule
from .argmax import Argmax
from .layer import Layer
from .operand_buffer import Replay
from .stream import Buffer
from .timing import Timing, timing
from .weight_ram import load_members

__all__ = ["Network"]


class Network(wiring.Component):
    """Classifies a stream of frames; all layers work at once, each on a frame of its own.

    ::

        i ─ Replay ─ Layer ─ Buffer ─ Replay ─ Layer ─ Buffer ─ … ─ Argmax ─ o

    In an idle network the result is valid ``latency`` cycles after the first word of a frame was
    transferred, if its words come back to back; a frame enters and leaves every ``interval``
    cycles. Both are exact, see :mod:`xnorloom.gateware.timing`. Results leave in the order of the
    frames under any stall on either side.

    A layer whose weights are in SPRAM does not have them yet when the reset ends. The words of
    :func:`xnorloom.packing.load_words` go in through ``load``; when the last is in, ``loaded``
    rises, and no word of a frame is transferred before that. Then it works as all others do.

    Parameters
    ----------
    graph : Graph
        What to compute.
    schedule : Schedule
        How many neurons and synapses at once.
    scores : bool
        Whether the scores leave with the class.
    taps : bool
        Whether the activations of the dense layers can be watched, for comparisons.

    Members
    -------
    i : In(stream.Signature(input_width))
        Words of frames, packed as :mod:`xnorloom.packing` says.
    o : Out(stream.Signature(unsigned(bits))) or Out(stream.Signature(result_layout(…)))
        As of :class:`~xnorloom.gateware.argmax.Argmax`.
    tap0, tap1, … : Out(wiring.Signature({"valid": Out(1), "payload": Out(pe)}))
        With ``taps``, one for each dense layer: ``valid`` is 1 in the cycles in which a word of
        activations leaves the layer, ``payload`` is that word.
    load : In(stream.Signature(16))
        With weights in SPRAM: words of weights. Not ready once all are in.
    loaded : Out(1)
        With weights in SPRAM: whether all are in.
    reload : In(1)
        With weights in SPRAM: while it is high, weights are forgotten, so that all go in again. It
        may rise only while no frame is in the network.

    Raises
    ------
    ScheduleError
        If the schedule does not fit the graph.
    """

    def __init__(self, graph: Graph, schedule: Schedule, *, scores: bool = False,
                 taps: bool = False):
        if not isinstance(graph, Graph):
            raise TypeError(f"Network graph must be a Graph, not {graph!r}")
        if not isinstance(schedule, Schedule):
            raise TypeError(f"Network schedule must be a Schedule, not {schedule!r}")
        self._graph, self._schedule, self._scores = graph, schedule, bool(scores)
        self._timing = timing(graph, schedule)
        self._stages: list[tuple[Replay, Layer, Buffer]] = []
        width = schedule.input_width
        for index, (layer, fold) in enumerate(zip(graph.layers, schedule.folds)):
            planes = graph.planes(index)
            replay = Replay(layer.inputs, planes=planes, passes=fold.neuron_folds(layer),
                            in_width=width, out_width=fold.simd, pace=self._timing.interval)
            core = Layer(layer, fold, planes=planes)
            self._stages.append((replay, core, Buffer(core.o.payload.shape())))
            width = fold.pe
        self._argmax = Argmax(graph.classes, lanes=width, scores=scores,
                              shape=core.o.payload.shape().elem_shape)
        # Layers that are loaded, in their order.
        self._loaded = [core for (_, core, _), fold in zip(self._stages, schedule.folds)
                        if fold.style == "spram"]
        self._taps = [f"tap{index}" for index in range(len(graph.layers) - 1)] if taps else []
        super().__init__({
            "i": In(stream.Signature(schedule.input_width)),
            "o": Out(self._argmax.o.signature),
            **{tap: Out(wiring.Signature({"valid": Out(1), "payload": Out(fold.pe)}))
               for tap, fold in zip(self._taps, schedule.folds)},
            **(load_members() if self._loaded else {})})

    @property
    def graph(self) -> Graph:
        return self._graph

    @property
    def schedule(self) -> Schedule:
        return self._schedule

    @property
    def scores(self) -> bool:
        return self._scores

    @property
    def taps(self) -> tuple[str, ...]:
        """Names of the ports that show activations, in the order of the layers."""
        return tuple(self._taps)

    @property
    def timing(self) -> Timing:
        return self._timing

    @property
    def latency(self) -> int:
        return self._timing.latency

    @property
    def interval(self) -> int:
        return self._timing.interval

    def model(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Classes and scores of frames, composed of the models of the parts."""
        words = pack_frames(self._graph, self._schedule, frames)
        values = np.unpackbits(words, axis=1, count=self._schedule.input_width, bitorder="little")
        for replay, layer, buffer in self._stages:
            # Words of the layer before, filled up where the last one is not full.
            width = replay.i.payload.shape().width
            words = np.pad(values, ((0, 0), (0, -values.shape[-1] % width))).reshape(-1, width)
            values = buffer.model(layer.model(replay.model(words)))
        return self._argmax.model(values), values

    def elaborate(self, platform):
        m = Module()
        source = self._load(m) if self._loaded else wiring.flipped(self.i)
        for index, parts in enumerate(self._stages):
            for name, part in zip(("replay", "layer", "buffer"), parts):
                m.submodules[f"{name}{index}"] = part
                self._join(m, source, part.i)
                source = part.o
        for name, (_, layer, _) in zip(self._taps, self._stages):
            tap = getattr(self, name)
            m.d.comb += [tap.valid.eq(layer.o.valid & layer.o.ready),
                         tap.payload.eq(layer.o.payload)]
        m.submodules.argmax = self._argmax
        self._join(m, source, self._argmax.i)
        wiring.connect(m, self._argmax.o, wiring.flipped(self.o))
        return m

    def _load(self, m: Module):
        """Load one layer after the other; returns the stream of frames, held back meanwhile."""
        before = 1
        for layer in self._loaded:
            m.d.comb += [layer.load.payload.eq(self.load.payload), layer.reload.eq(self.reload),
                         layer.load.valid.eq(self.load.valid & before)]
            with m.If(before & ~layer.loaded):
                m.d.comb += self.load.ready.eq(layer.load.ready)
            before = before & layer.loaded
        held = stream.Signature(self._schedule.input_width).create()
        m.d.comb += [self.loaded.eq(before), held.payload.eq(self.i.payload),
                     held.valid.eq(self.i.valid & self.loaded),
                     self.i.ready.eq(held.ready & self.loaded)]
        return held

    @staticmethod
    def _join(m: Module, source, sink):
        # Payloads have the same bits, but the activations of a layer are an array on one side.
        m.d.comb += [sink.payload.eq(source.payload), sink.valid.eq(source.valid),
                     source.ready.eq(sink.ready)]
