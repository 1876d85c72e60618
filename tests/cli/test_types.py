"""Numbers that are too large, too long or no numbers: one line, before any work."""

import re

import pytest

from xnorloom_cli.main import main

SIMULATE = ("simulate", "tfc", "--data", "mnist:bundled")
BUILD = ("build", "tfc", "--board", "icebreaker", "-o", "out")
RUN = ("run", "tfc", "--board", "icebreaker", "--port", "nowhere", "--data", "mnist:bundled")
# For each option the command, and the least number that is too large.
OPTIONS = {
    "import --score-bits": (("import", "tfc", "-o", "out.bnn", "--score-bits"), 25),
    "compile --interval": (("compile", "tfc", "-o", "out", "--interval"), 10**12 + 1),
    "simulate --interval": ((*SIMULATE, "--interval"), 10**12 + 1),
    "simulate --limit": ((*SIMULATE, "--limit"), 10**12 + 1),
    "simulate --stall": ((*SIMULATE, "--stall"), 1),
    "verify --random": (("verify", "tfc", "--random"), 10**12 + 1),
    "verify --seed": (("verify", "tfc", "--seed"), 10**12 + 1),
    "verify --amaranth-frames": (("verify", "tfc", "--amaranth-frames"), 10**12 + 1),
    "build --interval": ((*BUILD, "--interval"), 10**12 + 1),
    "build --fps": ((*BUILD, "--fps"), 10**12 + 1),
    "build --seed": ((*BUILD, "--seed"), 2**31),
    "run --baud": ((*RUN, "--baud"), 10**12 + 1),
    "run --limit": ((*RUN, "--limit"), 10**12 + 1),
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert not list(tmp_path.iterdir())


def said(capsys, *arguments):
    """The message of the command, in one line, after the name of the option."""
    assert main(list(arguments)) == 2
    output = capsys.readouterr()
    assert output.out == ""
    option = arguments[-2]
    found = re.fullmatch(rf"xnorloom: error: argument {option}: (.*)\n", output.err)
    assert found is not None, output.err
    return found[1]


@pytest.mark.parametrize("name", OPTIONS)
def test_too_large(capsys, name):
    command, large = OPTIONS[name]
    for text in (str(large), 20 * "9", 500 * "9", 5000 * "9"):
        shown = f"'{text}'" if len(text) < 59 else f"'{27 * '9'}...{28 * '9'}'"
        assert re.fullmatch(rf"must be (an integer|integers|a number) .*, not {re.escape(shown)}"
                            rf"( \(see xnorloom {command[0]} --help\))?",
                            said(capsys, *command, text)), text


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("text", ["x", "1x", "1.5", "1e3", "0x1", "1_000", " 1", "²", "٣", "∞"])
def test_no_number(capsys, name, text):
    command, _ = OPTIONS[name]
    if name.endswith("--stall"):
        # A fraction, as Python has it.
        text = "0.1.2"
    assert re.match("must be ", said(capsys, *command, text))


@pytest.mark.parametrize("text, message", [
    ("1000000000001", "of at most 1000000000000, not '1000000000001'"),
    ("0" * 80, f"of at least 1, not '{27 * '0'}...{28 * '0'}'"),
    ("000000000000", "of at least 1, not '000000000000'"),
    ("", "of at least 1, not ''")])
def test_words(capsys, text, message):
    words = said(capsys, "compile", "tfc", "-o", "out", "--interval", text)
    assert words == f"must be an integer {message} (see xnorloom compile --help)"


def test_zeros_before_a_number(capsys):
    """Leading zeros do not count; only the board is wrong here."""
    assert main(["build", "tfc", "--board", "none", "--fps", "0" * 6000 + "7", "--seed",
                 "0" * 6000]) == 2
    assert re.match("xnorloom: error: board must be one of ", capsys.readouterr().err)


def test_not_enough_memory(capsys):
    assert main(["verify", "tfc", "--random", "1000000000000"]) == 2
    assert re.fullmatch(r"xnorloom: error: not enough memory(: .+)?\n", capsys.readouterr().err)
