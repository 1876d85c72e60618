# amaranth: UnusedElaboratable=no
"""Summary of a graph: its input, its scales, and the same in the manifest."""

import re

import numpy as np
import pytest

from xnorloom.export.manifest import manifest
from xnorloom.folding import automatic
from xnorloom.gateware.network import Network
from xnorloom.graph import Graph, Input, Score
from xnorloom.graph.summary import graph_text, graph_values


def graph_of(frame, scales=None):
    return Graph("g", frame, (Score("s", np.ones((3, frame.size), int), [1, 2, -3], scales),))


CASES = {  # input, line of the text, rule in the manifest
    "top bit": (Input((6,)), None, "highest 1 bit of the 8-bit pixel"),
    "top bits": (Input((6,), 3), None, "highest 3 bits of the 8-bit pixel"),
    "no pixels": (Input((6,), 9), None, None),
    "one cut": (
        Input((6,), 1, [[64]]), "1 where a pixel is at least 64",
        "number of cuts, in the one row, that are at most the 8-bit pixel"),
    "cuts": (
        Input((6,), 2, [[3, 4, 200]]), "how many of 3, 4, 200 a pixel reaches",
        "number of cuts, in the one row, that are at most the 8-bit pixel"),
    "many cuts": (
        Input((6,), 5, [list(range(31))]),
        "how many of 0, 1, 2, 3, 4, 5, 6, 7, …, 23, 24, 25, 26, 27, 28, 29, 30 a pixel reaches",
        "number of cuts, in the one row, that are at most the 8-bit pixel"),
    "a cut for each": (
        Input((6,), 1, [[9], [1], [2], [3], [4], [5]]), "one for each element, from 1 to 9",
        "number of cuts, in the row of the element, that are at most the 8-bit pixel"),
    "cuts for each": (
        Input((2, 1), 2, [[3, 4, 200], [1, 9, 9]]), "3 for each element, from 1 to 200",
        "number of cuts, in the row of the element, that are at most the 8-bit pixel"),
}


@pytest.mark.parametrize("frame, line, rule", CASES.values(), ids=CASES)
def test_cuts(frame, line, rule):
    graph = graph_of(frame)
    cuts = None if frame.pixel_thresholds is None else frame.pixel_thresholds.tolist()
    assert graph_values(graph)["input"]["cuts"] == cuts
    shown = re.findall(r"^cuts     (.*)$", graph_text(graph), re.MULTILINE)
    assert shown == ([] if line is None else [line])
    values = manifest(Network(automatic(graph, 20).bind(graph)))["input"]
    assert (values["element_of_pixel"], values["cuts"]) == (rule, cuts)


def test_meaning():
    graph = graph_of(Input((6,), preprocessing="(u8/255-0.13)/0.3"))
    assert graph_values(graph)["input"]["meaning"] == "(u8/255-0.13)/0.3"
    assert "\nmeaning  (u8/255-0.13)/0.3\n" in graph_text(graph)
    values = manifest(Network(automatic(graph, 9).bind(graph)))
    assert values["input"]["meaning"] == "(u8/255-0.13)/0.3"
    plain = graph_of(Input((6,)))
    assert graph_values(plain)["input"]["meaning"] is None
    assert "meaning" not in graph_text(plain)


def test_scales():
    graph = graph_of(Input((6,)), [0, 5, 4095])
    assert [layer["scale_bits"] for layer in graph_values(graph)["layers"]] == [3 * 12]
    assert graph_values(graph)["score_range"] == [-3, 6 * 4095 - 3]
    assert "\nscales   36 bits, from 0 to 4,095\n" in graph_text(graph)


def test_no_scales():
    graph = graph_of(Input((6,)), [1, 1, 1])
    assert [layer["scale_bits"] for layer in graph_values(graph)["layers"]] == [0]
    assert "scales" not in graph_text(graph)
