"""Chips and their resources, from the data sheets."""

from dataclasses import dataclass

from .family import Family

__all__ = ["DEVICES", "LUT_DEPTH", "SPRAM_DEPTH", "SPRAM_WIDTH", "Device",
           "find_device"]

# A LUT4 with three address bits and the activation as inputs is a memory of eight weights together
# with their XNOR gate.
LUT_DEPTH = 8
# Words and bits of an SB_SPRAM256KA (Lattice FPGA-TN-02022, iCE40 SPRAM Usage Guide).
SPRAM_DEPTH, SPRAM_WIDTH = 16384, 16


@dataclass(frozen=True)
class Device:
    """Chip and its resources.

    Parameters
    ----------
    name : str
        Part name of the vendor.
    family : Family
        Its family.
    logic_cells : int
        Four-input look-up tables, each followed by a flip-flop.
    brams : int
        Block RAMs.
    sprams : int
        Large single-port RAMs (iCE40 UltraPlus); a bitstream cannot initialise them.
    dsps : int
        Multipliers.
    document : str
        Data sheet with these numbers.
    """

    name: str
    family: Family
    logic_cells: int
    brams: int
    sprams: int
    dsps: int
    document: str

    @property
    def bram_bits(self) -> int:
        """Bits of one block RAM."""
        return max(words * bits for words, bits in self.family.block_ram_shapes)

    @property
    def spram_bits(self) -> int:
        """Bits of one SPRAM."""
        return SPRAM_DEPTH * SPRAM_WIDTH


_HX = "Lattice FPGA-DS-02029, iCE40 LP/HX Family Data Sheet, table 2.1"
_UP = "Lattice FPGA-DS-02008, iCE40 UltraPlus Family Data Sheet, table 2.1"
_ECP5 = "Lattice FPGA-DS-02012, ECP5 and ECP5-5G Family Data Sheet, table 1.1"


def _ecp5(name: str, logic_cells: int, brams: int, dsps: int) -> Device:
    return Device(name, Family.ECP5, logic_cells, brams, 0, dsps, _ECP5)


DEVICES: dict[str, Device] = {device.name: device for device in (
    Device("iCE40HX1K", Family.ICE40, 1280, 16, 0, 0, _HX),
    Device("iCE40HX8K", Family.ICE40, 7680, 32, 0, 0, _HX),
    Device("iCE40UP5K", Family.ICE40, 5280, 30, 4, 8, _UP),
    # The data sheet rounds look-up tables to thousands; these are the numbers of nextpnr.
    _ecp5("LFE5U-25F", 24288, 56, 28),
    _ecp5("LFE5U-45F", 43848, 108, 72),
    _ecp5("LFE5U-85F", 83640, 208, 156),
    _ecp5("LFE5UM5G-85F", 83640, 208, 156),
)}


def find_device(device: Device | str) -> Device:
    """Return the chip called ``device``, or ``device`` itself.

    Raises
    ------
    TypeError, ValueError
        If it is neither a chip nor the name of one; the message lists the names.
    """
    if isinstance(device, Device):
        return device
    if not isinstance(device, str):
        raise TypeError(f"device must be a Device or its name, not {device!r}")
    if device not in DEVICES:
        raise ValueError(f"device must be one of {', '.join(DEVICES)}, not {device!r}")
    return DEVICES[device]
