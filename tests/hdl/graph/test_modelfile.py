"""Model files: saved graphs load, and everything else is refused."""

import json
import os
import stat
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorloom.errors import ModelFileError
from xnorloom.graph import Dense, Graph, Input, Score, modelfile

GRAPH = Graph("tiny", Input((3, 3), 2), (
    Dense("first", [[0, 1, 1, 0, 1, 0, 0, 0, 1], [1, 0, 1, 1, 1, 1, 0, 1, 0],
                    [0, 0, 0, 1, 0, 1, 1, 1, 1]], [0, 14, 28]),
    Score("last", [[1, 0, 1], [0, 1, 1]], [-3, 1 << 40]),
))


def header_of(members):
    return json.loads(members["header"].tobytes())


def header(contents):
    return np.frombuffer(json.dumps(contents).encode(), np.uint8)


def unzipped(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(path, contents, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


def same(a: Graph, b: Graph) -> bool:
    """True if everything is equal, names included."""
    return (a == b and a.name == b.name
            and [layer.name for layer in a.layers] == [layer.name for layer in b.layers])


# Saved graphs load

NAMES = st.text(min_size=1, max_size=9).filter(str.isprintable)


@given(name=NAMES, layer=NAMES, seed=st.integers(0, 1 << 32), bits=st.integers(1, 16),
       sizes=st.lists(st.integers(1, 70), min_size=2, max_size=5))
def test_loads_what_was_saved(tmp_path_factory, random_graph, name, layer, seed, bits, sizes):
    drawn = random_graph(np.random.default_rng(seed), sizes, bits)
    last = Score(layer + "!", drawn.layers[-1].weights, drawn.layers[-1].offsets)
    graph = Graph(name, drawn.input, (*drawn.layers[:-1], last))
    directory = tmp_path_factory.mktemp("round")
    graph.save(directory / "a.bnn")
    loaded = Graph.load(directory / "a.bnn")
    assert same(loaded, graph)
    for ours, theirs in zip(loaded.layers, graph.layers):
        assert np.array_equal(ours.weights, theirs.weights)
    assert loaded.input == graph.input
    loaded.save(directory / "b.bnn")
    assert (directory / "a.bnn").read_bytes() == (directory / "b.bnn").read_bytes()


def test_numpy_reads_and_writes_it(members, tmp_path, pack):
    assert list(members) == ["header", "weights0", "values0", "weights1", "values1"]
    assert members["weights0"].tolist() == [[0b00010110, 1], [0b10111101, 0], [0b11101000, 1]]
    assert members["values1"].tolist() == [-3, 1 << 40]
    pack(tmp_path / "numpy.bnn", members)
    assert same(modelfile.load(tmp_path / "numpy.bnn"), GRAPH)


def test_path_may_be_a_string(tmp_path):
    GRAPH.save(str(tmp_path / "a.bnn"))
    assert same(Graph.load(str(tmp_path / "a.bnn")), GRAPH)


# Files are written atomically


def test_save_replaces(tmp_path):
    path = tmp_path / "a.bnn"
    path.write_bytes(b"before")
    GRAPH.save(path)
    assert same(Graph.load(path), GRAPH)
    assert os.listdir(tmp_path) == ["a.bnn"]


def test_save_gives_the_usual_mode(tmp_path):
    GRAPH.save(tmp_path / "a.bnn")
    (tmp_path / "usual").touch()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_save_over_a_directory(tmp_path):
    (tmp_path / "a.bnn").mkdir()
    with pytest.raises(IsADirectoryError):
        GRAPH.save(tmp_path / "a.bnn")
    assert os.listdir(tmp_path) == ["a.bnn"]


def test_save_into_no_directory(tmp_path):
    with pytest.raises(FileNotFoundError):
        GRAPH.save(tmp_path / "none" / "a.bnn")
    assert os.listdir(tmp_path) == []


# Damage


def test_truncated(content, tmp_path, refused):
    path = tmp_path / "truncated.bnn"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        message = refused(path)
        assert ("damaged" in message) == (length >= 4)


def test_longer(content, tmp_path, refused):
    # A ZIP file is read from its end, which may hold a comment.
    path = tmp_path / "longer.bnn"
    path.write_bytes(content + b"x")
    assert same(modelfile.load(path), GRAPH)
    path.write_bytes(content + bytes(70000))
    assert refused(path) == f"model file {path} is damaged: File is not a zip file"


def test_every_byte_altered(content, tmp_path):
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
                assert same(loaded, GRAPH)
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


def test_foreign_header(tmp_path, members, pack, refused):
    path = tmp_path / "foreign.bnn"
    for foreign in ({**header_of(members), "format": "other"}, {}, [], "xnorloom-graph", None):
        pack(path, members, header=header(foreign))
        assert refused(path) == f"{path} is not an xnorloom model file (foreign header)"


@pytest.mark.parametrize("version, shown", [(6, "6"), (0, "0"), (1.0, "1.0"), (True, "True"),
                                            ("1", "'1'"), (None, "None")])
def test_version(tmp_path, members, version, shown, pack, refused):
    path = tmp_path / "later.bnn"
    pack(path, members, header=header({**header_of(members), "version": version}))
    assert refused(path) == (f"model file {path} has version {shown}, but this xnorloom reads "
                             f"versions 1, 2, 3, 4 and 5")


@pytest.mark.parametrize("version", ["1" * 10**6, "\x1b[31m\n" * 99, 10**4000, [[]] * 10**5,
                                     {"a" * 999: "b" * 999}])
def test_long_version(tmp_path, members, version, pack, refused):
    """It is not printed whole, and no escape sequence of it is printed."""
    path = tmp_path / "later.bnn"
    pack(path, members, header=header({**header_of(members), "version": version}))
    assert len(refused(path)) <= len(f"model file {path} has version , but this xnorloom reads "
                                     f"versions 1, 2, 3, 4 and 5") + 60


# Nothing is ever unpickled


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self._path = path

    def __reduce__(self):
        return os.mkdir, (str(self._path),)


@pytest.mark.parametrize("member", ["header", "weights0", "values1"])
def test_pickle(tmp_path, members, member, pack, refused):
    path, sprung = tmp_path / "pickle.bnn", tmp_path / "sprung"
    pack(path, members, **{member: np.array([Trap(sprung)], object)})
    assert f"is damaged: {member} must be an array of " in refused(path)
    assert not sprung.exists()
    with np.load(path, allow_pickle=True) as arrays:
        arrays[member]
    assert sprung.is_dir(), "or the trap proves nothing"


# Valid archives with wrong contents


def edited(change):
    """Make a change of the header; ``change`` edits it in place."""
    def edit(members):
        contents = header_of(members)
        change(contents)
        return {"header": header(contents)}
    return edit


def array(name, change):
    """Make a change of one array."""
    return lambda members: {name: change(members[name])}


LIES = {
    "no name": (edited(lambda h: h.pop("name")), "the header lacks 'name'"),
    "no digest": (edited(lambda h: h.pop("digest")), "the header lacks 'digest'"),
    "no layers": (edited(lambda h: h.pop("layers")), "the header lacks 'layers'"),
    "no shape": (edited(lambda h: h["layers"][1].pop("shape")), "the header lacks 'shape'"),
    "layer a string": (edited(lambda h: h.update(layers=["a"])), "the header lacks 'shape'"),
    "layers an object": (
        edited(lambda h: h.update(layers={"a": 1})),
        "'layers' in the header must be a list, not {'a': 1}"),
    "layers empty": (
        edited(lambda h: h.update(layers=[])),
        "Graph must have at least one layer, the Score layer"),
    "input a list": (
        edited(lambda h: h.update(input=[9])), "'input' in the header must be a dict, not [9]"),
    "input shape": (
        edited(lambda h: h["input"].update(shape=[10])),
        "Layer 'first' must have 10 inputs, as many as 'input' has outputs, not 9"),
    "input of the same size": (
        edited(lambda h: h["input"].update(shape=[9])),
        "the contents do not match the digest in the header"),
    "bits": (
        edited(lambda h: h["input"].update(bits=8)),
        "the contents do not match the digest in the header"),
    "too few bits": (
        edited(lambda h: h["input"].update(bits=1)),
        "thresholds of layer 'first' must be in 0 to 10, not 14"),
    "bits a float": (
        edited(lambda h: h["input"].update(bits=2.0)),
        "'bits' in the header must be a int, not 2.0"),
    "kind": (
        edited(lambda h: h["layers"][0].update(kind="conv")),
        "kind of a layer must be one of dense, score, not 'conv'"),
    "kinds exchanged": (
        edited(lambda h: h["layers"][0].update(kind="score")),
        "Every layer before the last must be a Conv or a Dense, not a Score"),
    "names equal": (
        edited(lambda h: h["layers"][0].update(name="last")),
        "Layer names must differ, but 'last' occurs twice"),
    "digest": (
        edited(lambda h: h.update(digest="0" * 64)),
        "the contents do not match the digest in the header"),
    "shape larger": (
        edited(lambda h: h["layers"][0].update(shape=[3, 17])),
        "weights0 must be an array of |u1 of shape (3, 3)"),
    "shape within the last byte": (
        edited(lambda h: h["layers"][0].update(shape=[3, 10])),
        "Layer 'first' must have 9 inputs, as many as 'input' has outputs, not 10"),
    "shape huge": (
        edited(lambda h: h["layers"][0].update(shape=[10**12, 10**12])),
        "its layers claim 1000000000002 neurons, more than 1048576"),
    "shape wide": (
        edited(lambda h: h["layers"][0].update(shape=[3, 10**12])),
        "its layers claim 3000000000006 weights, more than 67108864"),
    "shape of many digits": (
        edited(lambda h: h["layers"][0].update(shape=[3, 10**4000])), None),
    "header long": (
        lambda _: {"header": np.full((1 << 21) + 1, ord(" "), np.uint8)},
        "header must have at most 2097152 bytes"),
    "shape negative": (
        edited(lambda h: h["layers"][0].update(shape=[-3, 9])),
        "'shape' of a layer must be two positive integers, not [-3, 9]"),
    "shape of three": (
        edited(lambda h: h["layers"][0].update(shape=[3, 9, 1])),
        "'shape' of a layer must be two positive integers, not [3, 9, 1]"),
    "shape of floats": (
        edited(lambda h: h["layers"][0].update(shape=[3.0, 9.0])),
        "'shape' of a layer must be two positive integers, not [3.0, 9.0]"),
    "header not JSON": (
        array("header", lambda a: a[:-1]),
        "Expecting ',' delimiter: line 31 column 1 (char 375)"),
    "header deep": (
        lambda _: {"header": np.frombuffer(b"[" * 100000, np.uint8)}, None),
    "weights missing": (lambda _: {"weights1": None}, "it has no weights1"),
    "weights turned": (
        array("weights0", np.asfortranarray), "weights0 must be an array of |u1 of shape (3, 2)"),
    "weights wider": (
        array("weights0", lambda a: a.astype(np.uint16)),
        "weights0 must be an array of |u1 of shape (3, 2)"),
    "weights flat": (array("weights0", np.ravel),
                     "weights0 must be an array of |u1 of shape (3, 2)"),
    "a weight": (
        array("weights0", lambda a: a ^ 1), "the contents do not match the digest in the header"),
    "thresholds floats": (
        array("values0", lambda a: a.astype(float)),
        "values0 must be an array of <i8 of shape (3,)"),
    "thresholds big-endian": (
        array("values0", lambda a: a.astype(">i8")),
        "values0 must be an array of <i8 of shape (3,)"),
    "threshold": (
        array("values0", lambda a: a - 1),
        "thresholds of layer 'first' must be in 0 to 28, not -1"),
    "offset": (
        array("values1", lambda a: -a), "the contents do not match the digest in the header"),
    "offset too large": (
        array("values1", lambda a: a + 1),
        "offsets of layer 'last' must be within ±2**40, not 1099511627777"),
}


@pytest.mark.parametrize("change, message", LIES.values(), ids=LIES)
def test_lies(tmp_path, members, change, message, pack, refused):
    path = tmp_path / "lies.bnn"
    changes = change(members)
    for name in [name for name, value in changes.items() if value is None]:
        del members[name], changes[name]
    pack(path, members, **changes)
    start = f"model file {path} is damaged: "
    refusal = refused(path)
    assert refusal.startswith(start)
    assert message is None or refusal == start + message


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


def test_no_file_is_saved_that_could_not_be_loaded(random_graph, tmp_path, monkeypatch):
    graph = random_graph(np.random.default_rng(0), [9, 5, 3])
    monkeypatch.setattr(modelfile, "_LIMIT", 1000)
    with pytest.raises(ModelFileError, match=r"^graph 'random' is too large for a model file: it "
                                             r"unpacks to \d+ bytes, and 1000 is the limit$"):
        graph.save(tmp_path / "large.bnn")
    monkeypatch.setattr(modelfile, "_LIMIT", 1 << 26)
    monkeypatch.setattr(modelfile, "_MOST_WEIGHTS", 59)
    with pytest.raises(ModelFileError, match=r"^graph 'random' is too large for a model file: it "
                                             r"has 60 weights of 8 neurons, and 59 and 1048576 are "
                                             r"the limits$"):
        graph.save(tmp_path / "large.bnn")
    assert list(tmp_path.iterdir()) == []
