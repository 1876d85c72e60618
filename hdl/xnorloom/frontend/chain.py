"""Steps of a source that is a chain of layers, appended one after the other."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..graph import Window
from .program import INPUT, Conv, Dense, Elementwise, MaxPool, Move, Operand, Step, Value

__all__ = ["Border", "Chain"]


@dataclass(frozen=True, eq=False)
class Border:
    """Padding of a map that a layer of its own puts around it, before a convolution.

    Parameters
    ----------
    name : str
        Name of that layer.
    padding : four of int
        Rows and columns (top, left, bottom, right).
    number : float array, shape (channels,)
        Number that stands there.
    """

    name: str
    padding: tuple[int, int, int, int]
    number: npt.NDArray[np.floating]


class Chain:
    """Appends steps to a program, each to the result of the last.

    Maps have the shape ``(rows, columns, channels)``, or ``(length, channels)``, which is a map of
    one row. ``first`` is true for sources whose channels come first; their maps are transposed
    before and after convolutions and pools. The tensor of the source is the last step of a layer.

    Parameters
    ----------
    shape : tuple of int
        Shape of an input frame.
    dtype : numpy dtype
        Type of the numbers.
    first : bool
        Channels come first.

    Attributes
    ----------
    steps : list of steps
        Steps so far.
    shape : tuple of int
        Shape of a frame after them, without the border.
    border : Border or None
        Padding that the next convolution merges.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, first: bool = False):
        self.shape = self.input_shape = shape
        self.dtype = dtype
        self.first = first
        self.steps: list[Step] = []
        self.border: Border | None = None

    @property
    def value(self) -> Value:
        """Result of the last step."""
        return Value(len(self.steps) - 1) if self.steps else INPUT

    @property
    def channels(self) -> int:
        """Channels of the map that is the current frame."""
        return self.shape[0 if self.first else -1]

    @property
    def sides(self) -> tuple[int, int]:
        """Rows and columns of the map that is the current frame."""
        rows, columns = (1, *(self.shape[1:] if self.first else self.shape[:-1]))[-2:]
        return rows, columns

    @property
    def padded_sides(self) -> tuple[int, int]:
        """Rows and columns of that map with the border."""
        (rows, columns), border = self.sides, self.border
        top, left, bottom, right = border.padding if border is not None else (0, 0, 0, 0)
        return rows + top + bottom, columns + left + right

    def move(self, name: str, tensor: str, shape: tuple[int, ...],
             function: Callable[[np.ndarray], np.ndarray] = lambda x: x) -> None:
        """Append a :class:`Move` to frames of ``shape``."""
        self.check_border(name)
        self.steps.append(Move(name, tensor, self.value,
                               lambda x: function(x).reshape(len(x), *shape)))
        self.shape = shape

    def elementwise(self, name: str, tensor: str, function: Callable[..., np.ndarray],
                    *constants: Operand, error: Callable[..., np.ndarray] | None = None) -> None:
        """Append an :class:`Elementwise`, which works on the border, too."""
        if self.border is not None:
            axis = 1 if self.first else -1
            wide = [1] * (len(self.shape) + 1)
            wide[axis] = self.channels
            frame = np.broadcast_to(self.border.number.reshape(wide), (1, *self.shape))
            with np.errstate(all="ignore"):
                found = np.moveaxis(np.asarray(function(frame, *constants)), axis, -1)
            number = found.reshape(-1, self.channels)[0]
            self.border = replace(self.border, number=number)
        self.steps.append(Elementwise(name, tensor, (self.value, *constants), function, error))

    def dense(self, name: str, tensor: str, weights: npt.NDArray[np.floating],
              bias: npt.NDArray[np.floating] | None = None) -> None:
        """Append a :class:`Dense` of ``weights``, shape (inputs, neurons)."""
        self.check_border(name)
        self.steps.append(Dense(name, tensor, self.value, weights, bias))
        self.shape = (weights.shape[1],)

    def pad(self, name: str, padding: tuple[int, int, int, int], number: float) -> None:
        """Put ``number`` around the map, for the convolution that follows."""
        numbers = np.full(self.channels, number, self.dtype)
        border = self.border
        if border is not None:
            if not np.array_equal(border.number, numbers):
                raise SourceError(f"{name} must pad with the number of {border.name} before it, "
                                  f"{border.number[0]:.6g}, not with {number:.6g}")
            top, left, bottom, right = (old + new for old, new in zip(border.padding, padding))
            padding = top, left, bottom, right
        self.border = Border(name, padding, numbers) if any(padding) else None

    def convolve(self, name: str, tensor: str, weights: npt.NDArray[np.floating],
                 bias: npt.NDArray[np.floating] | None = None, *,
                 stride: tuple[int, int] = (1, 1), dilation: tuple[int, int] = (1, 1),
                 padding: tuple[int, int, int, int] = (0, 0, 0, 0), pad: float = 0.0,
                 groups: int = 1) -> None:
        """Append a :class:`Conv` of ``weights``, shape (neurons, rows, columns, channels / groups).

        ``padding`` is (top, left, bottom, right), and ``pad`` the number that stands there.

        Raises
        ------
        SourceError
            If the convolution does not fit the map.
        """
        number: Any = pad
        if self.border is not None:
            own = any(padding)
            if own and not (self.border.number == pad).all():
                raise SourceError(f"{name} must have no padding of its own, {pad:.6g}, inside of "
                                  f"that of {self.border.name}, {self.border.number[0]:.6g}")
            number = self.border.number
            top, left, bottom, right = (a + b for a, b in zip(self.border.padding, padding))
            padding = top, left, bottom, right
            self.border = None
        window = self._window(name, weights.shape[1:3], stride, dilation, padding)
        rows, columns = window.outputs(*self.sides)
        if rows < 1 or columns < 1:
            top, left, bottom, right = padding
            raise SourceError(
                f"{name} must have a window of at most its padded map, "
                f"{self.sides[0] + top + bottom}x{self.sides[1] + left + right}, not "
                f"{window.extent[0]}x{window.extent[1]}: take a smaller kernel or dilation, or "
                f"more padding")
        self._on_map(name, tensor, lambda part, value: Conv(
            name, part, value, weights, window, number, groups, bias),
            (rows, columns, len(weights)))

    def max_pool(self, name: str, tensor: str, size: tuple[int, int]) -> None:
        """Append a :class:`MaxPool`; an area of one pixel does nothing.

        Raises
        ------
        SourceError
            If an area is larger than the map.
        """
        self._check_area(name, size)
        if size == (1, 1):
            return
        rows, columns = self.sides
        self._on_map(name, tensor, lambda part, value: MaxPool(name, part, value, size),
                     (rows // size[0], columns // size[1], self.channels))

    def average(self, name: str, tensor: str, size: tuple[int, int], stride: tuple[int, int],
                padding: tuple[int, int, int, int] = (0, 0, 0, 0)) -> None:
        """Append the average over areas of ``size``: a depthwise :class:`Conv` and a division.

        Zeros of the ``padding`` count as pixels.

        Raises
        ------
        SourceError
            If an area is larger than the map.
        """
        self._check_area(name, size, padding)
        if size == stride == (1, 1):
            return
        window = self._window(name, size, stride, (1, 1), padding)
        channels, pixels = self.channels, self.dtype.type(window.taps)
        weights = np.ones((channels, *size, 1), self.dtype)
        self._on_map(name, f"{tensor}/sums", lambda part, value: Conv(
            name, part, value, weights, window, groups=channels),
            (*window.outputs(*self.sides), channels))
        self.elementwise(name, tensor, lambda x: x / pixels)

    def finished(self) -> tuple[Step, ...]:
        """Return the steps."""
        if self.border is not None:
            raise SourceError(f"{self.border.name} must come before a convolution")
        return tuple(self.steps)

    def check_border(self, name: str) -> None:
        """Refuse a layer that is not for padded maps."""
        if self.border is not None:
            raise SourceError(f"{self.border.name} must come right before a convolution, not "
                              f"before {name}: pad there, or in the convolution itself")

    def _check_area(self, name: str, size: tuple[int, int],
                    padding: tuple[int, int, int, int] = (0, 0, 0, 0)) -> None:
        self.check_border(name)
        (rows, columns), (top, left, bottom, right) = self.sides, padding
        rows, columns = rows + top + bottom, columns + left + right
        if size[0] > rows or size[1] > columns:
            raise SourceError(f"{name} must have areas of at most its map, {rows}x{columns}, not "
                              f"{size[0]}x{size[1]}: take smaller ones")

    def _window(self, name: str, kernel: tuple[int, ...], stride: tuple[int, int],
                dilation: tuple[int, int], padding: tuple[int, int, int, int]) -> Window:
        try:
            return Window((kernel[0], kernel[1]), stride, dilation, padding)
        except (TypeError, ValueError) as error:
            raise SourceError(f"{name} must have a window that maps can have: {error}") from None

    def _on_map(self, name: str, tensor: str, step: Callable[[str, Value], Step],
                shape: tuple[int, int, int]) -> None:
        """Append a step on maps, channel last, with moves from and to the layout of the source."""
        line = len(self.shape) == 2
        map = (*self.sides, self.channels)
        rows, columns, channels = shape
        after = ((channels, *((columns,) if line else (rows, columns))) if self.first
                 else (columns, channels) if line else shape)
        if not self.first and not line:
            self.steps.append(step(tensor, self.value))
        else:
            last = (lambda x: np.moveaxis(x, 1, -1)) if self.first else (lambda x: x)
            # Without a name in the source.
            self.steps.append(Move(name, "", self.value,
                                   lambda x: last(x).reshape(len(x), *map)))
            self.steps.append(step(f"{tensor}/channels last", self.value))
            back = (lambda x: np.moveaxis(x, -1, 1)) if self.first else (lambda x: x)
            self.steps.append(Move(name, tensor, self.value,
                                   lambda x: back(x).reshape(len(x), *after)))
        self.shape = after
