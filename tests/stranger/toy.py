"""A small network for the commands that need time: toy.bnn, 16 bits to 3 classes."""

import numpy as np

from xnorloom.graph import Dense, Graph, Input, Score

rng = np.random.default_rng(1)
Graph("toy", Input((4, 4), 1), (
    Dense("first", rng.integers(0, 2, (6, 16), dtype=np.uint8), np.full(6, 8)),
    Score("second", rng.integers(0, 2, (3, 6), dtype=np.uint8), np.zeros(3, np.int64)),
)).save("toy.bnn")
np.savez("data.npz", images=rng.integers(0, 256, (20, 4, 4), dtype=np.uint8))
