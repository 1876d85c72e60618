"""Frontend for PyTorch modules in memory: an ``nn.Sequential`` of supported modules.

The program calls the modules themselves and so rounds as PyTorch does on this machine.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..errors import SourceError
from ..nn import BinaryLinear, Divide, Pixels, Scores, Sign, TernaryLinear, Thermometer
from ..support.arguments import integer
from ..support.text import clipped, first_line
from .chain import Chain
from .program import Elementwise, Move, Program
from .rising import RISING
from .torch_spatial import SPATIAL, read_spatial

__all__ = ["from_module", "leaves"]

_IDENTITY = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d)
_SHAPES = (nn.Flatten, nn.Unflatten)
_RISING = {nn.Sigmoid: "sigmoid", nn.Tanh: "tanh"}
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
_ELEMENTWISE = (*_NORMS, nn.Hardtanh, nn.ReLU, *_RISING, Sign, Divide, Pixels, Scores)
_LINEAR = (BinaryLinear, TernaryLinear, nn.Linear)
_DTYPES = {torch.float32: np.dtype(np.float32), torch.float64: np.dtype(np.float64)}


def from_module(module: nn.Module, shape: tuple[int, ...], *, name: str | None = None,
                elementwise: tuple[type[nn.Module], ...] = ()) -> Program:
    """Make the program of ``module``, in evaluation mode, for frames of ``shape``.

    A plain ``nn.Linear`` must have weights -a, 0 and +a, of one magnitude in each row; it may have
    a bias. The same holds for ``nn.Conv1d`` and ``nn.Conv2d``, whose rows are their output
    channels. Convolutions and pools take frames of the shape ``(channels, rows, columns)``, in one
    dimension ``(channels, length)``.

    Parameters
    ----------
    module : nn.Module
        Supported module, or a possibly nested ``nn.Sequential`` of them. It must be on the CPU, in
        float32 or float64, and must not change while the program is in use.
    shape : tuple of int
        Shape of an input frame, without the batch, such as ``(1, 28, 28)`` for a convolution.
    name : str or None
        Name of the network; by default the name of the module's class.
    elementwise : tuple of classes
        Further modules, of the caller, that compute each element from that element alone, and all
        positions of a map alike.

    Raises
    ------
    TypeError
        If ``module`` is not a module, or ``shape`` not a tuple of integers.
    SourceError
        If it contains something that is not supported.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"module must be an nn.Module, not {module!r}")
    shape = tuple(integer("shape", size, 1, 1 << 20) for size in shape)
    reader = _Reader(shape, _dtype(module))
    declared = None
    for path, leaf in leaves("", module):
        if isinstance(leaf, (Pixels, Thermometer)) and all(
                isinstance(step, Move) for step in reader.steps):
            declared = "u8"
        _check(path, leaf)
        with torch.no_grad():
            reader.read(path, leaf, elementwise)
    notes = reader.leave_out_end()
    return Program(name or type(module).__name__, shape, reader.dtype, reader.finished(),
                   reader.value, declared, notes)


class _Reader(Chain):
    """Appends the steps of modules in order."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype):
        super().__init__(shape, dtype, first=True)

    def read(self, path: str, module: nn.Module, own: tuple[type[nn.Module], ...]) -> None:
        name, kind = _title(path, module), _kind(module)
        if kind in _IDENTITY:
            return
        if kind in _SHAPES:
            self._shape(name, path, module)
        elif kind in SPATIAL:
            read_spatial(self, name, path, module, kind)
        elif kind is Thermometer:
            assert isinstance(module, Thermometer)
            self._thermometer(name, path, module)
        elif kind in _LINEAR:
            self._linear(name, path, module)
        elif kind in _ELEMENTWISE or kind in own:
            if isinstance(module, _NORMS):
                self._check_norm(name, module)
            if isinstance(module, Scores) and len(self.shape) != 1:
                raise SourceError(f"{name} must have flat frames, not of the shape {self.shape!r}: "
                                  f"put Flatten before it")
            _check_numbers(name, module)
            # Its result would be the padded map, which no layer of the graph has.
            self.check_border(name)
            error = RISING[_RISING[type(module)]][1] if type(module) in _RISING else None
            self.elementwise(name, path, _on_arrays(module, self.dtype), error=error)
        else:
            known = ", ".join(sorted(known.__name__ for known in
                                     (*_IDENTITY, *_SHAPES, *_ELEMENTWISE, *_LINEAR,
                                      *SPATIAL, Thermometer)))
            own_name = clipped(f"{kind.__module__}.{kind.__qualname__}")
            raise SourceError(f"{name} is of the class {own_name}, which is not supported: a "
                              f"network may have modules of Sequential and {known}")

    def leave_out_end(self) -> tuple[str, ...]:
        """Leave out functions at the end that keep the order of scores; returns notes of them."""
        notes = []
        while self.steps and math.prod(self.shape) > 1:
            step = self.steps[-1]
            if not isinstance(step, Elementwise) or step.error is None:
                break
            self.steps.pop()
            notes.append(f"{step.name} at the end is left out: it keeps the order of the scores, "
                         f"but for ties that its rounding makes")
        return tuple(notes)

    def _shape(self, name: str, path: str, module: nn.Module) -> None:
        batch, *shape = _call(name, module, torch.zeros(1, *self.shape)).shape
        if batch != 1:
            raise SourceError(f"{name} must leave the batch, the first axis, alone")
        self.move(name, path, tuple(shape))

    def _thermometer(self, name: str, path: str, module: Thermometer) -> None:
        """Append the repetition of the channels and their comparison with the cuts."""
        _check_numbers(name, module)
        _call(name, module, torch.zeros(1, *self.shape))
        taken = module.taken(self.shape[0]).numpy()
        self.move(name, "", (len(taken), *self.shape[1:]), lambda x: x[:, taken])
        self.elementwise(name, path, _on_arrays(module.reached, self.dtype))

    def _linear(self, name: str, path: str, module: nn.Module) -> None:
        bias = None
        if isinstance(module, BinaryLinear):
            weights = module.signs()
        else:
            assert isinstance(module, nn.Linear)
            weights, bias = module.weight, module.bias
            bias = None if bias is None else bias.detach().numpy().copy()
        inputs = weights.shape[1]
        if self.shape != (inputs,):
            cure = ("put Flatten before it" if len(self.shape) > 1
                    else f"give it {math.prod(self.shape)} inputs")
            raise SourceError(f"{name} must have frames of the shape ({inputs},), "
                              f"not {self.shape!r}: {cure}")
        matrix = np.ascontiguousarray(weights.detach().numpy().T)
        self.dense(name, path, matrix, bias)

    def _check_norm(self, name: str, module: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
        if module.running_mean is None or module.running_var is None:
            raise SourceError(f"{name} must have running statistics, but was made with "
                              f"track_running_stats=False")
        flat = isinstance(module, nn.BatchNorm1d)
        if self.shape[:1] != (module.num_features,) or len(self.shape) not in (
                (1, 2) if flat else (3,)):
            sides = "" if flat else " rows, columns"
            raise SourceError(f"{name} must have frames of the shape ({module.num_features},"
                              f"{sides}), not {self.shape!r}"
                              + (": use BatchNorm2d" if flat and len(self.shape) == 3 else ""))
        variance = module.running_var + module.eps
        if bool((variance < 0).any()):
            channel = int((variance < 0).to(torch.uint8).argmax())
            raise SourceError(f"{name} must have a running_var of 0 or more, with eps added, but "
                              f"that of channel {channel} is {variance[channel]:.6g}, which has no "
                              f"square root")


def _check_numbers(name: str, module: nn.Module) -> None:
    for key, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if tensor.is_floating_point() and bool(tensor.isnan().any()):
            raise SourceError(f"{name} must have numbers as its parameters, but {key} has NaN")


def leaves(path: str, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules inside ``module`` in the order of their calls, with their paths."""
    if type(module).forward is not nn.Sequential.forward:
        yield path, module
        return
    _check(path, module)
    # Not named_children(), which skips the second occurrence of a module.
    for key, child in module._modules.items():
        assert child is not None
        yield from leaves(f"{path}.{key}" if path else key, child)


def _title(path: str, module: nn.Module) -> str:
    kind = _kind(module).__name__
    return clipped(f"{path} ({kind})" if path else kind)


def _kind(module: nn.Module) -> type[nn.Module]:
    """Return the class of a module, without the subclass that a parametrization creates."""
    kind = type(module)
    return kind.__mro__[1] if parametrize.is_parametrized(module) else kind


def _check(path: str, module: nn.Module) -> None:
    """Refuse settings with which a module computes something else than its class does."""
    name = _title(path, module)
    if module.training:
        raise SourceError(f"{name} must be in evaluation mode: call eval() on the network")
    if module._forward_hooks or module._forward_pre_hooks:
        raise SourceError(f"{name} must have no forward hooks (weight_norm is one)")
    if "forward" in vars(module):
        raise SourceError(f"{name} must have the forward of its class, not one of its own")


def _dtype(module: nn.Module) -> np.dtype:
    """Return the one floating-point type of all tensors of ``module``, which are on the CPU."""
    tensors = [*module.named_parameters(), *module.named_buffers()]
    found = {}
    for name, tensor in tensors:
        if tensor.device.type != "cpu":
            raise SourceError(f"{clipped(name)} must be on the CPU, not on {tensor.device}")
        if tensor.is_floating_point():
            found.setdefault(tensor.dtype, name)
    if not found:
        return _DTYPES[torch.float32]
    if len(found) > 1:
        types = ", ".join(f"{clipped(name)} {dtype}" for dtype, name in found.items())
        raise SourceError(f"a network must have numbers of one type, not of several: {types}")
    ((dtype, name),) = found.items()
    if dtype not in _DTYPES:
        raise SourceError(f"{clipped(name)} must be torch.float32 or torch.float64, not {dtype}")
    return _DTYPES[dtype]


def _on_arrays(function: Callable[[Tensor], Tensor],
               dtype: np.dtype) -> Callable[[np.ndarray], np.ndarray]:
    def run(x: np.ndarray) -> np.ndarray:
        # Batch norm rounds differently in another memory layout than that of products.
        with torch.no_grad():
            return function(torch.from_numpy(np.array(x, dtype, order="C"))).numpy()
    return run


def _call(name: str, module: nn.Module, x: Tensor) -> Tensor:
    try:
        return module(x)
    except (RuntimeError, IndexError) as error:
        raise SourceError(f"{name} cannot take frames of the shape "
                          f"{tuple(x.shape[1:])!r} ({first_line(error)})") from None
