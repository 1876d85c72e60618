"""Finder of external programs, in Python packages and on the search path."""

import importlib.util
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from ..errors import ToolError
from .process import Tool, run
from .text import clipped, printable, quoted

__all__ = ["find", "native", "packaged"]


def packaged(name: str, module: str, function: str) -> Tool | None:
    """Find a program in a Python package, ``None`` if the package is not installed.

    Parameters
    ----------
    name : str
        Name of the program.
    module : str
        Module of the package, named like the package with ``_`` for ``-``.
    function : str
        Function of the module that runs the program with a list of arguments.
    """
    if importlib.util.find_spec(module) is None:
        return None
    package = module.replace("_", "-")
    # Not the script of the package: its folder may not be on the search path.
    call = f"import sys, {module}; sys.exit({module}.{function}(sys.argv[1:]))"
    return Tool(name, (sys.executable, "-c", call), f"{package} {version(package)}")


def native(name: str, path: str, reported: Callable[[], str] | None = None) -> Tool:
    """Describe the program at ``path``.

    Its version is that of ``-V``, or of ``reported`` for a program without such an option.

    Raises
    ------
    ToolError
        If the program does not work.
    """
    # The path may be relative, and the program is run in other folders.
    command = (os.path.abspath(path),)
    if reported is not None:
        return Tool(name, command, reported())
    # openFPGALoader and old versions of Yosys have no --version.
    done = run((*command, "-V"), cwd=Path.cwd(), name=name)
    lines = done.output.strip().splitlines()
    if done.status or not lines:
        raise ToolError(f"{name} does not work: {printable(shlex.join(command))}")
    return Tool(name, command, clipped(lines[0]))


def find(name: str, module: str, function: str, hint: str,
         reported: Callable[[], str] | None = None) -> Tool:
    """Find a program: by its variable, in its Python package, or on the search path.

    The variable is the one by which Amaranth finds the program: ``YOSYS``, ``NEXTPNR_ICE40``, ….

    Parameters
    ----------
    name, module, function
        See :func:`packaged`.
    hint : str
        How to install the program.
    reported : callable or None
        See :func:`native`.

    Raises
    ------
    ToolError
        If there is no such program, or it does not work.
    """
    variable = name.upper().replace("-", "_")
    chosen = os.environ.get(variable)
    if chosen:
        path = shutil.which(chosen)
        if path is None:
            raise ToolError(f"{variable} must name a program, not {quoted(chosen)}")
        return native(name, path, reported)
    found = packaged(name, module, function)
    if found is not None:
        return found
    path = shutil.which(name)
    if path is None:
        raise ToolError(f"{name} is needed and not installed: {hint}")
    return native(name, path, reported)
