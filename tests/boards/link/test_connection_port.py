"""The host with serial ports that are slow, take nothing, or cannot be set."""

import errno
import os
import termios
import threading
import time
import tty

import numpy as np
import pytest
import serial

from xnorloom.packing import pack_frames
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards.errors import PortError
from xnorloom_boards.link import connection as host
from xnorloom_boards.link.port import open_port
from xnorloom_boards.link.protocol import Decoder, Hello, Message, encode
from xnorloom_boards.link.session import Faults, Session
from xnorloom_sim.golden import evaluate

INPUTS = 20_000


@pytest.fixture(scope="module")
def graph(random_graph):
    return random_graph(np.random.default_rng(3), (INPUTS, 2, 3))


class SlowPort:
    """Port in memory with a board at its other end, that accepts ``baud`` without a fault.

    Bytes that it has to take longer than ``write_timeout`` for are refused, as pyserial does.
    """

    timeout = None

    def __init__(self, graph, frames, baud, write_timeout):
        plan = Schedule(1, (Fold(1, 1, "block"), Fold(1, 1, "block"))).bind(graph)
        rows = pack_frames(plan, frames).reshape(len(frames), -1)
        # Eight words of a bit in a byte.
        self.table = {np.packbits(row, bitorder="little").tobytes(): int(label)
                      for row, label in zip(rows, evaluate(graph, frames).classes)}
        self.hello = Hello(bytes.fromhex(graph.digest)[:8], 1, INPUTS, 1, 2)
        self.most, self.decoder, self.out = int(baud / 10 * write_timeout), Decoder(1 << 16), b""

    def write(self, data):
        if len(data) > self.most:
            raise serial.SerialTimeoutException("Write timeout")
        for message in self.decoder.feed(bytes(data)):
            if message.kind == 1:
                self.out += encode(Message(0x81, message.sequence, self.hello.encode()))
            else:
                label = self.table[message.payload]
                self.out += encode(Message(0x82, message.sequence, bytes([label])))

    def read(self, size):
        part, self.out = self.out[:size], self.out[size:]
        return part


@pytest.mark.parametrize("baud", [300, 9600, 19_200])
def test_large_frames_on_a_slow_line(graph, baud):
    """A part of them goes at a time, well within the write timeout."""
    frames = np.random.default_rng(baud).integers(0, 2, (5, INPUTS))
    port = SlowPort(graph, frames, baud, write_timeout=0.5)
    with host.Connection(port, graph, baud=baud, timeout=30) as connection:
        assert np.array_equal(connection.classify_frames(frames), evaluate(graph, frames).classes)
        assert connection.faults.silences == 0


@pytest.mark.parametrize("baud, most", [(300, 7), (39, 1), (1, 1), (1_000_000, 25_000)])
def test_writes_in_parts_of_a_quarter_second(baud, most):
    """Each byte once and in order, at ten bits a byte."""
    class Port:
        timeout = None

        def write(self, data):
            self.parts.append(bytes(data))

    port, data = Port(), bytes(range(256)) * 200
    port.parts = []
    Session(port, "P", baud=baud, timeout=1.0, retries=1).write(data)
    assert b"".join(port.parts) == data
    assert {len(part) for part in port.parts[:-1]} == {most} and len(port.parts[-1]) <= most


@pytest.fixture
def terminal():
    """Both ends of a pseudo-terminal without a board."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_port_that_takes_no_bytes(terminal):
    _, name = terminal
    with open_port(name, 1_000_000, write_timeout=0.05) as port:
        session = Session(port, name, baud=1_000_000, timeout=0.1, retries=1)
        with pytest.raises(PortError, match=f"^port {name} takes no bytes: Write timeout$"):
            session.write(bytes(1_000_000))


def test_port_that_takes_bytes_slowly(terminal):
    """All of them arrive, though together they take longer than the write timeout."""
    master, name = terminal
    data, taken = np.random.default_rng(1).bytes(60_000), bytearray()

    def drain():
        while len(taken) < len(data):
            taken.extend(os.read(master, 2000))
            time.sleep(0.1)
    with open_port(name, 50_000, write_timeout=2.0) as port:
        thread = threading.Thread(target=drain, daemon=True)
        thread.start()
        Session(port, name, baud=50_000, timeout=1.0, retries=1).write(data)
        thread.join(30)
    assert taken == data


@pytest.mark.parametrize("error, message", [
    (TimeoutError("late"), "takes no bytes: late"), (OSError(5, "gone"), r"went away: .* gone"),
    (serial.SerialException("a\nb"), "went away: a"), (OSError(), "went away: OSError"),
], ids=["late", "gone", "two lines", "no text"])
def test_write_that_fails(error, message):
    class Port:
        timeout = None

        def read(self, size):
            return b""

        def write(self, data):
            raise error
    with pytest.raises(PortError, match=f"^port given {message}$"):
        host.Connection(Port())


@pytest.mark.parametrize("error", [serial.SerialException("no such setting"),
                                   OSError("no such setting")])
def test_port_that_cannot_be_set(terminal, monkeypatch, error):
    """Closed again, and no other error than that of a port."""
    def refuse(self, seconds):
        raise error
    monkeypatch.setattr(serial.Serial, "timeout", property(lambda self: 1, refuse), raising=True)
    opened = []
    monkeypatch.setattr(serial.Serial, "__init__", lambda self, *args, **options: None)
    monkeypatch.setattr(serial.Serial, "close", lambda self: opened.append(self))
    _, name = terminal
    with pytest.raises(PortError, match=f"^port {name} went away: no such setting$"):
        host.open(name)
    assert len(opened) == 1


@pytest.mark.parametrize("baud", [2**31, 2**63, 10**30])
def test_rate_that_no_port_can_have(terminal, baud):
    _, name = terminal
    for _ in range(2):
        with pytest.raises(PortError, match=f"^port {name} cannot have the baud rate {baud}$"):
            host.open(name, baud=baud)


@pytest.mark.parametrize("error, message", [
    (termios.error(errno.EINVAL, "Invalid argument"), "cannot have the baud rate 1000000"),
    (termios.error(errno.EIO, "Input/output error"),
     "is no serial port that can be used: Input/output error"),
    (OverflowError("too large"), "cannot have the baud rate 1000000"),
], ids=["rate", "gone", "too large"])
def test_errors_of_a_terminal(terminal, monkeypatch, error, message):
    def refuse(*given):
        raise error
    _, name = terminal
    monkeypatch.setattr(termios, "tcsetattr", refuse)
    with pytest.raises(PortError, match=f"^port {name} {message}$"):
        host.open(name)


def test_terminal_that_goes_away():
    class Port:
        timeout = property(None, lambda self, seconds: refuse())

        def read(self, size):
            return b""

        def write(self, data):
            pass

    def refuse():
        raise termios.error(errno.EIO, "Input/output error")
    with pytest.raises(PortError, match=r"^port given went away: .*Input/output error.*$"):
        host.Connection(Port())


def test_calls_of_several_threads(graph):
    """They are done one after another, each with its own results."""
    class Slow(SlowPort):
        def read(self, size):
            # So that others have their turn meanwhile.
            time.sleep(0.001)
            return super().read(size)
    frames = np.random.default_rng(5).integers(0, 2, (12, INPUTS))
    wanted = evaluate(graph, frames).classes
    port, results = Slow(graph, frames, 10_000_000, write_timeout=5), {}
    with host.Connection(port, graph, baud=10_000_000, timeout=30) as connection:
        def work(first):
            results[first] = connection.classify_frames(frames[first:first + 3])
        threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 12, 3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert connection.faults == Faults()
    assert np.array_equal(np.concatenate([results[first] for first in range(0, 12, 3)]), wanted)
