"""Model files of convolutions."""


import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorloom.errors import ModelFileError
from xnorloom.graph import Conv, Dense, Graph, Input, Map, Pool, Score, Window, input_map, modelfile

RNG = np.random.default_rng(0)
ALL = Window((3, 2), (2, 1), (1, 2), (1, 0, 2, 1), [3, 0, 1, 3])
GRAPH = Graph("maps", Input((7, 6, 4), 2, None, "u8/255"), (
    Conv("codes", RNG.integers(0, 2, (4, 3, 2, 2)), [0, 37, 9, 18], ALL, Pool((1, 2), [0, 1, 0, 1]),
         2),
    Conv("zeros", RNG.integers(0, 2, (3, 1, 3, 4)), [[0, 1, 9], [6, 8, 2]],
         Window((1, 3), padding=(0, 1, 0, 1))),
    Dense("dense", RNG.integers(0, 2, (2, 24)), [12, 13]),
    Score("last", [[1, 0], [0, 1]], [-3, 9], [1, 2])))
PLAIN = Conv("c", np.ones((2, 1, 2, 1), int), [1, 2], Window((1, 2)))
PAD = Window((1, 2), padding=(0, 1, 0, 0), pad=1)
SIDES = {"stride": [1, 1], "dilation": [1, 1], "padding": [0, 0, 0, 0]}
PARTS = {  # a convolution, the further arrays of its file, and its entry
    "plain": (PLAIN, [], {"shape": [2, 1, 2, 1], **SIDES}),
    "pad": (Conv("c", PLAIN.weights, [1, 2], PAD), [],
            {"shape": [2, 1, 2, 1], **SIDES, "padding": [0, 1, 0, 0], "pad": 1}),
    "pool": (Conv("c", PLAIN.weights, [1, 2], Window((1, 2)), Pool((2, 1))), [],
             {"shape": [2, 1, 2, 1], **SIDES, "pool": [2, 1]}),
    "least": (Conv("c", PLAIN.weights, [1, 2], Window((1, 2)), Pool((2, 1), [1, 0])), ["least0"],
              {"shape": [2, 1, 2, 1], **SIDES, "pool": [2, 1], "least": True}),
    "classes": (Conv("c", PLAIN.weights, [[1, 1], [1, 2]], Window((1, 2), padding=(0, 1, 0, 0))),
                [], {"shape": [2, 1, 2, 1], **SIDES, "padding": [0, 1, 0, 0], "classes": 2}),
}


# Saved graphs load


def test_all_at_once(members, tmp_path, pack, same, header_of):
    assert list(members) == ["header", "weights0", "values0", "pads0", "least0", "weights1",
                             "values1", "weights2", "values2", "weights3", "values3", "scales3"]
    assert members["pads0"].tolist() == [3, 0, 1, 3]
    assert members["least0"].tolist() == [0, 1, 0, 1]
    assert members["weights0"].shape == (4, 2)
    assert members["values1"].shape == (2, 3)
    contents = header_of(members)
    assert contents["version"] == 3
    assert contents["layers"][0] == {
        "kind": "conv", "name": "codes", "shape": [4, 3, 2, 2], "stride": [2, 1],
        "dilation": [1, 2], "padding": [1, 0, 2, 1], "pads": True, "pool": [1, 2], "least": True,
        "groups": 2}
    pack(tmp_path / "numpy.bnn", members)
    loaded = Graph.load(tmp_path / "numpy.bnn")
    assert same(loaded, GRAPH)
    loaded.save(tmp_path / "again.bnn")
    assert (tmp_path / "again.bnn").read_bytes() == (tmp_path / "sound.bnn").read_bytes()


@pytest.mark.parametrize("layer, arrays, said", PARTS.values(), ids=PARTS)
def test_parts(tmp_path, layer, arrays, said, same, header_of):
    size = layer.output(Map(2, 3, 1)).size
    graph = Graph("g", Input((2, 3)), (layer, Score("s", np.ones((2, size), int), [0, 0])))
    graph.save(tmp_path / "a.bnn")
    assert same(Graph.load(tmp_path / "a.bnn"), graph)
    with np.load(tmp_path / "a.bnn") as stored:
        assert [name for name in stored if not name.startswith(("header", "weights", "values"))] \
            == arrays
        contents = header_of(stored)
    assert contents["version"] == 3
    assert contents["layers"][0] == {"kind": "conv", "name": "c", **said}


@given(bits=st.integers(1, 16), kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
       stride=st.tuples(st.integers(1, 3), st.integers(1, 3)), seed=st.integers(0, 2**32),
       pad=st.sampled_from(["none", "code", "codes", "nothing"]), groups=st.integers(1, 3),
       channels=st.integers(1, 3), pool=st.none() | st.tuples(st.integers(1, 2), st.integers(1, 2)))
def test_loads_what_was_saved(tmp_path_factory, bits, kernel, stride, seed, pad, groups, channels,
                              pool, same):
    rng = np.random.default_rng(seed)
    high, wide = kernel
    sides = (0, 0, 0, 0) if pad == "none" else rng.integers(0, [high, wide] * 2)
    codes = {"code": int(rng.integers(0, 1 << bits)),
             "codes": rng.integers(0, 1 << bits, channels * groups)}.get(pad)
    window = Window(kernel, stride, padding=tuple(sides), pad=codes)
    neurons = 2 * groups
    weights = rng.integers(0, 2, (neurons, *kernel, channels))
    least = rng.integers(0, 2, neurons)
    draft = Conv("draft", weights, [0] * neurons, window, pool and Pool(pool, least), groups)
    frame = Input((8, 7, channels * groups), bits)
    tops = draft.class_counts(input_map(frame), bits)
    if not tops.all():
        return
    thresholds = rng.integers(0, tops + 2)
    layer = Conv("c", weights, thresholds if len(tops) > 1 else thresholds[0], window, draft.pool,
                 groups)
    size = layer.output(input_map(frame)).size
    graph = Graph("g", frame, (layer, Score("s", np.ones((2, size), int), [0, 1])))
    path = tmp_path_factory.mktemp("round") / "a.bnn"
    graph.save(path)
    loaded = Graph.load(path)
    assert same(loaded, graph)
    found = loaded.layers[0]
    assert found.window == graph.layers[0].window and found.groups == groups
    assert found.pool_size == layer.pool_size and np.array_equal(found.least, layer.least)
    assert np.array_equal(found.weights, weights)
    assert np.array_equal(found.thresholds, layer.thresholds)


def test_too_many_thresholds(tmp_path, monkeypatch):
    monkeypatch.setattr(modelfile, "_MOST_NEURONS", 13)
    with pytest.raises(ModelFileError, match=r"^graph 'maps' is too large for a model file: it has "
                                             r"14 thresholds, and 13 is the limit$"):
        GRAPH.save(tmp_path / "large.bnn")
    assert list(tmp_path.iterdir()) == []


# Damage and wrong contents


def test_every_byte_altered(content, tmp_path, same):
    # As for files of version 1, of which all bytes are altered; here a fifth of them.
    path = tmp_path / "altered.bnn"
    refusals = 0
    for place in range(0, len(content), 5):
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
    assert refusals > len(content) // 10


NUMBERS = st.integers(-2, 9) | st.sampled_from([1 << 16, 1 << 22, 1 << 64, 10**30])
VALUES = st.recursive(st.none() | st.booleans() | NUMBERS | st.floats() | st.text(max_size=3),
                      lambda inner: st.lists(inner, max_size=4), max_leaves=5)
KEYS = ["kind", "shape", "stride", "dilation", "padding", "pad", "pads", "pool", "least", "groups",
        "classes"]


@given(layer=st.integers(0, 1), changes=st.dictionaries(
    st.sampled_from(KEYS), VALUES | st.lists(NUMBERS, min_size=2, max_size=4), min_size=1,
    max_size=3))
def test_any_entry(tmp_path_factory, layer, changes, pack, same, header_of, header):
    """Whatever an entry says, the file loads as the same graph or is refused in one line."""
    path = tmp_path_factory.mktemp("entry") / "a.bnn"
    GRAPH.save(path)
    with np.load(path) as stored:
        arrays = dict(stored)
    contents = header_of(arrays)
    contents["layers"][layer].update(changes)
    pack(path, arrays, header=header(contents))
    try:
        assert same(modelfile.load(path), GRAPH)
    except ModelFileError as error:
        assert str(error).isprintable()


def entry(layer, **changes):
    """Change of entries of a layer in the header; ``None`` removes a key."""
    def edit(contents):
        new = {**contents["layers"][layer], **changes}
        contents["layers"][layer] = {key: value for key, value in new.items() if value is not None}
    return "header", edit


DIGEST = "the contents do not match the digest in the header"
LIES = {
    "version 2": (("header", lambda h: h.update(version=2)),
                  "'shape' of a layer must be two positive integers, not [4, 3, 2, 2]"),
    "kind": (entry(1, kind="pool", shape=[3, 12]),
             "kind of a layer must be one of dense, score, conv, not 'pool'"),
    "shape of two": (entry(1, shape=[3, 12]),
                     "'shape' of a layer must be four positive integers, not [3, 12]"),
    "shape of zero": (entry(1, shape=[3, 1, 0, 4]),
                      "'shape' of a layer must be four positive integers, not [3, 1, 0, 4]"),
    "shape of a truth value": (
        entry(1, shape=[3, True, 3, 4]),
        "'shape' of a layer must be four positive integers, not [3, True, 3, 4]"),
    "shape huge": (entry(1, shape=[3, 10**6, 10**6, 4]),
                   "its layers claim 12000000000100 weights, more than 67108864"),
    "classes huge": (entry(1, classes=10**12),
                     "its layers claim 3000000000008 thresholds, more than 1048576"),
    "classes zero": (entry(1, classes=0),
                     "'classes' of a layer must be a positive integer, not 0"),
    "classes true": (entry(1, classes=True),
                     "'classes' of a layer must be a positive integer, not True"),
    "classes other": (entry(1, classes=3), "values1 must be an array of <i8 of shape (3, 3)"),
    "classes not said": (entry(1, classes=None), "values1 must be an array of <i8 of shape (3,)"),
    "kernel turned": (entry(1, shape=[3, 3, 1, 4]),
                      "Window padding must be smaller than its window of 3x1, not (0, 1, 0, 1)"),
    "stride missing": (entry(0, stride=None), "the header lacks 'stride'"),
    "stride a number": (entry(0, stride=2), "'stride' in the header must be a list, not 2"),
    "stride zero": (entry(0, stride=[0, 1]),
                    "Each number of Window stride must be in 1 to 65536, not 0"),
    "stride of three": (entry(0, stride=[1, 1, 1]),
                        "Window stride must be 2 integers, not (1, 1, 1)"),
    "stride other": (entry(0, stride=[1, 1]), None),
    "dilation": (entry(0, dilation=[1, 1.5]),
                 "Each number of Window dilation must be an integer, not 1.5"),
    "padding too large": (entry(0, padding=[3, 0, 0, 0]),
                          "Window padding must be smaller than its window of 3x3, not "
                          "(3, 0, 0, 0)"),
    "pad a list": (entry(1, pad=[1]), "'pad' in the header must be a int, not [1]"),
    "pad too large": (entry(1, pad=2, classes=1), None),
    "pad for nothing": (entry(1, pad=1),
                        "thresholds of layer 'zeros' must have the shape (3,), as its "
                        "windows on the map 4x2x4 have 1 border class, not (2, 3)"),
    "pads missing": (("pads0", lambda _: None), "it has no pads0"),
    "pads signed": (("pads0", lambda a: a.astype("<i2")),
                    "pads0 must be an array of <u2 of shape (4,)"),
    "pads of another number": (("pads0", lambda a: a[:3]),
                               "pads0 must be an array of <u2 of shape (4,)"),
    "pads too large": (("pads0", lambda a: a + np.uint16(1)),
                       "pad of layer 'codes' must be in 0 to 3, not 4"),
    "pads": (("pads0", lambda a: a[::-1]), DIGEST),
    "pool zero": (entry(0, pool=[0, 2]), "Each number of Pool size must be in 1 to 65536, not 0"),
    "pool too large": (entry(0, pool=[9, 2]), "pool of layer 'codes' covers 9x2 outputs, more "
                       "than the 4x5 of its convolution; take a smaller pool"),
    "least missing": (("least0", lambda _: None), "it has no least0"),
    "least of two": (("least0", lambda a: a * np.uint8(2)),
                     "Pool least must be a bool for each neuron, not array([0, 2, 0, 2], "
                     "dtype=uint8)"),
    "least not said": (entry(0, least=None), DIGEST),
    "groups zero": (entry(0, groups=0), "'groups' of a layer must be a positive integer, not 0"),
    "groups of another number": (entry(0, groups=4),
                                 "pads0 must be an array of <u2 of shape (8,)"),
    "groups that do not divide": (
        entry(1, groups=2), "groups of layer 'zeros' must divide its 3 neurons, not 2"),
    "input a vector": (("header", lambda h: h["input"].update(shape=[168])),
                       "layer 'codes' has weights for 4 channels, but its input is a map "
                       "1x1x168 of 168"),
    "input too small": (("header", lambda h: h["input"].update(shape=[7, 1, 4])),
                        "window of layer 'codes' covers 3x3 pixels, more than the 10x2 of its "
                        "padded input; take a smaller kernel or dilation, or more padding"),
    "input huge": (("header", lambda h: h["input"].update(shape=[10**9, 10**9, 4])),
                   f"layer 'codes' reads a map of {10**9}x{10**9}x4 elements, more than 4194304; "
                   f"take smaller maps"),
    "a weight": (("weights0", lambda a: a ^ 1), DIGEST),
    "weights flat": (("weights0", np.ravel),
                     "weights0 must be an array of |u1 of shape (4, 2)"),
}


@pytest.mark.parametrize("change, message", LIES.values(), ids=LIES)
def test_lies(tmp_path, members, change, message, pack, refused, changed):
    path = tmp_path / "lies.bnn"
    pack(path, members, **changed(members, *change))
    start = f"model file {path} is damaged: "
    refusal = refused(path)
    assert refusal.startswith(start)
    assert message is None or refusal == start + message
