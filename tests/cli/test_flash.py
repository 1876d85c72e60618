"""The command flash, with what openFPGALoader says of failures, and boards that need more."""

import shlex
from argparse import Namespace

import pytest

from xnorloom.errors import ToolError
from xnorloom_boards import board
from xnorloom_cli.commands import flash
from xnorloom_cli.console import Console
from xnorloom_cli.main import main

ICE40 = b"\xff\0\0\xff\x7e\xaa\x99\x7e" + 99 * b"\0"
# What is said when all went well, and the same with a chip that does not start.
WELL = ("empty\nParse file DONE\nff\nDetected: Winbond W25Q128 256 sectors size: 128Mb\n"
        "Jedec ID          : ef\n00000000 00000000 00000000 00\n"
        "\rErasing: [=====     ] 50.00%\rErasing: [==========] 100.00%\nDone\n"
        "\rWriting: [==========] 100.00%\nDone\nWait for CDONE DONE\n")
# Words that are no failures.
HARMLESS = WELL + ("Error in previous bitstream execution. REFRESH: DONE\n"
                   "\tDual Boot then External if there is a failure\nFailsafe\nNo error\n")


@pytest.fixture
def say(tmp_path, monkeypatch):
    """Has a pretended openFPGALoader say something and end with a status."""
    (tmp_path / "net.bin").write_bytes(ICE40)
    (tmp_path / "tools").mkdir()
    script = tmp_path / "tools" / "openFPGALoader"
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")

    def make(text, status=0):
        script.write_text(f'#!/bin/sh\n[ "$1" = -V ] && echo 1.0 && exit\n'
                          f"printf %s {shlex.quote(text)}\nexit {status}\n")
        script.chmod(0o755)
    return make


def flashing(tmp_path, name="icebreaker", volatile=False):
    return flash.run(Namespace(board=name, bitstream=str(tmp_path / "net.bin"), volatile=volatile),
                     Console(json=False))


@pytest.mark.parametrize("text", ["", WELL, HARMLESS], ids=["nothing", "well", "harmless"])
def test_success(say, tmp_path, capsys, text):
    say(text)
    assert flashing(tmp_path) == 0
    assert capsys.readouterr().out.startswith("wrote ")


@pytest.mark.parametrize("text, line", [
    (WELL.replace("CDONE DONE", "CDONE FAIL"), "Wait for CDONE FAIL"),
    ("Parse file FAIL\n", "Parse file FAIL"),
    ("Reset FAIL\n", "Reset FAIL"),
    ("\rErasing: [===       ] 30.00%\rErasing: [==========] 100.00%\nFail\nWait for CDONE DONE\n",
     "Erasing: Fail"),
    ("Erasing: Fail\n", "Erasing: Fail"),
    ("Fail\n", "Fail"),
    ("write en: Error\nWait for CDONE DONE\n", "write en: Error"),
    ("timeout:  3 1000\n3\nwait: Error\nWait for CDONE DONE\n", "wait: Error"),
    ("Error: block protection is set\n       can't unlock without --unprotect-flash\n"
     "Wait for CDONE DONE\n", "Error: block protection is set"),
    ("flash overflow\nWait for CDONE DONE\n", "flash overflow"),
    ("Verification failed at 256\nWait for CDONE DONE\n", "Verification failed at 256"),
    ("Failed to read flash\nWait for CDONE DONE\n", "Failed to read flash"),
])
def test_failure_with_status_0(say, tmp_path, capsys, text, line):
    say(text)
    with pytest.raises(ToolError) as error:
        flashing(tmp_path)
    assert str(error.value) == (f"openFPGALoader reports a failure at board icebreaker: {line}")
    assert capsys.readouterr().out == ""


def test_failure_with_a_status(say, tmp_path):
    """The line that tells of it, and not the last one."""
    say("Enable configuration: FAIL\ndisplayReadReg\n\tConfig Target Selection : 0\n", status=1)
    with pytest.raises(ToolError, match=r"^openFPGALoader cannot write to board icebreaker: Enable "
                                        r"configuration: FAIL; is it connected, and may you use "
                                        r"its USB port\?$"):
        flashing(tmp_path)


@pytest.mark.parametrize("name, note", [
    ("icestick", "an unmodified iCEstick cannot be loaded past its flash: leave out --volatile"),
    ("hx8k_evn", "set its jumpers to load the FPGA and not the flash, as in its guide (EB85)")])
def test_volatile_note(say, tmp_path, capsys, name, note):
    assert board.find(name).volatile_note == note
    say(WELL)
    assert flashing(tmp_path, name) == 0
    assert note not in capsys.readouterr().out
    assert flashing(tmp_path, name, volatile=True) == 0
    assert capsys.readouterr().out.startswith(f"Board: {note}\nwrote ")
    say("Wait for CDONE FAIL\n")
    with pytest.raises(ToolError) as error:
        flashing(tmp_path, name, volatile=True)
    assert str(error.value) == (f"openFPGALoader reports a failure at board {name}: Wait for CDONE "
                                f"FAIL; {note}")


def test_help(capsys):
    with pytest.raises(SystemExit):
        main(["flash", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert "an iCEstick must be modified, an iCE40-HX8K board needs its jumpers moved" in words
