# amaranth: UnusedElaboratable=no
"""Board side of the serial protocol, between the bytes of a line and a network."""

from dataclasses import replace

import numpy as np
from amaranth.hdl import Module, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from xnorloom.gateware import primitives
from xnorloom.gateware.network import Network
from xnorloom.gateware.primitives import delay
from xnorloom.gateware.weight_ram import load_members
from xnorloom.graph import Conv
from xnorloom.schedule import Plan
from xnorloom.schedule.reach import Reach

from ..kind import LinkKind
from ..protocol import (
    LOAD_BYTES,
    LOAD_VERSION,
    VERSION,
    Hello,
    LoadedLayer,
    line_bytes,
    result_bytes,
    stuffed_bytes,
)
from ..sizes import check_plan
from .framing import Deframer, Framer
from .loader import Loader, weights_crc
from .parser import Parser
from .reader import Reader
from .replies import Replies
from .spi import byte_cycles as spi_cycles
from .uart import RECEIVED
from .uart import byte_cycles as uart_cycles

__all__ = ["LINE_CREDITS", "Link", "describe"]

# Frames in flight if the board keeps up with the line; half of the sequence numbers.
LINE_CREDITS = 128
# Part of the time on the line that is left for the difference of the two clocks, generously.
_LINE_PARTS = 20
_BYTE_CYCLES = {LinkKind.UART: uart_cycles, LinkKind.SPI: spi_cycles}
# Cycles in which a byte of an answer leaves the framer at the latest, if the line takes it.
_FRAMER_CYCLES = 4


def describe(network: Network, *, clock_hz: int, baud: int, board: int = 0,
             kind: LinkKind = LinkKind.UART) -> Hello:
    """Description of a board, with its number, that has ``network`` on a line of rate ``baud``.

    It has ``LINE_CREDITS`` credits if the answer to a frame is always sent before the next
    frame has arrived, even if only the answer is stuffed, throughout; else one credit. With SPI,
    sent means written into the queue, which is emptied while frames arrive.

    Raises
    ------
    BuildError
        If the frames or results are too large for the protocol.
    ValueError
        If the line is too fast.
    """
    check_plan(network.plan, network.scores)
    size = result_bytes(network.graph, network.scores)
    layers = tuple(LoadedLayer(index, fold.pe, fold.simd)
                   for index, fold in enumerate(network.schedule.folds) if fold.style.loadable)
    hello = Hello(bytes.fromhex(network.graph.digest)[:8], network.schedule.input_width,
                  network.plan.words, size, 1, network.scores,
                  LOAD_VERSION if layers else VERSION, layers, board=board)
    cycles = _BYTE_CYCLES[kind](clock_hz, baud)
    # From the frame buffer through the network to the first byte of the answer, and to the last
    # word of the frame, which may come later.
    work = 3 * hello.frame_bytes + network.latency + _unneeded(network.plan) + 8
    answer = stuffed_bytes(size) * ((cycles if kind is LinkKind.UART else _FRAMER_CYCLES) + 1)
    frame = line_bytes(hello.frame_bytes) * cycles
    emptied = kind is LinkKind.UART or stuffed_bytes(size) < line_bytes(hello.frame_bytes)
    if emptied and work + answer <= frame - frame // _LINE_PARTS:
        return replace(hello, credits=LINE_CREDITS)
    return hello


def _unneeded(plan: Plan) -> int:
    """Words at the end of a frame on which its result does not depend."""
    if not plan.graph.by_pixel:
        return 0
    first = plan.layers[0]
    assert isinstance(first.layer, Conv) and first.map is not None
    reach = Reach(first.layer.window, first.layer.pool_size, first.map)
    row, column = reach.need_rows[-1], reach.need_columns[-1] // first.in_pixels
    needed = row * (first.in_words // first.map.rows) + column + 1
    return plan.words // first.in_words * (first.in_words - int(needed))


class Link(wiring.Component):
    """Passes undamaged frames to a network, sends its results, and answers all other messages.

    One frame is in the network at a time. ``latency``, from the end of a frame to the transfer of
    its last word, is ``3 * frame_bytes + 3`` cycles if the network is ready for the words.

    Parameters
    ----------
    hello : Hello
        Description that it sends to the host, with the size of frames.
    result : stream.Signature
        Signature of the results of the network.
    weights : array of uint16 or None
        Words that the network must be loaded with; if and only if the hello has layers.

    Members
    -------
    rx : In(stream.Signature(RECEIVED, always_ready=True))
        Bytes from the line.
    tx : Out(stream.Signature(8))
        Bytes to the line.
    o : Out(stream.Signature(input_width))
        Words of frames for the network.
    i : In(result)
        Results of the network.
    load : Out(stream.Signature(16)), loaded : In(1), reload : Out(1)
        Counterparts of the network's members of these names, if it must be loaded.
    """

    def __init__(self, hello: Hello, result: stream.Signature,
                 weights: np.ndarray | None = None):
        if not isinstance(hello, Hello):
            raise TypeError(f"Link hello must be a Hello, not {hello!r}")
        if (weights is not None) != bool(hello.layers):
            raise ValueError(f"Link must have weights if and only if its hello has layers, not for "
                             f"{len(hello.layers)}")
        self._hello, self._weights, self._reader = hello, weights, Reader(hello)
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
        return Deframer.latency + Parser.latency + self._reader.latency

    def elaborate(self, platform):
        m = Module()
        m.submodules.deframer = deframer = Deframer()
        wiring.connect(m, wiring.flipped(self.rx), deframer.i)
        loads, size = bool(self._hello.layers), self._hello.frame_bytes
        m.submodules.parser = parser = Parser(size, loads)
        wiring.connect(m, deframer.o, parser.i)
        m.submodules.reader = reader = self._reader
        m.submodules.replies = replies = Replies(self._hello, len(Value.cast(self.i.payload)))
        m.submodules.framer = framer = Framer()
        wiring.connect(m, reader.o, wiring.flipped(self.o))
        wiring.connect(m, replies.o, framer.i)
        wiring.connect(m, framer.o, wiring.flipped(self.tx))

        depth = max(size, LOAD_BYTES) if loads else size
        m.submodules.memory = memory = primitives.ram(8, depth)
        write = memory.write_port()
        # The second register is for chips with slow block RAM.
        byte = primitives.read(m, memory, reader.address, reader.fetch)
        data = delay(m, byte, 1, 1, name="byte")
        # A frame may be written after the one that is read, but not overtake it.
        overtakes = reader.busy & (parser.address == reader.address)
        # Written a cycle later: the comparison takes the path of a cycle, and the RAM is far.
        m.d.sync += [write.addr.eq(parser.address), write.data.eq(deframer.o.payload.data),
                     write.en.eq(parser.write)]
        m.d.comb += [
            parser.good.eq(deframer.good), parser.full.eq(overtakes),
            parser.busy.eq(replies.busy),
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
