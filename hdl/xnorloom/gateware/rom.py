"""ROM for weights, thresholds, scales and offsets."""

from collections.abc import Sequence

from amaranth.hdl import C, Cat, Module, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..schedule import WeightStyle
from ..support.arguments import integer

__all__ = ["Rom"]

# Weight styles whose words are in the bitstream.
_STYLES = tuple(style for style in WeightStyle if not style.loadable)


class Rom(wiring.Component):
    """Table of constant words, in one of the weight styles.

    - ``wired``: a constant.
    - ``lut``: a function of the address in look-up tables; up to eight words share a LUT4 with the
      gate that follows.
    - ``block``: a block RAM with its read register.

    ``latency``, from address to word, is 0, or 1 enabled cycle for ``block``; ``interval`` is 1.

    Parameters
    ----------
    words : sequence of int
        Contents, unsigned; a single word for ``wired``.
    width : int
        Bits per word.
    style : WeightStyle or str
        ``wired``, ``lut`` or ``block``.

    Members
    -------
    address : In(range(len(words)))
        Address of the word, below ``len(words)``.
    en : In(1, init=1)
        Enable of the read register of ``block``.
    o : Out(width)
        Word at the address.
    """

    interval = 1

    def __init__(self, words: Sequence[int], width: int, style: WeightStyle | str):
        if style not in _STYLES:
            raise ValueError(f"Rom style must be one of {', '.join(_STYLES)}, not {style!r}")
        style = WeightStyle(style)
        width = integer("Rom width", width, 0)
        if not words:
            raise ValueError("Rom must have at least one word")
        if style is WeightStyle.WIRED and len(words) != 1:
            raise ValueError(f"Rom of style wired must have one word, not {len(words)}")
        words = tuple(integer("Each table word", word) for word in words)
        for word in words:
            if not 0 <= word < 1 << width:
                raise ValueError(f"Rom word must have at most {width} bits, not {word!r}")
        self._words, self._width, self._style = words, width, style
        super().__init__({"address": In(range(len(words))), "en": In(1, init=1), "o": Out(width)})

    @property
    def latency(self) -> int:
        return self._style.latency

    @property
    def depth(self) -> int:
        return len(self._words)

    def model(self, address: int) -> int:
        """Return the word at ``address``."""
        return self._words[address]

    def elaborate(self, platform):
        m = Module()
        if self.depth == 1 or self._width == 0:
            m.d.comb += self.o.eq(C(self._words[0], self._width))
        elif self._style is WeightStyle.BLOCK:
            # Without the attributes Yosys puts shallow memories into flip-flops.
            m.submodules.memory = memory = Memory(
                shape=unsigned(self._width), depth=self.depth, init=self._words,
                attrs={"ram_style": "block", "rom_style": "block"})
            port = memory.read_port()
            m.d.comb += [port.addr.eq(self.address), port.en.eq(self.en), self.o.eq(port.data)]
        else:
            m.d.comb += self.o.eq(Cat(self._column(position) for position in range(self._width)))
        return m

    def _column(self, position: int):
        column = sum((word >> position & 1) << index for index, word in enumerate(self._words))
        return C(column, self.depth).bit_select(self.address, 1)
