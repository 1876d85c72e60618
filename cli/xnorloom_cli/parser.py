"""The arguments of the command line."""

import argparse
import reprlib
from collections.abc import Callable, Sequence
from typing import NoReturn

from xnorloom import __version__
from xnorloom.errors import XnorloomError
from xnorloom.frontend import FORMATS
from xnorloom.schedule import WeightStyle

from .types import HIGHEST, integer

__all__ = ["make_parser"]

_ENGINES = ("compiled", "amaranth", "golden")
# Of verify; the integer graph is what the others are held against.
_STEPS = ("source", "packed", "amaranth", "compiled")
_DATA = ("mnist:test, mnist:train, mnist:bundled (500 images, no download), fashion:test, "
         "fashion:train, or a .npz file with the array 'images' (8-bit pixels, sample index first) "
         "and perhaps 'labels'")


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all others."""

    def error(self, message: str) -> NoReturn:
        raise XnorloomError(f"{message} (see {self.prog} --help)")


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line; it raises :class:`XnorloomError` for wrong arguments."""
    parser = _Parser(
        prog="xnorloom", allow_abbrev=False,
        description="Turn trained binarized neural networks into FPGA gateware.",
        epilog="New here? Run: xnorloom demo")
    parser.add_argument("--version", action="version", version=f"xnorloom {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (_add_demo, _add_import, _add_info, _add_verify, _add_simulate, _add_compile,
                _add_build, _add_flash, _add_run):
        add(commands)
    return parser


def _add_demo(commands: "argparse._SubParsersAction[_Parser]") -> None:
    demo = _command(
        commands, "demo", "see a network recognise digits in simulated gateware",
        "Take the bundled network TFC and bundled MNIST images through every step: schedule, "
        "cycle-accurate simulation of the gateware, comparison with the golden model, Verilog, "
        "and a picture of some digits. Needs no download.",
        ["xnorloom demo", "xnorloom demo --out somewhere"])
    demo.add_argument("--out", type=_path, metavar="DIR", default="xnorloom-demo",
                      help="directory for the files that the demo writes (default: ./%(default)s)")


def _add_import(commands: "argparse._SubParsersAction[_Parser]") -> None:
    bring = _command(
        commands, "import", "make a model file from another tool's model",
        "Fold a trained network from another tool into an integer graph that equals it on every "
        "input, tell what became of its neurons, and write it to a model file. The other commands "
        "take such models, too.",
        ["xnorloom import net.onnx --input u8/255 -o net.bnn",
         "xnorloom import larq.h5 --input u8/127.5-1 -o larq.bnn",
         "xnorloom import net.onnx --input u8/255 --score-bits 8 -o small.bnn"])
    _add_model(bring)
    bring.add_argument("-o", "--output", type=_path, metavar="FILE.bnn", required=True,
                       help="model file to write")


def _add_info(commands: "argparse._SubParsersAction[_Parser]") -> None:
    info = _command(
        commands, "info", "show what a model is made of",
        "Show the layers, shapes, synapses and weight bits of a model.",
        ["xnorloom info tfc", "xnorloom info models/sfc.bnn --json"])
    _add_model(info)


def _add_compile(commands: "argparse._SubParsersAction[_Parser]") -> None:
    compile = _command(
        commands, "compile", "write the Verilog of a model",
        "Write the Verilog of a model, a manifest of its ports, packing and timing, and its "
        "schedule. All files appear, or none.",
        ["xnorloom compile tfc -o build", "xnorloom compile tfc -o build --interval 98",
         "xnorloom compile tfc -o build --fold build/schedule.json",
         "xnorloom compile tfc -o build --name digits",
         "xnorloom compile net.onnx --input u8/255 -o build"])
    _add_model(compile)
    compile.add_argument("-o", "--output", type=_path, metavar="DIR", required=True,
                         help="directory for the files; made if it is not there")
    compile.add_argument("--name", metavar="NAME",
                         help="name of the Verilog module and its file; default: bnn_ and the name "
                              "of the model")
    compile.add_argument("--scores", action="store_true",
                         help="the core puts out the scores of all classes beside the class")
    _add_schedule(compile)


def _add_simulate(commands: "argparse._SubParsersAction[_Parser]") -> None:
    simulate = _command(
        commands, "simulate", "run images through the gateware and check every result",
        "Run images through a simulation of the gateware, cycle by cycle, and compare the class "
        "and all scores of each with the golden model. Exit status 1 if any differs.",
        ["xnorloom simulate tfc --data mnist:bundled",
         "xnorloom simulate models/sfc.bnn --data mnist:test --limit 1000",
         "xnorloom simulate net.onnx --input u8/255 --data mnist:test",
         "xnorloom simulate tfc --data mine.npz --engine amaranth --limit 2 --waveform out.vcd"])
    _add_model(simulate)
    simulate.add_argument("--data", type=_path, required=True, metavar="DATA", help=_DATA)
    _add_data_options(simulate)
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


def _add_verify(commands: "argparse._SubParsersAction[_Parser]") -> None:
    verify = _command(
        commands, "verify", "show that every step from the source to the gateware is equal",
        "Compare, layer by layer and frame by frame, the source model as another program runs it, "
        "the integer graph, the bit-packed golden model, Amaranth's simulation and the compiled "
        "simulation of the Verilog. The first difference is named. Exit status 1 if there is any.",
        ["xnorloom verify net.onnx --input u8/255 --data mnist:test",
         "xnorloom verify tfc --random 1000", "xnorloom verify tfc --skip amaranth,compiled"])
    _add_model(verify)
    either = verify.add_mutually_exclusive_group()
    either.add_argument("--data", type=_path, metavar="DATA", help=f"frames: {_DATA}")
    either.add_argument("--random", type=_count, metavar="N",
                        help="N frames of random pixels instead of data (default: 1000)")
    _add_data_options(verify)
    verify.add_argument("--seed", type=_natural, metavar="S", default=0,
                        help="another seed gives other random pixels (default: %(default)s)")
    verify.add_argument(
        "--amaranth-frames", type=_count, metavar="N", default=2,
        help="frames for Amaranth's simulation, which is slow (default: %(default)s)")
    verify.add_argument(
        "--skip", type=_steps, metavar="STEPS", default=(),
        help=f"steps to leave out, with commas between them: {', '.join(_STEPS)}")
    _add_schedule(verify)


def _add_build(commands: "argparse._SubParsersAction[_Parser]") -> None:
    build = _command(
        commands, "build", "make the bitstream of a model for a board",
        "Synthesise, place and route a model with its serial link for a board, and write the "
        "bitstream, build.json and report.html. All files appear, or none. Needs the extra boards.",
        ["xnorloom build tfc --board icebreaker -o build",
         "xnorloom build models/sfc.bnn --board ulx3s_25f --seed 1,2,3",
         "xnorloom build net.onnx --input u8/255 --board hx8k_evn --fps 500000"])
    _add_model(build)
    _add_board(build)
    build.add_argument("-o", "--output", type=_path, metavar="DIR",
                       help="directory for the files; default: named after model and board")
    either = build.add_mutually_exclusive_group()
    either.add_argument("--interval", type=_count, metavar="C",
                        help="at most C cycles between frames; default: as few as the chip allows")
    either.add_argument("--fold", type=_path, metavar="FILE",
                        help="schedule file as written by compile, perhaps edited")
    build.add_argument("--fps", type=_count, metavar="F",
                       help="at least F frames a second, or no bitstream")
    build.add_argument("--seed", metavar="N,...", default="0",
                       help="place and route with each of these seeds and keep the fastest "
                            "(default: %(default)s)")
    build.add_argument("--scores", action="store_true",
                       help="the board sends the scores of all classes beside the class")


def _add_flash(commands: "argparse._SubParsersAction[_Parser]") -> None:
    flash = _command(
        commands, "flash", "write a bitstream into a board",
        "Write a bitstream into the flash of a board, with openFPGALoader.",
        ["xnorloom flash --board icebreaker build/tfc-icebreaker.bin",
         "xnorloom flash --board ulx3s_25f --volatile build/sfc-ulx3s_25f.bit"])
    flash.add_argument("bitstream", type=_path, metavar="BITSTREAM", help="file made by build")
    _add_board(flash)
    flash.add_argument("--volatile", action="store_true",
                       help="into the chip itself, until power goes, not into its flash; an iCE40 "
                            "takes that only on a board wired or set for it: an iCEstick must be "
                            "modified, an iCE40-HX8K board needs its jumpers moved")


def _add_run(commands: "argparse._SubParsersAction[_Parser]") -> None:
    run = _command(
        commands, "run", "classify images on a board and check every answer",
        "Send images to a board over its serial port and hold each class against the golden "
        "model. The board must have been built from the same model, which is checked first. Exit "
        "status 1 if any class differs.",
        ["xnorloom run tfc --board icebreaker --port /dev/ttyUSB1 --data mnist:test --limit 1000"])
    _add_model(run)
    _add_board(run)
    run.add_argument("--port", type=_path, required=True, metavar="PORT",
                     help="serial port, such as /dev/ttyUSB1 or COM3")
    run.add_argument("--baud", type=_count, metavar="B",
                     help="bits a second, if not those of the board")
    run.add_argument("--data", type=_path, required=True, metavar="DATA", help=_DATA)
    _add_data_options(run)


def _add_board(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--board", type=_path, required=True, metavar="NAME",
                        help="icebreaker, icestick, hx8k_evn, upduino_v3, ulx3s_25f, ulx3s_85f, "
                             "colorlight_5a_75b, orangecrab_25f or ecp5_evn")


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", type=_path, metavar="MODEL",
        help="model file (.bnn), the name of a bundled model (tfc), or a model from another tool: "
             + ", ".join(f"{' or '.join(row.suffixes)} ({row.tools})"
                         for row in FORMATS if row.reader))
    group = parser.add_argument_group("models from other tools")
    group.add_argument(
        "--input", metavar="MEANING",
        help="what the source takes for a pixel: u8 (0 to 255), u8/255, another formula such as "
             "'(u8/255-0.1307)/0.3081', or bipolar (-1 and +1) or bits (0 and 1) of its top bit; "
             "may be left out where the source itself says so")
    group.add_argument(
        "--score-bits", type=_bits, metavar="B",
        help="most bits, 1 to 24, of the scale of a class, for smaller scores, and tell how many "
             "decisions that changes; default: the smallest scales that change none")


def _add_data_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", type=_path, metavar="DIR",
                        help="directory with the files of the data set, instead of cache and "
                             "download")
    parser.add_argument("--limit", type=_count, metavar="N", help="only the first N images")


def _add_schedule(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "schedule", "without --interval and --fold: about 512 synapses a cycle")
    either = group.add_mutually_exclusive_group()
    either.add_argument("--interval", type=_count, metavar="C",
                        help="at most C cycles between frames, with as few lanes as that takes")
    either.add_argument("--fold", type=_path, metavar="FILE",
                        help="schedule file as written by compile, perhaps edited")
    group.add_argument("--style", type=_one_of(tuple(WeightStyle)), metavar="STYLE",
                       help=f"weights of every layer as {', '.join(WeightStyle)}; default: the "
                            f"for the depth of each layer")


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


def _count(text: str) -> int:
    return _integer(text, 1)


def _bits(text: str) -> int:
    return _integer(text, 1, 24, ranged=True)


def _natural(text: str) -> int:
    return _integer(text, 0)


def _integer(text: str, low: int, high: int = HIGHEST, *, ranged: bool = False) -> int:
    try:
        return integer(text, low, high, ranged=ranged)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _steps(text: str) -> tuple[str, ...]:
    for step in text.split(","):
        if step not in _STEPS:
            raise argparse.ArgumentTypeError(f"must be of {', '.join(_STEPS)} with commas between "
                                             f"them, not {text!r}")
    return tuple(text.split(","))


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 0.9:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 0.9, not "
                                         f"{reprlib.repr(text)}")
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
