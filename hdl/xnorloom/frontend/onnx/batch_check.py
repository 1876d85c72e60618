"""Comparison of two traces of a model, for different numbers of frames."""

import numpy as np

from ...errors import SourceError
from ...support.text import quoted
from ..program import Conv, Dense, Elementwise, Step
from .tracer import Tracer

__all__ = ["check_same_steps"]


def check_same_steps(first: Tracer, second: Tracer) -> None:
    """Check that traces with two numbers of frames gave the same program.

    Raises
    ------
    SourceError
        Naming the first step that depends on the number of frames.
    """
    if len(first.steps) != len(second.steps):
        raise SourceError("the model must do the same for any number of frames")
    pairs = zip(zip(first.steps, first.shapes), zip(second.steps, second.shapes))
    for (mine, shape), (others, other_shape) in pairs:
        a, b = _constants(mine), _constants(others)
        if shape != other_shape or [(one.shape, one.tobytes()) for one in a] != [
                (one.shape, one.tobytes()) for one in b]:
            raise SourceError(f"node {quoted(mine.name)} must do the same for any number of "
                              "frames, and uses their number")


def _constants(step: Step) -> list[np.ndarray]:
    if isinstance(step, (Conv, Dense)):
        pads = [np.asarray(step.pad)] if isinstance(step, Conv) else []
        biases = [] if step.bias is None else [step.bias]
        return [step.weights, *pads, *biases]
    operands = step.inputs if isinstance(step, Elementwise) else ()
    return [operand for operand in operands if isinstance(operand, np.ndarray)]
