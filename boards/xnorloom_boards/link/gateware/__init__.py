"""Board side of the link: serial port or SPI, framing, and answers to messages."""

from .link import Link, describe
from .spi import Spi
from .uart import Uart

__all__ = ["Link", "Spi", "Uart", "describe"]
