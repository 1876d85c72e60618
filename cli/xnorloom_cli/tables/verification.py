"""Results of a verification, as values and as text."""

import dataclasses
from typing import Any

from xnorloom.support.text import count, table
from xnorloom_sim.verification import Difference, Row, Verification

__all__ = ["verification_text", "verification_values", "verification_warnings"]


def verification_values(result: Verification) -> dict[str, Any]:
    """Rows and totals of ``result``: the values of ``verify --json``."""
    reference = next(row for row in result.rows if row.step == "graph")
    return {"equal": result.equal, "neurons": result.neurons, "switched": result.switched,
            "chosen": result.chosen, "correct": reference.correct, "accuracy": _accuracy(reference),
            "steps": [_row(row) for row in result.rows]}


def _row(row: Row) -> dict[str, Any]:
    return {"step": row.step, "title": row.title, "frames": row.frames, "layers": row.layers,
            "neurons": row.neurons, "scores": row.scores, "classes": row.classes,
            "differences": row.differences, "first": _difference(row.first),
            "rounding": row.rounding, "first_rounding": _difference(row.first_rounding),
            "correct": row.correct, "accuracy": _accuracy(row), "left_out": row.left_out}


def _difference(difference: Difference | None) -> dict[str, Any] | None:
    if difference is None:
        return None
    values = dataclasses.asdict(difference)
    if difference.row is None:
        # Only maps have places.
        del values["row"], values["column"]
    return {**values, "text": str(difference)}


def _accuracy(row: Row) -> float | None:
    return None if row.correct is None or not row.frames else row.correct / row.frames


def verification_text(result: Verification) -> str:
    """The values of :func:`verification_values` as a table for people."""
    header = ["step", "what ran", "frames", "layers", "neurons", "scores", "classes", "differ"]
    rounding = any(row.rounding for row in result.rows)
    labels = any(row.correct is not None for row in result.rows)
    header += [*["by rounding"] * rounding, *["accuracy"] * labels, "result"]
    rows = []
    for row in result.rows:
        ran = row.left_out is None
        cells = [row.step, row.title, *(value if ran else None for value in (
            row.frames, row.layers, row.neurons, row.scores, row.classes)), row.differences]
        if rounding:
            cells.append(None if row.differences is None else row.rounding)
        if labels:
            accuracy = _accuracy(row)
            cells.append("" if accuracy is None else f"{100 * accuracy:.2f} %")
        rows.append((*cells, _result(row)))
    lines = [table(rows, header), "",
             f"{result.chosen:,} of {_classes(result)} chosen in these frames"]
    if result.neurons:
        lines.append(f"{result.switched:,} of {count(result.neurons, 'neuron')} before the last "
                     f"layer were 0 in some of these frames and 1 in others")
    for row in result.rows:
        if row.left_out is not None:
            lines.append(f"{row.step} was left out: {row.left_out}")
        if row.first is not None:
            lines.append(f"{row.step} differs first in {row.first}")
        if row.first_rounding is not None:
            lines.append(f"{row.step} differs by its own rounding in "
                         f"{count(row.rounding, 'frame')}, first in {row.first_rounding}")
    return "\n".join(lines)


def _classes(result: Verification) -> str:
    classes = result.rows[0].classes
    return f"{count(classes, 'class', 'es')} {'was' if classes == 1 else 'were'}"


def _result(row: Row) -> str:
    if row.left_out is not None:
        return "left out"
    if row.equal is None:
        return "the reference"
    if row.differences:
        return "DIFFERENT"
    if not row.equal:
        return "NOTHING TO COMPARE"
    return "equal but for rounding" if row.rounding else "equal"


def verification_warnings(result: Verification, near_ties: int | None,
                          uncertain: int | None) -> list[str]:
    """Differences, steps that were left out, and neurons on which runtimes may disagree."""
    lines = []
    different = [row.step for row in result.rows if row.differences]
    if different:
        lines.append(f"not equal to the integer graph: {', '.join(different)}")
    if not result.compared:
        lines.append("nothing was compared: no step ran beside the integer graph")
    elif any(row.classes < 2 for row in result.rows):
        lines.append("nothing to compare: the network has one class, which it chooses for every "
                     "input")
    if left_out := [row.step for row in result.rows if row.left_out is not None]:
        lines.append(f"not compared: {', '.join(left_out)}")
    if uncertain:
        lines.append(f"the source rounds the sums of {count(uncertain, 'neuron')}, which may fall "
                     f"on either side of a tie in any runtime")
    elif near_ties:
        lines.append(f"{count(near_ties, 'neuron')} decided within 1e-5 of a tie: a runtime that "
                     f"rounds differently may decide differently")
    return lines
