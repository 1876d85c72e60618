"""Neurons of constant weights, which share their counts."""

import numpy as np
from amaranth.hdl import C, Cat, Module, Mux, Shape, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..graph import Score
from ..schedule import LayerPlan
from ..sharing import FALSE, FIRST_INPUT, TRUE, Add, Lut, Result, Solution, solve
from ..support.activity import notice
from ..support.arguments import integer
from ..support.text import count
from ..support.yosys import PREMAPPED
from .counting.adders import Adders, adders

__all__ = ["WiredNeurons", "operand_weights", "program_thresholds", "solution"]


def solution(plan: LayerPlan) -> Solution:
    """Return the program of a layer whose neurons share counts; see ``LayerPlan.shares``.

    Its inputs are those of :func:`operand_weights`. Its results are activations or scores, or
    counts where ``plan.shares_numbers``.
    """
    layer = plan.layer
    offsets = layer.offsets if isinstance(layer, Score) and not plan.shares_numbers else None
    found = solve(operand_weights(plan), program_thresholds(plan), offsets)
    effort = found.effort
    if not effort.complete:
        notice(f"the search for shared counts of layer {layer.name!r} ended after its "
               f"{effort.steps:,} steps, with {count(effort.added, 'row')} added and "
               f"{count(effort.units, 'shared count')}; the layer works, but takes more cells than "
               f"a longer search would find")
    return found


def program_thresholds(plan: LayerPlan) -> np.ndarray | None:
    """Return the thresholds that are part of the program; ``None`` if its results are numbers."""
    return None if plan.shares_numbers or isinstance(plan.layer, Score) else plan.levels[0]


def operand_weights(plan: LayerPlan) -> np.ndarray:
    """Return the weight of each operand bit of a whole layer, -1, 0 or 1.

    Operands are those of all groups of a convolution, one after the other.

    Returns
    -------
    array of int8, shape (neurons, groups * simd)
    """
    layer, order = plan.layer, plan.order.reshape(-1)
    weights = 2 * layer.weights.reshape(layer.neurons, -1).astype(np.int8) - 1
    if layer.present is not None:
        weights *= layer.present.reshape(weights.shape)
    operands = np.where(order >= 0, weights[:, order], 0)
    if plan.groups == 1:
        return operands
    # A neuron has no synapses with the channels of other groups.
    own = np.repeat(np.eye(plan.groups, dtype=np.int8), layer.neurons // plan.groups, axis=0)
    return (own[:, :, None] * operands[:, None]).reshape(layer.neurons, -1)


class WiredNeurons(wiring.Component):
    """Neurons of constant weights: all activations, or all scores, of a vector.

    They are the look-up tables and adders of a program, with a register after every few levels; see
    :mod:`xnorloom.sharing`. ``latency`` is ``max(0, levels - 1) // register_every`` enabled cycles
    (0 if ``register_every`` is 0), where ``levels`` are the nodes on the longest path of the
    program. ``interval`` is 1.

    Parameters
    ----------
    solution : Solution
        The program; see :func:`xnorloom.sharing.solve`.
    shape : ShapeLike
        Shape of a result, which holds all that occur.
    register_every : int
        Levels between two registers; 0 for no registers.

    Members
    -------
    x : In(inputs)
        Activations.
    en : In(1, init=1)
        Enable of all registers.
    o : Out(data.ArrayLayout(shape, neurons))
        Results: activations, or counts with their offsets.
    """

    interval = 1

    def __init__(self, solution: Solution, shape=1, *, register_every: int = 0):
        if not isinstance(solution, Solution):
            raise TypeError(f"WiredNeurons solution must be a Solution, not {solution!r}")
        self._every = integer("WiredNeurons register_every", register_every, 0)
        self._solution, self._program = solution, solution.program
        self._shape = shape = Shape.cast(shape)
        for result in self._program.results:
            if len(result.bits) + (shape.signed and not result.signed) > shape.width or (
                    result.signed and not shape.signed):
                raise ValueError(f"WiredNeurons shape must hold {len(result.bits)} bits"
                                 f"{' with a sign' if result.signed else ''}, not {shape!r}")
        super().__init__({
            "x": In(self._program.inputs),
            "en": In(1, init=1),
            "o": Out(data.ArrayLayout(shape, len(self._program.results))),
        })

    @property
    def solution(self) -> Solution:
        return self._solution

    @property
    def shape(self) -> Shape:
        return self._shape

    @property
    def latency(self) -> int:
        return self._pipeline.stages

    @property
    def _pipeline(self):
        return self._solution.pipeline(self._every)

    def model(self, x: np.ndarray) -> np.ndarray:
        """Return the results of vectors of 0 and 1, shape (vectors, neurons)."""
        return self._program.run(x)

    def elaborate(self, platform):
        m = Module()
        inputs = Signal.like(self.x, attrs={PREMAPPED: 1})
        m.d.comb += inputs.eq(self.x)
        bits = _Bits(self._program.inputs, inputs)
        family, pipeline, nodes = adders(platform), self._pipeline, self._program.nodes
        waiting: dict[int, int] = {}
        order = sorted(range(len(nodes)), key=lambda place: pipeline.levels[place])
        for stage in range(pipeline.stages + 1):
            # Cycle `stage`: nodes, a module for each level, so that simulators settle in order.
            modules: dict[int, Module] = {}
            while order and pipeline.stage(pipeline.levels[order[0]]) == stage:
                place = order.pop(0)
                level = pipeline.levels[place]
                if level not in modules:
                    modules[level] = m.submodules[f"level{level}"] = Module()
                bits.compute(modules[level], self._program.firsts[place], nodes[place], family)
            # Its end: bits that are read later.
            waiting |= {bit: count for bit, count in pipeline.delays.items()
                        if bit in bits.now and bit not in waiting}
            carried = sorted(bit for bit, count in waiting.items() if count)
            if stage < pipeline.stages:
                register = Signal(len(carried), name=f"stage{stage + 1}", reset_less=True)
                with m.If(self.en):
                    m.d.sync += register.eq(Cat(bits.now[bit] for bit in carried))
                for index, bit in enumerate(carried):
                    bits.now[bit] = register[index]
                    waiting[bit] -= 1
        for index, result in enumerate(self._program.results):
            m.d.comb += self.o[index].eq(bits.number(result))
        return m


class _Bits:
    """Bits of a program, in the cycle of a stage.

    Attributes
    ----------
    now : dict of int to Value
        Value of each bit by its number.
    """

    def __init__(self, inputs: int, vector: Value):
        self.now: dict[int, Value] = {FALSE: C(0, 1), TRUE: C(1, 1)}
        self.now |= {FIRST_INPUT + place: vector[place] for place in range(inputs)}

    def compute(self, m: Module, first: int, node: Lut | Add, family: Adders) -> None:
        """Add a node, whose bits are numbered from ``first`` on."""
        value = Signal(node.width, name=f"{'sum' if isinstance(node, Add) else 'bit'}{first}")
        if isinstance(node, Add):
            m.d.comb += value.eq(family.add(
                m, self._word(node.a), self._word(node.b), self.now[node.carry], node.width,
                name=f"adder{first}"))
        else:
            m.d.comb += value.eq(_function(node.table, [self.now[bit] for bit in node.inputs]))
        self.now |= {first + place: value[place] for place in range(node.width)}

    def number(self, result: Result) -> Value:
        """Return the value of a result."""
        word = self._word(result.bits)
        return word.as_signed() if result.signed else word

    def _word(self, bits: tuple[int, ...]) -> Value:
        return Cat(self.now[bit] for bit in bits)


def _function(table: int, inputs: list[Value]) -> Value:
    """Return the value of a truth table, as gates that synthesis puts into a look-up table."""
    if not inputs:
        return C(table, 1)
    *rest, last = inputs
    size = 1 << len(rest)
    ones = (1 << size) - 1
    low, high = table & ones, table >> size
    match low, high:
        case _ if low == high:
            return _function(low, rest)
        case _ if low ^ high == ones:
            return _function(low, rest) ^ last if rest else (~last if low else last)
        case 0, _:
            return last & _function(high, rest)
        case _, 0:
            return ~last & _function(low, rest)
        case _, _ if low == ones:
            return ~last | _function(high, rest)
        case _, _ if high == ones:
            return last | _function(low, rest)
    return Mux(last, _function(high, rest), _function(low, rest))
