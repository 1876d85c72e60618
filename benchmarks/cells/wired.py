# amaranth: UnusedElaboratable=no
"""Neurons of constant weights, by this project and by da4ml."""

from pathlib import Path

from amaranth.hdl import Module, Value
from matrices import matrix
from peer import connect

from xnorloom.gateware.wired import WiredNeurons
from xnorloom.sharing import solve

__all__ = ["LEVELS", "neurons"]

LEVELS = {"wired": 0, "pipelined": 2}
"""Levels between two registers, by kind of structure."""


def neurons(m: Module, bits: Value, name: str, kind: str, verilog: Path | None) -> Value:
    """Add the neurons of a matrix; return their activations.

    Parameters
    ----------
    m : Module
        Module to which they are added.
    bits : Value
        Inputs.
    name : str
        Matrix.
    kind : str
        A key of :data:`LEVELS`.
    verilog : Path or None
        Verilog of da4ml; ``None`` for the neurons of this project.
    """
    of = matrix(name)
    if verilog is not None:
        return connect(m, bits, of, verilog)
    m.submodules.neurons = wired = WiredNeurons(solve(of.weights, of.thresholds),
                                                register_every=LEVELS[kind])
    m.d.comb += wired.x.eq(bits)
    return wired.o.as_value()
