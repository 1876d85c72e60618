"""Products with weights -1, 0 and +1, and their pruning to a budget of synapses."""

import torch
from torch import Tensor, nn

from .binary import BinaryLinear
from .sign import Binarize

__all__ = ["TernaryLinear", "prune"]


class _Ternarize(torch.autograd.Function):
    """Signs of the ``synapses`` largest numbers of each row, else 0, with a gradient as it is.

    Numbers that are 0 in the result have the gradient, too, and may become one of the largest.
    """

    @staticmethod
    def forward(ctx, x: Tensor, synapses: int) -> Tensor:
        largest = x.abs().topk(synapses, dim=1, sorted=False).indices
        return torch.zeros_like(x).scatter_(1, largest, Binarize.apply(x).gather(1, largest))

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


class TernaryLinear(BinaryLinear):
    """Product with weights -1, 0 and +1: signs of the largest weights of each output, 0 for others.

    Hardware leaves out synapses of weight 0.

    Parameters
    ----------
    inputs, outputs : int
        Sizes of the product.
    synapses : int
        Weights of each output that are not 0, those of the largest magnitude; 1 to ``inputs``.
    candidates : Tensor of bool, shape (inputs,), optional
        Inputs that may have synapses, at least ``synapses`` of them; by default all. Inputs that
        never change are no use to a neuron.
    generator : torch.Generator, optional
        Source of the initial weights, which lie within ±0.1.

    Attributes
    ----------
    weight : Parameter, shape (outputs, inputs)
        Latent weights, which the optimizer changes. All of candidates have gradients, also those
        that are 0 in the product.
    present : int
        Weights of each output that are not 0 at the moment: ``synapses``, or more during training
        with :func:`prune`.
    """

    candidates: Tensor | None

    def __init__(self, inputs: int, outputs: int, synapses: int, *,
                 candidates: Tensor | None = None, generator: torch.Generator | None = None):
        if isinstance(synapses, bool) or not isinstance(synapses, int):
            raise TypeError(f"synapses must be an integer, not {synapses!r}")
        if not 1 <= synapses <= inputs:
            raise ValueError(f"synapses must be in 1 to {inputs}, the inputs, not {synapses}")
        super().__init__(inputs, outputs, generator=generator)
        self.synapses = self.present = synapses
        if candidates is not None:
            candidates = _checked(candidates, inputs, synapses)
        self.register_buffer("candidates", candidates)

    def signs(self) -> Tensor:
        """Return the weights of the product, -1, 0 and +1."""
        if self.candidates is None:
            return _Ternarize.apply(self.weight, self.present)
        columns = self.candidates.nonzero()[:, 0]
        signs = _Ternarize.apply(self.weight[:, columns], self.present)
        return torch.zeros_like(self.weight).index_copy(1, columns, signs)

    def extra_repr(self) -> str:
        text = f"{super().extra_repr()}, synapses={self.synapses}"
        if self.candidates is not None:
            text += f", candidates={int(self.candidates.sum())}"
        return text


def prune(network: nn.Module, progress: float) -> None:
    """Set how many synapses each :class:`TernaryLinear` in ``network`` has at a time of training.

    The number falls from all candidates at a ``progress`` of 0 to ``synapses`` at 1, fast at first:
    the excess is proportional to (1 - progress)^3, as Zhu and Gupta (2017) prune. Call it before
    each step of the optimizer, and reach 1 well before the last one, so that the neurons train with
    the synapses that they keep.

    Raises
    ------
    ValueError
        If ``progress`` is not in 0 to 1.
    """
    if not 0 <= progress <= 1:
        raise ValueError(f"progress must be in 0 to 1, not {progress!r}")
    for module in network.modules():
        if isinstance(module, TernaryLinear):
            most = (module.weight.shape[1] if module.candidates is None else
                    int(module.candidates.sum()))
            excess = (most - module.synapses) * (1 - progress) ** 3
            module.present = module.synapses + round(excess)


def _checked(candidates: Tensor, inputs: int, synapses: int) -> Tensor:
    """Return a copy of the candidates of a layer, once they are checked."""
    if not isinstance(candidates, Tensor) or candidates.dtype != torch.bool:
        raise TypeError(f"candidates must be a tensor of bool, not "
                        f"{getattr(candidates, 'dtype', candidates)!r}")
    if candidates.shape != (inputs,):
        raise ValueError(f"candidates must have the shape ({inputs},), not "
                         f"{tuple(candidates.shape)}")
    if (count := int(candidates.sum())) < synapses:
        raise ValueError(f"candidates must be at least {synapses}, the synapses of an output, "
                         f"not {count}")
    return candidates.clone()
