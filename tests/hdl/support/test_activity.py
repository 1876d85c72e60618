"""Announcement of long work: to the last watcher, from all threads."""

import contextlib
import threading

import pytest

from xnorloom.support.activity import activity, notice, watched


class Recorder:
    def __init__(self):
        self.said = []

    @contextlib.contextmanager
    def activity(self, what):
        self.said.append(f"begin {what}")
        yield lambda done, total: self.said.append((done, total))
        self.said.append(f"end {what}")

    def notice(self, text):
        self.said.append(text)


def work(what):
    with activity(what) as update:
        update(1, 2)
        notice("half")


def test_without_watcher():
    work("sum")


def test_last_watcher_is_told():
    first, second = Recorder(), Recorder()
    with watched(first):
        work("a")
        with watched(second):
            thread = threading.Thread(target=work, args=("b",))
            thread.start()
            thread.join()
        work("c")
    work("d")
    assert first.said == ["begin a", (1, 2), "half", "end a", "begin c", (1, 2), "half", "end c"]
    assert second.said == ["begin b", (1, 2), "half", "end b"]


def test_error_ends_watching():
    recorder = Recorder()
    with pytest.raises(ZeroDivisionError), watched(recorder):
        raise ZeroDivisionError
    work("sum")
    assert recorder.said == []
