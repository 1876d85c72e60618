"""Fold of a layer: processing elements, synapses per cycle, weight style."""

import enum
from dataclasses import dataclass

from ..support.arguments import integer
from ..target.device import LUT_DEPTH, SPRAM_DEPTH

__all__ = ["MOST_VECTORS", "USUAL_VECTORS", "Fold", "WeightStyle"]

# A stream of one bit per element fills at most as many vectors as a layer has cycles; elements for
# more would take any chip by far.
MOST_VECTORS = 256
# Most vectors at once unless the user asks for more. With so many, accumulators and operands take
# most of a chip, and the memories with the weights are no limit any more.
USUAL_VECTORS = 8


class WeightStyle(enum.StrEnum):
    """Memory that holds the weights of a layer. Values are the words in files and options."""

    WIRED = "wired"
    LUT = "lut"
    BLOCK = "block"
    SPRAM = "spram"

    def __repr__(self) -> str:
        return repr(self.value)

    @property
    def in_ram(self) -> bool:
        """True if weights are in block RAM or SPRAM."""
        return self in (WeightStyle.BLOCK, WeightStyle.SPRAM)

    @property
    def latency(self) -> int:
        """Cycles from the address of a weight word to the word."""
        return int(self.in_ram)

    @property
    def loadable(self) -> bool:
        """True if weights are loaded after reset, before the first frame."""
        return self is WeightStyle.SPRAM

    @property
    def depths(self) -> range:
        """Weight words per lane that this style can hold; no real limit for LUT and BLOCK."""
        match self:
            case WeightStyle.WIRED:
                return range(1, 2)
            case WeightStyle.SPRAM:
                return range(2, SPRAM_DEPTH + 1)
            case _:
                return range(1, 1 << 62)

    @classmethod
    def cheapest(cls, depth: int) -> "WeightStyle":
        """Return the style with the fewest cells for ``depth`` weight words per lane."""
        if depth == 1:
            return cls.WIRED
        return cls.LUT if depth <= LUT_DEPTH else cls.BLOCK


@dataclass(frozen=True)
class Fold:
    """Fold of a layer.

    Parameters
    ----------
    pe : int
        Processing elements: neurons processed per cycle.
    simd : int
        Synapses of each of these neurons processed per cycle.
    style : WeightStyle or str
        ``wired`` (constants; ``pe`` and ``simd`` must be the whole layer), ``lut`` (look-up
        tables), ``block`` (block RAM) or ``spram`` (SPRAM of an iCE40 UltraPlus, one per 16 bits
        of a word, loaded before the first frame).
    register_every : int
        Adder levels between two registers of the popcount tree; 0 for no registers.
    read_register : bool
        True to register weights after they are read (not ``wired``): for slow RAM, such as that of
        ECP5 (5.6 ns from clock to word), and for look-up tables of many words, which are several
        levels of logic.
    vectors : int
        Activation vectors that share each weight word, 1 to 256: frames that a network without
        convolutions processes at once, or outputs side by side that a convolution computes at
        once. Accumulators and operands exist once per vector, weights, parameters and the
        sequencer once.
    """

    pe: int
    simd: int
    style: WeightStyle
    register_every: int = 2
    read_register: bool = False
    vectors: int = 1

    def __post_init__(self):
        for name, low in (("pe", 1), ("simd", 1), ("register_every", 0)):
            value = integer(f"Fold {name}", getattr(self, name), low)
            object.__setattr__(self, name, value)
        vectors = integer("Fold vectors", self.vectors, 1, MOST_VECTORS)
        object.__setattr__(self, "vectors", vectors)
        try:
            object.__setattr__(self, "style", WeightStyle(self.style))
        except ValueError:
            raise ValueError(f"Fold style must be one of {', '.join(WeightStyle)}, "
                             f"not {self.style!r}") from None
        if not isinstance(self.read_register, bool):
            raise TypeError(f"Fold read_register must be a bool, not {self.read_register!r}")
        if self.read_register and self.style is WeightStyle.WIRED:
            raise ValueError(f"Fold read_register needs style {', '.join(list(WeightStyle)[1:])}, "
                             f"not {str(self.style)!r}")

    @property
    def lanes(self) -> int:
        """Weights per word, ``pe * simd``; each is compared with ``vectors`` activations."""
        return self.pe * self.simd

    @property
    def read_latency(self) -> int:
        """Cycles from the address of a weight word to the registered word."""
        return self.style.latency + self.read_register
