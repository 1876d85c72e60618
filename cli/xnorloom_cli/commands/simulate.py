"""``xnorloom simulate``: images through simulated gateware, checked against the golden model."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from xnorloom.errors import XnorloomError
from xnorloom.support.text import clipped, count, printable, quoted

from ..console import Console
from ..inputs import check_data_dir, load, load_frames, make_schedule
from ..parser import add_data, add_model, add_schedule
from ..types import OneOf, path

__all__ = ["DESCRIPTION", "EXAMPLES", "HELP", "add_arguments", "run"]

HELP = "run images through the gateware and check every result"
DESCRIPTION = (
    "Run images through a simulation of the gateware, cycle by cycle, and compare the class and "
    "all scores of each image with the golden model. Exit status 1 if any differs.")
EXAMPLES = [
    "xnorloom simulate tfc --data mnist:bundled",
    "xnorloom simulate models/sfc.bnn --data mnist:test --limit 1000",
    "xnorloom simulate net.onnx --input u8/255 --data mnist:test",
    "xnorloom simulate tfc --data mine.npz --engine amaranth --limit 2 --waveform out.vcd"]

_ENGINES = ("compiled", "amaranth", "golden")


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``simulate``."""
    add_model(parser)
    add_data(parser)
    parser.add_argument(
        "--engine", type=OneOf(_ENGINES), default="compiled", metavar="ENGINE",
        help="compiled (Verilator; fast, default), amaranth (slow, needs no other program), or "
             "golden (no gateware: the bit-packed model against the plain one; measurements in "
             "cycles are then null in JSON)")
    parser.add_argument("--stall", type=_probability, metavar="P",
                        help="stall input and output at random in P of the cycles, 0 to 0.9; the "
                             "results must stay the same")
    parser.add_argument("--waveform", type=path, metavar="FILE.vcd",
                        help="write all signals to FILE.vcd; it grows fast, use --limit")
    add_schedule(parser)


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 0.9:
        raise ArgumentTypeError(f"must be a number from 0 to 0.9, not {quoted(text)}")
    return value


def run(arguments: Namespace, console: Console) -> int:
    """Simulate a model. Returns 1 if a frame differs from the golden model."""
    from xnorloom.support.staging import staged_file
    from xnorloom_sim.check import check
    from xnorloom_sim.harness import SimulationError, Stall

    from ..tables.simulation import simulation_text, simulation_warnings

    for name in ("stall", "waveform"):
        if arguments.engine == "golden" and getattr(arguments, name) is not None:
            raise XnorloomError(f"argument --{name}: not allowed with --engine golden, which "
                                f"simulates no cycles")
    check_data_dir(arguments)
    graph = load(arguments, console).graph
    plan = make_schedule(graph, arguments).bind(graph)
    dataset, frames, labels = load_frames(graph, arguments)
    if dataset.images.any() and not frames.any():
        console.warn(f"every pixel of data {printable(dataset.name)} becomes 0: an input of "
                     f"{count(graph.input.bits, 'bit')} takes the top bits of 8-bit pixels, "
                     f"and the largest pixel is {dataset.images.max()}")
    stall = Stall(i=arguments.stall, o=arguments.stall) if arguments.stall else None
    # A failed run needs its waveform most.
    with (staged_file(arguments.waveform, keep=SimulationError) as waveform,
          console.progress(arguments.engine, len(frames), " frames") as progress):
        checked = check(plan, frames, labels, engine=arguments.engine, stall=stall,
                        waveform=waveform, progress=progress)
    text = simulation_text(checked)
    console.result(checked.values, f"{clipped(graph.name)} on {printable(dataset.name)}\n\n{text}")
    for line in simulation_warnings(checked):
        console.warn(line)
    return 1 if checked.mismatches else 0
