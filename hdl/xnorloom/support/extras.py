"""Installation of the optional dependencies, the extras of pyproject.toml."""

from pathlib import Path

__all__ = ["install_hint"]

# Source trees have this file; in an installation the name of the package is enough for pip.
_PROJECT = Path(__file__).parents[3] / "pyproject.toml"


def install_hint(*extras: str) -> str:
    """Command that installs ``extras``, quoted for shells with ``[]`` patterns.

    It works from a checkout if xnorloom runs from its source tree, else from any folder.
    """
    project = "." if _PROJECT.exists() else "xnorloom"
    return f"pip install '{project}[{','.join(extras)}]'"
