"""Messages as bytes: against the page of the protocol, and under every fault of one byte."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorloom_boards.link.protocol import (
    END,
    Decoder,
    Hello,
    LoadedLayer,
    Message,
    encode,
    frame_bytes,
    frame_payloads,
    line_bytes,
)

HELLO = Hello(b"\x01\x23\x45\x67\x89\xab\xcd\xef", 16, 49, 1, 128)
MESSAGES = st.builds(Message, st.integers(0, 255), st.integers(0, 255),
                     st.binary(max_size=20) | st.lists(st.sampled_from(b"\xa5\x5a\x85\x7a\x00"),
                                                       max_size=20).map(bytes))


def crc(data):
    """The CRC bit by bit, as its definition says."""
    register = 0xffff
    for byte in data:
        for place in range(7, -1, -1):
            top = register >> 15 ^ byte >> place & 1
            register = register << 1 & 0xffff ^ (0x1021 if top else 0)
    return register


def reference(message):
    """The bytes of a message, byte by byte as the page says."""
    body = [message.kind, message.sequence, *message.payload]
    body += divmod(crc(body), 256)
    stuffed = []
    for byte in body:
        stuffed += [0x5a, byte ^ 0x20] if byte in (0x5a, 0xa5) else [byte]
    return bytes([*stuffed, 0xa5])


def test_crc_of_the_page():
    assert crc(b"123456789") == 0x29b1
    assert encode(Message(0x31, 0x32, b"3456789")) == b"123456789\x29\xb1\xa5"


def test_stuffing_of_the_page():
    assert encode(Message(0x02, 0xa5, b"\x5a")).startswith(b"\x02\x5a\x85\x5a\x7a")


@given(MESSAGES)
def test_encode(message):
    assert encode(message) == reference(message)


@given(MESSAGES)
def test_line_bytes(message):
    """All but the second byte of each pair that stuffing makes."""
    line = encode(message)
    assert line_bytes(len(message.payload)) == len(line) - line.count(0x5a)


@given(st.lists(MESSAGES, max_size=5), st.data())
def test_decoder_in_pieces(messages, data):
    line = b"".join(map(encode, messages))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(line)), max_size=8)))
    decoder, found = Decoder(20), []
    for low, high in zip([0, *cuts], [*cuts, len(line)]):
        found += decoder.feed(line[low:high])
    assert (found, decoder.faults) == (messages, 0)


@given(st.binary(max_size=60), MESSAGES)
def test_decoder_after_garbage(garbage, message):
    # An end ends the garbage, which is a message only if its CRC says so.
    decoder = Decoder(20)
    assert decoder.feed(garbage + bytes([END]) + encode(message))[-1] == message


def one_fault(line, what, place, byte):
    """The line with a byte lost, inserted or altered."""
    inserted = b"" if what == "lost" else bytes([byte])
    return line[:place] + inserted + line[place + (what != "inserted"):]


@given(MESSAGES, st.sampled_from(["lost", "inserted", "altered"]), st.integers(0, 255), st.data())
def test_decoder_one_fault(message, what, byte, data):
    line = encode(message)
    place = data.draw(st.integers(0, len(line) - 1))
    faulty = one_fault(line, what, place, byte)
    # The next end makes the rest of a message without its end a message of its own.
    found = Decoder(30).feed(faulty + bytes([END]))
    if faulty.strip(bytes([END])) == line.strip(bytes([END])):
        assert found == [message]
    else:
        assert all(other.kind != message.kind or len(other.payload) != len(message.payload)
                   for other in found)


@pytest.mark.parametrize("line", [
    b"", b"\xa5", b"\xa5\xa5\xa5", b"\x01\x02\x03", b"\x5a",
], ids=lambda line: line.hex() or "nothing")
def test_decoder_no_message_and_no_fault(line):
    decoder = Decoder(20)
    assert (decoder.feed(line), decoder.faults) == ([], 0)


@pytest.mark.parametrize("line", [
    b"\x01\xa5", b"\xff\xff\xa5", b"\x5a\xa5", b"\x01\x02\x00\x00\xa5",
    encode(Message(1, 2))[:-1] + b"\x5a\xa5", encode(Message(1, 2))[1:], bytes(10_000) + b"\xa5",
    encode(Message(1, 2, bytes(100))),
], ids=lambda line: line[:12].hex())
def test_decoder_fault(line):
    decoder = Decoder(20)
    assert (decoder.feed(line), decoder.faults) == ([], 1)
    assert decoder.feed(encode(Message(3, 4))) == [Message(3, 4)]


@pytest.mark.parametrize("longest", [1, 20])
def test_decoder_bytes_of_the_longest_message(longest):
    """Payload, kind, sequence number and CRC, all of them stuffed; and not one byte more."""
    most = 2 * (longest + 4)
    for size, faults in ((most - 4, 0), (most - 3, 1)):
        decoder, message = Decoder(longest), Message(1, 2, bytes(size))
        assert len(encode(message)) == size + 4 + 1
        assert decoder.feed(encode(message)) == ([message] if not faults else [])
        assert decoder.faults == faults


def test_decoder_keeps_little_of_endless_garbage():
    decoder = Decoder(20)
    for _ in range(1000):
        decoder.feed(bytes(1000))
    assert sum(len(part) for part in vars(decoder).values() if isinstance(part, bytearray)) < 100


# Hello


def test_hello_of_the_page():
    payload = bytes([1, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 16, 0, 49, 0, 1, 128, 0])
    assert HELLO.encode() == payload
    assert Hello.decode(payload) == HELLO
    assert HELLO.frame_bytes == 98


def test_hello_large():
    hello = Hello(bytes(8), 784, 300, 26, 1, True, 7)
    assert hello.encode()[9:] == bytes([784 & 255, 3, 300 & 255, 1, 26, 1, 1])
    assert Hello.decode(hello.encode()) == hello


def test_hello_board():
    """The number of the board is in the six upper bits of the flags, of either version."""
    for layers, version, size in ((), 1, 16), ((LoadedLayer(0, 1, 2),), 2, 22):
        for flags in range(256):
            hello = Hello(bytes(8), 1, 1, 1, 1, bool(flags & 1), version, layers,
                          bool(flags & 2) and version == 2, flags >> 2)
            payload = hello.encode()
            assert len(payload) == size
            assert payload[15] == (flags if version == 2 else flags & ~2)
            assert Hello.decode(payload) == hello


@pytest.mark.parametrize("change", [
    dict(board=63), dict(input_width=65535), dict(words=65535), dict(result_bytes=255),
    dict(credits=255), dict(version=255),
    dict(version=2, layers=(LoadedLayer(255, 65535, 65535),), loaded=True),
    dict(version=2, layers=tuple(LoadedLayer(index, 1, 1) for index in range(47)))], ids=repr)
def test_largest_hello(change):
    values = dict(digest=bytes(8), input_width=1, words=1, result_bytes=1, credits=1)
    hello = Hello(**values | change)
    assert Hello.decode(hello.encode()) == hello


@pytest.mark.parametrize("change, message", [
    (dict(layers=tuple(LoadedLayer(index, 1, 1) for index in range(48))),
     r"Hello layers must be at most 47, not 48"),
    (dict(version=256), r"Hello version must be in 0 to 255, not 256"),
    (dict(credits=256), r"Hello credits must be in 1 to 255, not 256"),
    (dict(layers=(LoadedLayer(256, 1, 1),)), r"Hello layer index must be in 0 to 255, not 256"),
    (dict(layers=(LoadedLayer(0, 0, 1),)), r"Hello layer pe must be in 1 to 65535, not 0"),
    (dict(layers=(LoadedLayer(0, 1, 65536),)), r"Hello layer simd must be in 1 to 65535, .*"),
    (dict(board=64), r"Hello board must be in 0 to 63, not 64"),
    (dict(layers=(LoadedLayer(1, 1, 1), LoadedLayer(0, 1, 1), LoadedLayer(1, 2, 2))),
     r"Hello layers must be different ones, not layer 1 twice"),
    (dict(digest=b"1234567"), r"Hello digest must be 8 bytes, not b'1234567'"),
    (dict(input_width=0), r"Hello input_width must be in 1 to 65535, not 0"),
    (dict(words=65536), r"Hello words must be in 1 to 65535, not 65536"),
    (dict(result_bytes=256), r"Hello result_bytes must be in 1 to 255, not 256"),
    (dict(credits=0), r"Hello credits must be in 1 to 255, not 0"),
])
def test_hello_wrong(change, message):
    values = dict(digest=bytes(8), input_width=1, words=1, result_bytes=1, credits=1)
    with pytest.raises(ValueError, match=f"^{message}$"):
        Hello(**values | change)


def test_hello_of_another_length():
    with pytest.raises(ValueError, match=r"^Hello must be 16 bytes, not 15$"):
        Hello.decode(bytes(15))


# Payloads of frames


@pytest.mark.parametrize("width, words, size", [
    (1, 9, 2), (2, 9, 3), (3, 9, 5), (4, 9, 5), (5, 9, 9), (8, 9, 9), (9, 9, 18), (16, 9, 18),
    (17, 9, 27), (784, 1, 98),
])
def test_frame_payloads(width, words, size):
    assert frame_bytes(words, width) == size
    rng = np.random.default_rng(width)
    numbers = [[int.from_bytes(rng.bytes(100), "little") % (1 << width) for _ in range(words)]
               for _ in range(3)]
    rows = np.array([list(number.to_bytes(-(-width // 8), "little"))
                     for frame in numbers for number in frame], np.uint8)
    payloads = frame_payloads(rows, Hello(bytes(8), width, words, 1, 1))
    together = max(1, 8 // width)
    for payload, frame in zip(payloads, numbers, strict=True):
        assert len(payload) == size
        value = 0
        for index, number in enumerate(frame):
            byte, place = divmod(index, together)
            value |= number << (8 * -(-width // 8) * byte + width * place)
        assert int.from_bytes(payload, "little") == value
