"""PyTorch as the runtime of modules in memory."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from xnorloom.errors import SourceError
from xnorloom.frontend.torch import leaves
from xnorloom.support.text import quoted

from .base import Runtime, Tensors

__all__ = ["open_module"]


def open_module(module: nn.Module, tensors: Sequence[str]) -> Runtime:
    """Return the runtime of a module that was imported by :mod:`xnorloom.frontend.torch`.

    It calls the module as a whole, on whole batches, and records the outputs of the modules inside.

    Parameters
    ----------
    module : nn.Module
        Module in evaluation mode.
    tensors : sequence of str
        Paths of modules, such as ``3`` or ``body.0``, whose outputs are returned; an empty path is
        the module itself.

    Raises
    ------
    SourceError
        If the module has no such modules.
    """
    inside = list(leaves("", module))
    paths = [path for path, _ in inside]
    for name in tensors:
        if name not in paths:
            raise SourceError(f"the PyTorch module has no module {quoted(name)}")

    def execute(frames: np.ndarray) -> Tensors:
        # In the order of the calls, which is that of the paths; a module may be called twice.
        results: list[torch.Tensor] = []
        handles = [leaf.register_forward_hook(lambda _module, _inputs, output:
                                              results.append(output.detach().clone()))
                   for leaf in dict.fromkeys(leaf for _, leaf in inside)]
        try:
            with torch.no_grad():
                module(torch.from_numpy(np.ascontiguousarray(frames)))
        finally:
            for handle in handles:
                handle.remove()
        found = dict(zip(paths, results, strict=True))
        return {name: found[name].numpy() for name in tensors}

    return Runtime(f"torch {torch.__version__}", execute)
