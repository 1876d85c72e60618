"""Tracer of ONNX graphs: makes the steps of the program for the handlers of the operators."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ...support.text import quoted
from ..program import INPUT, Elementwise, Join, Move, Step, Value
from .arrays import check_broadcast, compute
from .file import LARGEST, Tensors
from .graph import SourceGraph
from .node import Node
from .tracked import Known, Tracked, frame_shape

__all__ = ["Function", "Tracer"]

Function = Callable[..., np.ndarray]


@dataclass
class Tracer:
    """State of a trace, with the operations that handlers of operators need.

    Parameters
    ----------
    source : SourceGraph
        Graph to trace.
    tensors : Tensors
        Reader of its constants.
    batch : int
        Number of frames in a batch. Samples hold one of them, so that a large batch takes no
        memory.

    Attributes
    ----------
    known : dict of str to Known
        Tensors by name.
    steps : list of Step
        Steps of the program.
    shapes : list of tuple of int
        Shape of a frame of the result of each step.
    notes : list of str
        Remarks for the user.
    scaled : list of bool
        For each use of the input, True if it divides by 255.
    reads_batch : bool
        True if the model reads the number of frames.
    """

    source: SourceGraph
    tensors: Tensors
    batch: int
    known: dict[str, Known] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    scaled: list[bool] = field(default_factory=list)
    reads_batch: bool = False
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    _elements: int = 0

    def __post_init__(self):
        sample = np.zeros((1, *self.source.shape), self.source.dtype)
        self.known[self.source.input] = Tracked(INPUT, sample, raw=True)

    def operands(self, node: Node) -> list[Known]:
        """Return the inputs of ``node``; reads constants on first use."""
        for name in node.inputs:
            if name and name not in self.known:
                tensor = self.source.tensors[name]
                self.known[name] = self.tensors.array(tensor, f"tensor {quoted(name)}")
        return [self.known[name] if name else None for name in node.inputs]

    def shape(self, known: Tracked | np.ndarray) -> tuple[int, ...]:
        """Return the shape of a tensor, batch included."""
        return ((self.batch, *known.sample.shape[1:]) if isinstance(known, Tracked)
                else known.shape)

    def note_order(self, op: str) -> None:
        """Note that an operator at the end is left out."""
        self.notes.append(f"{op} at the end is left out: it keeps the order of the scores, but for "
                          "ties that its rounding makes")

    def scores(self, tracked: Tracked) -> Tracked:
        """Return the scores that ``tracked`` has the order of, with a note if they are others."""
        if tracked.before is None:
            return tracked
        self.note_order(tracked.kept_by)
        return tracked.before

    def tensor(self, tracked: Tracked) -> str:
        """Return the name of a tensor."""
        return (self.source.input if tracked.value == INPUT
                else self.steps[tracked.value.step].tensor)

    def constant(self, node: Node, result: npt.ArrayLike) -> np.ndarray:
        """Return a constant computed by ``node``; the size of all constants together is limited."""
        array = np.asarray(result)
        self._account(node, array)
        return array

    def _account(self, node: Node, array: np.ndarray) -> None:
        self._elements += array.size
        if self._elements > 2 * LARGEST:
            raise node.error(f"exceeds the limit of {2 * LARGEST} computed elements")

    def elementwise(self, node: Node, operands: Sequence[Tracked | np.ndarray],
                    function: Function, *, tensor: str | None = None,
                    error: Function | None = None) -> Tracked | np.ndarray:
        """Apply an elementwise function; a step of the program unless all operands are constant.

        The step's tensor has the name of the output of ``node``, or ``tensor`` if given: "" for a
        tensor without a name in the model. For ``error`` see :class:`~.program.Elementwise`.
        """
        tracked = [operand for operand in operands if isinstance(operand, Tracked)]
        if not tracked:
            constants = [operand for operand in operands if isinstance(operand, np.ndarray)]
            compute(node, check_broadcast, *constants)
            result = self.constant(node, compute(node, function, *constants))
            if not any(_has_nan(constant) for constant in constants) and _has_nan(result):
                raise node.error("has no result for these constants, such as a variance without "
                                 "a square root")
            return result
        if len({one.sample.ndim for one in tracked}) != 1:
            raise node.error("must combine frames of one number of axes, not of the shapes "
                             + " and ".join(map(frame_shape, tracked)))
        axes = tracked[0].sample.ndim
        inputs = [operand if isinstance(operand, Tracked)
                  else self._without_batch(node, operand, axes) for operand in operands]
        arrays = [one.sample if isinstance(one, Tracked) else one for one in inputs]
        # Messages show the shapes with the batch.
        compute(node, check_broadcast, *(np.broadcast_to(one.sample, self.shape(one))
                                         if isinstance(one, Tracked) else one for one in inputs))
        sample = compute(node, function, *arrays)
        if sample.shape != np.broadcast_shapes(*(array.shape for array in arrays)) or (
                len(sample) != 1):
            raise node.error(f"must keep frames apart, and makes {sample.shape} of "
                             f"{tracked[0].sample.shape}")

        def quiet(*arrays: np.ndarray) -> np.ndarray:
            with np.errstate(all="ignore"):
                return function(*arrays)
        raw = any(one.raw for one in tracked)
        kept = raw and node.op == "Cast"
        if raw and not kept:
            self.scaled.append(_divides(node, operands))
        step = Elementwise(node.name, node.outputs[0] if tensor is None else tensor,
                           tuple(one.value if isinstance(one, Tracked) else one
                                 for one in inputs), quiet, error)
        return self.append(node, step, sample, kept)

    def _without_batch(self, node: Node, constant: np.ndarray, axes: int) -> np.ndarray:
        """Reduce the batch of a constant to one frame, for tensors of ``axes`` axes."""
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
        """Rearrange the elements of each frame by ``function``."""
        return self.join(node, [tracked], lambda arrays: function(arrays[0]), 0)

    def join(self, node: Node, pieces: Sequence[Tracked],
             function: Callable[[list[np.ndarray]], np.ndarray], output: int = 0) -> Tracked:
        """Rearrange the elements of several tensors.

        They are all moves of one tensor, or results of elementwise arithmetic on the input, as
        those of a thermometer. ``function`` takes their arrays, batch first. The result is output
        number ``output`` of ``node``.
        """
        samples = [piece.sample for piece in pieces]
        sample = compute(node, lambda: function(samples))
        if len(pieces) == 1:
            root, moves = pieces[0].value, [_same]
        else:
            origins, moves = zip(*(self._origin(piece.value) for piece in pieces))
            if len(set(origins)) != 1:
                if not all(self._of_input(origin) for origin in origins):
                    raise node.error("must join parts of one tensor: branches that join again are "
                                     "not supported; train the network as one chain of layers")
                joined = Join(node.name, node.outputs[output],
                              tuple(piece.value for piece in pieces),
                              lambda *arrays: function(list(arrays)))
                return self.append(node, joined, sample)
            root = origins[0]
        step = Move(node.name, node.outputs[output], root,
                    lambda array: function([move(array) for move in moves]))
        return self.append(node, step, sample, all(piece.raw for piece in pieces))

    def _of_input(self, value: Value) -> bool:
        """True if ``value`` is of elementwise arithmetic and moves of the input only."""
        found, open = set(), [value]
        while open:
            value = open.pop()
            if value == INPUT or value in found:
                continue
            found.add(value)
            step = self.steps[value.step]
            if isinstance(step, Move):
                open.append(step.input)
            elif isinstance(step, (Elementwise, Join)):
                open += [one for one in step.inputs if isinstance(one, Value)]
            else:
                return False
        return True

    def _origin(self, value: Value) -> tuple[Value, Function]:
        """Return the tensor that ``value`` is a move of, and that move."""
        functions: list[Function] = []
        while value != INPUT and isinstance(step := self.steps[value.step], Move):
            functions.insert(0, step.function)
            value = step.input

        def moved(array: np.ndarray) -> np.ndarray:
            for function in functions:
                array = function(array)
            return array
        return value, moved

    def reshape(self, node: Node, tracked: Tracked, shape: tuple[int, ...], *,
                tensor: str | None = None) -> Tracked:
        """Reshape each frame to ``shape``; for ``tensor`` see :meth:`elementwise`."""
        if shape == tracked.sample.shape[1:] and tensor is None:
            return tracked
        step = Move(node.name, node.outputs[0] if tensor is None else tensor, tracked.value,
                    lambda array: array.reshape(len(array), *shape))
        return self.append(node, step, compute(node, step.function, tracked.sample), tracked.raw)

    def append(self, node: Node, step: Step, sample: np.ndarray, raw: bool = False) -> Tracked:
        """Append ``step``, whose result for a frame of zeros has the shape and type of ``sample``.
        """
        self._account(node, sample)
        self.steps.append(step)
        self.shapes.append(sample.shape[1:])
        return Tracked(Value(len(self.steps) - 1), sample, raw)


def _same(array: np.ndarray) -> np.ndarray:
    return array


def _has_nan(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" and bool(np.isnan(array).any())


def _divides(node: Node, operands: Sequence[Tracked | np.ndarray]) -> bool:
    """True if the node divides by 255."""
    if node.quant or node.op not in ("Div", "Mul"):
        return False
    constants = [one for one in operands if isinstance(one, np.ndarray)]
    if len(constants) != 1 or (node.op == "Div" and operands[1] is not constants[0]):
        return False
    if node.op == "Div":
        return bool((constants[0] == 255).all())
    kind = constants[0].dtype
    return kind.kind == "f" and bool((constants[0] == kind.type(1 / 255)).all())
