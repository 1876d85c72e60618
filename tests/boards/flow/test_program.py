"""Programming of a board, with failures as openFPGALoader reports them."""

import shlex

import pytest

from xnorloom.errors import ToolError, XnorloomError
from xnorloom_boards import board
from xnorloom_boards.flow.program import check_bitstream, program

ICE40 = b"\xff\0\0\xff\x7e\xaa\x99\x7e" + 99 * b"\0"
# Output of a success, and the same with a chip that does not start.
WELL = ("empty\nParse file DONE\nff\nDetected: Winbond W25Q128 256 sectors size: 128Mb\n"
        "Jedec ID          : ef\n00000000 00000000 00000000 00\n"
        "\rErasing: [=====     ] 50.00%\rErasing: [==========] 100.00%\nDone\n"
        "\rWriting: [==========] 100.00%\nDone\nWait for CDONE DONE\n")
# Words that are no failures.
HARMLESS = WELL + ("Error in previous bitstream execution. REFRESH: DONE\n"
                   "\tDual Boot then External if there is a failure\nFailsafe\nNo error\n")


@pytest.fixture
def say(tmp_path, monkeypatch):
    """A pretended openFPGALoader that prints a text and ends with a status."""
    (tmp_path / "net.bin").write_bytes(ICE40)
    (tmp_path / "tools").mkdir()
    script = tmp_path / "tools" / "openFPGALoader"
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")

    def make(text, status=0):
        script.write_text(f'#!/bin/sh\n[ "$1" = -V ] && echo 1.0 && exit\n'
                          f"printf %s {shlex.quote(text)}\nexit {status}\n")
        script.chmod(0o755)
    return make


def programming(tmp_path, name="icebreaker", volatile=False):
    """Program the board; returns the version of the programmer and its notes."""
    notes = []
    tool = program(board.find(name), tmp_path / "net.bin", volatile=volatile, note=notes.append)
    return tool.version, notes


@pytest.mark.parametrize("text", ["", WELL, HARMLESS], ids=["nothing", "well", "harmless"])
def test_success(say, tmp_path, text):
    say(text)
    assert programming(tmp_path)[0] == "1.0"


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
def test_failure_with_status_0(say, tmp_path, text, line):
    say(text)
    with pytest.raises(ToolError) as error:
        programming(tmp_path)
    assert str(error.value) == (f"openFPGALoader reports a failure at board icebreaker: {line}")


def test_failure_with_a_status(say, tmp_path):
    """The message quotes the line of the failure, not the last one."""
    say("Enable configuration: FAIL\ndisplayReadReg\n\tConfig Target Selection : 0\n", status=1)
    with pytest.raises(ToolError, match=r"^openFPGALoader cannot write to board icebreaker: Enable "
                                        r"configuration: FAIL; is it connected, and may you use "
                                        r"its USB port\?$"):
        programming(tmp_path)


@pytest.mark.parametrize("name", ["icestick", "hx8k_evn"])
def test_failure_of_a_board_that_needs_more(say, tmp_path, name):
    say("Wait for CDONE FAIL\n")
    with pytest.raises(ToolError) as error:
        programming(tmp_path, name, volatile=True)
    assert str(error.value) == (f"openFPGALoader reports a failure at board {name}: Wait for CDONE "
                                f"FAIL; {board.find(name).volatile_note}")


def test_notes(say, tmp_path):
    say("Parse file DONE\nDone\n")
    assert programming(tmp_path) == ("1.0", [
        "openFPGALoader -b ice40_generic -f net.bin", "Parse file DONE", "Done"])
    assert programming(tmp_path, volatile=True)[1][0] == "openFPGALoader -b ice40_generic net.bin"


def test_no_bitstream(say, tmp_path):
    """The file is checked before any program runs."""
    (tmp_path / "net.bin").write_bytes(b"text")
    with pytest.raises(XnorloomError, match=r"^file \S+ is not a bitstream$"):
        programming(tmp_path)
    with pytest.raises(XnorloomError, match=r"^file \S+ is not a bitstream$"):
        check_bitstream(tmp_path / "net.bin", board.find("icebreaker"))
