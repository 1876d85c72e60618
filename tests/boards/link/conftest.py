"""Shared by the tests of the serial link: a simulated link, and a clock for boards in memory."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from xnorloom_boards.link import load_weights, send_frames, session

# Seconds between two looks at the clock: silences take a moment, and answers come in time.
STEP = 1e-4


@pytest.fixture
def link_clock(monkeypatch):
    """Replace the clock of the host by one that goes on by ``STEP`` with each look at it.

    A board in memory answers at once, so that a machine that is busy or slow gives no silences.
    """
    looks = count()
    clock = SimpleNamespace(monotonic=lambda: next(looks) * STEP, time_ns=lambda: 0)
    for module in (load_weights, send_frames, session):
        monkeypatch.setattr(module, "time", clock)


@pytest.fixture(scope="session")
def link():
    """``link.Device``, ``link.talk`` and ``link.damage`` of ``fixtures/link.py``."""
    path = Path(__file__).parents[2] / "fixtures" / "link.py"
    spec = spec_from_file_location("fixtures.link", path)
    sys.modules["fixtures.link"] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
