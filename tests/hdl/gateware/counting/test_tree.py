"""Tree of a popcount: every bit counted once, levels, and cells beside those of other trees."""

from functools import cache

import pytest

from xnorloom.gateware.counting.tree import cells, levels, tree
from xnorloom.target.family import Family

SIZES = [*range(1, 41), 64, 100, 255, 256, 333, 512, 784, 1000, 1024]


def nodes(node):
    yield node
    for operand in node.operands:
        yield from nodes(operand)


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("coded", [False, True], ids=["plain", "coded"])
@pytest.mark.parametrize("every", [0, 1, 2, 3])
def test_every_bit_enters_once(every, coded, family):
    for size in SIZES:
        root = tree(size, coded, every, family)
        assert root.size == size
        for node in nodes(root):
            if node.operands:
                low, high = node.operands
                assert node.size == low.size + high.size + node.carry
                assert high.size >= 1
                assert node.level > max(low.level, high.level)
            else:
                assert not node.carry
                # Large leaves have no register inside.
                assert node.size <= (3 if coded else 4 if every == 1 else 7)
                assert node.level == 1 + (node.size > 4)


@pytest.mark.parametrize("coded", [False, True], ids=["plain", "coded"])
def test_levels(coded):
    for size in range(1, 1025):
        if coded:
            # Weights are stored in the code of the tree.
            assert tree(size, True, 2, Family.ECP5) is tree(size, True, 2)
        # floor(log2(size)), and at least 1.
        expected = max(1, sum(size >= 1 << power for power in range(1, 11)))
        assert levels(size) == expected
        # Leaves of four bits save a level at times.
        assert expected - (not coded) <= tree(size, coded).level <= expected


def test_cells_per_bit():
    for size in range(3, 1025):
        assert cells(size)[0] <= 1.63 * size
        assert cells(size, family=Family.ECP5)[0] <= 1.71 * size


def halving(size):
    """Cells of a tree of equal halves with a bit as carry input, and leaves of up to three bits."""
    if size <= 3:
        return (0, 0, 2, 2)[size]
    half = (size - 1) // 2
    return halving(half) + halving(size - 1 - half) + size.bit_length() + 1


def test_never_more_than_halves():
    for size in range(1, 1025):
        assert cells(size)[0] <= halving(size)


def adder(family, width, carry):
    """Cells of an adder of ``width`` bits: a chain, or on an ECP5 full adders in look-up tables."""
    if family is Family.ICE40:
        return width + carry
    if not carry:
        return {2: 1, 3: 3}.get(width, width + 1)
    # Pairs of cells; the first is the carry input.
    return {2: 2, 3: 4, 4: 6, 5: 6, 6: 8}[width]


@cache
def least(size, level, family):
    """Least cells of any tree of at most ``level`` levels, by trying all of them."""
    if size <= 1:
        return 0
    found = [2 if size < 4 else 3] if size <= 4 else []
    if level > 1 and size <= 7:
        found.append({2: 2, 3: 2, 4: 3}.get(size, size))
    for carry in (0, 1) if level > 1 else ():
        for low in range(1, size - carry):
            pair = (least(low, level - 1, family),
                    least(size - carry - low, level - 1, family))
            if None not in pair:
                found.append(sum(pair) + adder(family, size.bit_length(), carry))
    return min(found, default=None)


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("size", range(2, 33))
def test_no_tree_of_as_many_levels_has_fewer_cells(size, family):
    assert cells(size, family=family)[0] == least(size, levels(size), family)


@pytest.mark.parametrize("size, every, waits", [
    (7, 1, 0),  # both leaves, and the carry input, which has its own register anyway
    (64, 0, 0),
])
def test_waits(size, every, waits):
    assert cells(size, False, every)[1] == waits
