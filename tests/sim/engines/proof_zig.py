"""The compiled engine with Zig's compiler, which first builds a C++ library: minutes of work.

`make zig` runs it; the tests leave it out.
"""

from xnorloom_sim.engines.verilator import toolchain


def test_zig(simulate, monkeypatch, tmp_path):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(toolchain.shutil, "which", lambda name: None)
    assert toolchain.compiler()[1:] == ("-m", "ziglang", "c++")
    simulate(tmp_path)
