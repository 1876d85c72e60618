"""Boards: a chip, a clock, a serial port and LEDs each, found by name."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from xnorloom.graph import Graph
from xnorloom.support.extras import install_hint
from xnorloom.support.text import quoted
from xnorloom.target.device import Device

from .errors import BoardError, PortError, WrongBitstreamError
from .link.kind import LinkKind
from .usb import UsbBridge

if TYPE_CHECKING:
    from .link.connection import Connection

__all__ = ["Board", "find", "names", "numbered"]

Resource = tuple[str, int]


@dataclass(frozen=True)
class Board:
    """Board with its resources, as its schematic says.

    A resource is given by its name and number on the platform.

    Parameters
    ----------
    name : str
        Name on the command line.
    title : str
        Name in reports.
    device : Device
        The chip.
    make : callable
        Makes the platform of amaranth-boards, which it imports, with additional resources.
    clock : str
        Resource of the oscillator.
    clock_hz : int
        Frequency of the oscillator.
    uart : (str, int)
        Resource of the serial port, with the subsignals ``rx`` and ``tx``.
    baud : int
        Largest sensible rate of the bridge or adapter at its other end.
    leds : tuple of (str, int)
        Resources of LEDs; one with the subsignals ``r``, ``g``, ``b`` counts as three.
    programmer : tuple of str
        Arguments by which openFPGALoader finds the board.
    usb : UsbBridge or None
        USB bridge of its serial port; ``None`` if it needs an adapter.
    number : int
        Number, 1 to 63, by which its bitstreams tell a host which board it is; 0 for none. Numbers
        are never given to another board.
    pll_pad : bool
        True if the oscillator is at the pad of an iCE40's PLL.
    high : tuple of (str, int)
        Resources of outputs that must be held high for the serial port to work.
    note : str
        Changes to the board that are needed, in a line; empty for none.
    volatile_note : str
        Changes needed to load its chip past the flash; empty for none.
    spi : (str, int) or None
        Resource of the flash that the USB bridge writes, with the subsignals ``cs``, ``clk``,
        ``copi`` and ``cipo``, if its wires may be the link of a running design.
    spi_hz : int
        Largest clock of these wires.
    link : LinkKind
        Link of the design, whose largest rate is ``baud``; see :meth:`with_link`.
    first_hz : int or None
        Clock that a build tries first; ``None`` for the usual one of the chip.
    spread : bool
        True to place a design with room between its cells; see :mod:`~.flow.spreading`.
    """

    name: str
    title: str
    device: Device
    make: Callable[[], Any]
    clock: str
    clock_hz: int
    uart: Resource
    baud: int
    leds: tuple[Resource, ...]
    programmer: tuple[str, ...]
    usb: UsbBridge | None = None
    number: int = 0
    pll_pad: bool = False
    high: tuple[Resource, ...] = ()
    note: str = ""
    volatile_note: str = ""
    spi: Resource | None = None
    spi_hz: int = 30_000_000
    link: LinkKind = LinkKind.UART
    first_hz: int | None = None
    spread: bool = False

    def with_link(self, link: LinkKind) -> "Board":
        """Return the board with another link than its serial port.

        Raises
        ------
        BoardError
            If it has no such link.
        """
        if link is self.link:
            return self
        if self.spi is None:
            able = ", ".join(name for name, entry in _boards().items() if entry.spi is not None)
            raise BoardError(f"link spi must be that of a board with SPI wires to its USB bridge "
                             f"({able}), not {self.name}")
        return replace(self, link=link, baud=self.spi_hz)

    def platform(self) -> Any:
        """Make a platform.

        Raises
        ------
        BoardError
            If amaranth-boards is not installed.
        """
        try:
            return self.make()
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "amaranth_boards":
                raise
            raise BoardError(f"board {self.name} needs amaranth-boards, which is not installed: "
                             f"{install_hint('boards')}") from error

    def open(self, port: str, graph: Graph | None = None, *, baud: int | None = None,
             **options: Any) -> "Connection":
        """Connect to the board at a serial port.

        Parameters are those of :func:`xnorloom_boards.link.connection.open`. The port ``auto`` is
        found by USB. ``baud`` defaults to the rate of the board, which its bitstreams have unless
        their clock is too slow for it. A port that begins with ``ftdi://`` is one of SPI.

        Raises
        ------
        PortError
            If there is no such port, or it cannot be opened; for ``auto`` if there are several.
        LinkError
            If nothing, another network, or another board answers there.
        TypeError, ValueError
            See :func:`xnorloom_boards.link.connection.open`.
        """
        from .link import connection
        from .link.find_port import AUTO, find_port
        from .link.spi_port import SCHEME, find_url, is_url

        chosen = self.with_link(LinkKind.SPI) if is_url(port) else self
        if port == AUTO:
            port = (find_port(self.name, self.usb) if self.link is LinkKind.UART
                    else find_url(self.name, self.usb))
        elif chosen.link is LinkKind.SPI and not is_url(port):
            raise PortError(f"port of SPI must be {AUTO} or begin with {SCHEME}, not "
                            f"{quoted(port)}")
        return connection.open(port, graph, baud=chosen.baud if baud is None else baud,
                               board=chosen, **options)

    def expect(self, number: int, port: str) -> None:
        """Check the number that a board at ``port`` gives, 0 if it gives none.

        Raises
        ------
        WrongBitstreamError
            If it is that of another board.
        """
        if number in (0, self.number):
            return
        found = numbered(number)
        what = (f"is board number {number}, which this version does not know" if found is None
                else f"is {found.name} ({found.title})")
        raise WrongBitstreamError(
            f"the board on port {port} {what}, wanted {self.name}; name the board that is there, "
            f"or flash a bitstream that was built for {self.name}")

    def uart_ports(self, platform: Any) -> tuple[Any, Any]:
        """Request the serial port: I/O ports of the pins ``rx`` and ``tx``, without buffers."""
        port = platform.request(*self.uart, dir="-")
        return port.rx, port.tx

    def spi_ports(self, platform: Any) -> tuple[Any, Any, Any, Any]:
        """Request the wires of SPI: I/O ports of ``cs``, ``sck``, ``copi`` and ``cipo``.

        They have no buffers. The clock is constrained to ``baud``.
        """
        from amaranth.lib.io import Direction, SingleEndedPort

        assert self.spi is not None
        port = platform.request(*self.spi, dir="-")
        platform.add_clock_constraint(port.clk.io, self.baud)
        # The directions of the platform are those of a design that reads the flash.
        return (SingleEndedPort(port.cs.io, invert=port.cs.invert, direction=Direction.Input),
                SingleEndedPort(port.clk.io, direction=Direction.Input),
                SingleEndedPort(port.copi.io, direction=Direction.Input),
                SingleEndedPort(port.cipo.io, direction=Direction.Output))

    def led_ports(self, platform: Any) -> list[Any]:
        """Request the LEDs: an I/O port of one pin for each, without buffers."""
        ports = []
        for resource in self.leds:
            port = platform.request(*resource, dir="-")
            ports += [port.r, port.g, port.b] if hasattr(port, "r") else [port]
        return ports

    def high_ports(self, platform: Any) -> list[Any]:
        """Request the outputs to be held high: their I/O ports, without buffers."""
        return [platform.request(*resource, dir="-") for resource in self.high]


def numbered(number: int) -> Board | None:
    """Board of a number that is not 0, ``None`` if there is none."""
    return next((entry for entry in _boards().values() if number and entry.number == number), None)


@cache
def _boards() -> dict[str, Board]:
    package = importlib.import_module(f"{__package__}.catalog")
    modules = (importlib.import_module(f"{package.__name__}.{entry.name}")
               for entry in pkgutil.iter_modules(package.__path__) if entry.name != "platforms")
    return {module.BOARD.name: module.BOARD for module in modules}


def names() -> tuple[str, ...]:
    """Names of the boards, sorted."""
    return tuple(sorted(_boards()))


def find(name: str) -> Board:
    """Find the board ``name``.

    Raises
    ------
    BoardError
        If there is none; the message names the boards.
    """
    try:
        return _boards()[name]
    except KeyError:
        raise BoardError(f"board must be one of {', '.join(names())}, not {name!r}") from None
