"""Report of an import: the changes to neurons and scores, as values and as text."""

from dataclasses import asdict
from typing import Any

from xnorloom.graph.constants import constant_warnings
from xnorloom.lowering.lower import Lowered
from xnorloom.support.text import count, table

__all__ = ["import_summary", "import_text", "import_values"]


def import_values(lowered: Lowered) -> dict[str, Any]:
    """Counts of changed neurons by layer, and the scales of the scores: ``import --json``."""
    scores = lowered.scores
    return {
        "name": lowered.graph.name, "digest": lowered.graph.digest,
        "meaning": lowered.preprocessing,
        "layers": [asdict(layer) for layer in lowered.layers],
        "scores": {"scale_bits": scores.bits, "changed_decisions": scores.changed,
                   "decisions": scores.total},
        "notes": list(lowered.notes), "warnings": constant_warnings(lowered.graph)}


def import_text(lowered: Lowered) -> str:
    """The values of :func:`import_values` as a table for people."""
    rows, header = lowered.table()
    lines = [f"input    {lowered.preprocessing}, {_elements(lowered)}",
             f"scores   {_scores(lowered)}"]
    if rows:
        lines += ["", table(rows, header)]
    return "\n".join(lines)


def import_summary(lowered: Lowered) -> str:
    """Summary in a line: neurons that are inverted, constant, or within 1e-5 of a tie."""
    layers = lowered.layers
    neurons = sum(layer.neurons for layer in layers)
    text = (f"{count(neurons, 'neuron')}: {sum(layer.inverted for layer in layers):,} inverted, "
            f"{sum(layer.constant for layer in layers):,} constant, "
            f"{sum(layer.near_ties for layer in layers):,} within 1e-5 of a tie")
    uncertain = sum(layer.uncertain for layer in layers)
    if uncertain:
        text += f"; {uncertain:,} could differ where the source rounds its sums"
    if lowered.scores.changed:
        text += f"; scores of {count(lowered.scores.bits, 'bit')} {_changed(lowered)}"
    return text


def _elements(lowered: Lowered) -> str:
    input = lowered.graph.input
    if input.thermometer is None:
        return f"{count(input.bits, 'bit')} per element"
    return f"{count(input.size, 'cut')} of {count(input.pixel_count, 'pixel')}, 1 bit for each"


def _scores(lowered: Lowered) -> str:
    scores = lowered.scores
    if scores.bits <= 1:
        return "one scale for all classes"
    kept = "keep the order of all reachable scores" if not scores.changed else _changed(lowered)
    return f"scales of {count(scores.bits, 'bit')}, which {kept}"


def _changed(lowered: Lowered) -> str:
    scores = lowered.scores
    return (f"change {scores.changed:,} of {scores.total:,} decisions between two classes "
            f"({100 * scores.changed / scores.total:.2g} %)")
