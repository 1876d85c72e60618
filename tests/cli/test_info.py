"""``xnorloom info``."""

import json
import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from xnorloom.graph import Conv, Dense, Graph, Input, Pool, Score, Window
from xnorloom_cli.main import main


def test_info(run_json, model):
    values = run_json("info", model)
    graph = Graph.load(model)
    assert values["name"] == "toy"
    assert values["digest"] == graph.digest
    assert values["input"] == {"shape": [6, 5], "bits": 3, "cuts": None, "meaning": None}
    assert values["synapses"] == values["weight_bits"] == 30 * 7 + 7 * 4
    assert values["classes"] == 4
    assert [(e["name"], e["kind"], e["inputs"], e["neurons"]) for e in values["layers"]] == [
        ("dense0", "dense", 30, 7), ("score", "score", 7, 4)]
    # Thresholds go from 0 to 30 * 7 + 1.
    assert [e["threshold_bits"] for e in values["layers"]] == [7 * 8, 0]


def test_info_text(run, model):
    text = run("info", model)
    assert re.search(r"^input    6 x 5 = 30 elements of 3 bits$", text, re.MULTILINE)
    assert re.search(r"^total .* 238 ", text, re.MULTILINE)


def test_info_maps(run, run_json, tmp_path):
    window = Window((3, 3), padding=(1, 1, 1, 1), pad=0)
    Graph("cnn", Input((6, 5)), (
        Conv("conv", np.ones((2, 3, 3, 1), int), [4, 5], window, Pool((2, 2))),
        Score("score", np.ones((2, 12), int), [0, 0]))).save(tmp_path / "cnn.bnn")
    entry = run_json("info", str(tmp_path / "cnn.bnn"))["layers"][0]
    assert (entry["kind"], entry["map"], entry["output_map"]) == ("conv", [6, 5, 1], [3, 2, 2])
    text = run("info", str(tmp_path / "cnn.bnn"))
    assert re.search(r"^conv .* 6x5x1 +3x2x2 +3x3, padding 1 of code 0, pool 2x2$", text,
                     re.MULTILINE)


def test_info_bundled(run_json, bundled):
    assert run_json("info", "tfc")["digest"] == bundled.digest


def test_info_wrong_name(wrong):
    wrong("model 'tcf' is neither a file nor one of the bundled models .*tfc.*", "info", "tcf")


@pytest.fixture
def dead(tmp_path):
    """A model file whose only dense layer is constant."""
    layers = (Dense("first", np.ones((5, 6), int), [0, 0, 7, 7, 0]),
              Score("last", np.eye(2, 5, dtype=int), [0, 1]))
    Graph("dead", Input((6,)), layers).save(tmp_path / "dead.bnn")
    return tmp_path / "dead.bnn"


WARNING = "layer first: all 5 neurons are constant, so that the network ignores its input"


def test_info_constant(run_json, run, dead):
    values = run_json("info", dead)
    assert [entry["constant"] for entry in values["layers"]] == [5, 2]
    assert values["warnings"][0] == WARNING
    assert f"\nwarning  {WARNING}\n" in run("info", dead)
    assert values["warnings"] == ["layer first: all 5 neurons are constant, so that the network "
                                  "ignores its input", "the class is 1 for every input"]


IDEAS = {  # nodes between a sum of ±1 and the next layer, in whose table a sign has one value
    "ReLU, then sign": [("Relu", ()), ("GreaterOrEqual", ("zero",)), ("Where", ("one", "minus"))],
    "squared": [("Mul", ("itself",)), ("GreaterOrEqual", ("zero",)), ("Where", ("one", "minus"))],
    "beyond the range": [("GreaterOrEqual", ("hundred",)), ("Where", ("one", "minus"))],
}


@pytest.mark.parametrize("nodes", IDEAS.values(), ids=IDEAS)
def test_import_constant(nodes, tmp_path, capsys):
    rng = np.random.default_rng(1)
    arrays = {"w": np.sign(rng.normal(size=(6, 5))), "v": np.sign(rng.normal(size=(5, 2))),
              "zero": 0.0, "one": 1.0, "minus": -1.0, "hundred": 100.0}
    made, last = [helper.make_node("MatMul", ["x", "w"], ["t"])], "t"
    for number, (kind, others) in enumerate(nodes):
        others = [last if name == "itself" else name for name in others]
        made.append(helper.make_node(kind, [last, *others], [f"t{number}"]))
        last = f"t{number}"
    made.append(helper.make_node("MatMul", [last, "v"], ["y"]))
    graph = helper.make_graph(
        made, "dead", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(np.asarray(array, np.float32), name)
         for name, array in arrays.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
              tmp_path / "dead.onnx")
    options = [str(tmp_path / "dead.onnx"), "--input", "bipolar"]
    warning = WARNING.replace("first", "dense0")
    for command in (["import", *options, "-o", str(tmp_path / "dead.bnn")], ["info", *options]):
        assert main([*command, "--json"]) == 0
        output, error = capsys.readouterr()
        assert json.loads(output)["warnings"][0] == warning
        assert f"xnorloom: warning: dead.onnx: {warning}\n" in error
    # The model file tells without its source.
    assert main(["info", str(tmp_path / "dead.bnn"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["warnings"][0] == warning
