# amaranth: UnusedElaboratable=no
"""Names of networks, which must never decide whether a command works."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorloom.export import verilog
from xnorloom.export.names import check_name, file_stem, module_name
from xnorloom.gateware.network import Network
from xnorloom.graph import Graph
from xnorloom.schedule import Fold, Schedule

NAMES = {
    "56": "x" * 56, "57": "x" * 57, "hyphen-47": "x" * 46 + "-", "hyphen-48": "x" * 47 + "-",
    "hyphen-49": "x" * 48 + "-", "60": "x" * 60, "300": "x" * 300, "5000": "x" * 5000,
    "unicode": "é" * 200, "wide": "日本語" * 40, "keyword": "module", "keyword-2": "always_comb",
    "command": "compile", "command-2": "build", "option": "--help", "parent": "..", "root": "/",
    "path": "../a/b", "digit": "0", "blank": " ", "top": "top", "device": "con", "quote": "a`b$'\"",
    "issue": "tfc-w1a1-mnist-brevitas-epoch100-batchnorm-folded",
}


@pytest.fixture(scope="module")
def named(random_graph):
    """``named(name)``: a network whose graph has this name."""
    graph = random_graph(np.random.default_rng(1), (6, 4, 3))
    schedule = Schedule(2, (Fold(1, 2, "lut"), Fold(1, 2, "lut")))

    def make(name):
        return Network(schedule.bind(Graph(name, graph.input, graph.layers)))
    return make


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_default(named, name):
    network = named(name)
    module = module_name(network)
    assert check_name(module) == module
    assert module.startswith("bnn_") and len(module) <= 60
    plain = f"bnn_{name}"
    if re.fullmatch(r"\w{1,60}", plain, re.ASCII):
        assert module == plain
    else:
        assert module.endswith(f"_{network.graph.digest[:8]}")
    # The name of the manifest is checked again.
    assert module_name(network, module) == module


@pytest.mark.parametrize("name", [*map(NAMES.get, ("57", "hyphen-48", "300", "wide", "issue"))])
def test_write(named, tmp_path, name):
    network = named(name)
    paths = verilog.write(network, tmp_path)
    module = module_name(network)
    assert [path.name for path in paths] == [f"{module}.v", "manifest.json"]
    assert re.search(rf"^module {module}\(", paths[0].read_text(), re.M)
    manifest = json.loads(paths[1].read_text())
    assert (manifest["module"], manifest["graph"]["name"]) == (module, name)


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=300))
def test_any_name(named, name):
    network = named(name)
    assert check_name(module_name(network))
    stem = file_stem(network.graph)
    assert re.fullmatch(r"[A-Za-z0-9_.]{1,100}", stem) and stem[0] not in "_."


@pytest.mark.parametrize("name, stem", [
    ("tfc", "tfc"), ("my net", "my_net"), ("net-1.5", "net_1.5"), ("..", "network"),
    ("../../etc/passwd", "etc_passwd"), ("日本", "network"), ("x" * 100, "x" * 100)])
def test_file_stem(named, name, stem):
    assert file_stem(named(name).graph) == stem


def test_file_stem_cut(named):
    graph = named("x" * 101).graph
    assert file_stem(graph) == f"{'x' * 91}_{graph.digest[:8]}"
