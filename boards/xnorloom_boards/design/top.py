# amaranth: UnusedElaboratable=no
"""Network with a serial port, and the design of a board around it."""

from typing import Any

from amaranth.hdl import Elaboratable, Fragment, Module, Value
from amaranth.lib import io, wiring
from amaranth.lib.wiring import In, Out

from xnorloom.errors import ScheduleError
from xnorloom.gateware.network import Network
from xnorloom.gateware.stream import RegisterSlice
from xnorloom.graph import Graph
from xnorloom.packing import load_words, result_fields
from xnorloom.schedule import Schedule
from xnorloom.support.arguments import integer

from ..board import Board
from ..link.gateware import Link, Spi, Uart, describe
from ..link.gateware.spi import MOST_BITS
from ..link.gateware.uart import LEAST_CYCLES
from ..link.kind import LinkKind
from ..link.protocol import Hello, stuffed_bytes
from .clock import ClockGenerator
from .leds import Leds

__all__ = ["NETWORK", "Core", "Top", "baud_for", "sck_for"]

# Part of the fastest clock of SPI that is still faster than a serial port.
_SLOWEST = 8
# Module of the network in the hierarchy of a top.
NETWORK = "top.design.core.network"


def baud_for(board: Board, hz: int) -> int:
    """Rate of a board's link: that of the board, halved until the gateware can follow.

    A bit of a serial port takes four cycles at least, a bit of SPI a quarter of a cycle.
    """
    baud = board.baud
    while baud > (hz // LEAST_CYCLES if board.link is LinkKind.UART else hz * MOST_BITS):
        baud //= 2
    return baud


def sck_for(network: Network, hz: int, fastest: int) -> int:
    """Clock of SPI with which several frames may be in flight: ``fastest``, or a fraction of it.

    A controller waits a long time for each answer if only one may be. ``fastest`` if none helps.
    """
    for rate in (fastest // part for part in range(1, _SLOWEST + 1)):
        if describe(network, clock_hz=hz, baud=rate, kind=LinkKind.SPI).credits > 1:
            return rate
    return fastest


class Core(wiring.Component):
    """Network with a serial port or SPI, in one clock domain besides that of SPI.

    It answers the messages of docs/protocol.md.

    Parameters
    ----------
    graph : Graph
        The network.
    schedule : Schedule
        Its schedule.
    clock_hz : int
        Frequency of the clock.
    baud : int
        Rate of the link: for a serial port at most a quarter of ``clock_hz``, for SPI at most four
        times ``clock_hz``.
    leds : int
        Number of LEDs.
    scores : bool
        True if the scores are sent with the class.
    board : int
        Number of the board, 0 for none.
    link : LinkKind
        Link to the host.

    Members
    -------
    rx : In(1)
        Serial line from the host; asynchronous.
    tx : Out(1)
        Serial line to the host.
    cs, sck, copi : In(1), cipo : Out(1)
        Instead of them with SPI, see :class:`~xnorloom_boards.link.gateware.spi.Spi`.
    leds : Out(leds)
        LEDs, see :class:`~xnorloom_boards.design.leds.Leds`; only if there are any.
    """

    def __init__(self, graph: Graph, schedule: Schedule, *, clock_hz: int, baud: int,
                 leds: int = 0, scores: bool = False, board: int = 0,
                 link: LinkKind = LinkKind.UART):
        leds = integer("Core leds", leds, 0)
        self._network = Network(schedule.bind(graph), scores=scores)
        self._hello = describe(self._network, clock_hz=clock_hz, baud=baud, board=board, kind=link)
        self._weights = load_words(schedule.bind(graph)) if self._hello.layers else None
        self._link = link
        if link is LinkKind.UART:
            self._line = Uart(clock_hz=clock_hz, baud=baud)
            ports = {"rx": In(1, init=1), "tx": Out(1, init=1)}
        else:
            # Errors and results have less than a hello reply, or a result has more.
            longest = max(len(self._hello.encode()), self._hello.result_bytes)
            self._line = Spi(clock_hz=clock_hz, sck_hz=baud, longest=stuffed_bytes(longest))
            ports = {"cs": In(1), "sck": In(1), "copi": In(1), "cipo": Out(1, init=1)}
        self._label = result_fields(graph, scores)[0].width
        super().__init__({**ports, "leds": Out(leds)} if leds else ports)

    @property
    def network(self) -> Network:
        return self._network

    @property
    def hello(self) -> Hello:
        """Description of the design that it sends to a host."""
        return self._hello

    def elaborate(self, platform):
        m = Module()
        m.submodules[self._link.value] = line = self._line
        m.submodules.link = link = Link(self._hello, self._network.o.signature, self._weights)
        m.submodules.network = network = self._network
        # Splits the path from the comparison of scores to the choice of an answer.
        m.submodules.result = result = RegisterSlice(network.o.payload.shape())
        if self._link is LinkKind.UART:
            m.d.comb += [line.rx.eq(self.rx), self.tx.eq(line.tx)]
        else:
            m.d.comb += [line.cs.eq(self.cs), line.sck.eq(self.sck), line.copi.eq(self.copi),
                         self.cipo.eq(line.cipo)]
        wiring.connect(m, line.o, link.rx)
        wiring.connect(m, link.tx, line.i)
        wiring.connect(m, link.o, network.i)
        wiring.connect(m, network.o, result.i)
        if self._hello.layers:
            wiring.connect(m, link.load, network.load)
            m.d.comb += [link.loaded.eq(network.loaded), network.reload.eq(link.reload)]
        wiring.connect(m, result.o, link.i)
        if hasattr(self, "leds"):
            m.submodules.lights = lights = Leds(len(self.leds), self._label)
            m.d.comb += [
                lights.done.eq(result.o.valid & result.o.ready),
                lights.label.eq(Value.cast(result.o.payload)[:self._label]),
                self.leds.eq(lights.o),
            ]
        return m


class Top(Elaboratable):
    """Design for a board: clock, pins and :class:`Core`.

    Parameters
    ----------
    graph : Graph
        The network.
    schedule : Schedule
        Its schedule.
    board : Board
        The board.
    platform : Platform
        New platform of the board, from which the pins are requested.
    hz : int
        Wanted frequency; the clock gets the nearest one that is not above.
    scores : bool
        True if the scores are sent with the class.

    Raises
    ------
    ScheduleError
        If the schedule does not fit the graph, or needs more SPRAMs than the chip has.
    XnorloomError
        If the PLL of the board cannot make such a frequency.
    """

    def __init__(self, graph: Graph, schedule: Schedule, board: Board, platform: Any, hz: int, *,
                 scores: bool = False):
        sprams, device = sum(plan.sprams for plan in schedule.bind(graph).layers), board.device
        if sprams > device.sprams:
            raise ScheduleError(f"schedule needs {sprams} SPRAMs for layers of style spram, but "
                                f"{device.name} has {device.sprams}")
        self._clock = ClockGenerator(platform, board, hz)
        self._kind = board.link
        self._pins = (board.uart_ports(platform) if board.link is LinkKind.UART
                      else board.spi_ports(platform))
        self._lights = board.led_ports(platform)
        self._high = board.high_ports(platform)
        self._baud = baud_for(board, self.hz)
        if board.link is LinkKind.SPI:
            network = Network(schedule.bind(graph), scores=scores)
            self._baud = sck_for(network, self.hz, self._baud)
        self._core = Core(graph, schedule, clock_hz=self.hz, baud=self._baud,
                          leds=len(self._lights), scores=scores, board=board.number,
                          link=board.link)

    @property
    def hz(self) -> int:
        """Frequency of the design, rounded."""
        return round(self._clock.hz)

    @property
    def baud(self) -> int:
        """Rate of the link."""
        return self._baud

    @property
    def core(self) -> Core:
        return self._core

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = self._core
        if self._kind is LinkKind.UART:
            rx, tx = self._pins
            m.submodules.rx = rx = io.Buffer("i", rx)
            m.submodules.tx = tx = io.Buffer("o", tx)
            m.d.comb += [core.rx.eq(rx.i), tx.o.eq(core.tx)]
        else:
            *inputs, cipo = self._pins
            for name, port in zip(("cs", "sck", "copi"), inputs):
                m.submodules[name] = buffer = io.Buffer("i", port)
                m.d.comb += getattr(core, name).eq(buffer.i)
            m.submodules.cipo = buffer = io.Buffer("o", cipo)
            # The flash is on the same wire.
            m.d.comb += [buffer.o.eq(core.cipo), buffer.oe.eq(core.cs)]
        for index, port in enumerate(self._lights):
            m.submodules[f"led{index}"] = buffer = io.Buffer("o", port)
            m.d.comb += buffer.o.eq(core.leds[index])
        for index, port in enumerate(self._high):
            m.submodules[f"high{index}"] = buffer = io.Buffer("o", port)
            m.d.comb += buffer.o.eq(1)
        # A clock domain is visible in submodules only.
        around = Fragment.get(self._clock, platform)
        around.add_subfragment(Fragment.get(m, platform), "design")
        return around
