"""Kinds of links between a host and a board."""

import enum

__all__ = ["LinkKind"]


class LinkKind(enum.StrEnum):
    """Wires that carry the messages of the protocol."""

    UART = "uart"
    """Serial port."""
    SPI = "spi"
    """SPI, with the board as the device and its USB bridge as the controller."""

    @property
    def title(self) -> str:
        """Name in a sentence."""
        return {LinkKind.UART: "the serial port", LinkKind.SPI: "SPI"}[self]

    @property
    def heading(self) -> str:
        """Name at the beginning of a line."""
        return {LinkKind.UART: "Serial port", LinkKind.SPI: "SPI"}[self]

    @property
    def fastest(self) -> int:
        """Largest rate of the fastest USB bridge on a board, an FT2232H (DS_FT2232H)."""
        return {LinkKind.UART: 12_000_000, LinkKind.SPI: 30_000_000}[self]

    @property
    def byte_bits(self) -> int:
        """Bits of a byte on the line: a UART adds a start bit and a stop bit."""
        return {LinkKind.UART: 10, LinkKind.SPI: 8}[self]

    @property
    def unit(self) -> str:
        """Unit of the rate in reports."""
        return {LinkKind.UART: "baud", LinkKind.SPI: "bit/s"}[self]
