"""Examples, each run in a process of its own, as a user starts them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name, *arguments, cwd):
    """Run an example; return its standard output as lines. It must succeed in silence."""
    done = subprocess.run([sys.executable, EXAMPLES / name, *arguments], cwd=cwd, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_first_network(tmp_path):
    lines = run("first_network.py", cwd=tmp_path)
    assert any(line.startswith("512 pictures in ") for line in lines)
    assert [line.strip() for line in lines if line.startswith("     ")] == [
        "###", "...", "...", "horizontal [4, 2, 3]",
        "#..", "#..", "#..", "vertical [2, 4, 3]",
        "#.#", ".#.", "#.#", "neither [3, 3, 4]",
    ]
    written = sorted(path.name for path in (tmp_path / "first-network").iterdir())
    assert written == ["bnn_lines.v", "manifest.json"]
    manifest = json.loads((tmp_path / "first-network" / "manifest.json").read_text())
    assert manifest["interval"] == 6
    assert "module bnn_lines(" in (tmp_path / "first-network" / "bnn_lines.v").read_text()


def test_first_network_on_the_page():
    page = (EXAMPLES.parent / "docs" / "python.md").read_text()
    program = (EXAMPLES / "first_network.py").read_text().splitlines()
    excerpt = page.split("```python\n")[1].split("```")[0].splitlines()
    assert [line for line in excerpt if line and line not in program] == []


def test_first_network_prints_what_the_page_says(tmp_path):
    page = (EXAMPLES.parent / "docs" / "python.md").read_text()
    shown = page.split("It prints\n\n```\n")[1].split("```")[0].splitlines()
    assert run("first_network.py", cwd=tmp_path)[:len(shown)] == shown


def test_first_network_elsewhere(tmp_path):
    lines = run("first_network.py", str(tmp_path / "out"), cwd=tmp_path)
    assert lines[-1] == f"wrote {tmp_path / 'out' / 'manifest.json'}"


def test_camera(tmp_path):
    """A network that is fast enough loses no pixel; a slower one says so. As the page shows."""
    lines = run("camera.py", str(tmp_path), cwd=tmp_path)
    page = (EXAMPLES.parent / "docs" / "amaranth.md").read_text()
    assert page.split("## A camera\n")[1].split("```\n")[1].splitlines() == lines[:-1]
    assert lines[-1] == f"wrote {tmp_path / 'camera.v'}"
    assert "module camera(" in (tmp_path / "camera.v").read_text()


@pytest.mark.parametrize("name", ["train_mnist.py", "train_mnist_cnn.py", "train_cnv.py",
                                  "train_vowels.py", "vowels.py"])
def test_training_explains_itself(name, tmp_path):
    assert run(name, "--help", cwd=tmp_path)[0].startswith(f"usage: {name}")
