# amaranth: UnusedElaboratable=no
"""Estimated and placed cells of a build, part by part."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from xnorloom.folding.estimate import estimate
from xnorloom.gateware.network import Network

from ..board import Board
from ..flow.budget import ResourceBudget
from ..flow.placement import Tile

__all__ = ["estimated_values", "renamed"]

_OTHERS = "link and clock"


def renamed(network: Network, tiles: Sequence[Tile]) -> list[Tile]:
    """Replace the parts of a layer's stage in ``tiles`` by the name of the layer."""
    names = {
        f"{part}{index}": stage.plan.layer.name
        for index, stage in enumerate(network.stages)
        for part in stage.parts
    }
    return [tile._replace(part=names.get(tile.part, tile.part)) for tile in tiles]


def estimated_values(network: Network, board: Board, tiles: Sequence[Tile]) -> list[dict[str, Any]]:
    """Return estimated and placed numbers of each layer, the argmax, and all other parts.

    Each entry has ``name``, ``cells`` and ``brams``, the estimates, and ``placed_cells`` and
    ``placed_brams``, which are ``None`` if no placement is known.
    """
    plan = network.plan
    costs = estimate(plan, board.device)
    loaded = any(layer.fold.style.loadable for layer in plan.layers)
    others = ResourceBudget(plan.graph, board.device, link=board.link).others(loaded)
    wanted = [(cost.name, cost.cells, cost.brams) for cost in costs] + [(_OTHERS, *others)]
    known = {cost.name for cost in costs}
    placed: Counter[tuple[str, str]] = Counter()
    for tile in renamed(network, tiles):
        placed[tile.part if tile.part in known else _OTHERS, tile.kind] += tile.cells
    # SPRAMs are RAMs of their own, which the estimate knows exactly.
    sprams = {cost.name: cost.sprams for cost in costs}
    return [
        {
            "name": name,
            "cells": cells,
            "brams": brams,
            "placed_cells": placed[name, "logic"] if tiles else None,
            "placed_brams": placed[name, "ram"] - sprams.get(name, 0) if tiles else None,
        }
        for name, cells, brams in wanted
    ]
