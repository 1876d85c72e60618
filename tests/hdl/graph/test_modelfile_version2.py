"""Model files with scales, pixel thresholds and preprocessing; files of graphs without."""


import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorloom.errors import ModelFileError
from xnorloom.graph import Dense, Graph, Input, Score, modelfile

CUTS = [[1, 2, 3], [0, 128, 256], [7, 7, 7]]
FIRST, LAST = Dense("first", [[0, 1, 1], [1, 0, 1]], [0, 9]), ("last", [[1, 0], [0, 1]], [-3, 9])
LAYERS, PLAIN = (FIRST, Score(*LAST, [0, 1 << 40])), (FIRST, Score(*LAST))
GRAPH = Graph("tiny", Input((3, 1), 2, CUTS, "u8/255"), LAYERS)

PARTS = {  # a graph with some of what is new, and what its file says of it
    "all": (GRAPH, ["cuts", "scales1"], {"cuts": 3, "meaning": "u8/255"}),
    "scales": (Graph("g", Input((3,), 2), LAYERS), ["scales1"], {}),
    "cuts": (Graph("g", Input((3,), 2, CUTS), PLAIN), ["cuts"], {"cuts": 3}),
    "one row": (Graph("g", Input((3,), 2, CUTS[:1]), PLAIN), ["cuts"], {"cuts": 1}),
    "meaning": (Graph("g", Input((3,), 2, None, "Δ u8"), PLAIN), [], {"meaning": "Δ u8"}),
}


# Saved graphs load


@pytest.mark.parametrize("graph, arrays, said", PARTS.values(), ids=PARTS)
def test_parts(tmp_path, graph, arrays, said, same, header_of):
    path = tmp_path / "a.bnn"
    graph.save(path)
    loaded = Graph.load(path)
    assert same(loaded, graph)
    assert loaded.layers[-1].scales.tolist() == graph.layers[-1].scales.tolist()
    assert loaded.input == graph.input
    with np.load(path) as stored:
        assert sorted(set(stored) - {"header", "weights0", "values0", "weights1", "values1"}) \
            == arrays
        contents = header_of(stored)
    assert contents["version"] == 2
    assert contents["input"] == {"shape": list(graph.input.shape), "bits": graph.input.bits, **said}
    loaded.save(tmp_path / "b.bnn")
    assert (tmp_path / "b.bnn").read_bytes() == path.read_bytes()


def test_a_graph_without_them_makes_a_file_of_version_1(tmp_path, header_of):
    graphs = [Graph("g", Input((3,), 2, *cuts), (FIRST, Score(*LAST, *scales)))
              for cuts in ((), (None, None), ([[64, 128, 192]] * 3,))
              for scales in ((), (None,), ([1, 1],))]
    contents = set()
    for graph in graphs:
        graph.save(tmp_path / "a.bnn")
        contents.add((tmp_path / "a.bnn").read_bytes())
    assert len(contents) == 1
    with np.load(tmp_path / "a.bnn") as stored:
        assert list(stored) == ["header", "weights0", "values0", "weights1", "values1"]
        assert header_of(stored) == {
            "format": "xnorloom-graph", "version": 1, "name": "g", "digest": graphs[0].digest,
            "input": {"shape": [3], "bits": 2},
            "layers": [{"kind": "dense", "name": "first", "shape": [2, 3]},
                       {"kind": "score", "name": "last", "shape": [2, 2]}]}


def test_numpy_reads_and_writes_it(members, tmp_path, pack, same):
    assert members["cuts"].tolist() == CUTS
    assert members["scales1"].tolist() == [0, 1 << 40]
    pack(tmp_path / "numpy.bnn", members)
    assert same(modelfile.load(tmp_path / "numpy.bnn"), GRAPH)


@given(bits=st.integers(1, 8), size=st.integers(1, 9), shared=st.booleans(),
       meaning=st.none() | st.text(min_size=1, max_size=9).filter(str.isprintable),
       scale_bits=st.integers(0, 40), seed=st.integers(0, 2**32))
def test_loads_what_was_saved(tmp_path_factory, bits, size, shared, meaning, scale_bits, seed,
                              same):
    rng = np.random.default_rng(seed)
    cuts = np.sort(rng.integers(0, 257, (1 if shared else size, 2**bits - 1)), axis=1)
    scales = rng.integers(0, (1 << scale_bits) + 1, 3)
    graph = Graph("g", Input((size,), bits, cuts, meaning), (
        Score("s", rng.integers(0, 2, (3, size)), rng.integers(-9, 9, 3), scales),))
    path = tmp_path_factory.mktemp("round") / "a.bnn"
    graph.save(path)
    loaded = Graph.load(path)
    assert same(loaded, graph)
    assert loaded.layers[0].scales.tolist() == scales.tolist()
    assert loaded.input == graph.input


# Damage and wrong contents


def test_every_byte_altered(content, tmp_path, same):
    # As for files of version 1; the checksum of the header covers the preprocessing.
    path = tmp_path / "altered.bnn"
    refusals = 0
    for place in range(len(content)):
        altered = bytearray(content)
        altered[place] ^= 1 << place % 8
        path.write_bytes(altered)
        try:
            loaded = modelfile.load(path)
        except ModelFileError as error:
            assert str(error).isprintable()
            refusals += 1
        else:
            assert same(loaded, GRAPH)
    assert refusals > len(content) // 2


DIGEST = "the contents do not match the digest in the header"
LIES = {
    "version 1": (("header", lambda h: h.update(version=1)), DIGEST),
    "scales missing": (("scales1", lambda _: None), "it has no scales1"),
    "scales not said": (("header", lambda h: h["layers"][1].pop("scales")), DIGEST),
    "scales floats": (("scales1", lambda a: a.astype(float)),
                      "scales1 must be an array of <i8 of shape (2,)"),
    "scales of another class": (("scales1", lambda a: a[:1]),
                                "scales1 must be an array of <i8 of shape (2,)"),
    "scales objects": (("scales1", lambda a: a.astype(object)),
                       "scales1 must be an array of <i8 of shape (2,)"),
    "scale negative": (("scales1", lambda a: a - 1),
                       "scales of layer 'last' must be at least 0, not -1"),
    "scale too large": (("scales1", lambda a: a + 1),
                        "scales of layer 'last' must be within ±2**40, not 1099511627777"),
    "scale": (("scales1", lambda a: a >> 1), DIGEST),
    "scales of a dense layer": (
        ("header", lambda h: h["layers"][0].update(kind="score", scales=True)),
        "it has no scales0"),
    "cuts missing": (("cuts", lambda _: None), "it has no cuts"),
    "cuts not said": (("header", lambda h: h["input"].pop("cuts")), DIGEST),
    "cuts of one row": (("header", lambda h: h["input"].update(cuts=1)),
                        "cuts must be an array of <u2 of shape (1, 3)"),
    "cuts of many rows": (("header", lambda h: h["input"].update(cuts=10**30)),
                          f"cuts must be an array of <u2 of shape ({10**30}, 3)"),
    "cuts of negative rows": (("header", lambda h: h["input"].update(cuts=-1)),
                              "cuts must be an array of <u2 of shape (-1, 3)"),
    "cuts a list": (("header", lambda h: h["input"].update(cuts=CUTS)),
                    f"'cuts' in the header must be a int, not {CUTS}"),
    "cuts of other bits": (("header", lambda h: h["input"].update(bits=3)),
                           "cuts must be an array of <u2 of shape (3, 7)"),
    "cuts of absurd bits": (("header", lambda h: h["input"].update(bits=10**9)),
                            "Input bits must be in 1 to 16, not 1000000000"),
    "cuts of too many bits": (("header", lambda h: h["input"].update(bits=16)),
                              "cuts must be an array of <u2 of shape (3, 65535)"),
    "cuts signed": (("cuts", lambda a: a.astype("<i2")),
                    "cuts must be an array of <u2 of shape (3, 3)"),
    "cuts big-endian": (("cuts", lambda a: a.astype(">u2")),
                        "cuts must be an array of <u2 of shape (3, 3)"),
    "cuts turned": (("cuts", np.asfortranarray),
                    "cuts must be an array of <u2 of shape (3, 3)"),
    "cuts fall": (("cuts", lambda a: a[:, ::-1]),
                  "Input pixel thresholds must not decrease along a row, but those of row 0 do"),
    "cut too large": (("cuts", lambda a: a + 1),
                      "Input pixel thresholds must be in 0 to 256, not 257"),
    "cut": (("cuts", lambda a: np.maximum(a, 1)), DIGEST),
    "meaning a number": (("header", lambda h: h["input"].update(meaning=255)),
                         "Input preprocessing must be a string, not 255"),
    "meaning of two lines": (
        ("header", lambda h: h["input"].update(meaning="a\nb")),
        "Input preprocessing must be a printable string that is not empty, not 'a\\nb'"),
}


@pytest.mark.parametrize("change, message", LIES.values(), ids=LIES)
def test_lies(tmp_path, members, change, message, pack, refused, changed):
    path = tmp_path / "lies.bnn"
    pack(path, members, **changed(members, *change))
    assert refused(path) == f"model file {path} is damaged: {message}"


def test_version_1_has_no_meaning(tmp_path, pack, header_of, header):
    # Features of a later version are ignored in a file of an earlier one.
    graph = Graph("g", Input((3,), 2, None, "u8"), PLAIN)
    graph.save(tmp_path / "a.bnn")
    with np.load(tmp_path / "a.bnn") as stored:
        members = dict(stored)
    pack(tmp_path / "b.bnn", members, header=header({**header_of(members), "version": 1}))
    assert Graph.load(tmp_path / "b.bnn").input.preprocessing is None
