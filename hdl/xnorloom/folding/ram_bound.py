"""Bound of the interval by RAM bandwidth: cycles in which RAMs deliver the weights."""

from dataclasses import dataclass

from ..graph import Conv
from ..schedule import LayerPlan, Plan
from ..target.device import SPRAM_WIDTH, Device

__all__ = ["RamBound", "ram_bound"]


@dataclass(frozen=True)
class RamBound:
    """Least cycles of an interval if all weights come from RAM.

    Attributes
    ----------
    reads : int
        Bits of weights that an interval needs; see :func:`ram_bound`.
    bits : int
        Bits that the RAMs of the chip deliver per cycle.
    unread : int
        Part of ``reads`` that does not come from RAM but from look-up tables and wires.
    """

    reads: int
    bits: int
    unread: int

    @property
    def cycles(self) -> int:
        """Least cycles per interval, ``ceil(reads / bits)``."""
        return -(-self.reads // self.bits)


def ram_bound(plan: Plan, device: Device) -> RamBound:
    """Compute the bound of ``plan`` on ``device``.

    A weight counts once per interval: for all bit planes, and all frames that share it. A weight of
    a convolution counts once for each word of outputs before pooling. A ternary weight has two
    bits. All block RAMs of the chip deliver a word of their widest shape in each cycle; SPRAMs
    count if the plan has weights in them.
    """
    bits = device.brams * max(width for _, width in device.family.block_ram_shapes)
    if any(layer.fold.style.loadable for layer in plan.layers):
        bits += device.sprams * SPRAM_WIDTH
    reads = {layer.layer.name: _reads(layer) for layer in plan.layers}
    unread = sum(reads[layer.layer.name] for layer in plan.layers if not layer.fold.style.in_ram)
    return RamBound(sum(reads.values()), bits, unread)


def _reads(plan: LayerPlan) -> int:
    words = 1
    if isinstance(plan.layer, Conv):
        rows, columns = plan.output_words
        words = rows * columns * plan.repeats
    return plan.layer.weights.size * (1 + plan.masked) * words
