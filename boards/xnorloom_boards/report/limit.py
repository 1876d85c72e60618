"""Limits of a build: full resources, the slowest layer, and the place of the critical path."""

from xnorloom.graph import Conv, Score
from xnorloom.schedule import Plan

from .critical_path import Step

__all__ = ["interval_cause", "limit"]

# Resources of which a network takes more when it is folded less.
_NAMES = {"logic_cells": "logic cells", "brams": "block RAMs", "sprams": "SPRAMs",
          "dsps": "multipliers"}
# Part of a resource from which on it is full: routed networks take at most 98 % of the cells.
_FULL = 0.9


def limit(resources: dict[str, tuple[int, int]], plan: Plan, path: list[Step]) -> str:
    """Return a sentence with what keeps a design from more frames per second.

    Parameters
    ----------
    resources : dict of str to (used, available)
        Resources of the routed design.
    plan : Plan
        The plan of its network.
    path : list of Step
        Its critical path; may be empty.
    """
    parts = [interval_cause(plan)]
    full = [f"{used:,} of {there:,} {_NAMES[name]}" for name, (used, there) in resources.items()
            if name in _NAMES and there and used >= _FULL * there]
    idle = [_NAMES[name] for name, (used, there) in resources.items()
            if name in _NAMES and there and not used]
    parts.append(f"{' and '.join(full)} are in use" if full else "no resource of the chip is full")
    if idle:
        parts[-1] += f" ({' and '.join(idle)} idle)"
    places = list(dict.fromkeys(step.component for step in path if step.component))
    if places:
        ns = sum(step.ns for step in path)
        ends = places[0] if len(places) == 1 else f"{places[0]} to {places[-1]}"
        parts.append(f"the critical path of {ns:.1f} ns is in {ends}")
    text = "; ".join(parts)
    score = plan.graph.layers[-1]
    if isinstance(score, Score) and score.scaled:
        bits = int(score.scales.max()).bit_length()
        text += (f"; its classes have scales of {bits} bits: an import with a smaller "
                 f"--score-bits, or a model that ends in nn.Scores, needs smaller products or none")
    return text


def interval_cause(plan: Plan) -> str:
    """Return the cause of the interval: cycles of a layer, or words of frames or of a map."""
    slowest = max(plan.layers, key=lambda layer: layer.cycles)
    if slowest.cycles == plan.interval:
        return (f"layer {slowest.layer.name!r} takes {slowest.cycles:,} of the {plan.interval:,} "
                f"cycles of the interval")
    if plan.vectors * plan.words == plan.interval:
        return f"the {plan.words:,} words of a frame take the interval"
    receiver = next(layer for layer in plan.layers
                    if isinstance(layer.layer, Conv) and layer.received == plan.interval)
    return (f"layer {receiver.layer.name!r} receives the {receiver.received:,} words of its map in "
            f"the {plan.interval:,} cycles of the interval")
