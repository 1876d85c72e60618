"""Connection over a real pseudo-terminal, to a model of the board with faults.

The device is written from the page of the protocol, apart from the codec of the host.
"""

import os
import threading
import tty

import numpy as np
import pytest

from xnorloom import folding
from xnorloom.packing import pack_frames
from xnorloom.schedule import Schedule
from xnorloom_boards.errors import LinkError, NoAnswerError, PortError
from xnorloom_boards.link import connection as host
from xnorloom_sim.golden import evaluate

END, ESCAPE = 0xa5, 0x5a


def crc(data):
    register = 0xffff
    for byte in data:
        for place in range(7, -1, -1):
            top = register >> 15 ^ byte >> place & 1
            register = register << 1 & 0xffff ^ (0x1021 if top else 0)
    return register


class Device:
    """Bytes in, bytes out, as the page of the protocol says, for a network that is a table."""

    def __init__(self, graph, schedule, images, *, credits=128, digest=None, version=1):
        self.golden = evaluate(graph, images)
        rows = pack_frames(schedule.bind(graph), images)
        assert schedule.input_width > 4
        self.table = {row.tobytes(): int(label) for row, label in zip(
            rows.reshape(len(images), -1), self.golden.classes)}
        self.hello = bytes([version]) + bytes.fromhex(digest or graph.digest)[:8]
        self.hello += schedule.input_width.to_bytes(2, "little")
        self.hello += schedule.bind(graph).words.to_bytes(2, "little")
        self.hello += bytes([1, credits, 0])
        self.size = len(next(iter(self.table)))
        self.held = bytearray()
        self.frames = 0

    def feed(self, data):
        out = b""
        for byte in data:
            if byte != END:
                self.held.append(byte)
            elif self.held:
                out += self.answer(self.held)
                self.held.clear()
        return out

    def answer(self, stuffed):
        body, escaped = [], False
        for byte in stuffed:
            if byte == ESCAPE and not escaped:
                escaped = True
            else:
                body.append(byte ^ (0x20 if escaped else 0))
                escaped = False
        if escaped or len(body) < 4 or crc(body):
            return self.message(0xe1, 0)
        kind, sequence, payload = body[0], body[1], bytes(body[2:-2])
        if kind not in (1, 2):
            return self.message(0xe3, sequence)
        if len(payload) != (0 if kind == 1 else self.size):
            return self.message(0xe2, sequence)
        if kind == 1:
            return self.message(0x81, sequence, self.hello)
        self.frames += 1
        return self.message(0x82, sequence, bytes([self.table[payload]]))

    def message(self, kind, sequence, payload=b""):
        body = bytes([kind, sequence]) + payload
        body += crc(body).to_bytes(2, "big")
        stuffed = b"".join(bytes([ESCAPE, byte ^ 0x20]) if byte in (END, ESCAPE) else bytes([byte])
                           for byte in body)
        return stuffed + bytes([END])


class Noise:
    """Loses, alters and inserts one byte of ``one_in``, by chance."""

    def __init__(self, seed, one_in):
        self.rng, self.rate = np.random.default_rng(seed), 1 / one_in if one_in else 0
        self.count = 0

    def __call__(self, data):
        out = bytearray()
        hits = self.rng.random(len(data)) < self.rate
        for byte, hit in zip(data, hits):
            if not hit:
                out.append(byte)
                continue
            self.count += 1
            match self.rng.integers(3):
                case 0:
                    out.append(byte ^ 1 << int(self.rng.integers(8)))
                case 1:
                    out += bytes([byte, int(self.rng.integers(256))])
        return bytes(out)


class Terminal:
    """A device on a pseudo-terminal, in a thread; ``name`` is the port. ``unplug`` after frames."""

    def __init__(self, device, *, to_device=lambda data: data, to_host=lambda data: data,
                 unplug=None):
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.name = os.ttyname(slave)
        self.slave, self.device = slave, device
        self.to_device, self.to_host, self.unplug = to_device, to_host, unplug
        self.failure = None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            while data := os.read(self.master, 4096):
                out = self.to_host(self.device.feed(self.to_device(data)))
                if out:
                    os.write(self.master, out)
                if self.unplug is not None and self.device.frames >= self.unplug:
                    break
        except OSError:
            # The other side was closed.
            pass
        finally:
            os.close(self.master)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        os.close(self.slave)
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture(scope="module")
def network(random_graph):
    """A graph, its schedule, and images that differ."""
    rng = np.random.default_rng(7)
    images = rng.integers(0, 256, (1000, 64), np.uint8)
    while True:
        graph = random_graph(rng, (64, 24, 5))
        # No class so often that a wrong one would pass for it.
        if np.bincount(evaluate(graph, images >> 7).classes, minlength=5).max() < 400:
            return graph, Schedule(8, folding.automatic(graph, 16).folds), images


def device(network, **options):
    graph, schedule, images = network
    return Device(graph, schedule, (images >> 7), **options)


@pytest.mark.parametrize("credits", [1, 2, 128, 255])
def test_classify(network, credits):
    graph, _, images = network
    model, calls = device(network, credits=credits), []
    with Terminal(model) as terminal, host.open(terminal.name, graph, timeout=30) as connection:
        assert connection.hello.credits == credits
        count = 1000 if credits > 1 else 50
        classes = connection.classify(images[:count], lambda *call: calls.append(call))
        assert np.array_equal(classes, model.golden.classes[:count])
        assert np.array_equal(connection.classify_frames(images[:9] >> 7), classes[:9])
        assert connection.faults.resent == 0
    assert calls[-1] == (count, count) and calls == sorted(calls)


def test_classify_images_of_another_shape(network):
    model = device(network)
    graph, _, images = network
    with Terminal(model) as terminal, host.open(terminal.name, graph) as connection:
        count, size = 9, graph.input.size
        for shape in ((size,), (1, size), (size, 1)):
            classes = connection.classify(images[:count].reshape(count, *shape))
            assert np.array_equal(classes, model.golden.classes[:count])


def test_classify_nothing(network):
    graph, _, images = network
    with Terminal(device(network)) as terminal, host.open(terminal.name, graph) as connection:
        assert connection.classify(images[:0]).shape == (0,)


@pytest.mark.parametrize("one_in", [1000, 200, 60])
@pytest.mark.parametrize("side", ["to the device", "to the host", "both"])
def test_faults(network, side, one_in):
    graph, _, images = network
    up = Noise(one_in, one_in if side != "to the host" else 0)
    down = Noise(one_in + 1, one_in if side != "to the device" else 0)
    model = device(network)
    with Terminal(model, to_device=up, to_host=down) as terminal:
        with host.open(terminal.name, graph, timeout=0.2, retries=60) as connection:
            classes = connection.classify(images)
            assert np.array_equal(classes, model.golden.classes)
            assert connection.faults.resent > 0 and up.count + down.count > 0


def test_faults_without_end_give_up(network):
    graph, _, images = network

    model = device(network)
    answer = model.answer
    # Each frame loses a byte, and no hello does.
    model.answer = lambda body: answer(body[:4] + body[5:] if body[0] == 2 else body)
    with Terminal(model) as terminal:
        with host.open(terminal.name, graph, timeout=2, retries=3) as connection:
            with pytest.raises(LinkError, match=(
                    r"^frame 0 was sent 4 times to port \S+ without a result; 3 messages sent "
                    r"again, 0 damaged answers, \d+ messages that the board reports as damaged, "
                    r"4 waits in vain$")):
                connection.classify(images[:1])
    assert model.frames == 0


def test_unplugged(network):
    graph, _, images = network
    model = device(network)
    with Terminal(model, unplug=300) as terminal:
        with host.open(terminal.name, graph, timeout=30) as connection:
            with pytest.raises(PortError, match=rf"^port {terminal.name} went away: .+$"):
                connection.classify(images)
    assert model.frames >= 300


def test_board_that_falls_silent(network):
    graph, _, images = network
    model = device(network)

    def mute(data):
        return data if model.frames < 100 else b""

    with Terminal(model, to_host=mute) as terminal:
        with host.open(terminal.name, graph, timeout=1, retries=4) as connection:
            with pytest.raises(NoAnswerError, match=(
                    rf"^no answer on port {terminal.name} at 1000000 baud; is it the right port, "
                    r"its baud rate that of the bitstream, and the board programmed\?$")):
                connection.classify(images)
