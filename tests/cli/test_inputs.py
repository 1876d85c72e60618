"""Models, schedules and data that a command refuses: one line, and nothing written."""

import io
import json
import pickle

import numpy as np
import pytest

SIMULATE = ["simulate", "toy.bnn", "--data", "data.npz", "--engine", "golden"]
COMPILE = ["compile", "toy.bnn", "-o", "out"]


def foreign(path):
    path.write_bytes(b"\x7fELF and so on")


def pickled(path):
    path.write_bytes(pickle.dumps([1, 2, 3]))


def other_zip(path):
    np.savez(path.with_suffix(".npz"), weights=np.zeros(3))
    path.with_suffix(".npz").rename(path)


def truncated(path):
    path.write_bytes(path.read_bytes()[:-40])


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def altered(change):
    """A model file whose arrays and header are changed by ``change(arrays, header)``."""
    def make(path):
        with np.load(path) as archive:
            arrays = dict(archive)
        header = json.loads(arrays["header"].tobytes())
        change(arrays, header)
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        path.write_bytes(buffer.getvalue())
    return make


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.unlink(),
         r"model file toy\.bnn cannot be read: No such file or directory"),
        (lambda path: (path.unlink(), path.mkdir()),
         r"model file toy\.bnn cannot be read: Is a directory"),
        (lambda path: path.write_bytes(b""),
         r"toy\.bnn is not an xnorloom model file \(no ZIP signature\)"),
        (foreign, r"toy\.bnn is not an xnorloom model file \(no ZIP signature\)"),
        (pickled, r"toy\.bnn is not an xnorloom model file \(no ZIP signature\)"),
        (other_zip, r"toy\.bnn is not an xnorloom model file \(it has no header\)"),
        (truncated, r"model file toy\.bnn is damaged: .+"),
        (flipped, r"model file toy\.bnn is damaged: .+"),
        (altered(lambda arrays, header: header.update(version=9)),
         r"model file toy\.bnn has version 9, but this xnorloom reads versions 1, 2, 3, 4 and 5"),
        (altered(lambda arrays, header: arrays.update(values0=arrays["values0"] + 99)),
         r"model file toy\.bnn is damaged: thresholds of layer 'dense0' must be in 0 to 37, "
         r"not \d+"),
        (altered(lambda arrays, header: arrays.update(values0=arrays["values0"][:-1])),
         r"model file toy\.bnn is damaged: values0 .+"),
        (altered(lambda arrays, header: arrays.update(values0=arrays["values0"] / 2)),
         r"model file toy\.bnn is damaged: values0 .+"),
        (altered(lambda arrays, header: header["layers"].clear()),
         r"model file toy\.bnn is damaged: Graph must have at least one layer, the Score layer"),
        (altered(lambda arrays, header: header["input"].update(shape=[4, 4])),
         r"model file toy\.bnn is damaged: Layer 'dense0' must have 16 inputs, as many as 'input' "
         r"has outputs, not 12"),
        (altered(lambda arrays, header: arrays.update(weights1=arrays["weights1"] ^ 1)),
         r"model file toy\.bnn is damaged: the contents do not match the digest in the header"),
    ],
    ids=["missing", "directory", "empty", "foreign", "pickle", "other zip", "truncated", "flipped",
         "version", "threshold range", "threshold count", "threshold dtype", "no layers",
         "input shape", "weight"],
)  # fmt: skip
def test_model(wrong, tmp_path, make, message):
    make(tmp_path / "toy.bnn")
    for command in (["info", "toy.bnn"], COMPILE, SIMULATE):
        wrong(message, *command)


def schedule(**changes):
    layers = [{"layer": "dense0", "pe": 1, "simd": 4, "style": "lut"},
              {"layer": "score", "pe": 1, "simd": 2, "style": "lut"}]
    layers[0].update(changes)
    return {"format": "xnorloom-schedule", "version": 1, "input_width": 4, "layers": layers}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"schedule file fold\.json cannot be read: No such file or directory"),
        ("{", r"schedule file fold\.json is not JSON: .+"),
        ([], r"fold\.json is not an xnorloom schedule \(format must be 'xnorloom-schedule'\)"),
        (schedule(pe=6),
         r"schedule file fold\.json: pe of layer 'dense0' must be at most its 5 neurons, not 6"),
        (schedule(simd=13),
         r"schedule file fold\.json: simd of layer 'dense0' must be at most its 12 inputs, "
         r"not 13"),
        (schedule(pe=0),
         r"schedule file fold\.json: layer 'dense0': Fold pe must be at least 1, not 0"),
        (schedule(simd="4"),
         r"schedule file fold\.json: layer 'dense0': Fold simd must be an integer, not '4'"),
        (schedule(style="magic"),
         r"schedule file fold\.json: layer 'dense0': Fold style must be one of wired, lut, block, "
         r"spram, not 'magic'"),
        (schedule(style="wired"),
         r"schedule file fold\.json: style wired of layer 'dense0' needs pe 5 and simd 12, the "
         r"whole layer, not pe 1 and simd 4"),
        (schedule(layer="other"), r"schedule file fold\.json has a fold for layer 'other' where "
                                  r"graph 'toy' has 'dense0'"),
        (schedule(speed=1),
         r"schedule file fold\.json: layer 'dense0' has the unknown key 'speed', wanted .+"),
        (schedule() | {"input_width": 13},
         r"schedule file fold\.json: input_width must be at most the 12 elements of a frame, "
         r"not 13"),
        (schedule() | {"layers": schedule()["layers"][:1]},
         r"schedule file fold\.json: schedule has 1 folds, but graph 'toy' has 2 layers"),
    ],
    ids=["missing", "not JSON", "foreign", "pe", "simd", "pe 0", "simd text", "style", "wired",
         "name", "key", "input width", "layers"],
)  # fmt: skip
def test_fold(wrong, tmp_path, content, message):
    if content is not None:
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / "fold.json").write_text(text)
    wrong(message, *COMPILE, "--fold", "fold.json")
    wrong(message, *SIMULATE, "--fold", "fold.json")


def test_interval(wrong):
    message = (r"interval 1 cannot be reached: layer 'dense0' works on 2 bit planes in turn, so "
               r"the smallest interval is 2")
    wrong(message, *COMPILE, "--interval", 1)
    wrong(message, *SIMULATE, "--interval", 1)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (None, r"data\.npz: no such file"),
        (b"\x80\x04 no arrays",
         r"data\.npz: a \.npz file must be a complete zip archive of arrays"),
        ({"pixels": np.zeros((2, 12), np.uint8)},
         r"data\.npz: array 'images' is missing, the file has pixels"),
        ({"images": np.array([{}])}, r"data\.npz: not a readable \.npz file \(Object arrays .+\)"),
        ({"images": np.zeros((2, 4, 3))},
         r"data\.npz: 'images' must be of type uint8, not float64"),
        ({"images": np.zeros((2, 5, 3), np.uint8)},
         r"data data\.npz does not fit model 'toy': its images are 5 x 3, the input is 4 x 3"),
        ({"images": np.zeros((0, 4, 3), np.uint8)},
         r"data\.npz: 'images' must not be empty, its shape is \(0, 4, 3\)"),
        ({"images": np.zeros((2, 4, 3), np.uint8), "labels": np.zeros(3, int)},
         r"data\.npz: 'labels' must have shape \(2,\), one for each image, not \(3,\)"),
        ({"images": np.zeros((2, 4, 3), np.uint8), "labels": np.array([2, 3])},
         r"data data\.npz does not fit model 'toy': labels must be in 0 to 2, not 3"),
        ({"images": np.zeros((2, 4, 3), np.uint8), "labels": np.array([-1, 0])},
         r"data data\.npz does not fit model 'toy': labels must be in 0 to 2, not -1"),
    ],
    ids=["missing", "no archive", "no images", "objects", "dtype", "shape", "empty", "labels",
         "label too large", "label negative"],
)  # fmt: skip
def test_data(wrong, tmp_path, arrays, message):
    path = tmp_path / "data.npz"
    path.unlink()
    if isinstance(arrays, bytes):
        path.write_bytes(arrays)
    elif arrays is not None:
        np.savez(path, **arrays)
    wrong(message, *SIMULATE)


def test_data_name(wrong):
    wrong(r"data set must be one of mnist:test, mnist:train, fashion:test, fashion:train, "
          r"mnist:bundled or the path of a \.npz file, an image or a folder of images, not 'cifar'",
                 "simulate", "toy.bnn", "--data", "cifar", "--engine", "golden")


def test_data_directory(wrong):
    wrong(r"mnist:test: nowhere must hold t10k-images-idx3-ubyte or "
                         r"t10k-images-idx3-ubyte\.gz, it has neither",
                 "simulate", "toy.bnn", "--data", "mnist:test", "--data-dir", "nowhere")


def test_data_bits(wrong, random_graph):
    random_graph(np.random.default_rng(2), [12, 3], bits=9).save("deep.bnn")
    wrong(r"data data\.npz does not fit model 'random': its pixels have 8 bits, the "
                         r"input has 9", "simulate", "deep.bnn", "--data", "data.npz")


def test_output_is_a_file(wrong):
    message = r"output directory data\.npz cannot be written: it is not a directory"
    wrong(message, "compile", "toy.bnn", "-o", "data.npz")
    wrong(message, "demo", "--out", "data.npz")


@pytest.mark.parametrize("command", ["compile", "demo"])
def test_output_name_too_long(wrong, command):
    name = "n" * 300
    options = ["toy.bnn", "-o", name] if command == "compile" else ["--out", name]
    wrong(f"output directory {name} cannot be written: File name too long",
                 command, *options)


def test_input_name_too_long(wrong):
    name = "n" * 300
    wrong(f"{name}: File name too long", "info", name)
    wrong(f"schedule file {name} cannot be read: File name too long", *COMPILE,
                 "--fold", name)
    wrong(f"file {name} cannot be written: File name too long", *SIMULATE[:-1],
                 "amaranth", "--waveform", name)
