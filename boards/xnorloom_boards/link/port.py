"""Serial ports: opened, or refused with a reason."""

import errno
from typing import Any, Protocol

from ..errors import PortError

__all__ = ["Port", "open_port", "refusals", "timed_out"]

_BUSY = (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK)


class Port(Protocol):
    """What a session needs of a port; ``serial.Serial`` has it, and more."""

    timeout: float | None

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; fewer, or none, if no more come in ``timeout`` seconds."""
        ...

    def write(self, data: bytes, /) -> object:
        """Send all of ``data``; an ``OSError`` if that fails, or takes too long."""
        ...


def open_port(name: str, baud: int, write_timeout: float) -> Any:
    """Open a serial port for nobody but this process.

    Raises
    ------
    PortError
        If it cannot be opened, with the reason; or if pyserial is not installed.
    """
    try:
        import serial
    except ImportError:
        raise PortError("serial ports need pyserial, which is not installed; "
                        "pip install 'xnorloom[boards]'") from None
    try:
        return serial.Serial(name, baud, timeout=1, write_timeout=write_timeout, exclusive=True)
    except refusals() as error:
        raise PortError(_reason(name, baud, error)) from error


def refusals() -> tuple[type[Exception], ...]:
    """What pyserial lets through when a port cannot be opened or set.

    For a rate that does not fit the structure of the system that is an ``OverflowError``; the error
    of ``termios`` is no ``OSError``.
    """
    try:
        import termios
    except ImportError:
        return OSError, ValueError, OverflowError
    return OSError, ValueError, OverflowError, termios.error


def timed_out(error: OSError) -> bool:
    """Whether a write failed since the port took no bytes for too long."""
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
    # On Windows pyserial gives no number, but the name of the error inside.
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
    return f"port {name} is no serial port that can be used: {text.splitlines()[0]}"


def _others() -> str:
    from serial.tools import list_ports
    found = sorted((port.device, port.description) for port in list_ports.comports())
    if not found:
        return "no serial port was found"
    named = (device if text in ("", "n/a", device) else f"{device} ({text})"
             for device, text in found)
    return f"there are {', '.join(named)}"
