"""Time and memory of importing a large network."""

import time
import tracemalloc

import pytest

from xnorloom import frontend
from xnorloom.lowering.lower import lower


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_lfc(sources, exporter):
    path = sources.brevitas("lfc", exporter)
    start = time.monotonic()
    graph = lower(frontend.load(path), "u8/255").graph
    seconds = time.monotonic() - start
    assert [layer.neurons for layer in graph.layers] == [1024, 1024, 1024, 10]
    # Memory of Python and numpy; ONNX holds the file, 12 MB, outside of it.
    tracemalloc.start()
    try:
        assert lower(frontend.load(path), "u8/255").graph == graph
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Measured: half a second and 256 MiB.
    assert seconds < 30
    assert peak < 1 << 30
