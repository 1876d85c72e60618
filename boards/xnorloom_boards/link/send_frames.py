"""Frames to results over a port on which bytes may be lost, altered and inserted."""

import itertools
import time
from collections import deque
from collections.abc import Callable, Sequence

from ..errors import LinkError
from .protocol import ERROR_KIND, FRAME, RESULT, UNLOADED, Hello, Message
from .session import ALARM, Session, room

__all__ = ["exchange"]


def exchange(session: Session, hello: Hello, payloads: Sequence[bytes],
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
    session.settle(hello, load)
    results = _Exchange(session, hello, payloads, progress, load).run()
    # Each frame has its result, or one behind it has: no other can come.
    session.under_way = False
    return results


class _Exchange:
    """One call of :func:`exchange`.

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
        self._window, self._line = session.window(hello.frame_bytes, hello.credits)
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
        count = room(self._window, len(self._sent), len(self._waiting))
        indices = [self._waiting.popleft() for _ in range(count)]
        return self._session.send(FRAME, indices, self._payloads, self._sent)

    def _take(self, message: Message) -> None:
        faults = self._session.faults
        if message.kind & ERROR_KIND == ERROR_KIND:
            faults.reported += 1
            self._unloaded |= message.kind == UNLOADED
        elif message.kind != RESULT or message.sequence not in self._sent:
            faults.late += 1
        elif len(message.payload) != self._hello.result_bytes:
            faults.damaged += 1
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
