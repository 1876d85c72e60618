"""Adders of counts: in generic logic, and with the carry chains of an ECP5."""

from collections.abc import Sequence

from amaranth.hdl import C, Cat, Instance, Module, Mux, Signal, Value

from ...target.family import Family

__all__ = ["Adders", "Ecp5Adders", "adders", "full_adder"]


def full_adder(a: Value, b: Value, c: Value) -> tuple[Value, Value]:
    """Return the sum and the carry of three bits, two LUT4."""
    differ = a ^ b
    return differ ^ c, Mux(differ, c, a)


class Adders:
    """Adders in generic logic, which are the smallest on an iCE40.

    Yosys gives each a carry chain: a cell per bit of the sum, and one that feeds the carry input.
    """

    family = Family.ICE40

    def add(self, m: Module, a: Value, b: Value, carry: Value, width: int, *, name: str,
            factors: tuple[Value, Value] | None = None) -> Value:
        """Return the low ``width`` bits of ``a + b + carry``.

        ``factors`` are two bits whose XNOR is ``carry``, if there are such. ``name`` is unique in
        ``m``.
        """
        # Yosys merges sums of sums into one macro cell of full adders (1.8 cells per bit of a
        # popcount). One more bit on both operands makes the third the carry input of a plain adder,
        # and keeps the sum from being merged where there is no carry.
        return (Cat(C(1, 1), a) + Cat(carry, b))[1:width + 1]

    def carries(self, m: Module, p: Value, t: Value, *, name: str) -> Value:
        """Return bit ``len(p)`` of ``p + t``, where ``t`` has one bit more and is a complement."""
        return (p + t)[len(p)]


class Ecp5Adders(Adders):
    """Adders with CCU2C cells, and with full adders in LUT4 where these are as small.

    The first half cell of a chain generates the carry and propagates nothing, so that its own carry
    input has no effect: the form in which nextpnr itself feeds a carry into a chain. A build leaves
    that input open, since nextpnr would add a cell for a constant. The half cell generates the XNOR
    of two bits, so that a product that is a carry input takes no look-up table.
    """

    family = Family.ECP5

    # Initial values of half a CCU2C with D at 1: bits 8 to 15 are the propagate function of C, B
    # and A, bits 0 to 3 the generate function of B and A.
    _SUM = 0x96AA
    _XNOR = 0x0009
    _AND = 0x0008

    def add(self, m: Module, a: Value, b: Value, carry: Value, width: int, *, name: str,
            factors: tuple[Value, Value] | None = None) -> Value:
        bits = max(len(a), len(b))
        if bits <= 2 or bits == 3 and isinstance(carry, C):
            total = []
            for index in range(bits):
                out, carry = full_adder(*(_bit(word, index) for word in (a, b)), carry)
                total.append(out)
            return Cat(*total, carry)[:width]
        pairs = [(_bit(a, index), _bit(b, index)) for index in range(width)]
        if isinstance(carry, C) and width % 2 == 0:
            # One half cell less: the first bit has nothing to add to.
            return Cat(a[0] ^ b[0], self._chain(m, pairs, self._AND, name)[1:])
        pairs.insert(0, factors or (carry, C(1, 1)))
        return Cat(self._chain(m, pairs, self._XNOR, name)[1:])

    def carries(self, m: Module, p: Value, t: Value, *, name: str) -> Value:
        pairs = [(_bit(p, index), t[index]) for index in range(len(p) + 1)]
        return self._chain(m, pairs, self._AND, name)[-1]

    def _chain(self, m: Module, pairs: Sequence[tuple[Value, Value]], first: int,
               name: str) -> list[Value]:
        """Return the sums of pairs of bits, of which the first only generates a carry."""
        cells = -(-len(pairs) // 2)
        padded = [*pairs, *[(C(0, 1), C(0, 1))] * (2 * cells - len(pairs))]
        carries = Signal(cells, name=f"{name}_carry")
        sums = Signal(2 * cells, name=f"{name}_sum")
        for index in range(cells):
            (a0, b0), (a1, b1) = padded[2 * index:2 * index + 2]
            m.submodules[f"{name}_{index}"] = Instance(
                "CCU2C", p_INIT0=C(self._SUM if index else first, 16), p_INIT1=C(self._SUM, 16),
                p_INJECT1_0="NO", p_INJECT1_1="NO",
                i_CIN=carries[index - 1] if index else C(0, 1),
                i_A0=a0, i_B0=b0, i_C0=C(0, 1), i_D0=C(1, 1),
                i_A1=a1, i_B1=b1, i_C1=C(0, 1), i_D1=C(1, 1),
                o_S0=sums[2 * index], o_S1=sums[2 * index + 1], o_COUT=carries[index])
        return list(sums[:len(pairs)])


def adders(platform) -> Adders:
    """Return the adders for the chip of ``platform``; those in generic logic for ``None``."""
    device = getattr(platform, "device", None) or ""
    return Ecp5Adders() if device.startswith("LFE5") else Adders()


def _bit(word: Value, index: int) -> Value:
    return word[index] if index < len(word) else C(0, 1)
