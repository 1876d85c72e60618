"""Builder of programs: nodes without constants and without twins."""

from collections.abc import Callable, Sequence

from .program import FALSE, FIRST_INPUT, TRUE, Add, Lut, Node

__all__ = ["Builder"]


class Builder:
    """List of nodes that grows.

    Tables lose inputs that are constants or make no difference, and equal nodes are made once.

    Parameters
    ----------
    inputs : int
        Bits of the input vector.

    Attributes
    ----------
    nodes : list of Node
        Nodes in the order in which they were added.
    level : dict of int to int
        Level of each bit that a node has: nodes on the longest path to it. Constants and inputs
        have none.
    """

    def __init__(self, inputs: int):
        self.nodes: list[Node] = []
        self.level: dict[int, int] = {}
        self._next = FIRST_INPUT + inputs
        self._made: dict[Node, int] = {}

    def lut(self, function: Callable[..., int], *inputs: int) -> int:
        """Return the bit that is a function of up to four bits."""
        places = sorted(set(inputs))
        table = 0
        for index in range(1 << len(places)):
            values = {bit: index >> place & 1 for place, bit in enumerate(places)}
            table |= int(function(*(values[bit] for bit in inputs))) << index
        return self.table(table, places)

    def table(self, table: int, inputs: Sequence[int]) -> int:
        """Return the bit with the truth table of up to four different bits."""
        inputs = list(inputs)
        # Constants come first: after them, other inputs may make no difference.
        for constant in (True, False):
            for place in reversed(range(len(inputs))):
                low, high = _halves(table, place, len(inputs))
                if inputs[place] in (FALSE, TRUE) if constant else low == high:
                    table = high if inputs[place] == TRUE else low
                    del inputs[place]
        if not inputs:
            return TRUE if table else FALSE
        if table == 0b10 and len(inputs) == 1:
            return inputs[0]
        return self._node(Lut(table, tuple(inputs)))

    def invert(self, bit: int) -> int:
        """Return the complement of a bit."""
        return self.lut(lambda value: 1 - value, bit)

    def add(self, a: Sequence[int], b: Sequence[int], carry: int, width: int) -> tuple[int, ...]:
        """Return the low ``width`` bits of ``a + b + carry``."""
        if carry == FALSE and not any(b):
            return (*a, *[FALSE] * width)[:width]
        a, b = _trimmed(a, width), _trimmed(b, width)
        # No bit of the sum is above the carry of the longer operand.
        used = min(width, max(len(a), len(b)) + 1)
        first = self._node(Add(a, b, carry, used))
        return (*range(first, first + used), *[FALSE] * (width - used))

    def _node(self, node: Node) -> int:
        if node not in self._made:
            level = 1 + max(self.level.get(bit, 0) for bit in node.sources)
            self.level |= dict.fromkeys(range(self._next, self._next + node.width), level)
            self._made[node] = self._next
            self._next += node.width
            self.nodes.append(node)
        return self._made[node]


def _trimmed(word: Sequence[int], width: int) -> tuple[int, ...]:
    """Return a word without the zeros at its top, and not longer than the sum."""
    bits = list(word)[:width]
    while bits and bits[-1] == FALSE:
        bits.pop()
    return tuple(bits)


def _halves(table: int, place: int, inputs: int) -> tuple[int, int]:
    """Return the truth tables with input ``place`` at 0 and at 1."""
    halves = [0, 0]
    seen = [0, 0]
    for index in range(1 << inputs):
        side = index >> place & 1
        halves[side] |= (table >> index & 1) << seen[side]
        seen[side] += 1
    return halves[0], halves[1]
