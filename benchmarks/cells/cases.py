# amaranth: UnusedElaboratable=no
"""Layers and networks whose estimates are compared with synthesis."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from amaranth.hdl import Elaboratable, Module
from amaranth.lib import wiring

from xnorloom.folding.automatic import automatic
from xnorloom.folding.estimate import estimate, layer_cost
from xnorloom.gateware.layer import Layer
from xnorloom.gateware.network import Network
from xnorloom.gateware.stream import RegisterSlice
from xnorloom.graph import Conv, Dense, Graph, Map
from xnorloom.schedule import Fold, LayerPlan, Plan, Schedule
from xnorloom.target.family import Family

__all__ = ["Case", "cases"]

_MODELS = Path(__file__).resolve().parents[2] / "models"


@dataclass(frozen=True)
class Case:
    """Layer or network under a fold, for one family.

    Parameters
    ----------
    what : str
        Layer or network, for people.
    fold : str
        Fold or interval, for people.
    family : Family
        Family of FPGAs.
    plan : callable
        Makes the plan of a layer or network.
    """

    what: str
    fold: str
    family: Family
    plan: Callable[[], LayerPlan | Plan]

    @property
    def kind(self) -> str:
        """``layer`` or ``network``."""
        return "layer" if isinstance(self.plan(), LayerPlan) else "network"

    @property
    def name(self) -> str:
        """All that identifies it, with dashes."""
        return f"{self.kind} {self.what} {self.fold} {self.family}".replace(" ", "-")

    def component(self) -> Elaboratable:
        """Return the component to synthesise."""
        plan = self.plan()
        return _Sliced(Layer(plan)) if isinstance(plan, LayerPlan) else Network(plan)

    def estimate(self) -> int:
        """Return its estimated cells."""
        plan = self.plan()
        if isinstance(plan, LayerPlan):
            return layer_cost(plan, self.family).cells
        return sum(cost.cells for cost in estimate(plan, self.family))


class _Sliced(wiring.Component):
    """Layer and the register slice after it, which its estimate includes."""

    def __init__(self, layer: Layer):
        self._layer = layer
        members = layer.signature.members
        super().__init__({name: members[name] for name in ("i", "o")})

    def elaborate(self, platform):
        m = Module()
        m.submodules.layer = layer = self._layer
        m.submodules.slice = after = RegisterSlice(layer.o.payload.shape())
        wiring.connect(m, wiring.flipped(self.i), layer.i)
        wiring.connect(m, layer.o, after.i)
        wiring.connect(m, wiring.flipped(self.o), after.o)
        return m


def cases() -> list[Case]:
    """Return all cases."""
    layers = [
        ("tfc", 1, 1, [Fold(8, 16, "lut", 2), Fold(4, 16, "block", 2), Fold(16, 64, "lut", 2),
                       Fold(64, 64, "wired", 0), Fold(64, 64, "wired", 2)]),
        ("tfc", 3, 1, [Fold(10, 64, "wired", 2), Fold(5, 16, "lut", 2)]),
        ("sfc", 1, 1, [Fold(12, 32, "block", 2), Fold(4, 64, "block", 2)]),
        ("sfc8", 0, 8, [Fold(4, 28, "block", 2)]),
        ("mnist-cnn", 0, 1, [Fold(16, 9, "wired", 2), Fold(4, 3, "lut", 2)]),
        ("mnist-cnn", 1, 1, [Fold(32, 144, "wired", 2), Fold(8, 16, "block", 2)]),
    ]
    found = []
    for family in Family:
        for model, index, planes, folds in layers:
            for fold in folds:
                slow = family.slow_block_ram and fold.style.in_ram
                fold = Fold(fold.pe, fold.simd, fold.style, fold.register_every, slow)
                found.append(Case(f"{model}, layer {index + 1}", _text(fold), family,
                                  _maker(model, index, planes, fold)))
        sparse = Fold(48, 96, "wired", 2)
        found.append(Case("48 × 96, a quarter of the synapses", _text(sparse), family,
                          lambda fold=sparse: LayerPlan(_sparse(), fold)))
        planes = Fold(24, 32, "wired", 2)
        found.append(Case("24 × 32 of 4 bit planes", _text(planes), family,
                          lambda fold=planes: LayerPlan(_planes(), fold, 4)))
        for model, interval in (("tfc", 392), ("tfc", 106), ("sfc", 1700), ("mnist-cnn", 5400)):
            found.append(Case(model.upper(), f"interval {interval:,}", family,
                              lambda model=model, interval=interval: _network(model, interval)))
        found.append(Case("64-64-64-10 of TFC", "interval 1", family, _wired))
    return found


def _text(fold: Fold) -> str:
    return f"{fold.pe} × {fold.simd} {fold.style}, registers every {fold.register_every}"


@cache
def _graph(model: str) -> Graph:
    return Graph.load(_MODELS / f"{model}.bnn")


def _maker(model: str, index: int, planes: int, fold: Fold) -> Callable[[], LayerPlan]:
    def make() -> LayerPlan:
        graph = _graph(model)
        layer = graph.layers[index]
        map: Map | None = graph.maps[index] if isinstance(layer, Conv) else None
        return LayerPlan(layer, fold, planes, map=map)
    return make


@cache
def _sparse() -> Dense:
    rng = np.random.default_rng(1)
    present = rng.random((48, 96)) < 0.25
    thresholds = present.sum(axis=1) // 2 + rng.integers(-2, 3, 48)
    return Dense("sparse", rng.integers(0, 2, (48, 96)), thresholds, present=present)


@cache
def _planes() -> Dense:
    rng = np.random.default_rng(2)
    return Dense("planes", rng.integers(0, 2, (24, 32)), rng.integers(200, 280, 24))


@cache
def _network(model: str, interval: int) -> Plan:
    graph = _graph(model)
    return automatic(graph, interval).bind(graph)


@cache
def _wired() -> Plan:
    graph = _graph("tfc")
    part = Graph("part", graph.input.__class__((64,), 1), graph.layers[1:])
    folds = [Fold(layer.neurons, layer.inputs, "wired", 2) for layer in part.layers]
    return Schedule(64, tuple(folds)).bind(part)
