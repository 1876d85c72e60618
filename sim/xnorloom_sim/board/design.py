"""From a design with a serial port to a program that simulates it behind a pseudo-terminal."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..engines.verilator import build

__all__ = ["SerialDesign", "program"]

_PORT = re.compile(r"\b(input|output|inout)\s+(?:wire\s+|reg\s+)?(?:\[[^\]]*\]\s*)?"
                   r"(\\\S+|[A-Za-z_]\w*)")


@dataclass(frozen=True)
class SerialDesign:
    """Verilog of a design, and which of its ports are what.

    Parameters
    ----------
    verilog : str
        The module, and all that are in it.
    module : str
        Its name.
    clock, rx, tx : str
        Its ports: the clock and both ends of the serial line. A name that is no plain identifier
        is written as in the text, with a backslash before it.
    constants : dict of str to int
        Values of other inputs; those not in it are 0.
    """

    verilog: str
    module: str
    clock: str = "clk"
    rx: str = "rx"
    tx: str = "tx"
    constants: Mapping[str, int] = field(default_factory=dict)

    def ports(self) -> list[tuple[str, str]]:
        """Direction and name of each port, in their order.

        Raises
        ------
        ValueError
            If the text has no such module, or the module lacks a port.
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
                                 f"{what}, not only {', '.join(sorted(found)) or 'none'}")
        return list(ports)

    def shell(self) -> str:
        """The Verilog, and a module ``shell`` around it with the ports clk, rx and tx."""
        wires = {self.clock: "clk", self.rx: "rx", self.tx: "tx"}
        others = {name: str(value) for name, value in self.constants.items()}
        lines = []
        for direction, name in self.ports():
            wire = wires.get(name) or others.get(name, "0" if direction == "input" else "")
            # A name after a backslash ends with a blank.
            lines.append(f"    .{name} ({wire})")
        connections = ",\n".join(lines)
        return (f"{self.verilog}\nmodule shell(input clk, input rx, output tx);\n"
                f"  {self.module} dut(\n{connections}\n  );\nendmodule\n")


def program(design: SerialDesign, cache: Path) -> Path:
    """The program of a design, from the cache or compiled into it.

    It must be run in the folder that it is in; ``harness.cpp`` says how.

    Raises
    ------
    ToolError
        If Verilator or a C++ compiler is missing or fails.
    ValueError
        If the design lacks a port.
    """
    return build.program(design.shell(), Path(__file__).with_name("harness.cpp"), cache=cache)
