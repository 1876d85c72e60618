"""Cache of compiled simulations: what is compiled again, and where it is kept."""

import shutil
from pathlib import Path

import pytest

from xnorloom.support import cache as user_cache
from xnorloom_sim.engines.verilator import toolchain


def test_second_run_compiles_nothing(simulate, programs, cache, commands):
    before = [path.stat().st_mtime_ns for path in programs(cache)]
    simulate(cache)
    assert commands == []
    assert [path.stat().st_mtime_ns for path in programs(cache)] == before


def test_another_design_is_another_program(simulate, programs, cache, commands):
    simulate(cache, mask=0x0F)
    # Verilator, one source file, the linker; the runtime library is not compiled again.
    assert len(commands) == 3
    assert len(programs(cache)) == 2
    assert sorted(path.name for path in programs(cache)[0].parent.iterdir()) == [
        "manifest.json",
        "simulate",
        "wrapper.v",
    ]


def test_entry_without_program_is_rebuilt(simulate, programs, cache, commands):
    (program,) = programs(cache)
    program.unlink()
    simulate(cache)
    assert commands != []
    assert programs(cache) == [program]


def test_interrupted_build_leaves_nothing(simulate, cache, monkeypatch):
    before = sorted(cache.iterdir())

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(toolchain, "run_tool", interrupt)
    with pytest.raises(KeyboardInterrupt):
        simulate(cache, mask=1)
    assert sorted(cache.iterdir()) == before


def test_relative_folder(simulate, programs, cache, monkeypatch):
    monkeypatch.chdir(cache.parent)
    simulate(Path(cache.name), mask=2)
    assert len(programs(cache)) == 2


def test_default_folder(simulate, programs, warm, tmp_path, monkeypatch):
    shutil.copytree(warm, tmp_path / "xnorloom" / "compiled")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    simulate(None, mask=3)
    assert len(programs(tmp_path / "xnorloom" / "compiled")) == 2


def test_no_writable_cache(simulate, programs, warm, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(user_cache, "_temporary", lambda: tmp_path / "of the process")
    shutil.copytree(warm, tmp_path / "of the process" / "xnorloom" / "compiled")
    simulate(None)
    assert len(programs(tmp_path / "of the process" / "xnorloom" / "compiled")) == 1
    assert user_cache.writable("zig") == tmp_path / "of the process" / "zig"
    assert user_cache.folder("zig") == tmp_path / "file" / "zig"
