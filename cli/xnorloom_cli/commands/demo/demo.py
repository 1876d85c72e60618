# amaranth: UnusedElaboratable=no
"""``xnorloom demo``: the whole way from a trained network to a bitstream, told to a newcomer."""

import shlex
import shutil
import sys
import textwrap
from argparse import Namespace
from pathlib import Path
from typing import Any

from xnorloom.errors import ToolError
from xnorloom.folding import automatic
from xnorloom.gateware.network import Network
from xnorloom.graph import Graph
from xnorloom.schedule import Schedule
from xnorloom.support.staging import staged

from ... import inputs
from ...console import Console
from ...inputs import frames_of
from ...tables.model import model_text, model_values, schedule_text, schedule_values
from .. import compile
from ..simulate import checked, checked_text, warn_of
from . import board as demo_board
from . import picture

__all__ = ["run"]

MODEL = "tfc"
# Amaranth's simulator takes about a second for these.
_FEW = 5
CLOCK = 50_000_000
PICTURE = "digits.png"


def run(arguments: Namespace, console: Console) -> int:
    """Show everything; returns the exit status, 1 if a frame differs from the golden model."""
    # The files move to their place at the end, but a directory that takes none is told at once.
    with staged(arguments.out) as staging:
        values, status = _show(Path(arguments.out), staging, console)
    _next(arguments.out, console)
    console.result(values)
    return status


def _show(out: Path, staging: Path, console: Console) -> tuple[dict[str, Any], int]:
    from xnorloom_sim import data

    graph = Graph.load(inputs.bundled_models()[MODEL])
    schedule = automatic(graph)
    dataset = data.bundled()
    assert dataset.labels is not None
    _say(console, 1, "A trained network", f"""
        {MODEL.upper()} was trained to recognise handwritten digits (the MNIST images). Each of its
        weights and activations is a single bit that stands for +1 or -1: to multiply two of them
        takes one XNOR gate, and to add the products up means counting ones. A neuron puts out 1
        if its count reaches its threshold. The last layer counts without a threshold; the class
        with the highest score is the digit.""")
    console.say(model_text(graph))

    _say(console, 2, "A schedule", f"""
        On a small FPGA not all {graph.synapses:,} weights can be at work at once. The schedule
        says how many are, for each layer: PE neurons, and SIMD inputs of each, so PE x SIMD lanes
        (XNOR gates), for as many clock cycles as it takes to go through the layer. All layers
        work at the same time, each on another image, so the slowest sets the pace. The weights
        live in RAM blocks (block), in look-up tables (lut) or in the wiring itself (wired); depth
        is how many of them a lane goes through, buffer what keeps the input of a layer for it.""")
    console.say(schedule_text(graph, schedule))

    runs, simulation, first = _simulate(graph, schedule, dataset, console)
    values = runs[-1]
    _conclude(graph, schedule, values, first, console)

    names = _verilog(graph, schedule, out, staging, console)
    frames = frames_of(graph, dataset)[:values["frames"]]
    labels = dataset.labels[:len(frames)]
    title = (f"{MODEL.upper()}: {values['correct']} of {values['frames']} digits read right "
             f"({100 * values['accuracy']:.1f} %)")
    _say(console, 5, "A picture", "")
    try:
        chosen = picture.choose(simulation.classes, labels)
        picture.draw(staging / PICTURE, title, frames[chosen].reshape(-1, *graph.input.shape),
                     labels[chosen], simulation.classes[chosen], simulation.scores[chosen])
        names.append(PICTURE)
        console.say(f"{out / PICTURE} shows {len(chosen)} of the digits, what the gateware read, "
                    f"and its scores.")
    except ImportError as error:
        package = (error.name or "matplotlib").partition(".")[0]
        console.say(f"Left out: {package} is not installed. Try: pip install 'xnorloom[plot]'")
    _say(console, 6, "A bitstream", """
        The core with a serial port, synthesised, placed and routed for an iCEBreaker, a small open
        board: what xnorloom flash would write into its FPGA. For the sake of your time it is a
        small and slow one; the first time it takes some minutes all the same.""")
    board = demo_board.bitstream(graph, staging, console)
    if board is not None:
        names += board["files"]
        console.say("\n" + "\n".join(f"wrote {out / name}" for name in board["files"]))
    result = {"model": model_values(graph), "schedule": schedule_values(graph, schedule),
              "simulations": runs, "clock_hz": CLOCK,
              "frames_per_second": CLOCK / schedule.bind(graph).interval,
              "board": board, "directory": str(out), "files": [str(out / name) for name in names]}
    return result, 1 if any(entry["mismatches"] for entry in runs) else 0


def _simulate(graph: Graph, schedule: Schedule, dataset: Any,
              console: Console) -> tuple[list[dict[str, Any]], Any, str | None]:
    _say(console, 3, "The gateware, simulated cycle by cycle", f"""
        From graph and schedule comes the gateware: the circuit, described in Amaranth. Real images
        now go through it, one word a clock cycle, and every class and score that comes out is
        compared with the golden model, which computes the network in numpy and knows nothing of
        the circuit. First {_FEW} images in Amaranth's own simulator, which needs nothing else but
        is slow; then all {len(dataset)} in a compiled simulation of the Verilog (Verilator and a
        C++ compiler; the first time it takes a while to compile).""")
    frames = frames_of(graph, dataset)
    runs: list[dict[str, Any]] = []
    simulation = first = None
    wrote = " ".join(map(str, dataset.labels[:_FEW]))
    for engine, count in (("amaranth", _FEW), ("compiled", len(dataset))):
        try:
            with console.progress(f"{engine:<8}", count, " images", always=True) as progress:
                values, simulation, difference = checked(
                    graph, schedule, frames[:count], dataset.labels[:count], engine=engine,
                    progress=progress)
        except ToolError as error:
            if engine == "amaranth":
                raise
            console.say(f"The compiled simulation is left out: {error}")
            continue
        runs.append(values)
        first = first or difference
    read = " ".join(map(str, simulation.classes[:_FEW])) if simulation is not None else ""
    said = f"The first {_FEW} images, as the gateware reads them: "
    console.say(f"\n{said}{read}")
    console.say(f"{'As they were meant:':<{len(said)}}{wrote}\n")
    console.say(checked_text(graph, schedule, runs[-1]))
    return runs, simulation, first


def _conclude(graph: Graph, schedule: Schedule, values: dict[str, Any], first: str | None,
              console: Console) -> None:
    times = Network(schedule.bind(graph))
    count = values["frames"]
    console.say()
    if values["mismatches"]:
        console.say("The gateware DIFFERS from the golden model: this is a bug, please report it.")
    else:
        console.say(_filled(f"""
            The gateware agrees with the golden model on all {count:,} images: {count:,} classes
            and {count * graph.classes:,} scores, bit for bit. Right or wrong about a digit, the
            circuit does exactly what the network does."""))
    console.say()
    console.say(_filled(f"""
        A result comes every {times.interval:,} cycles (the interval), {times.latency:,} cycles
        after the image began to come in (the latency). At a clock of {CLOCK // 10**6} MHz that
        would be {CLOCK:,} / {times.interval:,} = {CLOCK // times.interval:,} images a second, each
        answered within {times.latency / CLOCK * 1e6:.1f} microseconds. This is arithmetic: which
        clock an FPGA reaches is for place and route to say."""))
    warn_of(graph, schedule, values, first, console)


def _verilog(graph: Graph, schedule: Schedule, out: Path, staging: Path,
             console: Console) -> list[str]:
    _say(console, 4, "Verilog", """
        The same gateware as files for any FPGA project, with a manifest that tells ports, packing
        and timing, and the schedule, to be edited and given back.""")
    names = compile.write(graph, schedule, staging, scores=True)
    for name in names:
        content = (staging / name).read_bytes()
        lines = len(content.splitlines())
        console.say(f"{out / name}  ({lines:,} lines, {len(content):,} bytes)")
    return names


def _next(out: str, console: Console) -> None:
    quoted = shlex.quote(str(Path(out) / "schedule.json"))
    # As `make demo` calls it, it lies in a virtual environment that no shell knows of.
    program = "xnorloom"
    if shutil.which(program) is None and Path(sys.argv[0]).name == program:
        program = shlex.quote(sys.argv[0])
    commands = [
        (f"{program} build tfc --board icebreaker", "a bitstream as fast as the chip allows"),
        (f"{program} run tfc --board icebreaker --port PORT --data mnist:bundled",
         "digits through a board that has it"),
        (f"{program} import net.onnx --input u8/255 -o net.bnn", "a network of your own"),
        (f"{program} compile tfc -o build --fold {quoted}", "a schedule that you edited"),
        (f"{program} simulate tfc --data mnist:test", "all 10,000 test images"),
        (f"{program} --help", "everything else")]
    width = max(len(command) for command, _ in commands)
    console.say("\nWhat to type next\n")
    for command, what in commands:
        console.say(f"  {command:<{width}}  # {what}")


def _say(console: Console, number: int, title: str, text: str) -> None:
    heading = f"{number}. {title}"
    console.say(f"\n{heading}\n{'=' * len(heading)}\n")
    if text:
        console.say(_filled(text) + "\n")


def _filled(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), width=88)
