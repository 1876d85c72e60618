"""Layer sequencer: steps through synapse folds, bit planes, repeats and neuron folds."""

from typing import NamedTuple

from amaranth.hdl import Module, Mux, Signal, Value

from ..schedule import LayerPlan
from .primitives import count

__all__ = ["Sequence", "sequence"]


class Sequence(NamedTuple):
    """Registers and flags of a sequencer, valid in the cycle of the operands.

    Attributes
    ----------
    address : Signal
        Address of the weight word.
    following : Value
        The next address in the memory.
    first : Value
        True in the first step of a count.
    double : Value
        True in the first step of a bit plane.
    end_of_plane : Value
        True in the last step of a bit plane.
    end : Value
        True in the last step of a count.
    """

    address: Signal
    following: Value
    first: Value
    double: Value
    end_of_plane: Value
    end: Value


def sequence(m: Module, plan: LayerPlan, step: Value) -> Sequence:
    """Add the sequencer of a layer to ``m``. It advances while ``step`` is high.

    For each neuron fold it goes through all synapse folds once per bit plane, and through all of
    that once per repeat, so that a pixel of the output takes ``plan.pixel_cycles`` steps.
    """
    column, end_of_plane = count(m, plan.synapse_folds, step, name="column")
    plane, last_plane = count(m, plan.planes, step & end_of_plane, name="plane")
    end = end_of_plane & last_plane
    _, last_repeat = count(m, plan.repeats, step & end, name="repeat")
    address, row = Signal(range(plan.depth)), Signal(range(plan.depth))
    following = Mux(address == plan.depth - 1, 0, address + 1)
    with m.If(step):
        m.d.sync += address.eq(following)
        with m.If(end & last_repeat if plan.repeats > 1 else end):
            m.d.sync += row.eq(following)
        if plan.planes * plan.repeats > 1:
            with m.Elif(end_of_plane):
                m.d.sync += address.eq(row)
    return Sequence(address, following, (column == 0) & (plane == 0), column == 0, end_of_plane,
                    end)
