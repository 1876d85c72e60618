"""Verilog wrapper around a component, with uniform and registered ports.

The wrapper gives every component the same ports for the C++ testbench: it adds a missing clock,
widens empty payloads to one bit, and ties off further ports. It registers the inputs, so that the
logic that depends on them is evaluated once per cycle, after the clock edge, and not again when the
testbench changes them.
"""

import re
from collections.abc import Mapping
from weakref import WeakKeyDictionary

from amaranth.lib import wiring

from xnorloom.export import verilog

__all__ = ["provide", "wrap"]

_PORT = re.compile(r"^  (input|output) (?:\[-?\d+:0\] )?(\S+);$", re.MULTILINE)

# Elaborating a large component takes seconds, and one is often simulated many times. Components do
# not change after their construction.
_verilog: WeakKeyDictionary[wiring.Component, str] = WeakKeyDictionary()

_WRAPPER = """
module wrapper(
  input clk, input rst,
  input i_valid, output i_ready, input [{i_msb}:0] i_payload,
  input load_valid, output load_ready, input [{load_msb}:0] load_payload,
  output o_valid, input o_ready, output [{o_msb}:0] o_payload{probes}
);
  reg rst_q = 1'b1;
  reg i_valid_q = 1'b0;
  reg o_ready_q = 1'b0;
  reg [{i_msb}:0] i_payload_q = 0;
  reg load_valid_q = 1'b0;
  reg [{load_msb}:0] load_payload_q = 0;
  always @(posedge clk) begin
    rst_q <= rst;
    i_valid_q <= i_valid;
    o_ready_q <= o_ready;
    i_payload_q <= i_payload;
    load_valid_q <= load_valid;
    load_payload_q <= load_payload;
  end
  top dut(
    {connections}
  );
endmodule
"""


def provide(dut: wiring.Component, text: str) -> None:
    """Simulate ``text``, with a module ``top`` of the same ports, instead of ``dut``."""
    _verilog[dut] = text


def wrap(
    dut: wiring.Component, i_width: int, o_width: int, probes: Mapping[str, int] | None = None,
    load_width: int | None = None
) -> str:
    """Return the Verilog of module ``top``, the component, and of module ``wrapper`` around it.

    Inputs other than streams, clock and reset are tied to 0. The same object is elaborated only
    once.

    Parameters
    ----------
    dut : wiring.Component
        The component.
    i_width, o_width : int
        Bits of the payloads; a payload of no bits is one bit of the wrapper.
    probes : mapping of str to int
        Names of the probes, with the bits of their payloads; the wrapper numbers them.
    load_width : int or None
        Bits of the payload of stream ``load``; ``None`` leaves the stream unused.
    """
    probes = probes or {}
    if dut not in _verilog:
        _verilog[dut] = verilog.convert(dut, name="top")
    text = _verilog[dut]
    start = text.index("\nmodule top(")
    header = text[start : text.index("\nendmodule", start)]
    wires = {
        "clk": "clk",
        "rst": "rst_q",
        "i__valid": "i_valid_q",
        "i__ready": "i_ready",
        "i__payload": "i_payload_q" if i_width else "",
        "o__valid": "o_valid",
        "o__ready": "o_ready_q",
        "o__payload": "o_payload" if o_width else "",
    }
    if load_width is not None:
        wires |= {"load__valid": "load_valid_q", "load__ready": "load_ready",
                  "load__payload": "load_payload_q" if load_width else ""}
    outputs = ""
    for index, (name, width) in enumerate(probes.items()):
        msb = max(width, 1) - 1
        outputs += f",\n  output probe{index}_valid, output [{msb}:0] probe{index}_payload"
        wires[f"{name}__valid"] = f"probe{index}_valid"
        wires[f"{name}__payload"] = f"probe{index}_payload" if width else ""
    connections = [
        f".{port}({wires.get(port, '0' if direction == 'input' else '')})"
        for direction, port in _PORT.findall(header)
    ]
    return text + _WRAPPER.format(
        i_msb=max(i_width, 1) - 1,
        o_msb=max(o_width, 1) - 1,
        load_msb=max(load_width or 0, 1) - 1,
        probes=outputs,
        connections=",\n    ".join(connections),
    )
