"""Block RAM that is written and read, in the form in which synthesis needs nothing beside it."""

from amaranth.hdl import Module, Signal, Value, ValueLike
from amaranth.lib.memory import Memory

__all__ = ["UNDEFINED", "ram", "read"]

# On a register whose first value is never seen; synthesis may then drop it, as block RAMs must.
UNDEFINED = {"undefined": 1}


def ram(width: int, depth: int) -> Memory:
    """A memory for block RAM in which no word is read in the cycle that writes it.

    Without being told that, Yosys puts a bypass beside the RAM; and small ones into flip-flops.
    """
    return Memory(shape=width, depth=depth, init=[],
                  attrs={"ram_style": "block", "no_rw_check": 1})


def read(m: Module, memory: Memory, address: ValueLike, en: ValueLike) -> Value:
    """Return the word of a :func:`ram` at ``address``, one enabled cycle later.

    Yosys heeds what it is told of collisions only where it finds the read register by itself.
    """
    port = memory.read_port(domain="comb")
    word = Signal(memory.shape, name="word", reset_less=True, attrs=UNDEFINED)
    m.d.comb += port.addr.eq(address)
    with m.If(en):
        m.d.sync += word.eq(port.data)
    return word
