"""PyTorch modules on maps: convolutions, pools and padding, channels first."""

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from ..errors import SourceError
from ..nn import BinaryConv2d
from ..support.text import quoted
from .chain import Chain

__all__ = ["SPATIAL", "read_spatial"]

_CONVOLUTIONS: dict[type[nn.Module], int] = {nn.Conv1d: 1, nn.Conv2d: 2, BinaryConv2d: 2}
_MAXIMA: dict[type[nn.Module], int] = {nn.MaxPool1d: 1, nn.MaxPool2d: 2}
_AVERAGES: dict[type[nn.Module], int] = {nn.AvgPool1d: 1, nn.AvgPool2d: 2}
_ADAPTIVE: dict[type[nn.Module], int] = {
    nn.AdaptiveAvgPool1d: 1, nn.AdaptiveAvgPool2d: 2, nn.AdaptiveMaxPool1d: 1,
    nn.AdaptiveMaxPool2d: 2}
_PADDING: dict[type[nn.Module], int] = {
    nn.ConstantPad1d: 1, nn.ConstantPad2d: 2, nn.ZeroPad1d: 1, nn.ZeroPad2d: 2}

SPATIAL = (*_CONVOLUTIONS, *_MAXIMA, *_AVERAGES, *_ADAPTIVE, *_PADDING)
"""Classes of modules that :func:`read_spatial` reads."""


def read_spatial(chain: Chain, name: str, path: str, module: nn.Module,
                 kind: type[nn.Module]) -> None:
    """Append the steps of ``module``, of one of the classes :data:`SPATIAL`, at ``path``.

    Raises
    ------
    SourceError
        If it does not fit the frames, or cannot be had; ``name`` names it.
    """
    for kinds, read in _READERS:
        if kind in kinds:
            _check_map(chain, name, kinds[kind])
            read(chain, name, path, module, kinds[kind])


def _check_map(chain: Chain, name: str, axes: int) -> None:
    if len(chain.shape) != axes + 1:
        wanted = ("(channels, length)", "(channels, rows, columns)")[axes - 1]
        raise SourceError(f"{name} must have frames of the shape {wanted}, not {chain.shape!r}: "
                          f"give the network such a shape, or put Unflatten before it")


def _pair(value: int | tuple[int, ...], axes: int, fill: int = 1) -> tuple[int, int]:
    """Sizes of rows and columns from those of a module, which may be one for all axes."""
    sizes = (value,) * axes if isinstance(value, int) else tuple(value)
    rows, columns = (fill, *sizes)[-2:]
    return rows, columns


def _convolution(chain: Chain, name: str, path: str, module: Any, axes: int) -> None:
    bias = None
    if isinstance(module, BinaryConv2d):
        weights, pad = module.signs(), float(module.pad_value or 0)
    else:
        weights, pad = module.weight, 0.0
        bias = None if module.bias is None else module.bias.detach().numpy().copy()
    channels = weights.shape[1] * module.groups
    if chain.channels != channels:
        raise SourceError(f"{name} must have frames of {channels} channels, not "
                          f"{chain.channels}, the first of the shape {chain.shape!r}")
    kernel = weights.detach().numpy()
    if axes == 1:
        kernel = kernel[:, :, np.newaxis]
    padding = _padding(name, module, axes)
    if any(padding) and getattr(module, "padding_mode", "zeros") != "zeros":
        raise SourceError(f"{name} must pad with zeros, not with padding_mode="
                          f"{module.padding_mode!r}, which is not supported")
    chain.convolve(name, path, np.ascontiguousarray(np.moveaxis(kernel, 1, -1)), bias,
                   stride=_pair(module.stride, axes), dilation=_pair(module.dilation, axes),
                   padding=padding, pad=pad, groups=module.groups)


def _padding(name: str, module: Any, axes: int) -> tuple[int, int, int, int]:
    """Return (top, left, bottom, right)."""
    padding = module.padding
    if padding == "same":
        totals = [apart * (size - 1) for apart, size in zip(module.dilation, module.kernel_size)]
        before = [total // 2 for total in totals]
        top, left = _pair(tuple(before), axes, 0)
        bottom, right = _pair(tuple(a - b for a, b in zip(totals, before)), axes, 0)
        return top, left, bottom, right
    rows, columns = (0, 0) if padding == "valid" else _pair(padding, axes, 0)
    return rows, columns, rows, columns


def _areas(chain: Chain, name: str, module: Any, axes: int) -> tuple[tuple[int, int], ...]:
    """Return size, stride and padding of a pool, after a check of what both kinds may have."""
    size = _pair(module.kernel_size, axes)
    stride = _pair(size[2 - axes:] if module.stride is None else module.stride, axes)
    padding = _pair(module.padding, axes, 0)
    if module.ceil_mode and any((side + 2 * pad - area) % step for side, area, step, pad in
                                zip(chain.sides, size, stride, padding)):
        raise SourceError(f"{name} must not have ceil_mode where areas do not divide the map of "
                          f"{chain.sides[0]}x{chain.sides[1]}: leave it off, which drops the "
                          f"pixels of the last part")
    return size, stride, padding


def _maximum(chain: Chain, name: str, path: str, module: Any, axes: int) -> None:
    if module.return_indices:
        raise SourceError(f"{name} must return no indices: leave return_indices off")
    if max(_pair(module.dilation, axes)) > 1:
        raise SourceError(f"{name} must have no dilation, not {module.dilation!r}")
    size, stride, padding = _areas(chain, name, module, axes)
    if any(padding):
        raise SourceError(f"{name} must have no padding, not {module.padding!r}: pools are over "
                          f"areas inside of the map")
    if size != stride:
        raise SourceError(f"{name} must have areas side by side, not areas of {size[0]}x{size[1]} "
                          f"with a stride of {stride[0]}x{stride[1]}: set the stride to the size")
    chain.max_pool(name, path, size)


def _average(chain: Chain, name: str, path: str, module: Any, axes: int) -> None:
    size, stride, padding = _areas(chain, name, module, axes)
    if any(padding) and not module.count_include_pad:
        raise SourceError(f"{name} must have no padding, not {module.padding!r}, or count it with "
                          f"count_include_pad=True: areas of the border would have other divisors")
    if getattr(module, "divisor_override", None) not in (None, size[0] * size[1]):
        raise SourceError(f"{name} must divide by the pixels of an area, "
                          f"{size[0] * size[1]}, not by {module.divisor_override!r}: leave "
                          f"divisor_override off")
    chain.average(name, path, size, stride, (*padding, *padding))


def _adaptive(chain: Chain, name: str, path: str, module: Any, axes: int) -> None:
    wanted = module.output_size
    sizes = (wanted,) * axes if wanted is None or isinstance(wanted, int) else tuple(wanted)
    sides = chain.sides
    outputs = [side if size is None else size for side, size in zip(sides[2 - axes:], sizes)]
    rows, columns = (1, *outputs)[-2:]
    if not rows or not columns or sides[0] % rows or sides[1] % columns:
        raise SourceError(f"{name} must have an output whose sides divide those of its map of "
                          f"{sides[0]}x{sides[1]}, not {quoted(wanted)}: its areas overlap")
    size = sides[0] // rows, sides[1] // columns
    if isinstance(module, (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d)):
        if module.return_indices:
            raise SourceError(f"{name} must return no indices: leave return_indices off")
        chain.max_pool(name, path, size)
    else:
        chain.average(name, path, size, size)


def _pad(chain: Chain, name: str, path: str, module: Any, axes: int) -> None:
    # PyTorch has the last axis first.
    left, right, top, bottom = (*module.padding, 0, 0)[:4]
    padding = top, left, bottom, right
    if min(padding) < 0:
        raise SourceError(f"{name} must not cut the map with a negative padding, "
                          f"{module.padding!r}")
    chain.pad(name, padding, float(getattr(module, "value", 0)))


_READERS: tuple[tuple[dict[type[nn.Module], int], Callable[..., None]], ...] = (
    (_CONVOLUTIONS, _convolution), (_MAXIMA, _maximum), (_AVERAGES, _average),
    (_ADAPTIVE, _adaptive), (_PADDING, _pad))
