"""Serial ports, opened or refused with a reason."""

import errno
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from xnorloom.support.extras import install_hint
from xnorloom.support.text import clipped

from ..errors import PortError

if TYPE_CHECKING:
    from serial.tools.list_ports_common import ListPortInfo

__all__ = ["Port", "described", "list_ports", "open_port", "refusals", "timed_out"]

_BUSY = (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK)


class Port(Protocol):
    """Interface of a serial port, which ``serial.Serial`` has."""

    timeout: float | None

    def read(self, size: int, /) -> bytes:
        """Read up to ``size`` bytes; fewer, or none, if no more come within ``timeout`` seconds."""
        ...

    def write(self, data: bytes, /) -> object:
        """Send all of ``data``; raise ``OSError`` if that fails or takes too long."""
        ...


def open_port(name: str, baud: int, write_timeout: float) -> Any:
    """Open a serial port for this process only.

    Raises
    ------
    PortError
        If it cannot be opened, with the reason, or if pyserial is not installed.
    """
    try:
        import serial
    except ImportError:
        raise _no_pyserial() from None
    try:
        return serial.Serial(name, baud, timeout=1, write_timeout=write_timeout, exclusive=True)
    except refusals() as error:
        raise PortError(_reason(name, baud, error)) from error


def refusals() -> tuple[type[Exception], ...]:
    """Exceptions of pyserial for a port that cannot be opened or set.

    A rate beyond the structure of the system gives an ``OverflowError``, and the error of
    ``termios`` is no ``OSError``.
    """
    try:
        import termios
    except ImportError:
        return OSError, ValueError, OverflowError
    return OSError, ValueError, OverflowError, termios.error


def timed_out(error: OSError) -> bool:
    """True if a write failed because the port accepted no bytes for too long."""
    if isinstance(error, TimeoutError):
        return True
    try:
        from serial import SerialTimeoutException
    except ImportError:
        return False
    return isinstance(error, SerialTimeoutException)


def _reason(name: str, baud: int, error: Exception) -> str:
    number, text = getattr(error, "errno", None), str(error)
    if not isinstance(error, (OSError, ValueError, OverflowError)):
        number, text = error.args[0], str(error.args[-1])
    # On Windows pyserial gives the name of the error instead of its number.
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO) or "FileNotFoundError" in text:
        return f"there is no port {name}; {_others()}"
    if number in _BUSY:
        return f"port {name} is busy: another program has it open"
    if number == errno.EACCES:
        return (f"no permission to open port {name}; on Linux, add yourself to its group "
                "(often dialout or uucp) and log in again")
    if "PermissionError" in text:
        return f"port {name} is busy, or needs another user's permission"
    if not isinstance(error, OSError) and number in (None, errno.EINVAL):
        return f"port {name} cannot have the baud rate {baud}"
    why = clipped((text.splitlines() or [type(error).__name__])[0])
    return f"port {name} is no serial port that can be used: {why}"


def _others() -> str:
    found = list_ports()
    return f"there are {described(found)}" if found else "no serial port was found"


def list_ports() -> "list[ListPortInfo]":
    """Serial ports of the machine, by name.

    Raises
    ------
    PortError
        If pyserial is not installed.
    """
    try:
        from serial.tools import list_ports as tool
    except ImportError:
        raise _no_pyserial() from None
    return sorted(tool.comports(), key=lambda port: port.device)


def described(ports: "Iterable[ListPortInfo]") -> str:
    """Names of ports with their descriptions, in one line."""
    return ", ".join(
        clipped(port.device if port.description in ("", "n/a", port.device)
                else f"{port.device} ({port.description})") for port in ports)


def _no_pyserial() -> PortError:
    return PortError(f"serial ports need pyserial, which is not installed; "
                     f"{install_hint('boards')}")
