"""Brevitas example, in a process of its own: a briefly trained network is imported exactly."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from xnorloom.graph import Graph
from xnorloom.graph.pixels import encode
from xnorloom_sim import data, golden

EXAMPLE = Path(__file__).parents[2] / "examples" / "brevitas_mnist.py"


@pytest.mark.parametrize(("net", "exporter", "sizes"), [
    ("tfc", "torchscript", [64, 64, 64, 10]),
    ("sfc", "dynamo", [256, 256, 256, 10]),
], ids=["tfc", "sfc"])
def test_brevitas(tmp_path, net, exporter, sizes):
    done = subprocess.run(
        [sys.executable, EXAMPLE, "--net", net, "--exporter", exporter, "--epochs", "2",
         "--limit", "2000", "-o", "net.onnx"],
        cwd=tmp_path, text=True, stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert sum(line.startswith("epoch ") for line in lines) == 2
    right = [int(count) for count in re.findall(r"(\d+) of 10000 test images right", done.stdout)]
    assert len(right) == 2
    assert right[0] == right[1]
    assert lines[-2:] == [
        "wrote net.onnx and net.bnn",
        "compare every layer: xnorloom verify net.onnx --input u8/255 --data mnist:test"]
    graph = Graph.load(tmp_path / "net.bnn")
    assert [layer.neurons for layer in graph.layers] == sizes
    assert (graph.input.bits, graph.input.pixel_thresholds) == (1, None)
    testing = data.load("mnist:test")
    classes = golden.evaluate(graph, encode(graph.input, testing.images)).classes
    assert (classes == testing.labels).sum() == right[0]
    # Training helps: no constant answer is right so often. How much it helps is a matter of
    # rounding, and so of the processor.
    assert right[0] > 1.2 * np.bincount(testing.labels).max()
