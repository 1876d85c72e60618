"""Train a convolutional network on sequences, and export it as a graph.

    python examples/train_vowels.py --seed 1 -o models/vowels.bnn

The network tells nine speakers apart by how they say two vowels, see ``vowels.py``. A sequence is a
map of one row, and a convolution over it has a kernel of one row. Each coefficient is compared with
four cuts, the quantiles of the training set, so that the hardware sees elements of one bit.
Training sequences are shifted by up to two steps. The test sequences select neither epoch nor seed.
It takes some ten CPU seconds. Needs ``pip install '.[train]'`` in a checkout of xnorloom.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import vowels
from torch import nn
from train_mnist import export, recalibrate

from xnorloom.nn import BinaryConv2d, BinaryLinear, Scores, Sign, Thermometer, clip

CUTS, CHANNELS, SPEAKERS = 4, 64, 9
EPOCHS, BATCH, RATE, SHIFT = 60, 30, 0.01, 2


def cuts(images):
    """Quantiles of each coefficient, without the steps after the end of a sequence."""
    steps = images.reshape(-1, vowels.COEFFICIENTS)
    steps = steps[steps.any(axis=1)]
    places = np.arange(1, CUTS + 1) / (CUTS + 1)
    return np.rint(np.quantile(steps, places, axis=0)).T.tolist()


def build(images, seed):
    """Build the network, from coefficients 1 ... 255 to logits."""
    generator = torch.Generator().manual_seed(seed)
    inputs, positions = CUTS * vowels.COEFFICIENTS, (vowels.STEPS - 4 - 2) // 2
    return nn.Sequential(
        Thermometer(cuts(images)),
        BinaryConv2d(inputs, CHANNELS, (1, 5), generator=generator),
        nn.BatchNorm2d(CHANNELS), Sign(),
        BinaryConv2d(CHANNELS, CHANNELS, (1, 3), generator=generator), nn.MaxPool2d((1, 2)),
        nn.BatchNorm2d(CHANNELS), Sign(), nn.Flatten(),
        BinaryLinear(CHANNELS * positions, SPEAKERS, generator=generator),
        Scores(CHANNELS * positions, SPEAKERS))


def fit(network, sequences, labels, epochs, seed):
    """Train with sequences of the shape (sequences, 12, 1, 29)."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for epoch in range(epochs):
        network.train()
        total = 0.0
        for batch in torch.randperm(len(labels), generator=generator).split(BATCH):
            shift = int(torch.randint(-SHIFT, SHIFT + 1, (), generator=generator))
            loss = nn.functional.cross_entropy(network(sequences[batch].roll(shift, 3)),
                                               labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            clip(network)
            total += float(loss.detach()) * len(batch)
        schedule.step()
        print(f"epoch {epoch + 1:2}/{epochs}  loss {total / len(labels):.4f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .bnn file to write")
    options = parser.parse_args()

    # With one thread, sums have one order, and a seed has one result.
    torch.set_num_threads(1)
    training, testing = vowels.load("train"), vowels.load("test")
    sequences = torch.from_numpy(training.images).permute(0, 3, 1, 2).float()
    network = build(training.images, options.seed)
    fit(network, sequences, torch.from_numpy(training.labels.astype(np.int64)), options.epochs,
        options.seed)
    recalibrate(network, sequences)
    export(network, sequences.shape[1:], "vowels", testing, options.output)


if __name__ == "__main__":
    main()
