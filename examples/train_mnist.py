"""Train a binarized MNIST network in plain PyTorch and export it as an xnorloom integer graph.

    python examples/train_mnist.py --net sfc --input-bits 1 --seed 1 -o models/sfc.bnn

Every weight and every hidden activation is +1 or -1, the first and the last layer included. A
float teacher, a small convolutional network, is trained first; the binarized network then learns
the teacher's class probabilities on randomly distorted images. It is folded to integers by
tabulation, and must agree with PyTorch on the class of each of the 10,000 test images. These are
used for nothing else: no epoch and no seed is chosen by them. Needs ``pip install torch``.
"""

import argparse
import dataclasses
import math
import time
from pathlib import Path

import numpy as np

EPS = 1e-5  # of the batch normalisation, the same in training and in the fold
BATCH = 200  # divides the 60,000 training images


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A network's shape, and the training that suits its capacity."""

    hidden: tuple[int, ...]
    epochs: int
    shift: float  # pixels, at most, of the random distortion
    angle: float  # degrees
    zoom: float  # as a fraction
    rate: float = 5e-3
    copies: int = 12  # distorted training sets, used in turn
    soft: float = 0.9  # share of the teacher in the targets
    temperature: float = 2.0  # divides the teacher's logits


TEACHER = Recipe(hidden=(), epochs=8, rate=3e-3, shift=2, angle=10, zoom=0.10)
RECIPES = {
    "tfc": Recipe(hidden=(64, 64, 64), epochs=200, shift=0.5, angle=3, zoom=0.03),
    "sfc": Recipe(hidden=(256, 256, 256), epochs=150, shift=1, angle=7, zoom=0.07),
}


def batch_norm(x, mean, deviation, gamma, beta):
    """Batch normalisation with fixed statistics, elementwise, of numpy arrays or of tensors.

    These operations and the square root in ``deviation`` are correctly rounded, so in float64 both
    libraries return the same bits, and the fold tabulates exactly what the network computes.
    """
    return (x - mean) / deviation * gamma + beta


def fold(weights, mean, var, gamma, beta, *, bits=1):
    """Folds batch normalisation and sign of one layer into integer thresholds, by tabulation.

    ``weights`` is [m, n] of 0/1. An input element x of ``bits`` bits has the value
    (2x - (2**bits - 1)) / (2**bits - 1). Returns (weights, thresholds, inverted): a neuron fires
    iff its popcount P in 0 ... N = n * (2**bits - 1) is at least its threshold. The neurons marked
    in ``inverted`` fired for small P; their weights are inverted, which mirrors P. A threshold of
    0 or N + 1 makes a constant neuron.
    """
    top = 2**bits - 1
    total = weights.shape[1] * top
    dot = (2.0 * np.arange(total + 1) - total) / top
    deviation = np.sqrt(var + EPS)
    thresholds = np.empty(len(weights), np.int64)
    inverted = np.zeros(len(weights), np.bool_)
    for i in range(len(weights)):
        fires = batch_norm(dot, mean[i], deviation[i], gamma[i], beta[i]) >= 0
        switches = np.flatnonzero(fires[1:] != fires[:-1]) + 1
        if len(switches) > 1:
            raise ValueError(f"neuron {i} must switch at most once over its popcounts, "
                             f"it switches at {switches[:4].tolist()}")
        # Those that fire are the largest popcounts, or become so by mirroring.
        thresholds[i] = total + 1 - np.count_nonzero(fires)
        inverted[i] = fires[0] and not fires[-1]
    return np.where(inverted[:, None], 1 - weights, weights), thresholds, inverted


def distort(images, recipe, generator):
    """Shifts, turns and scales each grey image (uint8, [N, 1, 28, 28]) at random."""
    import torch

    def uniform(*shape):
        return 2 * torch.rand(*shape, generator=generator) - 1

    out = []
    for x in images.split(5000):
        angle = uniform(len(x), 1) * math.radians(recipe.angle)
        zoom = 1 + uniform(len(x), 2) * recipe.zoom
        shift = uniform(len(x), 2) * recipe.shift / 14
        rows = torch.cat([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1)
        matrix = torch.cat([rows.view(-1, 2, 2) * zoom[:, None], shift[:, :, None]], 2)
        grid = torch.nn.functional.affine_grid(matrix, list(x.shape), align_corners=False)
        y = torch.nn.functional.grid_sample(x.float(), grid, align_corners=False)
        out.append(y.round().clamp(0, 255).to(torch.uint8))
    return torch.cat(out)


def elements(images, bits):
    """Integer element values 2x - (2**bits - 1) of flat images, x the pixel's top ``bits`` bits."""
    return 2.0 * (images.flatten(1) >> (8 - bits)).float() - (2**bits - 1)


def fit(name, network, recipe, epoch_data, prepare, seed):
    """Trains by Adam with a rate that rises briefly, then falls to 0 along a cosine.

    ``epoch_data(epoch)`` gives images and targets, ``prepare`` turns images into what the network
    takes. Parameters listed in ``network.weights`` are kept within -1 ... +1.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    network.train()
    step = 0
    for epoch in range(recipe.epochs):
        started, total = time.monotonic(), 0.0
        images, targets = epoch_data(epoch)
        batches = torch.randperm(len(images), generator=generator).split(BATCH)
        steps = recipe.epochs * len(batches)
        for index in batches:
            warm, cosine = (step + 1) / (0.02 * steps), 0.5 + 0.5 * math.cos(math.pi * step / steps)
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate * min(warm, cosine)
            logits = network(prepare(images[index]))
            loss = torch.nn.functional.cross_entropy(logits, targets[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                for weight in getattr(network, "weights", ()):
                    weight.clamp_(-1, 1)
            total += loss.item() / len(batches)
            step += 1
        print(f"{name} epoch {epoch + 1:3}/{recipe.epochs}  loss {total:.4f}  "
              f"{time.monotonic() - started:.1f} s", flush=True)


def train_teacher(images, labels):
    """Trains the float network whose opinions are taught: about 99.4 % on the test images."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    teacher = nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 48, 5, stride=2, padding=2), nn.BatchNorm2d(48), nn.ReLU(), nn.Flatten(),
        nn.Dropout(0.3), nn.Linear(48 * 49, 128), nn.BatchNorm1d(128), nn.ReLU(),
        nn.Dropout(0.3), nn.Linear(128, 10),
    )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    fit("teacher", teacher, TEACHER,
        lambda _: (distort(images, TEACHER, generator), labels),
        lambda x: x.float() / 255, seed=0)  # fmt: skip
    return teacher.eval()


def teach(teacher, images, labels, recipe, seed):
    """Distorted copies of the training set with their targets: a list of (images, targets)."""
    import torch

    generator = torch.Generator().manual_seed(1000 + seed)
    hard = torch.nn.functional.one_hot(labels, 10).float()
    copies = []
    for _ in range(recipe.copies):
        copy = distort(images, recipe, generator)
        with torch.no_grad():
            logits = torch.cat([teacher(x.float() / 255) for x in copy.split(2000)])
        soft = torch.softmax(logits / recipe.temperature, 1)
        copies.append((copy, recipe.soft * soft + (1 - recipe.soft) * hard))
    return copies


def build(hidden, bits, seed):
    """The binarized network, a torch module from element values to logits."""
    import torch

    class Sign(torch.autograd.Function):
        """+1 for x >= 0, else -1. The gradient is a piecewise parabola's if ``clip``, else 1."""

        @staticmethod
        def forward(ctx, x, clip):
            ctx.save_for_backward(x if clip else None)
            return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)

        @staticmethod
        def backward(ctx, gradient):
            (x,) = ctx.saved_tensors
            return gradient if x is None else gradient * (2 - 2 * x.abs()).clamp(min=0), None

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            sizes = [784, *hidden, 10]
            generator = torch.Generator().manual_seed(seed)
            self.weights = torch.nn.ParameterList(
                (2 * torch.rand(m, n, generator=generator) - 1) * 0.1
                for n, m in zip(sizes[:-1], sizes[1:])
            )
            self.norms = torch.nn.ModuleList(torch.nn.BatchNorm1d(m, eps=EPS) for m in hidden)
            self.offsets = torch.nn.Parameter(torch.zeros(10))
            self.log_alpha = torch.nn.Parameter(torch.tensor(sizes[-2] ** -0.5).log())

        def forward(self, x):
            for i, norm in enumerate(self.norms):
                x = x @ Sign.apply(self.weights[i], False).T
                if i == 0:
                    x = x / (2**bits - 1)
                deviation = (norm.running_var + EPS).sqrt()
                fixed = norm.running_mean, deviation, norm.weight, norm.bias
                x = Sign.apply(norm(x) if self.training else batch_norm(x, *fixed), True)
            dot = x @ Sign.apply(self.weights[-1], False).T
            offsets = self.offsets + (self.offsets.round() - self.offsets).detach()
            # 2 * (popcount + offset) - n with a temperature, which leaves the order alone.
            return self.log_alpha.exp() * (dot + 2 * offsets)

    return Network()


def recalibrate(network, images, bits):
    """Replaces the running averages of batch normalisation by the statistics of ``images``."""
    import torch

    for norm in network.norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over the batches
    with torch.no_grad():
        for x in images.split(5000):
            network(elements(x, bits))


def export(network, name, bits):
    """The trained network as an integer graph. Prints what became of the neurons."""
    from xnorloom.graph import Dense, Graph, Input, Score

    signs = [(weight.detach().numpy() >= 0).astype(np.uint8) for weight in network.weights]
    layers = []
    for i, norm in enumerate(network.norms):
        tensors = norm.running_mean, norm.running_var, norm.weight, norm.bias
        arrays = [tensor.detach().numpy().astype(np.float64) for tensor in tensors]
        planes = bits if i == 0 else 1
        weights, thresholds, inverted = fold(signs[i], *arrays, bits=planes)
        never = weights.shape[1] * (2**planes - 1) + 1
        constant = np.count_nonzero((thresholds == 0) | (thresholds == never))
        print(f"dense{i}: {len(weights)} neurons, {inverted.sum()} inverted, {constant} constant")
        layers.append(Dense(name=f"dense{i}", weights=weights, thresholds=thresholds))
    offsets = np.rint(network.offsets.detach().numpy()).astype(np.int64)
    layers.append(Score(name="score", weights=signs[-1], offsets=offsets))
    return Graph(name=name, input=Input(shape=(28, 28), bits=bits), layers=tuple(layers))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", choices=RECIPES, required=True)
    parser.add_argument("--input-bits", type=int, choices=(1, 8), default=1)
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, help="directory with the MNIST files")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .bnn file to write")
    options = parser.parse_args()

    import torch

    from xnorloom_sim import data, golden

    # One thread: sums have one order, and a seed one result.
    torch.set_num_threads(1)
    recipe, bits, seed = RECIPES[options.net], options.input_bits, options.seed
    recipe = dataclasses.replace(recipe, epochs=options.epochs or recipe.epochs)
    training = data.load("mnist:train", directory=options.data)
    testing = data.load("mnist:test", directory=options.data)
    images = torch.from_numpy(training.images)[:, None]
    labels = torch.from_numpy(training.labels.astype(np.int64))

    network = build(recipe.hidden, bits, seed)
    teacher = train_teacher(images, labels)
    copies = teach(teacher, images, labels, recipe, seed)
    fit(options.net, network, recipe, lambda epoch: copies[epoch % len(copies)],
        lambda x: elements(x, bits), 2000 + seed)  # fmt: skip
    recalibrate(network, images, bits)

    network.eval().double()
    with torch.no_grad():
        x = elements(torch.from_numpy(testing.images), bits).double()
        expected = network(x).argmax(1).numpy()
    graph = export(network, options.net + ("" if bits == 1 else str(bits)), bits)
    classes = golden.evaluate(graph, data.quantize(testing.images, bits)).classes
    for title, result in (("float network", expected), ("integer graph", classes)):
        print(f"{title}: {np.sum(result == testing.labels)} of {len(testing)} test images right")
    if different := np.flatnonzero(expected != classes).tolist():
        raise SystemExit(f"network and graph must agree, but differ at images {different[:10]}")
    graph.save(options.output)
    print(f"wrote {options.output}")


if __name__ == "__main__":
    main()
