"""What a device does with the messages of the protocol, in front of a network."""

from dataclasses import replace

import numpy as np
from amaranth.hdl import Module, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from xnorloom.gateware import primitives
from xnorloom.gateware.network import Network
from xnorloom.gateware.primitives import delay
from xnorloom.gateware.weight_ram import load_members

from ..protocol import LOAD_BYTES, LOAD_VERSION, VERSION, Hello, LoadedLayer, result_bytes
from .framing import Deframer, Framer
from .loader import Loader, weights_crc
from .parser import Parser
from .reader import Reader
from .replies import Replies
from .uart import RECEIVED, byte_cycles

__all__ = ["LINE_CREDITS", "Link", "describe"]

# Frames under way where the device keeps up with the line; half the sequence numbers.
LINE_CREDITS = 128
# Parts of the line's time that its two clocks may differ by, with room to spare.
_LINE_PARTS = 20


def describe(network: Network, *, clock_hz: int, baud: int) -> Hello:
    """What a device with ``network`` on a serial line says of itself.

    It has :data:`LINE_CREDITS` credits if the answer to a frame is always out before the next
    frame is in, even if the answer is stuffed throughout and the frame nowhere; else one.

    Raises
    ------
    ValueError
        If the frames or results are too large for the protocol, or the line too fast.
    """
    size = result_bytes(network.graph, network.scores)
    layers = tuple(LoadedLayer(index, fold.pe, fold.simd)
                   for index, fold in enumerate(network.schedule.folds) if fold.style.loadable)
    hello = Hello(bytes.fromhex(network.graph.digest)[:8], network.schedule.input_width,
                  network.plan.words, size, 1, network.scores,
                  LOAD_VERSION if layers else VERSION, layers)
    cycles = byte_cycles(clock_hz, baud)
    # Out of the buffer at two cycles a byte, through the network, into the first byte.
    work = 3 * hello.frame_bytes + network.latency + 8
    answer = (2 * (size + 4) + 1) * (cycles + 1)
    frame = (hello.frame_bytes + 5) * cycles
    if work + answer <= frame - frame // _LINE_PARTS:
        return replace(hello, credits=LINE_CREDITS)
    return hello


class Link(wiring.Component):
    """Answers messages; hands frames to a network once they came whole, and sends its results.

    One frame is in the network at a time. ``latency``, from the end of a frame to the transfer of
    its last word, is a cycle and 3 for each of its bytes if the network is ready for them.

    Parameters
    ----------
    hello : Hello
        What it says of itself, and the size of frames.
    result : stream.Signature
        Of the network's results.
    weights : array of uint16 or None
        The words that the network must be loaded with, if the hello has any layers.

    Members
    -------
    rx : In(stream.Signature(RECEIVED, always_ready=True))
        Bytes from the line.
    tx : Out(stream.Signature(8))
        Bytes to the line.
    o : Out(stream.Signature(input_width))
        Words for the network.
    i : In(result)
        Results of the network.
    load, loaded, reload
        Those of the network the other way round, if it must be loaded.
    """

    def __init__(self, hello: Hello, result: stream.Signature,
                 weights: np.ndarray | None = None):
        if not isinstance(hello, Hello):
            raise TypeError(f"Link hello must be a Hello, not {hello!r}")
        if (weights is not None) != bool(hello.layers):
            raise ValueError(f"Link must have weights if and only if its hello has layers, not for "
                             f"{len(hello.layers)}")
        self._hello, self._weights = hello, weights
        load = {name: member.flip() for name, member in load_members().items()}
        super().__init__({"rx": In(stream.Signature(RECEIVED, always_ready=True)),
                          "tx": Out(stream.Signature(8)),
                          "o": Out(stream.Signature(hello.input_width)), "i": In(result),
                          **(load if hello.layers else {})})
        bits = len(Value.cast(self.i.payload))
        if -(-bits // 8) != hello.result_bytes:
            raise ValueError(f"Link result must have {hello.result_bytes} bytes, as its hello "
                             f"says, not {bits} bits")

    @property
    def latency(self) -> int:
        return 3 * self._hello.frame_bytes + 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.deframer = deframer = Deframer()
        wiring.connect(m, wiring.flipped(self.rx), deframer.i)
        loads, size = bool(self._hello.layers), self._hello.frame_bytes
        m.submodules.parser = parser = Parser(size, loads)
        wiring.connect(m, deframer.o, parser.i)
        m.submodules.reader = reader = Reader(self._hello)
        m.submodules.replies = replies = Replies(self._hello, len(Value.cast(self.i.payload)))
        m.submodules.framer = framer = Framer()
        wiring.connect(m, reader.o, wiring.flipped(self.o))
        wiring.connect(m, replies.o, framer.i)
        wiring.connect(m, framer.o, wiring.flipped(self.tx))

        depth = max(size, LOAD_BYTES) if loads else size
        m.submodules.memory = memory = primitives.ram(8, depth)
        write = memory.write_port()
        # The second register is for chips whose block RAM is slow.
        byte = primitives.read(m, memory, reader.address, reader.fetch)
        data = delay(m, byte, 1, 1, name="byte")
        # A frame may come in behind the one that is read, but not overtake it.
        overtakes = reader.busy & (parser.address == reader.address)
        m.d.comb += [
            parser.full.eq(overtakes), parser.busy.eq(replies.busy),
            write.addr.eq(parser.address), write.data.eq(deframer.o.payload.data),
            write.en.eq(parser.write),
            reader.data.eq(data),
            reader.start.eq(parser.start),
            replies.start.eq(parser.start), replies.hello.eq(parser.hello),
            replies.error.eq(parser.error), replies.sequence.eq(parser.sequence),
            replies.result.eq(self.i.payload), replies.ready.eq(self.i.valid),
            self.i.ready.eq(replies.taken),
        ]
        if loads:
            self._load(m, parser, reader, replies)
        return m

    def _load(self, m: Module, parser: Parser, reader: Reader, replies: Replies):
        m.submodules.loader = loader = Loader(weights_crc(self._weights.astype("<u2").tobytes()))
        wiring.connect(m, reader.load_bytes, loader.i)
        wiring.connect(m, loader.load, wiring.flipped(self.load))
        m.d.comb += [
            loader.start.eq(parser.start), loader.loaded.eq(self.loaded),
            self.reload.eq(loader.reload),
            parser.loaded.eq(loader.good), reader.load.eq(parser.load),
            replies.acknowledge.eq(reader.loading & ~reader.busy),
            replies.count.eq(loader.count), replies.loaded.eq(loader.good),
        ]
