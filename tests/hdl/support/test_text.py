"""Values and messages cut for people, counted nouns, and tables."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorloom.support.text import clipped, count, duration, first_line, printable, quoted, table


@pytest.mark.parametrize("longest", [4, 7, 60, 200])
@pytest.mark.parametrize("size", [0, 1, 3, 4, 7, 8, 60, 61, 200, 201, 5000])
def test_clipped(size, longest):
    text = "".join(chr(ord("a") + number % 26) for number in range(size))
    shown = clipped(text, longest)
    assert len(shown) == min(size, longest)
    if size <= longest:
        assert shown == text
    else:
        start, end = shown.split("...")
        assert text.startswith(start) and text.endswith(end)
        assert len(start) >= len(end)


def test_clipped_message():
    assert clipped(300 * "a" + "b") == 148 * "a" + "..." + 48 * "a" + "b"


HOSTILE = "a\x1b[31mb\r\nc\x9b2Jd\u2028e\u202ef\u200bg\ud800h\0\ti\x7f\xa0j"


@pytest.mark.parametrize("text, shown", [
    ("", ""), ("plain text", "plain text"), ("größe \u4e2d \U0001f600", "größe \u4e2d \U0001f600"),
    ("back\\slash 'quote'", "back\\slash 'quote'"), (Path("a\nb"), r"a\nb"), (3, "3"),
    (HOSTILE, r"a\x1b[31mb\r\nc\x9b2Jd\u2028e\u202ef\u200bg\ud800h\x00\ti\x7f\xa0j")])
def test_printable(text, shown):
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_everything_printable(text):
    for shown in (printable(text), clipped(text), clipped(text, 7), quoted(text), quoted([text]),
                  quoted({text: text}), first_line(ValueError(text)), printable(Path(text))):
        assert shown.isprintable()
    assert len(clipped(text, 7)) <= 7
    assert all(line.isprintable() for line in table([[text, 1]], ["a", "b"]).split("\n"))
    assert len(table([[text, 1]], ["a", "b"]).split("\n")) == 3


def test_quoted_objects_of_many_lines():
    assert quoted(np.zeros((3, 3))).isprintable()


@pytest.mark.parametrize("value, shown", [
    (None, "None"), (3, "3"), (0.5, "0.5"), (True, "True"),
    ("a\nb", r"'a\nb'"), (b"\0", r"b'\x00'"),
    (58 * "x", repr(58 * "x")), (59 * "x", f"'{27 * 'x'}...{28 * 'x'}'"),
    (10**59, "1" + 59 * "0"), (10**60, "1" + 27 * "0" + "..." + 29 * "0"),
    (["a"] * 99, "['a', 'a', 'a', 'a', 'a', 'a', ...]"),
    ({"pe": 1}, "{'pe': 1}")])
def test_quoted(value, shown):
    assert quoted(value) == shown


def test_quoted_is_short():
    """Whatever a file holds, and without converting all of it."""
    deep = []
    for _ in range(100_000):
        deep = [deep]
    for value in (deep, ["x" * 10**6] * 10, {str(n): "y" * 999 for n in range(9)}, {"a": deep},
                  object(), b"z" * 10**6):
        assert len(quoted(value)) <= 60


@pytest.mark.parametrize("error, line", [
    (ValueError("one"), "one"), (ValueError("\n one\ntwo\n"), "one"), (ValueError(), "ValueError"),
    (OSError(" \n "), "OSError"), (ValueError("a" * 201), "a" * 148 + "..." + "a" * 49)])
def test_first_line(error, line):
    assert first_line(error) == line


@pytest.mark.parametrize("number, nouns", [
    (0, "0 words"), (1, "1 word"), (2, "2 words"), (1234567, "1,234,567 words")])
def test_count(number, nouns):
    assert count(number, "word") == nouns


def test_count_ending():
    assert (count(1, "class", "es"), count(10, "class", "es")) == ("1 class", "10 classes")


@pytest.mark.parametrize("seconds, text", [
    (0, "0 ns"), (3.2e-8, "32 ns"), (9.994e-7, "999 ns"), (9.996e-7, "1 µs"), (1.66e-5, "16.6 µs"),
    (9.996e-4, "1 ms"), (0.00283139, "2.83 ms"), (0.9996, "1 s"),
    (12.345, "12.3 s"), (999.4, "999 s"), (999.6, "1,000 s"), (1234, "1,234 s")])
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_table():
    rows = [("a", 1, "x", None), ("total", 12345, "", 7)]
    assert table(rows, ("name", "count", "", "n")) == (
        "name    count     n\n"
        "-----  ------  -  -\n"
        "a           1  x\n"
        "total  12,345     7")
