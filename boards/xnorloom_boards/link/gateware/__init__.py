"""The device's side of the link: serial port, framing, and what the messages do."""

from .link import Link, describe
from .uart import Uart

__all__ = ["Link", "Uart", "describe"]
