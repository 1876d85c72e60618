"""Independent calls on the workers of a Dask cluster."""

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..errors import XnorloomError
from .extras import install_hint
from .text import first_line, quoted

__all__ = ["cluster_results"]

# Seconds for the first connection, and for one wait, which Ctrl-C ends.
_CONNECT, _LOOK = 10, 1


def cluster_results(address: str, function: Callable[..., Any], calls: Sequence[tuple], *,
                    refused: tuple[type[Exception], ...] = ()) -> Iterator[tuple[int, Any]]:
    """Call ``function`` with each tuple of arguments, on the cluster of a Dask scheduler.

    Yields the same as :func:`xnorloom.support.workers.results`. The workers need this package.

    Parameters
    ----------
    address : str
        Address of the scheduler, such as ``tcp://127.0.0.1:8786``.

    Raises
    ------
    XnorloomError
        If distributed is not installed, or the scheduler is not there or goes away.
    """
    with _client(address) as client:
        from distributed import CancelledError, wait

        # Each call is a task of its own, also if it was made before.
        futures = {client.submit(function, *call, pure=False): index
                   for index, call in enumerate(calls)}
        pending = set(futures)
        try:
            while pending:
                found: Any = None
                with contextlib.suppress(TimeoutError):
                    found = wait(pending, timeout=_LOOK, return_when="FIRST_COMPLETED")
                if found is None:
                    continue
                pending = found.not_done
                for future in found.done:
                    yield futures[future], _result(future, refused)
        except CancelledError as error:
            raise XnorloomError(f"the scheduler at {quoted(address)} went away; what is finished "
                                f"is kept, and the same command goes on with the rest") from error
        except ImportError as error:
            raise XnorloomError(f"a worker of the scheduler at {quoted(address)} lacks a package: "
                                f"{first_line(error)}") from error


def _result(future: Any, refused: tuple[type[Exception], ...]) -> Any:
    try:
        return future.result()
    except refused as error:
        return error


@contextlib.contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError as error:
        raise XnorloomError(f"a scheduler needs distributed, which is not installed: "
                            f"{install_hint('dask')}") from error
    with _quiet():
        try:
            client = Client(address, timeout=_CONNECT)
        except (OSError, ValueError, TimeoutError) as error:
            raise XnorloomError(f"no Dask scheduler answers at {quoted(address)}: "
                                f"{first_line(error)}") from error
        try:
            yield client
        finally:
            with contextlib.suppress(OSError, TimeoutError):
                client.close(timeout=_LOOK)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep distributed from reporting a lost connection with tracebacks."""
    loggers = [logging.getLogger(name) for name in (
        "distributed", "distributed.client", "distributed.comm", "distributed.core")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)
