"""How long a large network takes to import, and how much memory."""

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
    # What Python and numpy hold; beside that is the file, of 12 MB, in ONNX's own memory.
    tracemalloc.start()
    try:
        assert lower(frontend.load(path), "u8/255").graph == graph
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Half a second and 256 MiB here.
    assert seconds < 30
    assert peak < 1 << 30
