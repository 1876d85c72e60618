"""Installation of the optional dependencies, the extras of pyproject.toml."""

import importlib.metadata
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

__all__ = ["install_hint"]

_PACKAGE = "xnorloom"
# Source trees have this file.
_PROJECT = Path(__file__).parents[3] / "pyproject.toml"
_OF_EXTRA = re.compile(r"""^(.*?)\s*;.*\bextra\s*==\s*["']([\w.-]+)["']""")
_OWN_EXTRAS = re.compile(rf"^{_PACKAGE}\[([\w.,-]+)\]$")


def install_hint(*extras: str) -> str:
    """Command that installs ``extras``, quoted for shells with ``[]`` patterns.

    In a source tree it names the extras. For an installed wheel it names what they require, since
    the package is on no index.
    """
    if _PROJECT.exists():
        return f"pip install '.[{','.join(extras)}]'"
    found = dict.fromkeys(name for extra in extras for name in _required(extra))
    return f"pip install {' '.join(map(shlex.quote, found))}"


def _required(extra: str) -> Iterator[str]:
    """Requirements of an extra and of those that it includes."""
    for line in importlib.metadata.requires(_PACKAGE) or ():
        match = _OF_EXTRA.match(line)
        if match and match[2] == extra:
            own = _OWN_EXTRAS.match(match[1])
            if own:
                for included in own[1].split(","):
                    yield from _required(included)
            else:
                yield match[1]
