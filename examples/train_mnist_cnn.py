"""Train a binarized convolutional network on MNIST or Fashion-MNIST and export it as a graph.

    python examples/train_mnist_cnn.py --model fast -o models/mnist-cnn.bnn
    python examples/train_mnist_cnn.py --model accurate -o models/mnist-cnn-accurate.bnn
    python examples/train_mnist_cnn.py --model fashion -o models/fashion-cnn.bnn

The input has one bit per pixel, for Fashion-MNIST eight. All weights and hidden activations are +1
or -1, in the first and the last layer too. Convolutions have 3x3 kernels and no padding (see
``conv_network.py``).

The recipe is that of ``train_mnist.py``, with a larger teacher, and products in bfloat16: the sums
of a binarized network of this size are exact in it, but for those of 8-bit pixels, and processors
with AVX-512 BF16 compute them twice as fast. The test images select neither epoch nor seed. Needs
``pip install '.[train]'`` in a checkout of xnorloom.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import torch
from conv_network import Shape, build, weights
from torch import nn
from train_mnist import Recipe, distort, export, fit, recalibrate, teach

from xnorloom.nn import Divide
from xnorloom_sim import data


@dataclasses.dataclass(frozen=True)
class Model:
    """A network, its name, its data set, and its training parameters."""

    name: str
    data: str
    shape: Shape
    recipe: Recipe


TEACHERS = {
    "mnist": Recipe(epochs=3, rate=3e-3, shift=2, angle=10, zoom=0.10, batch=100, bfloat16=True),
    "fashion": Recipe(epochs=8, rate=3e-3, shift=1, angle=5, zoom=0.05, flip=True, batch=100,
                      bfloat16=True),
}
MODELS = {
    "fast": Model(
        "mnist-cnn", "mnist", Shape((16, 32, 32), (1, 2), (64,)),
        Recipe(epochs=40, shift=0.5, angle=5, zoom=0.05, batch=100, bfloat16=True, copies=6)),
    "accurate": Model(
        "mnist-cnn-accurate", "mnist", Shape((32, 64, 64, 64), (1, 3), (128,)),
        Recipe(epochs=14, shift=1, angle=7, zoom=0.07, batch=100, bfloat16=True, copies=4)),
    "fashion": Model(
        "fashion-cnn", "fashion", Shape((32, 64, 96), (0, 2), (128,), bits=8),
        Recipe(epochs=60, shift=0.5, angle=3, zoom=0.03, flip=True, batch=100, bfloat16=True,
               copies=10)),
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
        nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, 10),
    ).to(memory_format=torch.channels_last)


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
    training = data.load(f"{model.data}:train", directory=options.data)
    testing = data.load(f"{model.data}:test", directory=options.data)
    images = torch.from_numpy(training.images)[:, None]
    labels = torch.from_numpy(training.labels.astype(np.int64))

    network, taught = build(model.shape, seed), TEACHERS[model.data]
    print(f"{model.name}: {weights(network):,} weights of one bit")
    torch.manual_seed(0)  # initial weights and dropout of the teacher
    teacher = build_teacher()
    generator = torch.Generator().manual_seed(0)
    fit("teacher", teacher, taught, lambda _: (distort(images, taught, generator), labels), 0)
    copies = teach(teacher.eval(), images, labels, recipe, seed)
    fit(options.model, network, recipe, lambda epoch: copies[epoch % len(copies)], 2000 + seed)
    recalibrate(network, images, batch=1000)
    if options.weights:
        torch.save(network.state_dict(), options.weights)
    export(network, model.shape.input, model.name, testing, options.out)


if __name__ == "__main__":
    main()
