"""Page docs/wired.md: its programs and its picture."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "wired.md").read_text()
IMAGES = ROOT / "docs" / "images"


def test_programs(capsys):
    """The second has the names of the first."""
    programs = re.findall(r"^```python\n(.*?)^```\n\n^```\n(.*?)^```$", PAGE, re.M | re.S)
    assert len(programs) == 2
    names = {}
    for program, printed in programs:
        exec(compile(program, "wired.md", "exec"), names)
        assert capsys.readouterr().out == printed


def test_picture(tmp_path):
    subprocess.run([sys.executable, IMAGES / "wired.py", tmp_path], check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["wired-tree.svg"]
    assert (tmp_path / "wired-tree.svg").read_text() == (IMAGES / "wired-tree.svg").read_text()
    assert "(images/wired-tree.svg)" in PAGE
