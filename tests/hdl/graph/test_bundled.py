"""Trained networks by name: folders in their order, and sums that the package pins."""

import hashlib
import re
from pathlib import Path

import pytest

import xnorloom
from xnorloom.errors import ModelFileError
from xnorloom.graph.bundled import bundled, of_graph, pinned

MODELS = Path(__file__).parents[3] / "models"


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """The folder of the variable, and that of the user's data."""
    data = tmp_path / "data" / "xnorloom" / "models"
    named = tmp_path / "named"
    for folder in (data, named):
        folder.mkdir(parents=True)
    monkeypatch.setenv("XNORLOOM_MODELS", str(named))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return named, data


def test_pinned():
    """The table says of each file what it is; models/README.md says the same of its accuracy."""
    readme = (MODELS / "README.md").read_text()
    assert set(pinned()) == {path.stem for path in MODELS.glob("*.bnn")}
    for name, entry in pinned().items():
        content = (MODELS / f"{name}.bnn").read_bytes()
        assert (entry.name, entry.bytes) == (name, len(content))
        assert entry.sha256 == hashlib.sha256(content).hexdigest()
        graph = xnorloom.load(MODELS / f"{name}.bnn")
        assert entry.graph == graph.digest
        assert of_graph(graph.digest) is entry
        [line] = re.findall(rf"^\| `{name}\.bnn` .*", readme, re.MULTILINE)
        assert f"| {entry.images} |" in line
        assert f"{entry.correct:,} of {entry.frames:,} (" in line
    assert of_graph("ab" * 32) is None


def test_places(folders):
    named, data = folders
    assert bundled()["tfc"] == MODELS / "tfc.bnn"
    content = (MODELS / "tfc.bnn").read_bytes()
    for folder in (data, named):
        (folder / "tfc.bnn").write_bytes(content)
        assert bundled()["tfc"] == folder / "tfc.bnn"
        assert xnorloom.load("tfc") == xnorloom.load(MODELS / "tfc.bnn")
    # Files that the package does not know have no names.
    (named / "mine.bnn").write_bytes(content)
    assert "mine" not in bundled()
    assert bundled()["sfc"] == MODELS / "sfc.bnn"


@pytest.mark.parametrize(
    "content",
    [b"", (MODELS / "sfc.bnn").read_bytes(), (MODELS / "tfc.bnn").read_bytes() + b"\0"],
    ids=["empty", "another", "appended"],
)
def test_sum_wrong(folders, content):
    named, _ = folders
    path = named / "tfc.bnn"
    path.write_bytes(content)
    found = hashlib.sha256(content).hexdigest()
    with pytest.raises(
        ModelFileError,
        match=(
            rf"^{re.escape(str(path))} is not the trained network tfc: its SHA-256 is {found}, "
            rf"wanted {pinned()['tfc'].sha256}; name the file by its path to use it nevertheless"
        ),
    ):
        xnorloom.load("tfc")


def test_folder_that_is_missing(folders, monkeypatch, tmp_path):
    monkeypatch.setenv("XNORLOOM_MODELS", str(tmp_path / "none"))
    assert bundled()["tfc"] == MODELS / "tfc.bnn"
