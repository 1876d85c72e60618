"""Program: counts of constant weights as a list of look-up tables and adders."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..support.arguments import integer

__all__ = ["FALSE", "TRUE", "Add", "Lut", "Node", "Program", "Result", "FIRST_INPUT"]

# Numbers of the constant bits. Those of the inputs follow, and then those of the nodes.
FALSE, TRUE = 0, 1
FIRST_INPUT = 2

_ALL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


@dataclass(frozen=True)
class Lut:
    """Function of up to four bits.

    Parameters
    ----------
    table : int
        Bit ``i`` is the value for the inputs that spell ``i``, the first in bit 0.
    inputs : tuple of int
        Numbers of the input bits.
    """

    table: int
    inputs: tuple[int, ...]

    width = 1

    @property
    def sources(self) -> tuple[int, ...]:
        """Numbers of the bits that are read."""
        return self.inputs


@dataclass(frozen=True)
class Add:
    """Sum of two numbers and a carry input.

    Parameters
    ----------
    a, b : tuple of int
        Numbers of the bits of the operands, the lowest first.
    carry : int
        Number of the carry input; ``FALSE`` for none.
    width : int
        Bits of the sum, modulo ``2**width``.
    """

    a: tuple[int, ...]
    b: tuple[int, ...]
    carry: int
    width: int

    @property
    def sources(self) -> tuple[int, ...]:
        """Numbers of the bits that are read."""
        return (*self.a, *self.b, self.carry)


Node = Lut | Add


@dataclass(frozen=True)
class Result:
    """Output of a program: a number of some bits, in two's complement if signed."""

    bits: tuple[int, ...]
    signed: bool = False


@dataclass(frozen=True, eq=False)
class Program:
    """Numbers computed from a vector of bits, by nodes that read bits of nodes before them.

    Parameters
    ----------
    inputs : int
        Bits of the vector, at least 1.
    nodes : sequence of Node
        Nodes in an order in which they can be computed.
    results : sequence of Result
        Outputs.

    Raises
    ------
    ValueError
        If a node reads a bit that no node before it has, or is no node.
    """

    inputs: int
    nodes: tuple[Node, ...]
    results: tuple[Result, ...]

    def __post_init__(self):
        object.__setattr__(self, "inputs", integer("Program inputs", self.inputs, 1))
        object.__setattr__(self, "nodes", tuple(self.nodes))
        object.__setattr__(self, "results", tuple(self.results))
        known = FIRST_INPUT + self.inputs
        for place, node in enumerate(self.nodes):
            if not isinstance(node, (Lut, Add)):
                raise ValueError(f"Program node must be a Lut or an Add, not {node!r}")
            if isinstance(node, Lut) and (len(node.inputs) > 4
                                          or not 0 <= node.table < 1 << (1 << len(node.inputs))):
                raise ValueError(f"Program node {place} must be a table of up to four inputs, "
                                 f"not {node!r}")
            if not all(0 <= bit < known for bit in node.sources):
                raise ValueError(f"Program node {place} must read bits below {known}, not {node!r}")
            known += node.width
        for result in self.results:
            if not all(0 <= bit < known for bit in result.bits):
                raise ValueError(f"Program results must have bits below {known}, not {result!r}")

    def __repr__(self) -> str:
        return (f"Program({self.inputs} inputs, {len(self.nodes)} nodes, "
                f"{len(self.results)} results)")

    @cached_property
    def firsts(self) -> tuple[int, ...]:
        """Number of the lowest output bit of each node."""
        numbers, number = [], FIRST_INPUT + self.inputs
        for node in self.nodes:
            numbers.append(number)
            number += node.width
        return tuple(numbers)

    @cached_property
    def bits(self) -> int:
        """Bits in all, with constants and inputs."""
        return FIRST_INPUT + self.inputs + sum(node.width for node in self.nodes)

    def run(self, vectors: np.ndarray) -> np.ndarray:
        """Return the results of vectors of 0 and 1 of shape (vectors, inputs).

        Returns
        -------
        array of int64, shape (vectors, results)
        """
        vectors = np.asarray(vectors)
        if vectors.ndim != 2 or vectors.shape[1] != self.inputs:
            raise ValueError(f"Program vectors must have the shape (vectors, {self.inputs}), "
                             f"not {vectors.shape!r}")
        words = -(-len(vectors) // 64)
        padded = np.zeros((self.inputs, 64 * words), np.uint8)
        padded[:, :len(vectors)] = vectors.T
        packed = np.packbits(padded, axis=1, bitorder="little").view(np.uint64)
        found = np.zeros((len(vectors), len(self.results)), np.int64)
        for place, planes in enumerate(self._run_packed(packed)):
            bits = np.unpackbits(planes.view(np.uint8), axis=1, bitorder="little")
            signs = np.ones(len(planes), np.int64) << np.arange(len(planes))
            if self.results[place].signed:
                signs[-1] = -signs[-1]
            found[:, place] = signs @ bits[:, :len(vectors)].astype(np.int64)
        return found

    def _run_packed(self, packed: np.ndarray) -> list[np.ndarray]:
        """Return the bits of each result; a word holds a bit of 64 vectors."""
        values = np.zeros((self.bits, packed.shape[1]), np.uint64)
        values[TRUE] = _ALL
        values[FIRST_INPUT:FIRST_INPUT + self.inputs] = packed
        for first, node in zip(self.firsts, self.nodes):
            if isinstance(node, Lut):
                values[first] = _looked_up(node.table, [values[bit] for bit in node.inputs])
                continue
            carry = values[node.carry]
            for place in range(node.width):
                a, b = (values[word[place] if place < len(word) else FALSE]
                        for word in (node.a, node.b))
                differ = a ^ b
                values[first + place] = differ ^ carry
                carry = a & b | differ & carry
        return [values[np.array(result.bits, np.intp)] for result in self.results]

    def as_json(self) -> dict[str, Any]:
        """Return the program as JSON values."""
        return {"inputs": self.inputs,
                "nodes": [[node.table, *node.inputs] if isinstance(node, Lut) else
                          [node.a, node.b, node.carry, node.width] for node in self.nodes],
                "results": [[result.signed, *result.bits] for result in self.results]}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Program":
        """Return the program of :meth:`as_json`.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the values are not those of a program.
        """
        nodes: list[Node] = []
        for first, *rest in values["nodes"]:
            if isinstance(first, (list, tuple)):
                b, carry, width = rest
                nodes.append(Add(_numbers(first), _numbers(b),
                                 integer("Carry", carry, 0), integer("Width", width, 1)))
            else:
                nodes.append(Lut(integer("Table", first, 0), _numbers(rest)))
        results = [Result(_numbers(bits), bool(signed)) for signed, *bits in values["results"]]
        return cls(values["inputs"], tuple(nodes), tuple(results))


def _numbers(values: Sequence[Any]) -> tuple[int, ...]:
    return tuple(integer("Number in a program", value, 0) for value in values)


def _looked_up(table: int, inputs: list[np.ndarray]) -> np.ndarray:
    """Return the values of a table, bit by bit of the words of its inputs."""
    if not inputs:
        return np.array(_ALL if table else 0, np.uint64)
    *rest, last = inputs
    size = 1 << len(rest)
    low, high = table & (1 << size) - 1, table >> size
    if low == high:
        return _looked_up(low, rest)
    return _looked_up(low, rest) & ~last | _looked_up(high, rest) & last
