"""The Verilog of a component inside a shell with plain, registered ports.

The shell makes every component look alike to the C++ testbench (missing clock, payloads of no
width, further ports), and it registers the inputs: what depends on them is then evaluated once per
cycle, after the clock edge, instead of a second time when the testbench changes them.
"""

import re
from collections.abc import Mapping
from weakref import WeakKeyDictionary

from amaranth.lib import wiring

from xnorloom.export import verilog

__all__ = ["provide", "shell"]

_PORT = re.compile(r"^  (input|output) (?:\[-?\d+:0\] )?(\S+);$", re.MULTILINE)

# Elaborating a large component takes seconds, and one is often run many times. Components do not
# change once they are constructed.
_verilog: WeakKeyDictionary[wiring.Component, str] = WeakKeyDictionary()

_SHELL = """
module shell(
  input clk, input rst,
  input i_valid, output i_ready, input [{i_msb}:0] i_payload,
  input load_valid, output load_ready, input [{load_msb}:0] load_payload,
  output o_valid, input o_ready, output [{o_msb}:0] o_payload{taps}
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
    """Have ``text``, with a module ``top`` of the same ports, simulated in place of ``dut``."""
    _verilog[dut] = text


def shell(
    dut: wiring.Component, i_width: int, o_width: int, taps: Mapping[str, int] | None = None,
    load_width: int | None = None
) -> str:
    """Verilog of module ``top``, the component, and of module ``shell`` around it.

    Inputs of the component besides its streams, its clock and its reset are tied to 0; a payload
    of no width is one bit of the shell. ``taps`` are further outputs by name, with the bits of
    their payload; the shell numbers them. ``load_width`` is the width of stream ``load``, ``None``
    where it is left alone. The same object is elaborated only once.
    """
    taps = taps or {}
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
    for index, (name, width) in enumerate(taps.items()):
        msb = max(width, 1) - 1
        outputs += f",\n  output tap{index}_valid, output [{msb}:0] tap{index}_payload"
        wires[f"{name}__valid"] = f"tap{index}_valid"
        wires[f"{name}__payload"] = f"tap{index}_payload" if width else ""
    connections = [
        f".{port}({wires.get(port, '0' if direction == 'input' else '')})"
        for direction, port in _PORT.findall(header)
    ]
    return text + _SHELL.format(
        i_msb=max(i_width, 1) - 1,
        o_msb=max(o_width, 1) - 1,
        load_msb=max(load_width or 0, 1) - 1,
        taps=outputs,
        connections=",\n    ".join(connections),
    )
