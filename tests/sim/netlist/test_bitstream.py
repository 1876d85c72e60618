"""Bitstreams turned back, with stand-ins for the tools that `make bitstream` has."""

import pytest
import serial

from xnorloom.errors import ToolError
from xnorloom_sim.board.simulated import SerialDesign, SimulatedBoard
from xnorloom_sim.netlist.bitstream import BitstreamError, to_verilog

# As icebox_vlog writes it: ports are declared twice, and one is a register.
CHIP = """
module chip (input \\rx_0[1] , output tx, input clk);

wire n1, n3, \\rx_0[1] ;
reg tx = 0;
wire n2;
SB_PLL40_PAD #(
  .DIVF(7'b0111111)
) PLL_12_31 (
  .PACKAGEPIN(n3),
  .PLLOUTGLOBAL(n1),
  .LOCK(n2),
  .RESETB(1'b1)
);
/* FF  1  1  0 */ always @(posedge n1) if (1'b1) tx <= !n2 ? 1'b0 : \\rx_0[1] ;

// Warning: unmatched port 'clk'

endmodule

"""
TRANSLATE = """#!/bin/sh
echo "$@" >> {log}
cat {chip}
"""


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """``tools(name=script)`` makes a search path on which these programs are; its log."""
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "chip.v").write_text(CHIP)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")
    (tmp_path / "top.pcf").write_text("set_io clk 35\n")
    (tmp_path / "top.asc").write_text(".comment\n.device 5k\n")
    (tmp_path / "top.bin").write_bytes(b"\xff\x00\x00\xff\x7e\xaa\x99\x7e")

    def make(**scripts):
        for name, script in scripts.items():
            path = folder / name
            path.write_text(script.format(log=folder / "log", chip=folder / "chip.v"))
            path.chmod(0o755)
        return folder / "log"
    return make


def test_chip_behind_its_pins(tools, tmp_path):
    log = tools(iceunpack="#!/bin/sh\nexit 1\n", icebox_vlog=TRANSLATE)
    text = to_verilog(tmp_path / "top.asc", tmp_path / "top.pcf")
    assert log.read_text() == "-s -p pins chip\n"
    # The PLL has its pin, passes the clock on, and is locked.
    design = SerialDesign(text, "chip", rx="\\rx_0[1]")
    assert [name for _, name in design.ports()] == ["\\rx_0[1]", "tx", "clk"]
    with (SimulatedBoard(design, clock_hz=4, baud=1) as board,
          serial.Serial(board.path, timeout=60) as port):
        port.write(b"back")
        assert port.read(4) == b"back"


def test_packed(tools, tmp_path):
    log = tools(iceunpack='#!/bin/sh\ncmp "$1" ../top.bin; echo "$@" >> {log}; : > "$2"\n',
                icebox_vlog=TRANSLATE)
    to_verilog(tmp_path / "top.bin", tmp_path / "top.pcf", package="sg48")
    assert log.read_text() == "packed chip\n-s -d sg48 -p pins chip\n"


@pytest.mark.parametrize("scripts, error, message", [
    ({"iceunpack": "", "icebox_vlog": "#!/bin/sh\necho one >&2; echo two >&2; echo >&2; exit 1\n"},
     BitstreamError, r".*top\.asc must be a bitstream of an iCE40; icebox_vlog says: two"),
    ({"iceunpack": "", "icebox_vlog": "#!/bin/sh\nexit 3\n"},
     BitstreamError, r".*top\.asc must be a bitstream of an iCE40; icebox_vlog says: no message"),
    ({"iceunpack": "", "icebox_vlog": "#!/bin/sh\necho module chip\n"},
     BitstreamError, r".*top\.asc: icebox_vlog made no module of it"),
    ({"iceunpack": "", "icebox_vlog": "#!/bin/sh\necho '.PACKAGEPIN(n1)'\n"},
     BitstreamError,
     r".*top\.asc must have one pin that only a PLL uses for its PLL, not none"),
])
def test_wrong(tools, tmp_path, scripts, error, message):
    tools(**scripts)
    with pytest.raises(error, match=f"^{message}$"):
        to_verilog(tmp_path / "top.asc", tmp_path / "top.pcf")


@pytest.mark.parametrize("missing", ["iceunpack", "icebox_vlog"])
def test_tools_missing(tools, tmp_path, monkeypatch, missing):
    other = {"iceunpack": "icebox_vlog", "icebox_vlog": "iceunpack"}[missing]
    monkeypatch.setenv("PATH", str(tools(**{other: "#!/bin/sh\n"}).parent))
    with pytest.raises(ToolError, match=f"^Bitstreams are turned back with {missing} of Project "
                                        "IceStorm, which is not installed; on Debian and Ubuntu: "
                                        "apt install fpga-icestorm$"):
        to_verilog(tmp_path / "top.asc", tmp_path / "top.pcf")


def test_files_missing(tools, tmp_path):
    tools(iceunpack="", icebox_vlog=TRANSLATE)
    for paths in (("no.bin", "top.pcf"), ("top.bin", "no.pcf")):
        with pytest.raises(FileNotFoundError):
            to_verilog(*(tmp_path / name for name in paths))
