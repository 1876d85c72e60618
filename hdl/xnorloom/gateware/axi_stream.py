# amaranth: UnusedElaboratable=no
"""Network with AXI-Stream interfaces: a packet of beats is a frame, its result is a packet too."""

import numpy as np
from amaranth.hdl import Cat, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..graph import Graph
from ..packing import pack_results, result_width
from ..schedule import Plan, Schedule
from ..support.arguments import integer
from ..target.device import SPRAM_WIDTH
from .network import Network
from .packet_check import CheckedFrames, PacketCheck
from .stream import Fifo
from .word_splitter import WordSplitter

__all__ = ["AxiStreamNetwork"]

_BYTE = 8
# Widest TDATA that AMBA names, in bytes; interconnects take no more.
_MOST_BYTES = 512


def _whole_bytes(bits: int) -> int:
    return -(-bits // _BYTE) * _BYTE


class AxiStreamNetwork(wiring.Component):
    """Network whose frames and results are packets of two AXI-Streams (AMBA 4).

    ::

        s_axis ─ PacketCheck ─ WordSplitter ─ Network ─┬─ WordSplitter ─ m_axis
                      └────────────── Fifo ────────────┘

    A beat of ``s_axis`` holds ``n = floor(tdata_width / input_width)`` words, the first in its
    lowest bits; bits above them are ignored. A frame of ``W`` words takes ``ceil(W / n)`` beats;
    words after its last are ignored too. Its last beat must have TLAST, and no other.

    Each packet gives one result packet, in the order of the packets. A packet of the wrong length
    gives a result with TUSER 1, whose class means nothing: a shorter one is padded with zeros, and
    beats after the frame are dropped. It changes no other result.

    A result takes ``r = ceil(bits / width)`` beats of ``m_axis``, the low bits first; bits above it
    are 0. A beat is transferred with its last word, so ``latency``, from the transfer of the first
    beat to the first beat of the result in an idle core with back-to-back beats, is
    ``latency of the network - min(n, W) + 1``. ``interval`` is ``max(interval of the network,
    r * vectors)`` cycles per ``vectors`` frames.

    Parameters
    ----------
    network : Network
        The core, without probes.
    tdata_width : int or None
        Bits of TDATA on both sides, a multiple of 8, at least ``input_width``. ``None`` takes the
        fewest bytes that hold a word on ``s_axis``, and a result on ``m_axis``.

    Members
    -------
    s_axis_tvalid : In(1)
        A beat of a frame is valid.
    s_axis_tready : Out(1)
        The core is ready for it.
    s_axis_tdata : In(tdata_width)
        Words of the frame.
    s_axis_tlast : In(1)
        True for the last beat of a frame.
    m_axis_tvalid : Out(1)
        A beat of a result is valid.
    m_axis_tready : In(1)
        The receiver is ready for it.
    m_axis_tdata : Out(tdata_width)
        Class, and with scores the scores, in the bits of :func:`~xnorloom.packing.result_fields`.
    m_axis_tlast : Out(1)
        True for the last beat of a result.
    m_axis_tuser : Out(1)
        True in all beats of a result whose packet had the wrong length.
    s_axis_load_tvalid : In(1)
        With weights in SPRAM: a word of weights is valid.
    s_axis_load_tready : Out(1)
        With weights in SPRAM: the core is ready for it.
    s_axis_load_tdata : In(16)
        With weights in SPRAM: the word. There are no packets.
    loaded : Out(1)
        With weights in SPRAM: true if all weights are loaded.
    reload : In(1)
        With weights in SPRAM: while high, discards the weights. It may be high only while no frame
        is in the core.
    """

    def __init__(self, network: Network, *, tdata_width: int | None = None):
        if not isinstance(network, Network):
            raise TypeError(f"AxiStreamNetwork network must be a Network, not {network!r}")
        if network.probes:
            raise ValueError(f"AxiStreamNetwork network must have no probes, not "
                             f"{', '.join(network.probes)}")
        self._network = network
        width, plan = network.schedule.input_width, network.plan
        self._result_width = result_width(network.graph, network.scores)
        if tdata_width is None:
            self._in, self._out = _whole_bytes(width), _whole_bytes(self._result_width)
        else:
            self._in = self._out = integer("AxiStreamNetwork tdata_width", tdata_width, _BYTE,
                                           _MOST_BYTES * _BYTE)
            if self._in % _BYTE:
                raise ValueError(f"AxiStreamNetwork tdata_width must be a multiple of {_BYTE}, not "
                                 f"{self._in}")
            if self._in < width:
                raise ValueError(f"AxiStreamNetwork tdata_width must be at least the input_width "
                                 f"of the schedule, {width}, not {self._in}")
        self._words = WordSplitter(width, parts=self._in // width, group=plan.words)
        self._check = PacketCheck(self._in, beats=self._words.words)
        beats = -(-self._result_width // self._out)
        self._results = WordSplitter(self._out, parts=beats, group=beats)
        super().__init__({
            "s_axis_tvalid": In(1), "s_axis_tready": Out(1), "s_axis_tdata": In(self._in),
            "s_axis_tlast": In(1),
            "m_axis_tvalid": Out(1), "m_axis_tready": In(1), "m_axis_tdata": Out(self._out),
            "m_axis_tlast": Out(1), "m_axis_tuser": Out(1),
            **({"s_axis_load_tvalid": In(1), "s_axis_load_tready": Out(1),
                "s_axis_load_tdata": In(SPRAM_WIDTH), "loaded": Out(1), "reload": In(1)}
               if self.loadable else {})})

    def __repr__(self) -> str:
        return f"AxiStreamNetwork({self._network!r}, tdata_width {self._in})"

    @property
    def network(self) -> Network:
        return self._network

    @property
    def graph(self) -> Graph:
        return self._network.graph

    @property
    def plan(self) -> Plan:
        return self._network.plan

    @property
    def schedule(self) -> Schedule:
        return self._network.schedule

    @property
    def scores(self) -> bool:
        return self._network.scores

    @property
    def vectors(self) -> int:
        """Most frames of a batch."""
        return self._network.vectors

    @property
    def loadable(self) -> bool:
        """True if weights are loaded after a reset."""
        return "load" in self._network.signature.members

    @property
    def tdata_width(self) -> int:
        """Bits of TDATA of ``s_axis``."""
        return self._in

    @property
    def result_tdata_width(self) -> int:
        """Bits of TDATA of ``m_axis``."""
        return self._out

    @property
    def words_per_beat(self) -> int:
        return self._words.parts

    @property
    def frame_beats(self) -> int:
        """Beats of a frame."""
        return self._words.words

    @property
    def result_beats(self) -> int:
        """Beats of a result."""
        return self._results.group

    @property
    def latency(self) -> int:
        return self._network.latency + 1 - min(self._words.parts, self._words.group)

    @property
    def interval(self) -> int:
        return max(self._network.interval, self.vectors * self._results.interval)

    @property
    def steady_frames(self) -> int | None:
        """See :class:`~xnorloom.gateware.network.Network`."""
        return self._network.steady_frames

    def model(self, tdata: np.ndarray, tlast: np.ndarray) -> CheckedFrames:
        """Return the beats of the results of whole packets, and their TUSER.

        ``tdata`` and the results are rows of bytes, the lowest bits in the first.
        """
        frames = self._check.model(tdata, tlast)
        bits = np.unpackbits(frames.beats, axis=1, bitorder="little")
        words = self._words.model(bits[:, :self._words.parts * self._words.width])
        classes, scores = self._network.model_words(words)
        results = pack_results(self.graph, classes, scores if self.scores else None)
        size = self.result_beats * self._out // _BYTE
        beats = np.frombuffer(b"".join(result.to_bytes(size, "little") for result in results),
                              np.uint8)
        return CheckedFrames(beats.reshape(-1, self._out // _BYTE), frames.wrong)

    def elaborate(self, platform):
        m = Module()
        m.submodules.check = check = self._check
        m.submodules.words = words = self._words
        m.submodules.network = network = self._network
        m.submodules.results = results = self._results
        # With a place for each frame of a steady stream, verdicts never keep a frame waiting.
        m.submodules.verdicts = verdicts = Fifo(
            1, self.vectors * (network.latency // network.interval + 2))
        m.d.comb += [
            check.i.valid.eq(self.s_axis_tvalid),
            check.i.payload.eq(Cat(self.s_axis_tdata, self.s_axis_tlast)),
            self.s_axis_tready.eq(check.i.ready),
            words.i.valid.eq(check.o.valid),
            words.i.payload.eq(check.o.payload),
            check.o.ready.eq(words.i.ready),
        ]
        wiring.connect(m, check.wrong, verdicts.i)
        wiring.connect(m, words.o, network.i)
        m.d.comb += [
            results.i.valid.eq(network.o.valid & verdicts.o.valid),
            results.i.payload.eq(Value.cast(network.o.payload)),
            network.o.ready.eq(results.i.ready & verdicts.o.valid),
            verdicts.o.ready.eq(results.i.ready & network.o.valid),
            self.m_axis_tvalid.eq(results.o.valid),
            self.m_axis_tdata.eq(results.o.payload),
            self.m_axis_tlast.eq(results.last),
            self.m_axis_tuser.eq(verdicts.o.payload),
            results.o.ready.eq(self.m_axis_tready),
        ]
        if self.loadable:
            m.d.comb += [
                network.load.valid.eq(self.s_axis_load_tvalid),
                network.load.payload.eq(self.s_axis_load_tdata),
                self.s_axis_load_tready.eq(network.load.ready),
                self.loaded.eq(network.loaded),
                network.reload.eq(self.reload),
            ]
        return m
