"""FuseSoC core file (CAPI2) of an emitted core, for designs that are built with FuseSoC."""

import json
import os
import re
from pathlib import Path

from .. import __version__
from ..packing import load_words
from ..support.files import make_directory, write_atomic
from .interfaces import Core, interface_of
from .names import module_name

__all__ = ["write"]

_TEXT = """\
CAPI=2:
name: xnorloom:bnn:{module}:{version}
description: {description}

filesets:
  rtl:
    files:
      - {module}.v
    file_type: verilogSource-2005
{load}
targets:
  default:
    filesets: [{filesets}]
  lint:
    description: Checks the Verilog with Verilator.
    flow: lint
    flow_options:
      tool: verilator
      verilator_options: [-Wno-fatal]
    filesets: [{filesets}]
    toplevel: {module}
"""
_LOAD = """\
  load:
    files:
      - {module}_load.hex: {{copyto: {module}_load.hex}}
    file_type: user
"""


def write(core: Core, directory: str | os.PathLike[str], name: str | None = None) -> Path:
    """Write ``<module>.core`` into ``directory``, which is made if missing.

    The file belongs beside the Verilog that :func:`xnorloom.export.verilog.write` writes there with
    the same ``name``. The core is ``xnorloom:bnn:<module>``, and its version that of xnorloom. The
    target ``default`` has the files of the core, for cores that depend on it; ``lint`` checks them.

    Parameters
    ----------
    core : Network or AxiStreamNetwork
        The core.
    name : str or None
        Name of the module; see :func:`~xnorloom.export.names.module_name`.

    Returns
    -------
    Path
        The file, which appears whole or not at all.

    Raises
    ------
    TypeError, ValueError
        If ``core`` is no core, or ``name`` cannot be the name of a module.
    OSError
        If ``directory`` cannot be written.
    """
    interface, module = interface_of(core), module_name(core, name)
    loads = bool(load_words(core.plan).size)
    release = re.match(r"\d+(\.\d+)*", __version__)
    text = _TEXT.format(
        module=module, version=release[0] if release else "0",
        # A JSON string is a YAML string, whatever the name of the network.
        description=json.dumps(f"Binarized network {core.graph.name}, interface {interface.name}"),
        load=_LOAD.format(module=module) if loads else "",
        filesets="rtl, load" if loads else "rtl")
    path = make_directory(directory) / f"{module}.core"
    write_atomic(path, text)
    return path
