"""Signs, with gradients for training: of weights, and of activations."""

import torch
from torch import Tensor, nn

__all__ = ["Binarize", "Sign"]


class Binarize(torch.autograd.Function):
    """+1 for x >= 0, else -1, with a straight-through gradient."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return (x >= 0).to(x.dtype).mul_(2).sub_(1)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient


class _ApproxSign(torch.autograd.Function):
    """+1 for x >= 0, else -1, with the gradient max(0, 2 - 2|x|) of a piecewise parabola.

    Introduced by Bi-Real Net (Liu et al., 2018). It approximates the step more closely than the
    gradient of a clipped line, and is zero outside the same bounds, -1 and +1.
    """

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x >= 0).to(x.dtype).mul_(2).sub_(1)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * (2 - 2 * x.abs()).clamp(min=0)


class Sign(nn.Module):
    """Activation of the hardware: +1 where the input is at least 0, else -1."""

    def forward(self, x: Tensor) -> Tensor:
        return _ApproxSign.apply(x)
