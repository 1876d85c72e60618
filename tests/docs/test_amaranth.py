# amaranth: UnusedElaboratable=no
"""Program of docs/amaranth.md, in a process of its own and with stalls."""

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from xnorloom_sim import harness

PAGE = (Path(__file__).parents[2] / "docs" / "amaranth.md").read_text()
[PROGRAM] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)


def test_program(tmp_path):
    done = subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], cwd=tmp_path, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == PAGE.split("It prints\n\n```\n")[1].split("```")[0]
    assert re.search(r"^module pair\(", (tmp_path / "pair.v").read_text(), re.M)


def test_stalls(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "two_networks"}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(PROGRAM, "amaranth.md", "exec"), names)
    words = names["pack_frames"](names["plan"], names["pictures"][:100])
    trace = harness.run(names["pair"], words, 100, stall=harness.Stall(5, 0.4, 0.4))
    np.testing.assert_array_equal(trace.outputs, names["trace"].outputs[:100])
