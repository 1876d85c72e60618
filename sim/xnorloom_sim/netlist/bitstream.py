"""Verilog from the bitstream of an iCE40, by the tools of Project IceStorm.

It holds all that the bitstream holds: look-up tables, flip-flops, routed wires and the contents of
block RAMs. No Python package has these tools; Debian has them in ``fpga-icestorm``.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from xnorloom.errors import ToolError, XnorloomError
from xnorloom.support.scratch import scratch_directory
from xnorloom.support.text import clipped, printable

from .cell_models import models

__all__ = ["BitstreamError", "to_verilog"]

_MODULE = "chip"
_HEADER = re.compile(rf"^module {_MODULE} \((.*)\);$", re.MULTILINE)
_PAD = re.compile(r"\.PACKAGEPIN\((\w+)\)")
_UNMATCHED = re.compile(r"^// Warning: unmatched port '(.*)'$", re.MULTILINE)
_ASCII = (b".comment", b".device")


class BitstreamError(XnorloomError):
    """Bitstream that cannot be converted to Verilog."""


def to_verilog(bitstream: str | os.PathLike[str], pcf: str | os.PathLike[str],
               package: str | None = None) -> str:
    """Convert a bitstream to Verilog: a module ``chip`` and the models of its cells.

    PLLs pass their input clock on, and are locked at once. IceStorm leaves out SPRAMs, DSPs and LED
    drivers.

    Parameters
    ----------
    bitstream : path
        Binary file of ``icepack``, or text file of the router.
    pcf : path
        Constraints with the names of the pins, which become the names of the ports.
    package : str or None
        Package of the chip; ``None`` for the one that IceStorm assumes by its size.

    Raises
    ------
    BitstreamError
        If it is no bitstream of an iCE40.
    ToolError
        If IceStorm is not installed.
    OSError
        If a file cannot be read.
    """
    content = Path(bitstream).read_bytes()
    unpack, translate = _tool("iceunpack"), _tool("icebox_vlog")
    options = [] if package is None else ["-d", package]
    with scratch_directory() as folder:
        (folder / "pins").write_bytes(Path(pcf).read_bytes())
        (folder / "chip").write_bytes(content)
        if not content.startswith(_ASCII):
            (folder / "chip").rename(folder / "packed")
            _run([unpack, "packed", "chip"], folder, bitstream)
        text = _run([translate, "-s", *options, "-p", "pins", "chip"], folder, bitstream)
    text = _fed(text, bitstream)
    # Ports are declared again as wires, which Verilog allows in its old style only.
    ports = _HEADER.search(text)
    if ports is None or "\nendmodule" not in text:
        raise BitstreamError(f"{printable(os.fspath(bitstream))}: icebox_vlog made no module of it")
    declared = [port.split(" ", 1) for port in ports[1].split(", ") if port]
    names = ", ".join(name for _, name in declared)
    lines = "".join(f"\n  {direction} {name};" for direction, name in declared)
    text = f"{text[:ports.start()]}module {_MODULE}({names});{lines}{text[ports.end():]}"
    return f"{models('ice40')}\n{text}"


def _fed(text: str, bitstream: str | os.PathLike[str]) -> str:
    """Connect the pin of a PLL to its port, which icebox_vlog does not."""
    pads, ports = _PAD.findall(text), _UNMATCHED.findall(text)
    if not pads:
        return text
    if len(pads) != 1 or len(ports) != 1:
        raise BitstreamError(f"{printable(os.fspath(bitstream))} must have one pin that "
                             f"only a PLL uses for its PLL, not "
                             f"{clipped(', '.join(ports) or 'none')}")
    # An escaped name ends with a blank.
    return text.replace(f".PACKAGEPIN({pads[0]})", f".PACKAGEPIN({ports[0]} )")


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise ToolError(f"Bitstreams are turned back with {name} of Project IceStorm, which is not "
                        "installed; on Debian and Ubuntu: apt install fpga-icestorm")
    return path


def _run(command: list[str], folder: Path, bitstream: str | os.PathLike[str]) -> str:
    """Run a tool in ``folder``; returns its output."""
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors="replace")
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        raise BitstreamError(f"{printable(os.fspath(bitstream))} must be a bitstream of an iCE40; "
                             f"{printable(Path(command[0]).name)} says: {clipped(lines[-1])}")
    return done.stdout
