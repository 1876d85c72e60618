"""From the bitstream of an iCE40 back to Verilog, with Project IceStorm's own tools.

What is in the bitstream is all that the Verilog knows: look-up tables, flip-flops, the wires that
were routed and the contents of block RAMs. These tools are in no Python package; Debian has them
in ``fpga-icestorm``.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from xnorloom.errors import ToolError, XnorloomError

from .cell_models import models

__all__ = ["BitstreamError", "to_verilog"]

_MODULE = "chip"
_HEADER = re.compile(rf"^module {_MODULE} \((.*)\);$", re.MULTILINE)
_PAD = re.compile(r"\.PACKAGEPIN\((\w+)\)")
_UNMATCHED = re.compile(r"^// Warning: unmatched port '(.*)'$", re.MULTILINE)
_ASCII = (b".comment", b".device")


class BitstreamError(XnorloomError):
    """A bitstream that cannot be turned back."""


def to_verilog(bitstream: str | os.PathLike[str], pcf: str | os.PathLike[str],
               package: str | None = None) -> str:
    """Verilog of what a bitstream configures: a module ``chip`` and the cells in it.

    PLLs put out the clock that comes in, undivided, and are locked at once. SPRAMs, DSPs and the
    drivers of coloured lights are left out, as IceStorm does.

    Parameters
    ----------
    bitstream : path
        As ``icepack`` wrote it, or as text as the router did.
    pcf : path
        Constraints with the names of the pins, which become those of the ports.
    package : str
        Of the chip; for ``None`` that which IceStorm takes for its size.

    Raises
    ------
    BitstreamError
        If this is no bitstream of an iCE40.
    ToolError
        If IceStorm is not installed.
    OSError
        If a file cannot be read.
    """
    content = Path(bitstream).read_bytes()
    unpack, translate = _tool("iceunpack"), _tool("icebox_vlog")
    options = [] if package is None else ["-d", package]
    with tempfile.TemporaryDirectory(prefix="xnorloom-") as folder:
        Path(folder, "pins").write_bytes(Path(pcf).read_bytes())
        Path(folder, "chip").write_bytes(content)
        if not content.startswith(_ASCII):
            Path(folder, "chip").rename(Path(folder, "packed"))
            _run([unpack, "packed", "chip"], folder, bitstream)
        text = _run([translate, "-s", *options, "-p", "pins", "chip"], folder, bitstream)
    text = _fed(text, bitstream)
    # Ports are declared once more as wires, which Verilog allows in its old style only.
    ports = _HEADER.search(text)
    if ports is None or "\nendmodule" not in text:
        raise BitstreamError(f"{os.fspath(bitstream)}: icebox_vlog made no module of it")
    declared = [port.split(" ", 1) for port in ports[1].split(", ") if port]
    names = ", ".join(name for _, name in declared)
    lines = "".join(f"\n  {direction} {name};" for direction, name in declared)
    text = f"{text[:ports.start()]}module {_MODULE}({names});{lines}{text[ports.end():]}"
    return f"{models('ice40')}\n{text}"


def _fed(text: str, bitstream: str | os.PathLike[str]) -> str:
    """The text with the pin of a PLL joined to its port, which icebox_vlog leaves apart."""
    pads, ports = _PAD.findall(text), _UNMATCHED.findall(text)
    if not pads:
        return text
    if len(pads) != 1 or len(ports) != 1:
        raise BitstreamError(f"{os.fspath(bitstream)} must have one pin that only a PLL uses for "
                             f"its PLL, not {', '.join(ports) or 'none'}")
    # A name after a backslash ends with a blank.
    return text.replace(f".PACKAGEPIN({pads[0]})", f".PACKAGEPIN({ports[0]} )")


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise ToolError(f"Bitstreams are turned back with {name} of Project IceStorm, which is not "
                        "installed; on Debian and Ubuntu: apt install fpga-icestorm")
    return path


def _run(command: list[str], folder: str, bitstream: str | os.PathLike[str]) -> str:
    """What a tool that is run in ``folder`` puts out."""
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors="replace")
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        raise BitstreamError(f"{os.fspath(bitstream)} must be a bitstream of an iCE40; "
                             f"{Path(command[0]).name} says: {lines[-1]}")
    return done.stdout
