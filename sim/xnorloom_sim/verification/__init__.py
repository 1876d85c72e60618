"""Verification of every step from the source model to the gateware."""

from .verify import STEPS, Difference, Row, SourceModel, Verification, verify

__all__ = ["STEPS", "Difference", "Row", "SourceModel", "Verification", "verify"]
