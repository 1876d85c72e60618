# amaranth: UnusedElaboratable=no
"""Thermometer inputs: elements by their definition, model files, and what is refused."""

import copy
import dataclasses
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorloom.errors import ModelFileError
from xnorloom.export.manifest import manifest
from xnorloom.folding import automatic
from xnorloom.gateware.network import Network
from xnorloom.graph import Conv, Graph, Input, Score, Window, modelfile
from xnorloom.graph import pixels as encoding
from xnorloom.graph.constants import constant_neurons
from xnorloom.graph.pixels import encode, pixels_fit
from xnorloom.graph.summary import graph_text, graph_values

RAGGED = ((10, 20), (0, 5, 5, 256), (200,))
RNG = np.random.default_rng(0)
GRAPH = Graph(
    "thermometer",
    Input((4, 5, 7), preprocessing="u8", thermometer=RAGGED),
    (
        Conv("conv", RNG.integers(0, 2, (3, 3, 3, 7)), [31, 30, 33], Window((3, 3))),
        Score("last", RNG.integers(0, 2, (2, 18)), [0, 1]),
    ),
)


def expanded(rows, pixels):
    """Elements by the definition, for pixels (frames, ..., channels)."""
    channels = pixels.shape[-1]
    rows = list(rows) * channels if len(rows) == 1 else rows
    return np.array(
        [
            [
                [int(pixel[channel] >= cut) for channel in range(channels) for cut in rows[channel]]
                for pixel in frame.reshape(-1, channels).tolist()
            ]
            for frame in pixels
        ]
    )


def graph_of(frame):
    return Graph("g", frame, (Score("s", np.ones((2, frame.size), int), [0, 1]),))


# Elements


def test_every_pixel():
    frame = Input((256, 1, 4), thermometer=(0, 1, 255, 256))
    elements = encode(frame, np.arange(256, dtype=np.uint8).reshape(1, 256, 1))
    assert elements.shape == (1, 256, 1, 4) and elements.dtype == np.uint8
    assert elements.reshape(256, 4).tolist() == [
        [1, int(pixel >= 1), int(pixel == 255), 0] for pixel in range(256)
    ]


@given(
    sides=st.lists(st.integers(1, 4), min_size=2, max_size=2),
    channels=st.integers(1, 4),
    shared=st.booleans(),
    flat=st.booleans(),
    count=st.integers(0, 4),
    chunk=st.integers(1, 40),
    seed=st.integers(0, 1 << 32),
)
def test_random(sides, channels, shared, flat, count, chunk, seed):
    rng = np.random.default_rng(seed)
    rows = [
        sorted(rng.integers(0, 257, rng.integers(1, 5)).tolist())
        for _ in range(1 if shared else channels)
    ]
    each = len(rows[0]) * channels if shared else sum(map(len, rows))
    frame = Input((*sides, each), thermometer=rows)
    pixels = rng.integers(0, 256, (count, *sides, channels), dtype=np.uint8)
    assert frame.pixel_count == pixels.size // max(1, count) or not count
    wanted = expanded(rows, pixels).reshape(count, frame.size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "_CHUNK_ELEMENTS", chunk)
        found = encode(frame, pixels.reshape(count, frame.pixel_count) if flat else pixels)
    assert found.shape == ((count, frame.size) if flat else (count, *frame.shape))
    assert np.array_equal(found.reshape(count, frame.size), wanted)


@pytest.mark.parametrize(
    "shape, rows, pixels",
    [
        ((28, 28, 3), (64, 128, 192), (28, 28)),
        ((28, 28, 6), (64, 128, 192), (28, 28, 2)),
        ((4, 5, 7), RAGGED, (4, 5, 3)),
        ((12,), (1, 2, 3), (4,)),
        ((3,), (1, 2, 3), (1,)),
        ((7,), RAGGED, (3,)),
        ((1, 28, 28, 2), (1, 2), (1, 28, 28)),
        ((8, 8, 1), (9,), (8, 8)),
    ],
    ids=str,
)
def test_pixel_shape(shape, rows, pixels):
    frame = Input(shape, thermometer=rows)
    assert frame.pixel_shape == pixels
    assert frame.pixel_count == np.prod(pixels)
    assert pixels_fit(frame, pixels) and pixels_fit(frame, (frame.pixel_count,))
    assert not pixels_fit(frame, (frame.pixel_count + 1,))


def test_pixels_wrong():
    frame = Input((4, 5, 6), thermometer=(1, 2, 3))
    with pytest.raises(
        ValueError,
        match=r"^pixels must have the shape \(frames, 4, 5, 2\) or "
        r"\(frames, 40\), not \(1, 4, 5, 6\)$",
    ):
        encode(frame, np.zeros((1, 4, 5, 6), np.uint8))
    with pytest.raises(TypeError, match=r"^pixels must be of type uint8, not float64$"):
        encode(frame, np.zeros((1, 4, 5, 2)))


# Canonical form


def test_canonical():
    frame = Input((7,), thermometer=[np.array(row) for row in RAGGED])
    assert frame.thermometer == RAGGED
    assert Input((6,), thermometer=[[1, 2], [1, 2], [1, 2]]).thermometer == ((1, 2),)
    assert Input((6,), thermometer=np.array([1, 2])) == Input((6,), thermometer=[(1, 2)] * 3)
    assert Input((6,), thermometer=(1, 2)) != Input((6,), thermometer=(1, 3))
    assert Input((6,), thermometer=(1, 2)) != Input((6,))
    assert repr(frame) == "Input((7,), 1 bit, thermometer of 2 4 1)"
    for copied in copy.deepcopy(frame), dataclasses.replace(frame):
        assert copied == frame and hash(copied) == hash(frame)


def test_digests():
    frames = [
        Input((6,)),
        Input((6,), thermometer=(1, 2)),
        Input((6,), thermometer=(1, 3)),
        Input((6,), thermometer=[(1, 2), (1, 2, 3), (1,)]),
    ]
    assert len({graph_of(frame).digest for frame in frames}) == len(frames)


WRONG = {
    "bits": (
        ((6,), 2),
        (1, 2),
        ValueError,
        r"Input with a thermometer must have elements of 1 bit, not of 2",
    ),
    "no channels": (
        ((6, 6),),
        (1, 2),
        ValueError,
        r"Input with a thermometer must have channels, as \(rows, columns, channels\) "
        r"or in a single dimension, not the shape \(6, 6\)",
    ),
    "no cuts": (
        ((6,),),
        (),
        TypeError,
        r"Thermometer must be a sequence of cuts, or one for each channel, not \(\)",
    ),
    "no sequence": (
        ((6,),),
        3,
        TypeError,
        r"Thermometer must be a sequence of cuts, or one for each channel, not 3",
    ),
    "text": (
        ((6,),),
        "12",
        TypeError,
        r"Thermometer must be a sequence of cuts, or one for each channel, not '12'",
    ),
    "mixed": (
        ((6,),),
        [(1, 2), 3],
        TypeError,
        r"Rows of a thermometer must be sequences of cuts, not 3",
    ),
    "empty row": (
        ((2,),),
        [(1, 2), ()],
        ValueError,
        r"Each channel of a thermometer must have at least one cut, but row 1 of the "
        r"thermometer has none",
    ),
    "empty": (
        ((2,),),
        [()],
        ValueError,
        r"Each channel of a thermometer must have at least one cut, but the thermometer has "
        r"none",
    ),
    "float": (((2,),), (1.0, 2.0), TypeError, r"Cuts of a thermometer must be integers, not 1\.0"),
    "floats": (
        ((2,),),
        np.array([0.5, 0.7]),
        TypeError,
        r"Cuts of a thermometer must be integers, not 0\.5",
    ),
    "bool": (((2,),), (0, True), TypeError, r"Cuts of a thermometer must be integers, not True"),
    "nested": (((2,),), [[[1]]], TypeError, r"Cuts of a thermometer must be integers, not \[1\]"),
    "large": (((2,),), (1, 257), ValueError, r"Cuts of a thermometer must be in 0 to 256, not 257"),
    "negative": (
        ((2,),),
        (-1, 2),
        ValueError,
        r"Cuts of a thermometer must be in 0 to 256, not -1",
    ),
    "falling": (
        ((4,),),
        [(1, 2), (9, 3)],
        ValueError,
        r"Cuts of a thermometer must not decrease along a row, but those of row 1 of the "
        r"thermometer do: 9, 3",
    ),
    "remainder": (
        ((7,),),
        (1, 2),
        ValueError,
        r"Thermometer of 2 cuts must divide the 7 channels of the input, one for each "
        r"cut of each channel of a pixel",
    ),
    "too few": (
        ((4, 4, 3),),
        [(1, 2), (3, 4)],
        ValueError,
        r"Thermometer of 4 cuts in 2 rows must fit the 3 channels of the input, one for "
        r"each cut",
    ),
    "equal rows": (
        ((8,),),
        [(1, 2), (1, 2)],
        ValueError,
        r"Thermometer of 4 cuts in 2 rows must fit the 8 channels of the input, one for "
        r"each cut",
    ),
}


@pytest.mark.parametrize("frame, rows, error, message", WRONG.values(), ids=WRONG)
def test_wrong(frame, rows, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        Input(*frame, thermometer=rows)


def test_both_wrong():
    with pytest.raises(
        ValueError,
        match=r"^Input must have pixel thresholds or a thermometer, "
        r"not both$",
    ):
        Input((2,), 1, [[3]], thermometer=(1, 2))


# Constants and summaries


def test_constant_elements():
    """Elements of cuts 0 and 256 are constants, and so is what they decide."""
    frame = Input((3,), thermometer=(0, 9, 256))
    graph = Graph(
        "g", frame, (Score("s", [[1, 0, 0], [0, 1, 0]], [0, 0], present=[[1, 0, 1], [1, 1, 1]]),)
    )
    assert constant_neurons(graph)[-1].tolist() == [True, False]


def test_summary():
    values = graph_values(GRAPH)["input"]
    assert values == {
        "shape": [4, 5, 7],
        "bits": 1,
        "cuts": None,
        "meaning": "u8",
        "pixel_shape": [4, 5, 3],
        "thermometer": [list(row) for row in RAGGED],
    }
    assert "thermometer" not in graph_values(graph_of(Input((3,))))["input"]
    text = graph_text(GRAPH)
    assert "input    4 x 5 x 7 = 140 elements of 1 bit\n" in text
    assert "pixels   4 x 5 x 3 of 8 bits\n" in text
    assert (
        "cuts     an element for each of 1 to 4 cuts of a channel, from 0 to 256, 1 where a "
        "pixel is at least that\n"
    ) in text
    shared = graph_text(graph_of(Input((4, 4, 2), thermometer=(3, 77))))
    assert ("cuts     an element for each of 3, 77, 1 where a pixel is at least that\n") in shared


def test_manifest():
    values = manifest(Network(automatic(GRAPH, 2000).bind(GRAPH)))["input"]
    assert values["element_of_pixel"] == (
        "1 iff the 8-bit pixel is at least the cut; each channel of a pixel has an element for "
        "each cut in the row of the pixel's channel of thermometer, in their order, then the next "
        "channel has its"
    )
    assert values["thermometer"] == [list(row) for row in RAGGED]
    assert values["pixel_shape"] == [4, 5, 3]
    assert (values["cuts"], values["meaning"]) == (None, "u8")


# Model files


def test_file(members, tmp_path, pack):
    header = json.loads(members["header"].tobytes())
    assert header["version"] == 5
    assert header["input"] == {
        "shape": [4, 5, 7],
        "bits": 1,
        "meaning": "u8",
        "thermometer": [list(row) for row in RAGGED],
    }
    pack(tmp_path / "numpy.bnn", members)
    loaded = modelfile.load(tmp_path / "numpy.bnn")
    assert loaded == GRAPH and loaded.input == GRAPH.input
    loaded.save(tmp_path / "again.bnn")
    GRAPH.save(tmp_path / "first.bnn")
    assert (tmp_path / "again.bnn").read_bytes() == (tmp_path / "first.bnn").read_bytes()


@pytest.mark.parametrize(
    "rows",
    [
        [[1.5, 2]],
        [["1"]],
        [[300]],
        [[-1]],
        [[5, 1]],
        [[]],
        [],
        {},
        7,
        [[[1]]],
        [None],
        [[1] * 9],
        [[10, 20], [0, 5, 5, 255], [200]],
    ],
    ids=str,
)
def test_file_wrong(members, tmp_path, pack, refused, rows):
    header = json.loads(members["header"].tobytes())
    header["input"]["thermometer"] = rows
    pack(
        tmp_path / "wrong.bnn", members, header=np.frombuffer(json.dumps(header).encode(), np.uint8)
    )
    assert "is damaged: " in refused(tmp_path / "wrong.bnn")


def test_file_of_an_older_version(members, tmp_path, pack, refused):
    """Cuts in a file that claims version 4 are not read, and the digest tells."""
    header = json.loads(members["header"].tobytes())
    header["version"] = 4
    pack(tmp_path / "old.bnn", members, header=np.frombuffer(json.dumps(header).encode(), np.uint8))
    assert "do not match the digest" in refused(tmp_path / "old.bnn")


def test_lowest_version(tmp_path):
    plain = Graph("g", Input((6,)), graph_of(Input((6,))).layers)
    for frame, version in ((Input((6,)), 1), (Input((6,), thermometer=(1, 2)), 5)):
        dataclasses.replace(plain, input=frame).save(tmp_path / "a.bnn")
        with np.load(io.BytesIO((tmp_path / "a.bnn").read_bytes())) as arrays:
            assert json.loads(arrays["header"].tobytes())["version"] == version
    with pytest.raises(ModelFileError):
        modelfile.load(tmp_path / "missing.bnn")
