"""Colour images of digits: MNIST digits over patches of the two sample photographs of scikit-learn.

The set is made, not collected: it shows that a network of its size works, and its accuracy says
nothing about photographs. Needs ``pip install '.[train]'`` in a checkout of xnorloom.
"""

import dataclasses

import numpy as np
from sklearn.datasets import load_sample_images

from xnorloom_sim import data
from xnorloom_sim.data import Dataset

SIDE = 32  # rows and columns of an image
# Columns of the photographs for each set, so that no background of a test image was trained on.
COLUMNS = {"train": (0, 480), "test": (480, 640)}
TEST_SEED = 9
TEST_IMAGES = 1_000  # from the first test images of MNIST
_LEAST, _MOST = 96, 160  # difference between the ink and the mean of its patch, modulo 256


def compose(digits, part, seed):
    """Draw digits over random patches of the photographs.

    Each image has a patch of its own, an offset of the digit by 0 to 4 pixels, and an ink, of which
    each channel differs by at least 96 from the mean of the patch.

    Parameters
    ----------
    digits : Dataset
        Grey images of 28x28 pixels.
    part : str
        ``train`` or ``test``, the columns of the photographs.
    seed : int
        Seed of patches, offsets and inks.

    Returns
    -------
    Dataset
        Images of shape (32, 32, 3), red, green and blue last, with the labels of the digits.
    """
    rng = np.random.default_rng(seed)
    count, (left, right) = len(digits), COLUMNS[part]
    photographs = np.stack(load_sample_images().images)
    patches = np.lib.stride_tricks.sliding_window_view(
        photographs[:, :, left:right], (SIDE, SIDE), axis=(1, 2))
    chosen = (rng.integers(size, size=count) for size in patches.shape[:3])
    patch = patches[*chosen].transpose(0, 2, 3, 1).astype(np.int32)
    coverage = np.zeros((count, SIDE, SIDE, 1), np.int32)
    margin = SIDE - digits.images.shape[1]
    for target, digit, (y, x) in zip(coverage, digits.images,
                                     rng.integers(margin + 1, size=(count, 2))):
        target[y:y + len(digit), x:x + len(digit), 0] = digit
    mean = patch.mean((1, 2), keepdims=True).astype(np.int32)
    ink = (mean + rng.integers(_LEAST, _MOST + 1, mean.shape, np.int32)) % 256
    images = (patch * (255 - coverage) + ink * coverage) // 255
    return Dataset(f"photo-digits:{part}", images.astype(np.uint8), digits.labels)


def load_test(directory=None):
    """Return the test images, for which ``directory`` may have the files of MNIST."""
    return compose(first(data.load("mnist:test", directory=directory), TEST_IMAGES), "test",
                   TEST_SEED)


def first(dataset, count):
    """Return the first ``count`` images of a data set."""
    return dataclasses.replace(dataset, images=dataset.images[:count],
                               labels=dataset.labels[:count])
