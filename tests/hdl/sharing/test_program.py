"""Programs: values by definition, JSON, refused nodes."""

import numpy as np
import pytest

from xnorloom.sharing import Add, Lut, Program, Result, solve
from xnorloom.sharing.builder import Builder


@pytest.mark.parametrize("table", [0, 1, 0x8000, 0xCAFE, 0x6996, 0xFFFF])
def test_lut(table):
    program = Program(4, [Lut(table, (2, 3, 4, 5))], [Result((6,))])
    vectors = np.arange(16)[:, None] >> np.arange(4) & 1
    assert program.run(vectors)[:, 0].tolist() == [table >> index & 1 for index in range(16)]


@pytest.mark.parametrize("widths, carry, width", [
    ((3, 3), True, 4), ((4, 2), True, 4), ((1, 4), False, 5), ((2, 0), True, 3),
    ((3, 3), False, 2)])
def test_add(widths, carry, width):
    inputs = sum(widths) + carry
    a, b = tuple(range(2, 2 + widths[0])), tuple(range(2 + widths[0], 2 + sum(widths)))
    program = Program(inputs, [Add(a, b, 1 + inputs if carry else 0, width)],
                      [Result(tuple(range(2 + inputs, 2 + inputs + width)))])
    values = np.arange(1 << inputs)
    expected = ((values & (1 << widths[0]) - 1) + (values >> widths[0] & (1 << widths[1]) - 1)
                + (values >> inputs - 1) * carry) % (1 << width)
    assert program.run(values[:, None] >> np.arange(inputs) & 1)[:, 0].tolist() == expected.tolist()


def test_results():
    program = Program(2, [], [Result((2, 3)), Result((2, 3), signed=True), Result((1, 0, 1)),
                              Result((0,))])
    assert program.run(np.array([[0, 0], [1, 0], [0, 1], [1, 1]])).tolist() == [
        [0, 0, 5, 0], [1, 1, 5, 0], [2, -2, 5, 0], [3, -1, 5, 0]]


def test_json(trained):
    program = solve(*trained(1)).program
    again = Program.from_json(program.as_json())
    assert (again.inputs, again.nodes, again.results) == (
        program.inputs, program.nodes, program.results)


def test_builder_makes_no_constants_and_no_twins():
    builder = Builder(3)
    both = builder.lut(lambda a, b: a & b, 2, 3)
    assert builder.lut(lambda b, a: a & b, 3, 2) == both == 5
    assert builder.lut(lambda a, b: a | b, 2, 1) == 1
    assert builder.lut(lambda a, b: a & b, 2, 1) == 2
    assert builder.lut(lambda a, b: a ^ b, 2, 2) == 0
    assert builder.lut(lambda a, b, c, d: a, 2, 3, 4, both) == 2
    assert builder.add((2, 3), (), 0, 3) == (2, 3, 0)
    assert len(builder.nodes) == 1


@pytest.mark.parametrize("nodes, results, message", [
    (["and"], [], r"^Program node must be a Lut or an Add, not 'and'$"),
    ([Lut(2, (3,))], [], r"^Program node 0 must read bits below 3, not Lut\(table=2, "
                         r"inputs=\(3,\)\)$"),
    ([Lut(4, (2,))], [], r"^Program node 0 must be a table of up to four inputs, not Lut\(table=4, "
                         r"inputs=\(2,\)\)$"),
    ([Lut(0, (2,) * 5)], [], r"^Program node 0 must be a table of up to four inputs, not .*$"),
    ([Add((2,), (4,), 0, 2)], [], r"^Program node 0 must read bits below 3, not Add\(.*\)$"),
    ([], [Result((3,))], r"^Program results must have bits below 3, not Result\(.*\)$"),
])
def test_wrong_programs(nodes, results, message):
    with pytest.raises(ValueError, match=message):
        Program(1, nodes, results)


@pytest.mark.parametrize("shape", [(4,), (2, 5), (2, 4, 1)])
def test_wrong_vectors(shape):
    with pytest.raises(ValueError, match=r"^Program vectors must have the shape \(vectors, 4\), "
                                         r"not \(.*\)$"):
        Program(4, [], []).run(np.zeros(shape, int))
