"""What commands tell while they are busy: each step with the time since their start."""

import threading
import time

import pytest

from xnorloom_cli.console import timed


@pytest.mark.parametrize("seconds, said", [
    (0, "  0:00  "), (59.9, "  0:59  "), (61, "  1:01  "), (6001.5, "100:01  ")])
def test_time(monkeypatch, seconds, said):
    now, lines = [1234.5], []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    tell = timed(lines.append, before="a: ", after=" ...")
    now[0] += seconds
    tell("{routing}")
    timed(lines.append)("packing")
    assert lines == [f"{said}a: {{routing}} ...", "  0:00  packing"]


def test_one_at_a_time():
    inside, most = [], []

    def tell(text):
        inside.append(text)
        most.append(len(inside))
        time.sleep(0.01)
        inside.remove(text)

    steps = timed(tell)
    threads = [threading.Thread(target=steps, args=[str(number)]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8
