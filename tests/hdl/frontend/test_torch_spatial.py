"""PyTorch modules on maps: program and graph equal PyTorch, or the module is refused."""

import numpy as np
import pytest
import torch
from torch import nn

from xnorloom.errors import SourceError
from xnorloom.frontend.program import Conv, Dense, MaxPool, Move
from xnorloom.frontend.torch import from_module
from xnorloom.graph.pixels import encode
from xnorloom.lowering.lower import lower
from xnorloom.nn import BinaryConv2d, BinaryLinear, Divide, Pixels, Scores, Sign
from xnorloom_sim import SourceModel, verify


def normalized(*modules, shape, seed=0):
    """Make a network with weights of ±1, and batch norms near the middle of what they receive."""
    rng = np.random.default_rng(seed)
    network = nn.Sequential(*modules).eval()
    x = torch.from_numpy(rng.choice(np.float32([0, 255]), (50, *shape)))
    x = x if isinstance(modules[0], Pixels) else x / 127.5 - 1
    with torch.no_grad():
        for module in network:
            if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Linear)):
                signs = rng.choice([-1.0, 1.0], tuple(module.weight.shape))
                module.weight.copy_(torch.from_numpy(signs))
                if module.bias is not None:
                    bias = rng.integers(-8, 9, len(module.bias)) / 4
                    module.bias.copy_(torch.from_numpy(bias))
            elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                axes = [axis for axis in range(x.ndim) if axis != 1]
                neurons = module.num_features
                mean = x.mean(axes).numpy() + rng.normal(0, 0.5, neurons)
                # Means that are sums, without offsets, so that ties occur.
                mean[::3] = x.transpose(0, 1).reshape(neurons, -1)[::3, 0]
                bias = rng.normal(0, 0.5, neurons)
                bias[::3] = 0
                values = {"running_mean": mean, "bias": bias,
                          "running_var": rng.uniform(0.5, 9, neurons),
                          "weight": rng.choice([-1, 1], neurons) * rng.uniform(0.3, 2, neurons)}
                for key, value in values.items():
                    getattr(module, key).copy_(torch.from_numpy(value))
            elif isinstance(module, Scores):
                module.offset.copy_(torch.from_numpy(rng.integers(-3, 4, len(module.offset))))
            x = module(x)
    return network


def check(network, shape, count=60):
    """Lower a network and compare every layer with PyTorch; returns the graph."""
    lowered = lower(from_module(network, shape),
                    None if isinstance(network[0], Pixels) else "bipolar")
    graph = lowered.graph
    pixels = np.random.default_rng(1).integers(0, 256, (count, *graph.input.shape), np.uint8)
    # Bright and dark frames reach more counts.
    pixels[::3] //= 3
    pixels[1::3] |= 128
    result = verify(graph, encode(graph.input, pixels),
                    source=SourceModel(lowered, pixels, network), steps=["source", "packed"])
    assert result.equal, str(result)
    signs = [name for name, module in network.named_children() if isinstance(module, Sign)]
    assert len(lowered.probes) <= len(signs)
    return graph


NETWORKS = {
    "modules of xnorloom": ((1, 9, 8), lambda: [
        Pixels(2), BinaryConv2d(1, 6, 3, padding=1, pad_value=-1), Divide(3), nn.BatchNorm2d(6),
        nn.Dropout2d(), Sign(), nn.MaxPool2d(2),
        BinaryConv2d(6, 4, (3, 2), stride=(2, 1), groups=2), nn.BatchNorm2d(4), Sign(),
        nn.Flatten(), BinaryLinear(12, 5), Scores(12, 5)]),
    "plain, zero padding, groups, dilation": ((2, 7, 9), lambda: [
        nn.Conv2d(2, 4, 3, padding=(1, 2), groups=2, dilation=(1, 2)), nn.BatchNorm2d(4), Sign(),
        nn.Conv2d(4, 6, (2, 3), padding="same", bias=False), nn.MaxPool2d((2, 3)),
        nn.BatchNorm2d(6), nn.Hardtanh(), Sign(), nn.Flatten(), BinaryLinear(54, 3)]),
    "padding modules": ((1, 5, 5), lambda: [
        Sign(), nn.ZeroPad2d((1, 0, 2, 1)), nn.Conv2d(1, 5, 3, stride=2, bias=False), Sign(),
        nn.ConstantPad2d(1, -1.0), nn.Identity(), BinaryConv2d(5, 4, 3), nn.BatchNorm2d(4), Sign(),
        nn.ConstantPad2d((1, 0, 0, 0), 0.0), nn.Conv2d(4, 4, 3, padding=1, bias=False), Sign(),
        nn.Flatten(), BinaryLinear(36, 3)]),
    "1x1 and global average": ((1, 6, 6), lambda: [
        BinaryConv2d(1, 6, 3), nn.BatchNorm2d(6), Sign(), nn.Conv2d(6, 4, 1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), Scores(6, 4)]),
    "average before a dense layer": ((1, 6, 6), lambda: [
        BinaryConv2d(1, 6, 3), nn.BatchNorm2d(6), Sign(), nn.AvgPool2d((2, 4)), nn.Flatten(),
        BinaryLinear(12, 4)]),
    "average before a sign": ((1, 8, 8), lambda: [
        BinaryConv2d(1, 6, 3), nn.BatchNorm2d(6), Sign(), nn.AvgPool2d(3, stride=2, padding=1),
        nn.BatchNorm2d(6), Sign(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), BinaryLinear(6, 3)]),
    "one dimension": ((2, 16), lambda: [
        nn.ZeroPad1d((2, 0)), nn.Conv1d(2, 6, 3, bias=False), nn.BatchNorm1d(6), Sign(),
        nn.MaxPool1d(2), nn.Conv1d(6, 4, 3, padding=2, dilation=2), nn.BatchNorm1d(4), Sign(),
        nn.AvgPool1d(4), nn.Flatten(), BinaryLinear(8, 3)]),
}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("shape,make", NETWORKS.values(), ids=NETWORKS)
def test_graph_as_pytorch(shape, make):
    torch.manual_seed(4)
    check(normalized(*make(), shape=shape), shape)


def random_modules(rng, shape):
    """Draw convolutions, pools before signs and after them, and a dense layer."""
    modules, (channels, *sides) = [Pixels(int(rng.integers(1, 4)))], shape
    for _ in range(rng.integers(1, 4)):
        neurons, groups = int(rng.integers(1, 4)), int(rng.choice([1, channels]))
        kernel = [int(rng.integers(1, min(side, 3) + 1)) for side in sides]
        padding = [int(rng.integers(0, size)) for size in kernel]
        stride = rng.integers(1, 3, 2).tolist()
        size = dict(kernel_size=kernel, stride=stride, padding=padding, groups=groups)
        neurons *= groups
        kind = rng.choice(["zeros", "ours", "module"])
        if kind == "ours":
            modules.append(BinaryConv2d(channels, neurons, **size,
                                        pad_value=int(rng.choice([-1, 1]))))
        elif kind == "module":
            top, left = padding
            modules += [nn.ConstantPad2d((left, 0, top, 0), float(rng.choice([-1, 0, 1]))),
                        nn.Conv2d(channels, neurons, **{**size, "padding": 0}, bias=False)]
        else:
            modules.append(nn.Conv2d(channels, neurons, **size))
        around = 1 if kind == "module" else 2
        sides = [(side + around * pad - taps) // step + 1
                 for side, pad, taps, step in zip(sides, padding, kernel, stride)]
        channels = neurons
        rest = [nn.BatchNorm2d(channels), Sign()]
        if max(sides) > 1:
            pool = [int(rng.integers(1, min(side, 3) + 1)) for side in sides]
            rest.insert(int(rng.integers(0, 3)), nn.MaxPool2d(pool))
            sides = [side // size for side, size in zip(sides, pool)]
        modules += rest
    # An average over another number is rounded.
    if channels > 1 and sides[0] * sides[1] in (2, 4, 8, 16):
        return [*modules, nn.AdaptiveAvgPool2d(1), nn.Flatten(), BinaryLinear(channels, 4)]
    inputs = channels * sides[0] * sides[1]
    return [*modules, nn.Flatten(), BinaryLinear(inputs, 4), Scores(inputs, 4)]


@pytest.mark.parametrize("seed", range(12))
def test_random_networks(seed):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    shape = (int(rng.integers(1, 4)), *rng.integers(4, 9, 2).tolist())
    check(normalized(*random_modules(rng, shape), shape=shape, seed=seed), shape)


def test_steps_of_a_convolution():
    network = nn.Sequential(BinaryConv2d(2, 4, 3, padding=1, pad_value=1), nn.MaxPool2d(2),
                            nn.AdaptiveMaxPool2d((None, 3)), nn.Flatten(), BinaryLinear(36, 2))
    program = from_module(network.eval(), (2, 6, 6))
    # The third does nothing.
    assert [type(step) for step in program.steps] == [Move, Conv, Move, Move, MaxPool, Move, Move,
                                                      Dense]
    assert [step.tensor for step in program.steps] == [
        "", "0/channels last", "0", "", "1/channels last", "1", "3", "4"]
    conv = program.steps[1]
    assert (conv.pad, conv.window.padding) == (1, (1, 1, 1, 1))
    np.testing.assert_array_equal(conv.weights, network[0].signs().permute(0, 2, 3, 1).detach())


def after_sign(*modules):
    return [BinaryConv2d(1, 2, 3), Sign(), *modules]


WRONG = {
    "flat": ((28,), [BinaryConv2d(1, 1, 3)],
             r"0 \(BinaryConv2d\) must have frames of the shape \(channels, rows, columns\), not "
             r"\(28,\): give the network such a shape, or put Unflatten before it"),
    "line": ((1, 5, 5), [nn.Conv1d(1, 1, 3)],
             r"0 \(Conv1d\) must have frames of the shape \(channels, length\), not .*"),
    "channels": ((5, 5, 1), [nn.Conv2d(1, 1, 3)],
                 r"0 \(Conv2d\) must have frames of 1 channels, not 5, the first of the shape "
                 r"\(5, 5, 1\)"),
    "kernel": ((1, 5, 5), [nn.Conv2d(1, 1, 6)],
               r"0 \(Conv2d\) must have a window of at most its padded map, 5x5, not 6x6: take a "
               r"smaller kernel or dilation, or more padding"),
    "padding": ((1, 5, 5), [nn.Conv2d(1, 1, 3, padding=3)],
                r"0 \(Conv2d\) must have a window that maps can have: Window padding must be "
                r"smaller than its window of 3x3, not \(3, 3, 3, 3\)"),
    "padding mode": ((1, 5, 5), [nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect")],
                     r"0 \(Conv2d\) must pad with zeros, not with padding_mode='reflect', which "
                     r"is not supported"),
    "norm": ((3, 5, 5), [nn.BatchNorm2d(5)],
             r"0 \(BatchNorm2d\) must have frames of the shape \(5, rows, columns\), not "
             r"\(3, 5, 5\)"),
    "norm of a line": ((3, 5, 5), [nn.BatchNorm1d(3)], r"0 \(BatchNorm1d\) must have frames .*"),
    "scores": ((3, 5, 5), [Scores(9, 5)],
               r"0 \(Scores\) must have flat frames, not of the shape \(3, 5, 5\): put Flatten "
               r"before it"),
    "overlap": ((1, 9, 9), after_sign(nn.MaxPool2d(3, 2)),
                r"2 \(MaxPool2d\) must have areas side by side, not areas of 3x3 with a stride of "
                r"2x2: set the stride to the size"),
    "pool padding": ((1, 9, 9), after_sign(nn.MaxPool2d(2, padding=1)),
                     r"2 \(MaxPool2d\) must have no padding, not 1: pools are over areas inside of "
                     r"the map"),
    "pool dilation": ((1, 9, 9), after_sign(nn.MaxPool2d(2, dilation=2)),
                      r"2 \(MaxPool2d\) must have no dilation, not 2"),
    "indices": ((1, 9, 9), after_sign(nn.MaxPool2d(2, return_indices=True)),
                r"2 \(MaxPool2d\) must return no indices: leave return_indices off"),
    "ceil mode": ((1, 9, 9), after_sign(nn.MaxPool2d(2, ceil_mode=True)),
                  r"2 \(MaxPool2d\) must not have ceil_mode where areas do not divide the map of "
                  r"7x7: leave it off, which drops the pixels of the last part"),
    "pool": ((1, 5, 5), after_sign(nn.MaxPool2d(4)),
             r"2 \(MaxPool2d\) must have areas of at most its map, 3x3, not 4x4: take smaller "
             r"ones"),
    "average padding": ((1, 9, 9), after_sign(nn.AvgPool2d(2, padding=1, count_include_pad=False)),
                        r"2 \(AvgPool2d\) must have no padding, not 1, or count it with "
                        r"count_include_pad=True: .*"),
    "divisor": ((1, 5, 5), after_sign(nn.AvgPool2d(3, divisor_override=8)),
                r"2 \(AvgPool2d\) must divide by the pixels of an area, 9, not by 8: leave "
                r"divisor_override off"),
    "adaptive": ((1, 7, 7), after_sign(nn.AdaptiveAvgPool2d((2, 5))),
                 r"2 \(AdaptiveAvgPool2d\) must have an output whose sides divide those of its map "
                 r"of 5x5, not \(2, 5\): its areas overlap"),
    "cut": ((1, 7, 7), [nn.ZeroPad2d((0, -1, 0, 0))],
            r"0 \(ZeroPad2d\) must not cut the map with a negative padding, \(0, -1, 0, 0\)"),
    "padding of a dense layer": (
        (1, 7, 7), [nn.ZeroPad2d(1), nn.Flatten(), BinaryLinear(81, 3)],
        r"0 \(ZeroPad2d\) must come right before a convolution, not before 1 \(Flatten\): pad "
        r"there, or in the convolution itself"),
    "padding of a sign": ((1, 7, 7), [nn.ZeroPad2d(1), Sign()],
                          r"0 \(ZeroPad2d\) must come right before a .*, not before 1 \(Sign\).*"),
}


@pytest.mark.parametrize("shape,modules,message", WRONG.values(), ids=WRONG)
def test_wrong(shape, modules, message):
    with pytest.raises(SourceError, match=rf"^{message}$"):
        from_module(nn.Sequential(*modules).eval(), shape)
