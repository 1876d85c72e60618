"""Sockets of the server: free and busy ports, addresses."""

import re
import socket

import pytest

from xnorloom.errors import XnorloomError
from xnorloom_cli.serve import server


def test_busy_port():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        message = (f"port {port} of 127.0.0.1 is in use; give another one with --port-number, or 0 "
                   f"for any free one")
        with pytest.raises(XnorloomError, match=f"^{re.escape(message)}$"):
            server.listen("127.0.0.1", port)


@pytest.mark.parametrize("host, message", [
    ("nowhere.invalid", "argument --host: must be a name or address of this machine, not "
                        "'nowhere.invalid'"),
    ("a" * 70 + ".b", r"argument --host: must be a name or address of this machine, not "
                      r"'a{27}\.\.\.a{26}\.b'"),
    ("192.0.2.1", "argument --host: '192.0.2.1' is not an address of this machine"),
])
def test_host_wrong(host, message):
    with pytest.raises(XnorloomError, match=f"^{message}$"):
        server.listen(host, 0)


@pytest.mark.parametrize("host, loopback, name", [
    ("127.0.0.1", True, "127.0.0.1"), ("0.0.0.0", False, "localhost")])
def test_url(host, loopback, name):
    with server.listen(host, 0) as listening:
        port = listening.getsockname()[1]
        assert port
        assert server.is_loopback(listening) == loopback
        assert server.url(listening, host) == f"http://{name}:{port}/"


def test_version_6():
    try:
        listening = server.listen("::1", 0)
    except XnorloomError:
        pytest.skip("this machine has no IPv6")
    with listening:
        assert server.is_loopback(listening)
        assert server.url(listening, "::1") == f"http://[::1]:{listening.getsockname()[1]}/"
