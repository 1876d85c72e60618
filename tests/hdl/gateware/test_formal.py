# amaranth: UnusedElaboratable=no
"""Formal proofs: equivalence of components with short Verilog models, by a SAT solver."""

import numpy as np
import pytest
from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from xnorloom.gateware.accumulator import Accumulator
from xnorloom.gateware.counting.code import encode
from xnorloom.gateware.neuron import Neuron
from xnorloom.gateware.popcount import Popcount
from xnorloom.gateware.threshold import Threshold


def ones(name: str, size: int) -> str:
    return " + ".join(f"{name}[{index}]" for index in range(size))


@pytest.mark.parametrize("size", [1, 2, 5, 6, 7, 13, 16])
def test_popcount(equivalent, size):
    assert equivalent(Popcount(size), f"assign o = {ones('i', size)};")


def inverse(matrix: np.ndarray) -> np.ndarray:
    """Inverse of a matrix of bits, modulo 2."""
    size = len(matrix)
    both = np.concatenate([matrix, np.eye(size, dtype=matrix.dtype)], axis=1)
    for row in range(size):
        pivot = row + int(both[row:, row].argmax())
        both[[row, pivot]] = both[[pivot, row]]
        for other in np.flatnonzero(both[:, row]):
            if other != row:
                both[other] ^= both[row]
    return both[:, size:]


@pytest.mark.parametrize("size", [3, 4, 7, 8, 15, 16])
def test_popcount_of_a_code(equivalent, size):
    # A bit of the code is a sum of bits modulo 2; each bit is a sum of bits of the code.
    decode = inverse(encode(np.eye(size, dtype=np.uint8)))
    bits = [" ^ ".join(f"i[{place}]" for place in np.flatnonzero(decode[:, index]))
            for index in range(size)]
    total = " + ".join(f"({bit})" for bit in bits)
    assert equivalent(Popcount(size, coded=True), f"assign o = {total};")


@pytest.mark.parametrize("carry_in", [0, 1])
@pytest.mark.parametrize("size", [5, 6, 7, 8, 9, 14, 15, 16, 22])
def test_popcount_of_an_ecp5(equivalent, size, carry_in):
    assert equivalent(Popcount(size), f"assign o = {ones('i', size)};", device="LFE5U-25F",
                 carry_in=carry_in)


@pytest.mark.parametrize("carry_in", [0, 1])
@pytest.mark.parametrize("count_max", [1, 2, 3, 7, 8, 100])
def test_threshold_of_an_ecp5(equivalent, count_max, carry_in):
    never = count_max + 1
    assert equivalent(Stored(Threshold(count_max), "t", count_max),
                 f"assign o = p >= (t > {never} ? {never} : t);", device="LFE5U-25F",
                 carry_in=carry_in)


def test_popcount_is_not_something_else(equivalent):
    assert not equivalent(Popcount(7), f"assign o = {ones('i', 6)};")


@pytest.mark.parametrize("constant", [0, 1, 37, 64, 100, 101])
def test_threshold(equivalent, constant):
    # Counts go to 100, the bits of a count to 127; a threshold of 101 never fires.
    model = f"p >= {constant}" if constant <= 100 else "0"
    assert equivalent(Threshold(100, constant=constant), f"assign o = {model};")


class Stored(wiring.Component):
    """A component whose port ``port`` is fed with the complement of a threshold ``t``."""

    def __init__(self, dut, port, count_max):
        self._dut, self._port, self._count_max = dut, port, count_max
        super().__init__({"t": In(range(count_max + 2)),
                          **{name: member for name, member in dut.signature.members.items()
                             if name != port}})

    def elaborate(self, platform):
        m = Module()
        m.submodules.dut = self._dut
        for name, member in self.signature.members.items():
            if name != "t":
                port, inner = getattr(self, name), getattr(self._dut, name)
                m.d.comb += inner.eq(port) if member.flow == In else port.eq(inner)
        power = 1 << self._count_max.bit_length()
        never = self._count_max + 1
        m.d.comb += getattr(self._dut, self._port).eq(power - Mux(self.t > never, never, self.t))
        return m


@pytest.mark.parametrize("count_max", [1, 2, 3, 7, 8, 100])
def test_variable_threshold(equivalent, count_max):
    # Thresholds above the one that never fires do not exist.
    never = count_max + 1
    model = f"assign o = p >= (t > {never} ? {never} : t);"
    assert equivalent(Stored(Threshold(count_max), "t", count_max), model)


def test_neuron(equivalent):
    model = (f"wire [9:0] a = ~(x ^ w); wire [3:0] p = {ones('a', 10)}; "
             f"assign o = p >= (t > 11 ? 11 : t);")
    assert equivalent(Stored(Neuron(Accumulator(10)), "threshold", 10), model)


@pytest.mark.parametrize("device", [None, "LFE5U-25F"])
@pytest.mark.parametrize("size", [1, 4, 9, 15])
def test_absent_synapses(equivalent, size, device):
    model = f"wire [{size - 1}:0] a = ~(x ^ w) & present; assign count = {ones('a', size)};"
    assert equivalent(Accumulator(size, masked=True), model, device=device)


@pytest.mark.parametrize("carry_in", [0, 1])
@pytest.mark.parametrize("size", [4, 5, 8, 9, 15])
def test_agreeing_bits_on_an_ecp5(equivalent, size, carry_in):
    # Carry chains multiply their carry input themselves.
    assert equivalent(Accumulator(size),
                 f"wire [{size - 1}:0] a = ~(x ^ w); assign count = {ones('a', size)};",
                 device="LFE5U-25F", carry_in=carry_in)


@pytest.mark.parametrize("carry_in", [0, 1])
@pytest.mark.parametrize("size", [7, 8, 15, 16])
def test_agreeing_codes_on_an_ecp5(equivalent, size, carry_in):
    decode = inverse(encode(np.eye(size, dtype=np.uint8)))
    model = f"wire [{size - 1}:0] a = ~(x ^ w); assign count = " + " + ".join(
        "(" + " ^ ".join(f"a[{place}]" for place in np.flatnonzero(decode[:, index])) + ")"
        for index in range(size))
    assert equivalent(Accumulator(size, coded=True), f"{model};", device="LFE5U-25F",
                 carry_in=carry_in)
