# amaranth: UnusedElaboratable=no
"""Structures whose cells are counted: those of this project, and plain ones beside them."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path

from amaranth.hdl import Elaboratable, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from xnorloom.gateware.accumulator import Accumulator
from xnorloom.gateware.layer import Layer
from xnorloom.gateware.neuron import Neuron
from xnorloom.gateware.popcount import Popcount
from xnorloom.gateware.wired import WiredNeurons
from xnorloom.graph import Dense, Graph
from xnorloom.schedule import Fold, LayerPlan
from xnorloom.sharing import solve
from xnorloom.target.family import Family

__all__ = ["FORMS", "Structure", "structures"]

FORMS = ("xnorloom", "sum", "halves")
_MODELS = Path(__file__).resolve().parents[2] / "models"
_PE, _SIMD = 12, 32
# Neurons, synapses and frames at once of the batch.
_BATCH = 4, 64, 4
# Levels between two registers of neurons that share counts.
_EVERY = {"wired": 0, "pipelined": 2}


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
        One of :data:`FORMS`: the components of this project, ``sum`` of all bits, or a plain tree
        of halves.
    family : Family
        Family of FPGAs.
    """

    kind: str
    size: int
    form: str
    family: Family

    @property
    def name(self) -> str:
        """Kind, size, form and family, separated by dashes."""
        return f"{self.kind}-{self.size}-{self.form}-{self.family}"

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
                return _wired_layer().inputs
        return 0

    def design(self) -> Elaboratable:
        """Return the component to place and route."""
        match self.kind:
            case "popcount":
                return Between(self.inputs, self.size.bit_length(), self._popcount)
            case "neuron":
                return Between(self.inputs, 1, self._neuron)
            case "batch":
                return Fed(self._layer(*_BATCH))
            case "wired" | "pipelined":
                return Between(self.inputs, _wired_layer().neurons, self._wired)
        return self._layer(_PE, _SIMD, 1)

    def _layer(self, pe: int, simd: int, frames: int) -> Layer:
        return Layer(LayerPlan(Graph.load(_MODELS / "sfc.bnn").layers[1], Fold(
            pe, simd, "block", 2, read_register=self.family.slow_block_ram, vectors=frames)))

    def _wired(self, m: Module, bits: Value) -> Value:
        layer = _wired_layer()
        found = solve(2 * layer.weights.astype(int) - 1, layer.thresholds)
        m.submodules.neurons = neurons = WiredNeurons(found, register_every=_EVERY[self.kind])
        m.d.comb += neurons.x.eq(bits)
        return neurons.o.as_value()

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


def _wired_layer() -> Dense:
    layer = Graph.load(_MODELS / "tfc.bnn").layers[1]
    assert isinstance(layer, Dense)
    return layer


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
             for family in Family for form in FORMS]
    if not quick:
        found += [Structure(kind, size, "xnorloom", family)
                  for kind, size in (("layer", _PE * _SIMD), ("batch", prod(_BATCH)),
                                     *((kind, _wired_layer().weights.size) for kind in _EVERY))
                  for family in Family]
    return found
