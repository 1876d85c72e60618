"""Calls interrupted with frames or weights in flight, and the next call on the same port.

The board is written from the page of the protocol; only bytes to messages is the host's own codec.
"""

from collections import deque

import numpy as np
import pytest

from xnorloom.packing import load_words, pack_frames
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards.link import connection as host
from xnorloom_boards.link.protocol import Decoder, Message, encode
from xnorloom_sim.golden import evaluate

pytestmark = pytest.mark.usefixtures("link_clock")

FOLDS = Fold(1, 2, "spram", 1), Fold(1, 4, "lut"), Fold(2, 3, "spram")
SCHEDULE = Schedule(8, FOLDS)
COUNT = 400
BAUD = 3_000_000


class Stop(Exception):
    """Raised where a call shall end."""


class Board:
    """Port in memory with a board at its other end, whose answers can be read ``lag`` reads later.

    ``stop`` is the number of writes or reads after which the next one is broken off: half of what
    is to be written has gone out then, and nothing was read.
    """

    timeout = None

    def __init__(self, graph, frames, *, version, credits, lag):
        rows = pack_frames(SCHEDULE.bind(graph), frames).reshape(len(frames), -1)
        self.table = {row.tobytes(): int(label)
                      for row, label in zip(rows, evaluate(graph, frames).classes)}
        octets = load_words(SCHEDULE.bind(graph)).astype("<u2").tobytes()
        self.parts = [octets[at:at + 64].ljust(64, b"\0") for at in range(0, len(octets), 64)]
        self.head = bytes([version]) + bytes.fromhex(graph.digest)[:8]
        self.head += bytes([8, 0, SCHEDULE.bind(graph).words, 0, 1, credits])
        self.version, self.lag, self.stop = version, lag, {}
        self.decoder, self.lines, self.reads = Decoder(1000), deque(), 0
        self.there, self.loads = [], 0

    @property
    def loaded(self):
        return len(self.there) == len(self.parts)

    def due(self, what):
        if what not in self.stop:
            return False
        self.stop[what] -= 1
        if self.stop[what] >= 0:
            return False
        del self.stop[what]
        return True

    def write(self, data):
        broken = self.due("write")
        for message in self.decoder.feed(bytes(data[:len(data) // 2] if broken else data)):
            self.lines.append((self.reads + self.lag, encode(self.answer(message))))
        if broken:
            raise KeyboardInterrupt

    def answer(self, message):
        kind, sequence, payload = message.kind, message.sequence, message.payload
        if kind == 1:
            layers = b"\x02" + bytes([0, 1, 0, 2, 0, 2, 2, 0, 3, 0])
            flags = bytes([2 * self.loaded]) + layers if self.version == 2 else b"\0"
            return Message(0x81, sequence, self.head + flags)
        if kind == 3:
            self.loads += 1
            if int.from_bytes(payload[:2], "little") == len(self.there) and not self.loaded:
                self.there.append(payload[2:])
            if self.loaded and self.there != self.parts:
                self.there = []
            return Message(0x83, sequence, len(self.there).to_bytes(2, "little"))
        if self.version == 2 and not self.loaded:
            return Message(0xe5, sequence)
        return Message(0x82, sequence, bytes([self.table[payload]]))

    def read(self, size):
        if self.due("read"):
            raise KeyboardInterrupt
        self.reads += 1
        part = b""
        while self.lines and self.lines[0][0] < self.reads and len(part) < size:
            at, line = self.lines.popleft()
            part += line
            if len(part) > size:
                self.lines.appendleft((at, part[size:]))
                part = part[:size]
        return part


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(5).integers(0, 2, (4 * COUNT, 60))


@pytest.fixture(scope="module")
def graph(random_graph, frames):
    rng = np.random.default_rng(4)
    while True:
        graph = random_graph(rng, (60, 20, 9, 5))
        # No class so often that a wrong one would pass for it.
        if np.bincount(evaluate(graph, frames).classes, minlength=5).max() < 2 * COUNT:
            return graph


@pytest.fixture(scope="module")
def calls(graph, frames):
    """Frames for call after call, and their classes."""
    parts = frames.reshape(4, COUNT, 60)
    return [(part, evaluate(graph, part).classes) for part in parts]


def connect(graph, calls, **options):
    board = Board(graph, np.concatenate([frames for frames, _ in calls]),
                  **dict(version=1, credits=128, lag=30) | options)
    return board, host.Connection(board, graph, baud=BAUD, timeout=0.4)


def check(connection, call):
    frames, classes = call
    assert np.array_equal(connection.classify_frames(frames), classes)


@pytest.mark.parametrize("lag", [0, 30])
@pytest.mark.parametrize("what", ["read", "write"])
@pytest.mark.parametrize("credits, stops", [
    (255, [0]), (255, [1]), (255, [5, 5]), (128, [0, 0]), (128, [1, 0]), (128, [40, 3, 1]),
], ids=str)
def test_broken_off(graph, calls, credits, stops, what, lag):
    """Results that come too late are those of no frame of the next call."""
    board, connection = connect(graph, calls, credits=credits, lag=lag)
    for stop, (frames, _) in zip(stops, calls):
        board.stop = {what: stop}
        try:
            connection.classify_frames(frames)
        except KeyboardInterrupt:
            assert not board.stop
        board.stop = {}
    for call in calls:
        check(connection, call)


@pytest.mark.parametrize("credits, times", [(255, 1), (128, 2)])
def test_progress_that_raises(graph, calls, credits, times):
    def progress(done, count):
        raise Stop
    _, connection = connect(graph, calls, credits=credits)
    for frames, _ in calls[:times]:
        with pytest.raises(Stop):
            connection.classify_frames(frames, progress)
    check(connection, calls[-1])


@pytest.mark.parametrize("stop", [{"write": 0}, {"read": 0}, {"read": 7}], ids=str)
def test_border_that_is_broken_off(graph, calls, stop):
    """Nor does the hello between the two calls count before its reply is there."""
    board, connection = connect(graph, calls, credits=255)
    board.stop = {"read": 0}
    with pytest.raises(KeyboardInterrupt):
        connection.classify_frames(calls[0][0])
    for _ in range(3):
        board.stop = dict(stop)
        with pytest.raises(KeyboardInterrupt):
            connection.classify_frames(calls[1][0])
        assert not board.stop
    check(connection, calls[2])


def test_no_border_without_need(graph, calls):
    board, connection = connect(graph, calls)
    asked, answer = [], board.answer

    def count(message):
        asked.append(message.kind == 1)
        return answer(message)
    board.answer = count
    check(connection, calls[0])
    check(connection, calls[1])
    assert len(asked) == 2 * COUNT and sum(asked) == 0


@pytest.mark.parametrize("lost", [False, True], ids=["kept", "lost"])
def test_weights_between_the_calls(graph, calls, lost):
    """A board that has lost its weights since is loaded before the first frame."""
    board, connection = connect(graph, calls, version=2, credits=255)
    board.stop = {"read": 0}
    with pytest.raises(KeyboardInterrupt):
        connection.classify_frames(calls[0][0])
    before = board.loads
    if lost:
        board.there = []
    check(connection, calls[1])
    assert board.loads - before == lost * len(board.parts)
    assert connection.faults.reported == 0


@pytest.mark.parametrize("stop", [{"read": 10}, {"read": 20}, {"write": 1}], ids=str)
def test_loading_that_is_broken_off(graph, calls, stop):
    board, connection = connect(graph, calls, version=2, credits=255, lag=4)
    board.there = []
    board.stop = dict(stop)
    with pytest.raises(KeyboardInterrupt):
        connection.classify_frames(calls[0][0])
    assert not board.stop and not board.loaded
    check(connection, calls[1])
    assert board.loaded
