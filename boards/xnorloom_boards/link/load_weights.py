"""Transfer of weights to a board, over a port that may lose and alter bytes."""

import time
from collections.abc import Callable, Sequence

from ..errors import LinkError
from .protocol import ERROR_KIND, LOAD, LOAD_BYTES, LOADED, Hello, Message
from .session import ALARM, Session, sendable

__all__ = ["load_weights"]

# Messages in flight that the protocol allows.
_WINDOW = 128


def load_weights(session: Session, hello: Hello, payloads: Sequence[bytes],
                 progress: Callable[[int, int], object] | None = None) -> None:
    """Send weights until the board reports that it has all of them, and the right ones.

    Parameters
    ----------
    session : Session
        Session with the board.
    hello : Hello
        Description of the board.
    payloads : sequence of bytes
        See :func:`~xnorloom_boards.link.protocol.load_payloads`.
    progress : callable or None
        Called periodically with the messages that the board has and the messages in all.

    Raises
    ------
    LinkError
        If there is no progress, or another board answers in between.
    """
    session.settle(hello)
    transfer = _Transfer(session, payloads, progress)
    while True:
        transfer.run()
        if session.same(hello).loaded:
            return
        # The board was reset since its last answer.
        transfer.restart(0)


class _Transfer:
    """State of one call of :func:`load_weights`.

    The board accepts messages in order only, and each answer says how many it has. After a loss the
    transfer goes on from there, so late and repeated answers do no harm.
    """

    def __init__(self, session: Session, payloads: Sequence[bytes],
                 progress: Callable[[int, int], object] | None):
        self._session, self._payloads, self._progress = session, payloads, progress
        self._accepted = self._next = self._most = self._losses = 0
        # Messages in flight in the order of sending: sequence number to index.
        self._sent: dict[int, int] = {}
        self._window, self._line = session.window(LOAD_BYTES, _WINDOW)

    def run(self) -> None:
        """Send until the board has all messages."""
        session, faults = self._session, self._session.faults
        deadline = self._later()
        while self._accepted < len(self._payloads):
            if self._send():
                deadline = self._later()
            accepted, signs = self._accepted, faults.damaged + faults.reported
            for message in session.read():
                self._receive(message)
            now = time.monotonic()
            if self._accepted > accepted:
                deadline = self._later()
                if self._progress is not None:
                    self._progress(self._accepted, len(self._payloads))
            if faults.damaged + faults.reported > signs:
                deadline = min(deadline, now + self._line + ALARM)
            if now >= deadline:
                faults.silences += 1
                self.restart(self._accepted)
                session.hello()

    def restart(self, accepted: int) -> None:
        """Go on after the first ``accepted`` messages, which the board has."""
        self._accepted = accepted
        self._losses += 1
        if self._losses > self._session.retries:
            raise LinkError(f"weights were sent {self._losses} times to port "
                            f"{self._session.name} and did not arrive, {self._accepted} of "
                            f"{len(self._payloads)} messages at last; {self._session.faults}")
        self._session.faults.resent += self._next - accepted
        self._sent.clear()
        self._next = accepted

    def _later(self) -> float:
        return time.monotonic() + self._session.timeout + self._line

    def _send(self) -> bool:
        """Send messages if a good part of the window is free; true if any were sent."""
        left = len(self._payloads) - self._next
        count = sendable(self._window, len(self._sent), left)
        indices = range(self._next, self._next + count)
        self._next += count
        return self._session.send(LOAD, indices, self._payloads, self._sent)

    def _receive(self, message: Message) -> None:
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
        self._accepted = int.from_bytes(message.payload, "little")
        if self._accepted > self._most:
            self._most, self._losses = self._accepted, 0
        if self._accepted > len(self._payloads):
            raise LinkError(f"the board on port {self._session.name} says that it has "
                            f"{self._accepted} messages with weights, but there are "
                            f"{len(self._payloads)}")
        if self._accepted <= index:
            self.restart(self._accepted)
        self._next = max(self._next, self._accepted)
