"""List of the boards, and estimates of a network on each, as values and as tables."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from xnorloom.graph import Graph
from xnorloom.support.text import clipped, count, table

if TYPE_CHECKING:
    from xnorloom_boards import Board
    from xnorloom_boards.fits import Fit

__all__ = ["boards_text", "boards_values", "fits_text", "fits_values"]


def boards_values(boards: Sequence["Board"]) -> list[dict[str, Any]]:
    """Chip, resources, serial port and programmer of each board: ``boards --json``."""
    return [_values(board) for board in boards]


def _values(board: "Board") -> dict[str, Any]:
    chip, usb = board.device, board.usb
    return {
        "name": board.name, "title": board.title, "chip": chip.name, "family": chip.family,
        "logic_cells": chip.logic_cells, "ram_bits": chip.brams * chip.bram_bits,
        "spram_bits": chip.sprams * chip.spram_bits, "multipliers": chip.dsps,
        "usb": None if usb is None else {"vendor": usb.vendor, "product": usb.product,
                                         "channel": usb.channel},
        "baud": board.baud, "programmer": ["openFPGALoader", *board.programmer],
        "note": board.note}


def boards_text(boards: Sequence["Board"]) -> str:
    """The boards as a table for people, and what must be done to some of them."""
    rows = [(board.name, board.device.name, board.device.logic_cells, _memory(board),
             f"{'adapter' if board.usb is None else 'USB'}, {board.baud:,} baud",
             " ".join(board.programmer)) for board in boards]
    header = ("board", "chip", "cells", "RAM", "serial port", "openFPGALoader")
    notes = [f"{board.name}: {board.note}" for board in boards if board.note]
    return "\n".join([table(rows, header), "", *notes, "",
                      "Without a board: xnorloom run MODEL --board sim"])


def _memory(board: "Board") -> str:
    """Block RAM, and SPRAM if there is any, in kbit."""
    chip = board.device
    text = f"{chip.brams * chip.bram_bits // 1024:,} kbit"
    return f"{text} + {chip.sprams * chip.spram_bits // 1024:,}" if chip.sprams else text


def fits_values(graph: Graph, boards: Sequence["Board"],
                fits: Mapping[str, "Fit"]) -> dict[str, Any]:
    """The boards with the estimate of ``graph`` on each: ``boards MODEL --json``."""
    rows = []
    for board in boards:
        fit = fits[board.name]
        rows.append({**_values(board), "fits": fit.interval is not None, "interval": fit.interval,
                     "clock_hz": fit.hz, "frames_per_second": fit.frames_per_second,
                     "reason": fit.reason or None})
    return {"name": graph.name, "digest": graph.digest, "boards": rows}


def fits_text(graph: Graph, boards: Sequence["Board"], fits: Mapping[str, "Fit"]) -> str:
    """The estimates as a table for people, the fastest first, and why some boards are too small."""
    order = sorted(boards, key=lambda board: (-(fits[board.name].frames_per_second or 0),
                                              board.name))
    rows, reasons = [], []
    for board in order:
        fit = fits[board.name]
        rows.append((board.name, board.device.name, board.device.logic_cells, _memory(board),
                     "no" if fit.interval is None else f"{fit.interval:,.4g}",
                     None if fit.frames_per_second is None else round(fit.frames_per_second),
                     f"{fit.hz / 1e6:.4g} MHz"))
        if fit.reason:
            reasons.append(f"{board.name}: {fit.reason}")
    header = ("board", "chip", "cells", "RAM", "cycles per frame", "frames per second", "clock")
    best = order[0]
    lines = [f"{clipped(graph.name)}: {count(graph.synapses, 'synapse')}", "", table(rows, header),
             "", "Estimates; build measures cells, RAM and clock.", *reasons]
    if fits[best.name].interval is not None:
        lines += ["", f"Next: xnorloom build MODEL --board {best.name}"]
    return "\n".join(lines)
