"""Shell completion: the option ``--print-completion``."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from .console import write
from .types import OneOf, board, board_or_sim, directory, path

__all__ = ["SHELLS", "PrintCompletion"]

SHELLS = ("bash", "zsh", "tcsh")


class PrintCompletion(argparse.Action):
    """Action that prints the completion script for a shell and exits."""

    def __init__(self, option_strings: Sequence[str], dest: str):
        super().__init__(option_strings, dest=argparse.SUPPRESS, default=argparse.SUPPRESS,
                         type=OneOf(SHELLS), metavar="SHELL",
                         help=f"print a script that completes commands, options and files in "
                              f"{', '.join(SHELLS)}, and exit; in bash: "
                              f'eval "$(xnorloom --print-completion bash)"')

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any,
                 option_string: str | None = None) -> None:
        import shtab

        for action in _actions(parser):
            _suggest(action)
        write(sys.stdout, shtab.complete(parser, values))
        parser.exit()


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """All actions of a parser and its subparsers."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for own in action.choices.values():
                yield from _actions(own)


def _suggest(action: argparse.Action) -> None:
    """Set the attributes of ``action`` by which shtab knows its values."""
    import shtab

    if action.type in (board, board_or_sim):
        from .boards import SIM, names

        action.choices = [name for name in names() if action.type is board_or_sim or name != SIM]
    elif isinstance(action.type, OneOf):
        action.choices = action.type.choices
    elif action.type in (path, directory):
        kind = shtab.FILE if action.type is path else shtab.DIRECTORY
        action.complete = kind  # pyright: ignore[reportAttributeAccessIssue]
