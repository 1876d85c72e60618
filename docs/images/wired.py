"""Picture of the page on wired layers: the tree over the neurons of a trained layer.

``python docs/images/wired.py [FOLDER]`` writes it; without a folder, beside itself.
"""

import sys
from pathlib import Path

from drawing import Drawing

from xnorloom import load
from xnorloom.sharing.budget import Budget
from xnorloom.sharing.compile import spanned
from xnorloom.sharing.reduction import reduce
from xnorloom.sharing.tree import ROOT, differ

# Neurons of the second layer of TFC that are drawn.
NEURONS = 24
LEFT, TOP, STEP, ROW = 70, 100, 118, 24


def places(tree):
    """Depth and height of each row: leaves one below the other, parents in their middle."""
    children, found = {}, {}
    for row, parent in tree.walk():
        children.setdefault(parent, []).append(row)
    line = iter(range(len(tree.rows)))

    def visit(row, depth):
        below = [visit(child, depth + 1) for child in children.get(row, ())]
        height = (below[0] + below[-1]) / 2 if below else next(line)
        found[row] = depth, height
        return height

    visit(ROOT, 0)
    return found


def tree():
    """Tree over the first neurons of a layer, with the differences along its edges."""
    layer = load("tfc").layers[1]
    weights = 2 * layer.weights[:NEURONS].astype(int) - 1
    rows = reduce(weights).rows
    found = spanned(rows, Budget(1000))
    at = places(found)
    depth, height = (max(place[axis] for place in at.values()) for axis in (0, 1))
    page = Drawing(f"Tree over {NEURONS} neurons of 64 inputs: rows, rows that were added, and the "
                   "inputs at which they differ", int(LEFT + depth * STEP + 90),
                   int(TOP + height * ROW + 40))
    page.text(24, 34, f"{NEURONS} neurons of the second layer of TFC, 64 inputs each", "big left")
    page.text(24, 54, "in each row: how many inputs it counts, beyond those of the row before it",
              "small left")
    page.box("held", 24, 66, 14, 14, 3)
    page.text(44, 78, "neuron", "small left")
    page.box("next", 104, 66, 14, 14, 3)
    page.text(124, 78, "row in between, added since it saves more than its adder", "small left")
    spots = {row: (LEFT + place[0] * STEP, TOP + place[1] * ROW) for row, place in at.items()}
    for row, parent in found.walk():
        (x, y), (before, over) = spots[row], spots[parent]
        page.line(before + 14, over, x - 14, y)
    page.box("cell", spots[ROOT][0] - 14, spots[ROOT][1] - 9, 28, 18, 4)
    page.text(spots[ROOT][0], spots[ROOT][1] + 5, "0", "small")
    for row, parent in found.walk():
        x, y = spots[row]
        page.box("held" if row < found.given else "next", x - 14, y - 9, 28, 18, 4)
        page.text(x, y + 5, str(differ(found.rows[row], found.rows[parent])[0]), "small")
    return page


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    (folder / "wired-tree.svg").write_text(str(tree()), "utf-8")
