"""Steps of a cycle: where one is, and whether it is the last, without a comparison behind it."""

from amaranth.hdl import Module, Mux, Signal, Value, ValueLike

__all__ = ["count"]


def count(m: Module, steps: int, en: ValueLike, *, name: str) -> tuple[Value, Value]:
    """Count enabled cycles modulo ``steps``; return the number and whether it is ``steps - 1``.

    Both are registers, so that nothing has to be compared in the cycle that uses them.
    """
    index = Signal(range(steps), name=name)
    if steps == 2:
        with m.If(en):
            m.d.sync += index.eq(~index)
        return index, index
    last = Signal(init=steps == 1, name=f"{name}_last")
    if steps > 1:
        with m.If(en):
            m.d.sync += [index.eq(Mux(last, 0, index + 1)), last.eq(index == steps - 2)]
    return index, last
