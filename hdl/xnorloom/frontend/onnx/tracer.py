"""The state of a walk over an ONNX graph: what is known of each tensor, and the program so far."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import SourceError, first_line
from ..program import INPUT, Dense, Elementwise, Move, Step, Value
from .constants import WRONG, broadcast
from .elementwise import Function
from .file import LARGEST, Tensors, shown
from .graph import Source
from .node import Node

__all__ = ["Known", "Tracked", "Walk", "frames"]


@dataclass(frozen=True, eq=False)
class Tracked:
    """A tensor that depends on the input.

    Parameters
    ----------
    value : Value
        Where the program has it.
    sample : array
        It for an input of zeros, batch first; shows the shape and the type.
    raw : bool
        Whether its numbers are still those of the input.
    end : str or None
        ``"scores"``, ``"classes"`` or ``"largest"`` for the result of an operation that can only
        be the last, such as Softmax, ArgMax and the values of TopK; ``value`` is of the scores
        before it.
    rough : bool
        Whether nothing but the sign of its numbers is the same in every library.
    """

    value: Value
    sample: np.ndarray
    raw: bool = False
    end: str | None = None
    rough: bool = False


Known = Tracked | np.ndarray | None


def frames(tracked: Tracked) -> str:
    """The shape of a frame for messages."""
    return str(tracked.sample.shape[1:])


@dataclass
class Walk:
    """What is known so far, and ways to know more.

    Parameters
    ----------
    source : Source
    tensors : Tensors
    batch : int
        Frames in a sample.

    Members
    -------
    known : dict
        Results of nodes by the names of tensors: values of the program, constants, or None.
    steps : list of Step
    notes : list of str
    pixels : list of bool
        For each use of the input whether it divides by 255.
    asked : bool
        Whether the model asked how many frames there are.
    """

    source: Source
    tensors: Tensors
    batch: int
    known: dict[str, Known] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pixels: list[bool] = field(default_factory=list)
    asked: bool = False
    _shapes: list[tuple[int, ...]] = field(default_factory=list)
    _made: int = 0

    def __post_init__(self):
        sample = np.zeros((self.batch, *self.source.shape), self.source.dtype)
        self.known[self.source.input] = Tracked(INPUT, sample, raw=True)

    def operands(self, node: Node) -> list[Known]:
        """What is known of the inputs of ``node``."""
        for name in node.inputs:
            if name and name not in self.known:
                tensor = self.source.tensors[name]
                self.known[name] = self.tensors.array(tensor, f"tensor {shown(name)}")
        return [self.known[name] if name else None for name in node.inputs]

    def work_out(self, node: Node, function: Callable[..., Any],
                 *arrays: np.ndarray | None) -> Any:
        """``function(*arrays)``, with an error of ``node`` if they do not go together."""
        try:
            with np.errstate(all="ignore"):
                return function(*arrays)
        except WRONG as error:
            raise node.error(f"cannot be worked out: {first_line(error).rstrip('.')}") from None

    def folded(self, node: Node, result: npt.ArrayLike) -> np.ndarray:
        """A constant that was worked out; all together are limited, too."""
        array = np.asarray(result)
        self._make(node, array)
        return array

    def _make(self, node: Node, array: np.ndarray) -> None:
        self._made += array.size
        if self._made > 2 * LARGEST:
            raise node.error(f"makes it more than {2 * LARGEST} elements that are worked out")

    def elementwise(self, node: Node, operands: Sequence[Tracked | np.ndarray],
                    function: Function, *, tensor: str | None = None) -> Tracked | np.ndarray:
        """The result of an elementwise function, which becomes a step unless it is a constant.

        The step's tensor is called as the output of ``node``, or ``tensor`` if that is given: ""
        for one that the model has no name for.
        """
        tracked = [operand for operand in operands if isinstance(operand, Tracked)]
        if not tracked:
            constants = [operand for operand in operands if isinstance(operand, np.ndarray)]
            self.work_out(node, broadcast, *constants)
            return self.folded(node, self.work_out(node, function, *constants))
        if len({one.sample.ndim for one in tracked}) != 1:
            raise node.error("must combine frames of one number of axes, not of the shapes "
                             + " and ".join(map(frames, tracked)))
        axes = tracked[0].sample.ndim
        inputs = [operand if isinstance(operand, Tracked)
                  else self._framed(node, operand, axes) for operand in operands]
        arrays = [one.sample if isinstance(one, Tracked) else one for one in inputs]
        self.work_out(node, broadcast, *arrays)
        sample = self.work_out(node, function, *arrays)
        if sample.shape != np.broadcast_shapes(*(array.shape for array in arrays)) or (
                len(sample) != self.batch):
            raise node.error(f"must keep frames apart, and makes {sample.shape} of "
                             f"{tracked[0].sample.shape}")

        def quiet(*arrays: np.ndarray) -> np.ndarray:
            with np.errstate(all="ignore"):
                return function(*arrays)
        raw = any(one.raw for one in tracked)
        kept = raw and node.op == "Cast"
        if raw and not kept:
            self.pixels.append(_divides(node, operands))
        step = Elementwise(node.name, node.outputs[0] if tensor is None else tensor,
                           tuple(one.value if isinstance(one, Tracked) else one
                                 for one in inputs), quiet)
        return self._step(node, step, sample, kept)

    def _framed(self, node: Node, constant: np.ndarray, axes: int) -> np.ndarray:
        """A constant without a batch of its own, for values of so many axes."""
        if constant.ndim > axes:
            raise node.error(f"must not add axes to frames, and has a constant of the shape "
                             f"{constant.shape}")
        if constant.ndim < axes or len(constant) == 1:
            return constant
        first = constant[:1]
        if len(constant) != self.batch or first.tobytes() * len(constant) != constant.tobytes():
            raise node.error(f"must do the same to every frame, and has a constant of the shape "
                             f"{constant.shape}")
        return first

    def move(self, node: Node, tracked: Tracked, function: Function) -> Tracked:
        """The elements of each frame in another shape or order, by ``function``."""
        sample = self.work_out(node, function, tracked.sample)
        return self._step(node, Move(node.name, node.outputs[0], tracked.value, function), sample,
                          tracked.raw)

    def reshape(self, node: Node, tracked: Tracked, shape: tuple[int, ...]) -> Tracked:
        """Frames of another shape."""
        if shape == tracked.sample.shape[1:]:
            return tracked
        return self.move(node, tracked, lambda array: array.reshape(len(array), *shape))

    def dense(self, node: Node, tracked: Tracked, weights: np.ndarray, *,
              bias: np.ndarray | None = None, tensor: str | None = None) -> Tracked:
        """A product with constant weights; ``tensor`` as of :meth:`elementwise`."""
        if weights.ndim != 2:
            raise node.error(f"must have a matrix of weights, not an array of the shape "
                             f"{weights.shape}")
        if tracked.sample.ndim != 2:
            raise node.error(f"must take frames of one axis, not of the shape {frames(tracked)}; "
                             "flatten them first")
        if tracked.sample.shape[1] != len(weights) or not weights.shape[1]:
            raise node.error(f"must have weights for frames of the shape {frames(tracked)}, not "
                             f"of the shape {weights.shape}")
        if tracked.sample.dtype != weights.dtype or weights.dtype.kind != "f":
            raise node.error(f"must multiply floats of one type, not {tracked.sample.dtype} by "
                             f"{weights.dtype}")
        if tracked.raw:
            self.pixels.append(False)
        weights = np.ascontiguousarray(weights)
        step = Dense(node.name, node.outputs[0] if tensor is None else tensor, tracked.value,
                     weights, bias)
        return self._step(node, step, self.work_out(node, np.matmul, tracked.sample, weights))

    def _step(self, node: Node, step: Step, sample: np.ndarray, raw: bool = False) -> Tracked:
        self._make(node, sample)
        self.steps.append(step)
        self._shapes.append(sample.shape[1:])
        return Tracked(Value(len(self.steps) - 1), sample, raw)

    def same_steps(self, other: "Walk") -> None:
        """Check that a walk with another number of frames led to the same program.

        Raises
        ------
        SourceError
            Naming the first step that depends on the number of frames.
        """
        if len(self.steps) != len(other.steps):
            raise SourceError("the model must do the same for any number of frames")
        pairs = zip(zip(self.steps, self._shapes), zip(other.steps, other._shapes))
        for (mine, shape), (others, other_shape) in pairs:
            a, b = _constants(mine), _constants(others)
            if shape != other_shape or [(one.shape, one.tobytes()) for one in a] != [
                    (one.shape, one.tobytes()) for one in b]:
                raise SourceError(f"node {shown(mine.name)} must do the same for any number of "
                                  "frames, and uses their number")


def _constants(step: Step) -> list[np.ndarray]:
    if isinstance(step, Dense):
        return [step.weights]
    operands = step.inputs if isinstance(step, Elementwise) else ()
    return [operand for operand in operands if isinstance(operand, np.ndarray)]


def _divides(node: Node, operands: Sequence[Tracked | np.ndarray]) -> bool:
    """Whether the node divides by 255."""
    if node.quant or node.op not in ("Div", "Mul"):
        return False
    constants = [one for one in operands if isinstance(one, np.ndarray)]
    if len(constants) != 1 or (node.op == "Div" and operands[1] is not constants[0]):
        return False
    if node.op == "Div":
        return bool((constants[0] == 255).all())
    kind = constants[0].dtype
    return kind.kind == "f" and bool((constants[0] == kind.type(1 / 255)).all())
