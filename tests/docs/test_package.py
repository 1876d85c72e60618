"""Distribution packages: contents of the wheel and of the source archive, and their metadata."""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from xnorloom.graph import Graph
from xnorloom.graph.bundled import bundled

ROOT = Path(__file__).parents[2]
ROOTS = {"hdl": "xnorloom", "sim": "xnorloom_sim", "boards": "xnorloom_boards",
         "cli": "xnorloom_cli"}
MODELS = sorted(path.name for path in (ROOT / "models").glob("*.bnn"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Path of the wheel."""
    [path] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")),
                                           versions=["standard"])
    return Path(path)


def test_wheel(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {path.relative_to(ROOT / root).as_posix() for root, package in ROOTS.items()
              for path in (ROOT / root / package).rglob("*")
              if path.is_file() and path.suffix != ".pyc"}
    assert names - {f"xnorloom/bundled/{name}" for name in (*MODELS, "README.md")} == wanted
    assert {f"xnorloom/bundled/{name}" for name in MODELS} < names


def test_models_of_the_source_tree():
    assert [path.name for path in bundled().values()] == MODELS
    assert list(bundled()) == [Path(name).stem for name in MODELS]
    for path in bundled().values():
        assert path.parent == ROOT / "models"


def test_models_of_the_wheel(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    program = ("import xnorloom\n"
               "from xnorloom.graph.bundled import bundled\n"
               "for name, path in bundled().items():\n"
               "    print(name, xnorloom.load(name).digest, path)\n")
    done = subprocess.run([sys.executable, "-c", program], text=True, capture_output=True,
                          cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"{path.stem} {Graph.load(path).digest} {tmp_path / 'xnorloom' / 'bundled' / path.name}"
        for path in bundled().values()]


def test_source_archive(tmp_path):
    [path] = SdistBuilder(str(ROOT)).build(directory=str(tmp_path))
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"models/{name}" for name in MODELS} < names
    assert {"README.md", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "Makefile",
            "docs/README.md"} < names


def test_metadata(wheel):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("/METADATA")]
        metadata = archive.read(name).decode()
    for label, address in project["urls"].items():
        assert f"Project-URL: {label}, {address}\n" in metadata
    assert "License-Expression: BSD-2-Clause\n" in metadata
    assert "\n# xnorloom\n" in metadata


def test_citation():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = (ROOT / "CITATION.cff").read_text()
    values = dict(re.findall(r"^([\w-]+): (.+)$", citation, re.M))
    assert values["version"] == project["version"]
    assert values["license"] == project["license"]
    assert values["repository-code"] == project["urls"]["Source"]
