"""Train a binarized MNIST network in Brevitas, export it as QONNX, and import the file.

    python examples/brevitas_mnist.py --net sfc -o sfc.onnx

The network uses only features that XNOR gates and popcounts implement: binary weights and
activations of scale 1, in the first and the last layer too, no bias, and batch normalisation before
each sign. The network and the integer graph imported from its QONNX file must agree on the class of
each test image. Needs ``pip install '.[train]'`` in a checkout of xnorloom.
"""

import argparse
import math
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from brevitas.export import export_qonnx
from brevitas.nn import QuantIdentity, QuantLinear
from brevitas.quant.binary import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from torch import nn
from torch.nn import functional

from xnorloom.frontend import load, preprocessing
from xnorloom.graph.pixels import encode
from xnorloom.lowering.lower import lower
from xnorloom_sim import data, golden

NETS = {"tfc": (64, 64, 64), "sfc": (256, 256, 256)}  # neurons of the hidden layers
INPUT = "u8/255"  # preprocessing of a pixel
BATCH = 200  # divides the 60,000 training images


class BinaryWeight(SignedBinaryWeightPerTensorConst):
    """Weights -1 and +1; another scale would need a multiplication."""

    scaling_const = 1.0


class Center(nn.Module):
    """Maps 0 ... 1 to -1 ... +1, so that the sign of a pixel is its top bit."""

    def forward(self, x):
        return 2 * x - 1


class Temperature(nn.Module):
    """Divides all scores by one power of two, which keeps their order."""

    def forward(self, x):
        return x / 16


def sign():
    """Make an activation: +1 for x >= 0, else -1, with the gradient of a line clipped at ±1."""
    return QuantIdentity(act_quant=SignedBinaryActPerTensorConst)


def build(hidden):
    """Build the network, from images of 0 ... 1 to logits."""
    sizes = [784, *hidden]
    modules = [nn.Flatten(), Center(), sign()]
    for inputs, outputs in pairwise(sizes):
        modules += [QuantLinear(inputs, outputs, bias=False, weight_quant=BinaryWeight),
                    nn.BatchNorm1d(outputs), sign()]
    modules += [QuantLinear(sizes[-1], 10, bias=False, weight_quant=BinaryWeight), Temperature()]
    network = nn.Sequential(*modules)
    for module in network:
        if isinstance(module, QuantLinear):
            nn.init.uniform_(module.weight, -0.1, 0.1)
    return network


def numbers(pixels):
    """Preprocess pixels for the network."""
    return torch.from_numpy(preprocessing.numbers(INPUT, pixels))


def train(network, training, epochs, rate):
    """Train with Adam, with a rate that falls to 0 along a cosine; print a line per epoch."""
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    batches = len(training) // BATCH
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 0.5 + 0.5 * math.cos(math.pi * step / (epochs * batches)))
    labels = torch.from_numpy(training.labels.astype(np.int64))
    network.train()
    for epoch in range(epochs):
        started, total, right = time.monotonic(), 0.0, 0
        for index in torch.randperm(len(training))[:batches * BATCH].view(batches, BATCH):
            logits = network(numbers(training.images[index.numpy()]))
            loss = functional.cross_entropy(logits, labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                for module in network:
                    if isinstance(module, QuantLinear):
                        module.weight.clamp_(-1, 1)
            total += loss.item() / batches
            right += int((logits.argmax(1) == labels[index]).sum())
        print(f"epoch {epoch + 1:3}/{epochs}  loss {total:.4f}  right "
              f"{right / (batches * BATCH):.2%}  {time.monotonic() - started:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", choices=NETS, required=True)
    parser.add_argument("--exporter", choices=("dynamo", "torchscript"), default="dynamo")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--rate", type=float, default=5e-3)
    parser.add_argument("--limit", type=int, help="training images to use, instead of all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, help="directory with the MNIST files")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .onnx file to write; "
                        "the graph goes beside it, as .bnn")
    options = parser.parse_args()

    # With one thread, sums have one order, and a seed has one result.
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    training = data.load("mnist:train", directory=options.data)
    testing = data.load("mnist:test", directory=options.data)
    if options.limit:
        training = data.Dataset(training.name, training.images[:options.limit],
                                training.labels[:options.limit])

    network = build(NETS[options.net])
    train(network, training, options.epochs, options.rate)
    network.eval()
    with torch.no_grad():
        expected = network(numbers(testing.images)).argmax(1).numpy()

    export_qonnx(network, torch.zeros(1, 28, 28), str(options.output), opset_version=18,
                 dynamo=options.exporter == "dynamo", verbose=False)
    lowered = lower(load(options.output), INPUT)
    for layer in lowered.layers:
        print(f"{layer.source}: {layer.neurons} neurons, {layer.inverted} inverted, "
              f"{layer.constant} constant, {layer.near_ties} near ties")
    graph = lowered.graph
    classes = golden.evaluate(graph, encode(graph.input, testing.images)).classes
    for title, result in (("Brevitas", expected), ("integer graph", classes)):
        print(f"{title}: {np.sum(result == testing.labels)} of {len(testing)} test images right")
    if different := np.flatnonzero(expected != classes).tolist():
        raise SystemExit(f"network and graph must agree, but differ at images {different[:10]}")
    graph.save(options.output.with_suffix(".bnn"))
    print(f"wrote {options.output} and {options.output.with_suffix('.bnn')}")
    print(f"compare every layer: xnorloom verify {options.output} --input {INPUT} "
          f"--data mnist:test")


if __name__ == "__main__":
    main()
