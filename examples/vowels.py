"""Sequences of Japanese vowels: 12 coefficients in up to 29 steps, to tell nine speakers apart.

    python examples/vowels.py aeon/datasets/data/JapaneseVowels

makes ``vowels_train.npz`` and ``vowels_test.npz`` beside this program from the two ``.ts`` files,
as the Python package aeon 1.6.0 has them. Each coefficient of the linear prediction is scaled to
1 ... 255 between its least and its largest value in the training set; values of test sequences
outside of them are clipped. Steps after the end of a sequence are 0.

The data are those of Kudo, Toyama and Shimbo, Multidimensional curve classification using
passing-through regions, Pattern Recognition Letters 20 (1999); UCI Machine Learning Repository,
Japanese Vowels, CC BY 4.0.
"""

import argparse
from pathlib import Path

import numpy as np

from xnorloom_sim import data
from xnorloom_sim.data import Dataset

HERE = Path(__file__).resolve().parent
STEPS, COEFFICIENTS = 29, 12
PARTS = ("train", "test")


def load(part: str) -> Dataset:
    """Read a part of the set: images of the shape (1, 29, 12), labels 0 to 8."""
    return data.load(HERE / f"vowels_{part}.npz")


def read(path: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """Read a ``.ts`` file: sequences of the shape (steps, 12), and labels from 0 on."""
    lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    rows = [line.split(":") for line in lines if line and line[0] not in "#@"]
    sequences = [np.array([channel.split(",") for channel in row[:-1]], float).T for row in rows]
    return sequences, np.array([int(row[-1]) - 1 for row in rows], np.uint8)


def quantize(sequences: list[np.ndarray], low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Scale each coefficient from ``low`` ... ``high`` to 1 ... 255, and fill up with zeros."""
    images = np.zeros((len(sequences), 1, STEPS, COEFFICIENTS), np.uint8)
    for image, values in zip(images, sequences):
        image[0, :len(values)] = 1 + np.rint(254 * ((values - low) / (high - low)).clip(0, 1))
    return images


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, help="directory with the two .ts files")
    options = parser.parse_args()
    parts = {part: read(options.directory / f"JapaneseVowels_{part.upper()}.ts") for part in PARTS}
    values = np.concatenate(parts["train"][0])
    for part, (sequences, labels) in parts.items():
        images = quantize(sequences, values.min(0), values.max(0))
        np.savez_compressed(HERE / f"vowels_{part}.npz", images=images, labels=labels)
        print(f"vowels_{part}.npz: {len(images)} sequences")


if __name__ == "__main__":
    main()
