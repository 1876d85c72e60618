"""Copy of the tree in which the tests of one mutant run, in a child process with limits."""

import contextlib
import json
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

# Imported once, and forked for each mutant; nothing of the project is among them.
import amaranth.lib.data
import amaranth.lib.memory
import amaranth.lib.stream
import amaranth.sim  # noqa: F401
import hypothesis  # noqa: F401
import numpy as np  # noqa: F401
import pytest

__all__ = ["Sandbox"]

_ROOTS = ("hdl", "sim", "boards", "cli")
# Data of a process: a mutant may ask for the size of a wrong power of two.
_MEMORY = 6 << 30


class Sandbox:
    """Runs pytest on a mutated copy of the tree.

    Parameters
    ----------
    root : Path
        Tree to copy.
    folder : Path
        Where the copy is made.
    cache : Path
        Cache directory of the tests, for compiled simulations.
    limits
        ``test_limit`` and ``limit`` in seconds: of a test, and of processor time of a mutant.
    """

    def __init__(self, root: Path, folder: Path, cache: Path, limits):
        self._folder, self._limits = folder, limits
        self._tree, self._result = folder / "tree", folder / "result.json"
        shutil.copytree(root, self._tree, symlinks=True, ignore=shutil.ignore_patterns(
            ".git", ".venv", ".hypothesis", ".*_cache", "dist", "xnorloom-demo", "node_modules"))
        cache.mkdir(exist_ok=True, mode=0o700)
        self._cache = cache
        self._child, self._started = 0, 0.0
        self._kept: tuple[Path, bytes, os.stat_result] | None = None

    def start(self, tests: list[str], module: str = "",
              mutate: Callable[[bytes], bytes | None] | None = None) -> None:
        """Begin to run ``tests``, file by file until one fails, with a module mutated."""
        self._started = time.monotonic()
        self._result.unlink(missing_ok=True)
        if mutate is not None:
            path = self._tree / module
            self._kept = path, path.read_bytes(), path.stat()
            path.write_bytes(mutate(self._kept[1]) or b"")
        self._child = os.fork()
        if not self._child:
            self._in_child(tests)

    def poll(self) -> tuple[str, str, float] | None:
        """Return outcome, failed test and seconds of the tests, or ``None`` while they run."""
        child, status = os.waitpid(self._child, os.WNOHANG)
        seconds = time.monotonic() - self._started
        if not child and seconds < 3 * self._limits.limit:
            return None
        self.stop(reap=not child)
        if self._result.exists():
            found = json.loads(self._result.read_text())
        elif not child or os.WIFSIGNALED(status):
            # A limit of the mutant ended it, of no single test: nothing noticed it so far.
            found = {"outcome": "unfinished", "test": ""}
        else:
            raise RuntimeError((self._folder / "log").read_text()[-2000:])
        return found["outcome"], found["test"], round(seconds, 1)

    def stop(self, *, reap: bool = True) -> None:
        """End the child with its own children, and restore the source."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child, signal.SIGKILL)
        if reap:
            # An interrupt may come after the child was waited for.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._child, 0)
        if self._kept is not None:
            path, source, status = self._kept
            path.write_bytes(source)
            # With its old time, so that the compiled file beside it is valid again.
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
            self._kept = None

    def _in_child(self, tests: list[str]) -> None:
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (self._limits.limit, self._limits.limit + 5))
            resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
            log = os.open(self._folder / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
                          0o600)
            for stream in (1, 2):
                os.dup2(log, stream)
            os.chdir(self._tree)
            sys.dont_write_bytecode = True
            roots = [str(self._tree / root) for root in _ROOTS]
            sys.path[:0] = roots
            os.environ |= {"PYTHONPATH": os.pathsep.join(roots), "PYTHONDONTWRITEBYTECODE": "1",
                           "XDG_CACHE_HOME": str(self._cache)}
            found = _run(tests, self._limits.test_limit)
            self._result.write_text(json.dumps(found))
        except BaseException:  # noqa: BLE001 - a child must never go on as its parent
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(0)


def _run(tests: list[str], limit: int) -> dict[str, str]:
    watch = _Watch(limit)
    # One call for each file keeps their order.
    for file in dict.fromkeys(test.partition("::")[0] for test in tests):
        named = [test for test in tests if test.partition("::")[0] == file]
        try:
            status = pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist",
                                  "-W", "ignore::pytest.PytestAssertRewriteWarning", *named],
                                 plugins=[watch])
        except Warning:
            # A warning at the end, of a component that nothing used, is an error of the run.
            status = pytest.ExitCode.TESTS_FAILED
        if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            return {"outcome": "hung" if watch.hung else "killed", "test": watch.test or file}
    return {"outcome": "survived", "test": ""}


class _Watch:
    """Plugin that limits the processor time of each test, and notes the first failed one."""

    def __init__(self, limit: int):
        self._limit, self.test, self.hung = limit, "", False
        signal.signal(signal.SIGPROF, self._stop)

    def _stop(self, *_):
        self.hung = True
        pytest.fail(f"took more than {self._limit} seconds of processor time")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        signal.setitimer(signal.ITIMER_PROF, self._limit)
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    def pytest_runtest_logreport(self, report):
        if report.failed and not self.test:
            self.test = report.nodeid
