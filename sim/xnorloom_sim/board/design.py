"""Compilation of a design with a serial port to a program with a pseudo-terminal."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xnorloom.support.text import clipped

from ..engines.verilator import build

__all__ = ["SerialDesign", "module_ports", "program", "wrapper"]

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
        ports = module_ports(self.verilog, self.module)
        if ports is None:
            raise ValueError(f"Serial design must have the module {self.module!r}")
        found = {name for _, name in ports}
        for what in ("clock", "rx", "tx"):
            if getattr(self, what) not in found:
                raise ValueError(f"Serial design must have the port {getattr(self, what)!r} as its "
                                 f"{what}, not only {clipped(', '.join(sorted(found)) or 'none')}")
        return ports

    def wrapped(self) -> str:
        """Return the Verilog with a module ``wrapper`` around it, with the ports clk, rx and tx."""
        wires = {**{name: str(value) for name, value in self.constants.items()},
                 self.clock: "clk", self.rx: "rx", self.tx: "tx"}
        return wrapper(self.verilog, self.module, self.ports(), wires,
                       "input clk, input rx, output tx")


def module_ports(verilog: str, module: str) -> list[tuple[str, str]] | None:
    """Direction and name of each port of a module, in order; ``None`` without such a module."""
    start = re.search(rf"^\s*module {re.escape(module)}\s*\(", verilog, re.MULTILINE)
    if start is None:
        return None
    end = verilog.index("endmodule", start.end())
    return list(dict.fromkeys((direction, name) for direction, name in
                              _PORT.findall(verilog, start.end(), end)))


def wrapper(verilog: str, module: str, ports: list[tuple[str, str]], wires: Mapping[str, str],
            outer: str) -> str:
    """Verilog with a module ``wrapper`` of the ports ``outer`` around ``module``.

    ``wires`` are the expressions at its ports; other inputs are 0, other outputs not connected.
    """
    # A blank ends an escaped identifier.
    connections = ",\n".join(
        f"    .{name} ({wires.get(name, '0' if direction == 'input' else '')})"
        for direction, name in ports)
    return (f"{verilog}\nmodule wrapper({outer});\n"
            f"  {module} dut(\n{connections}\n  );\nendmodule\n")


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
