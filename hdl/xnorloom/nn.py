"""PyTorch modules of what the hardware computes, with the gradients that train them.

In an ``nn.Sequential`` with ``nn.Flatten`` and ``nn.BatchNorm1d`` they make a network that
:func:`xnorloom.frontend.torch.load` takes over exactly. Needs PyTorch (extra ``train``).
"""

import torch
from torch import Tensor, nn

__all__ = ["BinaryLinear", "Divide", "Pixels", "Scores", "Sign", "clip"]


class _Binarize(torch.autograd.Function):
    """+1 for x >= 0, else -1. The gradient passes as it is."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient


class _ApproxSign(torch.autograd.Function):
    """+1 for x >= 0, else -1. The gradient is that of a piecewise parabola, 2 - 2|x|, at least 0.

    It was introduced with Bi-Real Net (Liu et al., 2018); it is nearer to the step than that of a
    clipped line, and zero beyond the same bounds, -1 and +1.
    """

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * (2 - 2 * x.abs()).clamp(min=0)


class Sign(nn.Module):
    """+1 where the input is at least 0, else -1: the activation of the hardware."""

    def forward(self, x: Tensor) -> Tensor:
        return _ApproxSign.apply(x)


class BinaryLinear(nn.Module):
    """Product with weights of -1 and +1: the signs of the trained ``weight``, where 0 gives +1.

    Parameters
    ----------
    inputs, outputs : int
        Sizes of the product.
    generator : torch.Generator, optional
        Where the first weights, within ±0.1, come from.

    Members
    -------
    weight : Parameter, shape (outputs, inputs)
        What the optimizer changes; :func:`clip` keeps it within ±1.
    """

    def __init__(self, inputs: int, outputs: int, *, generator: torch.Generator | None = None):
        super().__init__()
        start = torch.rand(outputs, inputs, generator=generator)
        self.weight = nn.Parameter((2 * start - 1) * 0.1)

    def signs(self) -> Tensor:
        """The weights of the product, -1 and +1."""
        return _Binarize.apply(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.signs())

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}"


class Pixels(nn.Module):
    """The input of a network: from pixels 0 ... 255, as floats, to odd integers of ``bits`` bits.

    The top ``bits`` bits x of a pixel become 2x - (2**bits - 1), which for one bit is -1 or +1.
    """

    def __init__(self, bits: int):
        super().__init__()
        if not 1 <= bits <= 8:
            raise ValueError(f"bits must be in 1 to 8, not {bits!r}")
        self.bits = bits

    def forward(self, pixels: Tensor) -> Tensor:
        # A power of two divides without rounding.
        return 2 * (pixels / 2 ** (8 - self.bits)).floor() - (2**self.bits - 1)

    def extra_repr(self) -> str:
        return f"bits={self.bits}"


class Divide(nn.Module):
    """Division by a constant, which brings products of many-bit inputs into the range of others."""

    def __init__(self, divisor: float):
        super().__init__()
        self.divisor = divisor

    def forward(self, x: Tensor) -> Tensor:
        return x / self.divisor

    def extra_repr(self) -> str:
        return f"{self.divisor}"


class Scores(nn.Module):
    """The end of a network: products of ``inputs`` signs become logits of ``classes`` classes.

    A class has an integer offset of its count, and all have one temperature, which is positive
    and leaves their order alone: the hardware adds the offsets and needs no multiplier.

    Members
    -------
    offset : Parameter, shape (classes,)
        Rounded where it is used; the gradient passes as it is.
    log_alpha : Parameter, a scalar
        Logarithm of the temperature's inverse.
    """

    def __init__(self, inputs: int, classes: int):
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(classes))
        self.log_alpha = nn.Parameter(torch.tensor(float(inputs) ** -0.5).log())

    def forward(self, dot: Tensor) -> Tensor:
        rounded = self.offset.round()
        offset = rounded if not self.training else self.offset + (rounded - self.offset).detach()
        # A count is half of a product, and a constant.
        return self.log_alpha.exp() * (dot + 2 * offset)


def clip(network: nn.Module) -> None:
    """Bring the weights of every :class:`BinaryLinear` in ``network`` back to within ±1.

    To be called after each step of the optimizer: a weight far from 0 would never change its sign.
    """
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, BinaryLinear):
                module.weight.clamp_(-1, 1)
