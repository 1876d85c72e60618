"""Verilog of a component, and of a network with its manifest."""

import json
import os
from pathlib import Path

from amaranth._toolchain.yosys import YosysError
from amaranth.back import verilog
from amaranth.lib import wiring

from ..errors import ToolError
from ..gateware.network import Network
from ..packing import load_words
from ..support.files import make_directory, write_atomic
from ..support.yosys import amaranth_variables, without_element_wires
from .manifest import manifest, module_name

__all__ = ["convert", "write"]

def convert(component: wiring.Component, name: str = "top", *, platform: object = None) -> str:
    """Verilog of ``component`` as one text; the same design always gives the same text.

    The Yosys that pip installed does it, never one that happens to be on the machine. The text has
    no vendor's cells, but those that a ``platform`` stands for if one is given.

    Raises
    ------
    ToolError
        If Yosys fails.
    """
    try:
        with amaranth_variables():
            text = verilog.convert(component, name=name, emit_src=False, platform=platform,
                                   strip_internal_attrs=True)
    except YosysError as error:
        lines = str(error).strip().splitlines()
        raise ToolError(f"Yosys cannot write Verilog of {name!r}: "
                        f"{lines[-1] if lines else 'no message'}") from error
    return without_element_wires(text)


def write(network: Network, directory: str | os.PathLike[str],
          name: str | None = None) -> list[Path]:
    """Write ``<module>.v`` and ``manifest.json`` into ``directory``, which is made if missing.

    A network that must be loaded with weights also gets ``<module>_load.hex``: the words of
    :func:`~xnorloom.packing.load_words`, one a line. Returns the paths in that order. Each file
    appears whole or not at all. The module is called ``name``, or by
    :func:`~xnorloom.export.manifest.module_name`.

    Raises
    ------
    TypeError, ValueError
        If ``name`` cannot be the name of a module.
    OSError
        If ``directory`` cannot be written.
    ToolError
        If Yosys fails.
    """
    module = module_name(network, name)
    directory = make_directory(directory)
    text = convert(network, module)
    paths = [directory / f"{module}.v", directory / "manifest.json"]
    write_atomic(paths[0], text)
    write_atomic(paths[1], json.dumps(manifest(network, module), indent=2) + "\n")
    words = load_words(network.plan)
    if words.size:
        paths.append(directory / f"{module}_load.hex")
        write_atomic(paths[2], "".join(f"{word:04x}\n" for word in words))
    return paths
