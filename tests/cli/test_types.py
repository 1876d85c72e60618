"""Numbers that are too large, too long or no numbers: one line, before any work."""

import re

import pytest

from xnorloom_cli.commands import COMMANDS
from xnorloom_cli.main import main, make_parser
from xnorloom_cli.types import integer, megahertz, natural, positive

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


def said(capsys, *arguments, option=None):
    """The message of the command, in one line, after the name of the option."""
    assert main(list(arguments)) == 2
    output = capsys.readouterr()
    assert output.out == ""
    option = option or arguments[-2]
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
@pytest.mark.parametrize("text", [
    "x", "1x", "1.5", "1e-3", "1.5e0", "0x1", "_1", "1__0", "1_", " 1", "1.0", "e3", "1e", "1e999",
    ".5e1", "²", "٣", "∞", "inf", "nan"])
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


@pytest.mark.parametrize("text, value", [
    ("300000", 300000), ("3e5", 300000), ("3E5", 300000), ("3e+5", 300000), ("300_000", 300000),
    ("2.5e3", 2500), ("1.250e3", 1250), ("1_0.5e1", 105), ("1e0", 1), ("1e12", 10**12),
    ("007", 7), ("1_000_000", 10**6)])
def test_numbers_as_people_type_them(text, value):
    assert positive(text) == natural(text) == integer(text, 1) == value
    parser = make_parser()
    for name, (command, large) in OPTIONS.items():
        if value < large and not name.endswith("--stall"):
            option = name.split(" --")[1]
            found = vars(parser.parse_args([*command, text]))[option.replace("-", "_")]
            assert found in (value, (value,)), name


@pytest.mark.parametrize("text, value", [
    ("1", 10**6), ("80", 80 * 10**6), ("62.5", 62_500_000), ("1000", 10**9),
    ("33.3333333", 33_333_333)])
def test_megahertz(text, value):
    assert megahertz(text) == value


@pytest.mark.parametrize("text", ["0.99", "1000.1", "80e6", "80M", "-80", "", ".5", "8" * 500, "٣"])
def test_no_megahertz(capsys, text):
    shown = text if len(text) < 59 else f"{27 * '8'}...{28 * '8'}"
    assert said(capsys, *BUILD, f"--first-clock={text}", option="--first-clock") == (
        f"must be a number of MHz in 1 to 1000, not '{shown}' (see xnorloom build --help)")


@pytest.mark.parametrize("command", COMMANDS)
def test_unknown_option(capsys, command):
    """The message names the help of the command."""
    given = {"import": ["m", "-o", "x.bnn"], "export": ["m", "-o", "x.onnx"],
             "compile": ["m", "-o", "x"],
             "simulate": ["m", "--data", "d"],
             "verify": ["m", "--random", "1"], "build": ["m", "--board", "b"],
             "flash": ["f", "--board", "b"], "info": ["m"], "boards": ["m"], "serve": ["m"],
             "explore": ["m", "--board", "b"],
             "run": ["m", "--board", "b", "--port", "p", "--data", "d"]}.get(command, [])
    for bogus in (["--bogus"], ["--bogus=1"], ["one", "too-many"] if given else ["too-many"]):
        assert main([command, *given, *bogus]) == 2
        output = capsys.readouterr()
        assert output.out == ""
        assert output.err == (f"xnorloom: error: unrecognized arguments: {' '.join(bogus)} "
                              f"(see xnorloom {command} --help)\n")


def test_zeros_before_a_number(capsys):
    """Leading zeros do not count; only the board is wrong here."""
    assert main(["build", "tfc", "--board", "none", "--fps", "0" * 6000 + "7", "--seed",
                 "0" * 6000]) == 2
    assert re.match("xnorloom: error: board must be one of ", capsys.readouterr().err)


def test_not_enough_memory(capsys):
    assert main(["verify", "tfc", "--random", "1000000000000"]) == 2
    assert re.fullmatch(r"xnorloom: error: not enough memory(: .+)?\n", capsys.readouterr().err)
