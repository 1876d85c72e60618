# amaranth: UnusedElaboratable=no
"""Structures whose cells are counted: those of this project, and plain ones beside them."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path

from amaranth.hdl import Elaboratable, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from matrices import MATRICES, matrix
from peer import write
from wired import neurons

from xnorloom.gateware.accumulator import Accumulator
from xnorloom.gateware.layer import Layer
from xnorloom.gateware.neuron import Neuron
from xnorloom.gateware.popcount import Popcount
from xnorloom.graph import Graph
from xnorloom.schedule import Fold, LayerPlan
from xnorloom.target.family import Family

__all__ = ["FORMS", "Structure", "structures"]

FORMS = ("xnorloom", "sum", "halves", "da4ml")
_MODELS = Path(__file__).resolve().parents[2] / "models"
_PE, _SIMD = 12, 32
# Neurons, synapses and frames at once of the batch.
_BATCH = 4, 64, 4
# Weights of matrices that both families are routed with. Larger ones exceed an iCE40HX8K, and their
# routing takes hours: they are packed only.
_ROUTED = 1 << 12


class Between(wiring.Component):
    """Logic between a shift register of ``inputs`` bits and an output register."""

    def __init__(self, inputs: int, outputs: int, body: Callable[[Module, Value], Value]):
        self._inputs, self._body = inputs, body
        super().__init__({"i": In(1), "o": Out(outputs)})

    def elaborate(self, platform):
        m = Module()
        bits = Signal(self._inputs, reset_less=True)
        result = Signal.like(self.o, reset_less=True)
        m.d.sync += [bits.eq(bits << 1 | self.i), result.eq(self._body(m, bits))]
        m.d.comb += self.o.eq(result)
        return m


class Fed(wiring.Component):
    """Layer whose operands come from a shift register, since a chip lacks pins for them."""

    def __init__(self, layer: Layer):
        self._layer = layer
        super().__init__({"i": In(1), "valid": In(1), "ready": Out(1),
                          "o": layer.signature.members["o"]})

    def elaborate(self, platform):
        m = Module()
        m.submodules.layer = layer = self._layer
        bits = Signal(len(layer.i.payload), reset_less=True)
        m.d.sync += bits.eq(bits << 1 | self.i)
        m.d.comb += [layer.i.payload.eq(bits), layer.i.valid.eq(self.valid),
                     self.ready.eq(layer.i.ready)]
        wiring.connect(m, wiring.flipped(self.o), layer.o)
        return m


@dataclass(frozen=True)
class Structure:
    """Structure in one of its forms, for one family.

    Parameters
    ----------
    kind : str
        ``popcount``, ``neuron``, ``layer``, ``batch``: a layer that processes frames at once,
        ``wired``: all neurons of a layer with constant weights, or ``pipelined``: these with
        registers.
    size : int
        Bits of a popcount, synapses of a neuron, lanes of a layer or batch, weights.
    form : str
        One of :data:`FORMS`: the components of this project, ``sum`` of all bits, a plain tree of
        halves, or adders found by da4ml.
    family : Family
        Family of FPGAs.
    matrix : str
        One of :data:`~matrices.MATRICES` if neurons are wired.
    """

    kind: str
    size: int
    form: str
    family: Family
    matrix: str = ""

    @property
    def name(self) -> str:
        """Kind, size or matrix, form and family, separated by dashes."""
        what = self.matrix.lower().replace(" × ", "x").replace(" of ", "-").replace(" ", "-")
        return f"{self.kind}-{what or self.size}-{self.form}-{self.family}"

    @property
    def routed(self) -> bool:
        """True if the structure is placed and routed, not only packed."""
        return not self.matrix or self.size <= _ROUTED

    @property
    def inputs(self) -> int:
        """Flip-flops at the inputs, which are subtracted from the cells of an iCE40."""
        match self.kind:
            case "popcount":
                return self.size
            case "neuron":
                return 2 * self.size + self.size.bit_length()
            case "batch":
                return self.size // _BATCH[0]
            case "wired" | "pipelined":
                return matrix(self.matrix).weights.shape[1]
        return 0

    def prepare(self, folder: Path) -> list[Path] | None:
        """Write files that the component needs beside it; ``None`` if that took too long.

        Raises
        ------
        ToolError
            If another program that makes them fails.
        """
        if self.form != "da4ml":
            return []
        path = folder / "da4ml.v"
        return [path] if write(self.matrix, path) else None

    def design(self, files: list[Path]) -> Elaboratable:
        """Return the component to place and route, which needs the files of :meth:`prepare`."""
        match self.kind:
            case "popcount":
                return Between(self.inputs, self.size.bit_length(), self._popcount)
            case "neuron":
                return Between(self.inputs, 1, self._neuron)
            case "batch":
                return Fed(self._layer(*_BATCH))
            case "wired" | "pipelined":
                return Between(
                    self.inputs, len(matrix(self.matrix).weights), lambda m, bits: neurons(
                        m, bits, self.matrix, self.kind, files[0] if files else None))
        return self._layer(_PE, _SIMD, 1)

    def _layer(self, pe: int, simd: int, frames: int) -> Layer:
        return Layer(LayerPlan(Graph.load(_MODELS / "sfc.bnn").layers[1], Fold(
            pe, simd, "block", 2, read_register=self.family.slow_block_ram, vectors=frames)))

    def _popcount(self, m: Module, bits: Value) -> Value:
        if self.form == "xnorloom":
            m.submodules.popcount = popcount = Popcount(self.size)
            m.d.comb += popcount.i.eq(bits)
            return popcount.o
        return _sum(m, bits) if self.form == "sum" else _halves(bits)

    def _neuron(self, m: Module, bits: Value) -> Value:
        x, w, t = bits[:self.size], bits[self.size:2 * self.size], bits[2 * self.size:]
        if self.form == "xnorloom":
            # Activations and weights arrive as codes, as in a layer with weights in RAM.
            m.submodules.neuron = neuron = Neuron(Accumulator(self.size, coded=True))
            m.d.comb += [neuron.x.eq(x), neuron.w.eq(w), neuron.threshold.eq(t)]
            return neuron.o
        products = ~(x ^ w)
        return (_sum(m, products) if self.form == "sum" else _halves(products)) >= t


def _sum(m: Module, bits: Value) -> Value:
    total = bits[0]
    for count, bit in enumerate(list(bits)[1:], 2):
        # A signal each, since expressions may not be as deep as there are bits.
        after = Signal(range(count + 1), name=f"total{count}")
        m.d.comb += after.eq(total + bit)
        total = after
    return total


def _halves(bits: Value) -> Value:
    half = len(bits) // 2
    return _halves(bits[:half]) + _halves(bits[half:]) if half else bits


def structures(*, quick: bool = False) -> list[Structure]:
    """Return all structures; with ``quick``, those of 64 bits."""
    sizes = {"popcount": (64, 256, 784), "neuron": (64, 256)}
    if quick:
        sizes = dict.fromkeys(sizes, (64,))
    found = [Structure(kind, size, form, family) for kind in sizes for size in sizes[kind]
             for family in Family for form in FORMS if form != "da4ml"]
    if not quick:
        found += [Structure(kind, size, "xnorloom", family)
                  for kind, size in (("layer", _PE * _SIMD), ("batch", prod(_BATCH)))
                  for family in Family]
        found += _wired()
    return found


def _wired() -> list[Structure]:
    """Return the structures with constant weights."""
    found = []
    for name in MATRICES:
        for kind, form in (("wired", "xnorloom"), ("wired", "da4ml"), ("pipelined", "xnorloom")):
            entries = [Structure(kind, matrix(name).weights.size, form, family, name)
                       for family in Family]
            # No iCE40 has room for the larger ones, and registers do not change the packed cells of
            # an ECP5 by much.
            found += [entry for entry in entries
                      if entry.routed or entry.family is Family.ECP5 and kind == "wired"]
    return found
