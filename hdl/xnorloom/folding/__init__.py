"""Choice of a schedule for an interval or a chip."""

from .automatic import (
    DEFAULT_LANES,
    automatic,
    default_interval,
    fold_for,
    smallest_interval,
)

__all__ = ["DEFAULT_LANES", "automatic", "default_interval", "fold_for", "smallest_interval"]
