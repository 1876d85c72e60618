"""Bounds of latent weights."""

import torch
from torch import nn

from .binary import BinaryConv2d, BinaryLinear
from .ternary import TernaryLinear

__all__ = ["clip"]


def clip(network: nn.Module) -> None:
    """Clip the latent weights of the modules in ``network`` with weights -1 and +1 to ±1.

    Call it after each optimizer step; a weight far from 0 would never change its sign. Weights of
    :class:`xnorloom.nn.TernaryLinear` are left as they are: among many at the bound, chance would
    choose those that are present.
    """
    with torch.no_grad():
        for module in network.modules():
            if (isinstance(module, (BinaryConv2d, BinaryLinear))
                    and not isinstance(module, TernaryLinear)):
                module.weight.clamp_(-1, 1)
