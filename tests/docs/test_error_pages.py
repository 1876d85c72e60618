"""Pages that errors name: they exist, with the section."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import xnorloom
import xnorloom_boards
import xnorloom_sim
from xnorloom.errors import XnorloomError

DOCS = Path(__file__).parents[2] / "docs"


def classes():
    """All classes of errors that have a page."""
    for package in (xnorloom, xnorloom_boards, xnorloom_sim):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith(("errors", ".fit", ".private", ".api", ".place_and_route")):
                importlib.import_module(module.name)
    found, rest = [], [XnorloomError]
    while rest:
        kind = rest.pop()
        rest += kind.__subclasses__()
        found += [kind] * bool(kind.page)
    return sorted(set(found), key=lambda kind: kind.__name__)


def sections(text):
    """Anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_page(kind):
    path, _, section = kind.page.partition("#")
    assert (DOCS / path).is_file()
    assert not section or section in sections((DOCS / path).read_text())


def test_classes():
    names = {kind.__name__ for kind in classes()}
    assert {"BoardError", "BuildError", "DataError", "ModelFileError", "NoAnswerError",
            "NoScheduleError", "PortError", "ScheduleError", "SourceError",
            "WrongBitstreamError"} <= names
