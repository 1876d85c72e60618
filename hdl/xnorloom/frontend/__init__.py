"""Frontends, one file a format: each reads its source into a :class:`~.program.Program`."""

import os
from pathlib import Path

from ..errors import SourceError
from .program import Program

__all__ = ["Program", "load"]

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
# Checkpoints of PyTorch are pickles, inside a ZIP since version 1.6.
_PICKLES = (".pt", ".pth", ".ckpt", ".pkl", ".bin")


def load(path: str | os.PathLike[str]) -> Program:
    """Read the model in the file ``path``, in any of the formats that there is a frontend for.

    Raises
    ------
    SourceError
        If it is missing or damaged, in no known format, or computes what cannot be brought in.
    """
    path = Path(path)
    try:
        # Opening a pipe would wait for somebody to write into it.
        if path.exists() and not path.is_dir() and not path.is_file():
            raise SourceError(f"model {path} must be a regular file")
        with path.open("rb") as file:
            start = file.read(len(_HDF5))
    except OSError as error:
        raise SourceError(f"model {path} cannot be read: {error.strerror or error}") from error
    if path.suffix.lower() in _PICKLES:
        raise SourceError(
            f"model {path} looks like a checkpoint of PyTorch, which holds weights without the "
            f"network: export the network with torch.onnx.export, or with brevitas.export")
    if start == _HDF5 or start.startswith(_ZIP):
        from .keras import model as larq_model
        return larq_model.load(path)
    from .onnx import model as onnx_model
    return onnx_model.load(path)
