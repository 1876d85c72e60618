"""Adder graphs of da4ml for matrices of constant weights, as Verilog.

Run as a program with the names of a matrix and of a file, it writes the file. The search has no
limit of its own, so that another process ends it.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from amaranth.hdl import Cat, Instance, Module, Signal, Value
from matrices import Matrix, matrix

from xnorloom.errors import ToolError
from xnorloom.gateware.threshold import Threshold
from xnorloom.support.yosys import PREMAPPED

__all__ = ["MINUTES", "connect", "write"]

MINUTES = 5
"""Time that da4ml gets for a matrix. It uses all cores."""
_MODULE = "da4ml"
# Before the bits of each word of the output, in the first line.
_WIDTHS = "// widths: "


def write(name: str, path: Path) -> bool:
    """Write the Verilog of the matrix ``name``; return false if da4ml does not end in time.

    Raises
    ------
    ToolError
        If it fails.
    """
    try:
        done = subprocess.run([sys.executable, __file__, name, path], timeout=60 * MINUTES,
                              capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        return False
    if done.returncode:
        raise ToolError(f"da4ml failed: {done.stderr.strip().splitlines()[-1:]}")
    return True


def connect(m: Module, bits: Value, of: Matrix, path: Path) -> Value:
    """Add an instance of the Verilog in ``path``, and the thresholds of this project after it.

    Returns
    -------
    Value
        Activations of all neurons.
    """
    widths = json.loads(path.read_text().partition("\n")[0].removeprefix(_WIDTHS))
    fires, place, sums = [], 0, Signal(sum(widths))
    # Synthesis takes minutes for these chains after chains, too; see PREMAPPED.
    inputs = Signal.like(bits, attrs={PREMAPPED: 1})
    m.d.comb += inputs.eq(bits)
    m.submodules.da4ml = Instance(_MODULE, i_model_inp=inputs, o_model_out=sums)
    for neuron, (low, most) in enumerate(_limits(of)):
        # Its words may have more bits than any sum needs, which synthesis removes.
        word = sums[place:place + _width(low, most)]
        place += widths[neuron]
        least = 0
        if low < 0:
            # In two's complement the complement of the sign makes the words ascend.
            word, least = Cat(word[:-1], ~word[-1]), -(1 << len(word) - 1)
        # The sum of the weights of ones is the count of agreeing inputs less that of negative
        # weights.
        threshold = int(of.thresholds[neuron]) - int((of.weights[neuron] < 0).sum()) - least
        largest = (1 << len(word)) - 1
        compare = Threshold(largest, constant=min(max(threshold, 0), largest + 1))
        m.submodules[f"threshold{neuron}"] = compare
        m.d.comb += compare.p.eq(word)
        fires.append(compare.o)
    return Cat(fires)


def _limits(of: Matrix) -> list[tuple[int, int]]:
    """Return the least and the largest weighted sum of each neuron."""
    return [(-int((row < 0).sum()), int((row > 0).sum())) for row in of.weights]


def _width(low: int, most: int) -> int:
    """Return the bits of a number of a range, with a sign only if there are negative ones."""
    return max(most.bit_length(), (-low - 1).bit_length() if low else 0) + (low < 0)


def main(name: str, path: Path) -> None:
    """Write the Verilog of a matrix."""
    from da4ml.codegen.rtl.verilog.comb import comb_logic_gen
    from da4ml.trace import FixedVariableArrayInput, comb_trace

    of = matrix(name)
    inputs = FixedVariableArrayInput((of.weights.shape[1],)).quantize(0, 1, 0)
    graph = comb_trace(inputs, inputs @ of.weights.T.astype(np.float32))
    vectors = np.random.default_rng(1).integers(0, 2, (100, of.weights.shape[1]))
    if not np.array_equal(graph.predict(vectors.astype(np.float64)), vectors @ of.weights.T):
        raise SystemExit("its graph computes other sums")
    widths = graph.out_kifs.sum(axis=0).tolist()
    if graph.out_kifs[2].any() or any(
            width < _width(*limits) for width, limits in zip(widths, _limits(of), strict=True)):
        raise SystemExit("its words are not integers with all bits of the sums")
    sources = Path(sys.modules["da4ml"].__file__ or "").parent / "codegen/rtl/verilog/source"
    path.write_text("\n".join([f"{_WIDTHS}{json.dumps(widths)}", comb_logic_gen(graph, _MODULE),
                               *((sources / f"{part}.v").read_text()
                                 for part in ("shift_adder", "negative"))]))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
