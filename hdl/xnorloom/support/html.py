"""HTML: foreign text, and tables for notebooks."""

import html
from collections.abc import Sequence

from .text import printable

__all__ = ["escape", "html_table"]


def escape(text: object) -> str:
    """Printable ``text`` with ``&``, ``<``, ``>`` and quotes as references: valid in XML, too."""
    return html.escape(printable(text))


def html_table(title: str, rows: Sequence[Sequence[object]], header: Sequence[str]) -> str:
    """Return ``rows`` under ``header`` as a table with a caption.

    Integers are right-aligned; ``None`` stays blank. Text is escaped.
    """
    head = "".join(f"<th>{escape(text)}</th>" for text in header)
    body = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in rows)
    return (f"<table><caption>{escape(title)}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>")


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f'<td style="text-align: right">{value:,}</td>'
    return f"<td>{'' if value is None else escape(value)}</td>"
