"""Parts of the folded scores: the table of decisions, scales in order, and the nearest ratios."""

import numpy as np
import pytest

from xnorloom.errors import SourceError
from xnorloom.lowering import scale_search, score_approximation
from xnorloom.lowering.score_approximation import in_order, nearest
from xnorloom.lowering.score_table import ScoreTable
from xnorloom.lowering.scores import integer_scores


def lines(slopes, centres, synapses, seed=0):
    """Scores on straight lines that have the values ``centres`` at the middle count."""
    classes = len(slopes)
    weights = np.random.default_rng(seed).integers(0, 2, (classes, synapses))
    counts = np.arange(synapses + 1)[:, None] - synapses // 2
    values = counts * np.array(slopes, float) + np.array(centres, float)
    return ScoreTable(values, weights, [(0, synapses)] * classes, 1, None)


@pytest.mark.parametrize("size", [1.0, 2.0**-20, 2.0**-100, 2.0**20, 2.0**100])
def test_order_does_not_depend_on_the_size_of_the_slopes(size):
    table = lines([size, 2 * size], [3 * size, size], 20)
    found = in_order(table, table.slopes(), 3)
    assert found is not None
    scales, offsets = found
    assert scales.tolist() == [1, 2]
    # Equal scores would be 1 * 10 + a and 2 * 10 + b, which are 3 and 1.
    assert (offsets[0] - offsets[1], offsets.min()) == (12, 0)


def test_order_of_constants():
    table = lines([0, 0, 0], [5, -1, 2], 6)
    scales, offsets = in_order(table, table.slopes(), 3)
    assert scales.tolist() == [0, 0, 0]
    assert offsets.argsort().tolist() == [1, 2, 0]


@pytest.mark.parametrize("low, high", [(0, 6), (2, 5), (2, 4), (3, 4), (3, 3)])
def test_slopes_within_the_range(low, high):
    """Half of what a count adds, between the ends of what inputs reach; 0 if it never changes."""
    values = np.array([[0, 7.0], [1, 7], [3, 7], [4, 7], [9, 7], [10, 7], [12, 7]])
    table = ScoreTable(values, np.ones((2, 6), int), [(low, high), (0, 6)], 1, None)
    wanted = (values[high, 0] - values[low, 0]) / (high - low) / 2 if high > low else 0
    assert table.slopes().tolist() == [wanted, 0]


@pytest.mark.parametrize("size", [2.0**-20, 1.0, 2.0**20])
def test_classes_far_apart_have_near_offsets(size):
    """Twice the number of counts, which no score crosses: offsets take bits of every score."""
    table = lines([size] * 3, [0, 2.0**10 * size, 2.0**30 * size], 20)
    found = in_order(table, table.slopes(), 3)
    assert found is not None
    scales, offsets = found
    assert scales.tolist() == [1, 1, 1]
    assert np.diff(offsets).tolist() == [2 * 21] * 2


@pytest.mark.parametrize("slopes", [[31, 17], [17, 31], [29, 13, 27]])
def test_nearest_ratio_is_the_exact_one(slopes):
    """The scales up to 63 of the smallest deviation are the ratio, or twice it."""
    table = lines(slopes, [0] * len(slopes), 40)
    scales, offsets = nearest(table, table.slopes(), 63)
    assert scales.tolist() in (slopes, [2 * slope for slope in slopes])
    assert table.changed(table.meetings, scales, offsets) == 0


@pytest.mark.parametrize("codes", [
    [(1, 1)] * 4 + [(0, 1)] * 2, [(0, 0)] * 5 + [(0, 1)], [(0, 1)] * 6,
], ids=["two free", "one free", "all free"])
def test_counts_that_no_input_reaches_are_no_decisions(codes):
    weights = np.array([[1, 0, 1, 1, 0, 1], [0, 0, 1, 0, 1, 1], [1, 1, 1, 1, 1, 1]])
    frames = np.stack(np.meshgrid(*[np.arange(low, high + 1) for low, high in codes]),
                      axis=-1).reshape(-1, 6)
    counts = (frames[:, None] == weights).sum(axis=2)
    values = np.arange(7.0)[:, None] * [1, 2, 3]
    met = sum(len(np.unique(counts[:, [c, e]], axis=0)) for c, e in ((0, 1), (0, 2), (1, 2)))
    for ranges in (np.stack([counts.min(0), counts.max(0)], axis=1), [(0, 6)] * 3):
        assert integer_scores(values, weights, ranges, codes=codes).total == met


def test_search_gives_up_when_its_work_is_spent(monkeypatch):
    weights = np.random.default_rng(3).integers(0, 2, (2, 6))
    values = np.arange(7.0)[:, None] * [3, 5] + [0.5, 0]
    assert integer_scores(values, weights, [(0, 6)] * 2).changed == 0
    monkeypatch.setattr(scale_search, "_BUDGET", 1)
    with pytest.raises(SourceError, match="within the search.s limits"):
        integer_scores(values, weights, [(0, 6)] * 2)


def test_nearest_of_a_constant():
    """A class whose score does not depend on its count gets the scale 0, the others at least 1."""
    table = lines([0, 1000, 1], [5, 0, 2], 6)
    scales, _ = nearest(table, table.slopes(), 7)
    assert scales[0] == 0 and scales[1] > 1 and scales[2] == 1


def test_nearest_of_a_single_class():
    table = lines([3], [0], 6)
    scales, offsets = nearest(table, table.slopes(), 7)
    assert (scales >= 1).all() and offsets.tolist() == [0]


@pytest.mark.parametrize("budget, candidates", [
    (0, 1), (7, 1), (8, 2), (11, 2), (12, 3), (63, 15), (64, 16), (1000, 16)])
def test_candidates_of_an_approximation(budget, candidates, monkeypatch):
    """A quarter of the budget is for candidates: at least one, at most 16."""
    table, tried = lines([31, 17, 40], [0, 0, 0], 40), []
    monkeypatch.setattr(score_approximation, "_WORK", budget * table.work)
    changed = table.changed

    def counted(pairs, scales, offsets):
        if pairs is table.meetings:
            tried.append(tuple(scales))
        return changed(pairs, scales, offsets)

    monkeypatch.setattr(table, "changed", counted)
    nearest(table, table.slopes(), 63)
    assert len(tried) == candidates


def test_work_is_taken_from_the_budget():
    """20 microseconds a call, and one for 200 elements."""
    work = scale_search._Work()
    budget = work.left
    assert work.spend(3, 1999)
    assert work.left == budget - 3 * 20 - 9
    assert work.spend(0, 200 * (work.left - 1))
    assert work.left == 1
    assert not work.spend(0, 200)
    assert work.left == 0


@pytest.mark.parametrize("patience", [0, 8192])
def test_work_of_leads(patience, monkeypatch):
    """A call for each class, and two numbers, a lower and an upper one, for each class and lead."""
    monkeypatch.setattr(scale_search, "_PATIENCE", patience)
    spent = []

    class Work:
        left = 1

        def spend(self, calls, elements):
            spent.append((calls, elements))
            return True

    low, high = np.array([1.0, 0.5, 0.2]), np.array([1.0, 0.6, 0.3])
    parts = list(scale_search._leads(low, high, 100, Work()))
    assert spent == [(3, 2 * 3 * 100)]
    # Leads that leave each class an integer between its bounds.
    assert np.concatenate(parts).tolist() == [
        lead for lead in range(1, 101) if all(
            any(a * lead <= n <= b * lead for n in range(101)) for a, b in zip(low, high))]


def test_scales_next_to_the_slopes(monkeypatch):
    """Three scales of each class, the nearest first, as long as there are few rows; then one."""
    low, middle, high = np.array([[1, 1, 1], [0.1, 2, 10], [0.1, 3, 10]]).T
    spent = []

    class Work:
        def spend(self, calls, elements):
            spent.append((calls, elements))
            return True

    class Pair:
        """Allows all but the scale 9 of class 1."""

        first, second, wins, losses = 0, 1, (np.arange(3), None), (np.arange(2), None)

        def least(self, a, b):
            assert (a == 5).all()
            return b * 0

        def most(self, a, b):
            return np.where(b == 9, -1, 0)

    def found(pairs, few, limit=100):
        monkeypatch.setattr(scale_search, "_FEW", few * 3**2)
        spent.clear()
        rows = scale_search._candidates(pairs, np.array([5]), low, middle, high, limit, Work())
        return rows.tolist()

    assert found([], 3) == [[5, b, c] for b in (10, 9, 11) for c in (15, 14, 16)]
    assert found([], 2) == [[5, b, 15] for b in (10, 9, 11)]
    assert found([], 0) == [[5, 10, 15]]
    # Two calls for each class, with ten numbers a row.
    assert spent == [(2, 10), (2, 10), (2, 10)]
    assert found([], 3, limit=14) == [[5, b, c] for b in (10, 9, 11) for c in (14, 13)]
    assert found([Pair()], 1) == [[5, 10, 15], [5, 11, 15]]
    # And a call for each pair, for the corners of each row.
    assert spent == [(2, 10), (2, 10), (1, 3 * 5), (2, 20)]
