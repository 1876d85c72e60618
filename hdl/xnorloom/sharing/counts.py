"""Counts: nodes that add up literals and shared units."""

import heapq

from .builder import Builder
from .program import FALSE, FIRST_INPUT
from .share import Sums, Unit

__all__ = ["Counter"]

_Word = tuple[int, ...]


class Counter:
    """Maker of counts.

    Parameters
    ----------
    builder : Builder
        Builder to which nodes are added.
    sums : Sums
        Sums to count, and the units that they share.
    """

    def __init__(self, builder: Builder, sums: Sums):
        self._builder, self._sums = builder, sums
        self._words: list[_Word] = []
        for unit in sums.units:
            self._words.append(self._unit(unit))

    def literal(self, literal: int) -> int:
        """Return the bit of a literal."""
        bit = FIRST_INPUT + literal // 2
        return bit if literal & 1 else self._builder.invert(bit)

    def count(self, row: int, *, keep: bool) -> tuple[_Word, int]:
        """Return the count of a sum, and one more bit of its weight that must be added to it.

        That bit is ``FALSE`` without ``keep``; with it, it is the carry input of the next adder.
        """
        # Full adders invert for nothing, carry inputs do not: the last ones are not inverted.
        literals = sorted(self._sums.literals[row], key=lambda literal: (literal & 1, literal))
        kept = self.literal(literals.pop()) if keep and literals else FALSE
        return self._total(literals, self._sums.used[row]), kept

    def _unit(self, unit: Unit) -> _Word:
        if not unit.units:
            return self._full_adder(list(unit.literals))
        a, b = (self._words[part] for part in unit.units)
        carry = self.literal(unit.literals[0]) if unit.literals else FALSE
        return self._builder.add(a, b, carry, unit.size.bit_length())

    def _full_adder(self, literals: list[int]) -> _Word:
        """Return the count of one to three literals."""
        bits = [FIRST_INPUT + literal // 2 for literal in literals]
        flips = [1 - (literal & 1) for literal in literals]

        def counted(*values: int) -> int:
            return sum(value ^ flip for value, flip in zip(values, flips))

        return tuple(self._builder.lut(lambda *values, place=place: counted(*values) >> place & 1,
                                       *bits)
                     for place in range(len(literals).bit_length()))

    def _total(self, literals: list[int], units: list[int]) -> _Word:
        """Return the count of literals and units, smallest first, with carry inputs."""
        # Largest count, a number that keeps the order, and the word.
        parts: list[tuple[int, int, _Word]] = [
            (self._sums.units[unit].size, place, self._words[unit])
            for place, unit in enumerate(units)]
        # So many full adders that each further adder has a literal as its carry input.
        adders = min(max(0, -(-(len(literals) - len(parts) + 1) // 4)), len(literals) // 3)
        for _ in range(adders):
            parts.append((3, len(parts), self._full_adder(literals[:3])))
            literals = literals[3:]
        if not parts and literals:
            group = literals[:3]
            parts.append((len(group), 0, self._full_adder(group)))
            literals = literals[3:]
        if not parts:
            return ()
        heapq.heapify(parts)
        made = len(parts)
        while len(parts) > 1 or literals:
            most, _, word = heapq.heappop(parts)
            other: _Word = ()
            if parts:
                more, _, other = heapq.heappop(parts)
                most += more
            carry = self.literal(literals.pop()) if literals else FALSE
            most += carry != FALSE
            word = self._builder.add(word, other, carry, most.bit_length())
            heapq.heappush(parts, (most, made, word))
            made += 1
        return parts[0][2]
