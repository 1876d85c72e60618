"""PyTorch modules of binarized networks, with gradients for training.

:func:`xnorloom.frontend.torch.from_module` converts an ``nn.Sequential`` of these modules,
``nn.Flatten`` and ``nn.BatchNorm1d`` exactly. Needs PyTorch (extra ``train``).
"""

from .binary import BinaryConv2d, BinaryLinear
from .clip import clip
from .ends import Divide, Pixels, Scores
from .sign import Sign
from .ternary import TernaryLinear, prune
from .thermometer import Thermometer

__all__ = ["BinaryConv2d", "BinaryLinear", "Divide", "Pixels", "Scores", "Sign", "TernaryLinear",
           "Thermometer", "clip", "prune"]
