"""Registers in a row, for pipelines that stop as a whole."""

from amaranth.hdl import Module, Signal, Value, ValueLike

__all__ = ["delay"]


def delay(m: Module, value: ValueLike, stages: int, en: ValueLike, *, name: str) -> Value:
    """Return ``value`` as it was ``stages`` enabled cycles ago; registers start at zero."""
    value = Value.cast(value)
    for stage in range(stages):
        register = Signal(value.shape(), name=f"{name}_{stage + 1}")
        with m.If(en):
            m.d.sync += register.eq(value)
        value = register
    return value
