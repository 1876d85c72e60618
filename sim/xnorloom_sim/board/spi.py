"""Simulated board with SPI: the design of a board in the compiled simulator, driven at its pins."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from amaranth.lib import wiring

from xnorloom.errors import ToolError
from xnorloom.export import verilog
from xnorloom.support.arguments import integer
from xnorloom.support.cache import writable
from xnorloom.support.text import clipped, printable

from ..engines.verilator import build
from .design import module_ports, wrapper

__all__ = ["SimulatedSpi", "Traffic"]

_PICOSECONDS = 10**12


@dataclass(frozen=True)
class Traffic:
    """Traffic on the wires of a simulated board.

    Attributes
    ----------
    cycles : int
        Clock cycles of the design. The clock stands still between commands.
    bytes : int
        Bytes exchanged.
    """

    cycles: int
    bytes: int


class SimulatedSpi:
    """Simulation of a design with the pins ``cs``, ``sck``, ``copi`` and ``cipo``.

    The constructor compiles the simulation, which runs inside ``with``. Phases of the clocks are
    random.

    Parameters
    ----------
    design : wiring.Component
        Component with these ports, ``cs`` being 1 while it is selected; others are not connected.
    clock_hz : int
        Frequency of domain ``sync``.
    seed : int
        Seed of the phases.
    cache : path
        Folder of compiled simulations; ``None`` for that of the compiled engine.

    Attributes
    ----------
    traffic : Traffic
        Traffic on the wires; after the end of ``with``.

    Raises
    ------
    ToolError
        If Verilator or a C++ compiler is missing or fails.
    """

    def __init__(self, design: wiring.Component, *, clock_hz: int, seed: int = 0,
                 cache: str | os.PathLike[str] | None = None):
        if not isinstance(design, wiring.Component):
            raise TypeError(f"Simulated SPI must be of a wiring.Component, not {design!r}")
        half = _PICOSECONDS // (2 * integer("Clock frequency", clock_hz, 1))
        self._arguments = [str(half), str(integer("Phase seed", seed, 0, 2**62 - 1))]
        text = verilog.convert(design, name="top")
        ports = module_ports(text, "top")
        assert ports is not None
        missing = {"cs", "sck", "copi", "cipo"} - {name for _, name in ports}
        if missing:
            raise ValueError(f"Simulated SPI must have the ports cs, sck, copi and cipo, not only "
                             f"{', '.join(name for _, name in ports)}")
        wires = {"clk": "clk", "cs": "~cs_n", "sck": "sck", "copi": "copi", "cipo": "cipo"}
        self._program = build.program(
            wrapper(text, "top", ports, wires,
                    "input clk, input cs_n, input sck, input copi, output cipo"),
            Path(__file__).with_name("spi_harness.cpp"),
            cache=writable("xnorloom/compiled") if cache is None else Path(cache).absolute())
        self._process: subprocess.Popen[bytes] | None = None
        self._traffic: Traffic | None = None

    @property
    def traffic(self) -> Traffic:
        if self._traffic is None:
            raise ValueError("Simulated SPI knows its traffic after `with` only")
        return self._traffic

    def set_frequency(self, hz: float) -> None:
        """Set the frequency of ``sck``."""
        self._send(b"F" + round(_PICOSECONDS / (2 * hz)).to_bytes(4, "little"))

    def select(self, level: int) -> None:
        """Set the chip select at the pin, 0 to select the board."""
        self._send(b"S" + bytes([level]))

    def exchange(self, data: bytes) -> bytes:
        """Send bytes in mode 0, the high bit first, and return those that come back."""
        self._send(b"X" + len(data).to_bytes(4, "little") + data)
        assert self._process is not None and self._process.stdout is not None
        found = self._process.stdout.read(len(data))
        if len(found) != len(data):
            raise OSError(f"the simulated board {printable(self._program)} ended")
        return found

    def _send(self, command: bytes) -> None:
        if self._process is None:
            raise OSError("the simulated board is not there")
        assert self._process.stdin is not None
        self._process.stdin.write(command)
        self._process.stdin.flush()

    def __enter__(self) -> "SimulatedSpi":
        if self._process is not None:
            raise ValueError("Simulated SPI is in use already")
        self._traffic = None
        self._process = subprocess.Popen([str(self._program), *self._arguments],
                                         cwd=self._program.parent, stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._process is None:
            return
        output = self.unplug()
        if self._traffic is None and kind is None:
            raise ToolError(f"The simulated board {printable(self._program)} failed: "
                            f"{clipped(output.strip())}")

    def unplug(self) -> str:
        """End the simulation inside ``with``, and store its traffic; returns its last output."""
        process, self._process = self._process, None
        if process is None:
            raise ValueError("Simulated SPI can be unplugged inside `with` only")
        with process:
            output = process.communicate()[0].decode(errors="replace")
        match output.split():
            case ["done", cycles, count]:
                self._traffic = Traffic(int(cycles), int(count))
        return output
