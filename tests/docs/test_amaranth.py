"""Program of docs/amaranth.md, in a process of its own."""

import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "amaranth.md").read_text()


def test_program(tmp_path):
    [program] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=tmp_path, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == PAGE.split("It prints\n\n```\n")[1].split("```")[0]
    assert re.search(r"^module pair\(", (tmp_path / "pair.v").read_text(), re.M)
