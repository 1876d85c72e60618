"""Frames to results over a port on which bytes may be lost, altered and inserted."""

import itertools
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from ..errors import LinkError, NoAnswerError, PortError, WrongBitstreamError
from .frames import (
    END,
    ERROR_KIND,
    FRAME,
    HELLO,
    HELLO_REPLY,
    LOAD_VERSION,
    RESULT,
    UNLOADED,
    VERSION,
    Decoder,
    Hello,
    Message,
    encode,
)
from .port import Port

__all__ = ["Faults", "Session"]

_LONGEST_REPLY = 255
_READ = 1 << 16
# Seconds of frames that are under way at most: more than a USB bridge keeps bytes for itself.
AHEAD = 0.05
LINE_BITS = 10
# Seconds after which a read gives up for a while, and from a sign of a loss to a new try.
_TICK, ALARM = 0.02, 0.05
# Parts of the timeout that one of several questions waits.
_HELLO_PARTS = 4


@dataclass
class Faults:
    """What went wrong on the line, and was made good.

    ``resent`` frames, or messages with weights, were sent again, ``damaged`` messages came in,
    ``reported`` ones went out, ``late`` answers belonged to nothing any more, ``silences`` ended
    the wait for an answer.
    """

    resent: int = 0
    damaged: int = 0
    reported: int = 0
    late: int = 0
    silences: int = 0

    def __str__(self) -> str:
        return (f"{self.resent} frames sent again, {self.damaged} damaged answers, "
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
    """

    def __init__(self, port: Port, name: str, *, baud: int, timeout: float, retries: int):
        self._port, self.name, self.baud = port, name, baud
        self.timeout, self.retries = timeout, retries
        port.timeout = _TICK
        self._decoder = Decoder(_LONGEST_REPLY)
        # Any number will do; another one than that of a program before is the better one.
        self._sequence = time.time_ns() >> 20 & 0xff
        self._bytes = 0
        self.faults = Faults()

    def hello(self) -> Hello:
        """Ask the device what it is; when it has answered, no earlier answer can come any more.

        Raises
        ------
        NoAnswerError
            If it does not answer, or only garbage comes.
        WrongBitstreamError
            If it speaks another version of the protocol.
        PortError
            If the port went away.
        """
        came, asked = self._bytes, []
        for _ in range(self.retries + 1):
            asked.append(self.number(asked))
            # An end before it, in case that half a message went out before.
            self.write(bytes([END]) + encode(Message(HELLO, asked[-1])))
            deadline = time.monotonic() + self.timeout / _HELLO_PARTS
            while time.monotonic() < deadline:
                for message in self.read():
                    if message.kind == HELLO_REPLY and message.sequence in asked:
                        return self._described(message.payload)
        if self._bytes == came:
            raise NoAnswerError(f"no answer on port {self.name} at {self.baud} baud; is it the "
                                "right port, its baud rate that of the bitstream, and the board "
                                "programmed?")
        raise NoAnswerError(f"{self._bytes - came} bytes came on port {self.name} at "
                            f"{self.baud} baud, but no answer; is it the right port, and its baud "
                            "rate that of the bitstream?")

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

    def exchange(self, hello: Hello, payloads: Sequence[bytes],
                 progress: Callable[[int, int], object] | None = None,
                 load: Callable[[], object] | None = None) -> list[bytes]:
        """Send frames and give back the results, in the order of the frames.

        Parameters
        ----------
        hello : Hello
            What the device said of itself.
        payloads : sequence of bytes
            ``hello.frame_bytes`` each.
        progress : callable
            Called with the results that are there and the frames in all, now and then.
        load : callable
            Called when the device has lost its weights; loads them.

        Raises
        ------
        LinkError
            If a frame was sent again too often, or another device answers in between.
        """
        return _Exchange(self, hello, payloads, progress, load).run()

    def number(self, taken: Collection[int]) -> int:
        """The next sequence number that is not in ``taken``."""
        self._sequence = self._sequence + 1 & 0xff
        while self._sequence in taken:
            self._sequence = self._sequence + 1 & 0xff
        return self._sequence

    def write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except OSError as error:
            raise self._gone(error) from error

    def read(self) -> list[Message]:
        """The messages that end in the next bytes, or none if no byte comes for a while."""
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

    def _gone(self, error: OSError) -> PortError:
        text = (str(error).splitlines() or [type(error).__name__])[0]
        return PortError(f"port {self.name} went away: {text}")


class _Exchange:
    """One call of :meth:`Session.exchange`.

    A frame has a new sequence number each time it is sent. Results come in the order in which
    frames were sent, so a result says of each frame sent before that it, or its result, was lost.
    """

    def __init__(self, session: Session, hello: Hello, payloads: Sequence[bytes],
                 progress: Callable[[int, int], object] | None,
                 load: Callable[[], object] | None):
        self._load, self._unloaded = load, False
        self._session, self._hello, self._progress = session, hello, progress
        self._payloads = payloads
        self._results: list[bytes | None] = [None] * len(payloads)
        self._done = 0
        self._waiting = deque(range(len(payloads)))
        self._tries: dict[int, int] = {}
        # Frames that are under way, in the order they were sent: sequence number to index.
        self._sent: dict[int, int] = {}
        seconds = (hello.frame_bytes + 5) * LINE_BITS / session.baud
        self._window = min(hello.credits, max(2, round(AHEAD / seconds)))
        # All that is under way may be stuffed.
        self._line = 2 * self._window * seconds
        self._patience = session.timeout + self._line

    def run(self) -> list[bytes]:
        session, faults = self._session, self._session.faults
        deadline = time.monotonic() + self._patience
        while self._done < len(self._payloads):
            if self._send():
                deadline = time.monotonic() + self._patience
            done, signs = self._done, faults.damaged + faults.reported
            for message in session.read():
                self._take(message)
            now = time.monotonic()
            if self._done > done:
                deadline = now + self._patience
                if self._progress is not None:
                    self._progress(self._done, len(self._payloads))
            if faults.damaged + faults.reported > signs:
                # Something was lost; if no result tells what, there is no use in waiting long.
                deadline = min(deadline, now + self._line + ALARM)
            if now >= deadline or self._unloaded:
                faults.silences += not self._unloaded
                self._again(list(self._sent))
                self._unloaded = False
                found = session.same(self._hello)
                if self._load is not None and not found.loaded:
                    self._load()
        return [result for result in self._results if result is not None]

    def _send(self) -> bool:
        """Send frames, many at once, when there is room for a good part of the window."""
        free = self._window - len(self._sent)
        if not self._waiting or free < min(len(self._waiting), -(-self._window // 4)):
            return False
        messages = []
        for _ in range(min(free, len(self._waiting))):
            index = self._waiting.popleft()
            sequence = self._session.number(self._sent)
            self._sent[sequence] = index
            messages.append(encode(Message(FRAME, sequence, self._payloads[index])))
        self._session.write(bytes([END]) + b"".join(messages))
        return True

    def _take(self, message: Message) -> None:
        faults = self._session.faults
        if message.kind & ERROR_KIND == ERROR_KIND:
            faults.reported += 1
            self._unloaded |= message.kind == UNLOADED
        elif (message.kind != RESULT or message.sequence not in self._sent
              or len(message.payload) != self._hello.result_bytes):
            faults.late += 1
        else:
            before = itertools.takewhile(lambda number: number != message.sequence, self._sent)
            self._again(list(before))
            self._results[self._sent.pop(message.sequence)] = message.payload
            self._done += 1

    def _again(self, numbers: list[int]) -> None:
        """Have frames under way sent again, before all others and in their order."""
        for number in reversed(numbers):
            index = self._sent.pop(number)
            self._tries[index] = self._tries.get(index, 0) + 1
            if self._tries[index] > self._session.retries:
                raise LinkError(
                    f"frame {index} was sent {self._tries[index]} times to port "
                    f"{self._session.name} without a result; {self._session.faults}")
            self._session.faults.resent += 1
            self._waiting.appendleft(index)
