"""Verification of every step from the source model to the gateware."""

from .steps import STEPS, Difference, Row, SourceModel, Verification, verify

__all__ = ["STEPS", "Difference", "Row", "SourceModel", "Verification", "verify"]
