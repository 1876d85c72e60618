"""Fronts of resources against all combinations of folds."""

import itertools

import numpy as np
import pytest

from xnorloom.folding.fronts import Budget, Front, extended
from xnorloom.schedule import Fold

FOLDS = [Fold(1, simd, "lut") for simd in range(1, 5)]


def best(rows):
    """Rows of which no other needs at most as much of everything; of equal ones the first."""
    kept = []
    for place, row in enumerate(rows):
        others = [other for number, other in enumerate(rows)
                  if number != place and all(np.array(other) <= row)
                  and (other != row or number < place)]
        if not others:
            kept.append((row, place))
    return sorted(kept)


@pytest.mark.parametrize("seed", range(6))
def test_two_layers(seed):
    rng = np.random.default_rng(seed)
    budget = Budget(7, 16, 6)
    first = rng.integers(0, 5, (3, 4, 1)) * (1, 2, 1)[seed % 3]
    second = rng.integers(0, 6, (3, 4, 2))
    # Folds that are impossible after one of the fronts.
    second[:, rng.random((4, 2)) < 0.2] = -1
    fronts = [extended([Front.empty()], FOLDS, first, budget),
              extended([Front.empty()], FOLDS[::-1], first[:, ::-1], budget)]
    found = extended(fronts, FOLDS, second, budget)
    rows, chosen = [], []
    for (number, front), (place, fold) in itertools.product(enumerate(fronts), enumerate(FOLDS)):
        cost = second[:, place, number]
        for row in range(len(front.cells)):
            used = cost + (front.brams[row], front.cells[row], front.sprams[row])
            if cost[0] >= 0 and all(used <= (budget.brams, budget.cells, budget.sprams)):
                rows.append(tuple(used.tolist()))
                chosen.append((*front.chosen(row), fold))
    expected = best(rows)
    assert expected
    assert list(zip(found.brams, found.cells, found.sprams)) == [row for row, _ in expected]
    assert [found.chosen(row) for row in range(len(expected))] == [
        chosen[place] for _, place in expected]


def test_nothing_within_the_budget():
    costs = np.full((3, 4, 1), 2)
    assert extended([Front.empty()], FOLDS, costs, Budget(1, 9, 9)) is None
    assert extended([Front.empty()], FOLDS, costs, Budget(9, 9, 9).less(8, 0)) is None
