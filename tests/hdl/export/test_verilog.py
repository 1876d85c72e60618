# amaranth: UnusedElaboratable=no
"""Verilog and manifest: deterministic, complete, consistent with the ports."""

import json
import os
import re
import tempfile

import numpy as np
import pytest

from xnorloom.errors import ToolError
from xnorloom.export import verilog
from xnorloom.export.manifest import manifest
from xnorloom.export.names import module_name
from xnorloom.folding import automatic
from xnorloom.gateware.network import Network
from xnorloom.graph import Conv, Graph, Input, Pool, Score, Window
from xnorloom.schedule import Fold, Schedule


@pytest.fixture
def network(random_graph):
    graph = random_graph(np.random.default_rng(3), [21, 8, 5], bits=2)
    return Network(automatic(graph, 30).bind(graph), scores=True)


def test_the_same_network_gives_the_same_text(random_graph):
    texts = set()
    for _ in range(2):
        graph = random_graph(np.random.default_rng(3), [21, 8, 5], bits=2)
        texts.add(verilog.convert(Network(automatic(graph, 30).bind(graph)), "core"))
    assert len(texts) == 1
    text = texts.pop()
    # No source locations: the text is the same wherever the package lies.
    assert ".py" not in text and "src" not in text


def test_no_wire_is_named_as_a_bit_of_another(network):
    # What such names do to synthesis, see the regular expression in verilog.py.
    text = verilog.convert(network)
    assert r"\o__payload$" in text
    assert not re.findall(r"\\\S+\[\d+\]", text)


def test_ports_of_the_manifest_are_those_of_the_module(network, tmp_path):
    paths = verilog.write(network, tmp_path / "new" / "directory")
    assert [path.name for path in paths] == ["bnn_random.v", "manifest.json"]
    text = paths[0].read_text()
    ports = json.loads(paths[1].read_text())["ports"]
    module = text[text.index("module bnn_random("):]
    names = re.match(r"module bnn_random\((.*?)\);", module)[1].split(", ")
    assert sorted(names) == sorted(port["name"] for port in ports)
    for port in ports:
        extent = f"[{port['width'] - 1}:0] " if port["width"] > 1 else ""
        assert f"\n  {port['direction']} {extent}{port['name']};" in module


def test_manifest_of_a_frame_by_pixel():
    """Pixels one after the other, each with its bit planes."""
    graph = Graph("cnn", Input((3, 4, 5), 2), (
        Conv("conv", np.ones((2, 3, 3, 5), int), [9, 9], Window((3, 3))),
        Score("score", np.ones((2, 4), int), [0, 1])))
    schedule = Schedule(2, (Fold(2, 5, "block"), Fold(2, 4, "wired")))
    values = manifest(Network(schedule.bind(graph)))["input"]
    assert {"words_per_frame": 72, "pixels": 12, "planes": 2, "words_per_plane": 3,
            "word_bits": 2}.items() <= values.items()
    assert values["order"] == (
        "pixels, rows from the top and each from the left; for each pixel bit planes, the most "
        "significant first; in each plane the channels of the pixel, word_bits per word, the first "
        "in bit 0; each plane starts a new word; bits after its last channel are ignored")


def test_manifest_of_words_of_pixels():
    graph = Graph("cnn", Input((3, 5, 2), 3), (
        Conv("conv", np.ones((2, 3, 3, 2), int), [9, 9], Window((3, 3)), Pool((1, 3))),
        Score("score", np.ones((2, 2), int), [0, 1])))
    schedule = Schedule(6, (Fold(2, 18, "block", vectors=3), Fold(2, 2, "wired")))
    values = manifest(Network(schedule.bind(graph)))["input"]
    assert {"words_per_frame": 3 * 2 * 3, "pixels": 15, "pixels_per_word": 3, "planes": 3,
            "words_per_plane": 1, "word_bits": 6}.items() <= values.items()
    assert values["order"] == (
        "pixels, rows from the top and each from the left, 3 of a row together; for each 3 pixels "
        "bit planes, the most significant first; in each plane the channels of the first pixel, "
        "then those of the next, word_bits per word, the first in bit 0; each plane starts a new "
        "word; bits after its last channel are ignored, and so are pixels after the last of a row")


def test_manifest(network):
    values = manifest(network)
    assert values["graph"]["digest"] == network.graph.digest
    assert (values["latency"], values["interval"]) == (network.latency, network.interval)
    assert values["input"]["words_per_frame"] == network.plan.words
    assert values["input"]["words_per_plane"] * 2 == network.plan.words
    fields = values["output"]["fields"]
    assert [field["name"] for field in fields] == ["class", *(f"score of class {c}"
                                                             for c in range(5))]
    # The fields lie side by side and fill the payload.
    end = 0
    for field in fields:
        assert field["low_bit"] == end
        end += field["width"]
    assert {"name": "o__payload", "width": end}.items() <= values["ports"][5].items()
    assert values["schedule"] == network.schedule.as_json(network.graph)
    assert json.loads(json.dumps(values)) == values
    classes = manifest(Network(network.schedule.bind(network.graph)))["output"]["fields"]
    assert classes == [{"name": "class", "low_bit": 0, "width": 3, "signed": False}]


@pytest.mark.parametrize("name", ["small", "module", "7 of 9", "größe"])
def test_module_names_are_plain_identifiers(random_graph, name):
    graph = random_graph(np.random.default_rng(3), [4, 2])
    network = Network(automatic(graph, 2).bind(Graph(name, graph.input, graph.layers)))
    module = module_name(network)
    assert re.fullmatch(r"bnn_[0-9A-Za-z_]+", module)
    assert f"module {module}(" in verilog.convert(network, module)


def test_yosys_fails(network, monkeypatch):
    def fail(*args, **kwargs):
        raise verilog.YosysError("first\nERROR: no luck\n")

    monkeypatch.setattr(verilog.verilog, "convert", fail)
    with pytest.raises(ToolError, match="^Yosys cannot write Verilog of 'core': ERROR: no luck$"):
        verilog.convert(network, "core")


def test_the_variable_of_the_user_comes_back(network, monkeypatch):
    monkeypatch.setenv("AMARANTH_USE_YOSYS", "system")
    verilog.convert(network)
    assert verilog.os.environ["AMARANTH_USE_YOSYS"] == "system"


@pytest.mark.parametrize(
    "variables",
    [{"HOME": "/dev/null"}, {"XDG_CACHE_HOME": "/dev/null/cache"}],
    ids=["HOME", "XDG_CACHE_HOME"],
)
def test_no_writable_cache(network, monkeypatch, tmp_path, variables):
    expected = verilog.convert(network)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    assert verilog.convert(network) == expected
    assert dict(os.environ) == before
    assert list(scratch.iterdir()) == []
