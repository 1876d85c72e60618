"""The page about the command line covers every command, with command lines that parse."""

import re
import shlex
from pathlib import Path

import pytest

from xnorloom_cli.commands import COMMANDS
from xnorloom_cli.completion import SHELLS
from xnorloom_cli.main import make_parser

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
SECTIONS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))


def test_every_command():
    assert list(SECTIONS) == [*COMMANDS, "Images", "Exit status", "Shell completion"]


@pytest.mark.parametrize("name", [*COMMANDS, "Images"])
def test_example(name):
    [line] = re.findall(r"^```sh\n(.*?)\n```$", SECTIONS[name], re.M | re.S)
    words = shlex.split(line)
    assert words[0] == "xnorloom"
    assert make_parser().parse_args(words[1:]).command == {"Images": "simulate"}.get(name, name)


def test_every_shell():
    assert re.findall(r"--print-completion (\w+)", SECTIONS["Shell completion"]) == list(SHELLS)
