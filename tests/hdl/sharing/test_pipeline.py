"""Levels of programs, and the bits that wait in registers."""

import numpy as np
import pytest

from xnorloom.sharing import Lut, Pipeline, Program, Result, solve


def stage_of(pipeline):
    """Stage of each bit; inputs are there in stage 0."""
    program = pipeline.program
    stages = dict.fromkeys(range(2 + program.inputs), 0)
    for first, node, level in zip(program.firsts, program.nodes, pipeline.levels):
        stages |= dict.fromkeys(range(first, first + node.width), (level - 1) // pipeline.every)
    return stages


@pytest.mark.parametrize("index", [1, 3])
@pytest.mark.parametrize("every", [1, 2, 3, 5])
def test_levels_and_delays(every, index, trained):
    weights = trained(1)[0][:10 if index == 3 else 64]
    program = solve(weights, np.full(len(weights), 32)).program
    pipeline = Pipeline(program, every)
    assert pipeline.stages == (pipeline.depth - 1) // every > 0
    levels = {}
    for first, node, level in zip(program.firsts, program.nodes, pipeline.levels):
        assert all(levels.get(bit, 0) < level for bit in node.sources)
        levels |= dict.fromkeys(range(first, first + node.width), level)
    assert max(pipeline.levels) == pipeline.depth
    # A bit waits until its last reader, and results until the end.
    stages, waits = stage_of(pipeline), {}
    readers = [(bit, stages[first]) for first, node in zip(program.firsts, program.nodes)
               for bit in node.sources]
    readers += [(bit, pipeline.stages) for result in program.results for bit in result.bits]
    for bit, stage in readers:
        if bit > 1:
            waits[bit] = max(waits.get(bit, 0), stage - stages[bit])
    assert pipeline.delays == {bit: wait for bit, wait in waits.items() if wait}
    # Those in the cell of the gate before them are not counted.
    assert 0 < pipeline.waits() < sum(pipeline.delays.values())


def test_late_nodes_save_registers(trained):
    """In a chain of tables, one that only the last of them reads waits for it."""
    chain = [Lut(0b01, (2,))]
    chain += [Lut(0b0110, (2 + 3 + place - 1, 3)) for place in range(1, 6)]
    last = 2 + 3 + 6
    nodes = [*chain, Lut(0b1000, (2, 4)), Lut(0b1110, (last - 1, last))]
    program = Program(3, nodes, [Result((last + 1,))])
    pipeline = Pipeline(program, 1)
    assert pipeline.depth == 7 and pipeline.stages == 6
    assert pipeline.levels[6] in (1, 6)
    assert sum(pipeline.delays.values()) < 6 + 4 + 5 + 5 + 1


@pytest.mark.parametrize("every", [0, 100])
def test_no_registers(every, trained):
    pipeline = Pipeline(solve(*trained(2)).program, every)
    assert pipeline.stages == 0 and pipeline.delays == {} and pipeline.waits() == 0


def test_stored_levels_are_the_same(trained):
    solution = solve(*trained(1))
    again = solve(*trained(1))
    assert solution.pipeline(2).levels == Pipeline(solution.program, 2).levels
    assert again.pipeline(2).levels == solution.pipeline(2).levels


def test_pipeline_without_nodes():
    pipeline = solve([[1]], [1]).pipeline(1)
    assert (pipeline.depth, pipeline.stages, pipeline.levels, pipeline.delays) == (0, 0, (), {})


def test_wrong_every():
    with pytest.raises(ValueError, match=r"^Pipeline every must be at least 0, not -1$"):
        Pipeline(Program(1, [], []), -1)
