"""Every step from the source model to the gateware, compared with the integer graph."""

from .verify import STEPS, Difference, Ladder, Row, Source, verify

__all__ = ["STEPS", "Difference", "Ladder", "Row", "Source", "verify"]
