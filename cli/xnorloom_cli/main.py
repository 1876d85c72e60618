"""The command line ``xnorloom``.

Exit statuses:

- 0: success;
- 1: the gateware, or a step of ``verify``, differs from its reference;
- 2: wrong input, described in one line on standard error;
- 70: a bug in xnorloom, reported with its traceback;
- 128 plus the number of the signal that ended the program: 130 for Ctrl-C, 141 for a closed pipe,
  143 for SIGTERM.
"""

# What this module imports is imported before Ctrl-C is handled, so that slow imports are inside of
# functions.
from . import interrupts

# As that of `typing`, which takes long to import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .parser import Parser

__all__ = ["main", "make_parser"]


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run the command line ``argv``, by default that of the process, and return its exit status.

    ``--help``, ``--version`` and ``--print-completion`` raise ``SystemExit(0)``, as argparse does.
    """
    # Ctrl-C ends the process at any time, but not a program that calls this function.
    process = argv is None

    def run() -> int:
        from xnorloom.support.activity import watched

        from .commands import COMMANDS
        from .console import Console

        arguments = make_parser().parse_args(argv)
        if process:
            interrupts.raise_in_command()
        console = Console(json=arguments.json)
        with watched(console):
            return COMMANDS[arguments.command].run(arguments, console)

    if process:
        interrupts.end_at_once()
    try:
        from .exit_status import exit_status

        return exit_status(run)
    finally:
        if process:
            interrupts.end_at_once()


def make_parser() -> "Parser":
    """Make the parser of the command line, with a subparser for each command."""
    from xnorloom import __version__

    from .commands import COMMANDS
    from .completion import PrintCompletion
    from .parser import Help, Parser

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
