"""Data sets: MNIST and Fashion-MNIST, and images in ``.npz`` files."""

from .dataset import DataError, Dataset, bundled, load, load_npz

__all__ = ["DataError", "Dataset", "bundled", "load", "load_npz"]
