# amaranth: UnusedElaboratable=no
"""Simulated board ``sim``: gateware of a network with its serial link, and the real host program.

The packages of boards and of the simulator do not know each other. They meet here.
"""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from xnorloom.errors import XnorloomError
from xnorloom.graph import Graph
from xnorloom.schedule import Schedule
from xnorloom.support.extras import install_hint
from xnorloom.support.text import quoted

if TYPE_CHECKING:
    from xnorloom_boards.link.connection import Connection
    from xnorloom_boards.link.kind import LinkKind
    from xnorloom_sim.board.simulated import SimulatedBoard
    from xnorloom_sim.board.spi import SimulatedSpi

__all__ = ["SIM", "SimBoard"]

SIM = "sim"
"""Name of the simulated board."""

# Cycles per bit, the fewest that the serial port of the gateware takes: the line is the slow part.
_CYCLES = 4
# A pseudo-terminal has no rate; of this one follow the messages in flight.
_BAUD = 1_000_000
# Clocks of a board with SPI.
_CLOCK_HZ, _SCK_HZ = 36_000_000, 30_000_000
# A simulation answers later than any board, and a busy machine later still.
_TIMEOUT = 30.0


class SimBoard:
    """Board that is simulated, with the interface of :class:`~xnorloom_boards.board.Board`.

    The gateware is that of a board without its pins and PLL: network, serial link and serial port,
    as compiled Verilog. The line is a pseudo-terminal. With SPI it is a simulated FT2232H, a
    USB device for pyftdi. The board sends scores, if they fit into a message.

    Parameters
    ----------
    schedule : Schedule or None
        How the network is folded; ``None`` for :func:`~xnorloom.folding.automatic`.
    say : callable or None
        Called with a line before steps that take long.
    """

    name = SIM
    title = "a simulated board"
    note = ""

    def __init__(self, *, schedule: Schedule | None = None,
                 say: Callable[[str], object] | None = None):
        self._schedule, self._say = schedule, say or (lambda text: None)
        self._link = "uart"

    @property
    def link(self) -> "LinkKind":
        """Link of the board."""
        from xnorloom_boards.link.kind import LinkKind

        return LinkKind(self._link)

    def with_link(self, link: "LinkKind") -> "SimBoard":
        """Return the board with another link."""
        board = SimBoard(schedule=self._schedule, say=self._say)
        board._link = link.value
        return board

    def open(self, port: str, graph: Graph, *, timeout: float = _TIMEOUT,
             **options: Any) -> "Connection":
        """Start the simulation of a board that holds ``graph``, and connect to it.

        The simulation ends with the connection. It is compiled if it is not cached, which takes up
        to a minute for the bundled networks.

        Parameters
        ----------
        port : str
            ``auto``; the simulation makes its own port.
        graph : Graph
            The network.
        timeout : float
            Seconds to wait for an answer.
        options : dict
            Other parameters of :class:`~xnorloom_boards.link.connection.Connection`.

        Raises
        ------
        BuildError
            If the frames or results are too large for the serial link.
        ToolError
            If Verilator, a C++ compiler or the simulation fails.
        LinkError
            See :class:`~xnorloom_boards.link.connection.Connection`.
        XnorloomError
            If another port or a rate is given.
        """
        from xnorloom_boards.link.connection import Connection
        from xnorloom_boards.link.find_port import AUTO
        from xnorloom_boards.link.port import open_port
        from xnorloom_sim.board.simulated import SimulatedBoard

        if port != AUTO:
            raise XnorloomError(f"board {SIM} makes its own port: it must be {AUTO}, not "
                                f"{quoted(port)}")
        if options.get("baud") is not None:
            raise XnorloomError(f"board {SIM} has no baud rate, but {options['baud']} is given")
        self._say("preparing the simulated board; compiling it takes up to a minute the first time")
        if self._link == "spi":
            return self._open_spi(graph, timeout, options)
        options["baud"] = _BAUD
        with contextlib.ExitStack() as undo:
            simulated = undo.enter_context(
                SimulatedBoard(self._core(graph), clock_hz=_CYCLES, baud=1))
            port = undo.enter_context(
                open_port(simulated.path, _BAUD, write_timeout=timeout + 1))
            line: Any = _Line(port, simulated)
            connection = Connection(line, graph, name=simulated.path, timeout=timeout, **options)
            undo.pop_all()
        return connection

    def _open_spi(self, graph: Graph, timeout: float, options: dict[str, Any]) -> "Connection":
        from xnorloom_boards.link.connection import Connection
        from xnorloom_boards.link.spi_port import open_spi
        from xnorloom_sim.board.spi import SimulatedSpi

        try:
            from usb.core import Device
        except ImportError:
            raise XnorloomError(f"SPI needs pyftdi, which is not installed; "
                                f"{install_hint('spi')}") from None
        from xnorloom_sim.board.ftdi import FtdiDevice

        options["baud"] = _SCK_HZ
        with contextlib.ExitStack() as undo:
            simulated = undo.enter_context(
                SimulatedSpi(self._core(graph), clock_hz=_CLOCK_HZ))
            device: Any = Device(0, FtdiDevice(simulated))
            line: Any = _Line(undo.enter_context(contextlib.closing(open_spi(device, _SCK_HZ))),
                              simulated)
            connection = Connection(line, graph, name=SIM, timeout=timeout, **options)
            undo.pop_all()
        return connection

    def _core(self, graph: Graph) -> Any:
        from xnorloom.folding import automatic
        from xnorloom_boards.design.top import Core
        from xnorloom_boards.link.protocol import MOST_RESULT_BYTES, result_bytes
        from xnorloom_boards.link.sizes import check_graph

        scores = result_bytes(graph, True) <= MOST_RESULT_BYTES
        check_graph(graph, scores)
        clock_hz, baud = (_CYCLES, 1) if self._link == "uart" else (_CLOCK_HZ, _SCK_HZ)
        return Core(graph, self._schedule or automatic(graph), clock_hz=clock_hz, baud=baud,
                    scores=scores, link=self.link)


class _Line:
    """Port whose simulated board ends when it is closed."""

    def __init__(self, port: Any, board: "SimulatedBoard | SimulatedSpi"):
        self._port, self._board, self._open = port, board, True

    @property
    def timeout(self) -> float | None:
        return self._port.timeout

    @timeout.setter
    def timeout(self, seconds: float | None) -> None:
        self._port.timeout = seconds

    @property
    def in_waiting(self) -> int:
        return self._port.in_waiting

    def read(self, size: int) -> bytes:
        return self._port.read(size)

    def write(self, data: bytes) -> object:
        return self._port.write(data)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._port.close()
            self._board.unplug()
