"""What the lights of a board show: the last class, and that something is going on."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from xnorloom.support.arguments import integer

__all__ = ["Leds"]


class Leds(wiring.Component):
    """Lights from results.

    The last light changes with each result. Those before it show the last class in binary, bit 0
    on the first; bits for which there is no light are not seen.

    Parameters
    ----------
    count : int
        Lights, at least 1.
    class_bits : int
        Bits of a class.

    Members
    -------
    done : In(1)
        High in the cycle in which a result is taken.
    label : In(class_bits)
        Its class.
    o : Out(count)
        The lights, 1 for on.
    """

    def __init__(self, count: int, class_bits: int):
        self._shown = min(integer("Leds count", count, 1) - 1, class_bits)
        super().__init__({"done": In(1), "label": In(class_bits), "o": Out(count)})

    def elaborate(self, platform):
        m = Module()
        with m.If(self.done):
            m.d.sync += [self.o[:self._shown].eq(self.label), self.o[-1].eq(~self.o[-1])]
        return m
