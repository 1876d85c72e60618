"""Model files of the tests of a module: valid ones, changed ones, and their refusals."""

import io
import json

import numpy as np
import pytest

from xnorloom.errors import ModelFileError
from xnorloom.graph import Dense, Graph, Input, Score, modelfile


@pytest.fixture(scope="module")
def graph(request) -> Graph:
    """``GRAPH`` of the module, or a tiny one."""
    return getattr(request.module, "GRAPH", Graph("tiny", Input((3, 3), 2), (
        Dense("first", [[0, 1, 1, 0, 1, 0, 0, 0, 1], [1, 0, 1, 1, 1, 1, 0, 1, 0],
                        [0, 0, 0, 1, 0, 1, 1, 1, 1]], [0, 14, 28]),
        Score("last", [[1, 0, 1], [0, 1, 1]], [-3, 1 << 40]),
    )))


@pytest.fixture(scope="session")
def same():
    """``same(a, b)``: true if two graphs are equal, also in what no result depends on."""
    def run(a: Graph, b: Graph) -> bool:
        return (a == b and a.name == b.name and a.input.preprocessing == b.input.preprocessing
                and [layer.name for layer in a.layers] == [layer.name for layer in b.layers])

    return run


@pytest.fixture
def content(graph, tmp_path) -> bytes:
    """Bytes of a valid model file, of ``graph``."""
    graph.save(tmp_path / "sound.bnn")
    return (tmp_path / "sound.bnn").read_bytes()


@pytest.fixture
def members(content) -> dict[str, np.ndarray]:
    """Arrays of a valid model file, as numpy reads them."""
    with np.load(io.BytesIO(content)) as arrays:
        return dict(arrays)


# Session scope, so that hypothesis may use it: it has no state.
@pytest.fixture(scope="session")
def pack():
    """``pack(path, members, **changes)``: write a model file of ``members`` with numpy.

    The changes take the place of arrays, or leave them out if they are ``None``.
    """
    def run(path, members, **changes):
        with path.open("wb") as file:
            np.savez(file, **{name: array for name, array in {**members, **changes}.items()
                              if array is not None})

    return run


@pytest.fixture(scope="session")
def header_of():
    """``header_of(members)``: contents of the header of a model file."""
    return lambda members: json.loads(members["header"].tobytes())


@pytest.fixture(scope="session")
def header():
    """``header(contents)``: header with these contents, as the array of a model file."""
    return lambda contents: np.frombuffer(json.dumps(contents).encode(), np.uint8)


@pytest.fixture(scope="session")
def changed(header_of, header):
    """``changed(members, part, change)``: what :func:`pack` has to change in a model file.

    The part is the name of an array, of which ``change`` makes another one; ``header``, of which it
    edits the contents in place; or ``bytes``, the header as an array.
    """
    def run(members, part, change):
        if part == "header":
            contents = header_of(members)
            change(contents)
            return {part: header(contents)}
        name = "header" if part == "bytes" else part
        return {name: change(members[name])}

    return run


@pytest.fixture(scope="session")
def refused():
    """``refused(path)``: message of the refusal to load ``path``, one line that names it."""
    def run(path) -> str:
        with pytest.raises(ModelFileError) as caught:
            modelfile.load(path)
        message = str(caught.value)
        assert message.count(str(path)) == 1
        assert message.isprintable()
        return message

    return run
