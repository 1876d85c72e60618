"""Messages of the serial protocol, encoded and decoded by the host; see docs/protocol.md.

A message is kind, sequence number, payload and CRC, stuffed so that they hold no ``END``, and then
``END``.
"""

import binascii
import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from xnorloom.graph import Graph
from xnorloom.packing import result_width
from xnorloom.support.arguments import integer

__all__ = ["CRC_INIT", "END", "ERROR_KIND", "ESCAPE", "FLIP", "FRAME", "HELLO", "HELLO_BYTES",
           "HELLO_REPLY", "LINE_BITS", "LOAD", "LOADED", "LOAD_BYTES", "LOAD_VERSION", "LOAD_WORDS",
           "MOST_LOADS", "MOST_RESULT_BYTES", "MOST_WORDS", "RESULT", "UNLOADED", "VERSION",
           "Decoder", "Hello", "LoadedLayer", "Message", "encode", "frame_bytes", "frame_payloads",
           "line_bytes", "load_payloads", "result_bytes", "stuffed_bytes", "words_per_byte"]

# Versions of boards that are loaded with weights, and of all others.
LOAD_VERSION, VERSION = 2, 1
END, ESCAPE, FLIP = 0xa5, 0x5a, 0x20
CRC_INIT = 0xffff

HELLO, FRAME, LOAD = 0x01, 0x02, 0x03
HELLO_REPLY, RESULT, LOADED = 0x81, 0x82, 0x83
ERROR_KIND, UNLOADED = 0xe0, 0xe5

HELLO_BYTES = 16
# Words of a frame and bytes of a result that a hello reply can state.
MOST_WORDS, MOST_RESULT_BYTES = 0xffff, 0xff
# Bits of a byte on the line: start bit, eight data bits, stop bit.
LINE_BITS = 10
# Number of a board in the upper bits of the flags of a hello reply.
_BOARD_BIT, _MOST_BOARDS = 2, 63
# Words of weights in a message, and bytes of its payload, which begins with its number.
LOAD_WORDS = 32
LOAD_BYTES = 2 + 2 * LOAD_WORDS
# Messages with weights that can be counted.
MOST_LOADS = 0xffff
_MOST_LAYERS = 47
# Bytes of kind, sequence number and CRC.
_OVERHEAD = 4
_STUFFED = {byte: bytes([ESCAPE, byte ^ FLIP]) for byte in (ESCAPE, END)}
_PAIR = re.compile(re.escape(bytes([ESCAPE])) + b".", re.DOTALL)


@dataclass(frozen=True)
class Message:
    """Message without CRC, stuffing and ``END``."""

    kind: int
    sequence: int
    payload: bytes = b""


class LoadedLayer(NamedTuple):
    """Layer whose weights are loaded: its index in the graph, and its fold."""

    index: int
    pe: int
    simd: int


@dataclass(frozen=True)
class Hello:
    """Description of a board, which it sends to the host.

    Parameters
    ----------
    digest : bytes
        First 8 bytes of the digest of its graph.
    input_width : int
        Bits per word of the network's input stream, 1 to 65,535.
    words : int
        Words per frame, 1 to 65,535.
    result_bytes : int
        Bytes of the payload of a result, 1 to 255.
    credits : int
        Frames that may be in flight at once, 1 to 255.
    scores : bool
        True if results hold scores besides the class.
    version : int
        Version of the protocol.
    layers : tuple of LoadedLayer
        Layers whose weights are loaded, in the order of loading, each once, at most 47; only in
        version 2.
    loaded : bool
        True if the board has these weights.
    board : int
        Number of the board, see :class:`~xnorloom_boards.board.Board`; 0 if it is not stated.
    """

    digest: bytes
    input_width: int
    words: int
    result_bytes: int
    credits: int
    scores: bool = False
    version: int = VERSION
    layers: tuple[LoadedLayer, ...] = ()
    loaded: bool = False
    board: int = 0

    def __post_init__(self):
        if not isinstance(self.digest, bytes) or len(self.digest) != 8:
            raise ValueError(f"Hello digest must be 8 bytes, not {self.digest!r}")
        for name, high in (("input_width", 0xffff), ("words", MOST_WORDS),
                           ("result_bytes", MOST_RESULT_BYTES), ("credits", 0xff)):
            integer(f"Hello {name}", getattr(self, name), 1, high)
        integer("Hello version", self.version, 0, 0xff)
        integer("Hello board", self.board, 0, _MOST_BOARDS)
        if len(self.layers) > _MOST_LAYERS:
            raise ValueError(f"Hello layers must be at most {_MOST_LAYERS}, not "
                             f"{len(self.layers)}")
        for layer in self.layers:
            for name, low, high in (("index", 0, 0xff), ("pe", 1, 0xffff), ("simd", 1, 0xffff)):
                integer(f"Hello layer {name}", getattr(layer, name), low, high)
        indices = [layer.index for layer in self.layers]
        for place, index in enumerate(indices):
            if index in indices[:place]:
                raise ValueError(f"Hello layers must be different ones, not layer {index} twice")

    @property
    def frame_bytes(self) -> int:
        """Bytes in the payload of a frame."""
        return frame_bytes(self.words, self.input_width)

    def encode(self) -> bytes:
        """Encode as payload of a hello reply: 16 bytes, in version 2 also 1 + 5 per layer."""
        flags = self.scores | self.loaded << 1 | self.board << _BOARD_BIT
        payload = (bytes([self.version]) + self.digest + self.input_width.to_bytes(2, "little")
                   + self.words.to_bytes(2, "little")
                   + bytes([self.result_bytes, self.credits, flags]))
        if self.version != LOAD_VERSION:
            return payload
        layers = (bytes([index]) + pe.to_bytes(2, "little") + simd.to_bytes(2, "little")
                  for index, pe, simd in self.layers)
        return payload + bytes([len(self.layers)]) + b"".join(layers)

    @classmethod
    def decode(cls, payload: bytes) -> "Hello":
        """Decode the payload of a hello reply; raise ``ValueError`` if it is none."""
        size = HELLO_BYTES
        if payload[:1] == bytes([LOAD_VERSION]):
            size += 1 + 5 * (payload[size] if len(payload) > size else 0)
        if len(payload) != size:
            raise ValueError(f"Hello must be {size} bytes, not {len(payload)}")
        rest = (payload[at:at + 5] for at in range(HELLO_BYTES + 1, size, 5))
        layers = tuple(LoadedLayer(part[0], int.from_bytes(part[1:3], "little"),
                                   int.from_bytes(part[3:], "little")) for part in rest)
        return cls(payload[1:9], int.from_bytes(payload[9:11], "little"),
                   int.from_bytes(payload[11:13], "little"), payload[13], payload[14],
                   bool(payload[15] & 1), payload[0], layers, bool(layers and payload[15] & 2),
                   payload[15] >> _BOARD_BIT)


def encode(message: Message) -> bytes:
    """Encode a message as bytes, including its ``END``."""
    body = bytes([message.kind, message.sequence]) + message.payload
    body += binascii.crc_hqx(body, CRC_INIT).to_bytes(2, "big")
    for byte, stuffed in _STUFFED.items():
        body = body.replace(bytes([byte]), stuffed)
    return body + bytes([END])


class Decoder:
    """Decodes messages from a stream of bytes.

    Bytes between two ``END`` that are no message are dropped and counted, unless there are none.
    The memory used is bounded, and wrong bytes spoil only the messages that they are part of.

    Parameters
    ----------
    longest : int
        Bytes of the longest payload.

    Attributes
    ----------
    faults : int
        Number of damaged messages.
    """

    def __init__(self, longest: int):
        self._most = 2 * (longest + _OVERHEAD)
        self._rest = bytearray()
        self.faults = 0

    def feed(self, data: bytes) -> list[Message]:
        """Decode the messages that end in ``data``."""
        *bodies, rest = data.split(bytes([END]))
        messages = []
        for body in bodies:
            self._keep(body)
            if self._rest:
                whole = len(self._rest) <= self._most
                message = _decode(bytes(self._rest)) if whole else None
                if message is None:
                    self.faults += 1
                else:
                    messages.append(message)
                self._rest.clear()
        self._keep(rest)
        return messages

    def _keep(self, body: bytes) -> None:
        # One byte more than a message can have marks it as too long.
        self._rest += body[:self._most + 1 - len(self._rest)]


def _decode(stuffed: bytes) -> Message | None:
    body = _PAIR.sub(lambda pair: bytes([pair[0][-1] ^ FLIP]), stuffed + bytes([END]))
    # An escape at the end has consumed the END.
    if body[-1] != END or len(body) <= _OVERHEAD or binascii.crc_hqx(body[:-1], CRC_INIT):
        return None
    body = body[:-1]
    return Message(body[0], body[1], body[2:-2])


def line_bytes(payload: int) -> int:
    """Bytes on the line of a message of ``payload`` bytes with its ``END``, without stuffing."""
    return payload + _OVERHEAD + 1


def stuffed_bytes(payload: int) -> int:
    """Bytes on the line of a message of ``payload`` bytes with its ``END``, all of them stuffed."""
    return 2 * (payload + _OVERHEAD) + 1


def words_per_byte(width: int) -> int:
    """Words of ``width`` bits that share a byte of a frame; 1 if a word takes whole bytes."""
    return max(1, 8 // width)


def frame_bytes(words: int, width: int) -> int:
    """Bytes of the payload of a frame of ``words`` words of ``width`` bits."""
    return -(-words // words_per_byte(width)) * -(-width // 8)


def result_bytes(graph: Graph, scores: bool) -> int:
    """Bytes of the payload of a result, with or without the scores of all classes."""
    return -(-result_width(graph, scores) // 8)


def frame_payloads(words: npt.NDArray[np.uint8], hello: Hello) -> list[bytes]:
    """Pack the words of frames into payloads, one per frame.

    Parameters
    ----------
    words : array of uint8, shape (frames * words, ceil(input_width / 8))
        See :func:`xnorloom.packing.pack_frames`.
    hello : Hello
        Description of the board.
    """
    together, width = words_per_byte(hello.input_width), hello.input_width
    rows = words.reshape(-1, hello.words, words.shape[1])
    if together > 1:
        padded = np.pad(rows[..., 0], ((0, 0), (0, -hello.words % together)))
        groups = padded.reshape(len(rows), -1, together)
        rows = np.bitwise_or.reduce(groups << np.arange(together, dtype=np.uint8) * np.uint8(width),
                                    axis=2)
    return [row.tobytes() for row in rows]


def load_payloads(words: npt.NDArray[np.uint16]) -> list[bytes]:
    """Pack weights into payloads of 32 words, each after the number of its message."""
    padded = np.pad(words, (0, -len(words) % LOAD_WORDS)).astype("<u2")
    return [number.to_bytes(2, "little") + row.tobytes()
            for number, row in enumerate(padded.reshape(-1, LOAD_WORDS))]
