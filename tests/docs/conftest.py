"""Programs of the folder ``examples`` as modules."""

import importlib
import sys
from pathlib import Path

import pytest
import torch

_EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def import_example():
    """``import_example(name)``: a program of the folder, which may import others there."""
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(_EXAMPLES))
        yield importlib.import_module
    torch.set_num_threads(threads)
    for path in _EXAMPLES.glob("*.py"):
        sys.modules.pop(path.stem, None)
