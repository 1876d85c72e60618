"""Frontends: readers of source models, each of which makes a :class:`~.program.Program`."""

import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from ..errors import SourceError
from ..support.files import open_regular
from ..support.text import first_line, printable
from .program import Program

__all__ = ["CHECKPOINT", "FORMATS", "HDF5", "KERAS", "ONNX", "Format", "Program", "file_suffixes",
           "format_of", "load"]


@dataclass(frozen=True)
class Format:
    """File format of source models.

    Parameters
    ----------
    name : str
        Name of the format.
    magic : bytes
        First bytes of each file; empty for a format without a signature.
    suffixes : tuple of str
        File name suffixes, in lower case; no model file of this project has one of them.
    reader : str or None
        Module with a function ``load(path)``, relative to this package; None if files of the
        format hold no network.
    runtime : str or None
        Package that executes the files, independently of this project.
    extra : str
        Extra of this project that the reader needs; empty for none.
    tools : str
        Tools that write such files.
    shared_suffixes : tuple of str
        Further suffixes, which files of other kinds have too.
    """

    name: str
    magic: bytes
    suffixes: tuple[str, ...]
    reader: str | None
    runtime: str | None
    extra: str
    tools: str
    shared_suffixes: tuple[str, ...] = ()


# Checkpoints are pickles, inside a ZIP since PyTorch 1.6.
CHECKPOINT = Format("PyTorch checkpoint", b"", (".pt", ".pth", ".ckpt", ".pkl"), None, None, "",
                    "PyTorch", shared_suffixes=(".bin",))
HDF5 = Format("Keras HDF5", b"\x89HDF\r\n\x1a\n", (".h5", ".hdf5"), ".keras.model", None, "larq",
              "Larq, Keras")
KERAS = Format("Keras archive", b"PK\x03\x04", (".keras",), ".keras.model", None, "larq",
               "Larq, Keras")
ONNX = Format("ONNX", b"", (".onnx",), ".onnx.model", "onnxruntime", "onnx",
              "QONNX, PyTorch, FINN, tf2onnx")

FORMATS = (CHECKPOINT, HDF5, KERAS, ONNX)
"""All formats, in the order in which :func:`format_of` tries them."""


def file_suffixes() -> tuple[str, ...]:
    """Return the suffixes that distinguish source models from model files of this project."""
    return tuple(suffix for row in FORMATS for suffix in row.suffixes)


def format_of(path: str | os.PathLike[str]) -> Format:
    """Format of the file ``path``, by its first bytes or, where it has no signature, its suffix.

    A file of no known format is taken for ONNX, which has no signature.

    Raises
    ------
    SourceError
        If the file is missing, unreadable or not a regular file.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            start = file.read(max(len(row.magic) for row in FORMATS))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or first_line(error)
        raise SourceError(f"model {printable(path)} cannot be read: {printable(why)}") from error
    suffix = path.suffix.lower()
    for row in FORMATS:
        if row.magic and start.startswith(row.magic):
            return row
        if not row.magic and suffix in (*row.suffixes, *row.shared_suffixes):
            return row
    return ONNX


def load(path: str | os.PathLike[str]) -> Program:
    """Read the source model in the file ``path``, which may be in any of :data:`FORMATS`.

    Raises
    ------
    SourceError
        If the file is missing or damaged, if its format is unknown, or if it computes something
        that a :class:`~.program.Program` cannot describe.
    """
    reader = format_of(path).reader
    if reader is None:
        raise SourceError(
            f"model {printable(path)} looks like a checkpoint of PyTorch, which holds weights "
            f"without the network: export the network with torch.onnx.export, or with "
            f"brevitas.export")
    return import_module(reader, __name__).load(path)
