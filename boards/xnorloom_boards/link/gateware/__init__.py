"""Board side of the link: serial port, framing, and answers to messages."""

from .link import Link, describe
from .uart import Uart

__all__ = ["Link", "Uart", "describe"]
