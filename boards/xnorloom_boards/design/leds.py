"""LEDs of a board: the last class, and activity."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from xnorloom.support.arguments import integer

__all__ = ["Leds"]


class Leds(wiring.Component):
    """Shows results on LEDs.

    The last LED toggles with each result. The LEDs before it show the class of the last result in
    binary, bit 0 first, as far as there are LEDs. They change one cycle after ``done``.

    Parameters
    ----------
    count : int
        Number of LEDs, at least 1.
    class_bits : int
        Width of a class.

    Members
    -------
    done : In(1)
        High in the cycle of a result.
    label : In(class_bits)
        Class of that result.
    o : Out(count)
        LEDs, 1 for on.
    """

    def __init__(self, count: int, class_bits: int):
        self._shown = min(integer("Leds count", count, 1) - 1, class_bits)
        super().__init__({"done": In(1), "label": In(class_bits), "o": Out(count)})

    def elaborate(self, platform):
        m = Module()
        with m.If(self.done):
            m.d.sync += [self.o[:self._shown].eq(self.label), self.o[-1].eq(~self.o[-1])]
        return m
