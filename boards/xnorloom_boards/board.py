"""What a board is to the build: a chip, a clock, a serial port and lights."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from xnorloom.errors import XnorloomError
from xnorloom.graph import Graph
from xnorloom.target.device import Device

if TYPE_CHECKING:
    from .link.connection import Connection

__all__ = ["Board", "BoardError", "find", "names"]

Resource = tuple[str, int]


class BoardError(XnorloomError):
    """A board that nobody knows, or what a board needs and is not there."""


@dataclass(frozen=True)
class Board:
    """A board, as its schematic says.

    Resources are given by the name and number that they have on the platform.

    Parameters
    ----------
    name : str
        Name on the command line.
    title : str
        Name for people.
    device : Device
        The chip.
    make : callable
        Imports amaranth-boards and makes the platform, with what this project adds to it.
    clock : str
        Resource of the oscillator.
    clock_hz : int
        Its frequency.
    uart : (str, int)
        Resource of the serial port, with the subsignals ``rx`` and ``tx``.
    baud : int
        The largest sensible rate of what is at its other end.
    leds : tuple of (str, int)
        Resources of single lights, or of three in one with the subsignals ``r``, ``g``, ``b``.
    loader : tuple of str
        Arguments with which openFPGALoader finds the board.
    pll_pad : bool
        Whether the oscillator is at the pad of an iCE40's PLL.
    high : tuple of (str, int)
        Resources of outputs that must be held high for the serial port to work.
    note : str
        What must be done to the board by hand, if anything.
    volatile_note : str
        What else must be done to it before its chip is loaded past its flash, if anything.
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
    loader: tuple[str, ...]
    pll_pad: bool = False
    high: tuple[Resource, ...] = ()
    note: str = ""
    volatile_note: str = ""

    def platform(self) -> Any:
        """A fresh platform.

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
                             f"pip install 'xnorloom[boards]'") from error

    def open(self, port: str, graph: Graph | None = None, *, baud: int | None = None,
             **options: Any) -> "Connection":
        """Open the serial port called ``port``, behind which the board holds ``graph``.

        Parameters are those of :func:`xnorloom_boards.link.connection.open`; without ``baud``
        the rate is that of the board, which its bitstreams have unless their clock is too slow for
        it.

        Raises
        ------
        PortError
            If there is no such port, or it cannot be opened.
        LinkError
            If nothing, or another network, answers there.
        TypeError, ValueError
            As of :func:`xnorloom_boards.link.connection.open`.
        """
        from .link import connection

        return connection.open(port, graph, baud=self.baud if baud is None else baud, **options)

    def uart_ports(self, platform: Any) -> tuple[Any, Any]:
        """Request the serial port: the ports of the pins ``rx`` and ``tx``, without buffers."""
        port = platform.request(*self.uart, dir="-")
        return port.rx, port.tx

    def led_ports(self, platform: Any) -> list[Any]:
        """Request the lights: a port of one pin for each, without buffers."""
        ports = []
        for resource in self.leds:
            port = platform.request(*resource, dir="-")
            ports += [port.r, port.g, port.b] if hasattr(port, "r") else [port]
        return ports

    def high_ports(self, platform: Any) -> list[Any]:
        """Request the outputs to be held high: their ports, without buffers."""
        return [platform.request(*resource, dir="-") for resource in self.high]


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
    """The board called ``name``.

    Raises
    ------
    BoardError
        If there is none; the message names those that are.
    """
    try:
        return _boards()[name]
    except KeyError:
        raise BoardError(f"board must be one of {', '.join(names())}, not {name!r}") from None
