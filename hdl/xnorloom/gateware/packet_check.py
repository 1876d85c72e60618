"""Packet check: packets of any length become frames of one length, each with a verdict."""

from typing import NamedTuple

import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..support.arguments import integer
from .primitives import count

__all__ = ["CheckedFrames", "PacketCheck"]


class CheckedFrames(NamedTuple):
    """Frames of packets.

    Attributes
    ----------
    beats : array, shape (frames * beats, …)
        Beats of the frames.
    wrong : array of bool, shape (frames,)
        True for each frame whose packet had another length.
    """

    beats: np.ndarray
    wrong: np.ndarray


class PacketCheck(wiring.Component):
    """Passes packets of the right length, and makes frames of all others.

    A packet ends with a beat whose ``last`` is set. Each packet gives one frame: a packet that ends
    early is padded with beats of zeros, and the beats of a packet after its frame are dropped. So
    a wrong packet never changes the frames of others.

    ``latency`` is 0; ``interval``, the number of cycles per frame of a right packet, is ``beats``.

    Parameters
    ----------
    width : int
        Bits per beat, at least 1.
    beats : int
        Beats per frame, at least 1.

    Members
    -------
    i : In(stream.Signature(data.StructLayout({"data": width, "last": 1})))
        Beats of packets.
    o : Out(stream.Signature(width))
        Beats of frames.
    wrong : Out(stream.Signature(1))
        One word per frame, true if its packet had another length. It is transferred together with
        the last beat of the frame; ``o`` is not valid while ``wrong`` is not ready for it.
    """

    latency = 0

    def __init__(self, width: int, *, beats: int):
        width = integer("Packet check width", width, 1)
        self._beats = integer("Packet check beats", beats, 1)
        super().__init__({
            "i": In(stream.Signature(data.StructLayout({"data": width, "last": 1}))),
            "o": Out(stream.Signature(width)),
            "wrong": Out(stream.Signature(1)),
        })

    @property
    def beats(self) -> int:
        return self._beats

    @property
    def interval(self) -> int:
        return self._beats

    def model(self, beats: np.ndarray, last: np.ndarray) -> CheckedFrames:
        """Return the frames of whole packets, from their beats (rows) and ends."""
        ends = np.flatnonzero(last) + 1
        packets = np.split(beats[:ends[-1]], ends[:-1]) if ends.size else []
        frames = np.zeros((len(packets), self._beats, *beats.shape[1:]), beats.dtype)
        for frame, packet in zip(frames, packets):
            frame[:len(packet)] = packet[:self._beats]
        return CheckedFrames(frames.reshape(-1, *beats.shape[1:]),
                             np.array([len(packet) != self._beats for packet in packets], bool))

    def elaborate(self, platform):
        m = Module()
        # Short packets are padded after their last beat, long ones dropped to their last beat.
        padding, dropping = Signal(), Signal()
        give = self.o.valid & self.o.ready
        _, last = count(m, self._beats, give, name="beat")
        free = ~last | self.wrong.ready
        m.d.comb += [
            self.o.valid.eq((self.i.valid & ~dropping | padding) & free),
            # A waiting beat of zeros must not change with the input.
            self.o.payload.eq(Mux(padding, 0, self.i.payload.data)),
            self.i.ready.eq(dropping | self.o.ready & free & ~padding),
            self.wrong.valid.eq(give & last),
            self.wrong.payload.eq(padding | ~self.i.payload.last),
        ]
        with m.If(give):
            m.d.sync += [
                padding.eq(~last & (padding | self.i.payload.last)),
                dropping.eq(last & ~padding & ~self.i.payload.last),
            ]
        with m.Elif(self.i.valid & self.i.payload.last):
            m.d.sync += dropping.eq(0)
        return m
