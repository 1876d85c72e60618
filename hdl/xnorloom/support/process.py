"""Runner of external programs, which ends those that still run when it is left."""

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ..errors import ToolError
from .cache import writable
from .text import clipped, printable

__all__ = ["Done", "Jobs", "Tool", "environment", "run"]

# Message of the dynamic linker of Linux for a missing library, and the Debian packages of the
# libraries that no Python package brings.
_LIBRARY = re.compile(r"error while loading shared libraries: ([^\s:]+)")
_PACKAGES = {"libusb-1.0.so.0": "libusb-1.0-0", "libftdi1.so.2": "libftdi1-2"}
# Lines that name an error: "ERROR: …" of Yosys, "%Error-WIDTH: …" of Verilator, "error: …" of a
# compiler; not the counts of errors that nextpnr, Clang and Verilator end with.
_ERROR = re.compile(r"\berror(-\w+)?:(?! Exiting due to)", re.IGNORECASE)
_LONGEST = 300  # characters of a line that is shown
# Message of a YoWASP program that compiles its WebAssembly.
_FIRST_USE = "Preparing to run "
# Cache folders that must exist: by a word in the command, the variable that names the folder, and
# the folder in the user's cache.
_CACHES = {"yowasp": ("YOWASP_CACHE_DIR", "YoWASP"), "ziglang": ("ZIG_GLOBAL_CACHE_DIR", "zig")}


@dataclass(frozen=True)
class Tool:
    """External program.

    Parameters
    ----------
    name : str
        Name for messages.
    command : tuple of str
        Command without arguments.
    version : str
        Version that the program reports, or that of its Python package.
    """

    name: str
    command: tuple[str, ...]
    version: str = ""


@dataclass(frozen=True)
class Done:
    """Exit status and output of a program that has ended."""

    status: int
    output: str

    @property
    def reason(self) -> str:
        """Most telling line of the output of a failed program, printable and clipped."""
        if self.status < 0:
            return f"ended by signal {signal.Signals(-self.status).name}"
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        errors = [line for line in lines if _ERROR.search(line)]
        return clipped((errors or lines or [f"exit status {self.status}"])[-1], _LONGEST)


class Jobs:
    """Context that runs programs, from several threads if need be.

    Leaving the context ends the programs that still run.

    Parameters
    ----------
    note : callable
        Called with a line if a program takes long for reasons other than its task.
    detached : bool
        True if each program gets a session of its own. Ctrl-C at the terminal then reaches this
        process only, and a program is ended together with the programs it started.
    """

    def __init__(self, note: Callable[[str], object] = lambda text: None, *,
                 detached: bool = True):
        self._note, self._detached = note, detached
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._left = False

    def run(self, tool: Tool, arguments: Iterable[str], *, cwd: Path, log: Path | None = None,
            watch: Callable[[str], None] | None = None,
            variables: Mapping[str, str] | None = None) -> Done:
        """Run a program to its end.

        Parameters
        ----------
        tool : Tool
            The program.
        arguments : iterable of str
            Its arguments.
        cwd : Path
            Its working directory.
        log : Path or None
            File for its output.
        watch : callable or None
            Called with each line of output. An exception raised there ends the program.
        variables : mapping or None
            Environment variables besides those of :func:`environment`.

        Raises
        ------
        ToolError
            If the program cannot be started, or lacks a library.
        """
        lines: list[str] = []
        try:
            with self._lock:
                if self._left:
                    raise ToolError(f"{tool.name} was not started: the build is ending")
                process = subprocess.Popen(
                    [*tool.command, *arguments], cwd=cwd,
                    env={**environment(tool.command), **(variables or {})},
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    text=True, errors="replace", start_new_session=self._detached)
                self._running.add(process)
        except OSError as error:
            raise ToolError(f"{tool.name} cannot be started: "
                            f"{printable(error.strerror or error)}") from error
        try:
            assert process.stdout is not None
            with process.stdout:
                for line in process.stdout:
                    lines.append(line)
                    if line.startswith(_FIRST_USE):
                        self._note(f"compiling {tool.name} for its first use, about a minute")
                    if watch is not None:
                        watch(line.rstrip("\n"))
            status = process.wait()
        finally:
            self._end(process)
            with self._lock:
                self._running.discard(process)
        done = Done(status, "".join(lines))
        if log is not None:
            log.write_text(done.output, encoding="utf-8")
        library = _LIBRARY.search(done.output)
        if status and library:
            raise ToolError(_missing(tool.name, clipped(library[1])))
        return done

    def _end(self, process: "subprocess.Popen[str]") -> None:
        """End a program and, in a session of its own, those it started, such as the ABC of Yosys.
        """
        if process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if self._detached and hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()

    def __enter__(self) -> "Jobs":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        with self._lock:
            self._left = True
            running = list(self._running)
        for process in running:
            self._end(process)


def run(command: Sequence[str], *, cwd: Path, name: str | None = None,
        variables: Mapping[str, str] | None = None) -> Done:
    """Run one program to its end, in the session of this process.

    Parameters are those of :meth:`Jobs.run`; ``command`` includes the arguments.

    Raises
    ------
    ToolError
        If the program cannot be started, or lacks a library.
    """
    with Jobs(detached=False) as jobs:
        tool = Tool(name or Path(command[0]).name, tuple(command))
        return jobs.run(tool, (), cwd=cwd, variables=variables)


def environment(command: Sequence[str]) -> dict[str, str]:
    """Environment variables of a program: those of this process, and caches that can be written."""
    variables = dict(os.environ)
    for word, (variable, folder) in _CACHES.items():
        if any(word in part for part in command):
            variables.setdefault(variable, str(writable(folder)))
    return variables


def _missing(name: str, library: str) -> str:
    package = _PACKAGES.get(library)
    where = f"; on Debian and Ubuntu it is in the package {package}" if package else ""
    return f"{name} needs the library {library}, which is not installed{where}"
