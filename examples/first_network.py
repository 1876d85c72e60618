"""Network small enough to verify with pencil and paper, from weights to Verilog.

    python examples/first_network.py [DIRECTORY]

The network classifies pictures of 3 x 3 black or white pixels: a horizontal line, a vertical line,
or neither. The program writes the Verilog to DIRECTORY (first-network).
"""

import sys

import numpy as np

from xnorloom import Dense, Graph, Input, Network, Score, automatic_schedule, write_verilog
from xnorloom_sim import evaluate, simulate

# A bit 1 stands for +1, a bit 0 for -1. Each of six neurons detects one line: its weights are the
# picture of that line, and it fires if at least 8 of the 9 pixels agree.
lines = np.zeros((6, 3, 3), np.uint8)
for place in range(3):
    lines[place, place, :] = 1
    lines[3 + place, :, place] = 1
detect = Dense("detect", lines.reshape(6, 9), np.full(6, 8))

# The score of a class is the number of neurons that agree with its weights, plus an offset; the
# highest score wins. "Neither" has weights 0: 6 - 2 beats 3 if no neuron fires, and 5 - 2 loses to
# 4 if one does.
decide = Score("decide", [[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1], [0] * 6], [0, 0, -2])
graph = Graph("lines", Input((3, 3)), (detect, decide))

# The fewest XNOR gates that accept a new picture every 6 cycles.
schedule = automatic_schedule(graph, 6)
plan = schedule.bind(graph)
network = Network(plan, scores=True)
for layer, fold in zip(graph.layers, schedule.folds):
    print(f"{layer.name}: {fold.pe} of {layer.neurons} neurons x {fold.simd} of {layer.inputs} "
          f"synapses a cycle, weights {fold.style}")

# Simulate the gateware, cycle by cycle, on all possible pictures, and compare the results bit for
# bit with the golden model, which is written from the definitions.
pictures = np.unpackbits(np.arange(512, dtype="<u2").view(np.uint8).reshape(-1, 2), axis=1,
                         bitorder="little")[:, :9].reshape(-1, 3, 3)
result = simulate(plan, pictures, engine="amaranth")
golden = evaluate(graph, pictures)
assert np.array_equal(result.classes, golden.classes)
assert np.array_equal(result.scores, golden.scores)
assert (result.latency, result.interval) == (network.latency, network.interval)
print(f"{len(pictures)} pictures in {result.cycles} cycles, equal to the golden model; "
      f"latency {result.latency}, interval {result.interval}")

for index in (0b000000111, 0b001001001, 0b101010101):
    for row in pictures[index]:
        print("    ", "".join(".#"[pixel] for pixel in row))
    name = ("horizontal", "vertical", "neither")[result.classes[index]]
    print("    ", name, result.scores[index].tolist())

for path in write_verilog(network, sys.argv[1] if len(sys.argv) > 1 else "first-network"):
    print("wrote", path)
