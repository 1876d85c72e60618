"""Chips: numbers of the data sheets."""

import pytest

from xnorloom.target.device import DEVICES
from xnorloom.target.family import Family


@pytest.mark.parametrize("name, family, logic_cells, brams, kilobits, sprams, dsps", [
    ("iCE40HX1K", "ice40", 1280, 16, 64, 0, 0),
    ("iCE40HX8K", "ice40", 7680, 32, 128, 0, 0),
    ("iCE40UP5K", "ice40", 5280, 30, 120, 4, 8),
    ("LFE5U-25F", "ecp5", 24288, 56, 1008, 0, 28),
    ("LFE5U-45F", "ecp5", 43848, 108, 1944, 0, 72),
    ("LFE5U-85F", "ecp5", 83640, 208, 3744, 0, 156),
    ("LFE5UM5G-85F", "ecp5", 83640, 208, 3744, 0, 156),
])
def test_resources(name, family, logic_cells, brams, kilobits, sprams, dsps):
    device = DEVICES[name]
    assert device.name == name
    assert (device.family, device.logic_cells, device.brams) == (family, logic_cells, brams)
    assert (device.sprams, device.dsps) == (sprams, dsps)
    # The data sheets also have the block RAM of a chip in Kbit.
    assert device.brams * device.bram_bits == kilobits * 1024


@pytest.mark.parametrize("device", DEVICES.values(), ids=lambda device: device.name)
def test_shapes(device):
    assert device.family in tuple(Family)
    assert device.document.startswith("Lattice FPGA-DS-")
    depths, widths = zip(*device.family.block_ram_shapes)
    assert list(depths) == sorted(depths, reverse=True) and list(widths) == sorted(widths)
    assert max(d * w for d, w in device.family.block_ram_shapes) == device.bram_bits
    # Shapes differ by powers of two, ninth bits aside.
    assert all(depth & (depth - 1) == 0 for depth in depths)
    assert {d * w for d, w in device.family.block_ram_shapes} <= {
        device.bram_bits, device.bram_bits * 8 // 9}


def test_every_device_is_there():
    assert len(DEVICES) == 7
