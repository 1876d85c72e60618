"""Pipeline of a program: the level of each node, and registers after every few levels."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from ..support.activity import activity
from ..support.arguments import integer
from .program import FIRST_INPUT, Lut, Program

__all__ = ["Pipeline"]

# Passes over all nodes; few find anything after the third.
_PASSES = 6


@dataclass(frozen=True, eq=False)
class Pipeline:
    """Program with a register after every few levels of nodes.

    A node of level ``l`` reads nodes of lower levels and works in stage ``(l - 1) // every``, after
    as many registers. Levels are such that few bits wait in registers.

    Parameters
    ----------
    program : Program
        The program.
    every : int
        Levels between two registers; 0 for no registers.
    known : tuple of int or None
        The ``levels`` of an equal pipeline, if they are known.
    """

    program: Program
    every: int = 0
    known: tuple[int, ...] | None = None

    def __post_init__(self):
        object.__setattr__(self, "every", integer("Pipeline every", self.every, 0))

    @cached_property
    def depth(self) -> int:
        """Nodes on the longest path."""
        return max(_earliest(self.program), default=0)

    @property
    def stages(self) -> int:
        """Registers on each path from inputs to results: ``(depth - 1) // every``."""
        return self.stage(self.depth)

    def stage(self, level: int) -> int:
        """Return the registers before the nodes of a level; level 0 are the inputs."""
        return (level - 1) // self.every if self.every and level else 0

    @cached_property
    def levels(self) -> tuple[int, ...]:
        """Level of each node, at least 1."""
        if self.known is not None:
            return self.known
        early = _earliest(self.program)
        if not self.stages:
            return tuple(early)
        found = [_Placement(self, levels) for levels in (early, _latest(self.program, self.depth))]
        with activity(f"placing registers among {len(early):,} tables and adders") as update:
            expected = len(found) * _PASSES
            for number, placement in enumerate(found):
                placement.improve(lambda done, number=number: update(
                    number * _PASSES + done, expected))
        return tuple(min(found, key=lambda placement: placement.registers()).levels)

    @cached_property
    def delays(self) -> dict[int, int]:
        """Registers after each bit that has any, by its number."""
        if not self.stages:
            return {}
        counts = _Placement(self, list(self.levels)).counts()
        return {bit: count for bit, count in counts.items() if count}

    def waits(self) -> int:
        """Return the cells of an iCE40 that hold nothing but a flip-flop."""
        placement = _Placement(self, list(self.levels))
        return sum(placement.waits(bit) for bit in self.delays)


def _sources(program: Program) -> list[set[int]]:
    """Return the bits that each node reads, without constants."""
    return [{bit for bit in node.sources if bit >= FIRST_INPUT} for node in program.nodes]


def _owners(program: Program) -> dict[int, int]:
    """Return the node of each bit that one has."""
    return {bit: place for place, (first, node) in enumerate(zip(program.firsts, program.nodes))
            for bit in range(first, first + node.width)}


def _earliest(program: Program) -> list[int]:
    """Return the level of each node if all are as early as they can be."""
    owners, levels = _owners(program), []
    for bits in _sources(program):
        levels.append(1 + max((levels[owners[bit]] for bit in bits if bit in owners), default=0))
    return levels


def _latest(program: Program, depth: int) -> list[int]:
    """Return the level of each node if all are as late as they can be."""
    owners, levels = _owners(program), [depth] * len(program.nodes)
    for place, bits in reversed(list(enumerate(_sources(program)))):
        for bit in bits & owners.keys():
            levels[owners[bit]] = min(levels[owners[bit]], levels[place] - 1)
    return levels


class _Placement:
    """Levels of all nodes, which move one by one to where fewer registers are needed."""

    def __init__(self, pipeline: Pipeline, levels: list[int]):
        self.levels, self._pipeline = list(levels), pipeline
        program = pipeline.program
        self._nodes, self._owners = program.nodes, _owners(program)
        self._firsts, self._reads = program.firsts, _sources(program)
        self._users: dict[int, list[int]] = defaultdict(list)
        for place, bits in enumerate(self._reads):
            for bit in bits:
                self._users[bit].append(place)
        # Results are read after the last level.
        self._results = {bit for result in program.results for bit in result.bits
                         if bit >= FIRST_INPUT}
        # Users of a bit in each stage; their registers end at the last of them.
        self._uses: dict[int, list[int]] = {}
        for bit in self._users.keys() | self._results:
            self._uses[bit] = [0] * (pipeline.stages + 1)
            for user in self._users[bit]:
                self._uses[bit][pipeline.stage(self.levels[user])] += 1
            self._uses[bit][pipeline.stages] += bit in self._results
        # Full adders are two tables of the same bits, which move together.
        groups: dict[object, list[int]] = {}
        for place, node in enumerate(self._nodes):
            key = frozenset(node.inputs) if isinstance(node, Lut) else place
            groups.setdefault(key, []).append(place)
        self._groups = list(groups.values())

    def counts(self) -> dict[int, int]:
        """Return the registers after each bit."""
        return {bit: self._count(bit) for bit in self._uses}

    def registers(self) -> int:
        """Return the cells of all registers that share none with a table or an adder."""
        return sum(self.waits(bit) for bit in self._uses)

    def waits(self, bit: int) -> int:
        """Return the same for one bit."""
        count, uses = self._count(bit), self._uses[bit]
        # The first register is in the cell of the gate, unless the gate is also read before it.
        return count - (count > 0 and bit in self._owners and not uses[self._stage(bit)])

    def improve(self, progress: Callable[[int], object]) -> None:
        """Move nodes as long as that saves registers; ``progress`` is called after each pass."""
        for number in range(_PASSES):
            order = self._groups if number % 2 else self._groups[::-1]
            moved = sum(self._move(group) for group in order)
            progress(number + 1)
            if not moved:
                break

    def _stage(self, bit: int) -> int:
        owner = self._owners.get(bit)
        return 0 if owner is None else self._pipeline.stage(self.levels[owner])

    def _count(self, bit: int) -> int:
        uses = self._uses[bit]
        last = len(uses) - 1
        while last > 0 and not uses[last]:
            last -= 1
        return max(0, last - self._stage(bit))

    def _move(self, group: list[int]) -> bool:
        """Move nodes to the best level between those they read and those that read them."""
        own = [bit for place in group
               for bit in range(self._firsts[place], self._firsts[place] + self._nodes[place].width)
               if bit in self._uses]
        reads = self._reads[group[0]]
        low = 1 + max((self.levels[self._owners[bit]] for bit in reads if bit in self._owners),
                      default=0)
        high = min((self.levels[user] - 1 for bit in own for user in self._users[bit]),
                   default=self._pipeline.depth)
        start = self.levels[group[0]]
        # One level of each stage: the last that is possible, if the nodes move.
        stages = {self._pipeline.stage(level): level for level in range(low, high + 1)}
        if len(stages) < 2 or len({self.levels[place] for place in group}) > 1:
            return False
        stages[self._pipeline.stage(start)] = start
        touched = [*reads, *own]
        costs = {}
        for level in stages.values():
            self._set(group, reads, level)
            costs[level] = sum(self.waits(bit) for bit in touched)
        best = min(costs, key=lambda level: (costs[level], level != start, level))
        self._set(group, reads, best)
        return best != start

    def _set(self, group: list[int], reads: set[int], level: int) -> None:
        before, after = (self._pipeline.stage(value) for value in (self.levels[group[0]], level))
        for place in group:
            self.levels[place] = level
        for bit in reads:
            self._uses[bit][before] -= len(group)
            self._uses[bit][after] += len(group)
