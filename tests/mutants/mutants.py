"""Mutation testing: does a test fail when a line of the compiler or gateware is wrong?

``python tests/mutants/mutants.py --seed 1 --count 40`` draws mutations of the sources, and runs the
tests that concern each (``concerning.py``) in a temporary copy of the tree. Each mutant is

- ``killed``: a test failed,
- ``hung``: a test exceeded its limit of processor time,
- ``survived``: all tests passed,
- ``unfinished``: a limit of the mutant ended its tests before any failed, or
- ``equivalent``: listed in ``equivalent.json``, since no test could see the change; it is not run.

The exit status is 1 if any survived or are unfinished. Interrupted, the same command goes on where
it stopped, with the results in ``--json``.
"""

import argparse
import hashlib
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

# Before numpy: a mutant has one core.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

from concerning import SOURCES, concerning
from mutations import Mutation, mutations
from sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
_NOTICED = ("killed", "hung")
EQUIVALENT = Path(__file__).with_name("equivalent.json")


@dataclass
class Mutant:
    """A mutation of a module, and what became of it."""

    module: str
    mutation: Mutation
    line: str
    column: int
    mutated: str = ""
    outcome: str = ""
    test: str = ""
    seconds: float = 0.0

    @property
    def identity(self) -> str:
        """Text that differs between mutants, and that other lines do not change."""
        size = self.mutation.end - self.mutation.start
        return f"{self.module} {self.line} {self.column} {size} {self.mutation.text}"

    @property
    def key(self) -> str:
        """Name in ``equivalent.json``: module, line and mutated line."""
        return f"{self.module}: {self.line} -> {self.mutated}"

    def row(self) -> str:
        return (f"{self.outcome:9} {self.seconds:5.0f} s  {self.module}:{self.mutation.line}  "
                f"{self.line}  ->  {self.mutated}  {self.test}")


def drawn(seed: int, count: int, only: str) -> list[Mutant]:
    """Return ``count`` mutants of the places that contain a part of ``only``, with commas between.

    A place is a module, a colon and a line. The first mutants of a seed are the same for every
    count, and a change of some lines leaves those of other lines in the sample.
    """
    sources = {path.relative_to(ROOT).as_posix(): path.read_bytes()
               for pattern in SOURCES for path in sorted(ROOT.glob(pattern))}
    places = [_mutant(module, source, mutation)
              for module, source in sources.items() for mutation in mutations(source)
              if any(part in f"{module}:{mutation.line}:" for part in only.split(","))]
    places.sort(key=lambda mutant: hashlib.sha256(f"{seed} {mutant.identity}".encode()).digest())
    chosen: list[Mutant] = []
    for mutant in places:
        if len(chosen) == count:
            break
        mutated = mutant.mutation.applied(sources[mutant.module])
        if mutated is not None:
            mutant.mutated = _line(mutated, mutant.mutation.line).strip()
            chosen.append(mutant)
    return chosen


def _mutant(module: str, source: bytes, mutation: Mutation) -> Mutant:
    column = mutation.start - (source.rfind(b"\n", 0, mutation.start) + 1)
    return Mutant(module, mutation, _line(source, mutation.line).strip(), column)


def _line(source: bytes, number: int) -> str:
    return source.decode().splitlines()[number - 1]


def run(mutants: list[Mutant], arguments, done) -> None:
    """Run mutants without an outcome, ``arguments.jobs`` at once; ``done`` is called after each."""
    with tempfile.TemporaryDirectory(prefix="xnorloom-mutants-") as made:
        work = Path(made)
        free = [Sandbox(ROOT, work / str(job), work / "cache", arguments)
                for job in range(arguments.jobs)]
        busy: dict[Sandbox, Mutant] = {}
        waiting = [mutant for mutant in mutants if not mutant.outcome]
        try:
            while waiting or busy:
                while waiting and free:
                    mutant, sandbox = waiting.pop(0), free.pop()
                    sandbox.start(concerning(mutant.module, deep=arguments.deep), mutant.module,
                                  mutant.mutation.applied)
                    busy[sandbox] = mutant
                time.sleep(0.05)
                for sandbox in list(busy):
                    result = sandbox.poll()
                    if result is not None:
                        mutant = busy.pop(sandbox)
                        mutant.outcome, mutant.test, mutant.seconds = result
                        free.append(sandbox)
                        done(mutant)
        finally:
            for sandbox in busy:
                sandbox.stop()


def check_killers(mutants: list[Mutant], arguments) -> list[str]:
    """Return the killing tests that fail without a mutant too."""
    tests = sorted({mutant.test for mutant in mutants if mutant.outcome == "killed"})
    files = sorted({test.partition("::")[0] for test in tests})
    wrong = []
    with tempfile.TemporaryDirectory(prefix="xnorloom-mutants-") as made:
        sandbox = Sandbox(ROOT, Path(made) / "0", Path(made) / "cache", arguments)
        for file in files:
            chosen = [test for test in tests if test.partition("::")[0] == file]
            sandbox.start(chosen)
            while (result := sandbox.poll()) is None:
                time.sleep(0.05)
            if result[0] != "survived":
                wrong.append(result[1] or file)
    return wrong


def load(path: Path | None, mutants: list[Mutant]) -> None:
    """Take the outcomes of an earlier run over."""
    if path is None or not path.exists():
        return
    earlier = {found["identity"]: found for found in json.loads(path.read_text())["mutants"]}
    for m in mutants:
        found = earlier.get(m.identity)
        if found is not None:
            m.outcome, m.test, m.seconds = found["outcome"], found["test"], found["seconds"]


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--seed", type=int, default=1, help="seed of the sample (default: 1)")
    add("--count", type=int, default=40, help="number of mutants (default: 40)")
    add("--jobs", type=int, default=2, help="mutants that run at once (default: 2)")
    add("--only", default="", metavar="TEXT",
        help="modules, or places like layer.py:90:, that contain TEXT; several with commas")
    add("--json", type=Path, metavar="FILE", help="results, read and written: a run can go on")
    add("--again", action="store_true", help="run those of --json again that no test noticed")
    add("--deep", action="store_true", help="with the tests that take longer")
    add("--test-limit", type=int, default=60, metavar="S",
        help="seconds of processor time of a test (default: 60)")
    add("--limit", type=int, default=300, metavar="S",
        help="seconds of processor time of a mutant; three times as many pass (default: 300)")
    arguments = parser.parse_args(words)
    equivalent = set(json.loads(EQUIVALENT.read_text()))
    mutants = drawn(arguments.seed, arguments.count, arguments.only)
    load(arguments.json, mutants)
    if arguments.again:
        for mutant in mutants:
            mutant.outcome = mutant.outcome if mutant.outcome in _NOTICED else ""
    for mutant in mutants:
        if mutant.key in equivalent and mutant.outcome not in _NOTICED:
            mutant.outcome = "equivalent"

    def done(mutant: Mutant) -> None:
        print(mutant.row(), flush=True)
        if arguments.json is not None:
            arguments.json.write_text(json.dumps(
                {"seed": arguments.seed, "count": len(mutants),
                 "mutants": [asdict(mutant) | {"identity": mutant.identity}
                             for mutant in mutants]}, indent=1))

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    run(mutants, arguments, done)
    wrong = check_killers(mutants, arguments)
    survivors = [m for m in mutants if m.outcome not in (*_NOTICED, "equivalent")]
    counts = Counter(mutant.outcome for mutant in mutants)
    print(f"\nseed {arguments.seed}: {len(mutants)} mutants, "
          + ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items())))
    for mutant in survivors:
        print(mutant.row())
    for test in wrong:
        print(f"{test} fails without a mutant: run the tests first")
    return 1 if survivors or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
