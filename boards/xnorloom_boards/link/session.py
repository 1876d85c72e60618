"""Session with a board, over a port that may lose, alter and insert bytes."""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from ..errors import LinkError, NoAnswerError, PortError, WrongBitstreamError
from .port import Port, refusals, timed_out
from .protocol import (
    END,
    HELLO,
    HELLO_REPLY,
    LINE_BITS,
    LOAD_VERSION,
    VERSION,
    Decoder,
    Hello,
    Message,
    encode,
    line_bytes,
)

__all__ = ["ALARM", "Faults", "Session", "sendable"]

_LONGEST_REPLY = 255
_READ = 1 << 16
# Seconds of frames in flight at most; a USB bridge holds bytes back for less.
_AHEAD = 0.05
# Seconds on the line of one write at most, far less than a write timeout.
_PART = 0.25
# Seconds of a read without bytes, and from a sign of a loss to a new try.
_TICK, ALARM = 0.02, 0.05
# Hellos per timeout, and how many of the last ones may be answered.
_HELLO_PARTS, _HELLOS = 4, 128


@dataclass
class Faults:
    """Errors on the line that were recovered.

    Parameters
    ----------
    resent : int
        Frames, or messages with weights, that were sent again.
    damaged : int
        Damaged messages from the board.
    reported : int
        Messages that the board reported as damaged.
    late : int
        Answers to no message in flight. Answers to an earlier program do not count.
    silences : int
        Waits for an answer that ended without one.
    """

    resent: int = 0
    damaged: int = 0
    reported: int = 0
    late: int = 0
    silences: int = 0

    def __str__(self) -> str:
        return (f"{self.resent} messages sent again, {self.damaged} damaged answers, "
                f"{self.reported} messages that the board reports as damaged, "
                f"{self.silences} waits in vain")


class Session:
    """Exchanges messages with a board at a port.

    Parameters
    ----------
    port : Port
        Open port; its ``timeout`` is set here.
    name : str
        Name of the port, for messages.
    baud : int
        Rate of the line.
    timeout : float
        Seconds to wait for an answer, besides its time on the line.
    retries : int
        Times that a message is sent again before it is given up.

    Attributes
    ----------
    in_flight : bool
        True if answers to an interrupted call can still come.
    faults : Faults
        Errors so far.

    Raises
    ------
    PortError
        If the port cannot be set.
    """

    def __init__(self, port: Port, name: str, *, baud: int, timeout: float, retries: int):
        self._port, self.name, self.baud = port, name, baud
        self.timeout, self.retries = timeout, retries
        try:
            port.timeout = _TICK
        except refusals() as error:
            raise self._gone(error) from error
        self._decoder = Decoder(_LONGEST_REPLY)
        # Preferably another number than that of the program before.
        self._sequence = time.time_ns() >> 20 & 0xff
        self._bytes = 0
        self.in_flight = False
        self.faults = Faults()

    def hello(self) -> Hello:
        """Ask the board for its description. No earlier answer can come after its reply.

        Hellos are repeated until a reply comes, which may answer several of them. A reply of wrong
        length or version counts as damaged, unless it comes twice, or no other reply does.

        Raises
        ------
        NoAnswerError
            If nothing comes, or only garbage.
        WrongBitstreamError
            If the board speaks another version of the protocol.
        LinkError
            If its description is wrong.
        PortError
            If the port went away.
        """
        came, asked = self._bytes, deque[int](maxlen=_HELLOS)
        odd: tuple[bytes, LinkError] | None = None
        for _ in range(self.retries + 1):
            asked.append(self.number(asked))
            # The END first ends half a message that may have been sent before.
            self.write(bytes([END]) + encode(Message(HELLO, asked[-1])))
            payload = self._reply(asked)
            if payload is None:
                continue
            try:
                found = self._described(payload)
            except LinkError as error:
                if odd is not None and odd[0] == payload:
                    raise
                odd = payload, error
                self.faults.damaged += 1
            else:
                self.in_flight = False
                return found
        if odd is not None:
            raise odd[1]
        if self._bytes == came:
            raise NoAnswerError(f"no answer on port {self.name} at {self.baud} baud; is it the "
                                "right port, its baud rate that of the bitstream, and the board "
                                "programmed?")
        raise NoAnswerError(f"{self._bytes - came} bytes came on port {self.name} at "
                            f"{self.baud} baud, but no answer; is it the right port, and its baud "
                            "rate that of the bitstream?")

    def _reply(self, asked: Collection[int]) -> bytes | None:
        """Payload of the next reply to one of the hellos ``asked``, if it comes soon."""
        deadline = time.monotonic() + self.timeout / _HELLO_PARTS
        while time.monotonic() < deadline:
            for message in self._messages():
                if message.kind == HELLO_REPLY and message.sequence in asked:
                    return message.payload
        return None

    def _described(self, payload: bytes) -> Hello:
        if payload[:1] not in (bytes([VERSION]), bytes([LOAD_VERSION])):
            raise WrongBitstreamError(
                f"the board on port {self.name} speaks version {payload[0] if payload else None} "
                f"of the protocol, this program versions {VERSION} and {LOAD_VERSION}; build the "
                f"bitstream anew")
        try:
            return Hello.decode(payload)
        except ValueError as error:
            raise LinkError(f"the board on port {self.name} describes itself wrongly: "
                            f"{error}") from error

    def same(self, hello: Hello) -> Hello:
        """Ask for the description, which must be ``hello``, loaded or not.

        Raises
        ------
        WrongBitstreamError
            If it is another one.
        """
        found = self.hello()
        if replace(found, loaded=hello.loaded) != hello:
            raise WrongBitstreamError(f"another board, or bitstream, answers on port {self.name} "
                                      f"than at first")
        return found

    def settle(self, hello: Hello, load: Callable[[], object] | None = None) -> None:
        """Wait out the answers to a call that was interrupted, if there was one.

        Such a call may have left as many frames in flight as there are credits; the reply to a
        hello (:meth:`same`) ends them. If the board is not loaded then, ``load`` is called.
        """
        if self.in_flight:
            found = self.same(hello)
            if load is not None and not found.loaded:
                load()

    def window(self, payload: int, most: int) -> tuple[int, float]:
        """Number of messages of ``payload`` bytes, at most ``most``, that may be in flight.

        Also returns their seconds on the line if all bytes are stuffed.
        """
        seconds = line_bytes(payload) * LINE_BITS / self.baud
        window = min(most, max(2, round(_AHEAD / seconds)))
        return window, 2 * window * seconds

    def send(self, kind: int, indices: Iterable[int], payloads: Sequence[bytes],
             sent: dict[int, int]) -> bool:
        """Send the payloads of ``indices`` under new sequence numbers; true if there are any.

        The numbers are added to ``sent``, which holds those in flight, with their indices.
        """
        messages = []
        for index in indices:
            sequence = self.number(sent)
            sent[sequence] = index
            messages.append(encode(Message(kind, sequence, payloads[index])))
        if messages:
            self.in_flight = True
            self.write(bytes([END]) + b"".join(messages))
        return bool(messages)

    def number(self, used: Collection[int]) -> int:
        """Next sequence number that is not in ``used``."""
        self._sequence = self._sequence + 1 & 0xff
        while self._sequence in used:
            self._sequence = self._sequence + 1 & 0xff
        return self._sequence

    def write(self, data: bytes) -> None:
        """Send bytes, in parts that take far less than a write timeout."""
        part = max(1, int(_PART * self.baud / LINE_BITS))
        try:
            for start in range(0, len(data), part):
                self._port.write(data[start:start + part])
        except OSError as error:
            if timed_out(error):
                raise PortError(f"port {self.name} takes no bytes: {_line(error)}") from error
            raise self._gone(error) from error

    def read(self) -> list[Message]:
        """Read messages, none if no byte comes for a while.

        Replies to hellos are left out, since a hello sent several times may have several.
        """
        return [message for message in self._messages() if message.kind != HELLO_REPLY]

    def _messages(self) -> list[Message]:
        """Read messages of any kind."""
        try:
            waiting = getattr(self._port, "in_waiting", 0)
            data = self._port.read(min(waiting, _READ) or 1)
        except OSError as error:
            raise self._gone(error) from error
        self._bytes += len(data)
        before = self._decoder.faults
        messages = self._decoder.feed(data)
        self.faults.damaged += self._decoder.faults - before
        return messages

    def _gone(self, error: Exception) -> PortError:
        return PortError(f"port {self.name} went away: {_line(error)}")


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def sendable(window: int, in_flight: int, waiting: int) -> int:
    """Number of messages to send now: none, or many at once that fill a quarter of the window."""
    free = window - in_flight
    return min(free, waiting) if free >= min(waiting, -(-window // 4)) else 0
