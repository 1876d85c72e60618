"""PyTorch modules of binarized networks, with gradients for training.

:func:`xnorloom.frontend.torch.from_module` converts an ``nn.Sequential`` of these modules,
``nn.Flatten`` and ``nn.BatchNorm1d`` exactly. Needs PyTorch (extra ``train``).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.utils import _pair

__all__ = ["BinaryConv2d", "BinaryLinear", "Divide", "Pixels", "Scores", "Sign", "TernaryLinear",
           "Thermometer", "clip", "prune"]


class _Binarize(torch.autograd.Function):
    """+1 for x >= 0, else -1, with a straight-through gradient."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return (x >= 0).to(x.dtype).mul_(2).sub_(1)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient


class _Ternarize(torch.autograd.Function):
    """Signs of the ``synapses`` largest numbers of each row, else 0, with a gradient as it is.

    Numbers that are 0 in the result have the gradient, too, and may become one of the largest.
    """

    @staticmethod
    def forward(ctx, x: Tensor, synapses: int) -> Tensor:
        largest = x.abs().topk(synapses, dim=1, sorted=False).indices
        return torch.zeros_like(x).scatter_(1, largest, _Binarize.apply(x).gather(1, largest))

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


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
        Latent weights, which the optimizer changes and :func:`clip` keeps within ±1.
    """

    def __init__(self, inputs: int, outputs: int, *, generator: torch.Generator | None = None):
        super().__init__()
        start = torch.rand(outputs, inputs, generator=generator)
        self.weight = nn.Parameter((2 * start - 1) * 0.1)

    def signs(self) -> Tensor:
        """Return the weights of the product, -1 and +1."""
        return _Binarize.apply(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.signs())

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}"


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
        Latent weights, which the optimizer changes and :func:`clip` keeps within ±1.
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
        return _Binarize.apply(self.weight)

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


class Thermometer(nn.Module):
    """Input quantizer: each pixel to an element for each of its cuts, +1 where it reaches it.

    Elements are channels, the first axis of a frame: those of the first channel in the order of its
    cuts, then those of the next. Hardware sees one-bit elements, and the host compares.

    Parameters
    ----------
    cuts : sequence of numbers, or of sequences of numbers
        Cuts in the unit of the input, such as pixels 0 ... 255: a row for all channels, or one for
        each. A row has at least one cut, and does not decrease.
    """

    cuts: Tensor

    def __init__(self, cuts: Sequence[float] | Sequence[Sequence[float]]):
        super().__init__()
        rows = [_cuts(row) for row in cuts if isinstance(row, Sequence)]
        if len(rows) < len(cuts) or not rows:
            rows = [_cuts(cuts)]
        self.lengths = [len(row) for row in rows]
        self.register_buffer("cuts", torch.tensor([cut for row in rows for cut in row]))

    def taken(self, channels: int) -> Tensor:
        """Return the channel of the pixels of each channel of elements."""
        lengths = self.lengths * (channels if len(self.lengths) == 1 else 1)
        if len(lengths) != channels:
            raise RuntimeError(f"cuts must be for the {channels} channels of the frames, or the "
                               f"same for all, not for {len(lengths)} channels")
        # A constant, which exporters to ONNX know.
        return torch.tensor([channel for channel, cuts in enumerate(lengths) for _ in range(cuts)])

    def reached(self, pixels: Tensor) -> Tensor:
        """Compare each channel with its cut; return +1 where it reaches it, else -1."""
        cuts = self.cuts.repeat(pixels.shape[1] // len(self.cuts))
        reached = pixels >= cuts.view(-1, *[1] * (pixels.ndim - 2))
        return reached.to(pixels.dtype).mul_(2).sub_(1)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.reached(pixels.index_select(1, self.taken(pixels.shape[1]).to(pixels.device)))

    def extra_repr(self) -> str:
        return ", ".join(str(part.tolist()) for part in self.cuts.split(self.lengths))


def _cuts(row: Sequence[float] | Sequence[Sequence[float]]) -> list[float]:
    cuts = []
    for cut in row:
        if isinstance(cut, bool) or not isinstance(cut, (int, float)):
            raise TypeError(f"cuts must be numbers, or a sequence of numbers for each channel, "
                            f"not {row!r}")
        cuts.append(float(cut))
    if not cuts or any(not low <= high for low, high in zip(cuts, [*cuts[1:], cuts[-1]])):
        raise ValueError(f"cuts of a channel must be at least one, and not decrease, but are "
                         f"{cuts!r}")
    return cuts


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


def clip(network: nn.Module) -> None:
    """Clip the latent weights of the modules in ``network`` with weights -1 and +1 to ±1.

    Call it after each optimizer step; a weight far from 0 would never change its sign. Weights of
    :class:`TernaryLinear` are left as they are: among many at the bound, chance would choose those
    that are present.
    """
    with torch.no_grad():
        for module in network.modules():
            if (isinstance(module, (BinaryConv2d, BinaryLinear))
                    and not isinstance(module, TernaryLinear)):
                module.weight.clamp_(-1, 1)


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
