"""Files that are not ONNX, inconsistent tensors, and external data."""

import os
import re
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from xnorloom.errors import SourceError
from xnorloom.frontend.onnx import file
from xnorloom.frontend.onnx.model import load


def net(weights: TensorProto) -> onnx.ModelProto:
    weights.name = "w"
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])], [weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


WEIGHTS = np.arange(8, dtype=np.float32).reshape(4, 2)


def wrong(path, message: str) -> None:
    with pytest.raises(SourceError, match=f"^{message}$"):
        load(path)


def test_missing(tmp_path):
    wrong(tmp_path / "no.onnx", r"model .*no\.onnx cannot be read: No such file or directory")
    wrong(tmp_path, "model .* cannot be read: Is a directory")
    os.mkfifo(tmp_path / "pipe")
    wrong(tmp_path / "pipe", "model .*pipe cannot be read: it must be a regular file, but is "
                             "a pipe")
    wrong("a\0b", r"model a\\x00b cannot be read: .*null byte.*")


@pytest.mark.parametrize("data", [b"PK\x03\x04", b"\x93NUMPY\x01\x00v\x00{'descr'", b"hello\n",
                                  b"\x89HDF\r\n\x1a\n", b"\x00", b"\xff" * 100, b"\x08\x08"],
                         ids=repr)
def test_something_else(tmp_path, data):
    path = tmp_path / "net.onnx"
    path.write_bytes(data)
    wrong(path, r".*net\.onnx is no ONNX model(, or only a part of one: .+"
          "|: there is no graph of nodes in it)")


def test_empty(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"")
    wrong(path, r"model .*net\.onnx is empty")


def test_truncated(tmp_path):
    path = tmp_path / "net.onnx"
    data = net(numpy_helper.from_array(WEIGHTS)).SerializeToString()
    for size in range(1, len(data)):
        path.write_bytes(data[:size])
        with pytest.raises(SourceError, match=r"^[^\n]+$"):
            load(path)
    path.write_bytes(data)
    load(path)


def test_huge(tmp_path):
    path = tmp_path / "net.onnx"
    # A sparse file, which takes no space on the disk.
    with open(path, "wb") as data:
        data.truncate((256 << 20) + 1)
    wrong(path, r"model .*net\.onnx is larger than 256 MiB, which is the limit")


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    wrong(tmp_path / "net.onnx", re.escape("reading ONNX files takes the package onnx: pip install "
                                           "'.[onnx]'"))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8",
                                   "?"])
@pytest.mark.parametrize("raw", [True, False])
def test_arrays(tmp_path, dtype, raw):
    values = np.array([[0, 1, 100], [5, 1, 0]]).astype(dtype)
    kind = helper.np_dtype_to_tensor_dtype(values.dtype)
    tensor = helper.make_tensor("t", kind, values.shape,
                                values.tobytes() if raw else values.ravel(), raw)
    array = file.Tensors(tmp_path).array(tensor, "tensor 't'")
    assert array.dtype == values.dtype and not array.flags.writeable
    np.testing.assert_array_equal(array, values)


def test_floats_of_16_bits_by_impossible_integers(tmp_path):
    tensor = TensorProto(data_type=10, dims=[2], int32_data=[-1, 70000])
    assert file.Tensors(tmp_path).array(tensor, "t").shape == (2,)


def changed(**fields) -> TensorProto:
    tensor = numpy_helper.from_array(WEIGHTS)
    for name, value in fields.items():
        if name == "dims":
            del tensor.dims[:]
            tensor.dims.extend(value)
        else:
            setattr(tensor, name, value)
    return tensor


TENSORS = {
    "too short": (changed(raw_data=b"1234"), "has the shape (4, 2), which takes 32 bytes, and "
                  "holds 4"),
    "too long": (changed(dims=[4, 1]), "has the shape (4, 1), which takes 16 bytes, and holds 32"),
    "another type": (changed(data_type=11), "has the shape (4, 2), which takes 64 bytes, and holds "
                     "32"),
    "strings": (changed(data_type=8), "must be of a type of numbers, not of ONNX type 8"),
    "a type that is none": (changed(data_type=99), "must be of a type of numbers, not of ONNX type "
                            "99"),
    "negative": (changed(dims=[-4, -2]), "must have a shape of at most 67108864 elements on 16 "
                 "axes, not (-4, -2)"),
    "enormous": (changed(dims=[2 ** 40, 2 ** 40]), "must have a shape of at most 67108864 "
                 "elements on 16 axes, not (1099511627776, 1099511627776)"),
    "deep": (changed(dims=[1] * 17), "must have a shape of at most 67108864 elements on 16 axes, "
             "not (1, 1, 1, 1, 1, 1, ...)"),
    "floats of 16 bits by wrong bits": (helper.make_tensor("w", 10, [1], [1.0]), "has the shape "
                                        "(2,), which takes 2 elements, and holds 1"),
    "a list too short": (helper.make_tensor("w", 1, [3], [1, 2, 3]), None),
}
del TENSORS["a list too short"][0].float_data[2:]
TENSORS["floats of 16 bits by wrong bits"][0].dims[0] = 2


@pytest.mark.parametrize("name", TENSORS)
def test_tensor_wrong(tmp_path, name):
    tensor, message = TENSORS[name]
    onnx.save(net(tensor), tmp_path / "net.onnx")
    wrong(tmp_path / "net.onnx", re.escape("tensor 'w' " + (
        message or "has the shape (3,), which takes 3 elements, and holds 2")))


def external(tmp_path, **entries):
    """Make a model in its own folder, with weights at an external location."""
    tensor = TensorProto(data_type=1, dims=[4, 2], data_location=TensorProto.EXTERNAL)
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=str(value))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "net.onnx").write_bytes(net(tensor).SerializeToString())
    return folder


@pytest.mark.parametrize("entries, start", [({}, 0), ({"offset": 8}, 8),
                                            ({"offset": 4, "length": 32}, 4)])
def test_external(tmp_path, entries, start):
    folder = external(tmp_path, location="sub/net.data", **entries)
    (folder / "sub").mkdir()
    (folder / "sub" / "net.data").write_bytes(bytes(start) + WEIGHTS.tobytes() + b"more")
    [step] = load(folder / "net.onnx").steps
    np.testing.assert_array_equal(step.weights, WEIGHTS)


def test_external_as_onnx_writes_it(tmp_path):
    onnx.save(net(numpy_helper.from_array(WEIGHTS)), tmp_path / "net.onnx",
              save_as_external_data=True, location="net.onnx.data", size_threshold=0)
    assert (tmp_path / "net.onnx.data").exists()
    [step] = load(tmp_path / "net.onnx").steps
    np.testing.assert_array_equal(step.weights, WEIGHTS)


OUTSIDE = "has external data in {}, which is outside the folder of the model"
EXTERNAL = {
    "above": ({"location": "../secret"}, OUTSIDE.format("'../secret'")),
    "above by a detour": ({"location": "sub/../../secret"},
                          OUTSIDE.format("'sub/../../secret'")),
    "by a link": ({"location": "link"}, OUTSIDE.format("'link'")),
    "through a linked folder": ({"location": "up/secret"}, OUTSIDE.format("'up/secret'")),
    "absolute": ({"location": "/secret"}, OUTSIDE.format("'/secret'")),
    "nowhere": ({}, "has external data without a location"),
    "empty": ({"location": ""}, "has external data without a location"),
    "zero byte": ({"location": "a\0b"}, "has external data without a location"),
    "too short": ({"location": "data", "offset": 5}, "takes 32 bytes of 'data' from 5 on, and 31 "
                  "are there"),
    "past the end": ({"location": "data", "offset": 99}, "takes 32 bytes of 'data' from 99 on, and "
                     "0 are there"),
    "negative": ({"location": "data", "offset": -1}, "takes 32 bytes of external data, not 32 at "
                 "-1"),
    "another length": ({"location": "data", "length": 4}, "takes 32 bytes of external data, not 4 "
                       "at 0"),
    "no number": ({"location": "data", "offset": "x"}, "has external data at an invalid location: "
                  "invalid literal for int() with base 10: 'x'"),
}


@pytest.mark.parametrize("name", EXTERNAL)
def test_external_wrong(tmp_path, name):
    entries, message = EXTERNAL[name]
    folder = external(tmp_path, **entries)
    (tmp_path / "secret").write_bytes(bytes(64))
    (folder / "data").write_bytes(bytes(36))
    (folder / "link").symlink_to("../secret")
    (folder / "up").symlink_to("..")
    wrong(folder / "net.onnx", re.escape(f"tensor 'w' {message}"))


def test_external_that_cannot_be_read(tmp_path):
    folder = external(tmp_path, location="no.data")
    wrong(folder / "net.onnx", re.escape("the external data of tensor 'w', 'no.data', cannot be "
                                         "read: No such file or directory"))
    (folder / "no.data").mkdir()
    wrong(folder / "net.onnx", re.escape("the external data of tensor 'w', 'no.data', cannot be "
                                         "read: Is a directory"))
    (folder / "no.data").rmdir()
    os.mkfifo(folder / "no.data")
    wrong(folder / "net.onnx", re.escape("the external data of tensor 'w', 'no.data', cannot be "
                                         "read: it must be a regular file, but is a pipe"))


def test_data_that_is_named_many_times(tmp_path):
    tensor = TensorProto(data_type=1, dims=[1 << 24], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="data")
    with open(tmp_path / "data", "wb") as data:
        data.truncate(1 << 26)
    tensors = file.Tensors(tmp_path)
    for _ in range(4):
        tensors.array(tensor, "tensor 't'")
    with pytest.raises(SourceError, match="^the tensors of the model hold more than 256 MiB, which "
                                          "is the limit$"):
        tensors.array(tensor, "tensor 't'")


def test_names_that_are_no_text(tmp_path):
    path = tmp_path / "net.onnx"
    data = net(numpy_helper.from_array(WEIGHTS)).SerializeToString()
    path.write_bytes(data.replace(b"MatMul", b"Mat\xff\xfel"))
    wrong(path, re.escape(r"a name in the model must be text in UTF-8, not b'Mat\xff\xfel'"))
