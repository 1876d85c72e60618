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
    def byte_bits(self) -> int:
        """Bits of a byte on the line: a UART adds a start bit and a stop bit."""
        return {LinkKind.UART: 10, LinkKind.SPI: 8}[self]

    @property
    def unit(self) -> str:
        """Unit of the rate in reports."""
        return {LinkKind.UART: "baud", LinkKind.SPI: "bit/s"}[self]
