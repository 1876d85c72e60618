"""Keras files that are damaged, hostile or of unsupported networks, and the messages."""

import json
import re
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from xnorloom.errors import SourceError
from xnorloom.frontend.keras.model import load
from xnorloom.lowering.lower import lower

FILES = Path(__file__).parents[3] / "fixtures" / "larq"
KERNEL = "model_weights/first/first/kernel:0"
GAMMA = "model_weights/norm/norm/gamma:0"


def layer(config: dict, name: str) -> dict:
    """Return the configuration of a layer, for changes."""
    return next(item["config"] for item in config["config"]["layers"]
                if item["config"]["name"] == name)


def changed(path: Path, change, source: str = "sequential.h5") -> Path:
    """Copy a fixture and apply ``change(config, file)``."""
    path.write_bytes((FILES / source).read_bytes())
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config, file)
        if "model_config" in file.attrs:
            file.attrs["model_config"] = json.dumps(config)
    return path


def check(path: Path, message: str) -> None:
    with pytest.raises(SourceError) as caught:
        load(path)
    assert re.fullmatch(message.replace("FILE", re.escape(str(path))), str(caught.value))


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name.replace("_", "."), data)
    return path


H5 = (FILES / "sequential.h5").read_bytes()
CONTENTS = {
    "empty": (b"", r"FILE must be a file that Keras saved, HDF5 \(.h5\) or ZIP \(.keras\), but is "
                   r"empty"),
    "text": (b"hello", r"FILE must be a file that Keras saved, .* but has other contents"),
    "h5, 20 bytes": (H5[:20], r"Keras file FILE is damaged: .*truncated.*"),
    "h5, half": (H5[:len(H5) // 2], r"Keras file FILE is damaged: .*truncated.*"),
    "zip, half": ((FILES / "keras3.keras").read_bytes()[:9999],
                  r"Keras file FILE is damaged: File is not a zip file"),
}


@pytest.mark.parametrize("data,message", CONTENTS.values(), ids=CONTENTS)
def test_contents_wrong(tmp_path, data, message):
    (tmp_path / "net.h5").write_bytes(data)
    check(tmp_path / "net.h5", message)


def test_place_wrong(tmp_path):
    check(tmp_path / "no.h5", r"Keras file FILE cannot be read: No such file or directory")
    check(tmp_path, r"FILE must be a file that Keras saved, .h5 or .keras, not a directory")


def test_without_h5py(monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(SourceError, match=r"^files of Keras are read with h5py, which is not "
                                          r"installed: pip install '\.\[larq\]'$"):
        load(FILES / "sequential.h5")


ARCHIVES = {
    "foreign": ({"a_npy": b"1"}, "FILE must be an archive that Keras saved, but has no "
                                 "config.json"),
    "no weights": ({"config_json": b"{}"}, "FILE must be an archive that Keras saved, but has no "
                                           "model.weights.h5"),
    "bomb": ({"config_json": bytes(1 << 25)},
             "config.json in FILE must have at most 16777216 bytes, but claims 33554432"),
    "no JSON": ({"config_json": b"{", "model_weights_h5": H5},
                "configuration in FILE must be JSON: Expecting .*"),
    "number": ({"config_json": b"1" * 5000, "model_weights_h5": H5},
               "configuration in FILE must be JSON: Exceeds the limit .*"),
    "deep": ({"config_json": b"[" * 200000, "model_weights_h5": H5},
             "configuration in FILE must be JSON: maximum recursion depth .*"),
    "NaN": ({"config_json": b"{'a': NaN}".replace(b"'", b'"'), "model_weights_h5": H5},
            "configuration in FILE must be JSON: NaN is no number"),
    "list": ({"config_json": b"[]", "model_weights_h5": H5},
             "configuration in FILE must be a JSON object, not a list"),
    "no HDF5": ({"config_json": b"{}", "model_weights_h5": b"hello"},
                "Keras file FILE is damaged: .*signature not found.*"),
}


@pytest.mark.parametrize("members,message", ARCHIVES.values(), ids=ARCHIVES)
def test_archive_wrong(tmp_path, members, message):
    check(archive(tmp_path / "net.keras", **members), message)


def _link(target):
    def change(config, file):
        del file[KERNEL]
        file[KERNEL] = target
    return change


def _dataset(name=KERNEL, **arguments):
    def change(config, file):
        del file[name]
        file.create_dataset(name, **arguments)
    return change


def _virtual(config, file):
    del file[KERNEL]
    file.create_virtual_dataset(KERNEL, h5py.VirtualLayout((36, 24), np.float32))


def _nan(config, file):
    file[GAMMA][3] = np.nan


def _variance(config, file):
    file["model_weights/norm/norm/moving_variance:0"][2] = -1


KEPT = {
    "external link": (_link(h5py.ExternalLink("other.h5", "/x")),
                      "first/kernel:0 must be in the file itself, but is a link to '/x'"),
    "soft link": (_link(h5py.SoftLink("/model_weights")),
                  "first/kernel:0 must be in the file itself, but is a link to '/model_weights'"),
    "external data": (_dataset(shape=(36, 24), dtype="f4", external=[("passwd", 0, 3456)]),
                      "kernel of layer 'first' in FILE must be in the file itself, but is kept in "
                      "another"),
    "virtual": (_virtual, "kernel of layer 'first' in FILE must be in the file itself, but is kept "
                          "in another"),
    "shape": (_dataset(data=np.zeros((36, 23), "f4")),
              r"kernel of layer 'first' in FILE must have the shape \(36, 24\), not \(36, 23\)"),
    "type": (_dataset(data=np.zeros((36, 24))),
             "kernel of layer 'first' in FILE must be float32, not float64"),
    "text": (_dataset(data="hello"), r"kernel of layer 'first' in FILE must have the shape .*"),
    "huge": (lambda config, file: (_dataset(shape=(36, 1 << 26), dtype="f4")(config, file),
                                   layer(config, "first").update(units=1 << 26)),
             r"kernel of layer 'first' in FILE must have at most 268435456 bytes, but claims .*"),
    "group": (lambda config, file: (file.__delitem__(KERNEL), file.create_group(KERNEL)),
              "kernel of layer 'first' in FILE must be an array, not a Group"),
    "missing": (lambda config, file: file.__delitem__("model_weights/norm"),
                "gamma of layer 'norm' in FILE is missing"),
    "not finite": (_nan, "gamma of layer 'norm' in FILE must be finite, but has nan"),
    "variance": (_variance, r"moving_variance of layer 'norm' \(BatchNormalization\) must be "
                            r"positive, with epsilon added, but is -0.999.* of element 2"),
    "weights alone": (lambda config, file: (file.attrs.__delitem__("model_config"),
                                            file.attrs.create("layer_names", ["a"])),
                      r"FILE must hold a network as model.save\(\) of Keras writes it, but holds "
                      r"weights alone"),
    "no network": (lambda config, file: file.attrs.__delitem__("model_config"),
                   r"FILE must hold a network .* but holds none"),
}


@pytest.mark.parametrize("change,message", KEPT.values(), ids=KEPT)
def test_weights_wrong(tmp_path, change, message):
    check(changed(tmp_path / "net.h5", change), message)


# Changes with which libhdf5 loops forever, allocates 4 GiB, or crashes: bytes at an offset from the
# attribute's name or from the heap of texts.
TEXTS = {
    "object of no length": (b"GCOL", 24, bytes(8), r"a text claims \d+ bytes"),
    "text of 4 GiB": (b"model_config", 48, b"\xff" * 4, "a text claims 4294967295 bytes"),
    "other type": (b"model_config", 16, b"\x10", "attribute model_config must be text"),
    "heap elsewhere": (b"model_config", 52, b"\xff" * 8, "an address is outside of the file|"
                                                         r"a text claims \d+ bytes"),
    "dimensions": (b"model_config", 41, b"\1", "an address is outside of the file"),
}


@pytest.mark.parametrize("mark,offset,content,message", TEXTS.values(), ids=TEXTS)
def test_texts_wrong(tmp_path, mark, offset, content, message):
    data = bytearray(H5)
    place = data.index(mark) + offset
    data[place:place + len(content)] = content
    (tmp_path / "net.h5").write_bytes(data)
    check(tmp_path / "net.h5", f"Keras file FILE is damaged: ({message})")


def _kind(kind, name="second"):
    return lambda config: next(item for item in config["config"]["layers"]
                               if item["config"]["name"] == name).update(class_name=kind)


def _set(which, **values):
    return lambda config: layer(config, which).update(values)


def _insert(kind, place=2, **values):
    return lambda config: config["config"]["layers"].insert(
        place, {"class_name": kind, "config": {"name": "new", **values}})


def _node(name, nodes):
    return lambda config: next(item for item in config["config"]["layers"]
                               if item["name"] == name).update(inbound_nodes=nodes)


SEQUENTIAL = {
    "class": (_kind("LayerNormalization", "norm"),
              r"layer 'norm' \(LayerNormalization\) is of a class that is not supported; the "
              r"nearest one is BatchNormalization"),
    "strange class": (_kind("Xyzzy"), r"layer 'second' \(Xyzzy\) is of a class that is not "
                                      r"supported; these are: Activation, .*"),
    "convolution": (_kind("QuantConv2D"), r"layer 'second' \(QuantConv2D\) must have frames of the "
                                          r"shape \(rows, columns, channels\), not \(24,\): .*"),
    "three axes": (_insert("MaxPooling3D"), r"layer 'new' \(MaxPooling3D\) is of a class that is "
                                            r"not supported; those on maps are .*"),
    "model": (lambda config: config.update(class_name="Custom"),
              "the network must be Sequential or Functional, not of the class 'Custom'"),
    "nested": (_insert("Sequential"), r"layer 'new' \(Sequential\) is of a class that is not .*"),
    "twice": (_set("norm2", name="norm"),
              "layers must have different names, but two have 'norm'"),
    "line": (_set("norm", name="a\nb"),
             r"names of layer number 2 must be printable and short, not 'a\\nb'"),
    "no layers": (lambda config: config["config"].update(layers=[]),
                  "the network must have layers, and has none"),
    "no entry": (lambda config: config["config"].pop("layers"),
                 "the network must have an entry 'layers' in its configuration"),
    "shape": (_set("input_1", batch_input_shape=[None, None]),
              r"the shape of the input must be fixed but for the batch, not \[None, None\]"),
    "no shape": (lambda config: config["config"]["layers"].pop(0),
                 "the network must say what shape its input has; begin it with an Input"),
    "input": (_set("input_1", dtype="string"),
              "the input must be of the type float32, uint8, int32, int64, not 'string'"),
    "pixels": (_set("input_1", dtype="uint8"),
               r"layer 'first' \(QuantDense\) must come after a Rescaling, as the input is "
               r"uint8"),
    "half": (_set("first", dtype={"config": {"name": "mixed_float16"}}),
             r"layer 'first' \(QuantDense\) must compute in float32, not 'mixed_float16'"),
    "units": (_set("first", units=True),
              r"units of layer 'first' \(QuantDense\) must be int, not True"),
    "frames": (_insert("Reshape", target_shape=[4, 6]),
               r"layer 'norm' \(BatchNormalization\) must be for the last axis, not for axis \[1\] "
               r"of frames of shape \(4, 6\)"),
    "reshape": (_insert("Reshape", target_shape=[-1, 5]),
                r"target_shape of layer 'new' \(Reshape\) must be a shape of 24 elements, not "
                r"\[-1, 5\]"),
    "permute": (_insert("Permute", dims=[2, 1]),
                r"dims of layer 'new' \(Permute\) must be an order of 1 to 1, not \[2, 1\]"),
    "renorm": (_set("norm", renorm=True), r"layer 'norm' \(BatchNormalization\) must be without "
                                          r"renorm"),
    "epsilon": (_set("norm", epsilon=10 ** 400), r"epsilon of layer 'norm' \(BatchNormalization\) "
                                                 r"must be a finite number, not 1000.*\.\.\.0*"),
    "softmax": (_set("first", activation="softmax"),
                r"layer 'first' \(QuantDense\) must be the end of the network, as it has a "
                r"softmax"),
    "activation": (_set("first", activation="hard_sigmoid"),
                   r"activation of layer 'first' \(QuantDense\) is 'hard_sigmoid', which is not "
                   r"supported; these are: .*hard_tanh.*"),
    "lambda": (_set("first", input_quantizer=5),
               r"input_quantizer of layer 'first' \(QuantDense\) must be a word or an object, not "
               r"5"),
    "batch": (_set("first", input_quantizer="magnitude_aware_sign"),
              r"input_quantizer of layer 'first' \(QuantDense\) must be elementwise, "
              r"but MagnitudeAwareSign, as it is set, depends on all frames of a batch"),
    "bits": (_set("first", kernel_quantizer={"class_name": "DoReFa", "config":
                                             {"k_bit": 2, "mode": "weights"}}),
             r"kernel_quantizer of layer 'first' \(QuantDense\) must give weights of one bit, not "
             r"DoReFa with k_bit=2"),
}


@pytest.mark.parametrize("change,message", SEQUENTIAL.values(), ids=SEQUENTIAL)
def test_config_wrong(tmp_path, change, message):
    check(changed(tmp_path / "net.h5", lambda config, file: change(config)), message)


FUNCTIONAL = {
    "branch": (_node("second", [[["sign", 0, 0, {}], ["first", 0, 0, {}]]]),
               r"layer 'second' \(QuantDense\) must have one input, not 2: only chains of layers "
               r"are supported"),
    "shared": (_node("second", [[["sign", 0, 0, {}]], [["norm", 0, 0, {}]]]),
               r"layer 'second' \(QuantDense\) must be used once, not 2 times"),
    "circle": (_node("second", [[["sign2", 0, 0, {}]]]),
               r"layer 'sign2' \(Activation\) must not depend on its own result"),
    "around": (_node("second", [[["rescale", 0, 0, {}]]]),
               r"layer 'gaussian_noise' \(GaussianNoise\) must be between the input and the "
               r"output: .*"),
    "training": (_node("second", [[["sign", 0, 0, {"training": True}]]]),
                 r"layer 'second' \(QuantDense\) must not be called with training=True: .*"),
    "name": (_node("second", [[["other", 0, 0, {}]]]),
             "the network must have a layer 'other', which others refer to"),
    "inputs": (lambda config: config["config"].update(input_layers=[["a", 0, 0], ["b", 0, 0]]),
               "the network must have one of input_layers, not 2"),
    "outputs": (lambda config: config["config"].update(output_layers=[]),
                "the network must have one of output_layers, not 0"),
}


@pytest.mark.parametrize("change,message", FUNCTIONAL.values(), ids=FUNCTIONAL)
def test_functional_wrong(tmp_path, change, message):
    path = changed(tmp_path / "net.h5", lambda config, file: change(config), "functional.h5")
    check(path, message)


def test_kernels_that_are_not_ternary(tmp_path):
    path = changed(tmp_path / "net.h5", lambda config, file: layer(config, "first").update(
        kernel_quantizer=None))
    message = r"weights of layer first must be of one magnitude in each neuron, -a, 0 and \+a, .*"
    with pytest.raises(SourceError, match=f"^{message}$"):
        lower(load(path), "bipolar")
