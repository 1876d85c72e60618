"""Times of the steps of a build."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from xnorloom_boards.step_times import StepTimes


def test_steps_of_a_thread():
    said = []
    steps = StepTimes(said.append)
    for text, seconds in (("first", 0.05), ("second", 0.1), ("third", 0)):
        steps(text)
        time.sleep(seconds)
    values = steps.values()
    assert said == [entry["step"] for entry in values["steps"]] == ["first", "second", "third"]
    first, second, third = values["steps"]
    assert first["started"] + first["seconds"] == pytest.approx(second["started"], abs=0.002)
    assert second["started"] + second["seconds"] == pytest.approx(third["started"], abs=0.002)
    assert first["seconds"] >= 0.05 and second["seconds"] >= 0.1
    assert values["seconds"] >= third["started"]


def test_steps_of_threads():
    """A step of the first thread ends those of the others; they do not end each other."""
    steps, both = StepTimes(), threading.Barrier(2)

    def work(name):
        steps(f"placing {name}")
        both.wait()
        steps(f"routing {name}")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, "ab"))
    time.sleep(0.05)
    steps("packing")
    time.sleep(0.05)
    values = steps.values()
    found = {entry["step"]: entry for entry in values["steps"]}
    assert set(found) == {"placing a", "placing b", "routing a", "routing b", "packing"}
    for name in "ab":
        placing, routing = found[f"placing {name}"], found[f"routing {name}"]
        assert placing["started"] + placing["seconds"] == pytest.approx(routing["started"],
                                                                        abs=0.002)
        assert routing["started"] + routing["seconds"] == pytest.approx(
            found["packing"]["started"], abs=0.002)


def test_nothing():
    values = StepTimes().values()
    assert values["steps"] == [] and values["seconds"] >= 0
