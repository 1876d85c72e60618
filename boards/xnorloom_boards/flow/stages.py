"""Stages of place and route, from the messages of nextpnr."""

import re

__all__ = ["Stages"]

_MESSAGES = ((re.compile(r"Running main analytical placer"), "placing"),
             (re.compile(r"Running simulated annealing|Running timing-driven refinement"),
              "refining the placement"),
             (re.compile(r"Routing\.\.|Running router2"), "routing"))
_ARCS = re.compile(r"Info: Routing (\d+) arcs")
# A line of the table of the default router: arcs with rip-up, without, of each in the last
# batch, arcs left, seconds of the batch, of all.
_BATCH = re.compile(r"Info:\s+\d+ \|[\s\d]+\|[\s\d]+\|\s*(\d+)\|\s*[\d.]+\s+([\d.]+)\|")
# Share of the arcs after which the router is worth a word again, and the seconds before that.
_SHARE, _SECONDS = 25, 60


class Stages:
    """Where nextpnr is.

    Called with each line of its output, it returns what to say: a new stage, or how far a router
    is that takes minutes; else an empty string.
    """

    def __init__(self):
        self._stage, self._arcs, self._percent, self._seconds = "", 0, 0, 0.0

    def __call__(self, line: str) -> str:
        for pattern, stage in _MESSAGES:
            if stage != self._stage and pattern.search(line):
                self._stage = stage
                return stage
        arcs = _ARCS.match(line)
        if arcs:
            self._arcs = int(arcs[1])
        batch = _BATCH.match(line)
        return self._routed(int(batch[1]), float(batch[2])) if batch and self._arcs else ""

    def _routed(self, left: int, seconds: float) -> str:
        percent = 100 * (self._arcs - left) // self._arcs // _SHARE * _SHARE
        if not self._percent < percent < 100 or seconds < self._seconds + _SECONDS:
            return ""
        self._percent, self._seconds = percent, seconds
        return f"routing, {percent} % of {self._arcs:,} arcs done"
