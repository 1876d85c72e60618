"""Models of other tools through the public face."""

import xnorloom


def test_models_of_other_tools(sources):
    path = sources.kept("tfc_1w1a_mnist_brevitas_qonnx_torchscript")
    lowered = xnorloom.import_model(path, input="u8/255")
    assert xnorloom.load(path, input="u8/255") == lowered.graph
    assert [layer.neurons for layer in lowered.graph.layers] == [64, 64, 64, 10]
