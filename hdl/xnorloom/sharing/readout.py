"""Readout of counts: thresholds as chains of look-up tables, and offsets."""

from collections.abc import Callable
from dataclasses import dataclass

from .builder import Builder
from .program import FALSE, TRUE, Result

__all__ = ["Count", "fires", "score"]

# A function of some bits, before it is a look-up table, and these bits.
_Link = tuple[Callable[..., int], tuple[int, ...]]
# Inputs of a look-up table.
_INPUTS = 4


@dataclass(frozen=True)
class Count:
    """Count ``p`` in ``0 … top``, known as the word ``sign * p + shift`` modulo a power of two.

    Parameters
    ----------
    word : tuple of int
        Bits of the word, the lowest first; enough for ``top``.
    sign : int
        1 or -1.
    shift : int
        Any constant.
    top : int
        Largest count.
    """

    word: tuple[int, ...]
    sign: int
    shift: int
    top: int

    @property
    def modulus(self) -> int:
        """Number of words, of which some may never occur."""
        return 1 << len(self.word)

    def value(self, count: int) -> int:
        """Return the word for a count."""
        return (self.sign * count + self.shift) % self.modulus


def fires(builder: Builder, count: Count, threshold: int) -> int:
    """Return the bit that is 1 iff a count reaches ``threshold``."""
    if threshold <= 0:
        return TRUE
    if threshold > count.top:
        return FALSE
    # Words that fire are neighbours on a circle, from `begin` to before `end`. One of the two is
    # at the threshold. The other is among words that never occur: where it takes fewest inputs.
    if count.sign > 0:
        begin, end = count.value(threshold), _roundest(count, count.top)
    else:
        begin, end = _roundest(count, 0), (count.value(threshold) + 1) % count.modulus
    reached, passed = _at_least(builder, count.word, begin), _at_least(builder, count.word, end)
    if end == 0:
        return builder.lut(*_flat(reached))
    if begin < end:
        return _merged(builder, reached, passed, lambda a, b: a & (1 - b))
    return _merged(builder, reached, passed, lambda a, b: a | (1 - b))


def score(builder: Builder, count: Count, offset: int) -> Result:
    """Return the number ``p + offset`` for a count."""
    bits, modulus = len(count.word), count.modulus
    constant = (offset - count.sign * count.shift) % modulus
    if count.sign > 0:
        low = _plus(builder, count.word, constant)
    else:
        # -v + c is the complement of v - c - 1.
        low = tuple(builder.invert(bit)
                    for bit in _plus(builder, count.word, -(constant + 1) % modulus))
    base, high = offset % modulus, offset >> bits
    wrapped = FALSE
    if base + count.top >= modulus:
        function, inputs = _at_least(builder, low, base)
        wrapped = builder.lut(lambda *values: 1 - function(*values), *inputs)
    signed, most = offset < 0, max(offset + count.top, -1 - offset)
    width = most.bit_length() + signed
    above = [builder.lut(lambda carried, place=place: (high + carried) >> place & 1, wrapped)
             for place in range(max(0, width - bits))]
    return Result((*low, *above)[:width], signed)


def _roundest(count: Count, last: int) -> int:
    """Return the word after that of the extreme count ``last`` with the most zeros at its end.

    It is the word after ``last`` or after one of those that follow and never occur.
    """
    first, unused = count.value(last) + 1, count.modulus - (count.top + 1)
    return max(((first + place) % count.modulus for place in range(unused + 1)),
               key=lambda word: _zeros(word, len(count.word)))


def _zeros(word: int, bits: int) -> int:
    return (word & -word).bit_length() - 1 if word else bits


def _at_least(builder: Builder, word: tuple[int, ...], bound: int) -> _Link:
    """Return the last link of a chain that compares a word with a constant."""
    # From the lowest bit up: a 1 of the bound needs the bit, a 0 is content with it.
    place = _zeros(bound, len(word))
    if place == len(word):
        return lambda *_: 1, ()
    link: _Link = _same, (word[place],)
    for low in range(place + 1, len(word), _INPUTS - 1):
        bits = word[low:low + _INPUTS - 1]
        needed = tuple(bound >> low + index & 1 for index in range(len(bits)))
        link = _linked(needed), (builder.lut(*_flat(link)), *bits)
    return link


def _same(value: int) -> int:
    return value


def _linked(needed: tuple[int, ...]) -> Callable[..., int]:
    def function(reached: int, *bits: int) -> int:
        for bit, need in zip(bits, needed):
            reached = bit & reached if need else bit | reached
        return reached
    return function


def _flat(link: _Link) -> tuple:
    return link[0], *link[1]


def _merged(builder: Builder, a: _Link, b: _Link, both: Callable[[int, int], int]) -> int:
    """Return the bit that is a function of two links, in as few look-up tables as possible."""
    links = [a, b]
    for place in sorted((0, 1), key=lambda place: -len(links[place][1])):
        if len({*links[0][1], *links[1][1]}) > _INPUTS:
            links[place] = _same, (builder.lut(*_flat(links[place])),)
    (first, inputs), (second, others) = links
    size = len(inputs)
    return builder.lut(lambda *values: both(first(*values[:size]), second(*values[size:])),
                       *inputs, *others)


def _plus(builder: Builder, word: tuple[int, ...], constant: int) -> tuple[int, ...]:
    """Return a word plus a constant, modulo its size."""
    low = _zeros(constant, len(word))
    bits = [TRUE if constant >> place & 1 else FALSE for place in range(low, len(word))]
    return (*word[:low], *builder.add(word[low:], bits, FALSE, len(word) - low))
