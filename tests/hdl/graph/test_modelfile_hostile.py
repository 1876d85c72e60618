"""Model files that are small and claim much, and what is no file at all."""

import json
import os
import socket
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from xnorloom.errors import ModelFileError
from xnorloom.graph import modelfile

SCRIPT = """
import resource, sys
from xnorloom.errors import ModelFileError
from xnorloom.graph import modelfile

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    modelfile.load(sys.argv[1])
    sys.stdout.write("loaded ")
except ModelFileError as error:
    sys.stdout.write("refused ")
sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


def bomb(layers, sizes, **changes):
    """Header and arrays of a file whose layers have zeros only."""
    entries = [{"kind": kind, "name": f"{number}", "shape": list(shape)}
               for number, (kind, shape) in enumerate(layers)]
    contents = {"format": "xnorloom-graph", "version": 1, "name": "bomb", "digest": "0",
                "input": {"shape": [sizes], "bits": 1}, "layers": entries}
    arrays = {"header": np.frombuffer(
        json.dumps({**contents, **changes}).encode(), np.uint8)}
    for number, (_, (neurons, inputs)) in enumerate(layers):
        arrays[f"weights{number}"] = np.zeros((neurons, -(-inputs // 8)), np.uint8)
        arrays[f"values{number}"] = np.zeros(neurons, np.int64)
    return arrays


def conv_bomb(shape, weights, classes=1, pads=False, **entry):
    """Header and arrays of a file with a convolution of zeros, and a score of one weight."""
    arrays = bomb([("conv", (1, 1)), ("score", (1, 1))], 1)
    contents = json.loads(arrays["header"].tobytes())
    contents.update(version=3, input={"shape": shape, "bits": 1})
    contents["layers"][0].update({
        "shape": weights, "stride": [1, 1], "dilation": [1, 1], "padding": [0, 0, 0, 0], **entry})
    if classes > 1:
        contents["layers"][0]["classes"] = classes
    neurons, *sides = weights
    if pads:
        contents["layers"][0]["pads"] = True
        arrays["pads0"] = np.zeros(sides[2] * entry.get("groups", 1), np.uint16)
    arrays["header"] = np.frombuffer(json.dumps(contents).encode(), np.uint8)
    arrays["weights0"] = np.zeros((neurons, -(-np.prod(sides) // 8)), np.uint8)
    arrays["values0"] = np.zeros((classes, neurons) if classes > 1 else neurons, np.int64)
    return arrays


BOMBS = {
    "largest map": lambda: conv_bomb([1 << 11, 1 << 11], [1, 1, 1, 1], pool=[1 << 11, 1 << 11]),
    "larger map": lambda: conv_bomb([1 << 60, 1 << 60], [1, 1, 1, 1]),
    "many outputs": lambda: conv_bomb([1 << 11, 1 << 11], [1 << 10, 1, 1, 1]),
    "long windows": lambda: conv_bomb([1 << 16, 1], [1, 1 << 16, 1, 1], pool=[1 << 16, 1],
                                      padding=[(1 << 16) - 1, 0, (1 << 16) - 1, 0]),
    "many border classes": lambda: conv_bomb([1024, 1024], [1, 512, 512, 1], 1023**2,
                                             padding=[511] * 4, pool=[1535, 1535]),
    "many channels": lambda: conv_bomb([1, 1, 1 << 22], [1, 1, 1, 1 << 22], pads=True),
    "many channels with codes": lambda: conv_bomb(
        [1, 1, 1 << 22], [1, 2, 1, 1 << 22], pads=True, padding=[1, 0, 0, 0]),
    "most weights": lambda: bomb([("score", (1 << 10, 1 << 16))], 1 << 16),
    "more weights": lambda: bomb([("score", (1 << 10, 1 << 18))], 1 << 18),
    "many layers": lambda: bomb([("dense", (1 << 11, 1 << 11))] * 40 + [("score", (2, 1 << 11))],
                                1 << 11),
    "most neurons": lambda: bomb([("score", (1 << 20, 1))], 1),
    "more neurons": lambda: bomb([("score", (1 << 22, 1))], 1),
    "header of many objects": lambda: {"header": np.frombuffer(
        b"[" + (1 << 24) * b"{}," + b"{}]", np.uint8)},
    "largest header of objects": lambda: {"header": np.frombuffer(
        b"[" + 699_000 * b"{}," + b"{}]", np.uint8)},
    "version": lambda: bomb([("score", (2, 2))], 2, version="9" * (1 << 25)),
}


@pytest.mark.parametrize("make", BOMBS.values(), ids=BOMBS)
def test_bomb_in_memory(tmp_path, make):
    """Files of some kilobytes take at most 256 MiB."""
    path = tmp_path / "bomb.bnn"
    np.savez_compressed(path.with_suffix(".npz"), **make())
    path.with_suffix(".npz").rename(path)
    assert path.stat().st_size < 1 << 17
    done = subprocess.run([sys.executable, "-c", SCRIPT, path], capture_output=True, text=True,
                          check=True)
    result, kilobytes = done.stdout.split()
    assert result == "refused"
    assert int(kilobytes) < 1 << 18


@pytest.mark.parametrize("claim", [0, 1, 200])
def test_member_that_is_larger_than_it_claims(tmp_path, claim):
    """No more of it is unpacked than its array takes."""
    path = tmp_path / "liar.bnn"
    arrays = bomb([("score", (2, 2))], 2)
    np.savez_compressed(path.with_suffix(".npz"),
                        **{**arrays, "weights0": np.zeros(1 << 26, np.uint8)})
    data = path.with_suffix(".npz").read_bytes()
    size = 128 + (1 << 26)
    assert data.count(size.to_bytes(4, "little")) == 2
    path.write_bytes(data.replace(size.to_bytes(4, "little"), claim.to_bytes(4, "little")))
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError, match="is damaged: "):
            modelfile.load(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["a pipe", "a device", "a socket"])
def test_no_regular_file(tmp_path, monkeypatch, kind):
    """No command waits for the other end of a pipe."""
    monkeypatch.chdir(tmp_path)
    if kind == "a pipe":
        os.mkfifo("model.bnn")
    elif kind == "a device":
        os.symlink(os.devnull, "model.bnn")
    else:
        with socket.socket(socket.AF_UNIX) as end:
            end.bind("model.bnn")
    with pytest.raises(ModelFileError, match=rf"^model file model\.bnn cannot be read: it must be "
                                             rf"a regular file, but is {kind}$"):
        modelfile.load("model.bnn")
