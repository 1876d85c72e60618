"""Model files of the tests of a module: valid ones, changed ones, and their refusals."""

import io

import numpy as np
import pytest

from xnorloom.errors import ModelFileError
from xnorloom.graph import modelfile


@pytest.fixture
def content(request, tmp_path) -> bytes:
    """Bytes of a valid model file, of the ``GRAPH`` of the module."""
    request.module.GRAPH.save(tmp_path / "sound.bnn")
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
