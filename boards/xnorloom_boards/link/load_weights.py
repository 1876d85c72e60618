"""Weights to a device that must be loaded, over a port on which bytes may be lost and altered."""

import time
from collections.abc import Callable, Sequence

from ..errors import LinkError
from .protocol import ERROR_KIND, LOAD, LOAD_BYTES, LOADED, Hello, Message
from .session import ALARM, Session, room

__all__ = ["load"]

# Messages that may be under way, as the page of the protocol says.
_WINDOW = 128


def load(session: Session, hello: Hello, payloads: Sequence[bytes],
         progress: Callable[[int, int], object] | None = None) -> None:
    """Send messages with weights until the device says that it has them all, and the right ones.

    Parameters
    ----------
    hello : Hello
        What the device said of itself.
    payloads : sequence of bytes
        As of :func:`~xnorloom_boards.link.protocol.load_payloads`.
    progress : callable
        Called with the messages that the device has taken and the messages in all, now and then.

    Raises
    ------
    LinkError
        If it makes no headway, or another device answers in between.
    """
    session.settle(hello)
    loading = _Loading(session, payloads, progress)
    while True:
        loading.run()
        if session.same(hello).loaded:
            return
        # A reset between the last answer and this one.
        loading.lost(0)


class _Loading:
    """One call of :func:`load`.

    The device takes messages in their order only, and each answer tells how many it has. So after
    a loss all goes on from there, and answers that come late or twice do no harm.
    """

    def __init__(self, session: Session, payloads: Sequence[bytes],
                 progress: Callable[[int, int], object] | None):
        self._session, self._payloads, self._progress = session, payloads, progress
        self._there = self._next = self._most = self._losses = 0
        # Messages under way, in the order they were sent: sequence number to index.
        self._sent: dict[int, int] = {}
        self._window, self._line = session.window(LOAD_BYTES, _WINDOW)

    def run(self) -> None:
        """Send until all are there."""
        session, faults = self._session, self._session.faults
        deadline = self._later()
        while self._there < len(self._payloads):
            if self._send():
                deadline = self._later()
            there, signs = self._there, faults.damaged + faults.reported
            for message in session.read():
                self._take(message)
            now = time.monotonic()
            if self._there > there:
                deadline = self._later()
                if self._progress is not None:
                    self._progress(self._there, len(self._payloads))
            if faults.damaged + faults.reported > signs:
                deadline = min(deadline, now + self._line + ALARM)
            if now >= deadline:
                faults.silences += 1
                self.lost(self._there)
                session.hello()

    def lost(self, there: int) -> None:
        """Go on behind the first messages that the device has, ``there`` of them."""
        self._there = there
        self._losses += 1
        if self._losses > self._session.retries:
            raise LinkError(f"weights were sent {self._losses} times to port "
                            f"{self._session.name} and did not arrive, {self._there} of "
                            f"{len(self._payloads)} messages at last; {self._session.faults}")
        self._session.faults.resent += self._next - there
        self._sent.clear()
        self._next = there

    def _later(self) -> float:
        return time.monotonic() + self._session.timeout + self._line

    def _send(self) -> bool:
        """Send messages, many at once, when there is room for a good part of the window."""
        left = len(self._payloads) - self._next
        count = room(self._window, len(self._sent), left)
        indices = range(self._next, self._next + count)
        self._next += count
        return self._session.send(LOAD, indices, self._payloads, self._sent)

    def _take(self, message: Message) -> None:
        faults = self._session.faults
        if message.kind & ERROR_KIND == ERROR_KIND:
            faults.reported += 1
            return
        if message.kind != LOADED or message.sequence not in self._sent:
            faults.late += 1
            return
        if len(message.payload) != 2:
            faults.damaged += 1
            return
        while self._sent:
            first = next(iter(self._sent))
            index = self._sent.pop(first)
            if first == message.sequence:
                break
        self._there = int.from_bytes(message.payload, "little")
        if self._there > self._most:
            self._most, self._losses = self._there, 0
        if self._there > len(self._payloads):
            raise LinkError(f"the board on port {self._session.name} says that it has "
                            f"{self._there} messages with weights, but there are "
                            f"{len(self._payloads)}")
        if self._there <= index:
            self.lost(self._there)
        self._next = max(self._next, self._there)
