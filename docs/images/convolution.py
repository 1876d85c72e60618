"""Pictures of the page on convolution, computed from windows, borders and reach.

``python docs/images/convolution.py [FOLDER]`` writes them; without a folder, beside itself.
"""

import sys
from pathlib import Path

import numpy as np
from drawing import Drawing

from xnorloom import Conv, Window
from xnorloom.graph import Map
from xnorloom.schedule.reach import Reach

CELL = 28


def grid(page, x, y, rows, columns, kind, cell=CELL):
    """Draw cells; ``kind`` is a class, or a function of row and column."""
    for row in range(rows):
        for column in range(columns):
            page.box(kind(row, column) if callable(kind) else kind, x + column * cell,
                     y + row * cell, cell, cell)


def frame(page, kind, x, y, place, size, cell=CELL):
    """Draw a frame around ``size`` cells from ``place`` on, both (row, column)."""
    page.box(kind, x + place[1] * cell, y + place[0] * cell, size[1] * cell, size[0] * cell, 3)


def window():
    """Map, window, padding, outputs and pooling; stride, dilation and a signal."""
    page = Drawing("Windows over a map with padding, the outputs before and after pooling, stride, "
                   "dilation, and a window over a signal", 940, 605)
    window, (rows, columns), pool = Window((3, 3), padding=(1, 1, 1, 1), pad=0), (6, 7), (2, 2)
    top, left, bottom, right = window.padding
    high, wide = window.outputs(rows, columns)

    x, y = 30, 70
    page.text(x, 34, f"map {rows}×{columns}, padding 1 on all sides", "big left")
    page.text(x, 54, f"kernel {window.kernel[0]}×{window.kernel[1]}, stride 1", "small left")
    grid(page, x, y, rows + top + bottom, columns + left + right, lambda row, column: "cell" if (
        top <= row < top + rows and left <= column < left + columns) else "blank")
    # Places in the padded map are those of outputs times the stride.
    frame(page, "orange", x, y, (0, 0), window.kernel)
    area = (1, 1)
    first = tuple(place * size for place, size in zip(area, pool))
    union = tuple(size - 1 + kernel for size, kernel in zip(pool, window.kernel))
    frame(page, "blue", x, y, first, union)
    page.text(x, y + 8 * CELL + 24, "orange: window of the first output, 5 taps outside",
              "small left")
    page.text(x, y + 8 * CELL + 42, "blue: the pixels that one pooled output needs", "small left")

    page.arrow(x + 9 * CELL + 14, y + 4 * CELL, 46)
    x, y = 375, 98
    page.text(x, 34, f"outputs {high}×{wide}", "big left")
    page.text(x, 54, "a neuron at each position", "small left")
    grid(page, x, y, high, wide, lambda row, column: (
        "blank" if column >= wide // pool[1] * pool[1] else
        "first" if (row, column) == (0, 0) else "cell"))
    frame(page, "blue", x, y, first, pool)
    page.text(x, y + 6 * CELL + 24, "dashed: beyond the last", "small left")
    page.text(x, y + 6 * CELL + 42, "whole area, not computed", "small left")

    page.arrow(x + 7 * CELL + 14, y + 3 * CELL, 46)
    x, y = 655, 98
    page.text(x, 34, f"pooled {high // pool[0]}×{wide // pool[1]}", "big left")
    page.text(x, 54, f"OR (or AND) of areas of {pool[0]}×{pool[1]}", "small left")
    grid(page, x, y, high // pool[0], wide // pool[1], "cell")
    frame(page, "blue", x, y, area, (1, 1))

    y = 450
    small = 22
    apart = Window((3, 3), stride=(2, 2))
    x = 30
    page.text(x, y - 38, "stride 2", "big left")
    page.text(x, y - 18, "windows of the first row, 2 apart", "small left")
    grid(page, x, y, 3, 7, "cell", small)
    for number in range(apart.outputs(7, 7)[1]):
        frame(page, ("orange", "blue")[number % 2], x, y, (0, number * apart.stride[1]),
              apart.kernel, small)

    spread = Window((3, 3), dilation=(2, 2))
    x = 375
    page.text(x, y - 38, "dilation 2", "big left")
    page.text(x, y - 18, f"{spread.taps} taps over {spread.extent[0]}×{spread.extent[1]} pixels",
              "small left")
    grid(page, x, y, 6, 7, lambda row, column: "held" if (
        row < spread.extent[0] and column < spread.extent[1]
        and row % spread.dilation[0] == column % spread.dilation[1] == 0) else "cell", small)
    frame(page, "blue", x, y, (0, 0), spread.extent, small)

    signal = Window((1, 4), stride=(1, 2))
    x = 655
    page.text(x, y - 38, "a signal: a map of one row", "big left")
    page.text(x, y - 18, f"kernel {signal.kernel[0]}×{signal.kernel[1]}, stride 2", "small left")
    grid(page, x, y, 1, 11, "cell", small)
    for number in range(2):
        frame(page, ("orange", "blue")[number], x, y, (0, number * signal.stride[1]),
              signal.kernel, small)
    return page


def ring():
    """Rows in the ring at the end of some rows of outputs, and rows that are freed."""
    reach = Reach(Window((3, 3)), (1, 1), Map(8, 8, 1))
    high, rows, room = reach.map.rows, reach.outputs[0], reach.rows
    page = Drawing("Rows of the map in a ring, while the rows of outputs are computed", 1020, 560)
    page.text(30, 34, f"A ring of {room} rows: kernel 3×3 over maps of {high} rows", "big left")
    page.text(30, 56, "Above: the rows of the map. Below: the same rows in the memory of the ring, "
              "where each takes the place of a freed one.", "small left")
    bar = 22
    # Rows arrive evenly, and so early that none is waited for.
    early = max((reach.need_rows + 1) * rows - np.arange(rows) * high)
    for number, output in enumerate((0, 1, 3, rows - 1)):
        x, y = 40 + number * 245, 120
        arrived = int(early + (output + 1) * high) // rows
        base, need = int(reach.bases[output]), int(reach.need_rows[output])
        page.text(x, y - 34, f"end of output row {output}", "big left")
        page.text(x, y - 14, f"needs rows {base} to {need}", "small left")

        def kind(row, base=base, need=need, arrived=arrived):
            if row >= arrived:
                return "blank"
            return "next" if row >= high else "used" if base <= row <= need else "held"

        for row in range(high):
            page.box(kind(row) if row >= base else "cell", x, y + row * bar, 120, bar - 4, 3)
            page.text(x + 60, y + row * bar + 13, f"row {row}",
                      "small inverse" if base <= row <= need else "small")
            if row < base:
                page.text(x + 130, y + row * bar + 13, "freed", "small left")
            elif row >= arrived:
                page.text(x + 130, y + row * bar + 13, "to come", "small left")
        y += high * bar + 44
        for slot in range(room):
            row = max(row for row in range(slot, arrived, room)) if slot < arrived else None
            shown = None if row is None or row < base else row
            page.box("blank" if shown is None else kind(shown), x, y + slot * bar, 120, bar - 4, 3)
            if shown is not None:
                name = f"row {shown % high}" + (" of the next" if shown >= high else "")
                page.text(x + 60, y + slot * bar + 13, name,
                          "small inverse" if kind(shown) == "used" else "small")
        page.text(x - 14, y + 13, "0", "small")
        page.text(x - 14, y + (room - 1) * bar + 13, str(room - 1), "small")
    y = 515
    for number, (name, words) in enumerate((
            ("used", "needed by this row of outputs"), ("held", "arrived early"),
            ("next", "of the next frame"), ("blank", "room"))):
        page.box(name, 40 + number * 245, y, 18, 18, 3)
        page.text(66 + number * 245, y + 14, words, "small left")
    return page


def padding():
    """The first window of a map under three kinds of padding: two codes, and no contribution."""
    weights = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1]])
    pixels = np.array([[1, 0], [1, 1]])
    page = Drawing("A window in the corner of a map, with the code of -1 outside, the code of +1, "
                   "and no contribution", 940, 340)
    x, y, cell = 30, 80, 44
    page.text(x, 34, "weights", "big left")
    page.text(x, 54, "fires if the sum is at least 0", "small left")

    def number(place, value, column, row, kind=""):
        page.text(place + (column + 0.5) * cell, y + (row + 0.5) * cell + 5,
                  "+1" if value else "−1", kind)

    grid(page, x, y, 3, 3, "cell", cell)
    for (row, column), value in np.ndenumerate(weights):
        number(x, value, column, row)
    for panel, (title, code) in enumerate((("code 0: −1 outside", 0), ("code 1: +1 outside", 1),
                                           ("no contribution", None))):
        x = 245 + panel * 235
        page.text(x, 34, title, "big left")
        page.text(x, 54, "pad=None" if code is None else f"pad={code}", "small left")
        agree = taps = 0
        for row in range(3):
            for column in range(3):
                inside = row > 0 and column > 0
                value = pixels[row - 1, column - 1] if inside else code
                if value is None:
                    page.box("blank", x + column * cell, y + row * cell, cell, cell)
                    page.cross(x + column * cell + 15, y + row * cell + 15, 14)
                    continue
                same = bool(value == weights[row, column])
                taps, agree = taps + 1, agree + same
                page.box("agree" if same else "blank" if not inside else "cell",
                         x + column * cell, y + row * cell, cell, cell)
                number(x, value, column, row)
        frame(page, "orange", x, y, (1, 1), (2, 2), cell)
        total = 2 * agree - taps
        page.text(x, y + 3 * cell + 32, f"{agree} of {taps} taps agree", "left")
        page.text(x, y + 3 * cell + 56, f"sum 2·{agree} − {taps} = "
                  f"{'+' if total > 0 else '−' if total else ''}{abs(total)}", "left")
        page.text(x, y + 3 * cell + 80, "fires" if total >= 0 else "does not fire", "big left")
    page.text(30, 322, "orange: the pixels on the map · blue: taps that agree with their weight",
              "small left")
    return page


def borders():
    """Border classes of three windows, with the taps on the map."""
    page = Drawing("Outputs of three convolutions, coloured by border class, with the number of "
                   "taps on the map", 940, 330)
    for panel, (title, map, window) in enumerate((
            ("3×3, padding 1", Map(7, 7, 1), Window((3, 3), padding=(1, 1, 1, 1))),
            ("5×5, padding 2, stride 2", Map(11, 11, 1),
             Window((5, 5), stride=(2, 2), padding=(2, 2, 2, 2))),
            ("3×3, stride 2, padding at the end", Map(12, 12, 1),
             Window((3, 3), stride=(2, 2), padding=(0, 0, 1, 1))))):
        found = Conv("conv", np.zeros((1, *window.kernel, 1), int), [0], window).borders(map)
        taps = found.taps.sum(axis=(1, 2))
        x, y = 30 + panel * 300, 80
        page.text(x, 34, title, "big left")
        page.text(x, 54, f"map {map.rows}×{map.columns}: {found.count} classes", "small left")
        rows, columns = found.classes.shape
        grid(page, x, y, rows, columns, lambda row, column, found=found:
             f"tint{found.classes[row, column] % 9}")
        for (row, column), number in np.ndenumerate(found.classes):
            page.text(x + (column + 0.5) * CELL, y + (row + 0.5) * CELL + 5, str(taps[number]),
                      "small")
    page.text(30, 305, "a colour for each class; the number is that of the taps on the map",
              "small left")
    return page


PICTURES = {"conv-window.svg": window, "conv-ring.svg": ring, "conv-padding.svg": padding,
            "conv-borders.svg": borders}

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, draw in PICTURES.items():
        (folder / name).write_text(str(draw()), encoding="utf-8")
