"""Options of nextpnr for designs with room between their cells."""

from pathlib import Path

import pytest

from xnorloom.target.device import DEVICES
from xnorloom_boards.flow.cell_counts import Part
from xnorloom_boards.flow.spreading import spreading
from xnorloom_boards.flow.synthesis import Netlist


@pytest.mark.parametrize("name, luts, carries, density", [
    ("LFE5U-85F", 8_000, 100, "0.4"), ("LFE5U-85F", 30_000, 2_000, "0.508"),
    ("LFE5U-25F", 24_000, 0, "0.9"), ("iCE40HX8K", 3_000, 0, "0.488")])
def test_density(name, luts, carries, density):
    """Room for a quarter more cells than there are, and 0.9, that of nextpnr, at most."""
    parts = (Part("layer0", {"luts": luts - 9, "carries": carries, "flip_flops": 90_000}),
             Part("argmax", {"luts": 9, "brams": 3}))
    found = spreading(Netlist(Path("top.json"), parts, ""), DEVICES[name])
    assert found == ["--placer-heap-beta", density, "--router", "router2"]
