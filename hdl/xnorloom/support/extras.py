"""Installation of the optional dependencies, the extras of pyproject.toml."""

__all__ = ["install_hint"]


def install_hint(*extras: str) -> str:
    """Command that installs ``extras`` from a checkout, quoted for shells with ``[]`` patterns."""
    return f"pip install '.[{','.join(extras)}]'"
