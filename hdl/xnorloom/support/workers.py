"""Independent calls on the cores of this machine, each in a process of its own."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, NoReturn

from ..errors import XnorloomError

__all__ = ["results"]


def results(function: Callable[..., Any], calls: Sequence[tuple], *,
            refused: tuple[type[Exception], ...] = ()) -> Iterator[tuple[int, Any]]:
    """Call ``function`` with each tuple of arguments, as many at a time as there are cores.

    Function, arguments and results are pickled; a single call is made in this process. Ctrl-C, or
    another exception, ends all processes.

    Parameters
    ----------
    function : callable
        A function of a module.
    calls : sequence of tuple
        Arguments.
    refused : tuple of exception types
        Exceptions that are results; all others end the calls.

    Yields
    ------
    index : int
        Place in ``calls``, in the order in which the calls end.
    result : object
        Result, or one of the exceptions ``refused``.

    Raises
    ------
    XnorloomError
        If a process is killed, as by a system without memory.
    """
    if len(calls) == 1:
        yield 0, _result(lambda: function(*calls[0]), refused)
        return
    workers = min(len(calls), os.cpu_count() or 1)
    with _pool(workers) as pool:
        with _ctrl_c_ignored():
            # All processes start now; Ctrl-C never reaches them.
            futures = {pool.submit(function, *call): index for index, call in enumerate(calls)}
        try:
            for future in as_completed(futures):
                yield futures[future], _result(future.result, refused)
        except BrokenProcessPool as error:
            raise XnorloomError("a process of the calculation was killed; is there enough memory?"
                                ) from error


def _result(call: Callable[[], Any], refused: tuple[type[Exception], ...]) -> Any:
    try:
        return call()
    except refused as error:
        return error


@contextlib.contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    # Threads of this process would not survive a fork.
    context = multiprocessing.get_context("spawn")
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, context, _start)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    finally:
        pool.shutdown()


@contextlib.contextmanager
def _ctrl_c_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _start() -> None:
    """Let SIGTERM end a call with its context managers, and the process."""
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(number: int, frame: object) -> NoReturn:
    raise SystemExit
