"""A board that is not there: its design in the compiled simulator, behind a real serial port.

    with SimulatedBoard(design, clock_hz=12_000_000, baud=3_000_000) as board:
        port = serial.Serial(board.path)

The port is a pseudo-terminal, so whatever talks to a board talks to it unchanged. The simulation
goes as fast as it can, and stands still, nearly, while nobody says anything.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from types import TracebackType

from amaranth.lib import wiring

from xnorloom.errors import ToolError
from xnorloom.export import verilog
from xnorloom.support.arguments import integer
from xnorloom.support.cache import writable

from .design import SerialDesign, program

__all__ = ["Faults", "SerialDesign", "SimulatedBoard", "Traffic"]

_LEAST_CYCLES = 4
_MILLION = 1_000_000


@dataclass(frozen=True)
class Faults:
    """What befalls the bytes of one direction, each by itself.

    Parameters
    ----------
    lost, flipped, inserted : float
        Probability, below 1, that a byte vanishes, that one of its bits is wrong (its stop bit
        counts, on the way to the design), that a byte of chance comes before it. Rounded to
        millionths.
    """

    lost: float = 0.0
    flipped: float = 0.0
    inserted: float = 0.0

    def __post_init__(self):
        for kind in fields(self):
            value = getattr(self, kind.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"Fault probability {kind.name} must be a number, not {value!r}")
            if not 0 <= value < 1:
                raise ValueError(f"Fault probability {kind.name} must be at least 0 and below 1, "
                                 f"not {value!r}")

    def rates(self) -> Sequence[str]:
        """The probabilities in millionths, in the order of the fields."""
        return [str(round(getattr(self, kind.name) * _MILLION)) for kind in fields(self)]


@dataclass(frozen=True)
class Traffic:
    """What went over the line of a simulated board.

    Members
    -------
    cycles : int
        Clock cycles that were simulated.
    received, sent : int
        Bytes from the host before faults, and to the host after them.
    malformed : int
        Bytes of the design without a stop bit.
    faults_in, faults_out : int
        Bytes lost, flipped or inserted on the way to the design, and on the way from it.
    """

    cycles: int
    received: int
    sent: int
    malformed: int
    faults_in: int
    faults_out: int


class SimulatedBoard:
    """Simulates a design with a serial port, and lends the other end of its line to a host.

    The simulation is compiled when the object is made, and runs inside ``with``. At the end of
    that the port is gone, as if it had been unplugged.

    Parameters
    ----------
    design : SerialDesign or wiring.Component
        Verilog with its ports named, or a component with the ports ``rx`` and ``tx`` in the domain
        ``sync``, whose reset, lights and other ports are of no interest.
    clock_hz, baud : int
        Their ratio is the cycles to a bit, at least 4; times mean nothing here.
    to_design, from_design : Faults
        What befalls the bytes in either direction.
    seed : int
        Of the faults.
    cache : path
        Folder of compiled simulations; for ``None`` that of the compiled engine.

    Members
    -------
    path : str
        The port, inside ``with``.
    traffic : Traffic
        What happened; after the end of ``with``.

    Raises
    ------
    ToolError
        If Verilator or a C++ compiler is missing or fails.
    """

    def __init__(self, design: SerialDesign | wiring.Component, *, clock_hz: int, baud: int,
                 to_design: Faults | None = None, from_design: Faults | None = None,
                 seed: int = 0, cache: str | os.PathLike[str] | None = None):
        if isinstance(design, wiring.Component):
            design = SerialDesign(verilog.convert(design, name="top"), "top")
        elif not isinstance(design, SerialDesign):
            raise TypeError(f"Simulated board must be of a SerialDesign or a wiring.Component, "
                            f"not {design!r}")
        ratio = Fraction(integer("Clock frequency", clock_hz, 1), integer("Baud rate", baud, 1))
        if ratio < _LEAST_CYCLES:
            raise ValueError(f"Baud rate must be at most a {_LEAST_CYCLES}th of the clock "
                             f"frequency {clock_hz}, not {baud}")
        for name, faults in (("to_design", to_design), ("from_design", from_design)):
            if faults is not None and not isinstance(faults, Faults):
                raise TypeError(f"{name} must be Faults, not {faults!r}")
        self._arguments = [str(ratio.numerator), str(ratio.denominator),
                           str(integer("Fault seed", seed, 0, 2**62 - 1)),
                           *(to_design or Faults()).rates(), *(from_design or Faults()).rates()]
        place = writable("xnorloom/compiled") if cache is None else Path(cache).absolute()
        self._program = program(design, place)
        self._process: subprocess.Popen[str] | None = None
        self._path: str | None = None
        self._traffic: Traffic | None = None

    @property
    def path(self) -> str:
        if self._path is None:
            raise ValueError("Simulated board has its port inside `with` only")
        return self._path

    @property
    def traffic(self) -> Traffic:
        if self._traffic is None:
            raise ValueError("Simulated board knows its traffic after `with` only")
        return self._traffic

    def __enter__(self) -> "SimulatedBoard":
        if self._process is not None:
            raise ValueError("Simulated board is in use already")
        self._process = subprocess.Popen(
            [str(self._program), *self._arguments], cwd=self._program.parent, text=True,
            errors="replace", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        match line.split():
            case ["port", path]:
                self._path, self._traffic = path, None
                return self
            case _:
                self._end()
                raise ToolError(f"The simulated board {self._program} failed: {line.strip()}")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._process is not None:
            said = self._end()
            if self._traffic is None and kind is None:
                raise ToolError(f"The simulated board {self._program} failed: {said.strip()}")

    def unplug(self) -> None:
        """End the simulation inside ``with``, and its port with it."""
        if self._process is None:
            raise ValueError("Simulated board can be unplugged inside `with` only")
        self._end()

    def _end(self) -> str:
        """Tell the program to end, and take down the traffic; gives back what it says last."""
        process, self._process, self._path = self._process, None, None
        assert process is not None
        with process:
            said, _ = process.communicate()
        match said.split():
            case ["done", *numbers] if len(numbers) == len(fields(Traffic)):
                self._traffic = Traffic(*map(int, numbers))
        return said
