"""What the input of a source model means: the number it takes for a pixel.

A source model holds no word about what its input stands for. A *meaning* is a formula of the 8-bit
pixel ``u8``, such as ``u8/255`` or ``(u8/255-0.1307)/0.3081``, or one of the words ``bits`` (0 or
1) and ``bipolar`` (-1 or +1) for a model whose input is binary before it gets there.
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


def check(meaning: str) -> str:
    """Return ``meaning`` if it is one; raises what :func:`levels` does."""
    levels(meaning)
    return meaning


def levels(meaning: str, dtype: npt.DTypeLike = np.float32) -> npt.NDArray:
    """The numbers that the source takes for the values of an element, from 0 on.

    There are 2 of a word and 256 of a formula, which is worked out in ``dtype`` operation by
    operation, as a program that prepares images would; for an integer type in float32.

    Raises
    ------
    TypeError
        If ``meaning`` is no string.
    SourceError
        If it is no word and no formula, or gives numbers that ``dtype`` cannot hold.
    """
    if not isinstance(meaning, str):
        raise TypeError(f"Meaning of the input must be a string, not {meaning!r}")
    dtype = np.dtype(dtype)
    wanted = f"must be a formula of u8 such as u8/255, or one of {', '.join(WORDS)}"
    if meaning in WORDS:
        values = np.array(WORDS[meaning])
    else:
        try:
            if len(meaning) > _LONGEST:
                raise SyntaxError
            tree = ast.parse(meaning.strip(), mode="eval").body
            pixels = np.arange(256).astype(dtype if dtype.kind == "f" else np.float32)
            with np.errstate(all="ignore"):
                values = np.asarray(_evaluate(tree, pixels))
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            raise SourceError(f"meaning of the input {wanted}, not {meaning!r}") from None
        if values.shape != (256,):
            raise SourceError(f"meaning of the input {wanted}, but {meaning!r} has no u8 in it")
    if not np.isfinite(values).all():
        raise SourceError(f"meaning of the input must give a finite number for every pixel, but "
                          f"{meaning!r} does not")
    converted = values.astype(dtype)
    if (converted != values).any():
        raise SourceError(f"the source takes {dtype} numbers, and {meaning!r} gives others")
    return converted


def _evaluate(node: ast.expr, pixels: npt.NDArray[np.floating]):
    """A formula in the type of ``pixels``; numbers alone are worked out as Python does."""
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


def numbers(meaning: str, pixels: npt.NDArray[np.uint8],
            dtype: npt.DTypeLike = np.float32) -> npt.NDArray:
    """What the source takes for ``pixels``; a word takes a pixel's top bit.

    Raises what :func:`levels` does.
    """
    table = levels(meaning, dtype)
    return table[pixels >> 7 if meaning in WORDS else pixels]
