"""Models with FINN's Im2Col, XnorPopcountMatMul and MaxPoolNHWC in qonnx, beside their program."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from xnorloom.frontend import load
from xnorloom_sim.runtimes.select import run

FINN = "qonnx.custom_op.general"
SHAPES = {"t": (5, 6, 3), "bits": (5, 6, 3), "patches": (5, 3, 18), "counts": (5, 3, 4),
          "fires": (5, 3, 4), "pooled": (2, 3, 4), "flat": (24,)}


def model(rng):
    def finn(op, inputs, output, **attributes):
        return helper.make_node(op, inputs, [output], domain=FINN, **attributes)

    def bits(*shape):
        return rng.integers(0, 2, shape)
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1]),
        finn("MultiThreshold", ["t", "half"], "bits", data_layout="NHWC"),
        finn("Im2Col", ["bits"], "patches", kernel_size=[2, 3], stride=[1, 2], depthwise=0,
             pad_amount=[1, 1, 0, 1], input_shape="(1,5,6,3)", dilations=[1, 1]),
        finn("XnorPopcountMatMul", ["patches", "w"], "counts"),
        finn("MultiThreshold", ["counts", "thresholds"], "fires", data_layout="NHWC"),
        finn("MaxPoolNHWC", ["fires"], "pooled", kernel_shape=[2, 1], strides=[2, 1],
             pads=[0, 0, 0, 0]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        finn("XnorPopcountMatMul", ["flat", "v"], "y")]
    constants = {"half": np.full((1, 1), 0.5), "w": bits(18, 4), "v": bits(24, 3),
                 "thresholds": rng.integers(7, 11, (4, 1))}
    entry, result = (helper.make_tensor_value_info(name, 1, [1, *shape])
                     for name, shape in (("x", (3, 5, 6)), ("y", (3,))))
    graph = helper.make_graph(nodes, "lowered", [entry], [result], [
        numpy_helper.from_array(value.astype(np.float32), name)
        for name, value in constants.items()])
    # MaxPoolNHWC needs the shapes that FINN's files have.
    graph.value_info.extend(helper.make_tensor_value_info(name, 1, [1, *shape])
                            for name, shape in SHAPES.items())
    return helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17), helper.make_opsetid(FINN, 1)])


def test_patches_in_qonnx(tmp_path):
    rng = np.random.default_rng(1)
    path = tmp_path / "lowered.onnx"
    onnx.save(model(rng), path)
    frames = rng.integers(0, 2, (5, 3, 5, 6)).astype(np.float32)
    program = load(path)
    mine = {step.tensor: result for step, result in zip(program.steps, program.run(frames))}
    names = ["counts", "fires", "pooled", "y"]
    for name, theirs in run(path, frames, names).items():
        np.testing.assert_array_equal(mine[name], theirs, err_msg=name)
