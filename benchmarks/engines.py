"""Speed of the two simulation engines on the same gateware.

Each engine runs a short and a long stream. Cycles per second are the difference in cycles divided
by the difference in time, which excludes elaboration and, for the compiled engine, compilation.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xnorloom import folding
from xnorloom.gateware.layer import Layer
from xnorloom.gateware.network import Network
from xnorloom.graph import Dense, Graph
from xnorloom.schedule import Fold, LayerPlan
from xnorloom_sim import harness

MODELS = Path(__file__).parents[1] / "models"
# Cycles of the long stream: seconds, on a fast machine; the short one is a single frame.
CYCLES = {"amaranth": 3_000, "compiled": 1_000_000}


@dataclass(frozen=True)
class Case:
    """Component, with its input words and results per frame, and cycles per frame."""

    make: Callable[[], Any]
    words: int
    results: int
    interval: int


def network() -> Case:
    """Return the case of TFC under its automatic schedule."""
    graph = Graph.load(MODELS / "tfc.bnn")
    schedule = folding.automatic(graph)
    times = schedule.bind(graph)
    return Case(lambda: Network(schedule.bind(graph)), times.words, 1, times.interval)


def layer() -> Case:
    """Return the case of a layer of 64 neurons with 64 inputs, 16 neurons at once."""
    rng = np.random.default_rng(0)
    dense = Dense("dense", rng.integers(0, 2, (64, 64)), rng.integers(28, 37, 64))
    return Case(lambda: Layer(LayerPlan(dense, Fold(16, 64, "lut"))), 4, 4, 4)


def once(case: Case, engine: str, frames: int, cache: str) -> tuple[float, int]:
    """Run a case once; return seconds and cycles."""
    dut = case.make()
    shape = (frames * case.words, dut.i.payload.shape().width)
    bits = np.random.default_rng(1).integers(0, 2, shape, dtype=np.uint8)
    words = np.packbits(bits, axis=1, bitorder="little")
    start = time.perf_counter()
    trace = harness.run(dut, words, frames * case.results, engine=engine, cache=cache)
    return time.perf_counter() - start, trace.cycles


def measure(case: Case, runs: int) -> dict[str, float]:
    """Measure cycles per second of both engines, and the seconds of compilation."""
    values = {}
    with tempfile.TemporaryDirectory(prefix="xnorloom-") as cache:
        cold, _ = once(case, "compiled", 1, cache)
        warm, _ = once(case, "compiled", 1, cache)
        values["compile_seconds"] = cold - warm
        for engine, cycles in CYCLES.items():
            rates = []
            for _ in range(runs):
                short, few = once(case, engine, 1, cache)
                long, many = once(case, engine, cycles // case.interval, cache)
                rates.append((many - few) / (long - short))
            values[engine] = statistics.median(rates)
    values["ratio"] = values["compiled"] / values["amaranth"]
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="runs, whose median is reported")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    results = {"TFC, automatic schedule": measure(network(), arguments.runs),
               "layer 64x64, 16 at once": measure(layer(), arguments.runs)}
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print("Simulation, cycles per second")
    print(f"{'':28}{'amaranth':>12}{'compiled':>12}{'ratio':>8}{'compiling':>12}")
    for name, values in results.items():
        print(f"{name:28}{values['amaranth']:>12,.0f}{values['compiled']:>12,.0f}"
              f"{values['ratio']:>7,.0f}x{values['compile_seconds']:>10.1f} s")


if __name__ == "__main__":
    main()
