"""The command line ``xnorloom``: arguments, errors and exit statuses.

Exit status 0 is success, 1 that the gateware differs from the golden model, 2 a fault of the
user's input, told in one line on standard error, and 70 a bug in xnorloom, told with its traceback.
A signal ends the program with 128 plus its number: 130 for Ctrl-C, 141 for a reader that has gone,
143 for SIGTERM.
"""

import argparse
from collections.abc import Callable, Sequence
from typing import NoReturn

from . import __version__
from .commands.console import Console
from .commands.ending import ending
from .errors import XnorloomError
from .schedule import STYLES

__all__ = ["main"]

_ENGINES = ("compiled", "amaranth", "golden")
_MODEL = "model file (.bnn), or the name of a bundled model: tfc"


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all others."""

    def error(self, message: str) -> NoReturn:
        raise XnorloomError(f"{message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv``, or that of the process, and return its exit status.

    ``--help`` and ``--version`` raise ``SystemExit(0)``, as is the way of argparse.
    """
    def run() -> int:
        arguments = _parser().parse_args(argv)
        return _COMMANDS[arguments.command](arguments, Console(json=arguments.json))
    return ending(run)


# A subcommand is imported when it is called, so that help and errors of the arguments come at once.


def _demo(arguments: argparse.Namespace, console: Console) -> int:
    from .commands import demo
    return demo.run(arguments, console)


def _info(arguments: argparse.Namespace, console: Console) -> int:
    from .commands import info
    return info.run(arguments, console)


def _compile(arguments: argparse.Namespace, console: Console) -> int:
    from .commands import compile
    return compile.run(arguments, console)


def _simulate(arguments: argparse.Namespace, console: Console) -> int:
    from .commands import simulate
    return simulate.run(arguments, console)


_COMMANDS = {"demo": _demo, "info": _info, "compile": _compile, "simulate": _simulate}


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, not {text!r}")
    return int(text)


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 0.9:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 0.9, not {text!r}")
    return value


def _path(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def _one_of(choices: Sequence[str]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in choices:
            raise argparse.ArgumentTypeError(f"must be one of {', '.join(choices)}, not {text!r}")
        return text
    return check


def _parser() -> _Parser:
    parser = _Parser(
        prog="xnorloom", allow_abbrev=False,
        description="Turn trained binarized neural networks into FPGA gateware.",
        epilog="New here? Run: xnorloom demo")
    parser.add_argument("--version", action="version", version=f"xnorloom {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    demo = _command(
        commands, "demo", "see a network recognise digits in simulated gateware",
        "Take the bundled network TFC and bundled MNIST images through every step: schedule, "
        "cycle-accurate simulation of the gateware, comparison with the golden model, Verilog, "
        "and a picture of some digits. Needs no download.",
        ["xnorloom demo", "xnorloom demo --out somewhere"])
    demo.add_argument("--out", type=_path, metavar="DIR", default="xnorloom-demo",
                      help="directory for the files that the demo writes (default: ./%(default)s)")

    info = _command(
        commands, "info", "show what a model is made of",
        "Show the layers, shapes, synapses and weight bits of a model.",
        ["xnorloom info tfc", "xnorloom info models/sfc.bnn --json"])
    info.add_argument("model", type=_path, metavar="MODEL", help=_MODEL)

    compile = _command(
        commands, "compile", "write the Verilog of a model",
        "Write the Verilog of a model, a manifest of its ports, packing and timing, and its "
        "schedule. All files appear, or none.",
        ["xnorloom compile tfc -o build", "xnorloom compile tfc -o build --interval 98",
         "xnorloom compile tfc -o build --fold build/schedule.json",
         "xnorloom compile tfc -o build --name digits"])
    compile.add_argument("model", type=_path, metavar="MODEL", help=_MODEL)
    compile.add_argument("-o", "--output", type=_path, metavar="DIR", required=True,
                         help="directory for the files; made if it is not there")
    compile.add_argument("--name", metavar="NAME",
                         help="name of the Verilog module and its file; default: bnn_ and the name "
                              "of the model")
    compile.add_argument("--scores", action="store_true",
                         help="the core puts out the scores of all classes beside the class")
    _add_schedule(compile)

    simulate = _command(
        commands, "simulate", "run images through the gateware and check every result",
        "Run images through a simulation of the gateware, cycle by cycle, and compare the class "
        "and all scores of each with the golden model. Exit status 1 if any differs.",
        ["xnorloom simulate tfc --data mnist:bundled",
         "xnorloom simulate models/sfc.bnn --data mnist:test --limit 1000",
         "xnorloom simulate tfc --data mine.npz --engine amaranth --limit 2 --waveform out.vcd"])
    simulate.add_argument("model", type=_path, metavar="MODEL", help=_MODEL)
    simulate.add_argument(
        "--data", type=_path, required=True, metavar="DATA",
        help="mnist:test, mnist:train, mnist:bundled (500 images, no download), or a .npz file "
             "with the array 'images' (8-bit pixels, sample index first) and perhaps 'labels'")
    simulate.add_argument("--data-dir", type=_path, metavar="DIR",
                          help="directory with the MNIST files, instead of cache and download")
    simulate.add_argument("--limit", type=_count, metavar="N", help="only the first N images")
    simulate.add_argument(
        "--engine", type=_one_of(_ENGINES), default="compiled", metavar="ENGINE",
        help="compiled (Verilator; fast, default), amaranth (slow, needs nothing else), or golden "
             "(no gateware: the bit-packed model against the plain one; what is measured in "
             "cycles is then null in JSON)")
    simulate.add_argument("--stall", type=_probability, metavar="P",
                          help="withhold input and refuse output at random in P of the cycles, "
                               "0 to 0.9; the results must stay the same")
    simulate.add_argument("--waveform", type=_path, metavar="FILE.vcd",
                          help="write all signals to FILE.vcd; it grows fast, use --limit")
    _add_schedule(simulate)
    return parser


def _command(commands: "argparse._SubParsersAction[_Parser]", name: str, summary: str,
             description: str, examples: Sequence[str]) -> _Parser:
    """Add a subcommand; its parser is of the same class as the main one."""
    parser = commands.add_parser(
        name, help=summary, description=description, allow_abbrev=False,
        epilog="examples:\n" + "\n".join(f"  {line}" for line in examples),
        formatter_class=_Help)
    parser.add_argument("--json", action="store_true",
                        help="write the result as JSON to standard output, all else to standard "
                             "error")
    return parser


class _Help(argparse.HelpFormatter):
    """Wraps descriptions, but leaves the lines of examples as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("examples:"):
            return text
        return super()._fill_text(text, width, indent)


def _add_schedule(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "schedule", "without --interval and --fold: about 512 synapses a cycle")
    either = group.add_mutually_exclusive_group()
    either.add_argument("--interval", type=_count, metavar="C",
                        help="at most C cycles between frames, with as few lanes as that takes")
    either.add_argument("--fold", type=_path, metavar="FILE",
                        help="schedule file as written by compile, perhaps edited")
    group.add_argument("--style", type=_one_of(STYLES), metavar="STYLE",
                       help=f"weights of every layer as {', '.join(STYLES)}; default: the cheapest "
                            f"for the depth of each layer")
