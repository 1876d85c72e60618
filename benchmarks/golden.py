"""Speed of the golden models, relative to the matrix products of a float model."""

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np

from xnorloom.graph import Graph
from xnorloom_sim.golden import evaluate, evaluate_packed

MODELS = Path(__file__).parents[1] / "models"


def seconds(run, runs: int) -> float:
    """Return the median time of ``run``, after one run to warm up."""
    run()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(path: Path, frames: int, runs: int) -> dict[str, float]:
    """Measure frames per second of the two models, and of the matrix products alone in float32."""
    graph = Graph.load(path)
    rng = np.random.default_rng(0)
    data = rng.integers(0, 1 << graph.input.bits, (frames, graph.input.size), dtype=np.uint8)
    values = data.astype(np.float32)
    weights = [np.ascontiguousarray(2 * layer.weights.astype(np.float32).T - 1)
               for layer in graph.layers]

    def products() -> None:
        result = values
        for matrix in weights:
            result = result @ matrix

    rates = {name: frames / seconds(run, runs) for name, run in (
        ("float32", products), ("golden", lambda: evaluate(graph, data)),
        ("packed", lambda: evaluate_packed(graph, data)))}
    return rates | {f"{name}_ratio": rates[name] / rates["float32"]
                    for name in ("golden", "packed")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=10_000, help="frames of a run")
    parser.add_argument("--runs", type=int, default=5, help="runs, whose median is reported")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    results = {name: measure(MODELS / f"{name}.bnn", arguments.frames, arguments.runs)
               for name in ("tfc", "sfc", "sfc8")}
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print("Golden models, frames per second, and relative to the float32 products alone")
    print(f"{'':8}{'float32':>12}{'golden':>12}{'':8}{'packed':>12}")
    for name, values in results.items():
        print(f"{name:8}{values['float32']:>12,.0f}{values['golden']:>12,.0f}"
              f"{values['golden_ratio']:>7.2f}x{values['packed']:>12,.0f}"
              f"{values['packed_ratio']:>7.2f}x")


if __name__ == "__main__":
    main()
