"""Modules before, between and after the layers of PyTorch networks."""

import pytest
import torch
from torch import nn

from xnorloom_sim import data

SIZES = (784, 64, 32, 10)


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Shifted(nn.Module):
    """RPReLU and RSign of ReActNet."""

    def __init__(self, neurons):
        super().__init__()
        self.before, self.after, self.sign = (
            nn.Parameter(torch.linspace(*ends, neurons)) for ends in ((-.1, .1), (.2, 0), (0, .1)))
        self.prelu = nn.PReLU(neurons)

    def forward(self, x):
        return signs(self.prelu(x - self.before) + self.after + self.sign)


def signs(x):
    return torch.where(x >= 0, 1.0, -1.0)


def between(*functions):
    """Replace the signs; functions are modules, or made for a number of neurons."""
    def change(network):
        for index, neurons in ((3, SIZES[1]), (6, SIZES[2])):
            network.m[index] = nn.Sequential(*(
                function(neurons) if isinstance(function, type)
                else function if isinstance(function, nn.Module) else Function(function)
                for function in functions)).eval()
    return change


def before(*functions):
    def change(network):
        network.m[0] = nn.Sequential(network.m[0], *map(Function, functions))
    return change


def after(module):
    def change(network):
        network.m.append(module)
    return change


def norm_of_input(network):
    norm = nn.BatchNorm1d(784).eval()
    with torch.no_grad():
        norm.get_buffer("running_mean").copy_(torch.linspace(0.1, 0.6, 784))
        norm.weight[::3] *= -1
    network.m[0] = nn.Sequential(network.m[0], norm, Function(signs))


# Name: change of the network, preprocessing.
LAYERS = {
    "hardtanh": (between(nn.Hardtanh(), signs), "bipolar"),
    "tanh": (between(nn.Tanh(), signs), "bipolar"),
    "relu": (between(nn.ReLU(), lambda x: signs(x - 0.1)), "bipolar"),
    "relu6": (between(nn.ReLU6(), lambda x: signs(x - 0.1)), "bipolar"),
    "leaky": (between(nn.LeakyReLU(0.1), signs), "bipolar"),
    "reactnet": (between(Shifted), "bipolar"),
    "dropout": (between(nn.Dropout(0.3), signs, nn.Dropout(0.2)), "bipolar"),
    "less": (between(lambda x: torch.where(x < 0, -1.0, 1.0)), "bipolar"),
    "not": (between(lambda x: torch.where(~(x >= 0), -1.0, 1.0)), "bipolar"),
    "masks": (between(lambda x: (x >= 0).float() - (x < 0).float()), "bipolar"),
    "masked fill": (between(lambda x: torch.ones_like(x).masked_fill(x < 0, -1.0)), "bipolar"),
    "sign or zero": (between(lambda x: torch.sign(x) + (x == 0).float()), "bipolar"),
    "int": (between(lambda x: ((x >= 0).int() * 2 - 1).float()), "bipolar"),
    "double": (between(lambda x: signs(x.double()).float()), "bipolar"),
    "quotient": (between(lambda x: (x + 1e-9) / (x + 1e-9).abs()), "bipolar"),
    "halves": (between(lambda x: signs(x) * 0.5), "bipolar"),
    "transposed image": (before(lambda x: x.reshape(-1, 28, 28).transpose(1, 2).reshape(-1, 784)),
                         "bipolar"),
    "normalised input": (before(lambda x: (x - 0.1307) / 0.3081, signs), "u8/255"),
    "centred input": (before(lambda x: 2 * x - 1, signs), "u8/255"),
    "whole pixels": (before(lambda x: x / 255 - 0.5, signs), "u8"),
    "two bits": (before(lambda x: torch.round(x * 3) * 2 - 3), "u8/255"),
    "norm of the input": (norm_of_input, "u8/255"),
    "softmax": (after(nn.Softmax(1)), "bipolar"),
    "log-softmax": (after(nn.LogSoftmax(1)), "bipolar"),
    "argmax": (after(Function(lambda x: torch.argmax(x, 1))), "bipolar"),
    "negative scale": (after(Function(lambda x: x * -0.37 + 1)), "bipolar"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(sources, name):
    change, preprocessing = LAYERS[name]
    path = sources.torch(f"layers {name}", "torchscript", SIZES, change=change)
    lowered, run = sources.compare(path, preprocessing, data.bundled().images)
    assert [layer.neurons for layer in lowered.graph.layers] == list(SIZES[1:])
    assert lowered.graph.input.bits == (2 if name == "two bits" else 1)
    alive = run.activations[0].any(0) & ~run.activations[0].all(0)
    assert alive.sum() >= 24


@pytest.mark.parametrize("opset", [9, 11, 13, 17, 23])
def test_operation_sets(sources, opset):
    path = sources.torch(f"opset {opset}", "torchscript", SIZES, sign="clip", opset=opset)
    sources.compare(path, "bipolar", data.bundled().images)
