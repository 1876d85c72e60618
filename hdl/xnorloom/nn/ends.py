"""Ends of a network: the quantizer of its pixels, and the scores of its classes."""

import torch
from torch import Tensor, nn

__all__ = ["Divide", "Pixels", "Scores"]


class Pixels(nn.Module):
    """Input quantizer: pixels 0 ... 255, as floats, to odd integers of ``bits`` bits.

    The top ``bits`` bits x of a pixel become 2x - (2**bits - 1), for one bit -1 or +1.
    """

    def __init__(self, bits: int):
        super().__init__()
        if not 1 <= bits <= 8:
            raise ValueError(f"bits must be in 1 to 8, not {bits!r}")
        self.bits = bits

    def forward(self, pixels: Tensor) -> Tensor:
        # Division by a power of two is exact.
        return 2 * (pixels / 2 ** (8 - self.bits)).floor() - (2**self.bits - 1)

    def extra_repr(self) -> str:
        return f"bits={self.bits}"


class Divide(nn.Module):
    """Division by a constant, which scales products of multi-bit inputs to the usual range."""

    def __init__(self, divisor: float):
        super().__init__()
        self.divisor = divisor

    def forward(self, x: Tensor) -> Tensor:
        return x / self.divisor

    def extra_repr(self) -> str:
        return f"{self.divisor}"


class Scores(nn.Module):
    """Output of a network: products of ``inputs`` signs to logits of ``classes`` classes.

    Each class has an integer offset of its count. All share one positive temperature, which keeps
    their order, so that the hardware adds offsets and needs no multiplier.

    Attributes
    ----------
    offset : Parameter, shape (classes,)
        Rounded in use, with a straight-through gradient.
    log_alpha : Parameter, scalar
        Logarithm of the inverse temperature.
    """

    def __init__(self, inputs: int, classes: int):
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(classes))
        self.log_alpha = nn.Parameter(torch.tensor(float(inputs) ** -0.5).log())

    def forward(self, dot: Tensor) -> Tensor:
        rounded = self.offset.round()
        offset = rounded if not self.training else self.offset + (rounded - self.offset).detach()
        # A count is half of the product, plus a constant.
        return self.log_alpha.exp() * (dot + 2 * offset)
