# amaranth: UnusedElaboratable=no
"""The public face of the package: its names, and models by name, file and format."""

import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

import xnorloom
from xnorloom.errors import ModelFileError
from xnorloom_cli.main import main

NAMES = {"Conv", "Dense", "Fold", "Graph", "Input", "Network", "Pool", "Schedule", "Score",
         "Window", "automatic_schedule", "errors", "fit_schedule", "import_model", "load",
         "write_verilog"}


def test_names():
    assert {name for name in dir(xnorloom) if not name.startswith("_")} == NAMES
    for name in NAMES:
        assert getattr(xnorloom, name) is not None
    namespace = {}
    exec("from xnorloom import *", namespace)
    assert NAMES <= set(namespace)


def test_no_other_name():
    with pytest.raises(AttributeError, match="^module 'xnorloom' has no attribute 'Layer'$"):
        xnorloom.Layer  # noqa: B018


def test_nothing_heavy_is_imported_before_it_is_used():
    script = "import sys, xnorloom; print([n for n in ('numpy', 'amaranth') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize("name", ["tfc", "sfc", "sfc8", "sfc8-fashion"])
def test_bundled_models(name):
    assert xnorloom.load(name).name == name


def test_from_a_model_to_verilog(tmp_path):
    graph = xnorloom.load("tfc")
    schedule = xnorloom.fit_schedule(graph, "iCE40HX8K", interval=3000)
    network = xnorloom.Network(schedule.bind(graph))
    paths = xnorloom.write_verilog(network, tmp_path)
    assert [path.name for path in paths] == ["bnn_tfc.v", "manifest.json"]
    assert network.interval <= 3000
    assert xnorloom.automatic_schedule(graph, 98).bind(graph).interval == 98


def test_files(tmp_path, random_graph):
    graph = random_graph(np.random.default_rng(0), (6, 3))
    graph.save(tmp_path / "mine.bnn")
    assert xnorloom.load(tmp_path / "mine.bnn") == graph
    assert xnorloom.load(str(tmp_path / "mine.bnn")) == graph
    # A file comes before a bundled model.
    graph.save(tmp_path / "tfc")
    assert xnorloom.load(tmp_path / "tfc") == graph


def test_modules():
    import torch

    from xnorloom.nn import BinaryLinear, Pixels, Scores, Sign
    module = torch.nn.Sequential(torch.nn.Flatten(), Pixels(1), BinaryLinear(9, 4), Sign(),
                                 BinaryLinear(4, 2), Scores(4, 2)).eval()
    lowered = xnorloom.import_model(module, shape=(3, 3), input="u8")
    assert [layer.inputs for layer in lowered.graph.layers] == [9, 4]
    with pytest.raises(ValueError, match="^a PyTorch module needs shape=, the shape of one frame"):
        xnorloom.import_model(module)


def test_summary(capsys):
    graph = xnorloom.load("tfc")
    assert graph.summary() is None
    printed = capsys.readouterr().out
    assert main(["info", "tfc"]) == 0
    assert capsys.readouterr().out == printed
    assert "dense0  dense     784" in printed


def test_notebooks(random_graph):
    graph = random_graph(np.random.default_rng(0), (6, 3, 2))
    hostile = xnorloom.Graph("<b>", graph.input, graph.layers)
    plan = xnorloom.automatic_schedule(hostile, 4).bind(hostile)
    for shown in (hostile, plan):
        html = shown._repr_html_()
        root = ElementTree.fromstring(html)
        assert root.tag == "table"
        assert "<b>" not in html and "&lt;b&gt;" in html
        header = [cell.text for cell in root.iter("th")]
        rows = [[cell.text for cell in row] for row in root.iter("tr")][1:]
        assert all(len(row) == len(header) for row in rows)
        assert rows[0][0] == "dense0"
    assert len(repr(hostile)) < 80


@pytest.mark.parametrize("model, options, error, message", [
    ("nonsense", {}, ModelFileError,
     "model 'nonsense' is neither a file nor one of the bundled models cnv-digits, "
     "fashion-cnn, mnist-cnn-accurate, mnist-cnn, sfc, sfc8-fashion, sfc8, sparse-mnist, tfc, "
     "vowels"),
    ("tfc", dict(input="u8"), ValueError,
     "input is only for a model of another tool, not for 'tfc'"),
    ("tfc", dict(score_bits=8), ValueError,
     "score_bits is only for a model of another tool, not for 'tfc'"),
])
def test_load_wrong(model, options, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        xnorloom.load(model, **options)


def test_import_wrong(tmp_path):
    for what, value in (("shape", (3,)), ("name", "net")):
        message = f"^{what} is only for a PyTorch module: a file holds the {what}$"
        with pytest.raises(ValueError, match=message):
            xnorloom.import_model("net.onnx", **{what: value})
    with pytest.raises(ModelFileError, match="none.bnn"):
        xnorloom.load(tmp_path / "none.bnn")


def test_fit_wrong():
    graph = xnorloom.load("tfc")
    with pytest.raises(ValueError, match="^device must be one of iCE40HX1K, .*, not 'XC7A35T'$"):
        xnorloom.fit_schedule(graph, "XC7A35T")
    with pytest.raises(TypeError, match="^device must be a Device or its name, not 5$"):
        xnorloom.fit_schedule(graph, 5)
