"""Text for people: counted nouns, and tables."""

from collections.abc import Sequence

__all__ = ["count", "table"]


def count(number: int, noun: str, ending: str = "s") -> str:
    """``number`` with its noun, which takes the ``ending`` unless there is just one."""
    return f"{number:,} {noun}{'' if number == 1 else ending}"


def table(rows: Sequence[Sequence[object]], header: Sequence[str]) -> str:
    """Lay out ``rows`` under ``header`` as plain text; integers are aligned right.

    Each row has as many cells as ``header``. A column is aligned right if every cell in it is an
    integer or ``None``, which stays blank.
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
    return f"{value:,}" if isinstance(value, int) else str(value)
