"""Code of the operands of neurons, which saves a look-up table in each leaf of the popcount.

Three products of ±1 bits and their count take four LUT4: the products are functions of six bits.
If the third of three activations is replaced by the parity of all three, and so is the third of
their weights, the XNOR of these two bits is the parity of the products, and the count takes three
LUT4: its low bit is that parity, and its high bit follows from it and the other two products. Seven
products (two such groups, and the parity of all seven) take ten LUT4 instead of thirteen cells. The
code is linear and its groups are odd, so that the XNOR of two codes is the code of the products.
"""

from functools import cache

import numpy as np
from amaranth.hdl import Cat, Value

from ...packing import weight_bits
from ...schedule import LayerPlan, WeightStyle
from .tree import Node, tree

__all__ = ["encode", "encoded", "is_coded", "rom_bits"]


def is_coded(plan: LayerPlan) -> bool:
    """True if a layer stores its weights as codes: those in block RAM or look-up tables.

    Constant weights need no gates. Weights in SPRAM are those that a host sends. A parity says
    nothing of the products of absent synapses.
    """
    return plan.fold.style in (WeightStyle.BLOCK, WeightStyle.LUT) and not plan.masked


def rom_bits(plan: LayerPlan) -> np.ndarray:
    """Return the bits of the weight words as stored, shape (depth, weight_width)."""
    bits, fold = weight_bits(plan), plan.fold
    if not is_coded(plan):
        return bits
    neurons = bits.reshape(len(bits), fold.pe, fold.simd)
    return encode(neurons, fold.register_every).reshape(bits.shape)


def encode(bits: np.ndarray, every: int = 0) -> np.ndarray:
    """Return the codes of vectors of 0 and 1 along the last axis.

    Parameters
    ----------
    bits : array
        Vectors.
    every : int
        Levels between two registers of the popcount.
    """
    bits = np.asarray(bits)
    code = bits.copy()
    for place, group in _groups(bits.shape[-1], every):
        code[..., place] = np.bitwise_xor.reduce(bits[..., group], axis=-1)
    return code


def encoded(bits: Value, every: int = 0) -> Value:
    """Return the code of a vector of bits; see :func:`encode`."""
    groups = dict(_groups(len(bits), every))
    return Cat(bits[groups[place]].xor() if place in groups else bits[place]
               for place in range(len(bits)))


@cache
def _groups(size: int, every: int) -> tuple[tuple[int, slice], ...]:
    """Return the places of parities, each with the slice of bits that it covers."""
    groups: list[tuple[int, slice]] = []

    def visit(node: Node, start: int):
        if not node.operands:
            if node.size == 3:
                groups.append((start + 2, slice(start, start + 3)))
            return
        low, high = node.operands
        visit(low, start)
        visit(high, start + low.size)
        if node.parity:
            groups.append((start + node.size - 1, slice(start, start + node.size)))

    visit(tree(size, True, every), 0)
    return tuple(groups)
