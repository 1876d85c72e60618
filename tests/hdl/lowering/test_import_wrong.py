"""PyTorch networks that no integer graph equals, and similar ones that it does."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from xnorloom import frontend
from xnorloom.errors import SourceError
from xnorloom.lowering.lower import lower

SIZES = (64, 48, 32, 10)
NAN, INF = float("nan"), float("inf")


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(3).integers(0, 256, (2000, SIZES[0]), dtype=np.uint8)


def norm(field, value, number=0, neuron=5):
    """Change a parameter of one neuron in a batch norm."""
    def change(network):
        norms = [module for module in network.m if isinstance(module, nn.BatchNorm1d)]
        with torch.no_grad():
            getattr(norms[number], field)[neuron] = value
    return change


def weight(value):
    def change(network):
        with torch.no_grad():
            network.m[1].weight[5, 7] = value
    return change


class Response(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def response(function):
    """Replace the first sign."""
    def change(network):
        network.m[3] = Response(function)
    return change


def signs(x):
    return torch.where(x >= 0, 1.0, -1.0)


TWO = "the response of layer /m/m.1/MatMul must have two values, the same for all neurons, but"
NORM = (r"node '/m/m.2/BatchNormalization' \(BatchNormalization\) must have numbers as its "
        r"parameters, but")
# Name: sign, change of the network, message.
WRONG = {
    "relu": ("where", response(torch.relu),
             rf"{TWO} neuron \d+ has \S+, \S+, \S+ and more: a sign is missing between it and the "
             r"next layer"),
    "three": ("where", response(lambda x: torch.sign(torch.round(x))),
              rf"{TWO} neuron \d+ has three, -1, 0, 1: 0 where its count is \d+, its sum \S+"),
    "halves": ("where", response(lambda x: signs(x) * torch.arange(1, 49)),
               rf"{TWO} neuron \d+ has \S+, \S+, and others have values that are \S+ apart"),
    "window": ("where", response(lambda x: torch.where(x.abs() < 1, 1.0, -1.0)),
               r"the response of layer /m/m.1/MatMul must switch at most once as the sum rises, "
               r"but that of neuron \d+ switches 2 times"),
    "neighbours": ("where", response(lambda x: signs(x + torch.roll(x, 1, 1))),
                   r"node '/m/m.3/Add' \(Add\) .+|.*/m/m.3/Add must combine each element with "
                   r"itself, not with others"),
    "softmax": ("where", response(lambda x: torch.softmax(x, 1)),
                r"node '/m/m.4/MatMul' \(MatMul\) must not take Softmax or Sigmoid, .+"),
    "convolution": ("where", response(lambda x: signs(torch.conv1d(
        x[:, None], torch.ones(1, 1, 3), padding=1)[:, 0])),
        rf"{TWO} neuron \d+ has \S+, \S+, \S+ and more: a sign is missing between it and the "
        r"next layer"),
    "joined": ("where", response(lambda x: torch.cat([signs(x[:, :24])] * 2, 1)),
               r"/m/m.3/Concat must have each of the 48 elements of /m/m.1/MatMul once, in any "
               r"order, but takes some several times, as circular padding and concatenation do"),
    "halves of two layers": ("where", response(lambda x: torch.cat([signs(x), x], 1)[:, :48]),
                             r"node '/m/m.3/Concat' \(Concat\) must join parts of one tensor: "
                             r"branches that join again are not supported; train the network as "
                             r"one chain of layers"),
    "nan weight": ("sign", weight(NAN),
                   r"weights of layer /m/m.1/MatMul must be finite, but neuron 5 has nan at "
                   r"input 7"),
    "nan slope": ("sign", norm("weight", NAN), rf"{NORM} the scale of channel 5 is NaN"),
    "nan offset": ("where", norm("bias", NAN), rf"{NORM} the bias of channel 5 is NaN"),
    "nan mean": ("where", norm("running_mean", NAN), rf"{NORM} the mean of channel 5 is NaN"),
    "nan variance": ("where", norm("running_var", NAN),
                     rf"{NORM} the variance of channel 5 is NaN"),
    "negative variance": ("where", norm("running_var", -1.0),
                          r"node '/m/m.2/BatchNormalization' \(BatchNormalization\) must have "
                          r"variances of 0 or more, with epsilon 1e-05 added, but that of channel "
                          r"5 is -1, which has no square root"),
    "infinite slope": ("sign", norm("weight", INF), r"the response .+ neuron 5 is nan .+"),
    "nan score": ("where", norm("bias", NAN, -1), r"node .+ the bias of channel 5 is NaN"),
    "infinite score": ("where", norm("bias", INF, -1), r"the score of class 5 must be finite, .+"),
}


@pytest.mark.parametrize("name", WRONG)
def test_import_wrong(sources, name):
    sign, change, message = WRONG[name]
    path = sources.torch(f"wrong {name}", "torchscript", SIZES, sign=sign, ties=False,
                         change=change)
    with pytest.raises(SourceError, match=rf"^{message}$"):
        lower(frontend.load(path), "bipolar")


# Infinity has a sign, so that these results are definite.
RIGHT = {
    "infinite slope": norm("weight", INF),
    "infinite offset": norm("bias", INF),
    "infinite mean": norm("running_mean", -INF),
    "infinite variance": norm("running_var", INF),
    "huge slope": norm("weight", 3e38),
    "huge mean": norm("running_mean", -3e38),
    "nan weight": weight(NAN),
    "constant class": norm("weight", 0.0, -1),
}


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_two_bits_of_brevitas_wrong(sources, exporter):
    path = sources.brevitas("two-bit", exporter)
    message = (r"the response of layer \S+ must have two values, the same for all neurons, but "
               r"neuron \d+ has 0, 1, 2 and more: a sign is missing between it and the next layer")
    with pytest.raises(SourceError, match=f"^{message}$"):
        lower(frontend.load(path), "bipolar")


@pytest.mark.parametrize("name", RIGHT)
def test_what_has_a_value_nevertheless(sources, pixels, name):
    path = sources.torch(f"right {name}", "torchscript", SIZES, sign="where", change=RIGHT[name])
    sources.compare(path, "bipolar", pixels)


def test_meaning_wrong(sources):
    path = sources.torch("plain", "torchscript", levels=True)
    message = ("the preprocessing of the input of 'plain-torchscript' must be given, as the model "
               "does not declare it: "
               "--input u8/255 ")
    with pytest.raises(SourceError, match=f"^{re.escape(message)}"):
        lower(frontend.load(path))
