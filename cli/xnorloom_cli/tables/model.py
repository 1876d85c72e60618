# amaranth: UnusedElaboratable=no
"""Models and schedules as tables for a person and as plain values for a program."""

from typing import Any

import numpy as np

from xnorloom.gateware.network import Network
from xnorloom.graph import Dense, Graph, Score
from xnorloom.graph.input import Input
from xnorloom.schedule import Plan, Schedule
from xnorloom.support.text import count, table

__all__ = ["model_values", "model_text", "schedule_values", "schedule_text"]

# A row of cuts may be 255 long.
_CUTS_SHOWN = 16


def model_values(graph: Graph) -> dict[str, Any]:
    """Input, layers, shapes, synapses and bits of ``graph``."""
    layers = []
    for index, layer in enumerate(graph.layers):
        dense = isinstance(layer, Dense)
        layers.append({
            "name": layer.name, "kind": "dense" if dense else "score", "inputs": layer.inputs,
            "neurons": layer.neurons, "input_bits": graph.planes(index),
            "synapses": layer.weights.size, "weight_bits": layer.weights.size,
            "threshold_bits":
                layer.neurons * (graph.count_max(index) + 1).bit_length() if dense else 0,
            "scale_bits": _scale_bits(layer) if isinstance(layer, Score) else 0})
    cuts = graph.input.pixel_thresholds
    return {
        "name": graph.name, "digest": graph.digest,
        "input": {"shape": list(graph.input.shape), "bits": graph.input.bits,
                  "cuts": None if cuts is None else cuts.tolist(),
                  "meaning": graph.input.preprocessing},
        "classes": graph.classes, "synapses": graph.synapses, "weight_bits": graph.synapses,
        "score_range": list(graph.score_range), "layers": layers}


def model_text(graph: Graph) -> str:
    """What :func:`model_values` says, for a person."""
    values = model_values(graph)
    shape = " x ".join(str(d) for d in graph.input.shape)
    rows = [(entry["name"], entry["kind"], entry["inputs"], entry["input_bits"], entry["neurons"],
             entry["synapses"], entry["weight_bits"], entry["threshold_bits"] or None)
            for entry in values["layers"]]
    rows.append(("total", "", None, None, None, graph.synapses, graph.synapses,
                 sum(entry["threshold_bits"] for entry in values["layers"])))
    header = ("layer", "kind", "inputs", "bits each", "neurons", "synapses", "weight bits",
              "threshold bits")
    low, high = graph.score_range
    lines = [
        f"model    {graph.name}",
        f"input    {shape} = {count(graph.input.size, 'element')} of "
        f"{count(graph.input.bits, 'bit')}"]
    if graph.input.preprocessing is not None:
        lines.append(f"meaning  {graph.input.preprocessing}")
    if graph.input.pixel_thresholds is not None:
        lines.append(f"cuts     {_cuts(graph.input, graph.input.pixel_thresholds)}")
    lines.append(f"output   {count(graph.classes, 'class', 'es')}, "
                 f"scores from {low:,} to {high:,}")
    score = graph.layers[-1]
    if isinstance(score, Score) and score.scaled:
        lines.append(f"scales   {count(_scale_bits(score), 'bit')}, from {score.scales.min():,} "
                     f"to {score.scales.max():,}")
    return "\n".join([*lines, f"digest   {graph.digest}", "", table(rows, header)])


def _scale_bits(score: Score) -> int:
    """Bits of the scales, each as wide as the largest; none if nothing is scaled."""
    return score.neurons * int(score.scales.max()).bit_length() if score.scaled else 0


def _cuts(frame: Input, cuts: np.ndarray) -> str:
    """How elements come from pixels, in words."""
    if len(cuts) > 1:
        each = "one" if frame.bits == 1 else str(cuts.shape[1])
        return f"{each} for each element, from {cuts.min()} to {cuts.max()}"
    if frame.bits == 1:
        return f"1 where a pixel is at least {cuts[0, 0]}"
    row = [str(cut) for cut in cuts[0]]
    if len(row) > _CUTS_SHOWN:
        row[_CUTS_SHOWN // 2:-_CUTS_SHOWN // 2] = ["…"]
    return f"how many of {', '.join(row)} a pixel reaches"


def schedule_values(graph: Graph, schedule: Schedule) -> dict[str, Any]:
    """What ``schedule`` comes to: the layers, their lanes and the cycles of the whole network."""
    plan = schedule.bind(graph)
    layers = [{
        "name": entry.layer.name, "neurons": entry.layer.neurons, "inputs": entry.layer.inputs,
        "pe": entry.fold.pe, "simd": entry.fold.simd, "style": entry.fold.style,
        "register_every": entry.fold.register_every,
        "read_register": entry.fold.read_register, "lanes": entry.fold.lanes,
        "cycles": entry.cycles, "depth": entry.depth, "buffer": entry.operands,
        "bottleneck": entry.cycles == plan.interval}
        for entry in plan.layers]
    return {"input_width": schedule.input_width, "words": plan.words,
            "lanes": sum(fold.lanes for fold in schedule.folds), "latency": Network(plan).latency,
            "interval": plan.interval, "layers": layers}


def schedule_text(graph: Graph, schedule: Schedule) -> str:
    """What :func:`schedule_values` says, for a person; the slowest layers are marked."""
    values = schedule_values(graph, schedule)
    rows = [(entry["name"], f"{entry['neurons']} x {entry['inputs']}", entry["pe"], entry["simd"],
             entry["lanes"], entry["cycles"], entry["style"], entry["depth"], entry["buffer"],
             "<- slowest" if entry["bottleneck"] else "") for entry in values["layers"]]
    rows.append(("total", "", None, None, values["lanes"], None, "", None, "", ""))
    header = ("layer", "neurons x inputs", "PE", "SIMD", "lanes", "cycles", "weights", "depth",
              "buffer", "")
    return "\n".join([
        table(rows, header),
        "",
        f"input    {count(values['words'], 'word')} of {count(values['input_width'], 'bit')} "
        f"a frame",
        f"latency  {count(values['latency'], 'cycle')} from the first input word to the result",
        f"interval {count(values['interval'], 'cycle')} between frames, set by "
        f"{_bottleneck(schedule.bind(graph))}"])


def _bottleneck(plan: Plan) -> str:
    names = [f"layer {entry.layer.name}" for entry in plan.layers if entry.cycles == plan.interval]
    if plan.words == plan.interval and not names:
        return f"the {count(plan.words, 'input word')}"
    return " and ".join(names)
