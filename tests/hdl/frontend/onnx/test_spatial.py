"""Convolutions and pools of ONNX: equal to ONNX Runtime, or refused by name."""

import re

import numpy as np
import onnx
import onnxruntime
import pytest

from xnorloom.errors import SourceError
from xnorloom.frontend.onnx.model import load
from xnorloom.frontend.program import Conv
from xnorloom.graph import Window

OPSETS = '"": 20, "qonnx.custom_op.general": 1'


def model(body: str, shape: str = "4,5,6", opsets: str = OPSETS) -> onnx.ModelProto:
    """Model of a batch of maps x, with its constants, and a linear layer at the end."""
    rng = np.random.default_rng(7)
    constants = {"w": (3, 4, 3, 2), "g": (6, 2, 2, 2), "d": (4, 1, 3, 3), "l": (3, 4, 2),
                 "b": (3,), "v": (4, 2), "m": (24, 3)}
    tensors = [onnx.numpy_helper.from_array(rng.choice(np.array([-1, 1], np.float32), size), name)
               for name, size in constants.items()]
    made = onnx.parser.parse_model(
        f"<ir_version: 9, opset_import: [{opsets}]> g (float[N,{shape}] x) => (float[N,1] s) "
        f"<int64[8] pads = {{0,0,1,0,0,0,2,1}}, int64[8] on_channels = {{0,1,0,0,0,0,0,0}}, "
        f"int64[8] on_batch = {{1,0,0,0,0,0,0,0}}, int64[8] nothing = {{0,0,0,0,0,0,0,0}}, "
        f"int64[8] crop = {{0,0,-1,0,0,0,0,0}}, int64[8] last = {{0,1,0,0,0,2,1,0}}, "
        f"float minus = {{-1}}, int64[2] both = {{2,3}}, int64[2] inner = {{1,2}}, "
        f"int64[1] three = {{3}}, float two = {{2}}> {{ {body}  f = Flatten(y)  s = Neg(f) }}")
    made.graph.initializer.extend(tensors)
    return made


def saved(tmp_path, *given, **options):
    onnx.save(model(*given, **options), tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


def run_all(path, frames):
    """All tensors of a model in ONNX Runtime, without optimisation, by name."""
    made = onnx.load(path)
    names = [name for node in made.graph.node for name in node.output]
    del made.graph.output[:]
    made.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # Errors only: it warns of constants that a model does not use.
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(made.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    return dict(zip(names, session.run(None, {"x": frames})))


# Name: nodes from x, float[N,4,5,6], to y.
MAPS = {
    "plain": "y = Conv(x, w, b)",
    "strides, dilations, pads": "y = Conv<strides=[2,1], dilations=[1,3], pads=[2,1,0,3]>(x, w)",
    "groups": "y = Conv<group=2>(x, g)",
    "depthwise": "y = Conv<group=4, pads=[1,1,1,1]>(x, d)",
    "valid": 'y = Conv<auto_pad="VALID", strides=[3,2]>(x, w)',
    "same upper": 'y = Conv<auto_pad="SAME_UPPER", strides=[2,2]>(x, w)',
    "same lower": 'y = Conv<auto_pad="SAME_LOWER", strides=[1,2]>(x, w)',
    "pad": "p = Pad(x, pads, minus)  y = Conv(p, w)",
    "pad and pads of zero": "p = Pad(x, pads)  y = Conv<pads=[0,1,0,0]>(p, w)",
    "two pads": "p = Pad(x, pads, minus)  q = Pad(p, nothing)  r = Identity(q)  y = Conv(r, w)",
    "pad of the last axes": "t = Transpose<perm=[0,2,3,1]>(x)  q = Pad(t, last, minus)  "
                            "p = Transpose<perm=[0,3,1,2]>(q)  y = Conv(p, w)",
    "max": "y = MaxPool<kernel_shape=[2,3], strides=[2,3]>(x)",
    "max of one area": "y = MaxPool<kernel_shape=[3,6], strides=[3,1]>(x)",
    "max with whole areas": "y = MaxPool<kernel_shape=[5,2], strides=[5,2], ceil_mode=1>(x)",
    "max of nothing": "y = MaxPool<kernel_shape=[1,1]>(x)",
    "max of all": "y = GlobalMaxPool(x)",
    "max over axes": "y = ReduceMax(x, both)",
    "average": "y = AveragePool<kernel_shape=[2,3], strides=[1,2]>(x)",
    "average with zeros": "y = AveragePool<kernel_shape=[3,3], pads=[1,1,1,0], "
                          "count_include_pad=1>(x)",
    "average of padded": "p = Pad(x, pads, minus)  y = AveragePool<kernel_shape=[4,4]>(p)",
    "average of all": "y = GlobalAveragePool(x)",
    "mean": "y = ReduceMean(x, both)",
    "mean without axes": "y = ReduceMean<keepdims=0>(x, both)",
    "mean of the first axes": "t = Transpose<perm=[0,2,3,1]>(x)  y = ReduceMean(t, inner)",
}


def equal(path, frames):
    program = load(path)
    theirs = run_all(path, frames)
    results = {step.tensor: result for step, result in zip(program.steps, program.run(frames))}
    for name, result in results.items():
        if name:
            assert (result.dtype, result.shape) == (theirs[name].dtype, theirs[name].shape), name
            np.testing.assert_array_equal(result, theirs[name], err_msg=name)
    return program


@pytest.mark.parametrize("body", MAPS.values(), ids=MAPS)
def test_maps(tmp_path, body):
    frames = np.random.default_rng(3).integers(-4, 5, (3, 4, 5, 6)).astype(np.float32)
    equal(saved(tmp_path, f"z = Neg(x)  {body.replace('(x', '(z')}"), frames)


def test_patches_of_old_files(tmp_path):
    """One number for rows and columns, and the same convolution as with two."""
    body = "z = Neg(x)  p = qonnx.custom_op.general.Im2Col<kernel_size={0}, stride={1}, " \
           "pad_amount={2}>(z)  y = MatMul(p, m)"
    convs = []
    for numbers in (("2", "1", "1"), ("[2,2]", "[1,1]", "[1,1,1,1]")):
        program = load(saved(tmp_path, body.format(*numbers)))
        convs += [step for step in program.steps if isinstance(step, Conv)]
    assert convs[0].window == convs[1].window == Window((2, 2), padding=(1, 1, 1, 1))
    np.testing.assert_array_equal(convs[0].weights, convs[1].weights)
    assert convs[0].weights.shape == (3, 2, 2, 6)


# Name: nodes from x, float[N,4,9], to y.
SEQUENCES = {
    "sequence": "y = Conv<strides=[2], dilations=[3], pads=[1,2]>(x, l)",
    "same sequence": 'y = Conv<auto_pad="SAME_LOWER">(x, l, b)',
    "max of a sequence": "y = MaxPool<kernel_shape=[2], strides=[2]>(x)",
    "average of a sequence": "y = AveragePool<kernel_shape=[3]>(x)",
    "average of the whole sequence": "y = GlobalAveragePool(x)",
}


@pytest.mark.parametrize("body", SEQUENCES.values(), ids=SEQUENCES)
def test_sequences(tmp_path, body):
    frames = np.random.default_rng(3).integers(-4, 5, (3, 4, 9)).astype(np.float32)
    equal(saved(tmp_path, f"z = Neg(x)  {body.replace('(x', '(z')}", "4,9"), frames)


def test_sums_of_an_old_operation_set(tmp_path):
    frames = np.random.default_rng(3).integers(-4, 5, (3, 4, 5, 6)).astype(np.float32)
    body = 'z = Neg(x)  p = Pad<pads=[0,0,1,1,0,0,0,0], value=2.0>(z)  c = Conv(p, w)  ' \
           'y = ReduceMean<axes=[2,3]>(c)'
    made = model(body, opsets='"": 10')
    made.ir_version = 6
    onnx.save(made, tmp_path / "net.onnx")
    [conv, _] = [step for step in equal(tmp_path / "net.onnx", frames).steps
                 if isinstance(step, Conv)]
    assert (conv.window.padding, conv.pad) == ((1, 1, 0, 0), 2.0)


IM2COL = "qonnx.custom_op.general.Im2Col<kernel_size=[%s], stride=[1,1]>"
SIDE_BY_SIDE = ("must pool areas side by side, with strides as large as the kernel, not a kernel "
                "of {} with strides of {} and dilations of {}: areas that overlap or leave gaps "
                "are not supported; train with strides of {}, or use a convolution with a stride")
# Name: nodes from x, float[N,4,5,6], to y; message about the last of them.
WRONG = {
    "auto_pad": ('y = Conv<auto_pad="SAME">(x, w)', "Conv", "must have an auto_pad of NOTSET, "
                 "VALID, SAME_UPPER or SAME_LOWER, not 'SAME'"),
    "auto_pad and pads": ('y = Conv<auto_pad="VALID", pads=[1,0,0,0]>(x, w)', "Conv", "must have "
                          "either pads or an auto_pad, not both, [1, 0, 0, 0] and VALID"),
    "stride": ("y = Conv<strides=[0,1]>(x, w)", "Conv", "must have 2 strides from 1, not [0, 1]"),
    "dilation": ("y = Conv<dilations=[1]>(x, w)", "Conv", "must have 2 dilations from 1, not [1]"),
    "pads": ("y = Conv<pads=[0,0,0,-1]>(x, w)", "Conv", "must have 4 pads from 0, not "
             "[0, 0, 0, -1]"),
    "large pads": ("y = Conv<pads=[3,0,0,0]>(x, w)", "Conv", "must have less padding than its "
                   "window of 3 x 2, not [(3, 0), (0, 0)]: windows would lie outside the map; take "
                   "less padding"),
    "kernel": ("y = Conv<dilations=[3,1]>(x, w)", "Conv", "covers 7 x 2 elements of maps of 5 x 6 "
               "with a padding of [(0, 0), (0, 0)]; take a smaller kernel or dilation, or more "
               "padding"),
    "kernel shape": ("y = Conv<kernel_shape=[3,3]>(x, w)", "Conv", "must have a kernel_shape of "
                     "[3, 2], that of its weights, not [3, 3]"),
    "groups": ("y = Conv<group=3>(x, g)", "Conv", "must have groups that divide its 4 channels and "
               "6 neurons, not 3"),
    "channels": ("y = Conv(x, g)", "Conv", "must have weights for 4 of 4 channels, as it has 1 "
                 "groups, not of the shape (6, 2, 2, 2)"),
    "rank": ("y = Conv(x, l)", "Conv", "must have weights (neurons, channels / groups, kernel ...) "
             "of 4 axes, not of the shape (3, 4, 2)"),
    "rank of frames": ("r = Flatten(x)  y = Conv(r, w)", "Conv", "must work on maps [batch, "
                       "channels, rows, columns] or sequences [batch, channels, steps], not on "
                       "frames of the shape (120,)"),
    "weights": ("y = Conv(x, x)", "Conv", "must have constant weights and biases, not any that "
                "depends on the input"),
    "bias": ("y = Conv(x, w, two)", "Conv", "must have a bias of the shape (3,) and of float32, "
             "not () and float32"),
    "overlap": ("y = MaxPool<kernel_shape=[3,3], strides=[2,2]>(x)", "MaxPool",
                SIDE_BY_SIDE.format("(3, 3)", "(2, 2)", "(1, 1)", "(3, 3)")),
    "gaps": ("y = MaxPool<kernel_shape=[2,2], strides=[2,3]>(x)", "MaxPool",
             SIDE_BY_SIDE.format("(2, 2)", "(2, 3)", "(1, 1)", "(2, 2)")),
    "dilated pool": ("y = MaxPool<kernel_shape=[2,3], strides=[2,3], dilations=[2,1]>(x)",
                     "MaxPool", SIDE_BY_SIDE.format("(2, 3)", "(2, 3)", "(2, 1)", "(2, 3)")),
    "ceil_mode": ("y = MaxPool<kernel_shape=[2,2], strides=[2,2], ceil_mode=1>(x)", "MaxPool",
                  "must pool whole areas, and ceil_mode pools parts of areas at the end of maps of "
                  "5x6; use ceil_mode = 0, or a map that the areas fill"),
    "padded pool": ("y = MaxPool<kernel_shape=[2,2], strides=[2,2], pads=[1,0,0,0]>(x)", "MaxPool",
                    "must pool areas inside the map, not with a padding of (1, 0, 0, 0) (top, "
                    "left, bottom, right); pad the map with its smallest value before the "
                    "convolution, or leave the padding off"),
    "indices": ("y, i = MaxPool<kernel_shape=[2,2]>(x)", "MaxPool", "must not give the indices of "
                "the maxima, only the maxima"),
    "count_include_pad": ("y = AveragePool<kernel_shape=[2,2], pads=[0,1,0,0]>(x)", "AveragePool",
                          "must divide all sums by one number: with a padding of (0, 1, 0, 0) "
                          "(top, left, bottom, right) it needs count_include_pad = 1"),
    "mean of channels": ("y = ReduceMean(x, three)", "ReduceMean", "must reduce rows and columns, "
                         "the axes 2 and 3 of maps [batch, channels, rows, columns], not the axes "
                         "[3] of frames of the shape (4, 5, 6)"),
    "pad of channels": ("p = Pad(x, on_channels)  y = Conv(p, w)", "Conv", "must take a map padded "
                        "by rows and columns, but Pad p pads its channels"),
    "pad of the batch": ("y = Pad(x, on_batch)", "Pad", "must not pad axis 0, the batch"),
    "crop": ("y = Pad(x, crop)", "Pad", "must add elements, not take them away, as the pads [0, 0, "
             "-1, 0, 0, 0, 0, 0] do"),
    "mode of a pad": ('p = Pad<mode="reflect">(x, pads)  y = Conv(p, w)', "Pad", "must pad with a "
                      "constant, not in the mode 'reflect': what stands outside a map is one "
                      "number in the graph"),
    "pad of ones and of zeros": ("p = Pad(x, pads, minus)  y = Conv<pads=[0,1,0,0]>(p, w)", "Conv",
                                 "pads with 0 what Pad p has padded with -1; leave one of the two "
                                 "to do both"),
    "arithmetic on a pad": ("p = Pad(x, pads)  y = Mul(p, two)", "Mul", "must not work on a padded "
                            "map: Pad p pads it, and only a convolution may follow; pad directly "
                            "in front of it"),
    "transposed": ("y = ConvTranspose(x, w)", "ConvTranspose", "is an operator on maps that is not "
                   "supported; use Conv, MaxPool, AveragePool and the like"),
    "patches without a kernel": ("y = qonnx.custom_op.general.Im2Col(x)", "Im2Col", "must have 2 "
                                 "integers as its kernel_size, not None"),
    "patches of nothing": (f"y = {IM2COL % '9,1'}(x)", "Im2Col", "covers 9x1 elements of maps of "
                           "4x5; take a smaller kernel or dilation, or more padding"),
    "patches of a vector": (f"r = Flatten(x)  y = {IM2COL % '1,1'}(r)", "Im2Col", "must take maps "
                            "[batch, rows, columns, channels] that depend on the input, not frames "
                            "of the shape (120,)"),
    "arithmetic on patches": (f"p = {IM2COL % '2,2'}(x)  y = Neg(p)", "Neg", "must not work on "
                              "patches: Im2Col p takes them, and only a product with weights may "
                              "follow"),
    "product of patches": (f"p = {IM2COL % '2,2'}(x)  y = MatMul(p, v)", "MatMul", "must have "
                           "weights for the 24 numbers of each position, not of the shape (4, 2)"),
    "lowered pool": ("y = qonnx.custom_op.general.QuantAvgPool2d(x)", "QuantAvgPool2d", "is an "
                     "operator on maps that is not supported; take the model before FINN lowers "
                     "its pools"),
}


@pytest.mark.parametrize(("body", "op", "message"), WRONG.values(), ids=WRONG)
def test_maps_wrong(tmp_path, body, op, message):
    place = {"p = Pad<": "p"}.get(body[:8], "y")
    with pytest.raises(SourceError, match=f"^{re.escape(f'node {op + chr(32) + place!r} ({op}) ')}"
                                          f"{re.escape(message)}$"):
        load(saved(tmp_path, body))


def test_a_padded_map_is_no_score(tmp_path):
    path = saved(tmp_path, "y = Pad(x, pads)")
    made = onnx.load(path)
    made.graph.output[0].name = "y"
    onnx.save(made, path)
    with pytest.raises(SourceError, match="^the output of the model, 'y', must be scores, not the "
                                          "result of Pad y$"):
        load(path)
