"""Limits of a build in their order, each with its remedy."""

import math
from dataclasses import replace
from typing import Any

from xnorloom.folding.steps import Steps
from xnorloom.schedule import Plan

from ..board import Board
from ..design.top import baud_for
from ..link.kind import LinkKind
from ..usb import FT2232H
from .critical_path import Step
from .limit import interval_cause

__all__ = ["advice"]

# Shares of the network's frames below which the serial port limits, of a resource above which it is
# full, and of a path above which wires limit it.
_SLOWER, _FULL, _WIRES = 0.95, 0.9, 0.6
_NAMES = {"brams": "block RAM", "logic_cells": "logic cells"}


def advice(
    plan: Plan, board: Board, steps: Steps, values: dict[str, Any], path: list[Step]
) -> list[dict[str, str]]:
    """Return what limits a design, the tightest limit first, and what to do about it.

    Parameters
    ----------
    plan : Plan
        The network under its schedule.
    board : Board
        The board.
    steps : Steps
        Neighbours of the schedule.
    values : dict
        ``clock``, ``speed``, ``resources`` and ``link`` of the ``build.json``.
    path : list of Step
        The critical path; may be empty.

    Returns
    -------
    list of dict
        ``of`` (``serial port``, ``SPI``, ``schedule`` or ``clock``), ``limit`` and ``remedy``,
        which are sentences without a final stop.
    """
    found = [_schedule(plan, steps, values["resources"])]
    if path:
        found.append(_clock(plan, values["clock"], path))
    speed = values["speed"]
    if speed["link_frames_per_second"] < _SLOWER * speed["frames_per_second"]:
        found.insert(0, _link(board, values))
    return found


def _link(board: Board, values: dict[str, Any]) -> dict[str, str]:
    speed, baud = values["speed"], values["link"]["baud"]
    limit = (
        f"{board.link.title} carries {speed['link_frames_per_second']:,.0f} of the "
        f"{speed['frames_per_second']:,.0f} frames a second that the network reads"
    )
    remedy = (
        "feed the network from logic on the chip, with the Verilog of xnorloom compile, or "
        "from a faster link"
    )
    if board.link is LinkKind.SPI:
        return {"of": board.link.title, "limit": limit, "remedy": remedy}
    fastest = board.link.fastest
    faster = baud_for(replace(board, baud=fastest), values["clock"]["hz"])
    if board.usb == FT2232H and faster > baud:
        remedy = (
            f"build with --baud {fastest}, which makes it {faster:,} baud at this "
            f"clock, {faster / baud:.3g} times the frames, or {remedy}"
        )
    return {"of": "serial port", "limit": limit, "remedy": remedy}


def _schedule(plan: Plan, steps: Steps, resources: dict[str, dict[str, int]]) -> dict[str, str]:
    full = [
        _NAMES[name]
        for name, entry in resources.items()
        if name in _NAMES and entry["used"] >= _FULL * max(1, entry["available"])
    ]
    if steps.faster is not None:
        here, faster = steps.here, steps.faster
        wanted = math.ceil(faster.cycles_per_frame)
        remedy = (
            f"--interval {wanted} is estimated to fit: "
            f"{here.cycles_per_frame / faster.cycles_per_frame:.2f} times the frames with "
            f"{faster.cells - here.cells:+,} cells"
        )
    else:
        remedy = f"nothing faster is estimated to fit: {steps.limit}"
        if full:
            remedy += f"; a chip with more {' and '.join(full)}, or smaller layers, allow more"
    return {"of": "schedule", "limit": interval_cause(plan), "remedy": remedy}


def _clock(plan: Plan, clock: dict[str, Any], path: list[Step]) -> dict[str, str]:
    total = sum(step.ns for step in path)
    wires = sum(step.ns for step in path if step.kind == "routing") / (total or 1)
    places = list(dict.fromkeys(step.component for step in path if step.component)) or ["the chip"]
    ends = places[0] if len(places) == 1 else f"{places[0]} to {places[-1]}"
    limit = (
        f"the clock is {clock['hz'] / 1e6:.4g} MHz, since a path of {total:.1f} ns, "
        f"{100 * wires:.0f} % of it wires, leads through {ends}"
    )
    seeds = {entry["seed"] for attempt in clock["attempts"] for entry in attempt["seeds"]}
    if wires >= _WIRES:
        remedy = (
            f"{'more seeds' if len(seeds) > 1 else '--seed 1,2,3'} may place it better, and "
            f"a slower schedule leaves more room"
        )
    elif any(fold.register_every != 1 for fold in plan.schedule.folds):
        remedy = "a schedule with register_every 1 has a register after each adder"
    else:
        remedy = "other seeds or a faster chip"
    return {"of": "clock", "limit": limit, "remedy": remedy}
