"""Programs and commands of the pages under docs/import."""

import lzma
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs" / "import"
FIXTURES = Path(__file__).parents[1] / "fixtures"
# Files that the pages assume, since TensorFlow or FINN makes them.
GIVEN = {"larq.h5": "larq/mnist.h5.xz", "larq.onnx": "larq/mnist.onnx.xz",
         "cnn.h5": "larq/cnn.h5.xz", "finn.onnx": "onnx/tfc_finn_streamlined.onnx.xz"}


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of the fenced blocks of a page, in order."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", (PAGES / page).read_text(), re.M | re.S)


PROGRAMS = ["brevitas.md", "pytorch.md", "modules.md", "larq.md", "finn.md"]
# Fewer training images, and the 500 bundled test images.
SHORTER = {"randperm(20_000)": "randperm(2_000)", "mnist:test": "mnist:bundled"}


def check(page: str, tmp_path: Path, changes: dict[str, str]) -> None:
    """Run all blocks of a page in a folder, after ``changes`` of their text."""
    ran = []
    for name, kept in GIVEN.items():
        (tmp_path / name).write_bytes(lzma.decompress((FIXTURES / kept).read_bytes()))
    for language, text in blocks(page):
        for old, new in changes.items():
            text = text.replace(old, new)
        if language == "python":
            lines = [[sys.executable, "-W", "ignore", "-c", text]]
        else:
            assert language == "sh"
            commands = [shlex.split(line) for line in text.splitlines()]
            assert all(command[0] == "xnorloom" for command in commands)
            lines = [[sys.executable, "-m", *command] for command in commands]
        for line in lines:
            result = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)
            assert result.returncode == 0, result.stdout + result.stderr
            ran.append(line[-1] if language == "python" else line[3])
    assert "verify" in ran


@pytest.mark.parametrize("page", PROGRAMS)
def test_page(page, tmp_path):
    assert all(old in "".join(text for page in PROGRAMS for _, text in blocks(page))
               for old in SHORTER)
    check(page, tmp_path, SHORTER)


@pytest.mark.full
@pytest.mark.parametrize("page", PROGRAMS)
def test_whole_page(page, tmp_path):
    check(page, tmp_path, {})


def test_every_page_is_listed():
    index = (PAGES / "README.md").read_text()
    assert sorted(re.findall(r"\]\((\w+\.md)\)", index)) == sorted(
        path.name for path in PAGES.glob("*.md") if path.name != "README.md")
