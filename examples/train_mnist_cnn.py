"""Train a binarized convolutional network on MNIST and export it as an xnorloom integer graph.

    python examples/train_mnist_cnn.py --model fast -o models/mnist-cnn.bnn
    python examples/train_mnist_cnn.py --model accurate -o models/mnist-cnn-accurate.bnn

The input has one bit per pixel. All weights and hidden activations are +1 or -1, in the first and
the last layer too. Convolutions have 3x3 kernels and no padding; a max-pool comes before batch
normalisation and sign, so that in hardware it is part of the convolution.

The recipe is that of ``train_mnist.py``, with a larger teacher, and products in bfloat16: the sums
of a binarized network of this size are exact in it, and processors with AVX-512 BF16 compute them
twice as fast. The test images select neither epoch nor seed. Needs ``pip install '.[train]'`` in a
checkout of xnorloom.
"""

import argparse
import dataclasses
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch import nn
from train_mnist import Recipe, distort, export, fit, recalibrate, teach

from xnorloom.nn import BinaryConv2d, BinaryLinear, Divide, Pixels, Scores, Sign
from xnorloom_sim import data

SIDE = 28  # rows and columns of an image


@dataclasses.dataclass(frozen=True)
class Model:
    """Sizes of a network, its name, and its training parameters."""

    name: str
    channels: tuple[int, ...]  # of each convolution
    pooled: tuple[int, ...]  # numbers of the convolutions with a max-pool of 2x2
    hidden: int  # neurons of the dense layer between the convolutions and the scores
    recipe: Recipe


TEACHER = Recipe(epochs=3, rate=3e-3, shift=2, angle=10, zoom=0.10, batch=100, bfloat16=True)
MODELS = {
    "fast": Model("mnist-cnn", (16, 32, 32), (1, 2), 64,
                  Recipe(epochs=40, shift=0.5, angle=5, zoom=0.05, batch=100, bfloat16=True,
                         copies=6)),
    "accurate": Model("mnist-cnn-accurate", (32, 64, 64, 64), (1, 3), 128,
                      Recipe(epochs=14, shift=1, angle=7, zoom=0.07, batch=100, bfloat16=True,
                             copies=4)),
}


def build_teacher():
    """Build the float network, with random weights."""
    modules, channels = [Divide(255)], 1
    for outputs, pooled in ((32, False), (32, True), (64, False), (64, True)):
        modules += [nn.Conv2d(channels, outputs, 3, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        modules += [nn.MaxPool2d(2)] if pooled else []
        channels = outputs
    return nn.Sequential(
        *modules, nn.Flatten(), nn.Dropout(0.3), nn.Linear(channels * 16, 128),
        nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, 10))


def build(model, seed):
    """Build the binarized network, from pixels 0 ... 255 to logits."""
    generator = torch.Generator().manual_seed(seed)
    modules = OrderedDict(pixels=Pixels(bits=1))
    inputs, side = 1, SIDE
    for i, outputs in enumerate(model.channels):
        modules[f"conv{i}"] = BinaryConv2d(inputs, outputs, 3, generator=generator)
        side -= 2
        if i in model.pooled:
            modules[f"pool{i}"] = nn.MaxPool2d(2)
            side //= 2
        modules[f"norm{i}"] = nn.BatchNorm2d(outputs)
        modules[f"sign{i}"] = Sign()
        inputs = outputs
    i = len(model.channels)
    modules["flatten"] = nn.Flatten()
    modules[f"dense{i}"] = BinaryLinear(inputs * side**2, model.hidden, generator=generator)
    modules[f"norm{i}"] = nn.BatchNorm1d(model.hidden)
    modules[f"sign{i}"] = Sign()
    modules["score"] = BinaryLinear(model.hidden, 10, generator=generator)
    modules["scale"] = Scores(model.hidden, 10)
    return nn.Sequential(modules)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, help="directory with the files of MNIST")
    parser.add_argument("--weights", type=Path, help="also write the state of the network here")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the .bnn file to write")
    options = parser.parse_args()

    # With one thread, sums have one order, and a seed has one result.
    torch.set_num_threads(1)
    model, seed = MODELS[options.model], options.seed
    recipe = model.recipe
    if options.epochs:
        recipe = dataclasses.replace(recipe, epochs=options.epochs)
    training = data.load("mnist:train", directory=options.data)
    testing = data.load("mnist:test", directory=options.data)
    images = torch.from_numpy(training.images)[:, None]
    labels = torch.from_numpy(training.labels.astype(np.int64))

    network = build(model, seed)
    weights = sum(parameter.numel() for key, parameter in network.named_parameters()
                  if key.startswith(("conv", "dense", "score")))
    print(f"{model.name}: {weights:,} weights of one bit")
    torch.manual_seed(0)  # initial weights and dropout of the teacher
    teacher = build_teacher()
    generator = torch.Generator().manual_seed(0)
    fit("teacher", teacher, TEACHER, lambda _: (distort(images, TEACHER, generator), labels), 0)
    copies = teach(teacher.eval(), images, labels, recipe, seed)
    fit(options.model, network, recipe, lambda epoch: copies[epoch % len(copies)], 2000 + seed)
    recalibrate(network, images, batch=1000)
    if options.weights:
        torch.save(network.state_dict(), options.weights)
    export(network, (1, SIDE, SIDE), model.name, testing, options.out)


if __name__ == "__main__":
    main()
