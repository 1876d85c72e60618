"""Train a binarized network in the shape of CNV on colour digits and export it as an integer graph.

    python examples/train_cnv.py -o models/cnv-digits.bnn

The shape is that of the CNV networks of FINN: 64-64-P-128-128-P-256-256-512-512-10 on images of
32x32 pixels with red, green and blue of 8 bits, convolutions of 3x3 without padding. All weights
and hidden activations are +1 or -1. The images are digits over patches of two photographs (see
``photo_digits.py``): the network proves the scale, not an accuracy on photographs.

Each epoch draws other patches, offsets and inks for the same digits. The test images select neither
epoch nor seed. Needs ``pip install '.[train]'`` in a checkout of xnorloom.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import torch
from conv_network import Shape, build, weights
from photo_digits import SIDE, compose, first, load_test
from train_mnist import Recipe, export, fit, recalibrate

from xnorloom_sim import data

NAME = "cnv-digits"
SHAPE = Shape((64, 64, 128, 128, 256, 256), pooled=(1, 3), hidden=(512, 512),
              input=(3, SIDE, SIDE), bits=8)
# Offsets of the digits are part of the images; nothing else is distorted.
RECIPE = Recipe(epochs=2, shift=0, angle=0, zoom=0, batch=50, bfloat16=True)
DIGITS = 12_000  # of the training images of MNIST


def tensors(images):
    """Images and labels of a data set, channels first."""
    return (torch.from_numpy(images.images).permute(0, 3, 1, 2),
            torch.from_numpy(images.labels.astype(np.int64)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, help="directory with the files of MNIST")
    parser.add_argument("--save-test", type=Path, metavar="FILE.npz",
                        help="also write the test images, for `xnorloom simulate --data`")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the .bnn file to write")
    options = parser.parse_args()

    # With one thread, sums have one order, and a seed has one result.
    torch.set_num_threads(1)
    recipe = RECIPE
    if options.epochs:
        recipe = dataclasses.replace(recipe, epochs=options.epochs)
    training = first(data.load("mnist:train", directory=options.data), DIGITS)
    testing = load_test(options.data)
    if options.save_test:
        np.savez_compressed(options.save_test, images=testing.images, labels=testing.labels)

    def epoch_data(epoch):
        return tensors(compose(training, "train", [options.seed, epoch]))

    network = build(SHAPE, options.seed)
    print(f"{NAME}: {weights(network):,} weights of one bit")
    fit(NAME, network, recipe, epoch_data, 2000 + options.seed)
    recalibrate(network, epoch_data(recipe.epochs)[0][:5000], batch=500)
    export(network, SHAPE.input, NAME, testing, options.out)


if __name__ == "__main__":
    main()
