"""Binarized convolutional networks of the training examples, as PyTorch modules."""

import dataclasses
from collections import OrderedDict

import torch
from torch import nn

from xnorloom.nn import BinaryConv2d, BinaryLinear, Divide, Pixels, Scores, Sign


@dataclasses.dataclass(frozen=True)
class Shape:
    """Sizes of a network of convolutions, dense layers and scores.

    Parameters
    ----------
    channels : tuple of int
        Channels of each convolution, which has a kernel of 3x3 and no padding.
    pooled : tuple of int
        Numbers of the convolutions with a max-pool of 2x2.
    hidden : tuple of int
        Neurons of each dense layer between the convolutions and the ten scores.
    input : tuple of int
        Channels, rows and columns of an image.
    bits : int
        Bits of an input element, the top bits of a pixel.
    """

    channels: tuple[int, ...]
    pooled: tuple[int, ...]
    hidden: tuple[int, ...]
    input: tuple[int, int, int] = (1, 28, 28)
    bits: int = 1


def build(shape, seed):
    """Build the network of a shape, from pixels 0 ... 255 to logits.

    A max-pool comes before batch normalisation and sign, so that in hardware it is part of the
    convolution.
    """
    generator = torch.Generator().manual_seed(seed)
    modules = OrderedDict(pixels=Pixels(shape.bits))
    inputs, rows, columns = shape.input
    for i, outputs in enumerate(shape.channels):
        modules[f"conv{i}"] = BinaryConv2d(inputs, outputs, 3, generator=generator)
        rows, columns = rows - 2, columns - 2
        if i == 0 and shape.bits > 1:
            modules["divide"] = Divide(2**shape.bits - 1)
        if i in shape.pooled:
            modules[f"pool{i}"] = nn.MaxPool2d(2)
            rows, columns = rows // 2, columns // 2
        modules[f"norm{i}"] = nn.BatchNorm2d(outputs)
        modules[f"sign{i}"] = Sign()
        inputs = outputs
    modules["flatten"] = nn.Flatten()
    inputs *= rows * columns
    for i, outputs in enumerate(shape.hidden, len(shape.channels)):
        modules[f"dense{i}"] = BinaryLinear(inputs, outputs, generator=generator)
        modules[f"norm{i}"] = nn.BatchNorm1d(outputs)
        modules[f"sign{i}"] = Sign()
        inputs = outputs
    modules["score"] = BinaryLinear(inputs, 10, generator=generator)
    modules["scale"] = Scores(inputs, 10)
    # PyTorch trains these layers about a third faster in this memory format.
    return nn.Sequential(modules).to(memory_format=torch.channels_last)


def weights(network):
    """Number of binarized weights of a network."""
    return sum(module.weight.numel() for module in network.modules()
               if isinstance(module, (BinaryConv2d, BinaryLinear)))
