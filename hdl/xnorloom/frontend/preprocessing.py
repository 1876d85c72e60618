"""Preprocessing of a source model's input: the number that it receives for an 8-bit pixel.

Source models rarely record their preprocessing. Here it is a formula of the pixel ``u8``, such as
``u8/255`` or ``(u8/255-0.1307)/0.3081``, or one of the words ``bits`` (0 or 1) and ``bipolar`` (-1
or +1) for a model with a binary input.
"""

import ast
import operator

import numpy as np
import numpy.typing as npt

from ..errors import SourceError

__all__ = ["WORDS", "check", "levels", "numbers"]

WORDS = {"bits": (0, 1), "bipolar": (-1, 1)}
_LONGEST = 100
_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
              ast.Div: operator.truediv, ast.USub: operator.neg}


def check(preprocessing: str) -> str:
    """Return ``preprocessing`` if it is valid; raises the errors of :func:`levels`."""
    levels(preprocessing)
    return preprocessing


def levels(preprocessing: str, dtype: npt.DTypeLike = np.float32) -> npt.NDArray:
    """Evaluate ``preprocessing`` for all values of an element, in ascending order.

    A word has 2 values. A formula has 256, computed in ``dtype`` operation by operation, as a
    program that prepares images does; for an integer ``dtype`` in float32.

    Raises
    ------
    TypeError
        If ``preprocessing`` is not a string.
    SourceError
        If it is neither a word nor a formula, or gives numbers that ``dtype`` cannot hold.
    """
    if not isinstance(preprocessing, str):
        raise TypeError(f"preprocessing must be a string, not {preprocessing!r}")
    dtype = np.dtype(dtype)
    wanted = f"must be a formula of u8 such as u8/255, or one of {', '.join(WORDS)}"
    if preprocessing in WORDS:
        values = np.array(WORDS[preprocessing])
    else:
        try:
            if len(preprocessing) > _LONGEST:
                raise SyntaxError
            tree = ast.parse(preprocessing.strip(), mode="eval").body
            pixels = np.arange(256).astype(dtype if dtype.kind == "f" else np.float32)
            with np.errstate(all="ignore"):
                values = np.asarray(_evaluate(tree, pixels))
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            raise SourceError(f"preprocessing {wanted}, not {preprocessing!r}") from None
        if values.shape != (256,):
            raise SourceError(f"preprocessing {wanted}, but {preprocessing!r} has no u8 in it")
    if not np.isfinite(values).all():
        raise SourceError(f"preprocessing must give a finite number for every pixel, but "
                          f"{preprocessing!r} does not")
    converted = values.astype(dtype)
    if (converted != values).any():
        raise SourceError(f"the source takes {dtype} numbers, and {preprocessing!r} gives others")
    return converted


def _evaluate(node: ast.expr, pixels: npt.NDArray[np.floating]):
    """Evaluate a formula in the type of ``pixels``; numbers alone in double precision."""
    match node:
        case ast.Name(id="u8"):
            return pixels
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return float(value)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            try:
                return _OPERATORS[type(op)](_evaluate(left, pixels), _evaluate(right, pixels))
            except (ZeroDivisionError, OverflowError):
                return float("nan") * pixels
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand, pixels)
    raise SyntaxError


def numbers(preprocessing: str, pixels: npt.NDArray[np.uint8],
            dtype: npt.DTypeLike = np.float32) -> npt.NDArray:
    """Convert ``pixels`` to the numbers that the source receives; a word uses their top bit.

    Raises the errors of :func:`levels`.
    """
    table = levels(preprocessing, dtype)
    return table[pixels >> 7 if preprocessing in WORDS else pixels]
