"""Products and convolutions with weights -1 and +1."""

import torch
from torch import Tensor, nn
from torch.nn.modules.utils import _pair

from .sign import Binarize

__all__ = ["BinaryConv2d", "BinaryLinear"]


class BinaryLinear(nn.Module):
    """Product with weights -1 and +1, the signs of the trained ``weight``; the sign of 0 is +1.

    Parameters
    ----------
    inputs, outputs : int
        Sizes of the product.
    generator : torch.Generator, optional
        Source of the initial weights, which lie within ±0.1.

    Attributes
    ----------
    weight : Parameter, shape (outputs, inputs)
        Latent weights, which the optimizer changes and :func:`xnorloom.nn.clip` keeps within ±1.
    """

    def __init__(self, inputs: int, outputs: int, *, generator: torch.Generator | None = None):
        super().__init__()
        start = torch.rand(outputs, inputs, generator=generator)
        self.weight = nn.Parameter((2 * start - 1) * 0.1)

    def signs(self) -> Tensor:
        """Return the weights of the product, -1 and +1."""
        return Binarize.apply(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.signs())

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}"


class BinaryConv2d(nn.Module):
    """Convolution with weights -1 and +1, the signs of the trained ``weight``; it has no bias.

    Parameters
    ----------
    inputs, outputs : int
        Numbers of channels.
    kernel_size, stride, padding, dilation : int or pair of int
        As those of ``nn.Conv2d``: rows and columns.
    groups : int
        Number of groups of channels, a divisor of ``inputs`` and of ``outputs``.
    pad_value : -1, +1 or None
        Element of the padding, which the hardware cannot store as 0. Needed with ``padding``.
    generator : torch.Generator, optional
        Source of the initial weights, which lie within ±0.1.

    Attributes
    ----------
    weight : Parameter, shape (outputs, inputs / groups, rows, columns)
        Latent weights, which the optimizer changes and :func:`xnorloom.nn.clip` keeps within ±1.
    """

    def __init__(self, inputs: int, outputs: int, kernel_size: int | tuple[int, int], *,
                 stride: int | tuple[int, int] = 1, padding: int | tuple[int, int] = 0,
                 dilation: int | tuple[int, int] = 1, groups: int = 1,
                 pad_value: int | None = None, generator: torch.Generator | None = None):
        super().__init__()
        if groups < 1 or inputs % groups or outputs % groups:
            raise ValueError(f"groups must divide the {inputs} inputs and the {outputs} outputs, "
                             f"but is {groups!r}")
        if pad_value not in (None, -1, 1):
            raise ValueError(f"pad_value must be -1, +1 or None, not {pad_value!r}")
        self.kernel_size: tuple[int, int] = _pair(kernel_size)
        self.stride: tuple[int, int] = _pair(stride)
        self.padding: tuple[int, int] = _pair(padding)
        self.dilation: tuple[int, int] = _pair(dilation)
        self.groups = groups
        self.pad_value = pad_value
        if any(self.padding) and pad_value is None:
            raise ValueError(f"padding must come with a pad_value, -1 or +1, but is {padding!r} "
                             f"without one")
        start = torch.rand(outputs, inputs // groups, *self.kernel_size, generator=generator)
        self.weight = nn.Parameter((2 * start - 1) * 0.1)

    def signs(self) -> Tensor:
        """Return the weights of the convolution, -1 and +1."""
        return Binarize.apply(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        if any(self.padding):
            assert self.pad_value is not None
            rows, columns = self.padding
            x = nn.functional.pad(x, (columns, columns, rows, rows), value=self.pad_value)
        return nn.functional.conv2d(x, self.signs(), stride=self.stride, dilation=self.dilation,
                                    groups=self.groups)

    def extra_repr(self) -> str:
        outputs, inputs = self.weight.shape[:2]
        parts = [f"{inputs * self.groups}, {outputs}, kernel_size={self.kernel_size}"]
        for name, usual in (("stride", (1, 1)), ("padding", (0, 0)), ("dilation", (1, 1)),
                            ("groups", 1), ("pad_value", None)):
            if (value := getattr(self, name)) != usual:
                parts.append(f"{name}={value}")
        return ", ".join(parts)
