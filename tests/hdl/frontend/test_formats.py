"""Formats of source models, and the choice of a frontend by the file."""

import os
from importlib import import_module
from importlib.metadata import metadata

import pytest

from xnorloom import frontend
from xnorloom.errors import SourceError
from xnorloom.frontend import CHECKPOINT, FORMATS, HDF5, KERAS, ONNX, format_of, load


def test_rows_are_consistent():
    suffixes = frontend.file_suffixes()
    assert len(set(suffixes)) == len(suffixes) and ".bnn" not in suffixes
    extras = metadata("xnorloom").get_all("Provides-Extra")
    for row in FORMATS:
        assert row.extra in extras if row.reader else not row.extra
        if row.reader:
            assert callable(import_module(row.reader, frontend.__name__).load)


@pytest.mark.parametrize("name, start, expected", [
    ("net.onnx", b"", ONNX), ("net", b"\x08", ONNX), ("net.h5", HDF5.magic + b"0", HDF5),
    ("net.onnx", HDF5.magic, HDF5), ("net.hdf5", b"\x08", ONNX), ("net.h5", KERAS.magic, KERAS),
    ("net.PTH", KERAS.magic, CHECKPOINT), ("pytorch_model.bin", b"", CHECKPOINT)])
def test_format_of(tmp_path, name, start, expected):
    (tmp_path / name).write_bytes(start)
    assert format_of(tmp_path / name) is expected


@pytest.mark.parametrize("name", ["net.onnx", "net.h5"])
def test_pipe_is_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(SourceError, match=rf"^model \S+/{name} cannot be read: it must be a "
                                          rf"regular file, but is a pipe$"):
        load(tmp_path / name)


@pytest.mark.parametrize("name", ["net.pt", "net.pth", "net.ckpt"])
def test_checkpoints_hold_no_network(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04")
    with pytest.raises(SourceError, match=rf"^model \S+/{name} looks like a checkpoint of PyTorch, "
                                          rf"which holds weights without the network: export "):
        load(tmp_path / name)


def test_missing_file(tmp_path):
    with pytest.raises(SourceError, match=r"^model \S+/net.onnx cannot be read: No such file or "
                                          r"directory$"):
        load(tmp_path / "net.onnx")
