"""Open ends of ECP5 carry chains: the right pins, and nothing else."""

from copy import deepcopy

import pytest

from xnorloom_boards.flow.carry_chains import open_ends

FEED, SUM = f"{0x000A:016b}", f"{0x96AA:016b}"


def cell(init, cin, cout, d0="1"):
    return {"type": "CCU2C", "parameters": {"INIT0": init, "INIT1": SUM},
            "connections": {"CIN": [cin], "COUT": [cout], "A0": [2], "B0": [2], "D0": [d0],
                            "S0": [50 + cout], "S1": [70 + cout]}}


def netlist(*cells, ports=()):
    return {"modules": {"top": {
        "cells": {f"cell{index}": entry for index, entry in enumerate(cells)},
        "ports": {f"port{bit}": {"direction": "output", "bits": [bit]} for bit in ports}}}}


def pins(data):
    return [(entry["connections"]["CIN"][0], entry["connections"]["COUT"][0])
            for entry in data["modules"]["top"]["cells"].values()]


def test_both_ends():
    data = netlist(cell(FEED, "0", 10), cell(SUM, 10, 11), cell(SUM, 11, 12))
    assert open_ends(data) == 2
    assert pins(data) == [("x", 10), (10, 11), (11, "x")]


@pytest.mark.parametrize("cells, ports, expected", {
    "a carry into a plain adder": ([cell(SUM, "1", 10)], [10], [("1", 10)]),
    "a zero into a plain adder": ([cell(SUM, "0", 10)], [10], [("0", 10)]),
    "a signal": ([cell(FEED, 30, 10)], [10], [(30, 10)]),
    "a first half that propagates with D at 0": ([cell(FEED, "0", 10, "0")], [10], [("0", 10)]),
    "a carry that logic uses": ([cell(FEED, "x", 10), {
        "type": "LUT4", "parameters": {}, "connections": {"A": [10], "Z": [11]}}], [],
        [("x", 10)]),
}.values())
def test_others_stay(cells, ports, expected):
    data = netlist(*cells, ports=ports)
    before = deepcopy(data)
    assert open_ends(data) == 0
    assert data == before
    assert pins({"modules": {"top": {"cells": {"first": cells[0]}}}}) == expected


def test_other_cells_stay():
    lut = {"type": "LUT4", "parameters": {"INIT": "0" * 16},
           "connections": {"A": ["0"], "Z": [5]}}
    data = netlist(lut)
    assert open_ends(data) == 0
    assert data == netlist(lut)
