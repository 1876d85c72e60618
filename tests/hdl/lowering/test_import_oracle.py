"""References of the comparisons: two independent ways to run a source agree."""

import numpy as np
import onnx
import pytest

from xnorloom_sim import data

BREVITAS = "tfc_1w1a_mnist_brevitas_qonnx_torchscript"


@pytest.fixture(scope="module")
def numbers():
    return data.bundled().images[:8, np.newaxis] / np.float32(255)


@pytest.mark.parametrize("name", [BREVITAS, "tfc_finn_streamlined", "tfc_finn_xnor"])
def test_qonnx_gives_the_same(sources, numbers, name):
    path = sources.kept(name)
    run = sources.run(path, numbers)
    tensors = [node.input[0] for node in sources.products(onnx.load(path).graph)]
    for index, frame in enumerate(numbers):
        context, output = sources.qonnx(path, frame[np.newaxis])
        for activations, tensor in zip(run.activations, tensors[1:]):
            np.testing.assert_array_equal(activations[index], context[tensor][0] > 0)
        np.testing.assert_array_equal(run.scores[index], output[0])


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_all_frames_at_once_as_one_by_one(sources, numbers, exporter):
    path = sources.brevitas("tfc", exporter)
    once, single = sources.run(path, numbers), sources.run(path, numbers, exactly=True)
    np.testing.assert_array_equal(once.scores, single.scores)
    for a, b in zip(once.activations, single.activations, strict=True):
        np.testing.assert_array_equal(a, b)
