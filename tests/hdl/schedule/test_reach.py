"""Reach of windows: formulas against taps one by one, and rows against a ring step by step."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from xnorloom.graph import Map, Window
from xnorloom.schedule.reach import Reach

SMALL = st.integers(1, 3)


@st.composite
def reaches(draw, side=12):
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    stride = draw(st.tuples(SMALL, SMALL))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    extent = [(taps - 1) * apart + 1 for taps, apart in zip(kernel, dilation)]
    padding = tuple(draw(st.integers(0, min(2, size - 1))) for size in (*extent, *extent))
    window = Window(kernel, stride, dilation, padding, 0)
    pool = draw(st.tuples(SMALL, SMALL))
    map = Map(draw(st.integers(1, side)), draw(st.integers(1, side)), 1)
    outputs = window.outputs(map.rows, map.columns)
    assume(all(size >= area for size, area in zip(outputs, pool)))
    return Reach(window, pool, map)


def taps(reach, axis):
    """Places of all taps of each pooled output along an axis, those outside the map included."""
    window, pool = reach.window, reach.pool[axis]
    outputs = window.outputs(reach.map.rows, reach.map.columns)[axis] // pool
    return [[(output * pool + part) * window.stride[axis] - window.padding[axis]
             + tap * window.dilation[axis]
             for part in range(pool) for tap in range(window.kernel[axis])]
            for output in range(outputs)]


@given(reach=reaches())
def test_formulas(reach):
    """Rows and columns from the first to the last tap, cut at the borders of the map."""
    high, wide = reach.map[:2]
    rows, columns = taps(reach, 0), taps(reach, 1)
    assert reach.outputs == (len(rows), len(columns))
    assert reach.need_rows.tolist() == [min(high - 1, max(places)) for places in rows]
    assert reach.need_columns.tolist() == [min(wide - 1, max(places)) for places in columns]
    assert reach.bases.tolist() == [min(high, max(0, min(places))) for places in rows]
    # Freed are all rows of a frame, once.
    assert reach.freed.min() >= 0 and reach.freed.sum() == high
    # No output needs a pixel after those it waits for, nor a row that is free.
    for output, needed in enumerate(reach.needed):
        inside = [row * wide + column
                  for row in rows[output // len(columns)] if 0 <= row < high
                  for column in columns[output % len(columns)] if 0 <= column < wide]
        assert max(inside, default=-1) < needed <= high * wide
        assert min(inside, default=high * wide) >= wide * reach.bases[output // len(columns)]


def run(reach, rows, pixel, output, frames):
    """Times at which each frame is done, in a ring of ``rows`` rows; ``None`` for a deadlock.

    The ring takes a pixel every ``pixel`` cycles or later, and an output takes ``output`` cycles.
    """
    map, (_, wide) = reach.map, reach.outputs
    arrived, freed = [], []  # Times of each pixel, and of each row.
    time, done, arrival = Fraction(0), [], Fraction(0)
    for frame in range(frames):
        for index, needed in enumerate(reach.needed):
            while len(arrived) < frame * map.pixels + needed:
                row = len(arrived) // map.columns - rows
                if row >= len(freed):
                    return None
                arrival = max(arrival + pixel, freed[row] if row >= 0 else arrival + pixel)
                arrived.append(arrival)
            time = max(time, arrived[frame * map.pixels + needed - 1]) + output
            if index % wide == wide - 1:
                freed += [time] * int(reach.freed[index // wide])
        done.append(time)
    return done


@given(reach=reaches(8), rate=st.sampled_from([Fraction(1, 3), Fraction(1), Fraction(2)]))
def test_rows(reach, rate):
    """With so many rows a frame takes as long as its outputs or its pixels, whichever is more."""
    height, width = reach.outputs
    frame = 60 * max(height * width, reach.map.pixels)
    # A source that is faster than the outputs, as fast, or slower.
    pixel, output = frame * rate / reach.map.pixels, Fraction(frame, height * width)
    done = run(reach, reach.rows, pixel, output, 6)
    assert done is not None
    assert done[-1] - done[-2] == max(frame, frame * rate)
    # With the least number of rows it takes longer perhaps, but with fewer for ever.
    assert reach.least_rows <= reach.rows
    assert run(reach, reach.least_rows, pixel, output, 2) is not None
    if reach.need_rows.max() > 0:
        assert run(reach, reach.least_rows - 1, pixel, output, 2) is None


@pytest.mark.parametrize("window, pool, map, rows, least", [
    (Window((3, 3)), (1, 1), Map(28, 28, 1), 6, 3),
    (Window((3, 3)), (2, 2), Map(26, 26, 1), 8, 4),
    (Window((3, 3), padding=(1, 1, 1, 1), pad=0), (1, 1), Map(28, 28, 1), 4, 3),
    (Window((1, 1)), (1, 1), Map(9, 9, 1), 2, 1),
    # 9 rows arrive in the time of 3 rows of outputs, which free 4, 4 and 1.
    (Window((1, 1), (4, 4)), (1, 1), Map(9, 9, 1), 6, 1),
    # A kernel as large as the map: a frame arrives while another is in work.
    (Window((5, 5)), (1, 1), Map(5, 5, 1), 10, 5),
])
def test_usual_windows(window, pool, map, rows, least):
    reach = Reach(window, pool, map)
    assert (reach.rows, reach.least_rows) == (rows, least)


def test_needs_of_a_padded_window():
    reach = Reach(Window((3, 2), (2, 1), padding=(1, 0, 1, 0), pad=1), (1, 1), Map(5, 3, 1))
    assert reach.outputs == (3, 2)
    assert reach.need_rows.tolist() == [1, 3, 4]
    assert reach.need_columns.tolist() == [1, 2]
    assert reach.needed.tolist() == [5, 6, 11, 12, 14, 15]
    assert reach.bases.tolist() == [0, 1, 3]
    assert reach.freed.tolist() == [1, 2, 2]
    assert np.issubdtype(reach.needed.dtype, np.integer)
