"""The public names of the package, imported on first use."""

import subprocess
import sys

import pytest

import xnorloom_sim


def test_names():
    assert dir(xnorloom_sim) == sorted(xnorloom_sim.__all__)
    for name in xnorloom_sim.__all__:
        assert getattr(xnorloom_sim, name).__module__.startswith("xnorloom_sim.")
    with pytest.raises(AttributeError, match="^module 'xnorloom_sim' has no attribute 'other'$"):
        xnorloom_sim.other  # noqa: B018


def test_import_is_cheap():
    program = "import sys, xnorloom_sim; print({'numpy', 'amaranth', 'onnx'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "set()\n"
