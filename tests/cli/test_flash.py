# amaranth: UnusedElaboratable=no
"""``xnorloom flash``, with a fake openFPGALoader."""

import json
from argparse import Namespace

import pytest

from xnorloom.errors import ToolError, XnorloomError
from xnorloom_boards import board
from xnorloom_cli.commands import flash
from xnorloom_cli.console import Console
from xnorloom_cli.main import main

ICE40 = b"\xff\0\0\xff\x7e\xaa\x99\x7e" + 99 * b"\0"
ECP5 = b"\xff\0Part: X\0\xff\xff\xff\xbd\xb3" + 99 * b"\0"


def flashing(path, **given):
    return Namespace(**{"board": "icebreaker", "bitstream": str(path), "volatile": False, **given})


def test_flash(capsys, fakes, tmp_path):
    path = tmp_path / "a b.bin"
    path.write_bytes(ICE40)
    assert flash.run(flashing(path), Console(json=True)) == 0
    values = json.loads(capsys.readouterr().out)
    assert values == {"board": "icebreaker", "bitstream": str(path), "bytes": len(ICE40),
                      "volatile": False, "loader": "openFPGALoader of nobody 1.0"}
    calls = fakes.with_name("CALLS").read_text().splitlines()
    assert calls == ["openFPGALoader -b ice40_generic -f a b.bin"]
    assert flash.run(flashing(path, volatile=True), Console(json=False)) == 0
    calls = fakes.with_name("CALLS").read_text().splitlines()
    assert calls[-1] == "openFPGALoader -b ice40_generic a b.bin"
    assert capsys.readouterr().out.startswith(f"wrote {path} into the configuration of iCEBreaker")


def test_flash_fails(capsys, fakes, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(ICE40)
    fakes.write_text('{"fail": {"openFPGALoader": "no cable"}}')
    with pytest.raises(ToolError, match=r"^openFPGALoader cannot write to board icebreaker: ERROR: "
                                        r"no cable; is it connected, and may you use its USB "
                                        r"port\?$"):
        flash.run(flashing(path), Console(json=False))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("data, message", [
    (None, r"bitstream \S+ cannot be read: No such file or directory"),
    (b"", r"file \S+ is not a bitstream"),
    (b"text", r"file \S+ is not a bitstream"),
    (ECP5, r"bitstream \S+ is for a chip of the family ecp5, but board icebreaker has one of "
           r"ice40")])
def test_flash_wrong(fakes, tmp_path, data, message):
    path = tmp_path / "a.bin"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(XnorloomError, match=f"^{message}$"):
        flash.run(flashing(path), Console(json=False))


def test_flash_other_board(fakes, run, net_file, tmp_path, fold_file):
    run("build", net_file, "--board", "icebreaker", "-o", tmp_path / "out", "--fold", fold_file)
    path = tmp_path / "out" / "my_net-icebreaker.bin"
    with pytest.raises(XnorloomError, match=r"^bitstream \S+ was built for board icebreaker, not "
                                            r"upduino_v3$"):
        flash.run(flashing(path, board="upduino_v3"), Console(json=False))
    # A later file of the same name is not the one in build.json.
    path.write_bytes(ICE40)
    assert flash.run(flashing(path, board="upduino_v3"), Console(json=False)) == 0


@pytest.mark.parametrize("name, note", [
    ("icestick", "an unmodified iCEstick cannot be loaded past its flash: leave out --volatile"),
    ("hx8k_evn", "set its jumpers to load the FPGA and not the flash, as in its guide (EB85)")])
def test_volatile_note(fakes, capsys, tmp_path, name, note):
    assert board.find(name).volatile_note == note
    path = tmp_path / "net.bin"
    path.write_bytes(ICE40)
    assert flash.run(flashing(path, board=name), Console(json=False)) == 0
    assert note not in capsys.readouterr().out
    assert flash.run(flashing(path, board=name, volatile=True), Console(json=False)) == 0
    assert capsys.readouterr().out.startswith(f"Board: {note}\nwrote ")


def test_help(capsys):
    with pytest.raises(SystemExit):
        main(["flash", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert "an iCEstick must be modified, an iCE40-HX8K board needs its jumpers moved" in words
