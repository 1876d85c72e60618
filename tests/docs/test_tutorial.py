"""Program of the tutorial, and its commands, but a server and those of a board."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text()
# The rest of the commands: pip, a server, and those for a board.
LEFT_OUT = ("pip ", "xnorloom serve", "xnorloom flash",
            "xnorloom run digits.bnn --board icebreaker")
BUILD = "xnorloom build"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


def check(folder: Path, images: str, leave_out: tuple[str, ...]) -> list[str]:
    """Run the page in a folder, with so many training images. Returns the commands."""
    [program] = blocks("python")
    assert "randperm(20_000)" in program
    text = program.replace("randperm(20_000)", f"randperm({images})")
    lines = [[sys.executable, "-W", "ignore", "-c", text]]
    commands = [command for block in blocks("sh") for command in block.splitlines()
                if not command.startswith(leave_out)]
    lines += [[sys.executable, "-m", *shlex.split(command)] for command in commands]
    for line in lines:
        result = subprocess.run(line, cwd=folder, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr
    return commands


def test_left_out():
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    for start in (*LEFT_OUT, BUILD):
        assert any(line.startswith(start) for line in lines), start


def test_tutorial(tmp_path):
    assert len(check(tmp_path, "2_000", (*LEFT_OUT, BUILD))) >= 3
    assert (tmp_path / "digits.bnn").exists()


@pytest.mark.full
def test_whole_tutorial(tmp_path):
    check(tmp_path, "20_000", LEFT_OUT)
    # The last block names this file.
    assert "build/digits-icebreaker.bin" in PAGE
    assert (tmp_path / "build" / "digits-icebreaker.bin").stat().st_size > 100_000
    assert (tmp_path / "build" / "report.html").exists()
