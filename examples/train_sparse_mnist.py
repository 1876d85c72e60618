"""Train a sparse network on MNIST, of a budget of synapses per neuron, and export it as a graph.

    python examples/train_sparse_mnist.py --seed 1 -o models/sparse-mnist.bnn
    python examples/train_sparse_mnist.py --synapses 31,31,31,63 -o larger.bnn

Weights are -1, 0 or +1, hidden activations and pixels one bit. A neuron keeps a number of synapses,
those with the largest latent weights, so that wired layers of a small FPGA take a frame in every
cycle. Three things find them:

- All synapses are present at first. Their number falls to the budget during the first half of the
  training.
- Absent synapses go on to learn. One that becomes larger than a present one replaces it.
  Latent weights have no bound, at which chance would choose among them.
- Pixels that are the same in nearly all training images have no synapses.

The recipe otherwise is that of ``train_mnist.py``: the network learns the class probabilities of a
float teacher on distorted images. The test images select neither epoch nor seed. Needs
``pip install '.[train]'`` in a checkout of xnorloom.
"""

import argparse
import dataclasses
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch import nn
from train_mnist import TEACHERS, Recipe, export, fit, recalibrate, teach, train_teacher

from xnorloom.nn import Pixels, Scores, Sign, TernaryLinear, prune
from xnorloom_sim import data

HIDDEN = (256, 256, 256)
# Synapses of a neuron in each layer, the scores last. Counts of 2^n - 1 synapses have n bits: 16
# take a fifth more cells than 15.
SYNAPSES = (15, 15, 15, 31)
# Processors with AVX-512 BF16 compute products in bfloat16 faster.
TEACHER = dataclasses.replace(TEACHERS["mnist"], epochs=5, bfloat16=True)
RECIPE = Recipe(epochs=40, shift=0.75, angle=5, zoom=0.05, bfloat16=True, copies=8)
PRUNED = 0.5  # of the training, when the budget is reached
RARE = 0.002  # of the images: a pixel that is bright in fewer, or dark in fewer, has no synapses


def changing(images):
    """Tell which pixels, of one bit, are not the same in nearly all images."""
    share = (images >= 128).flatten(1).float().mean(0)
    return (share > RARE) & (share < 1 - RARE)


def build(hidden, synapses, candidates, seed):
    """Build the sparse network, from pixels 0 ... 255 to logits."""
    generator = torch.Generator().manual_seed(seed)
    modules = OrderedDict(pixels=Pixels(1), flatten=nn.Flatten())
    sizes = [len(candidates), *hidden]
    for i, (inputs, outputs) in enumerate(zip(sizes[:-1], hidden)):
        modules[f"dense{i}"] = TernaryLinear(inputs, outputs, synapses[i], generator=generator,
                                             candidates=candidates if i == 0 else None)
        modules[f"norm{i}"] = nn.BatchNorm1d(outputs)
        modules[f"sign{i}"] = Sign()
    modules["score"] = TernaryLinear(sizes[-1], 10, synapses[-1], generator=generator)
    modules["scale"] = Scores(synapses[-1], 10)
    return nn.Sequential(modules)


def budget(text):
    """Read the synapses of a neuron in each layer."""
    numbers = tuple(int(number) for number in text.split(","))
    if len(numbers) != len(HIDDEN) + 1:
        raise argparse.ArgumentTypeError(f"wanted {len(HIDDEN) + 1} numbers, found {len(numbers)}")
    return numbers


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--synapses", type=budget, default=SYNAPSES, metavar="K,K,K,K",
                        help="synapses of a neuron in each layer, by default "
                             + ",".join(map(str, SYNAPSES)))
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, help="directory with the files of MNIST")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .bnn file to write")
    options = parser.parse_args()

    # With one thread, sums have one order, and a seed has one result.
    torch.set_num_threads(1)
    seed = options.seed
    recipe = dataclasses.replace(RECIPE, epochs=options.epochs or RECIPE.epochs)
    training = data.load("mnist:train", directory=options.data)
    testing = data.load("mnist:test", directory=options.data)
    images = torch.from_numpy(training.images)[:, None]
    labels = torch.from_numpy(training.labels.astype(np.int64))

    network = build(HIDDEN, options.synapses, changing(images), seed)
    synapses = sum(count * neurons for count, neurons in zip(options.synapses, (*HIDDEN, 10)))
    print(f"sparse-mnist: {synapses:,} synapses")
    copies = teach(train_teacher(images, labels, TEACHER), images, labels, recipe, seed)
    fit("sparse", network, recipe, lambda epoch: copies[epoch % len(copies)], 2000 + seed,
        lambda progress: prune(network, min(1, progress / PRUNED)))
    recalibrate(network, images)
    export(network, (28, 28), "sparse-mnist", testing, options.output)


if __name__ == "__main__":
    main()
