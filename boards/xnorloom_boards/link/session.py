"""Messages to and from a device, on a port on which bytes may be lost, altered and inserted."""

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

__all__ = ["ALARM", "Faults", "Session", "room"]

_LONGEST_REPLY = 255
_READ = 1 << 16
# Seconds of frames that are under way at most: more than a USB bridge keeps bytes for itself.
_AHEAD = 0.05
# Seconds on the line of what is written at once at most: far less than a write timeout.
_PART = 0.25
# Seconds after which a read gives up for a while, and from a sign of a loss to a new try.
_TICK, ALARM = 0.02, 0.05
# Parts of the timeout that one of several questions waits, and how many of these may be answered.
_HELLO_PARTS, _HELLOS = 4, 128


@dataclass
class Faults:
    """What went wrong on the line, and was made good.

    ``resent`` frames, or messages with weights, were sent again, ``damaged`` messages came in,
    ``reported`` ones went out, ``late`` answers belonged to nothing any more (those to another
    program that come before the first one to this are none), ``silences`` ended the wait for an
    answer.
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
    """Exchanges messages with a device on a port.

    Parameters
    ----------
    port : Port
        Open; its ``timeout`` is set here.
    name : str
        Of the port, for messages.
    baud : int
        Of the line.
    timeout : float
        Seconds to wait for an answer, besides the time it takes on the line.
    retries : int
        Times that a message is sent again before it is given up.

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
        # Any number will do; another one than that of a program before is the better one.
        self._sequence = time.time_ns() >> 20 & 0xff
        self._bytes = 0
        # Whether answers of a call that was broken off can come.
        self.under_way = False
        self.faults = Faults()

    def hello(self) -> Hello:
        """Ask the device what it is; when it has answered, no earlier answer can come any more.

        It is asked again and again until a reply comes, which may be one for several of these
        questions. A reply of a wrong length or version counts as a damaged one, unless it comes
        twice, or no other one does.

        Raises
        ------
        NoAnswerError
            If it does not answer, or only garbage comes.
        WrongBitstreamError
            If it speaks another version of the protocol.
        LinkError
            If it describes itself wrongly.
        PortError
            If the port went away.
        """
        came, asked = self._bytes, deque[int](maxlen=_HELLOS)
        odd: tuple[bytes, LinkError] | None = None
        for _ in range(self.retries + 1):
            asked.append(self.number(asked))
            # An end before it, in case that half a message went out before.
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
                self.under_way = False
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
        """The payload of the next reply to one of the hellos ``asked``, if it comes soon."""
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
        """Ask the device what it is, which must be what it was: ``hello``, loaded or not.

        Raises
        ------
        WrongBitstreamError
            If it is something else.
        """
        found = self.hello()
        if replace(found, loaded=hello.loaded) != hello:
            raise WrongBitstreamError(f"another board, or bitstream, answers on port {self.name} "
                                      f"than at first")
        return found

    def settle(self, hello: Hello, load: Callable[[], object] | None = None) -> None:
        """Have no answer under way, should a call before have been broken off.

        Of such a call no more is known than that up to all credits are out; a border as of
        :meth:`hello` ends that, as of :meth:`same`. Should the device not be loaded then, ``load``
        is called.
        """
        if self.under_way:
            found = self.same(hello)
            if load is not None and not found.loaded:
                load()

    def window(self, payload: int, most: int) -> tuple[int, float]:
        """How many messages of ``payload`` bytes may be under way, and their seconds on the line.

        At most ``most`` of them; the seconds are those if all bytes are stuffed.
        """
        seconds = line_bytes(payload) * LINE_BITS / self.baud
        window = min(most, max(2, round(_AHEAD / seconds)))
        return window, 2 * window * seconds

    def send(self, kind: int, indices: Iterable[int], payloads: Sequence[bytes],
             sent: dict[int, int]) -> bool:
        """Send the payloads of ``indices`` under new numbers; whether there were any.

        The numbers are not in ``sent``, and are put there with their indices.
        """
        messages = []
        for index in indices:
            sequence = self.number(sent)
            sent[sequence] = index
            messages.append(encode(Message(kind, sequence, payloads[index])))
        if messages:
            self.under_way = True
            self.write(bytes([END]) + b"".join(messages))
        return bool(messages)

    def number(self, taken: Collection[int]) -> int:
        """The next sequence number that is not in ``taken``."""
        self._sequence = self._sequence + 1 & 0xff
        while self._sequence in taken:
            self._sequence = self._sequence + 1 & 0xff
        return self._sequence

    def write(self, data: bytes) -> None:
        """Send bytes, in parts that a line without faults takes well within a write timeout."""
        part = max(1, int(_PART * self.baud / LINE_BITS))
        try:
            for start in range(0, len(data), part):
                self._port.write(data[start:start + part])
        except OSError as error:
            if timed_out(error):
                raise PortError(f"port {self.name} takes no bytes: {_line(error)}") from error
            raise self._gone(error) from error

    def read(self) -> list[Message]:
        """The messages that end in the next bytes, or none if no byte comes for a while.

        Without replies to hellos: one has come for a question that was asked several times.
        """
        return [message for message in self._messages() if message.kind != HELLO_REPLY]

    def _messages(self) -> list[Message]:
        """The messages that end in the next bytes, of any kind."""
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


def room(window: int, under_way: int, waiting: int) -> int:
    """How many messages to send now: none, or many at once, for a good part of the window."""
    free = window - under_way
    return min(free, waiting) if free >= min(waiting, -(-window // 4)) else 0
