"""The parser of the command line: help, version, and errors in arguments."""

import re
import shlex
import subprocess
import sys

import pytest

from xnorloom_boards import board
from xnorloom_cli.commands import COMMANDS
from xnorloom_cli.main import main, make_parser

SIMULATE = ["simulate", "toy.bnn", "--data", "data.npz", "--engine", "golden"]
COMPILE = ["compile", "toy.bnn", "-o", "out"]


def test_help(capsys):
    for arguments in ([], *([name] for name in COMMANDS)):
        with pytest.raises(SystemExit) as exit:
            main([*arguments, "--help"])
        assert exit.value.code == 0
        assert capsys.readouterr().out.startswith(" ".join(["usage: xnorloom", *arguments]))


def test_version(capsys):
    with pytest.raises(SystemExit) as exit:
        main(["--version"])
    assert exit.value.code == 0
    assert re.fullmatch(r"xnorloom \d\S*\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], r"the following arguments are required: COMMAND \(see xnorloom --help\)"),
        (["explode"], r"argument COMMAND: invalid choice: 'explode' .*"),
        (["info"], r"the following arguments are required: MODEL \(see xnorloom info --help\)"),
        (["compile", "toy.bnn"], r"the following arguments are required: -o/--output \(see .*\)"),
        (["info", ""], r"argument MODEL: must not be empty \(see xnorloom info --help\)"),
        (["compile", "toy.bnn", "-o", ""],
         r"argument -o/--output: must not be empty \(see xnorloom compile --help\)"),
        ([*COMPILE, "--fold", ""], r"argument --fold: must not be empty \(see .*\)"),
        ([*COMPILE, "--name", "7seg"],
         r"argument --name: Module name must be 1 to 60 letters, digits and underscores, the first "
         r"no digit, not '7seg'"),
        ([*COMPILE, "--name", ""], r"argument --name: Module name must be 1 to 60 .*, not ''"),
        ([*COMPILE, "--name", "n" * 61],
         r"argument --name: Module name must be 1 to 60 .*, not 'n+\.\.\.n+'"),
        ([*COMPILE, "--name", "endmodule"],
         r"argument --name: Module name must be no keyword of \(System\)Verilog, not 'endmodule'"),
        (["demo", "--out", ""], r"argument --out: must not be empty \(see .*\)"),
        (["simulate", "toy.bnn"], r"the following arguments are required: --data \(see .*\)"),
        ([*COMPILE, "--interval", "0"],
         r"argument --interval: must be an integer of at least 1, not '0' \(see .*\)"),
        ([*COMPILE, "--interval", "fast"],
         r"argument --interval: must be an integer of at least 1, not 'fast' \(see .*\)"),
        ([*COMPILE, "--style", "magic"],
         r"argument --style: must be one of wired, lut, block, spram, not 'magic' \(see .*\)"),
        ([*COMPILE, "--interval", "9", "--fold", "f"],
         r"argument --fold: not allowed with argument --interval \(see .*\)"),
        ([*COMPILE, "--style", "lut", "--fold", "f"],
         r"argument --style: not allowed with argument --fold, whose file names the style of each "
         r"layer"),
        ([*SIMULATE, "--engine", "warp"],
         r"argument --engine: must be one of compiled, amaranth, golden, not 'warp' \(see .*\)"),
        ([*SIMULATE, "--limit", "-3"],
         r"argument --limit: must be an integer of at least 1, not '-3' \(see .*\)"),
        ([*SIMULATE, "--stall", "1"],
         r"argument --stall: must be a number from 0 to 0\.9, not '1' \(see .*\)"),
        ([*SIMULATE, "--stall", "0.1"],
         r"argument --stall: not allowed with --engine golden, which simulates no cycles"),
        ([*SIMULATE, "--waveform", "w.vcd"],
         r"argument --waveform: not allowed with --engine golden, which simulates no cycles"),
        ([*SIMULATE, "--data-dir", "."],
         r"argument --data-dir: not allowed with --data data\.npz, which is a single file"),
        ([*SIMULATE, "--data-dir", ".", "--data", "mnist:bundled"],
         r"argument --data-dir: not allowed with --data mnist:bundled, which is a single file"),
        ([*SIMULATE, "--data-dir", ".", "--data", "seven.png"],
         r"argument --data-dir: not allowed with --data seven\.png, which is the path of images"),
        ([*SIMULATE, "--resize"],
         r"argument --resize: only allowed with image files, not with --data data\.npz"),
        ([*SIMULATE, "--invert", "--data", "mnist:test"],
         r"argument --invert: only allowed with image files, not with --data mnist:test"),
        (["verify", "toy.bnn", "--invert"],
         r"argument --invert: only allowed with argument --data"),
    ],
    ids=["nothing", "command", "no model", "no output", "empty model", "empty output",
         "empty fold", "name", "empty name", "long name", "keyword", "empty out", "no data",
         "interval 0", "interval text",
         "style", "interval and fold", "style and fold", "engine", "limit", "stall",
         "golden stall", "golden waveform", "directory and file", "directory and bundled",
         "directory and image", "resize", "invert", "invert nothing"],
)  # fmt: skip
def test_arguments(wrong, arguments, message):
    wrong(message, *arguments)


# Imports that make help slow, or that an extra brings.
SLOW = {"amaranth", "torch", "onnx", "h5py", "matplotlib", "PIL", "tqdm", "shtab", "serial",
        "xnorloom_sim", "xnorloom_boards"}
IMPORTED = """
import contextlib, io, sys
from xnorloom_cli.main import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), \\
        contextlib.suppress(SystemExit):
    main(sys.argv[1:])
print(*{name.partition(".")[0] for name in sys.modules})
"""


@pytest.mark.parametrize("arguments", [
    ["--help"], ["--version"], ["verify", "--help"], ["simulate", "tfc"], ["build", "--fps", "x"]],
    ids=" ".join)
def test_fast(arguments):
    """Help and errors in arguments import nothing slow."""
    done = subprocess.run([sys.executable, "-c", IMPORTED, *arguments], text=True,
                          capture_output=True, check=True)
    imported = set(done.stdout.split())
    assert "xnorloom_cli" in imported
    assert imported & SLOW == set()


@pytest.mark.parametrize("name, command", COMMANDS.items(), ids=COMMANDS)
def test_examples(name, command):
    """The examples of a command are command lines of it that its parser accepts."""
    parser = make_parser()
    assert command.EXAMPLES
    for line in command.EXAMPLES:
        words = shlex.split(line)
        assert words[:2] == ["xnorloom", name]
        assert parser.parse_args(words[1:]).command == name


@pytest.mark.parametrize("name", ["build", "flash", "run"])
def test_help_names_all_boards(capsys, name):
    with pytest.raises(SystemExit):
        main([name, "--help"])
    words = set(re.findall(r"\w+", capsys.readouterr().out))
    assert set(board.names()) <= words
