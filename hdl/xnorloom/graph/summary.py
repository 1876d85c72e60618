"""Summary of a graph: its input, layers and sizes, as plain values and as text."""

from typing import Any

import numpy as np

from ..support.html import html_table
from ..support.text import clipped, count, table
from .constants import constant_neurons, constant_warnings
from .graph import Graph
from .input import Input
from .layers import Dense, Score

__all__ = ["graph_html", "graph_text", "graph_values"]

# Pixel thresholds of an element that the text lists; there may be 255.
_SHOWN = 16


def graph_values(graph: Graph) -> dict[str, Any]:
    """Input, layers, shapes, synapses and bits of ``graph``: the values of ``info --json``."""
    layers = []
    constant = constant_neurons(graph)
    for index, layer in enumerate(graph.layers):
        dense = isinstance(layer, Dense)
        layers.append({
            "name": layer.name, "kind": "dense" if dense else "score", "inputs": layer.inputs,
            "neurons": layer.neurons, "input_bits": graph.planes(index),
            "synapses": layer.weights.size, "weight_bits": layer.weights.size,
            "threshold_bits":
                layer.neurons * (graph.count_max(index) + 1).bit_length() if dense else 0,
            "scale_bits": _scale_bits(layer) if isinstance(layer, Score) else 0,
            "constant": int(constant[index].sum())})
    thresholds = graph.input.pixel_thresholds
    return {
        "name": graph.name, "digest": graph.digest,
        "input": {"shape": list(graph.input.shape), "bits": graph.input.bits,
                  "cuts": None if thresholds is None else thresholds.tolist(),
                  "meaning": graph.input.preprocessing},
        "classes": graph.classes, "synapses": graph.synapses, "weight_bits": graph.synapses,
        "score_range": list(graph.score_range), "layers": layers,
        "warnings": constant_warnings(graph)}


def graph_text(graph: Graph) -> str:
    """The values of :func:`graph_values` as a table for people."""
    rows, header = _rows(graph)
    shape = " x ".join(str(d) for d in graph.input.shape)
    low, high = graph.score_range
    lines = [
        f"model    {clipped(graph.name)}",
        f"input    {shape} = {count(graph.input.size, 'element')} of "
        f"{count(graph.input.bits, 'bit')}"]
    if graph.input.preprocessing is not None:
        lines.append(f"meaning  {clipped(graph.input.preprocessing)}")
    if graph.input.pixel_thresholds is not None:
        lines.append(f"cuts     {_encoding(graph.input, graph.input.pixel_thresholds)}")
    lines.append(f"output   {count(graph.classes, 'class', 'es')}, "
                 f"scores from {low:,} to {high:,}")
    score = graph.layers[-1]
    if isinstance(score, Score) and score.scaled:
        lines.append(f"scales   {count(_scale_bits(score), 'bit')}, from {score.scales.min():,} "
                     f"to {score.scales.max():,}")
    lines += [f"warning  {line}" for line in constant_warnings(graph)]
    return "\n".join([*lines, f"digest   {graph.digest}", "", table(rows, header)])


def graph_html(graph: Graph) -> str:
    """The table of :func:`graph_text` in HTML, for notebooks."""
    return html_table(repr(graph), *_rows(graph))


def _rows(graph: Graph) -> tuple[list[tuple[object, ...]], tuple[str, ...]]:
    """Rows of the table of layers, and its header."""
    layers = graph_values(graph)["layers"]
    rows: list[tuple[object, ...]] = [
        (entry["name"], entry["kind"], entry["inputs"], entry["input_bits"], entry["neurons"],
         entry["synapses"], entry["weight_bits"], entry["threshold_bits"] or None)
        for entry in layers]
    rows.append(("total", "", None, None, None, graph.synapses, graph.synapses,
                 sum(entry["threshold_bits"] for entry in layers)))
    header = ("layer", "kind", "inputs", "bits each", "neurons", "synapses", "weight bits",
              "threshold bits")
    constant = [entry["constant"] or None for entry in layers]
    if not any(constant):
        return rows, header
    return [(*row, number) for row, number in zip(rows, [*constant, None])], (*header, "constant")


def _scale_bits(score: Score) -> int:
    """Bits of all scales, each as wide as the largest; 0 if all scales are 1."""
    return score.neurons * int(score.scales.max()).bit_length() if score.scaled else 0


def _encoding(input: Input, thresholds: np.ndarray) -> str:
    """Rule that turns a pixel into an element, in words."""
    if len(thresholds) > 1:
        each = "one" if input.bits == 1 else str(thresholds.shape[1])
        return f"{each} for each element, from {thresholds.min()} to {thresholds.max()}"
    if input.bits == 1:
        return f"1 where a pixel is at least {thresholds[0, 0]}"
    row = [str(value) for value in thresholds[0]]
    if len(row) > _SHOWN:
        row[_SHOWN // 2:-_SHOWN // 2] = ["…"]
    return f"how many of {', '.join(row)} a pixel reaches"
