"""Transfer of frames to a board and of results back, over a port that may lose and alter bytes."""

import itertools
import time
from collections import deque
from collections.abc import Callable, Sequence

from ..errors import LinkError
from .protocol import ERROR_KIND, FRAME, RESULT, UNLOADED, Hello, Message
from .session import ALARM, Session, sendable

__all__ = ["send_frames"]


def send_frames(session: Session, hello: Hello, payloads: Sequence[bytes],
                progress: Callable[[int, int], object] | None = None,
                load: Callable[[], object] | None = None,
                bits: int | None = None) -> list[bytes]:
    """Send frames and return the payloads of their results, in the order of the frames.

    Parameters
    ----------
    session : Session
        Session with the board.
    hello : Hello
        Description of the board.
    payloads : sequence of bytes
        Frames of ``hello.frame_bytes`` each.
    progress : callable or None
        Called periodically with the results received and the frames in all.
    load : callable or None
        Loads the board with its weights; called when the board has lost them.
    bits : int or None
        Bits of a result, by default all. Further ones are 0; a result where they are not is
        damaged.

    Raises
    ------
    LinkError
        If a frame was sent too often, or another board answers in between.
    """
    session.settle(hello, load)
    results = _Transfer(session, hello, payloads, progress, load, bits).run()
    # Results come in order, and that of the last frame sent has come.
    session.in_flight = False
    return results


class _Transfer:
    """State of one call of :func:`send_frames`.

    A frame gets a new sequence number each time it is sent. Results come in the order of sending,
    so a result shows that each frame sent before without a result, or its result, was lost.
    """

    def __init__(self, session: Session, hello: Hello, payloads: Sequence[bytes],
                 progress: Callable[[int, int], object] | None,
                 load: Callable[[], object] | None, bits: int | None):
        self._load, self._unloaded = load, False
        self._bits = 8 * hello.result_bytes if bits is None else bits
        self._session, self._hello, self._progress = session, hello, progress
        self._payloads = payloads
        self._results: list[bytes | None] = [None] * len(payloads)
        self._done = 0
        self._waiting = deque(range(len(payloads)))
        self._tries: dict[int, int] = {}
        # Frames in flight in the order of sending: sequence number to index.
        self._sent: dict[int, int] = {}
        self._window, self._line = session.window(hello.frame_bytes, hello.credits)
        self._patience = session.timeout + self._line

    def run(self) -> list[bytes]:
        """Send until all results are there."""
        session, faults = self._session, self._session.faults
        deadline = time.monotonic() + self._patience
        while self._done < len(self._payloads):
            if self._send():
                deadline = time.monotonic() + self._patience
            done, signs = self._done, faults.damaged + faults.reported
            for message in session.read():
                self._receive(message)
            now = time.monotonic()
            if self._done > done:
                deadline = now + self._patience
                if self._progress is not None:
                    self._progress(self._done, len(self._payloads))
            if faults.damaged + faults.reported > signs:
                # Something was lost. If no result shows what, a long wait is of no use.
                deadline = min(deadline, now + self._line + ALARM)
            if now >= deadline or self._unloaded:
                faults.silences += not self._unloaded
                self._resend(list(self._sent))
                self._unloaded = False
                found = session.same(self._hello)
                if self._load is not None and not found.loaded:
                    self._load()
        return [result for result in self._results if result is not None]

    def _send(self) -> bool:
        count = sendable(self._window, len(self._sent), len(self._waiting))
        indices = [self._waiting.popleft() for _ in range(count)]
        return self._session.send(FRAME, indices, self._payloads, self._sent)

    def _receive(self, message: Message) -> None:
        faults = self._session.faults
        if message.kind & ERROR_KIND == ERROR_KIND:
            faults.reported += 1
            self._unloaded |= message.kind == UNLOADED
        elif message.kind != RESULT or message.sequence not in self._sent:
            faults.late += 1
        elif (len(message.payload) != self._hello.result_bytes
              or int.from_bytes(message.payload, "little") >> self._bits):
            faults.damaged += 1
        else:
            before = itertools.takewhile(lambda number: number != message.sequence, self._sent)
            self._resend(list(before))
            self._results[self._sent.pop(message.sequence)] = message.payload
            self._done += 1

    def _resend(self, numbers: list[int]) -> None:
        """Queue frames in flight again, before all others and in their order."""
        for number in reversed(numbers):
            index = self._sent.pop(number)
            self._tries[index] = self._tries.get(index, 0) + 1
            if self._tries[index] > self._session.retries:
                raise LinkError(
                    f"frame {index} was sent {self._tries[index]} times to port "
                    f"{self._session.name} without a result; {self._session.faults}")
            self._session.faults.resent += 1
            self._waiting.appendleft(index)
