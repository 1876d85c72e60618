"""Compilation of a design with a serial port to a program with a pseudo-terminal."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xnorloom.support.text import clipped

from ..engines.verilator import build

__all__ = ["SerialDesign", "program"]

_PORT = re.compile(r"\b(input|output|inout)\s+(?:wire\s+|reg\s+)?(?:\[[^\]]*\]\s*)?"
                   r"(\\\S+|[A-Za-z_]\w*)")


@dataclass(frozen=True)
class SerialDesign:
    """Verilog of a design, and the roles of its ports.

    Parameters
    ----------
    verilog : str
        The module and its submodules.
    module : str
        Name of the module.
    clock, rx, tx : str
        Names of its ports: the clock, and input and output of the serial line. An escaped
        identifier keeps its backslash.
    constants : dict of str to int
        Values of other inputs; the default is 0.
    """

    verilog: str
    module: str
    clock: str = "clk"
    rx: str = "rx"
    tx: str = "tx"
    constants: Mapping[str, int] = field(default_factory=dict)

    def ports(self) -> list[tuple[str, str]]:
        """Return direction and name of each port, in order.

        Raises
        ------
        ValueError
            If there is no such module, or the module lacks a port.
        """
        start = re.search(rf"^\s*module {re.escape(self.module)}\s*\(", self.verilog, re.MULTILINE)
        if start is None:
            raise ValueError(f"Serial design must have the module {self.module!r}")
        end = self.verilog.index("endmodule", start.end())
        ports = dict.fromkeys((direction, name) for direction, name in
                              _PORT.findall(self.verilog, start.end(), end))
        found = {name for _, name in ports}
        for what in ("clock", "rx", "tx"):
            if getattr(self, what) not in found:
                raise ValueError(f"Serial design must have the port {getattr(self, what)!r} as its "
                                 f"{what}, not only {clipped(', '.join(sorted(found)) or 'none')}")
        return list(ports)

    def wrapped(self) -> str:
        """Return the Verilog with a module ``wrapper`` around it, with the ports clk, rx and tx."""
        wires = {self.clock: "clk", self.rx: "rx", self.tx: "tx"}
        others = {name: str(value) for name, value in self.constants.items()}
        lines = []
        for direction, name in self.ports():
            wire = wires.get(name) or others.get(name, "0" if direction == "input" else "")
            # A blank ends an escaped identifier.
            lines.append(f"    .{name} ({wire})")
        connections = ",\n".join(lines)
        return (f"{self.verilog}\nmodule wrapper(input clk, input rx, output tx);\n"
                f"  {self.module} dut(\n{connections}\n  );\nendmodule\n")


def program(design: SerialDesign, cache: Path) -> Path:
    """Return the program of a design, compiled if not cached.

    It must be run in its folder; ``harness.cpp`` describes its arguments.

    Raises
    ------
    ToolError
        If Verilator or a C++ compiler is missing or fails.
    ValueError
        If the design lacks a port.
    """
    return build.program(design.wrapped(), Path(__file__).with_name("harness.cpp"), cache=cache)
