"""Files that are no model files, or damaged ones, are refused."""

import os
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorloom.errors import ModelFileError
from xnorloom.graph import modelfile


def unzipped(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(path, contents, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


# Damage


def test_truncated(content, tmp_path, refused):
    path = tmp_path / "truncated.bnn"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        message = refused(path)
        assert ("damaged" in message) == (length >= 4)


def test_longer(content, tmp_path, refused, graph, same):
    # A ZIP file is read from its end, which may hold a comment.
    path = tmp_path / "longer.bnn"
    path.write_bytes(content + b"x")
    assert same(modelfile.load(path), graph)
    path.write_bytes(content + bytes(70000))
    assert refused(path) == f"model file {path} is damaged: File is not a zip file"


def test_every_byte_altered(content, tmp_path, graph, same):
    # Some bytes of a ZIP file have no effect, such as the time; the graph is the same or refused.
    path = tmp_path / "altered.bnn"
    refusals = 0
    for place in range(len(content)):
        # One bit, varied with the position, and all bits: a hundredth of all alterations.
        for mask in (1 << place % 8, 0xff):
            altered = bytearray(content)
            altered[place] ^= mask
            path.write_bytes(altered)
            try:
                loaded = modelfile.load(path)
            except ModelFileError as error:
                assert str(error).isprintable()
                refusals += 1
            else:
                assert same(loaded, graph)
    assert refusals > len(content)


@given(noise=st.binary(max_size=300))
def test_noise(tmp_path_factory, refused, noise):
    path = tmp_path_factory.getbasetemp() / f"noise-{os.getpid()}.bnn"
    for start in (b"", b"PK\x03\x04"):
        path.write_bytes(start + noise)
        refused(path)


# Other files


def test_missing(tmp_path, refused):
    path = tmp_path / "none.bnn"
    assert refused(path) == f"model file {path} cannot be read: No such file or directory"


def test_directory(tmp_path, refused):
    assert refused(tmp_path) == f"model file {tmp_path} cannot be read: Is a directory"


@pytest.mark.parametrize("foreign", [b"", b"PK", b"\x80\x04N.", b"\x89PNG\r\n\x1a\n"],
                         ids=["empty", "start of a zip", "pickle", "picture"])
def test_no_zip(tmp_path, foreign, refused):
    path = tmp_path / "foreign.bnn"
    path.write_bytes(foreign)
    assert refused(path) == f"{path} is not an xnorloom model file (no ZIP signature)"


def test_foreign_npz(tmp_path, refused):
    path = tmp_path / "foreign.npz"
    np.savez(path, images=np.zeros((3, 3)), labels=np.arange(3))
    assert refused(path) == f"{path} is not an xnorloom model file (it has no header)"


def test_foreign_zip(tmp_path, refused):
    path = tmp_path / "foreign.zip"
    zipped(path, {"header.npy": "no array at all"})
    assert refused(path) == (f"model file {path} is damaged: header must be an array of |u1 of "
                             f"shape (0,)")


def test_foreign_header(tmp_path, members, pack, refused, graph, header_of, header):
    path = tmp_path / "foreign.bnn"
    for foreign in ({**header_of(members), "format": "other"}, {}, [], "xnorloom-graph", None):
        pack(path, members, header=header(foreign))
        assert refused(path) == f"{path} is not an xnorloom model file (foreign header)"


@pytest.mark.parametrize("version, shown", [(6, "6"), (0, "0"), (1.0, "1.0"), (True, "True"),
                                            ("1", "'1'"), (None, "None")])
def test_version(tmp_path, members, version, shown, pack, refused, header_of, header):
    path = tmp_path / "later.bnn"
    pack(path, members, header=header({**header_of(members), "version": version}))
    assert refused(path) == (f"model file {path} has version {shown}, but this xnorloom reads "
                             f"versions 1, 2, 3, 4 and 5")


@pytest.mark.parametrize("version", ["1" * 10**6, "\x1b[31m\n" * 99, 10**4000, [[]] * 10**5,
                                     {"a" * 999: "b" * 999}])
def test_long_version(tmp_path, members, version, pack, refused, header_of, header):
    """It is not printed whole, and no escape sequence of it is printed."""
    path = tmp_path / "later.bnn"
    pack(path, members, header=header({**header_of(members), "version": version}))
    assert len(refused(path)) <= len(f"model file {path} has version , but this xnorloom reads "
                                     f"versions 1, 2, 3, 4 and 5") + 60


def test_array_shorter_than_it_says(tmp_path, members, pack, refused):
    path = tmp_path / "short.bnn"
    pack(path, members)
    contents = unzipped(path)
    zipped(path, {**contents, "weights0.npy": contents["weights0.npy"][:-1]})
    assert refused(path).startswith(f"model file {path} is damaged: ")


# Files that unpack to too many bytes


def test_bomb(tmp_path, members, pack, refused):
    path = tmp_path / "bomb.bnn"
    pack(path, members)
    contents = {**unzipped(path), "more": bytes(1 << 26)}
    zipped(path, contents, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1 << 17
    claimed = sum(len(data) for data in contents.values())
    assert refused(path) == (f"model file {path} is damaged: its members claim {claimed} bytes, "
                             f"more than {1 << 26}")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=["bzip2", "lzma"])
def test_compression(tmp_path, members, method, pack, refused):
    path = tmp_path / "compressed.bnn"
    pack(path, members)
    zipped(path, unzipped(path), method)
    assert refused(path) == (f"model file {path} is damaged: header is compressed by the foreign "
                             f"method {method}")
