"""Model files of layers with absent synapses."""


import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorloom.errors import ModelFileError
from xnorloom.graph import Conv, Dense, Graph, Input, Score, Window, modelfile

RNG = np.random.default_rng(0)
MASKS = [RNG.random(shape) < 0.5 for shape in [(3, 3, 2, 1), (4, 12), (2, 4)]]
GRAPH = Graph("sparse", Input((4, 3)), (
    Conv("conv", RNG.integers(0, 2, (3, 3, 2, 1)), [0, 1, 2], Window((3, 2)), present=MASKS[0]),
    Dense("dense", RNG.integers(0, 2, (4, 12)), [1, 2, 0, 3], MASKS[1]),
    Score("last", RNG.integers(0, 2, (2, 4)), [-3, 9], [1, 2], MASKS[2])))


def assert_same(loaded: Graph, graph: Graph) -> None:
    assert loaded == graph
    for ours, theirs in zip(loaded.layers, graph.layers):
        assert np.array_equal(ours.weights, theirs.weights)
        assert (ours.present is None) == (theirs.present is None)
        if theirs.present is not None:
            assert np.array_equal(ours.present, theirs.present)


def test_members(members, tmp_path, pack, header_of):
    assert list(members) == ["header", "weights0", "values0", "present0", "weights1", "values1",
                             "present1", "weights2", "values2", "present2", "scales2"]
    contents = header_of(members)
    assert contents["version"] == 4
    assert contents["layers"][1] == {"kind": "dense", "name": "dense", "shape": [4, 12],
                                     "present": True}
    for index, mask in enumerate(MASKS):
        unpacked = np.unpackbits(members[f"present{index}"], axis=1, bitorder="little")
        rows = mask.reshape(len(mask), -1)
        assert np.array_equal(unpacked[:, :rows.shape[1]], rows)
        assert not unpacked[:, rows.shape[1]:].any()
    pack(tmp_path / "numpy.bnn", members)
    assert_same(modelfile.load(tmp_path / "numpy.bnn"), GRAPH)


@given(seed=st.integers(0, 1 << 32), bits=st.integers(1, 16),
       sizes=st.lists(st.integers(1, 40), min_size=2, max_size=4))
def test_loads_what_was_saved(tmp_path_factory, random_graph, sparse, seed, bits, sizes):
    rng = np.random.default_rng(seed)
    graph = sparse(random_graph(rng, sizes, bits), rng)
    directory = tmp_path_factory.mktemp("round")
    graph.save(directory / "a.bnn")
    loaded = Graph.load(directory / "a.bnn")
    assert_same(loaded, graph)
    loaded.save(directory / "b.bnn")
    assert (directory / "a.bnn").read_bytes() == (directory / "b.bnn").read_bytes()


def test_lowest_version(tmp_path, header_of):
    """Layers without a mask in a file with one, and files of which no layer has one."""
    dense, score = Dense("a", [[1, 0]], [1]), Score("s", [[1]], [0])
    for present, version, names in (([[1, 0]], 4, ["present0"]), ([[1, 1]], 1, [])):
        sparse = Dense("a", dense.weights, [1], present)
        graph = Graph("g", Input((2,)), (sparse, score))
        graph.save(tmp_path / "a.bnn")
        assert_same(Graph.load(tmp_path / "a.bnn"), graph)
        with np.load(tmp_path / "a.bnn") as stored:
            assert header_of(stored)["version"] == version
            assert [name for name in stored if name.startswith("present")] == names


def test_every_byte_altered(content, tmp_path):
    # As for files of version 1, of which all bytes are altered; here a fifth of them.
    path = tmp_path / "altered.bnn"
    refusals = 0
    for place in range(0, len(content), 5):
        altered = bytearray(content)
        altered[place] ^= 1 << place % 8
        path.write_bytes(altered)
        try:
            assert_same(modelfile.load(path), GRAPH)
        except ModelFileError as error:
            assert str(error).isprintable()
            refusals += 1
    assert refusals > len(content) // 10


def test_truncated(content, tmp_path, refused):
    path = tmp_path / "truncated.bnn"
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        refused(path)


DIGEST = "the contents do not match the digest in the header"
ARRAY = "present1 must be an array of |u1 of shape (4, 2)"
LIES = {
    "version 3": (("header", lambda h: h.update(version=3)), DIGEST),
    "mask missing": (("present1", lambda a: None), "it has no present1"),
    "mask short": (("present1", lambda a: a[:, :1]), ARRAY),
    "mask of a neuron more": (
        ("present1", lambda a: np.pad(a, ((0, 1), (0, 0)))), ARRAY),
    "mask of bools": (("present1", lambda a: a > 0), ARRAY),
    "mask of objects": (
        ("present1", lambda a: a.astype(object)), None),
    "mask other": (("present1", lambda a: a ^ 1), None),
    "mask empty": (("present1", lambda a: a * 0),
                   "thresholds of layer 'dense' of neuron 1, which has 0 of 12 synapses, must be "
                   "in 0 to 1, not 2"),
    "mask full": (("present1", lambda a: a | 255), DIGEST),
    "shape other": (("header", lambda h: h["layers"][1].update(shape=[4, 13])), None),
}


@pytest.mark.parametrize("change, message", LIES.values(), ids=LIES)
def test_lies(members, tmp_path, change, message, pack, refused, changed):
    path = tmp_path / "lie.bnn"
    pack(path, members, **changed(members, *change))
    found = refused(path)
    if message is not None:
        assert found == f"model file {path} is damaged: {message}"


def test_bits_that_no_weight_uses(members, tmp_path, pack):
    """Weights of absent synapses and the bits after the last one change nothing."""
    path = tmp_path / "other.bnn"
    absent = ~np.packbits(MASKS[1], axis=1, bitorder="little")
    pack(path, members, weights1=members["weights1"] | absent)
    assert_same(modelfile.load(path), GRAPH)
