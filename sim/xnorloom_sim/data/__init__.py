"""Data sets: MNIST and Fashion-MNIST, images in ``.npz`` files, image files and folders of them."""

from .dataset import DataError, Dataset, bundled, load, load_npz
from .pictures import has_bright_background, is_pictures, load_pictures

__all__ = ["DataError", "Dataset", "bundled", "has_bright_background", "is_pictures", "load",
           "load_npz", "load_pictures"]
