"""A fold: how many neurons and synapses of a layer are worked on in one cycle."""

from dataclasses import dataclass

from ..graph import Layer
from ..support.arguments import integer
from ..target.device import SPRAM_WIDTH

__all__ = ["RAM_STYLES", "STYLES", "Fold"]

STYLES = ("wired", "lut", "block", "spram")
# Those whose words come a cycle after their address.
RAM_STYLES = ("block", "spram")


@dataclass(frozen=True)
class Fold:
    """How one layer is folded.

    Parameters
    ----------
    pe : int
        Neurons worked on at once (processing elements).
    simd : int
        Synapses of each of those neurons worked on at once.
    style : str
        Where the weights live: ``wired`` (constants; needs ``pe`` and ``simd`` to be the whole
        layer), ``lut`` (look-up tables), ``block`` (block RAM), or ``spram`` (the large RAMs of an
        iCE40 UltraPlus, one for each 16 lanes, which are loaded before the first frame).
    register_every : int
        Adder levels of the popcount tree between two registers; 0 for none.
    read_register : bool
        Whether weights are registered before they are used (not ``wired``): for chips whose RAM
        is slow, such as ECP5 (5.6 ns from the clock to the word), and for look-up tables of many
        words, which are several levels of logic.
    """

    pe: int
    simd: int
    style: str
    register_every: int = 2
    read_register: bool = False

    def __post_init__(self):
        for name, low in (("pe", 1), ("simd", 1), ("register_every", 0)):
            value = integer(f"Fold {name}", getattr(self, name), low)
            object.__setattr__(self, name, value)
        if self.style not in STYLES:
            raise ValueError(f"Fold style must be one of {', '.join(STYLES)}, not {self.style!r}")
        if not isinstance(self.read_register, bool):
            raise TypeError(f"Fold read_register must be a bool, not {self.read_register!r}")
        if self.read_register and self.style == "wired":
            raise ValueError(f"Fold read_register needs style {', '.join(STYLES[1:])}, not "
                             f"{self.style!r}")

    def synapse_folds(self, layer: Layer) -> int:
        """Steps over one bit plane of the inputs of ``layer``, the last perhaps not full."""
        return -(-layer.inputs // self.simd)

    def neuron_folds(self, layer: Layer) -> int:
        """Steps over the neurons of ``layer``, the last perhaps not full."""
        return -(-layer.neurons // self.pe)

    def depth(self, layer: Layer) -> int:
        """Weight words that each lane steps through."""
        return self.neuron_folds(layer) * self.synapse_folds(layer)

    @property
    def lanes(self) -> int:
        """XNOR gates, ``pe * simd``."""
        return self.pe * self.simd

    @property
    def sprams(self) -> int:
        """SPRAMs that hold the weights: one for each 16 lanes of style ``spram``."""
        return -(-self.lanes // SPRAM_WIDTH) if self.style == "spram" else 0
