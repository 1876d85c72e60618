"""Simulated board: the design of a board in the compiled simulator, with a serial port.

    with SimulatedBoard(design, clock_hz=12_000_000, baud=3_000_000) as board:
        port = serial.Serial(board.path)

The port is a pseudo-terminal, so that host programs for a board work unchanged. The simulation runs
as fast as it can, and pauses while there is no traffic.
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
from xnorloom.support.text import clipped, printable

from .design import SerialDesign, program

__all__ = ["Faults", "SerialDesign", "SimulatedBoard", "Traffic"]

_LEAST_CYCLES = 4
_MILLION = 1_000_000


@dataclass(frozen=True)
class Faults:
    """Independent random faults of the bytes in one direction.

    Parameters
    ----------
    lost, flipped, inserted : float
        Probability, below 1, that a byte is dropped, that one of its bits is flipped (on the way to
        the design including its stop bit), that a random byte is inserted before it. Rounded to
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
        """Return the probabilities in millionths, in the order of the fields."""
        return [str(round(getattr(self, kind.name) * _MILLION)) for kind in fields(self)]


@dataclass(frozen=True)
class Traffic:
    """Traffic on the line of a simulated board.

    Attributes
    ----------
    cycles : int
        Simulated clock cycles.
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
    """Simulation of a design with a serial port, whose line is connected to a host.

    The constructor compiles the simulation, which runs inside ``with``. The port is removed at the
    end, as if unplugged.

    Parameters
    ----------
    design : SerialDesign or wiring.Component
        Verilog with its ports, or a component with the ports ``rx`` and ``tx`` in domain ``sync``;
        its other ports are not connected.
    clock_hz, baud : int
        Their ratio is the number of cycles per bit, at least 4; only the ratio matters.
    to_design, from_design : Faults
        Faults in either direction.
    seed : int
        Seed of the faults.
    cache : path
        Folder of compiled simulations; ``None`` for that of the compiled engine.

    Attributes
    ----------
    path : str
        Path of the port; inside ``with``.
    traffic : Traffic
        Traffic on the line; after the end of ``with``.

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
                raise ToolError(f"The simulated board {printable(self._program)} failed: "
                                f"{clipped(line.strip())}")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._process is not None:
            output = self._end()
            if self._traffic is None and kind is None:
                raise ToolError(f"The simulated board {printable(self._program)} failed: "
                                f"{clipped(output.strip())}")

    def unplug(self) -> None:
        """End the simulation inside ``with``, and its port with it."""
        if self._process is None:
            raise ValueError("Simulated board can be unplugged inside `with` only")
        self._end()

    def _end(self) -> str:
        """End the program, store its traffic, and return its last output."""
        process, self._process, self._path = self._process, None, None
        assert process is not None
        with process:
            output, _ = process.communicate()
        match output.split():
            case ["done", *numbers] if len(numbers) == len(fields(Traffic)):
                self._traffic = Traffic(*map(int, numbers))
        return output
