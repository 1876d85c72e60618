"""Trained networks that come with the package, by name."""

from pathlib import Path

__all__ = ["bundled"]

# The folder of an installed package, and that of a source tree.
_PLACES = (Path(__file__).parents[1] / "bundled", Path(__file__).parents[3] / "models")


def bundled() -> dict[str, Path]:
    """Return the model files by name, such as ``tfc``, in the order of the names."""
    place = next((place for place in _PLACES if place.is_dir()), _PLACES[0])
    return {path.stem: path for path in sorted(place.glob("*.bnn"))}
