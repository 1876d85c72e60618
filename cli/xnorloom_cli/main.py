"""The command line ``xnorloom``: arguments, errors and exit statuses.

Exit status 0 is success, 1 that the gateware differs from the golden model, 2 a fault of the
user's input, told in one line on standard error, and 70 a bug in xnorloom, told with its traceback.
A signal ends the program with 128 plus its number: 130 for Ctrl-C, 141 for a reader that has gone,
143 for SIGTERM.
"""

from collections.abc import Sequence
from importlib import import_module

from .console import Console
from .exit_status import ending
from .parser import make_parser

__all__ = ["main"]

# Of each command the module with its ``run``, imported when it is called, so that help and errors
# of the arguments come at once.
_MODULES = {name: name for name in (
    "demo", "info", "compile", "simulate", "verify", "build", "flash", "run")}
_MODULES["import"] = "import_"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv``, or that of the process, and return its exit status.

    ``--help`` and ``--version`` raise ``SystemExit(0)``, as is the way of argparse.
    """
    def run() -> int:
        arguments = make_parser().parse_args(argv)
        module = import_module(f".commands.{_MODULES[arguments.command]}", __package__)
        return module.run(arguments, Console(json=arguments.json))
    return ending(run)
