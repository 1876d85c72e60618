"""Valid archives with wrong contents are refused, and nothing is ever unpickled."""

import os

import numpy as np
import pytest


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


LIES = {
    "no name": (("header", lambda h: h.pop("name")), "the header lacks 'name'"),
    "no digest": (("header", lambda h: h.pop("digest")), "the header lacks 'digest'"),
    "no layers": (("header", lambda h: h.pop("layers")), "the header lacks 'layers'"),
    "no shape": (("header", lambda h: h["layers"][1].pop("shape")), "the header lacks 'shape'"),
    "layer a string": (("header", lambda h: h.update(layers=["a"])), "the header lacks 'shape'"),
    "layers an object": (
        ("header", lambda h: h.update(layers={"a": 1})),
        "'layers' in the header must be a list, not {'a': 1}"),
    "layers empty": (
        ("header", lambda h: h.update(layers=[])),
        "Graph must have at least one layer, the Score layer"),
    "input a list": (
        ("header", lambda h: h.update(input=[9])), "'input' in the header must be a dict, not [9]"),
    "input shape": (
        ("header", lambda h: h["input"].update(shape=[10])),
        "Layer 'first' must have 10 inputs, as many as 'input' has outputs, not 9"),
    "input of the same size": (
        ("header", lambda h: h["input"].update(shape=[9])),
        "the contents do not match the digest in the header"),
    "bits": (
        ("header", lambda h: h["input"].update(bits=8)),
        "the contents do not match the digest in the header"),
    "too few bits": (
        ("header", lambda h: h["input"].update(bits=1)),
        "thresholds of layer 'first' must be in 0 to 10, not 14"),
    "bits a float": (
        ("header", lambda h: h["input"].update(bits=2.0)),
        "'bits' in the header must be a int, not 2.0"),
    "kind": (
        ("header", lambda h: h["layers"][0].update(kind="conv")),
        "kind of a layer must be one of dense, score, not 'conv'"),
    "kinds exchanged": (
        ("header", lambda h: h["layers"][0].update(kind="score")),
        "Every layer before the last must be a Conv or a Dense, not a Score"),
    "names equal": (
        ("header", lambda h: h["layers"][0].update(name="last")),
        "Layer names must differ, but 'last' occurs twice"),
    "digest": (
        ("header", lambda h: h.update(digest="0" * 64)),
        "the contents do not match the digest in the header"),
    "shape larger": (
        ("header", lambda h: h["layers"][0].update(shape=[3, 17])),
        "weights0 must be an array of |u1 of shape (3, 3)"),
    "shape within the last byte": (
        ("header", lambda h: h["layers"][0].update(shape=[3, 10])),
        "Layer 'first' must have 9 inputs, as many as 'input' has outputs, not 10"),
    "shape huge": (
        ("header", lambda h: h["layers"][0].update(shape=[10**12, 10**12])),
        "its layers claim 1000000000002 neurons, more than 1048576"),
    "shape wide": (
        ("header", lambda h: h["layers"][0].update(shape=[3, 10**12])),
        "its layers claim 3000000000006 weights, more than 67108864"),
    "shape of many digits": (
        ("header", lambda h: h["layers"][0].update(shape=[3, 10**4000])), None),
    "header long": (
        ("bytes", lambda _: np.full((1 << 21) + 1, ord(" "), np.uint8)),
        "header must have at most 2097152 bytes"),
    "shape negative": (
        ("header", lambda h: h["layers"][0].update(shape=[-3, 9])),
        "'shape' of a layer must be two positive integers, not [-3, 9]"),
    "shape of three": (
        ("header", lambda h: h["layers"][0].update(shape=[3, 9, 1])),
        "'shape' of a layer must be two positive integers, not [3, 9, 1]"),
    "shape of floats": (
        ("header", lambda h: h["layers"][0].update(shape=[3.0, 9.0])),
        "'shape' of a layer must be two positive integers, not [3.0, 9.0]"),
    "header not JSON": (
        ("bytes", lambda a: a[:-1]),
        "Expecting ',' delimiter: line 31 column 1 (char 375)"),
    "header deep": (
        ("bytes", lambda _: np.frombuffer(b"[" * 100000, np.uint8)), None),
    "weights missing": (("weights1", lambda _: None), "it has no weights1"),
    "weights turned": (
        ("weights0", np.asfortranarray), "weights0 must be an array of |u1 of shape (3, 2)"),
    "weights wider": (
        ("weights0", lambda a: a.astype(np.uint16)),
        "weights0 must be an array of |u1 of shape (3, 2)"),
    "weights flat": (("weights0", np.ravel),
                     "weights0 must be an array of |u1 of shape (3, 2)"),
    "a weight": (
        ("weights0", lambda a: a ^ 1), "the contents do not match the digest in the header"),
    "thresholds floats": (
        ("values0", lambda a: a.astype(float)),
        "values0 must be an array of <i8 of shape (3,)"),
    "thresholds big-endian": (
        ("values0", lambda a: a.astype(">i8")),
        "values0 must be an array of <i8 of shape (3,)"),
    "threshold": (
        ("values0", lambda a: a - 1),
        "thresholds of layer 'first' must be in 0 to 28, not -1"),
    "offset": (
        ("values1", lambda a: -a), "the contents do not match the digest in the header"),
    "offset too large": (
        ("values1", lambda a: a + 1),
        "offsets of layer 'last' must be within ±2**40, not 1099511627777"),
}


@pytest.mark.parametrize("change, message", LIES.values(), ids=LIES)
def test_lies(tmp_path, members, change, message, pack, refused, changed):
    path = tmp_path / "lies.bnn"
    changes = changed(members, *change)
    for name in [name for name, value in changes.items() if value is None]:
        del members[name], changes[name]
    pack(path, members, **changes)
    start = f"model file {path} is damaged: "
    refusal = refused(path)
    assert refusal.startswith(start)
    assert message is None or refusal == start + message
