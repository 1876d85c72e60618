"""Host program of the soak test: `host.py PORT MODEL SEED`.

It classifies random frames without end, and reports each call in a line of JSON: frames, wrong
results, and the faults that it recovered from.
"""

import dataclasses
import json
import sys
from collections import Counter

import numpy as np

from xnorloom.graph import Graph
from xnorloom_boards.errors import LinkError
from xnorloom_boards.link import connection
from xnorloom_sim.golden import evaluate

# Frames of a call, at most.
MOST = 60


def calls(port: str, graph: Graph, rng: np.random.Generator) -> None:
    """Classify frames over one connection."""
    size, high = graph.input.size, 1 << graph.input.bits
    with connection.open(port, graph, baud=100_000, timeout=1, retries=60) as board:
        while True:
            frames = rng.integers(0, high, (int(rng.integers(1, MOST)), size), dtype=np.uint8)
            before = Counter(dataclasses.asdict(board.faults))
            classes, scores = board.results(frames)
            wanted = evaluate(graph, frames)
            wrong = (classes != wanted.classes) | (scores != wanted.scores).any(axis=1)
            faults = Counter(dataclasses.asdict(board.faults)) - before
            print(json.dumps({"frames": len(frames), "wrong": int(wrong.sum()), **faults}),
                  flush=True)


def main() -> None:
    port, model, seed = sys.argv[1:]
    graph, rng = Graph.load(model), np.random.default_rng(int(seed))
    while True:
        try:
            calls(port, graph, rng)
        except LinkError as error:
            print(json.dumps({"given up": 1}), flush=True)
            print(error, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
