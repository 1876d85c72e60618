"""Server of the page: its socket, and its life until Ctrl-C."""

import errno
import ipaddress
import socket

import uvicorn
from starlette.types import ASGIApp

from xnorloom.errors import XnorloomError
from xnorloom.support.text import first_line, quoted

__all__ = ["is_loopback", "listen", "serve", "url"]

# Connections at once; a browser opens six.
_CONNECTIONS = 64
# Seconds that requests may take after Ctrl-C.
_PATIENCE = 2


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on ``port`` of ``host``; port 0 takes any free one.

    Raises
    ------
    XnorloomError
        If the port is busy or not permitted, or ``host`` is not an address of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, _, _, _, place = found[0]
        return socket.create_server(place[:2], family=family)
    except (socket.gaierror, UnicodeError):
        raise XnorloomError(f"argument --host: must be a name or address of this machine, not "
                            f"{quoted(host)}") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise XnorloomError(f"port {port} of {host} is in use; give another one with "
                                f"--port-number, or 0 for any free one") from None
        if error.errno == errno.EADDRNOTAVAIL:
            raise XnorloomError(f"argument --host: {quoted(host)} is not an address of this "
                                f"machine") from None
        raise XnorloomError(f"cannot listen on port {port} of {host}: "
                            f"{error.strerror or first_line(error)}") from None


def is_loopback(listening: socket.socket) -> bool:
    """True if only programs on this machine reach the socket."""
    return _bound(listening).is_loopback


def url(listening: socket.socket, host: str) -> str:
    """URL of the page, for a browser on this machine."""
    name = f"[{host}]" if ":" in host else host
    if _bound(listening).is_unspecified:
        name = "localhost"
    return f"http://{name}:{listening.getsockname()[1]}/"


def _bound(listening: socket.socket) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(listening.getsockname()[0].partition("%")[0])


def serve(app: ASGIApp, listening: socket.socket) -> None:
    """Serve ``app`` until Ctrl-C or SIGTERM, which are then raised as without a server."""
    config = uvicorn.Config(app, log_config=None, log_level="error", access_log=False,
                            server_header=False, proxy_headers=False, lifespan="off", ws="none",
                            limit_concurrency=_CONNECTIONS, timeout_graceful_shutdown=_PATIENCE)
    uvicorn.Server(config).run(sockets=[listening])
