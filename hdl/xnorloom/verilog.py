"""Verilog of a component, and of a network with its manifest."""

import json
import os
import re
from pathlib import Path

from amaranth._toolchain.yosys import YosysError
from amaranth.back import verilog
from amaranth.lib import wiring

from .errors import ToolError
from .files import make_directory, write_atomic
from .manifest import manifest, module_name
from .network import Network

__all__ = ["convert", "write"]

# For people at waveforms, Amaranth names each element of an array: a wire `x[1]` that is read by
# nobody. Where x is a port, ABC9 in Yosys 0.70 takes that wire for bit 1 of x and loses logic: one
# of eight neurons was left of a layer synthesised for ECP5.
_ELEMENT_WIRES = re.compile(r"^  (?:wire (?:\[\d+:0\] )?\\\S+\[\d+\]\S* |"
                            r"assign \\\S+\[\d+\]\S*  = .*);\n", re.MULTILINE)


def convert(component: wiring.Component, name: str = "top") -> str:
    """Verilog of ``component`` as one text; the same design always gives the same text.

    The Yosys that pip installed does it, never one that happens to be on the machine.

    Raises
    ------
    ToolError
        If Yosys fails.
    """
    # Amaranth has no argument for this, only the variable.
    before = os.environ.get("AMARANTH_USE_YOSYS")
    os.environ["AMARANTH_USE_YOSYS"] = "builtin"
    try:
        text = verilog.convert(component, name=name, emit_src=False, strip_internal_attrs=True)
    except YosysError as error:
        lines = str(error).strip().splitlines()
        raise ToolError(f"Yosys cannot write Verilog of {name!r}: "
                        f"{lines[-1] if lines else 'no message'}") from error
    finally:
        if before is None:
            del os.environ["AMARANTH_USE_YOSYS"]
        else:
            os.environ["AMARANTH_USE_YOSYS"] = before
    return _ELEMENT_WIRES.sub("", text)


def write(network: Network, directory: str | os.PathLike[str]) -> list[Path]:
    """Write ``<module>.v`` and ``manifest.json`` into ``directory``, which is made if missing.

    Returns the paths in that order. Each file appears whole or not at all.

    Raises
    ------
    OSError
        If ``directory`` cannot be written.
    ToolError
        If Yosys fails.
    """
    directory = make_directory(directory)
    name = module_name(network)
    text = convert(network, name)
    paths = [directory / f"{name}.v", directory / "manifest.json"]
    write_atomic(paths[0], text)
    write_atomic(paths[1], json.dumps(manifest(network), indent=2) + "\n")
    return paths
