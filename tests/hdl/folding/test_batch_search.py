"""Search over the number of frames at once: which numbers are tried, and what is kept."""

import numpy as np
import pytest

from xnorloom.folding.at_once import tried
from xnorloom.folding.batch_search import BatchSearch
from xnorloom.folding.search import Search
from xnorloom.graph import Dense, Graph, Input, Score
from xnorloom.target.device import DEVICES

UP5K = DEVICES["iCE40UP5K"]
# Part that another number of frames must save.
PAYS = 0.98


def network():
    rng = np.random.default_rng(5)
    return Graph("small", Input((200,)), (
        Dense("hidden", rng.integers(0, 2, (24, 200)), rng.integers(90, 110, 24)),
        Score("score", rng.integers(0, 2, (4, 24)), [1, 0, 2, 0])))


def searches(cells=1200, brams=6, most=8):
    """A search over batches, and the numbers of frames that it asked for."""
    asked = []

    def search_of(vectors):
        asked.append(vectors)
        return Search(network(), UP5K, cells, brams, 0, 1, vectors)

    return BatchSearch(search_of, tried(network(), most)), asked


@pytest.mark.parametrize("most, numbers", [
    (1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (5, [1, 2, 3, 4, 5]), (8, [1, 2, 3, 4, 6, 8]),
    (20, [1, 2, 3, 4, 6, 8, 12, 16, 20]), (24, [1, 2, 3, 4, 6, 8, 12, 16, 24]),
])
def test_numbers_that_are_tried(most, numbers):
    search, asked = searches(most=most)
    search.best(40)
    assert sorted(set(asked)) == numbers


def test_each_number_alone():
    """The least interval per frame, and the fewest cells, are those of the best number alone."""
    search, _ = searches()
    alone = {vectors: Search(network(), UP5K, 1200, 6, 0, 1, vectors)
             for vectors in (1, 2, 3, 4, 6, 8)}
    best = search.least()
    least = min(found.schedule.bind(network()).interval / vectors
                for vectors, other in alone.items() if (found := other.least()))
    assert least <= search.interval(best) <= least / PAYS
    # More than one frame at once pays here.
    assert best.folds[0].vectors > 1

    fewest = min(found.cells for vectors, other in alone.items()
                 if (found := other.best(50 * vectors)))
    assert fewest <= search.best(50).cells <= fewest / PAYS
    assert search.holds(50) and not search.holds(1)


def test_a_bound():
    search, _ = searches()
    least = search.interval(search.least())
    assert search.least(least).cells == search.least().cells
    assert search.least(0.9 * least) is None
    assert searches(cells=50)[0].least() is None
