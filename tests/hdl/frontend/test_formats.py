"""The choice of a frontend, by the file."""

import os

import pytest

from xnorloom.errors import SourceError
from xnorloom.frontend import load


@pytest.mark.parametrize("name", ["net.onnx", "net.h5"])
def test_pipe_is_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(SourceError, match=rf"^model \S+/{name} must be a regular file$"):
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
