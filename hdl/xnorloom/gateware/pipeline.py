"""Registers in a row, for pipelines that stop as a whole."""

from amaranth.hdl import Module, Signal, Value, ValueLike

__all__ = ["delay"]


def delay(m: Module, value: ValueLike, stages: int, en: ValueLike, *, name: str,
          reset: bool = False) -> Value:
    """Return ``value`` as it was ``stages`` enabled cycles ago; registers start at zero.

    A ``reset`` sets them to zero if it must. Flags must be; for data a reset is one more level of
    logic in front of the enable input of each register (iCE40 gates the reset by it).
    """
    value = Value.cast(value)
    for stage in range(stages):
        register = Signal(value.shape(), name=f"{name}_{stage + 1}", reset_less=not reset)
        with m.If(en):
            m.d.sync += register.eq(value)
        value = register
    return value
