"""The idiom counter finds each idiom, with its line, and nothing else."""

import importlib.util
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("idioms", Path(__file__).with_name("idioms.py"))
idioms = importlib.util.module_from_spec(spec)
spec.loader.exec_module(idioms)

PROGRAM = '''"""What a module does."""
import argparse

# It stands in
# the way as of today.
def f():
    """Whether it is.

    It is told, by
    itself, to nobody.
    """
    name = "behind"  # now and then
    return argparse.ArgumentParser(description="Of those who wait")
'''


def words(path, text):
    path.write_text(text)
    return [(line, found) for line, found, _ in idioms.idioms(path)]


def test_program(tmp_path):
    assert words(tmp_path / "a.py", PROGRAM) == [
        (1, "What"), (4, "stands in"), (5, "as of"), (7, "Whether"), (9, "by itself"),
        (9, "is told"), (10, "nobody"), (12, "now and then"), (13, "Of"), (13, "those who")]


@pytest.mark.parametrize("name, text", [
    ("a.md", "Fine.\n```\nbehind\n```\nIt is behind.\n"),
    ("a.cpp", "int behind;\n\n// Fine.\nbehind();\n  // It is behind.\n"),
])
def test_pages(tmp_path, name, text):
    assert words(tmp_path / name, text) == [(5, "behind")]


@pytest.mark.parametrize("text", ["Of course.", "It is 2 of 3.", "Soft-told by it.", "However."])
def test_right_words(tmp_path, text):
    assert words(tmp_path / "a.py", f'"""{text}"""\n') == []
