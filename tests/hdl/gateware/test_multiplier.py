# amaranth: UnusedElaboratable=no
"""Multiplier: its forms for chips against integer arithmetic, and as layers cycle for cycle."""

import re

import numpy as np
import pytest

from xnorloom.export import verilog
from xnorloom.gateware.layer import Layer
from xnorloom.gateware.multiplier import Multiplier
from xnorloom.graph import Score
from xnorloom.schedule import Fold, LayerPlan
from xnorloom_sim.engines.verilator import wrapper
from xnorloom_sim.harness import Stall, run
from xnorloom_sim.netlist.cell_models import models


class Chip:
    """The part of a platform that a multiplier uses."""

    def __init__(self, device):
        self.device = device


def form_of(multiplier, device):
    """The form for a chip as a component of the simulator."""
    chip = Chip(device)
    elaborate = multiplier.elaborate
    multiplier.elaborate = lambda platform: elaborate(chip)
    return multiplier


OPERANDS = {  # a, b, c
    "small": (range(8), range(4), range(-3, 5)),
    "wide": (range(785), range(5000), range(-(1 << 20), 1 << 20)),
    "constants": (range(5, 6), range(7, 8), range(-9, -8)),
    "zero": (range(1), range(9), range(1)),
    "full": (range(1 << 16), range(1 << 15), range(-(1 << 30), 1)),
    "over a DSP": (range(1 << 17), range(1 << 18), range(-7, 8)),
}


@pytest.mark.parametrize("device", [None, "iCE40HX8K"], ids=["generic", "digits"])
@pytest.mark.parametrize("ranges", OPERANDS.values(), ids=OPERANDS)
def test_values(ranges, device, drive):
    rng = np.random.default_rng(3)
    values = [rng.integers(entry[0], entry[-1] + 1, 60) for entry in ranges]
    for place, ends in enumerate(np.ndindex(2, 2, 2)):
        for operand, entry, end in zip(values, ranges, ends):
            operand[place] = entry[-end]
    enabled = rng.random(60) < 0.6
    dut = form_of(Multiplier(*ranges), device)
    outputs = np.array(drive(dut, en=enabled, **dict(zip("abc", values))), dtype=object)
    moves = np.flatnonzero(enabled)
    a, b, c = (operand[moves].astype(object) for operand in values)
    assert Multiplier.latency == 2
    assert outputs[moves[2:]].tolist() == (a * b + c)[:-2].tolist()
    assert dut.model(a, b, c).tolist() == (a * b + c).tolist()


@pytest.mark.parametrize("pe, macs", [(2, 2), (5, 5), (9, 8)])
@pytest.mark.parametrize("scales, offsets", [
    ((1, 4095), (-5000, 5000)), ((0, 65535), (-(1 << 30), 1 << 30)), ((65535, 65535), (-1, 0)),
    ((0, 65536), (-5, 5)),
], ids=["12 bits", "16 bits", "one scale", "17 bits"])
def test_dsps_of_the_chip(pe, macs, scales, offsets):
    """The cells of the chip, by Yosys' models, agree cycle for cycle."""
    rng = np.random.default_rng(4)
    s, b = rng.integers(scales[0], scales[1] + 1, 10), rng.integers(*offsets, 10)
    s[[0, -1]] = scales
    layer = Score("score", rng.integers(0, 2, (10, 64)), b, s)
    plain, chip = (Layer(LayerPlan(layer, Fold(pe, 8, "lut", 1))) for _ in range(2))
    text = verilog.convert(chip, platform=Chip("iCE40UP5K"))
    expected = macs if scales[1] < 1 << 16 else 0
    assert len(re.findall(r"^  SB_MAC16 ", text, re.MULTILINE)) == expected
    wrapper.provide(chip, f"{models('ice40')}\n{text}")
    words = rng.integers(0, 256, (20 * -(-10 // pe) * 8, 1)).astype(np.uint8)
    traces = [run(entry, words, 20 * -(-10 // pe), engine="compiled", stall=Stall(2, 0.4, 0.4))
              for entry in (plain, chip)]
    for name in ("outputs", "i_cycles", "o_cycles"):
        assert np.array_equal(*(getattr(trace, name) for trace in traces))


@pytest.mark.parametrize("arguments, error, message", [
    (([1], range(2), range(2)), TypeError, r"^Multiplier a must be a range, not \[1\]$"),
    ((range(2), range(0), range(2)), ValueError,
     r"^Multiplier b must be a range of step 1 that is not empty, not range\(0, 0\)$"),
    ((range(2), range(-1, 2), range(2)), ValueError,
     r"^Multiplier factors must not be negative, not range\(0, 2\) and range\(-1, 2\)$"),
])
def test_wrong(arguments, error, message):
    with pytest.raises(error, match=message):
        Multiplier(*arguments)
