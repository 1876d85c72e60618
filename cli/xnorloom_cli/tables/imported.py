"""What was brought in from another tool, as text for a person and values for a program."""

from dataclasses import asdict
from typing import Any

from xnorloom.lowering.lower import Lowered
from xnorloom.support.text import count, table

__all__ = ["import_text", "import_values", "summary"]


def import_values(lowered: Lowered) -> dict[str, Any]:
    """What became of each layer's neurons and of the scores."""
    fold = lowered.scores
    return {
        "name": lowered.graph.name, "digest": lowered.graph.digest,
        "meaning": lowered.preprocessing,
        "layers": [asdict(layer) for layer in lowered.layers],
        "scores": {"scale_bits": fold.bits, "changed_decisions": fold.changed,
                   "decisions": fold.total},
        "notes": list(lowered.notes)}


def import_text(lowered: Lowered) -> str:
    """What :func:`import_values` says, for a person."""
    rows = [(layer.name, layer.source, layer.neurons, layer.inverted, layer.constant,
             layer.near_ties, layer.uncertain) for layer in lowered.layers]
    header = ("layer", "in the source", "neurons", "inverted", "constant", "near a tie",
              "uncertain")
    lines = [f"input    {lowered.preprocessing}, "
             f"{count(lowered.graph.input.bits, 'bit')} an element",
             f"scores   {_scores(lowered)}"]
    if rows:
        lines += ["", table(rows, header)]
    return "\n".join(lines)


def summary(lowered: Lowered) -> str:
    """One line: neurons that were inverted, are constant, or decide within 1e-5 of a tie."""
    layers = lowered.layers
    neurons = sum(layer.neurons for layer in layers)
    text = (f"of {count(neurons, 'neuron')}, {sum(layer.inverted for layer in layers):,} inverted, "
            f"{sum(layer.constant for layer in layers):,} constant, "
            f"{sum(layer.near_ties for layer in layers):,} within 1e-5 of a tie")
    uncertain = sum(layer.uncertain for layer in layers)
    if uncertain:
        text += f"; {uncertain:,} could differ where the source rounds its sums"
    if lowered.scores.changed:
        text += f"; scores of {count(lowered.scores.bits, 'bit')} {_changed(lowered)}"
    return text


def _scores(lowered: Lowered) -> str:
    fold = lowered.scores
    if fold.bits <= 1:
        return "one scale for all classes"
    kept = "keep the order of all that can meet" if not fold.changed else _changed(lowered)
    return f"scales of {count(fold.bits, 'bit')}, which {kept}"


def _changed(lowered: Lowered) -> str:
    fold = lowered.scores
    return (f"change {fold.changed:,} of {fold.total:,} decisions between two classes "
            f"({100 * fold.changed / fold.total:.2g} %)")
