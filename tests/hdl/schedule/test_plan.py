# amaranth: UnusedElaboratable=no
"""Timing formulas of plans and stages, compared with numbers computed by hand."""

import numpy as np
import pytest

from xnorloom.errors import ScheduleError
from xnorloom.gateware.network import Network
from xnorloom.schedule import Fold, LayerPlan, Schedule


def test_worked_example(random_graph):
    # 784-64-10; first layer 7 synapse folds and 16 neuron folds, weights in block RAM, popcount
    # of 112 bits in 112 > 56 > 28 > 14 > 7 > 3: six levels, so three registers.
    graph = random_graph(np.random.default_rng(0), [784, 64, 10])
    schedule = Schedule(112, (Fold(4, 112, "block", 2), Fold(5, 64, "lut", 0)))
    result = schedule.bind(graph)
    first, last = result.layers
    assert (first.synapse_folds, first.neuron_folds, first.planes) == (7, 16, 1)
    assert (first.cycles, first.depth, first.operands) == (112, 112, "memory")
    # Operand buffer 2, then 111 more operands, weights 1, popcount 3, accumulator 1, output 1,
    # register slice 1.
    network = Network(result)
    before, after = network.stages
    assert before.latency == 2 + 111 + 1 + 3 + 1 + 1 + 1
    assert (last.cycles, last.depth, last.operands) == (2, 2, "registers")
    # Buffer 2, one more operand word, output 1.
    assert after.latency == 2 + 1 + 1 + 1
    # Seven words in; a register slice after each layer; five lanes take 3 + 1 in the argmax.
    assert result.words == 7
    assert network.latency == 6 + (119 + 1) + (4 + 1) + 4
    assert result.interval == 112

    assert repr(result) == "Plan('random', interval 112, 2 layers)"
    assert repr(first) == "LayerPlan('dense0', pe 4, simd 112, block, 112 cycles)"
    assert repr(network) == "Network('random', latency 135, interval 112)"


def test_layer_alone(random_graph):
    """Without a network before it: inputs of one bit, as many in a word as it takes in a cycle."""
    [layer, _] = random_graph(np.random.default_rng(0), [30, 6, 2]).layers
    plan = LayerPlan(layer, Fold(2, 8, "lut"))
    assert (plan.planes, plan.in_width, plan.count_max) == (1, 8, 30)
    assert (plan.steps, plan.depth, plan.cycles) == (4, 12, 12)


@pytest.mark.parametrize("width, buffer, words", [(8, "direct", 8), (4, "registers", 16),
                                                  (5, "registers", 12), (30, "registers", 2)])
def test_input_width(random_graph, width, buffer, words):
    graph = random_graph(np.random.default_rng(0), [30, 6, 2], bits=2)
    schedule = Schedule(width, (Fold(6, 8, "lut"), Fold(2, 6, "wired")))
    result = schedule.bind(graph)
    assert result.words == words
    assert result.layers[0].operands == buffer
    # With more words than the layer has cycles, the input determines the interval.
    assert result.interval == max(8, words)


def test_timing_wrong(random_graph):
    graph = random_graph(np.random.default_rng(0), [30, 6, 2])
    with pytest.raises(ScheduleError, match="^input_width must be at most the 30 elements of a "
                                            "frame, not 31$"):
        Schedule(31, (Fold(6, 30, "wired"), Fold(2, 6, "wired"))).bind(graph)
