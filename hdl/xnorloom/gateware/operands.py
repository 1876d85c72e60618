"""Words of operands between an operand source and a layer."""

from typing import NamedTuple

import numpy as np
from amaranth.lib import data

from ..graph import Conv
from ..schedule import LayerPlan

__all__ = ["Operands", "operand_shape"]


class Operands(NamedTuple):
    """Operand words of a convolution, as models have them.

    Attributes
    ----------
    bits : array of 0 and 1, shape (words, operand_width)
        Operands; any where they are skipped.
    skip : array of bool, shape (words,)
        True if the tap lies outside the map and contributes nothing, or counts as ``plan.half``.
    level : array of int, shape (words,)
        Row of ``plan.levels`` with the thresholds of the output.
    """

    bits: np.ndarray
    skip: np.ndarray
    level: np.ndarray


def operand_shape(plan: LayerPlan) -> data.Layout | int:
    """Return the shape of an operand word of ``plan``.

    Operands as a number; in a convolution whose padding contributes nothing, ``bits`` beside
    ``skip``, and ``level`` if there is more than one.
    """
    if not isinstance(plan.layer, Conv):
        return plan.operand_width
    fields: dict[str, int] = {}
    if plan.layer.window.skips:
        fields["skip"] = 1
    if len(plan.levels) > 1:
        fields["level"] = (len(plan.levels) - 1).bit_length()
    if not fields:
        return plan.operand_width
    return data.StructLayout({"bits": plan.operand_width, **fields})
