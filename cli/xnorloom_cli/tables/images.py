"""Answers to image files: the class of each, as values and as a table."""

from typing import TYPE_CHECKING, Any

from xnorloom.support.text import count, table

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from xnorloom_sim.data import Dataset

__all__ = ["answers_text", "answers_values"]

_MOST_ROWS = 20


def answers_values(dataset: "Dataset", classes: "npt.NDArray[np.integer]") -> dict[str, Any]:
    """Class of each image file under the key ``answers``; nothing for other data."""
    if dataset.files is None:
        return {}
    return {"answers": [{"file": file, "class": int(answer)}
                        for file, answer in zip(dataset.files, classes)]}


def answers_text(values: dict[str, Any]) -> str:
    """Table of the first answers of :func:`answers_values`, with an empty line before it."""
    answers = values.get("answers", [])
    if not answers:
        return ""
    rows = [(answer["file"], answer["class"]) for answer in answers[:_MOST_ROWS]]
    left = len(answers) - len(rows)
    more = f"\n... and {count(left, 'more file')}; --json has all" if left else ""
    return f"\n\n{table(rows, ('file', 'class'))}{more}"
