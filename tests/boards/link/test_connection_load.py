"""The host with a board that must be loaded, and with one that loses its weights in between.

The board is written from the page of the protocol; only bytes to messages is the host's own codec.
"""

import numpy as np
import pytest

from xnorloom.packing import load_words, pack_frames
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards.errors import LinkError, WrongBitstreamError
from xnorloom_boards.link import connection as host
from xnorloom_boards.link import session
from xnorloom_boards.link.protocol import Decoder, Message, encode
from xnorloom_sim.golden import evaluate

pytestmark = pytest.mark.usefixtures("link_clock")

SCHEDULE = Schedule(8, (Fold(1, 2, "spram", 1), Fold(1, 4, "lut"), Fold(2, 3, "spram")))
COUNT = 300


@pytest.fixture(scope="module")
def graph(random_graph):
    return random_graph(np.random.default_rng(4), (60, 20, 9, 5))


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(5).integers(0, 2, (COUNT, 60))


class Board:
    """Port in memory with a board with SPRAM at its other end."""

    timeout = None

    def __init__(self, graph, frames, *, noise=lambda data: data, resets=(), wrong=0,
                 layers=((0, 1, 2), (2, 2, 3)), after=None):
        rows = pack_frames(SCHEDULE.bind(graph), frames).reshape(len(frames), -1)
        self.table = {row.tobytes(): int(label)
                      for row, label in zip(rows, evaluate(graph, frames).classes)}
        words = load_words(SCHEDULE.bind(graph))
        octets = words.astype("<u2").tobytes()
        self.parts = [octets[at:at + 64].ljust(64, b"\0") for at in range(0, len(octets), 64)]
        self.head = bytes([2]) + bytes.fromhex(graph.digest)[:8]
        self.head += bytes([8, 0, SCHEDULE.bind(graph).words, 0, 1, 128])
        self.layers = bytes([len(layers)]) + b"".join(
            bytes([index, pe, 0, simd, 0]) for index, pe, simd in layers)
        self.noise, self.resets, self.wrong, self.after = noise, list(resets), wrong, after
        self.decoder, self.out = Decoder(1000), bytearray()
        self.there, self.messages, self.loads, self.frames = [], 0, 0, 0

    @property
    def loaded(self):
        return len(self.there) == len(self.parts)

    def write(self, data):
        before = self.decoder.faults
        for message in self.decoder.feed(self.noise(bytes(data))):
            self.messages += 1
            if self.resets and self.messages >= self.resets[0]:
                # Nothing is known any more, and what came in is gone.
                del self.resets[0]
                self.there = []
                if self.after:
                    self.head = self.after
                return
            self.out += self.noise(encode(self.answer(message)))
        for _ in range(self.decoder.faults - before):
            self.out += encode(Message(0xe1, 0))

    def answer(self, message):
        kind, sequence, payload = message.kind, message.sequence, message.payload
        if kind == 1:
            return Message(0x81, sequence, self.head + bytes([2 * self.loaded]) + self.layers)
        if kind == 3:
            assert len(payload) == 66
            self.loads += 1
            if int.from_bytes(payload[:2], "little") == len(self.there) and not self.loaded:
                self.there.append(payload[2:])
            if self.loaded and (self.wrong or self.there != self.parts):
                self.wrong, self.there = self.wrong - 1, []
            return Message(0x83, sequence, len(self.there).to_bytes(2, "little"))
        assert kind == 2
        if not self.loaded:
            return Message(0xe5, sequence)
        self.frames += 1
        return Message(0x82, sequence, bytes([self.table[payload]]))

    def read(self, size):
        part, self.out = self.out[:size], self.out[size:]
        return bytes(part)


class Noise:
    """Alters, loses or inserts one byte of ``one_in``, by chance."""

    def __init__(self, seed, one_in):
        self.rng, self.rate, self.count = np.random.default_rng(seed), 1 / one_in, 0

    def __call__(self, data):
        out = bytearray()
        for byte, dice in zip(data, self.rng.random(len(data))):
            self.count += dice < self.rate
            if dice >= self.rate:
                out.append(byte)
            elif dice < self.rate / 3:
                out.append(byte ^ 1 << int(self.rng.integers(8)))
            elif dice < self.rate * 2 / 3:
                out += bytes([byte, int(self.rng.integers(256))])
        return bytes(out)


def check(board, graph, frames, **options):
    with host.Connection(board, graph, timeout=0.2, **options) as connection:
        found = connection.classify_frames(frames)
        assert np.array_equal(found, evaluate(graph, frames).classes)
        return connection


def test_loads_once(graph, frames):
    board, calls = Board(graph, frames), []
    connection = check(board, graph, frames, loading=lambda *call: calls.append(call))
    count = len(board.parts)
    assert count > 15 and board.loads == count and board.frames == COUNT
    assert connection.hello.loaded and connection.hello.version == 2
    assert calls[-1] == (count, count) and calls == sorted(calls)
    assert connection.faults.resent == connection.faults.silences == 0
    # What is there is not loaded again.
    check(board, graph, frames)
    assert board.loads == count


def test_goes_on_where_another_stopped(graph, frames):
    board = Board(graph, frames)
    board.there = board.parts[:9]
    connection = check(board, graph, frames)
    assert connection.faults.silences == 0


def test_only_asked(graph, frames):
    board = Board(graph, frames)
    with host.Connection(board) as connection:
        assert not connection.hello.loaded
        assert connection.hello.layers == ((0, 1, 2), (2, 2, 3))
    assert board.loads == 0


@pytest.mark.parametrize("one_in", [1000, 300])
@pytest.mark.parametrize("seed", range(3))
def test_noise(graph, frames, seed, one_in):
    noise = Noise(seed, one_in)
    board = Board(graph, frames, noise=noise)
    connection = check(board, graph, frames, retries=60)
    assert noise.count > 5
    assert connection.faults.resent > 0


@pytest.mark.parametrize("resets", [(5,), (2, 9), (19, 20), (30,), (100, 150, 200)],
                         ids=["loading", "twice", "last part", "frames", "again and again"])
def test_reset(graph, frames, resets):
    """Loaded again, and no result is missing or wrong."""
    board = Board(graph, frames, resets=resets)
    connection = check(board, graph, frames)
    assert not board.resets and board.loads > len(board.parts)
    assert connection.faults.resent > 0


def test_reset_after_the_last_weights(graph, frames):
    """The board has said that it has them all, and forgets them before it is asked again."""
    count = len(Board(graph, frames).parts)
    board = Board(graph, frames, resets=(1 + count + 1,))
    connection = check(board, graph, frames)
    assert board.loads == connection.faults.resent + count == 2 * count


def test_another_board_after_the_reset(graph, frames):
    for at in (8, 100):
        board = Board(graph, frames, resets=(at,))
        board.after = board.head[:1] + bytes(8) + board.head[9:]
        with pytest.raises(WrongBitstreamError, match=(
                r"^another board, or bitstream, answers on port given than at first$")):
            check(board, graph, frames)


def test_weights_that_never_are_right(graph, frames):
    board = Board(graph, frames, wrong=1)
    check(board, graph, frames)
    assert board.loads == 2 * len(board.parts)
    board = Board(graph, frames, wrong=1000)
    with pytest.raises(LinkError, match=(
            rf"^weights were sent 4 times to port given and did not arrive, 0 of "
            rf"{len(board.parts)} messages at last; ")):
        check(board, graph, frames, retries=3)
    assert board.frames == 0


def test_board_that_takes_no_weights(graph, frames):
    board = Board(graph, frames)
    answer = board.answer
    board.answer = lambda message: (answer(message) if message.kind != 3
                                    else Message(0xe3, message.sequence))
    with pytest.raises(LinkError, match=r"^weights were sent 3 times to port given and did not "
                                        r"arrive, 0 of \d+ messages at last; "):
        check(board, graph, frames, retries=2)


class Slow(Board):
    """Answers weights when ``pause`` seconds have passed without a byte."""

    def __init__(self, *arguments, pause, **options):
        super().__init__(*arguments, **options)
        self.pause, self.until = pause, 0.0

    def answer(self, message):
        if message.kind == 3:
            self.until = session.time.monotonic() + self.pause
        return super().answer(message)

    def read(self, size):
        return b"" if session.time.monotonic() < self.until else super().read(size)


def test_slow_answers_are_no_silences(graph, frames):
    """An answer within the timeout is waited for, without a sign of a loss."""
    board = Slow(graph, frames, pause=0.65)
    with host.Connection(board, graph, timeout=0.6) as connection:
        assert (connection.faults.silences, connection.faults.resent) == (0, 0)
    assert board.loads == len(board.parts)


@pytest.mark.parametrize("kind", ["damaged", "reported"])
def test_signs_of_a_loss_shorten_the_wait(graph, frames, kind):
    """After damage to the last message or its answer, a new try comes soon."""
    board = Board(graph, frames)
    lost, answer = [len(board.parts) - 1], board.answer

    def first_time_damaged(message):
        if message.kind == 3 and board.loads in lost:
            lost.clear()
            return Message(0x83, message.sequence, b"\0") if kind == "damaged" else (
                Message(0xe1, 0))
        return answer(message)

    board.answer = first_time_damaged
    began = session.time.monotonic()
    with host.Connection(board, graph, timeout=1000) as connection:
        assert connection.hello.loaded
        assert connection.faults.silences == 1
        assert getattr(connection.faults, kind) > 0
    assert session.time.monotonic() - began < 10


@pytest.mark.parametrize("layers, message", [
    (((3, 1, 2),), r"layer 3 for 1 neurons and 2 synapses"),
    (((0, 21, 2),), r"layer 0 for 21 neurons and 2 synapses"),
    (((0, 1, 2), (1, 1, 21)), r"layer 1 for 1 neurons and 21 synapses"),
])
def test_other_layers(graph, frames, layers, message):
    board = Board(graph, frames, layers=layers)
    with pytest.raises(LinkError, match=(
            rf"^the board on port given wants weights of {message} at once, which random does not "
            rf"have$")):
        host.Connection(board, graph)
    assert board.loads == 0


def test_more_messages_than_there_are(graph, frames):
    board = Board(graph, frames)
    answer = board.answer
    board.answer = lambda message: (answer(message) if message.kind != 3
                                    else Message(0x83, message.sequence, b"\x00\x01"))
    with pytest.raises(LinkError, match=(
            rf"^the board on port given says that it has 256 messages with weights, but there are "
            rf"{len(board.parts)}$")):
        host.Connection(board, graph)
