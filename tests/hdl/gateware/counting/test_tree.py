"""Tree of a popcount: every bit counted once, levels, and cells beside those of other trees."""

from functools import cache

import pytest

from xnorloom.gateware.counting.tree import cells, levels, tree

SIZES = [*range(1, 41), 64, 100, 255, 256, 333, 512, 784, 1000, 1024]


def nodes(node):
    yield node
    for operand in node.operands:
        yield from nodes(operand)


@pytest.mark.parametrize("coded", [False, True], ids=["plain", "coded"])
@pytest.mark.parametrize("every", [0, 1, 2, 3])
def test_every_bit_enters_once(every, coded):
    for size in SIZES:
        root = tree(size, coded, every)
        assert root.size == size
        for node in nodes(root):
            if node.operands:
                low, high = node.operands
                assert node.size == low.size + high.size + node.carry
                assert high.size >= 1
                assert node.level > max(low.level, high.level)
            else:
                assert not node.carry
                assert node.size <= (3 if coded else 4)


@pytest.mark.parametrize("coded", [False, True], ids=["plain", "coded"])
def test_levels(coded):
    for size in range(1, 1025):
        # floor(log2(size)), and at least 1.
        expected = max(1, sum(size >= 1 << power for power in range(1, 11)))
        assert levels(size) == expected
        # Leaves of four bits save a level at times.
        assert expected - (not coded) <= tree(size, coded).level <= expected


def test_at_most_seven_quarters_of_a_cell_per_bit():
    for size in range(3, 1025):
        assert cells(size)[0] <= 1.75 * size


def halving(size):
    """Cells of a tree of equal halves with a bit as carry input, and leaves of up to three bits."""
    if size <= 3:
        return (0, 0, 2, 2)[size]
    half = (size - 1) // 2
    return halving(half) + halving(size - 1 - half) + size.bit_length() + 1


def test_never_more_than_halves():
    for size in range(1, 1025):
        assert cells(size)[0] <= halving(size)


@cache
def least(size, level):
    """Least cells of any tree of at most ``level`` levels, by trying all of them."""
    if size <= 1:
        return 0
    found = [2 if size < 4 else 3] if size <= 4 else []
    for carry in (0, 1) if level > 1 else ():
        for low in range(1, size - carry):
            pair = least(low, level - 1), least(size - carry - low, level - 1)
            if None not in pair:
                found.append(sum(pair) + size.bit_length() + carry)
    return min(found, default=None)


@pytest.mark.parametrize("size", range(2, 33))
def test_no_tree_of_as_many_levels_has_fewer_cells(size):
    assert cells(size)[0] == least(size, levels(size))


@pytest.mark.parametrize("size, every, waits", [
    (7, 1, 0),  # both leaves, and the carry input, which has its own register anyway
    (64, 0, 0),
])
def test_waits(size, every, waits):
    assert cells(size, False, every)[1] == waits
