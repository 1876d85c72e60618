"""Text for people: foreign strings made safe to print, counted nouns, tables.

Names in files, paths, messages of libraries and output of programs are foreign: they may hold
escape sequences of a terminal, line breaks, or a million characters. :func:`printable` makes one
safe; :func:`clipped`, :func:`quoted` and :func:`first_line` do so too, and shorten it.
"""

import reprlib
from collections.abc import Sequence

__all__ = ["clipped", "count", "duration", "first_line", "printable", "quoted", "table"]

# Some libraries quote the whole file in a message.
_LONGEST_MESSAGE = 200
_LONGEST_VALUE = 60
# Cuts a container before it is converted: one that was read from a file may have any size.
_VALUES = reprlib.Repr()
_VALUES.maxstring = _VALUES.maxlong = _VALUES.maxother = _LONGEST_VALUE


def printable(value: object) -> str:
    """``str(value)`` on one line, with escapes such as ``\\x1b`` for characters that do not print.

    These are the control characters, line breaks, marks that change the direction of the text,
    spaces other than the plain one, and bytes of a path that are no text.
    """
    text = str(value)
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def clipped(value: object, longest: int = _LONGEST_MESSAGE) -> str:
    """Printable ``value`` cut to ``longest`` characters, with ``...`` in place of its middle.

    The start gets three quarters of them; the end often names the culprit.
    """
    # Cut before and after, as escapes are longer than their characters.
    return _cut(printable(_cut(str(value), longest)), longest)


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    kept = max(longest - 3, 1)
    end = kept // 4
    return f"{text[:kept - end]}...{text[len(text) - end:]}"


def quoted(value: object) -> str:
    """Printable ``repr(value)``, cut to 60 characters."""
    return clipped(_VALUES.repr(value), _LONGEST_VALUE)


def first_line(error: BaseException) -> str:
    """First line of an error's message, clipped, or the type of an error that has none."""
    lines = str(error).strip().splitlines()
    return clipped(lines[0] if lines else type(error).__name__)


def count(number: int, noun: str, ending: str = "s") -> str:
    """``number`` with its noun, which takes the ``ending`` unless the number is 1."""
    return f"{number:,} {noun}{'' if number == 1 else ending}"


def duration(seconds: float) -> str:
    """Time with a suitable unit and three digits, such as ``16.6 µs``."""
    # What rounds to a thousand has the next unit.
    unit, size = next((pair for pair in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))
                       if seconds >= 0.9995 * pair[1]), ("ns", 1e-9))
    number = seconds / size
    return f"{number:.3g} {unit}" if number < 999.5 else f"{number:,.0f} {unit}"


def table(rows: Sequence[Sequence[object]], header: Sequence[str]) -> str:
    """Lay out ``rows`` under ``header`` as plain text.

    Each row has as many cells as ``header``. A column is right-aligned if each of its cells is an
    integer or ``None``, which stays blank. Cells are printable and clipped.
    """
    right = [all(row[column] is None or isinstance(row[column], int) for row in rows)
             for column in range(len(header))]
    lines = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(cell.rjust(width) if aligned else cell.ljust(width)
                  for cell, width, aligned in zip(line, widths, right)).rstrip()
        for line in lines)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else clipped(value)
