"""All pages: links, names of files and modules, extras, and the index."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"),
                                 ROOT / "models" / "README.md"])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCE = PROJECT["urls"]["Source"]
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]


def anchors(path):
    """Anchors of the headings of a page, formed as GitHub forms them."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", text, re.M)}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        blob, raw = f"{SOURCE}/blob/main/", f"{SOURCE}/main/".replace(
            "github.com", "raw.githubusercontent.com")
        if name.startswith((blob, raw)):
            place = ROOT / name.removeprefix(blob).removeprefix(raw)
        elif "://" in name:
            continue
        else:
            place = (page.parent / name if name else page).resolve()
        assert place.exists(), target
        assert not anchor or anchor in anchors(place), target


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_files_and_modules(page):
    text = page.read_text()
    if page.name == "CHANGELOG.md":
        # Only the last column of a table has names of today.
        text = "\n".join(re.findall(r"^\|.*\|(.*)\|$", text, re.M))
    for name in re.findall(r"`((?:hdl|sim|boards|cli|tests|docs|examples|benchmarks)/[\w./-]+)`",
                           text):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"`(xnorloom(?:_sim|_boards|_cli)?(?:\.\w+)+)(?:\([^`]*\))?`", text):
        parts = name.split(".")
        module = parts[0]
        for count, part in enumerate(parts[1:], 1):
            inner = f"{module}.{part}"
            if importlib.util.find_spec(module).submodule_search_locations is not None \
                    and importlib.util.find_spec(inner) is not None:
                module = inner
                continue
            # The rest is a class or function, and its members.
            value = importlib.import_module(module)
            for attribute in parts[count:]:
                value = getattr(value, attribute)
            break


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_extras(page):
    text = page.read_text()
    assert "pip install 'xnorloom[" not in text
    assert not re.search(r"pip install (?:-e |--editable )?\.\[", text)
    for extras in re.findall(r"'\.\[([\w,]+)\]'", text):
        assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])


def test_goals():
    goals = set(re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.M)[1].split())
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    for page in PAGES:
        text = page.read_text()
        named = re.findall(r"(?:`|^    )make ([\w-]+)", text, re.M)
        assert set(named) <= goals, page
    assert goals - {"help", "clean"} <= set(re.findall(r"`make ([\w-]+)", contributing))


def test_every_page_is_listed():
    index = (ROOT / "docs" / "README.md").read_text()
    listed = {(ROOT / "docs" / name).resolve() for name in re.findall(r"\]\(([^)]+)\)", index)}
    assert listed == set(PAGES) - {
        ROOT / "README.md", ROOT / "docs/README.md", ROOT / "docs/index.md",
        ROOT / "models/README.md"}


def test_every_page_is_in_the_site():
    docs = ROOT / "docs"
    trees = re.findall(r"^```\{toctree\}\n(.*?)^```$", (docs / "index.md").read_text(), re.M | re.S)
    entries = [line for tree in trees for line in tree.splitlines()
               if line and not line.startswith((":", "api/"))]
    assert sorted(entries) == sorted(
        page.relative_to(docs).with_suffix("").as_posix() for page in PAGES
        if page.is_relative_to(docs) and page not in (docs / "README.md", docs / "index.md"))


def test_readme_is_short():
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) <= 150
    # The page of the package has no folder for relative links.
    for target in re.findall(r"\]\(([^)\s]+)\)", readme):
        assert target.startswith("https://")
