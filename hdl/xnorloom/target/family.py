"""Families of FPGAs: file suffixes, RAM shapes and tools."""

import enum

__all__ = ["Family"]


class Family(enum.StrEnum):
    """A family of FPGAs. Its value is the word in files, options and tool names."""

    ICE40 = "ice40"
    ECP5 = "ecp5"

    @property
    def block_ram_shapes(self) -> tuple[tuple[int, int], ...]:
        """Words and bits of one block RAM with a read and a write port, deepest first.

        iCE40: SB_RAM40_4K. ECP5: DP16KD, and PDPW16KD for the widest; the ninth bit of a byte
        exists from 9 bits on.
        """
        if self is Family.ICE40:
            return ((2048, 2), (1024, 4), (512, 8), (256, 16))
        return ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36))

    @property
    def bitstream_suffix(self) -> str:
        """Suffix of bitstream files."""
        return "bin" if self is Family.ICE40 else "bit"

    @property
    def constraints_suffix(self) -> str:
        """Suffix of the files with pins and clocks."""
        return "pcf" if self is Family.ICE40 else "lpf"

    @property
    def configuration_suffix(self) -> str:
        """Suffix of the text form of a configuration, between nextpnr and the packer."""
        return "asc" if self is Family.ICE40 else "config"

    @property
    def place_and_route(self) -> str:
        """Name of the place-and-route program."""
        return f"nextpnr-{self}"

    @property
    def packer(self) -> str:
        """Name of the program that makes bitstreams."""
        return "icepack" if self is Family.ICE40 else "ecppack"
