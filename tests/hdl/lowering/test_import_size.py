"""Work and memory that the import of a large network takes."""

import tracemalloc

import pytest

from xnorloom import frontend
from xnorloom.lowering.lower import lower


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_lfc(sources, count_calls, exporter):
    path = sources.brevitas("lfc", exporter)
    # 150,000 calls; far fewer than the 2.9 million synapses.
    graph, calls = count_calls(lambda: lower(frontend.load(path), "u8/255").graph)
    assert calls < 1_000_000
    assert [layer.neurons for layer in graph.layers] == [1024, 1024, 1024, 10]
    # Memory of Python and numpy; ONNX holds the file, 12 MB, outside of it.
    tracemalloc.start()
    try:
        assert lower(frontend.load(path), "u8/255").graph == graph
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Measured: 256 MiB.
    assert peak < 1 << 30
