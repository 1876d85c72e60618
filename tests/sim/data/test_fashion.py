"""Fashion-MNIST from each of its mirrors. No test uses the network."""

import dataclasses
import gzip
import hashlib
import io
import struct
import tarfile
import urllib.error

import numpy as np
import pytest

from xnorloom_sim import data
from xnorloom_sim.data import DataError, fetch
from xnorloom_sim.data import idx as mnist

IMAGES = np.arange(2 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(2, 28, 28)
LABELS = np.array([9, 2], np.uint8)
FOLDER = "/usr/share/datasets/fashion-mnist"
URL = "https://mirror.invalid/fashion.deb"


def idx(array):
    """The bytes of an IDX file, from its description."""
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


FILES = {"t10k-images-idx3-ubyte": idx(IMAGES), "t10k-labels-idx1-ubyte": idx(LABELS)}


def tar(members, mode="w:xz"):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def package(*members):
    """A Debian package: an archive of ``ar``, whose members begin at even places."""
    content = b"!<arch>\n"
    for name, inside in members:
        content += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(inside):<10}`\n".encode()
        content += inside + b"\n" * (len(inside) % 2)
    return content


DATA = tar({f".{FOLDER}/{name}.gz": gzip.compress(content) for name, content in FILES.items()})
WHOLE = package(("debian-binary", b"2.0\n"), ("control.tar.xz", b"odd"), ("data.tar.xz", DATA))


@pytest.fixture
def small(monkeypatch, tmp_path):
    """``fashion:test`` with two images, from the given mirrors."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    images, labels = ((name, hashlib.sha256(content).hexdigest())
                      for name, content in FILES.items())

    def keep_in(*mirrors):
        changed = dataclasses.replace(mnist.NAMES["fashion:test"], images=images, labels=labels,
                                      mirrors=lambda: iter(mirrors))
        monkeypatch.setitem(mnist.NAMES, "fashion:test", changed)

    return keep_in


def serve(monkeypatch, contents):
    """Replaces the web by ``contents``, by address; returns the list of requests."""
    asked = []

    def urlopen(url, timeout):
        asked.append(url)
        if url not in contents:
            raise urllib.error.URLError("no route to host")
        return io.BytesIO(contents[url])

    monkeypatch.setattr(fetch.urllib.request, "urlopen", urlopen)
    return asked


def assert_loads(cached):
    dataset = data.load("fashion:test")
    assert dataset.name == "fashion:test"
    assert np.array_equal(dataset.images, IMAGES)
    assert np.array_equal(dataset.labels, LABELS)
    assert {path.name: path.read_bytes() for path in cached.iterdir()} == FILES


def test_debian_package(small, monkeypatch, tmp_path):
    small(fetch.debian(URL, FOLDER))
    asked = serve(monkeypatch, {URL: WHOLE})
    for _ in range(2):  # from the package, then from the cache
        assert_loads(tmp_path / "cache" / "xnorloom" / "fashion-mnist")
    assert asked == [URL]


def test_installed_folder(small, tmp_path):
    small(fetch.folder(str(tmp_path)))
    for name, content in FILES.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    assert_loads(tmp_path / "cache" / "xnorloom" / "fashion-mnist")


def test_what_one_mirror_lacks_comes_from_the_next(small, monkeypatch, tmp_path):
    small(fetch.folder(str(tmp_path)), fetch.website("https://one.invalid/"),
          fetch.website("https://two.invalid/"))
    packed = {f"https://two.invalid/{name}.gz": gzip.compress(content)
              for name, content in FILES.items()}
    first, second = packed
    asked = serve(monkeypatch, {first.replace("two", "one"): packed[first], second: packed[second]})
    assert_loads(tmp_path / "cache" / "xnorloom" / "fashion-mnist")
    assert asked == [first.replace("two", "one"), second.replace("two", "one"), second]


WRONG = {
    "text": (b"<html>", r"a Debian package must have a member data\.tar\.xz, it has none"),
    "truncated": (WHOLE[:60], r"a Debian package must have .*, it has none"),
    "no data": (package(("debian-binary", b"2.0\n")), r"a Debian package must have .* none"),
    "size below zero": (WHOLE.replace(b"3         `", b"-60       `"), r"a Debian package .*"),
    "another archive": (package(("data.tar.xz", tar({"./evil": b"x"}))),
                        rf"the package has no file \.{FOLDER}/t10k-images-idx3-ubyte\.gz"),
    "a folder for a file": (
        package(("data.tar.xz", tar({f".{FOLDER}/t10k-images-idx3-ubyte.gz/x": b"x"}))),
        r"the package has no file .*"),
    "damaged": (package(("data.tar.xz", DATA[:200] + b"damage" + DATA[206:])), r".+"),
    "cut short": (package(("data.tar.xz", DATA[:-300])), r".+"),
    "no xz": (package(("data.tar.xz", b"no archive")), r".+"),
}


@pytest.mark.parametrize(("content", "reason"), WRONG.values(), ids=WRONG)
def test_debian_package_wrong(small, monkeypatch, content, reason):
    small(fetch.debian(URL, FOLDER))
    serve(monkeypatch, {URL: content})
    message = (rf"^fashion:test: not found; tried cache \S+, Debian package {URL} \({reason}\); "
               r"connect to the network, install Debian's package dataset-fashion-mnist, or name a "
               r"directory with t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte \(or \.gz\)$")
    with pytest.raises(DataError, match=message):
        data.load("fashion:test")


@pytest.mark.parametrize(("name", "start"), [("fashion:test", "t10k"), ("fashion:train", "train")])
def test_sources(monkeypatch, tmp_path, name, start):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(fetch.Path, "read_bytes", lambda path: (_ for _ in ()).throw(
        FileNotFoundError(str(path))))
    asked = serve(monkeypatch, {})
    with pytest.raises(DataError, match=rf"^{name}: not found; tried cache \S+, {FOLDER} \(.+\), "
                                        r"http://\S+amazonaws\S+ \(.+\), https://raw\.github\S+ "
                                        r"\(.+\), Debian package https://\S+ \(.+\); connect"):
        data.load(name)
    assert [url.rsplit("/", 1)[1] for url in asked] == [
        f"{start}-images-idx3-ubyte.gz", f"{start}-images-idx3-ubyte.gz",
        "dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb"]


def test_sets_of_one_name_are_kept_apart(tmp_path):
    for name, other in (("mnist:test", "fashion:test"), ("mnist:train", "fashion:train")):
        first, second = mnist.NAMES[name], mnist.NAMES[other]
        assert list(first.files) == list(second.files)
        assert set(first.files.values()).isdisjoint(second.files.values())
        assert first.folder != second.folder
