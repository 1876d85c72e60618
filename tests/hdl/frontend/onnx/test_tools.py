"""Files of other tools: the program equals ONNX Runtime or qonnx, product by product."""

import lzma
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from qonnx.custom_op.registry import getCustomOp

from xnorloom.frontend.onnx.model import load
from xnorloom.frontend.program import Dense, Elementwise

KEPT = Path(__file__).parents[3] / "fixtures" / "onnx"


def session(model: onnx.ModelProto):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options,
                                        providers=["CPUExecutionProvider"])


def tensors(path, frame: np.ndarray) -> dict[str, np.ndarray]:
    """Compute all tensors of a frame, node by node: quantizers in qonnx, others in its runtime."""
    model = onnx.load(path)
    known = {tensor.name: onnx.numpy_helper.to_array(tensor)
             for tensor in model.graph.initializer}
    [name] = [value.name for value in model.graph.input if value.name not in known]
    known[name] = frame[None]
    for node in model.graph.node:
        if node.domain:
            getCustomOp(node).execute_node(known, model.graph)
            continue
        kinds = [(each, known[each]) for each in dict.fromkeys(node.input) if each]
        graph = onnx.helper.make_graph(
            [node], "one", [onnx.helper.make_tensor_value_info(
                each, onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
                for each, value in kinds],
            [onnx.helper.make_empty_tensor_value_info(each) for each in node.output])
        opsets = [opset for opset in model.opset_import if not opset.domain]
        one = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
        known.update(zip(node.output, session(one).run(None, dict(kinds))))
    return known


def same_tensors(path, frames: np.ndarray) -> None:
    """Assert that every step with a named result equals the tensor of the oracle."""
    program = load(path)
    results = program.run(frames)
    checked = 0
    for index, frame in enumerate(frames):
        known = tensors(path, frame)
        for step, result in zip(program.steps, results):
            if step.tensor:
                checked += 1
                np.testing.assert_array_equal(result[index:index + 1], known[step.tensor],
                                              f"{step.name} of frame {index}")
    assert checked >= 5 * len(frames)


@pytest.mark.parametrize("name, inputs", [
    ("larq_mlp_tf2onnx", (-1, 1)), ("tfc_1w1a_mnist_brevitas_qonnx_torchscript", None),
    ("tfc_finn_streamlined", None), ("tfc_finn_xnor", None)])
def test_kept(tmp_path, name, inputs):
    path = tmp_path / "net.onnx"
    path.write_bytes(lzma.decompress((KEPT / f"{name}.onnx.xz").read_bytes()))
    program = load(path)
    rng = np.random.default_rng(1)
    frames = (rng.choice(inputs, (3, *program.shape)) if inputs
              else rng.integers(0, 256, (3, *program.shape)) / 255).astype(np.float32)
    assert [step.weights.shape for step in program.steps if isinstance(step, Dense)] == [
        (784, 64), *[(64, 64)] * (2 if name.startswith("tfc") else 1), (64, 10)]
    assert program.declared_preprocessing is None
    same_tensors(path, frames)


class Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.where(x >= 0, 1.0, -1.0)


class Net(torch.nn.Module):
    """Network of 20 elements, 12 neurons and 3 classes with latent weights."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Parameter(torch.randn(12, 20))
        self.norm = torch.nn.BatchNorm1d(12)
        self.last = torch.nn.Parameter(torch.randn(3, 12))
        self.bias = torch.nn.Parameter(torch.randn(3))
        torch.nn.init.normal_(self.norm.weight)
        torch.nn.init.normal_(self.norm.bias)

    def forward(self, x):
        x = x.view(x.size(0), -1)
        x = Sign.apply(self.norm(x @ Sign.apply(self.first).t()))
        return torch.nn.functional.linear(x, Sign.apply(self.last), self.bias)


# The other exporter takes ten seconds, and treats fixed and free batches alike.
@pytest.mark.parametrize("dynamo, free", [(True, True), (False, True), (False, False)])
def test_torch(tmp_path, dynamo, free):
    torch.manual_seed(2)
    net = Net().eval()
    path = tmp_path / "net.onnx"
    x = np.random.default_rng(3).choice([-1, 1], (6, 4, 5)).astype(np.float32)
    shapes = ({"dynamic_shapes": {"x": {0: torch.export.Dim("batch")}}} if dynamo
              else {"dynamic_axes": {"x": {0: "batch"}}}) if free else {}
    # Warnings of torch's exporters about themselves are irrelevant here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (torch.from_numpy(x[:2]),), str(path), dynamo=dynamo,
                          input_names=["x"], verbose=False, **shapes)
    program = load(path)
    assert [type(step) for step in program.steps if not isinstance(step, Elementwise)][1:] == [
        Dense, Dense]
    oracle = session(onnx.load(path))
    expected = np.concatenate([oracle.run(None, {"x": x[i:i + 2]})[0] for i in range(0, 6, 2)])
    np.testing.assert_array_equal(program.run(x)[program.output.step], expected)


@pytest.mark.parametrize("alpha, beta, inputs, ulps", [
    (1.0, 1.0, 100, 0), (1.0, 3.0, 100, 0), (0.5, 1.0, 100, 0), (0.3, 1.0, 100, 4)])
def test_gemm(tmp_path, alpha, beta, inputs, ulps):
    # With more inputs, and factors that round, results depend on how the runtime splits sums.
    rng = np.random.default_rng(4)
    weights, x = (rng.choice([-1, 1], (count, inputs)).astype(np.float32) for count in (5, 40))
    node = onnx.helper.make_node("Gemm", ["x", "w", "c"], ["y"], alpha=alpha, beta=beta, transB=1)
    graph = onnx.helper.make_graph(
        [node], "g", [onnx.helper.make_tensor_value_info("x", 1, ["N", inputs])],
        [onnx.helper.make_tensor_value_info("y", 1, ["N", 5])],
        [onnx.numpy_helper.from_array(value, name) for name, value in
         (("w", weights), ("c", rng.normal(size=5).astype(np.float32)))])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)],
                                   ir_version=8)
    onnx.save(model, tmp_path / "net.onnx")
    [expected] = session(model).run(None, {"x": x})
    result = load(tmp_path / "net.onnx").run(x)[-1]
    np.testing.assert_allclose(result, expected, rtol=0, atol=ulps * 2.0 ** -22 * 8)
