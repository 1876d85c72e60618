"""Long work inside the library, announced to a program that shows it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

__all__ = ["Watcher", "activity", "notice", "watched"]

Update = Callable[[int, int], object]


class Watcher(Protocol):
    """Program that shows work, from any thread."""

    def activity(self, what: str) -> AbstractContextManager[Update]:
        """Show work inside the context, which gives a function of the steps taken and expected.

        Most work is over at once, so that there is something to show only if it lasts.
        """
        ...

    def notice(self, text: str) -> None:
        """Tell what a person should know of a result; perhaps again and again."""
        ...


# The last one gets all announcements.
_watchers: list[Watcher] = []


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Announce work to ``watcher`` inside the context, in all threads of this process."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def activity(what: str) -> AbstractContextManager[Update]:
    """Announce work inside the context, which gives a function of the steps taken and expected.

    Without a watcher nothing is shown.
    """
    if not _watchers:
        return nullcontext(lambda done, total: None)
    return _watchers[-1].activity(what)


def notice(text: str) -> None:
    """Tell the watcher, if any, what a person should know of a result."""
    if _watchers:
        _watchers[-1].notice(text)
