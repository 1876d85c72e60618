"""Words of ten images, one of each digit, for the ROM of top.v.

``python images.py SCHEDULE FILE`` writes the words of the core under this schedule, one per line.
"""

import sys

import numpy as np

from xnorloom import Schedule, load
from xnorloom.graph.pixels import encode
from xnorloom.packing import pack_frames
from xnorloom_sim import data

schedule, file = sys.argv[1:]
graph = load("tfc")
plan = Schedule.load(schedule, graph).bind(graph)
test = data.bundled()
# The first image of each digit.
images = test.images[[np.flatnonzero(test.labels == digit)[0] for digit in range(10)]]
words = pack_frames(plan, encode(graph.input, images))
digits = -(-plan.schedule.input_width // 4)
with open(file, "w") as out:
    for word in words:
        out.write(f"{int.from_bytes(word.tobytes(), 'little'):0{digits}x}\n")
print(f"wrote {len(images)} images of {plan.words} words to {file}")
