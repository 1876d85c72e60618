"""``xnorloom models``."""

import hashlib
import json

import pytest

from xnorloom.graph.bundled import bundled, pinned
from xnorloom_cli.main import main


@pytest.fixture
def named(tmp_path, monkeypatch):
    """Folder that the variable names."""
    monkeypatch.setenv("XNORLOOM_MODELS", str(tmp_path))
    return tmp_path


def test_models(run, run_json, named):
    found = run_json("models")
    assert [entry["name"] for entry in found] == list(pinned())
    for entry in found:
        path = bundled()[entry["name"]]
        assert entry["path"] == str(path) and entry["state"] == "sound"
        content = path.read_bytes()
        assert entry["bytes"] == len(content)
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
        assert entry["accuracy"] == entry["correct"] / entry["frames"]
    lines = run("models").splitlines()
    assert lines[0].split() == ["name", "bytes", "images", "accuracy", "file", "place"]
    [tfc] = [line for line in lines if line.startswith("tfc ")]
    assert tfc.split()[:6] == ["tfc", "8,966", "MNIST", "95.72", "%", "of"]


def test_altered(capsys, named):
    (named / "tfc.bnn").write_bytes(b"other")
    assert main(["models", "--json"]) == 1
    output, error = capsys.readouterr()
    [tfc] = [entry for entry in json.loads(output) if entry["name"] == "tfc"]
    assert (tfc["state"], tfc["path"]) == ("altered", str(named / "tfc.bnn"))
    assert error.startswith(
        f"xnorloom: warning: {named / 'tfc.bnn'} is not the trained network tfc: its SHA-256 is "
    )
    assert main(["info", "tfc"]) == 2
    assert "is not the trained network tfc" in capsys.readouterr().err


def test_missing(run_json, monkeypatch, named):
    monkeypatch.setattr("xnorloom.graph.bundled._PLACES", ())
    monkeypatch.setenv("XDG_DATA_HOME", str(named / "data"))
    found = run_json("models")
    assert {(entry["state"], entry["path"]) for entry in found} == {("missing", None)}
