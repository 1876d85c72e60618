"""Bundled data set, and data sets in ``.npz`` files."""

import hashlib
import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest

from xnorloom_sim import data
from xnorloom_sim.data import DataError

IMAGES = np.arange(3 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(3, 28, 28)
LABELS = np.array([7, 2, 1], np.uint8)


# The bundled images


def test_bundled():
    dataset = data.bundled()
    assert dataset.images.shape == (500, 28, 28)
    assert dataset.images.dtype == np.uint8
    # Checksums of the first 500 images and labels of the real test files.
    assert hashlib.sha256(dataset.images.tobytes()).hexdigest() == (
        "6e96778c418dfcfff0dcfdbcb4af54d86e5c54326bf5e7ead99cf94b6434a405"
    )
    assert hashlib.sha256(dataset.labels.astype(np.uint8).tobytes()).hexdigest() == (
        "8f1017277349b4d0cf35af1d8eb881a016da52d52204bee2d89c22930be2e9a2"
    )
    assert dataset.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.array_equal(data.load("mnist:bundled").images, dataset.images)
    assert data.load("mnist:bundled").name == "mnist:bundled"


# .npz files


def test_npz(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, images=IMAGES, labels=LABELS)
    for dataset in (data.load(path), data.load(str(path)), data.load_npz(path)):
        assert dataset.name == str(path)
        assert np.array_equal(dataset.images, IMAGES)
        assert np.array_equal(dataset.labels, LABELS)


def test_npz_without_labels(tmp_path):
    np.savez_compressed(tmp_path / "set.npz", images=IMAGES.reshape(3, 784))
    dataset = data.load_npz(tmp_path / "set.npz")
    assert dataset.images.shape == (3, 784)
    assert dataset.labels is None


class Bomb:
    """Unpickling an instance fails the test."""

    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


NPZ_WRONG = {
    "no images": (dict(labels=LABELS), r"array 'images' is missing, the file has labels$"),
    "nothing": ({}, r"array 'images' is missing, the file has nothing$"),
    "floats": (dict(images=IMAGES / 255), r"'images' must be of type uint8, not float64$"),
    "bool": (dict(images=IMAGES > 9), r"'images' must be of type uint8, not bool$"),
    "one axis": (
        dict(images=LABELS),
        r"'images' must have the sample index and at least one more axis, not shape \(3,\)$",
    ),
    "empty": (
        dict(images=IMAGES[:0]),
        r"'images' must not be empty, its shape is \(0, 28, 28\)$",
    ),
    "no pixels": (
        dict(images=IMAGES[:, :0]),
        r"'images' must not be empty, its shape is \(3, 0, 28\)$",
    ),
    "label count": (
        dict(images=IMAGES, labels=LABELS[:2]),
        r"'labels' must have shape \(3,\), one for each image, not \(2,\)$",
    ),
    "one-hot labels": (
        dict(images=IMAGES, labels=np.eye(10, dtype=np.uint8)[LABELS]),
        r"'labels' must have shape \(3,\), one for each image, not \(3, 10\)$",
    ),
    "label type": (
        dict(images=IMAGES, labels=LABELS / 2),
        r"'labels' must be integers, not float64$",
    ),
    "objects": (
        dict(images=np.array([[Bomb()]], object)),
        r"not a readable \.npz file \(Object arrays cannot be loaded .*\)$",
    ),
}


@pytest.mark.parametrize(("arrays", "message"), NPZ_WRONG.values(), ids=NPZ_WRONG)
def test_npz_wrong(tmp_path, arrays, message):
    path = tmp_path / "set.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=rf"^\S*set\.npz: {message}") as caught:
        data.load(path)
    assert "\n" not in str(caught.value)


def test_npz_missing(tmp_path):
    with pytest.raises(DataError, match=r"^\S*none\.npz: no such file$"):
        data.load(tmp_path / "none.npz")


def test_npz_foreign_member(tmp_path):
    path = tmp_path / "set.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images", b"no array")
    with pytest.raises(DataError, match=r"^\S*set\.npz: 'images' must be an array in the \.npy"):
        data.load(path)


def test_npz_huge_header(tmp_path):
    path = tmp_path / "set.npz"
    header = io.BytesIO()
    shape = (1 << 50, 28, 28)
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", header.getvalue())
    with pytest.raises(DataError, match=r"^\S*set\.npz: not a readable \.npz file \(.+\)$"):
        data.load(path)


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"", b"text", b"PK\x03\x04 and no more", npy(IMAGES)],
    ids=["empty", "text", "broken zip", "npy"],
)
def test_npz_foreign(tmp_path, content):
    path = tmp_path / "set.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"^\S*set\.npz: [^\n]+$"):
        data.load(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_truncated_or_corrupt(tmp_path, save):
    whole = tmp_path / "whole.npz"
    save(whole, images=IMAGES, labels=LABELS)
    content = whole.read_bytes()
    path = tmp_path / "set.npz"
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match=r"^\S*set\.npz: [^\n]+$"):
            data.load(path)
    for position in range(0, len(content), 61):
        path.write_bytes(content[:position] + b"\xa5\x5a" + content[position + 2 :])
        # Bytes that mean nothing may change; every other change must be an error, not a result.
        try:
            dataset = data.load(path)
        except DataError as error:
            assert "\n" not in str(error)
        else:
            assert np.array_equal(dataset.images, IMAGES)


def npy_header(dtype, shape, version=1):
    stream = io.BytesIO()
    write = (np.lib.format.write_array_header_1_0 if version == 1 else
             np.lib.format.write_array_header_2_0)
    write(stream, {"descr": dtype, "fortran_order": False, "shape": shape})
    return stream.getvalue()


BOMBS = {
    # Zeros that are there and zeros that are only claimed, in types that fit and others.
    "images": (npy_header("|u1", (1 << 29, 1)), 1 << 29,
               r"'images' must have at most 268,435,456 bytes, but claims 536,870,912$"),
    "images of integers": (npy_header("<i8", (1 << 26, 1)), 1 << 29,
                           r"'images' must be of type uint8, not int64$"),
    "images of texts": (npy_header("<U100000000", (1, 1)), 0,
                        r"'images' must be of type uint8, not <U100000000$"),
    "claimed": (npy_header("|u1", (1 << 20, 1)), 1 << 10,
                r"not a readable \.npz file \(images claims 1048576 bytes, and its member 1152\)$"),
    "version 2": (npy_header("|u1", (1 << 29, 1), 2), 1 << 29,
                  r"'images' must have at most 268,435,456 bytes, but claims 536,870,912$"),
    "version 9": (b"\x93NUMPY\x09\x00" + bytes(200), 0,
                  r"not a readable \.npz file \(images is in version 9\.0 of the \.npy format\)$"),
    "negative": (npy_header("|u1", (-1, -(1 << 50))), 9,
                 r"not a readable \.npz file \(images claims 1125899906842624 bytes, and its "
                 r"member 137\)$"),
}


@pytest.mark.parametrize("head, size, message", BOMBS.values(), ids=BOMBS)
def test_npz_bomb(tmp_path, head, size, message):
    """Nothing is unpacked before its type and size are checked."""
    path = tmp_path / "set.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("images.npy", "w", force_zip64=True) as file:
            file.write(head)
            for _ in range(size >> 22):
                file.write(bytes(1 << 22))
            file.write(bytes(size % (1 << 22)))
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=rf"^\S*set\.npz: {message}"):
            data.load(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 21
    finally:
        tracemalloc.stop()


def test_npz_as_large_as_its_file(tmp_path, monkeypatch):
    """The limit grows with the file: what is hardly compressed is no bomb."""
    monkeypatch.setattr("xnorloom_sim.data.npz._LIMIT", 100)
    images = np.random.default_rng(0).integers(0, 256, (50, 28, 28), dtype=np.uint8)
    np.savez_compressed(tmp_path / "set.npz", images=images)
    assert np.array_equal(data.load(tmp_path / "set.npz").images, images)
    np.savez_compressed(tmp_path / "set.npz", images=images * 0)
    with pytest.raises(DataError, match=r"'images' must have at most [\d,]+ bytes, but claims"):
        data.load(tmp_path / "set.npz")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_npz_compressed_by_another_method(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "set.npz", "w", method) as archive:
        archive.writestr("images.npy", npy(IMAGES))
    with pytest.raises(DataError, match=r"images is compressed by the foreign method \d+\)$"):
        data.load(tmp_path / "set.npz")


def test_npz_pipe(tmp_path):
    os.mkfifo(tmp_path / "set.npz")
    with pytest.raises(DataError, match=r"set\.npz: not a readable \.npz file \(it must be a "
                                        r"regular file, but is a pipe\)$"):
        data.load(tmp_path / "set.npz")
