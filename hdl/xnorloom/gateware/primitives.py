"""Primitives of components: block RAM, modulo counter, delay line."""

from amaranth.hdl import C, Cat, Module, Mux, Signal, Value, ValueLike
from amaranth.lib.memory import Memory

__all__ = ["UNDEFINED", "address", "count", "delay", "names", "ram", "read"]

# For registers whose initial value is never seen: synthesis may drop it, as block RAM requires.
UNDEFINED = {"undefined": 1}


def ram(width: int, depth: int) -> Memory:
    """Return a memory for block RAM in which no word is read in the cycle that writes it.

    The attributes keep Yosys from adding a bypass, and from using flip-flops for small memories.
    """
    return Memory(shape=width, depth=depth, init=[],
                  attrs={"ram_style": "block", "no_rw_check": 1})


def address(place: Value, bank: Value, bits: int) -> Value:
    """Return the address of a word in a bank of ``2**bits`` words."""
    # Banks start at a power of two, which takes no more RAM and no adder.
    return Cat(place, C(0, bits - len(place)), bank)


def read(m: Module, memory: Memory, address: ValueLike, en: ValueLike, *,
         name: str = "word") -> Value:
    """Return the word of a :func:`ram` at ``address``, one enabled cycle later.

    Yosys applies ``no_rw_check`` only to read registers that it infers, not to those of a port.
    """
    port = memory.read_port(domain="comb")
    word = Signal(memory.shape, name=name, reset_less=True, attrs=UNDEFINED)
    m.d.comb += port.addr.eq(address)
    with m.If(en):
        m.d.sync += word.eq(port.data)
    return word


def count(m: Module, steps: int, en: ValueLike, *, name: str) -> tuple[Value, Value]:
    """Count enabled cycles modulo ``steps``; return the count, and a flag that it is ``steps - 1``.

    Both are registers, so that no comparator follows the count.
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


def names(name: str, vectors: int) -> list[str]:
    """Return ``name``, or with several vectors ``name0``, ``name1`` and so on."""
    return [name] if vectors == 1 else [f"{name}{vector}" for vector in range(vectors)]


def delay(m: Module, value: ValueLike, stages: int, en: ValueLike, *, name: str,
          reset: bool = False) -> Value:
    """Return ``value`` of ``stages`` enabled cycles ago; registers start at zero.

    With ``reset`` the registers are reset too, which flags need. For data a reset costs a level of
    logic before the enable input of each register (the enable of iCE40 gates the reset).
    """
    value = Value.cast(value)
    for stage in range(stages):
        register = Signal(value.shape(), name=f"{name}_{stage + 1}", reset_less=not reset)
        with m.If(en):
            m.d.sync += register.eq(value)
        value = register
    return value
