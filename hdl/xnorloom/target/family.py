"""FPGA families: RAM shapes, file suffixes and tools."""

import enum

__all__ = ["Family"]


class Family(enum.StrEnum):
    """Family of FPGAs. Values are the words in files, options and tool names."""

    ICE40 = "ice40"
    ECP5 = "ecp5"

    @property
    def block_ram_shapes(self) -> tuple[tuple[int, int], ...]:
        """Words and bits of a block RAM with a read and a write port, deepest first.

        iCE40: SB_RAM40_4K. ECP5: DP16KD, and PDPW16KD for the widest; words of fewer than 9 bits
        do not use the ninth bit of each byte.
        """
        if self is Family.ICE40:
            return ((2048, 2), (1024, 4), (512, 8), (256, 16))
        return ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36))

    @property
    def slow_block_ram(self) -> bool:
        """True if a register after block RAM pays: ECP5 takes 5.6 ns from clock to word."""
        return self is Family.ECP5

    @property
    def bitstream_suffix(self) -> str:
        """Suffix of bitstream files."""
        return "bin" if self is Family.ICE40 else "bit"

    @property
    def constraints_suffix(self) -> str:
        """Suffix of constraint files, with pins and clocks."""
        return "pcf" if self is Family.ICE40 else "lpf"

    @property
    def configuration_suffix(self) -> str:
        """Suffix of configurations as text, from nextpnr to the packer."""
        return "asc" if self is Family.ICE40 else "config"

    @property
    def place_and_route(self) -> str:
        """Name of the place-and-route program."""
        return f"nextpnr-{self}"

    @property
    def packer(self) -> str:
        """Name of the program that packs a configuration into a bitstream."""
        return "icepack" if self is Family.ICE40 else "ecppack"
