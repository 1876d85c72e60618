# amaranth: UnusedElaboratable=no
"""Simulations of a small component in caches of their own."""

import functools
import shutil
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from xnorloom.support import cache as user_cache
from xnorloom_sim.engines.verilator import toolchain
from xnorloom_sim.harness import run


class Inverter(wiring.Component):
    i: In(stream.Signature(8))
    o: Out(stream.Signature(8))

    def __init__(self, mask):
        super().__init__()
        self._mask = mask

    def elaborate(self, platform):
        m = Module()
        wiring.connect(m, wiring.flipped(self.i), wiring.flipped(self.o))
        m.d.comb += self.o.payload.eq(self.i.payload ^ self._mask)
        return m


WORDS = np.arange(256, dtype=np.uint8).reshape(-1, 1)
# An object is elaborated only once.
_inverter = functools.cache(Inverter)


def _simulate(cache, mask=0xFF):
    trace = run(_inverter(mask), WORDS, len(WORDS), engine="compiled", cache=cache)
    np.testing.assert_array_equal(trace.outputs, WORDS ^ mask)


@pytest.fixture(scope="session")
def simulate():
    """``simulate(cache, mask=0xFF)``: a run of an inverter, with its results checked."""
    return _simulate


@pytest.fixture(scope="session")
def programs():
    """``programs(cache)``: the compiled programs in a cache."""
    return lambda cache: sorted(cache.glob("*/simulate"))


@pytest.fixture(scope="session")
def warm(tmp_path_factory):
    """A cache that holds the runtime library and one program; tests copy it."""
    _simulate(None)
    cache = tmp_path_factory.mktemp("warm")
    # The library takes several times as long to compile as the program.
    for path in user_cache.writable("xnorloom/compiled").glob("*/verilated.o"):
        shutil.copytree(path.parent, cache / path.parent.name)
    _simulate(cache)
    return cache


@pytest.fixture
def cache(warm, tmp_path):
    return shutil.copytree(warm, tmp_path / "cache")


@pytest.fixture
def commands(monkeypatch):
    """The names of the tools that are run, as they are run."""
    names = []

    def run_tool(command, **kwargs):
        names.append(Path(command[0]).name)
        return original(command, **kwargs)

    original = toolchain.run_tool
    monkeypatch.setattr(toolchain, "run_tool", run_tool)
    return names
