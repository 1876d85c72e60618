"""Table of a schedule: the fold, lanes and cycles of each layer."""

from typing import Any

from xnorloom.folding.summary import schedule_values
from xnorloom.schedule import Plan
from xnorloom.schedule.plan import buffer_cell, map_cells
from xnorloom.support.text import count, table

__all__ = ["schedule_text"]


def schedule_text(plan: Plan) -> str:
    """The values of :func:`~xnorloom.folding.summary.schedule_values` as a table for people.

    The slowest layers are marked.
    """
    values = schedule_values(plan)
    frames = values["frames_per_interval"]
    vectors = any(entry["vectors"] > 1 for entry in values["layers"])
    maps = any("map" in entry for entry in values["layers"])
    rows = [(entry["name"], *(map_cells(layer) if maps else ()),
             f"{entry['neurons']} x {entry['inputs']}", entry["pe"], entry["simd"],
             *([entry["vectors"]] if vectors else []),
             entry["lanes"], entry["cycles"], entry["style"], entry["depth"], buffer_cell(layer),
             "<- slowest" if entry["bottleneck"] else "")
            for entry, layer in zip(values["layers"], plan.layers)]
    rows.append(("total", *(("", "") if maps else ()), "", None, None,
                 *([None] if vectors else []), values["lanes"], None, "", None, "", ""))
    header = ("layer", *(("map", "kernel") if maps else ()), "neurons x inputs", "PE", "SIMD",
              *(["outputs" if maps else "frames"] if vectors else []), "lanes", "cycles",
              "weights", "depth", "buffer", "")
    between = "between frames" if frames == 1 else f"per {frames} frames"
    return "\n".join([
        table(rows, header),
        "",
        f"input    {count(values['words'], 'word')} of {count(values['input_width'], 'bit')} "
        f"a frame",
        f"latency  {count(values['latency'], 'cycle')} from the first input word to the result",
        f"interval {count(values['interval'], 'cycle')} {between}, set by "
        f"{_bottleneck(values)}"])


def _bottleneck(values: dict[str, Any]) -> str:
    names = [f"layer {entry['name']}" for entry in values["layers"] if entry["bottleneck"]]
    if names:
        return " and ".join(names)
    frames = values["frames_per_interval"]
    text = f"the {count(values['words'] * frames, 'input word')}"
    if frames > 1:
        cycles = max(entry["cycles"] for entry in values["layers"])
        text += (f"; while the slowest layer works, {max(1, cycles // values['words'])} of "
                 f"{frames} frames arrive")
    return text
