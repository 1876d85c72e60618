"""Bytes 00 after the CRC of a message, which the CRC does not detect: found by the length.

The board is written from the page of the protocol; only bytes to messages is the host's own codec.
"""

import zlib

import numpy as np
import pytest

from xnorloom_boards.errors import LinkError
from xnorloom_boards.link.load_weights import load_weights
from xnorloom_boards.link.protocol import (
    Decoder,
    Hello,
    LoadedLayer,
    Message,
    encode,
    load_payloads,
)
from xnorloom_boards.link.send_frames import send_frames
from xnorloom_boards.link.session import Session

pytestmark = pytest.mark.usefixtures("link_clock")

SIZE = 8
PARTS = load_payloads(np.random.default_rng(1).integers(0, 1 << 16, 600, np.uint16))
LENGTHS = {1: 0, 2: SIZE, 3: 66}


def result(payload):
    return zlib.crc32(payload).to_bytes(4, "little")


def inserted(line):
    return line[:-1] + b"\0" + line[-1:]


def lost(line):
    """Without a 00 that the CRC ends in."""
    return line[:-2] + line[-1:] if line[-2:-1] == b"\0" else line


class Board:
    """Port in memory with a board at its other end.

    ``damage`` goes to messages of the kind ``kind``, either way, until it has changed ``times``.
    """

    timeout = None

    def __init__(self, kind, damage, *, version=2, skip=0, times=1):
        self.kind, self.damage, self.skip, self.left = kind, damage, skip, times
        layers = (LoadedLayer(0, 1, 2), LoadedLayer(3, 2, 9)) if version == 2 else ()
        self.hello = Hello(bytes(8), 8, SIZE, 4, 128, version=version, layers=layers).encode()
        self.loads = version == 2
        self.there, self.line, self.out = [], b"", b""

    @property
    def loaded(self):
        return len(self.there) == len(PARTS)

    def pass_on(self, line):
        body = line.strip(b"\xa5")
        if body[:1] == bytes([self.kind]) and self.left:
            self.skip -= 1
            if self.skip < 0:
                changed = self.damage(line)
                self.left -= changed != line
                return changed
        return line

    def write(self, data):
        *lines, self.line = (self.line + data).split(b"\xa5")
        for line in lines:
            decoder = Decoder(1000)
            for message in decoder.feed(self.pass_on(line + b"\xa5")):
                self.out += self.pass_on(encode(self.answer(message)))
            assert not decoder.faults

    def answer(self, message):
        kind, sequence, payload = message.kind, message.sequence, message.payload
        if len(payload) != LENGTHS[kind]:
            return Message(0xe2, sequence)
        if kind == 1:
            flags = bytes([2 * self.loaded])
            return Message(0x81, sequence, self.hello[:15] + flags + self.hello[16:])
        if kind == 3:
            if int.from_bytes(payload[:2], "little") == len(self.there):
                self.there.append(payload)
            return Message(0x83, sequence, len(self.there).to_bytes(2, "little"))
        if self.loads and not self.loaded:
            return Message(0xe5, sequence)
        return Message(0x82, sequence, result(payload))

    def read(self, size):
        part, self.out = self.out[:size], self.out[size:]
        return part


def session(board, retries=8):
    return Session(board, "P", baud=1_000_000, timeout=0.4, retries=retries)


def classify(board, loads=True):
    """Load, if need be, and send frames; the faults on the way."""
    talk = session(board)
    hello = talk.hello()
    payloads = [np.random.default_rng(number).bytes(SIZE) for number in range(600)]
    if hello.layers and loads:
        load_weights(talk, hello, PARTS)
        assert board.there == PARTS
    found = send_frames(talk, hello, payloads, None, lambda: load_weights(talk, hello, PARTS))
    assert found == [result(payload) for payload in payloads]
    assert board.left == 0
    return talk.faults


@pytest.mark.parametrize("skip", [0, 5, 18])
@pytest.mark.parametrize("kind, damage", [
    (0x02, inserted), (0x82, inserted), (0x02, lost), (0x82, lost), (0x03, inserted),
    (0x83, inserted)])
def test_frames_and_weights(kind, damage, skip):
    """Only what is damaged has to be sent again; for answers, some waiting says which."""
    faults = classify(Board(kind, damage, skip=skip))
    assert (faults.damaged, faults.reported) == ((1, 0) if kind & 0x80 else (0, faults.reported))
    assert kind & 0x80 or faults.reported


@pytest.mark.parametrize("version, skip", [(1, 0), (2, 0), (2, 1)])
def test_hello_reply(version, skip):
    """Damaged ones are no reason to give up, and cost no wait."""
    board = Board(0x81, inserted, version=version, skip=skip)
    faults = classify(board)
    assert (faults.damaged, faults.silences) == (1, 0)


@pytest.mark.parametrize("version, message", [(1, "16 bytes, not 17"), (2, "27 bytes, not 28")])
def test_hello_reply_that_always_is_damaged(version, message):
    board = Board(0x81, inserted, version=version, times=1000)
    with pytest.raises(LinkError, match=(
            rf"^the board on port P describes itself wrongly: Hello must be {message}$")):
        session(board).hello()


def test_hello():
    classify(Board(0x01, inserted))


def test_error():
    faults = classify(Board(0xe5, inserted), loads=False)
    assert faults.reported > 0 and faults.damaged == 0


def test_other_hello_must_come_twice():
    """A wrong reply that does not come twice in a row is damage, and no reason to give up."""
    board = Board(0, inserted)
    odd, asked = iter([b"\x09", b"\x08", b"\x09"]), []

    def answer(message):
        asked.append(message)
        return Message(0x81, message.sequence, next(odd, board.hello))
    board.answer = answer
    assert session(board).hello().version == 2
    assert len(asked) == 4
