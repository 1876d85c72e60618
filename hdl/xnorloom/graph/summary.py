"""Summary of a graph: its input, layers and sizes, as plain values and as text."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..support.html import html_table
from ..support.text import clipped, count, table
from .constants import constant_neurons, constant_warnings
from .conv import Conv
from .graph import Graph
from .input import Input
from .layers import Dense, Score
from .maps import Map
from .thermometer import Cuts

__all__ = ["graph_html", "graph_text", "graph_values", "window_text"]

# Pixel thresholds of an element that the text lists; there may be 255.
_SHOWN = 16


def graph_values(graph: Graph) -> dict[str, Any]:
    """Input, layers, shapes, synapses and bits of ``graph``: the values of ``info --json``."""
    layers = []
    constant = constant_neurons(graph)
    for index, layer in enumerate(graph.layers):
        kind = {Conv: "conv", Dense: "dense", Score: "score"}[type(layer)]
        entry = {
            "name": layer.name, "kind": kind, "inputs": layer.inputs,
            "neurons": layer.neurons, "input_bits": graph.planes(index),
            "synapses": layer.synapses, "weight_bits": layer.weight_bits,
            "threshold_bits": 0 if isinstance(layer, Score) else
                layer.thresholds.size * (graph.count_max(index) + 1).bit_length(),
            "scale_bits": _scale_bits(layer) if isinstance(layer, Score) else 0,
            "constant": int(constant[index].sum())}
        if layer.present is not None:
            entry["absent"] = layer.weights.size - layer.synapses
        if isinstance(layer, Conv):
            entry.update(_conv_values(layer, graph.maps[index]))
        layers.append(entry)
    thresholds, rows = graph.input.pixel_thresholds, graph.input.thermometer
    return {
        "name": graph.name, "digest": graph.digest,
        "input": {"shape": list(graph.input.shape), "bits": graph.input.bits,
                  "cuts": None if thresholds is None else thresholds.tolist(),
                  "meaning": graph.input.preprocessing,
                  **({} if rows is None else
                     {"pixel_shape": list(graph.input.pixel_shape),
                      "thermometer": [list(row) for row in rows]})},
        "classes": graph.classes, "synapses": graph.synapses, "weight_bits": graph.weight_bits,
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
    if graph.input.thermometer is not None:
        pixels = " x ".join(str(d) for d in graph.input.pixel_shape)
        lines += [f"pixels   {pixels} of 8 bits",
                  f"cuts     {_thermometer(graph.input.thermometer)}"]
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


def _conv_values(layer: Conv, map: Map) -> dict[str, Any]:
    """Values of :func:`graph_values` that only a convolution has."""
    window = layer.window
    return {
        "map": list(map), "output_map": list(layer.output(map)), "kernel": list(window.kernel),
        "stride": list(window.stride), "dilation": list(window.dilation),
        "padding": list(window.padding),
        "pad": list(window.pad) if isinstance(window.pad, tuple) else window.pad,
        "pool": list(layer.pool_size), "pool_and": int(layer.least.sum()), "groups": layer.groups,
        "border_classes": layer.borders(map).count,
        "positions": math.prod(layer.positions(map))}


def window_text(layer: Conv) -> str:
    """Kernel, stride, dilation, padding, pool and groups of a convolution, in words."""
    window = layer.window
    parts = [_pair(window.kernel)]
    parts += [f"{name} {_pair(pair)}" for name, pair in (
        ("stride", window.stride), ("dilation", window.dilation)) if pair != (1, 1)]
    if any(window.padding):
        sides = window.padding[:1] if len(set(window.padding)) == 1 else window.padding
        element = ("not counted" if window.pad is None else "of a code for each channel"
                   if isinstance(window.pad, tuple) else f"of code {window.pad}")
        parts.append(f"padding {' '.join(map(str, sides))} {element}")
    if layer.pool is not None:
        least = int(layer.least.sum())
        kind = "" if not least else " AND" if least == layer.neurons else f" AND of {least}"
        parts.append(f"pool {_pair(layer.pool_size)}{kind}")
    if layer.groups > 1:
        parts.append(f"{layer.groups} groups")
    return ", ".join(parts)


def _pair(sides: tuple[int, int]) -> str:
    return f"{sides[0]}x{sides[1]}"


def _rows(graph: Graph) -> tuple[list[tuple[object, ...]], tuple[str, ...]]:
    """Rows of the table of layers, and its header."""
    layers = graph_values(graph)["layers"]
    rows: list[tuple[object, ...]] = [
        (entry["name"], entry["kind"], entry["inputs"], entry["input_bits"], entry["neurons"],
         entry["synapses"], entry["weight_bits"], entry["threshold_bits"] or None)
        for entry in layers]
    rows.append(("total", "", None, None, None, graph.synapses, graph.weight_bits,
                 sum(entry["threshold_bits"] for entry in layers)))
    header = ("layer", "kind", "inputs", "bits each", "neurons", "synapses", "weight bits",
              "threshold bits")
    if any(isinstance(layer, Conv) for layer in graph.layers):
        maps = [(str(before), str(after), window_text(layer)) if isinstance(layer, Conv) else
                ("", "", "") for layer, before, after in zip(graph.layers, graph.maps,
                                                            graph.maps[1:])]
        rows = [(*row, *more) for row, more in zip(rows, [*maps, ("", "", "")])]
        header = (*header, "input map", "output map", "window")
    absent = [entry.get("absent") for entry in layers]
    constant = [entry["constant"] or None for entry in layers]
    for what, numbers, total in (("absent", absent, sum(filter(None, absent))),
                                 ("constant", constant, None)):
        if any(numbers):
            rows = [(*row, number) for row, number in zip(rows, [*numbers, total])]
            header = (*header, what)
    return rows, header


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
    return f"how many of {_listed(thresholds[0])} a pixel reaches"


def _thermometer(rows: Cuts) -> str:
    """Rule of a thermometer, in words."""
    if len(rows) == 1:
        return f"an element for each of {_listed(rows[0])}, 1 where a pixel is at least that"
    most, least = max(map(len, rows)), min(map(len, rows))
    each = count(most, "cut") if most == least else f"{least} to {most} cuts"
    return (
        f"an element for each of {each} of a channel, from "
        f"{min(row[0] for row in rows)} to {max(row[-1] for row in rows)}, 1 where a pixel is "
        f"at least that"
    )


def _listed(cuts: Iterable[int]) -> str:
    row = [str(value) for value in cuts]
    if len(row) > _SHOWN:
        row[_SHOWN // 2:-_SHOWN // 2] = ["…"]
    return ", ".join(row)
