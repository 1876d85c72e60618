"""``xnorloom export``: ONNX files."""

import numpy as np
import onnxruntime

from xnorloom.graph import Graph, Input, Score
from xnorloom_sim.golden import evaluate


def test_export(run, run_json, model, tmp_path):
    path = tmp_path / "toy.onnx"
    values = run_json("export", model, "-o", path)
    graph = Graph.load(model)
    assert values == {"name": "toy", "digest": graph.digest, "file": str(path),
                      "input": {"shape": [6, 5], "bits": 3}}
    frames = np.random.default_rng(1).integers(0, 8, (20, 6, 5), dtype=np.uint8)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    [scores] = session.run(["scores"], {"frames": frames})
    assert np.array_equal(scores, evaluate(graph, frames).scores)
    assert run("export", model, "-o", path) == (
        f"toy: elements of 6 x 5 in 0 to 7, scores and class of 4 classes\n\nwrote {path}\n")


def test_wrong(wrong):
    wrong(r"argument --output: must name an ONNX file, such as net\.onnx, not 'net\.bnn'",
          "export", "toy.bnn", "-o", "net.bnn")
    wrong(r"model file none\.bnn cannot be read: No such file or directory",
          "export", "none.bnn", "-o", "net.onnx")
    wrong(r"file no/net\.onnx cannot be written: .+", "export", "toy.bnn", "-o", "no/net.onnx")


def test_thermometer(run_json, run, tmp_path):
    graph = Graph(
        "cuts", Input((2, 3, 4), thermometer=(9, 99)), (Score("s", np.ones((2, 24), int), [0, 1]),)
    )
    graph.save(tmp_path / "cuts.bnn")
    assert run_json("export", tmp_path / "cuts.bnn", "-o", tmp_path / "cuts.onnx")["input"] == {
        "shape": [2, 3, 2],
        "bits": 8,
    }
    assert run("export", tmp_path / "cuts.bnn", "-o", tmp_path / "cuts.onnx").startswith(
        "cuts: pixels of 2 x 3 x 2 in 0 to 255, scores and class of 2 classes\n"
    )
