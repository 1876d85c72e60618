"""Train a binarized network on MNIST or Fashion-MNIST and export it as an xnorloom integer graph.

    python examples/train_mnist.py --net sfc --input-bits 1 --seed 1 -o models/sfc.bnn
    python examples/train_mnist.py --set fashion --net sfc --input-bits 8 -o fashion.bnn

All weights and hidden activations are +1 or -1, in the first and the last layer too. A float
teacher, a small convolutional network, is trained first; the binarized network then learns the
teacher's class probabilities on randomly distorted images. It is lowered to integers by tabulation,
and must agree with PyTorch on the class of each of the 10,000 test images. The test images select
neither epoch nor seed. Needs ``pip install '.[train]'`` in a checkout of xnorloom.
"""

import argparse
import dataclasses
import math
import time
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from xnorloom.frontend.torch import from_module
from xnorloom.graph.pixels import encode
from xnorloom.lowering.lower import lower
from xnorloom.nn import BinaryLinear, Divide, Pixels, Scores, Sign, clip
from xnorloom_sim import data, golden


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Training parameters for a network and a data set."""

    epochs: int
    shift: float  # pixels, at most, of the random distortion
    angle: float  # degrees
    zoom: float  # as a fraction
    flip: bool = False  # left and right, of every second image
    rate: float = 5e-3
    batch: int = 200  # divides the 60,000 training images
    bfloat16: bool = False  # compute products in bfloat16, which is faster on some processors
    copies: int = 12  # distorted training sets, used in turn
    soft: float = 0.9  # share of the teacher in the targets
    temperature: float = 2.0  # divides the teacher's logits


NETS = {"tfc": (64, 64, 64), "sfc": (256, 256, 256)}  # neurons of the hidden layers
TEACHERS = {
    "mnist": Recipe(epochs=8, rate=3e-3, shift=2, angle=10, zoom=0.10),
    "fashion": Recipe(epochs=10, rate=3e-3, shift=1, angle=5, zoom=0.05, flip=True),
}
RECIPES = {
    ("mnist", "tfc"): Recipe(epochs=200, shift=0.5, angle=3, zoom=0.03),
    ("mnist", "sfc"): Recipe(epochs=150, shift=1, angle=7, zoom=0.07),
    ("fashion", "tfc"): Recipe(epochs=200, shift=0.5, angle=3, zoom=0.03, flip=True),
    ("fashion", "sfc"): Recipe(epochs=200, shift=0.5, angle=3, zoom=0.03, flip=True),
}


def distort(images, recipe, generator):
    """Shift, rotate and scale each grey image (uint8, [N, 1, 28, 28]) at random."""

    def uniform(*shape):
        return 2 * torch.rand(*shape, generator=generator) - 1

    out = []
    for x in images.split(5000):
        angle = uniform(len(x), 1) * math.radians(recipe.angle)
        zoom = 1 + uniform(len(x), 2) * recipe.zoom
        shift = uniform(len(x), 2) * recipe.shift / 14
        rows = torch.cat([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1)
        matrix = torch.cat([rows.view(-1, 2, 2) * zoom[:, None], shift[:, :, None]], 2)
        if recipe.flip:
            matrix[:, 0] *= torch.where(uniform(len(x), 1) < 0, -1.0, 1.0)
        grid = functional.affine_grid(matrix, list(x.shape), align_corners=False)
        y = functional.grid_sample(x.float(), grid, align_corners=False)
        out.append(y.round().clamp(0, 255).to(torch.uint8))
    return torch.cat(out)


def fit(name, network, recipe, epoch_data, seed, before_step=lambda progress: None):
    """Train with Adam, with a rate that rises briefly and then falls to 0 along a cosine.

    ``epoch_data(epoch)`` returns images and targets; ``before_step`` receives the part of the steps
    that are done.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    network.train()
    step = 0
    for epoch in range(recipe.epochs):
        started, total = time.monotonic(), 0.0
        images, targets = epoch_data(epoch)
        batches = torch.randperm(len(images), generator=generator).split(recipe.batch)
        steps = recipe.epochs * len(batches)
        for index in batches:
            warm, cosine = (step + 1) / (0.02 * steps), 0.5 + 0.5 * math.cos(math.pi * step / steps)
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate * min(warm, cosine)
            before_step(step / steps)
            with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
                logits = network(images[index].float())
            loss = functional.cross_entropy(logits.float(), targets[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            clip(network)
            total += loss.item() / len(batches)
            step += 1
        print(f"{name} epoch {epoch + 1:3}/{recipe.epochs}  loss {total:.4f}  "
              f"{time.monotonic() - started:.1f} s", flush=True)


def train_teacher(images, labels, recipe):
    """Train the float network whose class probabilities are the targets."""
    torch.manual_seed(0)
    teacher = nn.Sequential(
        Divide(255),
        nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 48, 5, stride=2, padding=2), nn.BatchNorm2d(48), nn.ReLU(), nn.Flatten(),
        nn.Dropout(0.3), nn.Linear(48 * 49, 128), nn.BatchNorm1d(128), nn.ReLU(),
        nn.Dropout(0.3), nn.Linear(128, 10),
    )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    fit("teacher", teacher, recipe, lambda _: (distort(images, recipe, generator), labels), 0)
    return teacher.eval()


def teach(teacher, images, labels, recipe, seed):
    """Make distorted copies of the training set: a list of (images, targets)."""
    generator = torch.Generator().manual_seed(1000 + seed)
    hard = functional.one_hot(labels, 10).float()
    copies = []
    for _ in range(recipe.copies):
        copy = distort(images, recipe, generator)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
            logits = torch.cat([teacher(x.float()) for x in copy.split(500)]).float()
        soft = torch.softmax(logits / recipe.temperature, 1)
        copies.append((copy, recipe.soft * soft + (1 - recipe.soft) * hard))
    return copies


def build(hidden, bits, seed):
    """Build the binarized network, from pixels 0 ... 255 to logits."""
    generator = torch.Generator().manual_seed(seed)
    modules = OrderedDict(pixels=Pixels(bits), flatten=nn.Flatten())
    sizes = [784, *hidden]
    for i, (inputs, outputs) in enumerate(zip(sizes[:-1], hidden)):
        modules[f"dense{i}"] = BinaryLinear(inputs, outputs, generator=generator)
        if i == 0 and bits > 1:
            modules["divide"] = Divide(2**bits - 1)
        modules[f"norm{i}"] = nn.BatchNorm1d(outputs)
        modules[f"sign{i}"] = Sign()
    modules["score"] = BinaryLinear(sizes[-1], 10, generator=generator)
    modules["scale"] = Scores(sizes[-1], 10)
    return nn.Sequential(modules)


def recalibrate(network, images, batch=5000):
    """Replace the running averages of batch normalisation by the statistics of ``images``."""
    network.train()
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.reset_running_stats()
            module.momentum = None  # a plain average over the batches
    with torch.no_grad():
        for x in images.split(batch):
            network(x.float())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", choices=TEACHERS, default="mnist")
    parser.add_argument("--net", choices=NETS, required=True)
    parser.add_argument("--input-bits", type=int, choices=(1, 8), default=1)
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, help="directory with the files of the set")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .bnn file to write")
    options = parser.parse_args()

    # With one thread, sums have one order, and a seed has one result.
    torch.set_num_threads(1)
    bits, seed = options.input_bits, options.seed
    recipe, taught = RECIPES[options.set, options.net], TEACHERS[options.set]
    if options.epochs:
        recipe = dataclasses.replace(recipe, epochs=options.epochs)
    training = data.load(f"{options.set}:train", directory=options.data)
    testing = data.load(f"{options.set}:test", directory=options.data)
    images = torch.from_numpy(training.images)[:, None]
    labels = torch.from_numpy(training.labels.astype(np.int64))

    network = build(NETS[options.net], bits, seed)
    teacher = train_teacher(images, labels, taught)
    copies = teach(teacher, images, labels, recipe, seed)
    fit(options.net, network, recipe, lambda epoch: copies[epoch % len(copies)], 2000 + seed)
    recalibrate(network, images)

    name = options.net + ("" if bits == 1 else str(bits))
    if options.set != "mnist":
        name += f"-{options.set}"
    export(network, (28, 28), name, testing, options.output)


def export(network, shape, name, testing, path):
    """Lower the network to an integer graph, test both, and write the graph.

    ``shape`` is that of an image for the network. Images with channels have them last.
    """
    network.eval()
    images = torch.from_numpy(testing.images)
    images = images.permute(0, 3, 1, 2) if images.dim() == 4 else images.reshape(-1, *shape)
    with torch.no_grad():
        expected = torch.cat([network(x.float()).argmax(1) for x in images.split(1000)]).numpy()
    lowered = lower(from_module(network, shape), name=name)
    for layer in lowered.layers:
        print(f"{layer.source}: {layer.neurons} neurons, {layer.inverted} inverted, "
              f"{layer.constant} constant")
    graph = lowered.graph
    frames = testing.images.reshape(-1, *graph.input.pixel_shape)
    classes = golden.evaluate(graph, encode(graph.input, frames)).classes
    for title, result in (("float network", expected), ("integer graph", classes)):
        print(f"{title}: {np.sum(result == testing.labels)} of {len(testing)} test images right")
    if different := np.flatnonzero(expected != classes).tolist():
        raise SystemExit(f"network and graph must agree, but differ at images {different[:10]}")
    graph.save(path)
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
