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
from ..link.gateware import Link, Uart, describe
from ..link.gateware.uart import LEAST_CYCLES
from ..link.protocol import Hello
from .clock import ClockGenerator
from .leds import Leds

__all__ = ["NETWORK", "Core", "Top", "baud_for"]

# Module of the network in the hierarchy of a top.
NETWORK = "top.design.core.network"


def baud_for(board: Board, hz: int) -> int:
    """Rate of a board's serial port: that of the board, halved until a bit takes four cycles."""
    baud = board.baud
    while LEAST_CYCLES * baud > hz:
        baud //= 2
    return baud


class Core(wiring.Component):
    """Network with a serial port, in one clock domain.

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
        Rate of the serial port, at most a quarter of ``clock_hz``.
    leds : int
        Number of LEDs.
    scores : bool
        True if the scores are sent with the class.
    board : int
        Number of the board, 0 for none.

    Members
    -------
    rx : In(1)
        Line from the host; asynchronous.
    tx : Out(1)
        Line to the host.
    leds : Out(leds)
        LEDs, see :class:`~xnorloom_boards.design.leds.Leds`; only if there are any.
    """

    def __init__(self, graph: Graph, schedule: Schedule, *, clock_hz: int, baud: int,
                 leds: int = 0, scores: bool = False, board: int = 0):
        leds = integer("Core leds", leds, 0)
        self._network = Network(schedule.bind(graph), scores=scores)
        self._hello = describe(self._network, clock_hz=clock_hz, baud=baud, board=board)
        self._weights = load_words(schedule.bind(graph)) if self._hello.layers else None
        self._uart = Uart(clock_hz=clock_hz, baud=baud)
        self._label = result_fields(graph, scores)[0].width
        ports = {"rx": In(1, init=1), "tx": Out(1, init=1)}
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
        m.submodules.uart = uart = self._uart
        m.submodules.link = link = Link(self._hello, self._network.o.signature, self._weights)
        m.submodules.network = network = self._network
        # Splits the path from the comparison of scores to the choice of an answer.
        m.submodules.result = result = RegisterSlice(network.o.payload.shape())
        m.d.comb += [uart.rx.eq(self.rx), self.tx.eq(uart.tx)]
        wiring.connect(m, uart.o, link.rx)
        wiring.connect(m, link.tx, uart.i)
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
        self._pins = board.uart_ports(platform)
        self._lights = board.led_ports(platform)
        self._high = board.high_ports(platform)
        self._baud = baud_for(board, self.hz)
        self._core = Core(graph, schedule, clock_hz=self.hz, baud=self._baud,
                          leds=len(self._lights), scores=scores, board=board.number)

    @property
    def hz(self) -> int:
        """Frequency of the design, rounded."""
        return round(self._clock.hz)

    @property
    def baud(self) -> int:
        """Rate of the serial port."""
        return self._baud

    @property
    def core(self) -> Core:
        return self._core

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = self._core
        rx, tx = self._pins
        m.submodules.rx = rx = io.Buffer("i", rx)
        m.submodules.tx = tx = io.Buffer("o", tx)
        m.d.comb += [core.rx.eq(rx.i), tx.o.eq(core.tx)]
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
