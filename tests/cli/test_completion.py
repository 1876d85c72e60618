"""Shell completion, as bash gives it."""

import shlex
import shutil
import subprocess

import pytest

from xnorloom_boards import board
from xnorloom_cli.commands import COMMANDS
from xnorloom_cli.main import main

# Completes the last of the words given, and prints a line for each candidate.
COMPLETE = """
source completion.bash
COMP_WORDS=(xnorloom {words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_shtab_xnorloom
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def script(capsys, shell):
    with pytest.raises(SystemExit) as exit:
        main(["--print-completion", shell])
    assert exit.value.code == 0
    return capsys.readouterr().out


@pytest.fixture
def complete(capsys, tmp_path, monkeypatch):
    """``complete(*words)``: candidates of bash for the last word; skipped without bash."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "completion.bash").write_text(script(capsys, "bash"))

    def call(*words):
        done = subprocess.run(["bash", "-c", COMPLETE.format(words=shlex.join(words))], text=True,
                              capture_output=True)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split()
    return call


def test_commands(complete):
    assert complete("") == list(COMMANDS)
    assert complete("i") == ["import", "info"]


def test_options(complete):
    assert complete("compile", "--s") == ["--score-bits", "--scores", "--style"]
    assert complete("simulate", "--s") == ["--score-bits", "--stall", "--show", "--style"]
    assert {"--board", "--volatile", "--json"} <= set(complete("flash", "-"))


@pytest.mark.parametrize("words, values", [
    (("simulate", "tfc", "--engine", ""), ["compiled", "amaranth", "golden"]),
    (("compile", "--style", "w"), ["wired"]),
    (("build", "--board", ""), list(board.names()))])
def test_values(complete, words, values):
    assert complete(*words) == values


def test_files(complete, tmp_path):
    (tmp_path / "net.onnx").touch()
    (tmp_path / "nets").mkdir()
    assert sorted(complete("info", "ne")) == ["net.onnx", "nets"]
    assert sorted(complete("simulate", "tfc", "--data", "net")) == ["net.onnx", "nets"]
    assert sorted(complete("simulate", "tfc", "--out", "net")) == ["net.onnx", "nets"]
    assert complete("compile", "net.onnx", "-o", "ne") == ["nets"]


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells(capsys, shell):
    text = script(capsys, shell)
    for name in (*COMMANDS, *board.names()):
        assert name in text


def test_wrong(wrong):
    wrong(r"argument --print-completion: must be one of bash, zsh, tcsh, not 'csh' "
          r"\(see xnorloom --help\)", "--print-completion", "csh")
