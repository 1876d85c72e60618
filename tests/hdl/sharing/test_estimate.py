"""Estimate of the cells of programs, against the search itself."""

import numpy as np
import pytest

from xnorloom.sharing import Add, estimated, solve


def cells(found):
    """Tables, bits of adders, and their carry inputs."""
    return sum(node.width + (isinstance(node, Add) and node.carry > 1)
               for node in found.program.nodes)


def drawn(neurons, inputs, present, alike):
    rng = np.random.default_rng([neurons, inputs, 9])
    rows = rng.choice([-1, 1], (4, inputs))[rng.integers(0, 4, neurons)]
    rows = np.where(rng.random(rows.shape) < alike, rows, rng.choice([-1, 1], rows.shape))
    rows[rng.random(rows.shape) >= present] = 0
    middle = np.count_nonzero(rows, axis=1) // 2
    return rows, middle + rng.integers(-1, 2, neurons)


@pytest.mark.parametrize("neurons, inputs, present, alike, error", [
    (40, 50, 1, 0, 0.1), (20, 120, 1, 0, 0.1), (120, 20, 1, 0, 0.12), (50, 90, 0.3, 0, 0.1),
    (60, 60, 1, 0.4, 0.1), (30, 200, 0.1, 0, 0.12)])
def test_drawn(neurons, inputs, present, alike, error):
    weights, thresholds = drawn(neurons, inputs, present, alike)
    found = estimated(weights, thresholds)[0]
    assert found == pytest.approx(cells(solve(weights, thresholds)), rel=error)


def test_trained(trained):
    weights, thresholds = trained(1)
    found, registers = estimated(weights, thresholds)
    solution = solve(weights, thresholds)
    assert found == pytest.approx(cells(solution), rel=0.1)
    assert registers / 2 == pytest.approx(solution.pipeline(2).waits(), rel=0.4)


@pytest.mark.parametrize("weights, thresholds", [
    ([[0, 0]], [1]), ([[1, -1], [1, 1]], [0, 3])])
def test_nothing_to_count(weights, thresholds):
    assert estimated(weights, thresholds) == (0, 0)


def test_wrong():
    with pytest.raises(ValueError, match=r"^Weights must be -1, 0 or 1, not 2$"):
        estimated([[1, 2]])
