"""Stages of place and route, from lines that nextpnr 0.11 wrote."""

from xnorloom_boards.flow.stages import Stages

BEFORE = """\
Info: Creating initial analytic placement for 9283 cells, random placement wirelen = 1021934.
Info: Running main analytical placer, max placement attempts per cell = 80568818.
Info: HeAP Placer Time: 47.21s
Info: Running simulated annealing placer for refinement.
Info:   at iteration #1: temp = 0.000000, timing cost = 3313, wirelen = 83101
Info: SA placement time 94.49s
Info: Routing globals...
Info:     routing clock net $glbnet$design.core.clk using global 0
"""
ROUTING = """\
Info: Routing..
Info: Setting up routing queue.
Info: Routing 53259 arcs.
Info:            |   (re-)routed arcs  |   delta    | remaining|       time spent     |
Info:    IterCnt |  w/ripup   wo/ripup |  w/r  wo/r |      arcs| batch(sec) total(sec)|
"""


def said(stages, text):
    return [found for found in map(stages, text.splitlines()) if found]


def test_stages():
    stages = Stages()
    assert said(stages, BEFORE) == ["placing", "refining the placement"]
    # While the router works, not when it ends.
    assert said(stages, ROUTING) == ["routing"]
    assert said(stages, "Info: Routing complete.\nInfo: Router1 time 85.74s") == []


def test_arcs():
    """A word for each quarter of the arcs, if it took a minute."""
    stages = Stages()
    said(stages, BEFORE + ROUTING)
    assert said(stages, """\
Info:      30000 |     4000      26000 |  100   900 |     31000|       1.00      40.00|
Info:      40000 |     4200      35800 |  100   900 |     25000|       1.00      61.00|
Info:      50000 |     8000      42000 |  100   900 |     26631|       1.00      70.00|
Info:      62000 |    12007      49034 |  105   840 |     13000|       1.31     120.50|
Info:      63000 |    12064      49796 |   57   762 |     12900|       0.95     121.00|
Info:      78463 |    13586      62685 |    1   363 |         0|       0.40     241.00|
""") == ["routing, 50 % of 53,259 arcs done", "routing, 75 % of 53,259 arcs done"]


def test_no_arcs():
    stages = Stages()
    line = "Info:          0 |        0          0 |    0     0 |         0|       0.00      99.00|"
    assert said(stages, ROUTING.replace("53259", "0") + line) == ["routing"]


def test_other_router():
    assert said(Stages(), "Info: Running router2...\n") == ["routing"]
