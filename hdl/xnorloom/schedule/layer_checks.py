"""Checks that the fold of a layer suits it."""

from typing import TYPE_CHECKING

from ..errors import ScheduleError
from ..graph import Conv
from ..target.device import DEVICES
from .fold import WeightStyle
from .operand_kind import OperandKind

if TYPE_CHECKING:
    from .layer_plan import LayerPlan

__all__ = ["check"]

_MOST_CELLS = max(device.logic_cells for device in DEVICES.values())
_MOST_BRAM_BITS = max(device.brams * device.bram_bits for device in DEVICES.values())


def check(plan: "LayerPlan") -> None:
    """Check groups, ring, weight style and operand buffer of a layer under its fold.

    Raises
    ------
    ScheduleError
        If they do not suit each other, or no chip has room for ring or buffer.
    """
    layer, fold = plan.layer, plan.fold
    if isinstance(layer, Conv):
        _check_groups(plan, layer)
        _check_row_ends(plan, layer)
        _check_ring(plan, layer)
    elif plan.in_pixels > 1:
        raise ScheduleError(
            f"layer {layer.name!r} needs input words of one pixel, not {plan.in_pixels}; take "
            f"vectors of the layer before that its pool joins to one pixel")
    if fold.style is WeightStyle.WIRED and (
            (fold.pe, fold.simd, plan.taps) != (layer.neurons, plan.most_simd, 1)):
        raise ScheduleError(
            f"style wired of layer {layer.name!r} needs pe {layer.neurons} and simd "
            f"{plan.most_simd}, the whole layer, not pe {fold.pe} and simd {fold.simd}"
            if plan.taps == 1 else
            f"style wired of layer {layer.name!r} needs a kernel of one tap, not {plan.taps}; "
            f"take style lut or block")
    depths = fold.style.depths
    if plan.depth not in depths:
        raise ScheduleError(f"style {fold.style} of layer {layer.name!r} needs {depths[0]} to "
                            f"{depths[-1]:,} weight words per lane, not {plan.depth:,}")
    # A board says how a layer in SPRAM is folded, but not how the one before it is.
    if fold.style.loadable and not isinstance(layer, Conv) and plan.size > layer.inputs:
        assert plan.map is not None
        raise ScheduleError(
            f"style {fold.style} of layer {layer.name!r} needs a pe of the layer before that "
            f"divides the {plan.map.channels} channels, not {plan.in_width}; take another pe "
            f"there, or style block")
    if (fold.vectors > 1 and plan.operands is OperandKind.REGISTERS
            and plan.operand_bits > _MOST_CELLS):
        raise ScheduleError(
            f"operand buffer of layer {layer.name!r} would take {plan.operand_bits:,} flip-flops "
            f"for {fold.vectors} frames, more than the {_MOST_CELLS:,} of the largest chip; with "
            f"input words of simd {fold.simd} bits, not {plan.in_width}, it is in RAM, and fewer "
            f"vectors take less")


def _check_row_ends(plan: "LayerPlan", layer: Conv) -> None:
    """Check that the last outputs of a row at once need no pixels after its last word."""
    if plan.in_pixels == 1 or plan.planes == 1:
        return
    assert plan.map is not None
    window, words = layer.window, plan.ring.view.map.columns
    needed = (words * plan.vectors - 1) * window.stride[1] + window.extent[1]
    there = -(-plan.map.columns // plan.in_pixels) * plan.in_pixels
    if needed > there:
        raise ScheduleError(
            f"vectors of layer {layer.name!r}, whose input has {plan.planes} bit planes, must be "
            f"such that their last windows end within the {there} columns of the words of a row, "
            f"not {plan.vectors}, whose windows end with column {needed}")


def _check_groups(plan: "LayerPlan", layer: Conv) -> None:
    fold, name = plan.fold, layer.name
    if layer.groups == 1:
        return
    members = layer.neurons // layer.groups
    if fold.pe <= members:
        if members % fold.pe:
            raise ScheduleError(f"pe of layer {name!r} must divide the {members} neurons of a "
                                f"group, or be a multiple of them, not {fold.pe}")
        if plan.most_simd % fold.simd:
            raise ScheduleError(f"simd of layer {name!r} must divide the {plan.most_simd} "
                                f"channels of a group, not {fold.simd}")
    else:
        if fold.pe % members or layer.neurons % fold.pe:
            raise ScheduleError(f"pe of layer {name!r} must be a multiple of the {members} "
                                f"neurons of a group that divides the {layer.neurons} of the "
                                f"layer, not {fold.pe}")
        if fold.simd != plan.most_simd:
            raise ScheduleError(f"simd of layer {name!r} must be the {plan.most_simd} channels "
                                f"of a group, as pe {fold.pe} takes several groups, not "
                                f"{fold.simd}")


def _check_ring(plan: "LayerPlan", layer: Conv) -> None:
    if plan.operand_bits > _MOST_BRAM_BITS:
        raise ScheduleError(
            f"layer {layer.name!r} needs {plan.ring.reach.rows} rows of its input, a map "
            f"{plan.map}, in a ring of {plan.operand_bits:,} bits, more than the "
            f"{_MOST_BRAM_BITS:,} of block RAM of the largest chip; take a smaller map")
