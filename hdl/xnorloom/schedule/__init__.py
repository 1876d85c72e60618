"""The schedule: how the layers of a graph are folded onto hardware."""

from .fold import RAM_STYLES, STYLES, Fold
from .schedule import Schedule

__all__ = ["Fold", "RAM_STYLES", "STYLES", "Schedule"]
