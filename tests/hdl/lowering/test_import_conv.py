"""Convolutional networks of real tools, layer by layer against ONNX Runtime."""

import numpy as np
import pytest

from xnorloom.graph import Conv, Dense, Score

# Name: preprocessing, kinds of the layers, C for a convolution with padding that counts nothing.
NETS = {
    "same sizes": ("bipolar", "cCs"), "zero padding": ("bipolar", "CCs"),
    "pool behind the sign": ("bipolar", "Ccs"), "pool before the norm": ("bipolar", "Ccs"),
    "pool before the sign": ("bipolar", "cs"), "groups": ("bipolar", "ccs"),
    "padded by minus one": ("bipolar", "ccs"), "scaled weights": ("bipolar", "Ccs"),
    "kernel of the whole map": ("bipolar", "cdds"), "average": ("bipolar", "ccs"),
    "average before the scores": ("bipolar", "cs"), "scores by position": ("bipolar", "cs"),
    "sequence": ("bipolar", "Ccs"), "brevitas": ("bipolar", "ccs"),
    "brevitas padded": ("bipolar", "CCs"), "brevitas of eight bits": ("u8/255", "cCs"),
}


# The newer exporter takes seconds, and puts batch norms into the convolutions before them.
DYNAMO = ("pool before the norm", "padded by minus one", "average before the scores",
          "brevitas of eight bits")


@pytest.mark.parametrize(("name", "exporter"), [
    *((name, "torchscript") for name in NETS), *((name, "dynamo") for name in DYNAMO)])
def test_import_conv(sources, name, exporter):
    preprocessing, kinds = NETS[name]
    path = sources.conv(name, exporter)
    pixels = np.random.default_rng(3).integers(0, 256, (200, 500), dtype=np.uint8)
    lowered, _ = sources.compare(path, preprocessing, pixels)
    letters = ""
    for layer in lowered.graph.layers:
        letters += {Conv: "c", Dense: "d", Score: "s"}[type(layer)]
        if isinstance(layer, Conv) and layer.window.skips:
            letters = letters[:-1] + "C"
    assert letters == kinds
