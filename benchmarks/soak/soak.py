"""Soak test of the serial link: every fault at once, for a given time.

A board in the compiled simulation, whose weights are loaded over its serial port, loses, flips and
inserts bytes in both directions and is reset at random cycles, in the middle of whatever it does. A
host program classifies random frames on it and compares every class and score with the golden
model. It is killed at random times and started anew.

The program prints figures, and ends with status 1 if a result was wrong, or nothing went on for two
minutes. A seed fixes the faults and the frames; the times of the kills depend on the machine.
"""

import argparse
import dataclasses
import json
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from xnorloom.graph import Dense, Graph, Input, Score
from xnorloom.schedule import Fold, Schedule, WeightStyle
from xnorloom_boards.design.top import Core
from xnorloom_sim.board.simulated import Faults, SimulatedBoard

HOST = Path(__file__).with_name("host.py")
# Clock cycles per bit: the least that there may be, so that no part is faster than the line.
CYCLES = 4
# A reset in 2**18 cycles on average.
RESET_BITS = 18
# Seconds without a result that count as a hang, and to the end of a host at most.
HANGS, KILLED, NEVER = 120.0, 10.0, float("inf")


class Restless(wiring.Component):
    """Core that is reset at random cycles, one in ``2 ** RESET_BITS``.

    The cycles are those in which the low bits of a linear feedback shift register, whose period is
    2**32 - 1, are all zero.
    """

    def __init__(self, core: Core, seed: int):
        self._core, self._seed = core, seed % (2**32 - 1) + 1
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        dice, reset = Signal(32, init=self._seed), Signal()
        m.submodules.core = ResetInserter(reset)(self._core)
        m.d.sync += [dice.eq(Cat(dice[31] ^ dice[21] ^ dice[1] ^ dice[0], dice)),
                     reset.eq(dice[:RESET_BITS] == 0)]
        m.d.comb += [self._core.rx.eq(self.rx), self.tx.eq(self._core.tx)]
        return m


def network(seed: int) -> tuple[Graph, Core]:
    """Random network with few bytes per frame, and its core with weights to be loaded."""
    rng = np.random.default_rng(seed)
    graph = Graph("soak", Input((40,), 2), (
        Dense("first", rng.integers(0, 2, (24, 40), dtype=np.uint8), rng.integers(45, 75, 24)),
        Dense("second", rng.integers(0, 2, (16, 24), dtype=np.uint8), rng.integers(9, 16, 16)),
        Score("score", rng.integers(0, 2, (7, 16), dtype=np.uint8), rng.integers(-2, 3, 7))))
    schedule = Schedule(8, (Fold(3, 8, WeightStyle.SPRAM), Fold(2, 8, WeightStyle.LUT),
                            Fold(1, 8, WeightStyle.SPRAM)))
    return graph, Core(graph, schedule, clock_hz=CYCLES, baud=1, scores=True)


class Hosts:
    """Host programs, one after another."""

    def __init__(self, port: str, model: str, seed: int):
        self._port, self._model, self._seed = port, model, seed
        self.lines: queue.Queue[str] = queue.Queue()
        self.started = 0

    def start(self) -> subprocess.Popen[str]:
        """Start a host, whose lines go into ``lines``."""
        self.started += 1
        seed = str((self._seed << 20) + self.started)
        child = subprocess.Popen(
            [sys.executable, str(HOST), self._port, self._model, seed], stdout=subprocess.PIPE,
            text=True)
        threading.Thread(target=self._collect, args=(child,), daemon=True).start()
        return child

    def _collect(self, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None
        for line in child.stdout:
            # A host that is killed may leave half a line.
            if line.endswith("}\n"):
                self.lines.put(line)


def soak(seconds: float, seed: int, rate: float) -> dict[str, float]:
    """Run for ``seconds``; return figures."""
    figures, rng = Counter[str](), np.random.default_rng(seed)
    graph, core = network(seed)
    faults = Faults(rate, rate, rate)
    simulated = SimulatedBoard(Restless(core, seed), clock_hz=CYCLES, baud=1, seed=seed,
                               to_design=faults, from_design=faults)
    with tempfile.TemporaryDirectory(prefix="xnorloom-") as folder, simulated:
        model = f"{folder}/soak.bnn"
        graph.save(model)
        hosts = Hosts(simulated.path, model, seed)
        began = heard = time.monotonic()
        child, kill_at = hosts.start(), NEVER
        try:
            while time.monotonic() < began + seconds:
                try:
                    figures.update(json.loads(hosts.lines.get(timeout=0.2)))
                    heard = time.monotonic()
                    # Counted from its first result: to start takes seconds on a busy machine.
                    if kill_at == NEVER:
                        kill_at = heard + rng.uniform(0, KILLED)
                except queue.Empty:
                    pass
                if time.monotonic() > heard + HANGS:
                    figures["hung"] += 1
                    break
                if time.monotonic() > kill_at:
                    child.send_signal(signal.SIGKILL)
                    child.wait()
                    figures["kills"] += 1
                    child, kill_at = hosts.start(), NEVER
        finally:
            child.kill()
            child.wait()
        figures["seconds"] = round(time.monotonic() - began)
    traffic = dataclasses.asdict(simulated.traffic)
    figures["resets, about"] = traffic["cycles"] >> RESET_BITS
    return {"seed": seed, "wrong": 0, "hung": 0, **figures, **traffic}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3600, help="duration (default: an hour)")
    parser.add_argument("--seed", type=int, help="seed of the faults; default: another each time")
    parser.add_argument("--rate", type=float, default=0.0005,
                        help="share of the bytes that is lost, that is flipped, and that is "
                             "inserted, in each direction (default: %(default)s)")
    given = parser.parse_args()
    seed = int(time.time()) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    figures = soak(given.seconds, seed, given.rate)
    print(json.dumps(figures, indent=2))
    return 1 if figures["wrong"] or figures["hung"] or not figures.get("frames") else 0


if __name__ == "__main__":
    sys.exit(main())
