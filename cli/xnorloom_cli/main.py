"""The command line ``xnorloom``.

Exit statuses:

- 0: success;
- 1: the gateware, or a step of ``verify``, differs from its reference;
- 2: wrong input, described in one line on standard error;
- 70: a bug in xnorloom, reported with its traceback;
- 128 plus the number of the signal that ended the program: 130 for Ctrl-C, 141 for a closed pipe,
  143 for SIGTERM.
"""

from collections.abc import Sequence

from xnorloom import __version__

from .commands import COMMANDS
from .completion import PrintCompletion
from .console import Console
from .exit_status import exit_status
from .parser import Help, Parser

__all__ = ["main", "make_parser"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv``, by default that of the process, and return its exit status.

    ``--help``, ``--version`` and ``--print-completion`` raise ``SystemExit(0)``, as argparse does.
    """
    def run() -> int:
        arguments = make_parser().parse_args(argv)
        return COMMANDS[arguments.command].run(arguments, Console(json=arguments.json))
    return exit_status(run)


def make_parser() -> Parser:
    """Make the parser of the command line, with a subparser for each command."""
    parser = Parser(
        prog="xnorloom", allow_abbrev=False,
        description="Turn trained binarized neural networks into FPGA gateware.",
        epilog="New here? Run: xnorloom demo")
    parser.add_argument("--version", action="version", version=f"xnorloom {__version__}")
    parser.add_argument("--print-completion", action=PrintCompletion)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        examples = "\n".join(f"  {line}" for line in command.EXAMPLES)
        own = commands.add_parser(
            name, help=command.HELP, description=command.DESCRIPTION, allow_abbrev=False,
            epilog=f"examples:\n{examples}", formatter_class=Help)
        command.add_arguments(own)
        own.add_argument("--json", action="store_true",
                         help="write the result as JSON to standard output, and all else to "
                              "standard error")
    return parser
