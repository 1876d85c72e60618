"""Kinds of operand buffers."""

import enum

__all__ = ["MEMORY_BITS", "OperandKind", "operand_kind"]

# Two copies of a frame of this size in flip-flops would take more than a fifth of the 5,280 logic
# cells of an iCE40 UP5K.
MEMORY_BITS = 512


class OperandKind(enum.StrEnum):
    """Kind of the operand buffer of a layer. Values are the words in tables and files."""

    DIRECT = "direct"
    REGISTERS = "registers"
    MEMORY = "memory"
    RING = "ring"


def operand_kind(size: int, planes: int, in_width: int, out_width: int, passes: int,
                 vectors: int = 1, gather: bool = False) -> OperandKind:
    """Return the kind of operand buffer for frames of ``size`` elements of ``planes`` bit planes.

    - ``direct`` (no buffer) if both widths are equal, there is one pass, and nothing to ``gather``;
    - ``memory`` if both widths are equal and ``vectors`` frames have at least ``MEMORY_BITS``
      bits;
    - ``registers`` otherwise.
    """
    if in_width == out_width and passes == 1 and not gather:
        return OperandKind.DIRECT
    if in_width == out_width and size * planes * vectors >= MEMORY_BITS:
        return OperandKind.MEMORY
    return OperandKind.REGISTERS
