"""Connection to a port that cannot be opened, or where nothing answers: clear errors, and soon."""

import errno
import os
import re
import sys
import tty

import numpy as np
import pytest
import serial
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from xnorloom_boards.errors import NoAnswerError, PortError
from xnorloom_boards.link import connection as host


@pytest.fixture(scope="module")
def graph(random_graph):
    return random_graph(np.random.default_rng(3), (19, 4, 3))


def test_unknown_port(graph, monkeypatch, tmp_path):
    found = ListPortInfo("/dev/ttyUSB1")
    found.description = "Some bridge"
    missing = str(tmp_path / "ttyUSB9")
    for ports, text in (([found, ListPortInfo("/dev/ttyS0")],
                         "there are /dev/ttyS0, /dev/ttyUSB1 (Some bridge)"),
                        ([], "no serial port was found")):
        monkeypatch.setattr(list_ports, "comports", lambda ports=ports: ports)
        with pytest.raises(PortError, match=f"^there is no port {missing}; {re.escape(text)}$"):
            host.open(missing, graph)


@pytest.fixture
def terminal():
    """Port without a board."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_silent_port_is_closed_again(terminal, graph):
    for _ in range(2):
        with pytest.raises(NoAnswerError, match=f"^no answer on port {terminal} at .*$"):
            host.open(terminal, graph, timeout=0.05, retries=1)


def test_busy_port(terminal, graph):
    with serial.Serial(terminal, exclusive=True):
        with pytest.raises(PortError, match=(
                f"^port {terminal} is busy: another program has it open$")):
            host.open(terminal, graph)


def test_no_serial_port(tmp_path, graph):
    (path := tmp_path / "file").write_text("")
    with pytest.raises(PortError, match=(
            f"^port {path} is no serial port that can be used: .+$")):
        host.open(str(path), graph)


@pytest.mark.parametrize("error, message", [
    (serial.SerialException(errno.EACCES, "denied"), r"no permission to open port P; on Linux, "
     r"add yourself to its group \(often dialout or uucp\) and log in again"),
    (serial.SerialException("could not open port 'P': FileNotFoundError(2, 'x')"),
     r"there is no port P; no serial port was found"),
    (serial.SerialException("could not open port 'P': PermissionError(13, 'x')"),
     r"port P is busy, or needs another user's permission"),
    (ValueError("Invalid baud rate: 7"), r"port P cannot have the baud rate 1000000"),
], ids=["permission", "unknown on Windows", "permission on Windows", "baud rate"])
def test_refused_port(graph, monkeypatch, error, message):
    def refuse(*args, **options):
        raise error
    monkeypatch.setattr(serial, "Serial", refuse)
    monkeypatch.setattr(list_ports, "comports", list)
    with pytest.raises(PortError, match=f"^{message}$"):
        host.open("P", graph)


def test_no_pyserial(graph, monkeypatch):
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(PortError, match=(
            r"^serial ports need pyserial, which is not installed; "
            r"pip install '\.\[boards\]'$")):
        host.open("P", graph)
