# amaranth: UnusedElaboratable=no
"""Steps of the demo, from a trained network to a bitstream, with explanations for newcomers."""

import shlex
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any

from xnorloom.errors import ToolError
from xnorloom.folding import automatic
from xnorloom.folding.summary import schedule_values
from xnorloom.gateware.network import Network
from xnorloom.graph.summary import graph_text, graph_values
from xnorloom.loading import load
from xnorloom.schedule import Plan
from xnorloom.support.extras import install_hint
from xnorloom.support.staging import staged
from xnorloom.support.text import printable
from xnorloom_sim import data
from xnorloom_sim.check import Check, check
from xnorloom_sim.data import Dataset
from xnorloom_sim.data.frames import frames_of

from ...console import Console
from ...tables.schedule import schedule_text
from ...tables.simulation import simulation_text, simulation_warnings
from ..compile import write_core
from . import board as demo_board
from . import picture

__all__ = ["show"]

MODEL = "tfc"
# Images for Amaranth's simulator, which takes about a second for them.
_FEW = 5
CLOCK = 50_000_000
PICTURE = "digits.png"


def show(out: str, console: Console) -> int:
    """Show every step, write its files to the directory ``out``, and return the exit status."""
    # The files move to their place at the end, but an unusable directory is reported at once.
    with staged(out) as staging:
        values, status = _show(Path(out), staging, console)
    _next(Path(out), values["board"], console)
    console.result(values)
    return status


def _show(out: Path, staging: Path, console: Console) -> tuple[dict[str, Any], int]:
    graph = load(MODEL)
    plan = automatic(graph).bind(graph)
    dataset = data.bundled()
    assert dataset.labels is not None
    console.say(_filled("""
        Six steps, from a trained network to a bitstream. The first time they take some minutes,
        most of them for compiling a simulation and for place and route; after that a minute."""))
    _say(console, 1, "A trained network", f"""
        {MODEL.upper()} was trained to recognise handwritten digits (the MNIST images). Each of its
        weights and activations is a single bit that stands for +1 or -1: multiplying two of them
        takes one XNOR gate, and adding up the products means counting ones. A neuron outputs 1 if
        its count reaches its threshold. The last layer counts without a threshold; the class with
        the highest score is the digit.""")
    console.say(graph_text(graph))

    _say(console, 2, "A schedule", f"""
        A small FPGA cannot use all {graph.synapses:,} weights at once. The schedule says how many
        each layer uses: PE neurons, and SIMD inputs of each, so PE x SIMD lanes (XNOR gates), for
        as many clock cycles as the layer needs. All layers work at the same time, each on another
        image, so the slowest layer sets the speed. The weights are in block RAM (block), in
        look-up tables (lut) or in the wiring itself (wired); depth is the number of weights per
        lane, and buffer the kind of memory that holds the input of a layer.""")
    console.say(schedule_text(plan))

    runs = _simulate(plan, dataset, console)
    last, simulation = runs[-1], runs[-1].simulation
    _conclude(plan, runs, console)

    names = _verilog(plan, out, staging, console)
    frames = frames_of(graph, dataset)[:last.frames]
    labels = dataset.labels[:last.frames]
    assert simulation.scores is not None
    title = (f"{MODEL.upper()}: {last.correct} of {last.frames} digits read right "
             f"({100 * last.values['accuracy']:.1f} %)")
    _say(console, 5, "A picture", "")
    try:
        chosen = picture.choose(simulation.classes, labels)
        picture.draw(staging / PICTURE, title, frames[chosen].reshape(-1, *graph.input.shape),
                     labels[chosen], simulation.classes[chosen], simulation.scores[chosen])
        names.append(PICTURE)
        console.say(f"{printable(out / PICTURE)} shows {len(chosen)} of the digits, each with "
                    f"the class and the scores that the gateware gave.")
    except ImportError as error:
        package = (error.name or "matplotlib").partition(".")[0]
        console.say(f"Left out: {package} is not installed. Try: {install_hint('plot')}")
    _say(console, 6, "A bitstream", """
        The core with a serial port, synthesised, placed and routed for an iCEBreaker, a small open
        board; xnorloom flash writes it into the FPGA. To save time, the core is a small and slow
        one; the first build takes some minutes all the same.""")
    board = demo_board.bitstream(graph, staging, console)
    if board is not None:
        names += board["files"]
        console.say("\n" + "\n".join(f"wrote {printable(out / name)}" for name in board["files"]))
    result = {"model": graph_values(graph), "schedule": schedule_values(plan),
              "simulations": [entry.values for entry in runs], "clock_hz": CLOCK,
              "frames_per_second": plan.frames_per_second(CLOCK),
              "board": board, "directory": str(out), "files": [str(out / name) for name in names]}
    return result, 1 if any(entry.mismatches for entry in runs) else 0


def _simulate(plan: Plan, dataset: Dataset, console: Console) -> list[Check]:
    _say(console, 3, "The gateware, simulated cycle by cycle", f"""
        Graph and schedule determine the gateware: the circuit, described in Amaranth. Real images
        now go through it, one word per clock cycle, and every class and score is compared with the
        golden model, which computes the network in numpy and shares no code with the circuit.
        First {_FEW} images in Amaranth's own simulator, which needs no other program but is slow;
        then all {len(dataset)} in a compiled simulation of the Verilog (Verilator and a C++
        compiler; compiling takes a while the first time).""")
    frames, labels = frames_of(plan.graph, dataset), dataset.labels
    assert labels is not None
    runs: list[Check] = []
    for engine, count in (("amaranth", _FEW), ("compiled", len(dataset))):
        try:
            if engine == "compiled":
                # Otherwise the bar of the images would stand still meanwhile.
                with console.waiting("compiling the simulation"):
                    check(plan, frames[:1], engine=engine)
            with console.progress(f"{engine:<8}", count, " images", always=True) as progress:
                runs.append(check(plan, frames[:count], labels[:count], engine=engine,
                                  progress=progress))
        except ToolError as error:
            if engine == "amaranth":
                raise
            console.say(f"The compiled simulation is left out: {error}")
    read, meant = (" ".join(map(str, classes[:_FEW]))
                   for classes in (runs[-1].simulation.classes, labels))
    said = f"The first {_FEW} images, as the gateware reads them: "
    console.say(f"\n{said}{read}")
    console.say(f"{'As they were meant:':<{len(said)}}{meant}\n")
    console.say(simulation_text(runs[-1]))
    return runs


def _conclude(plan: Plan, runs: list[Check], console: Console) -> None:
    network, count = Network(plan), runs[-1].frames
    console.say()
    if runs[-1].mismatches:
        console.say("The gateware DIFFERS from the golden model: this is a bug, please report it.")
    else:
        console.say(_filled(f"""
            The gateware agrees with the golden model on all {count:,} images: {count:,} classes
            and {count * plan.graph.classes:,} scores, bit for bit. Whether a digit is read right or
            wrong, the circuit does exactly what the network does."""))
    console.say()
    console.say(_filled(f"""
        A result comes every {network.interval:,} cycles (the interval), {network.latency:,} cycles
        after the first word of its image (the latency). At a clock of {CLOCK // 10**6} MHz that
        would be {CLOCK:,} / {network.interval:,} = {CLOCK // network.interval:,} images per second,
        each answered within {network.latency / CLOCK * 1e6:.1f} microseconds. This is arithmetic:
        place and route decides which clock an FPGA reaches."""))
    for line in dict.fromkeys(line for entry in runs
                              for line in simulation_warnings(entry)):
        console.warn(line)


def _verilog(plan: Plan, out: Path, staging: Path, console: Console) -> list[str]:
    _say(console, 4, "Verilog", """
        The same gateware as files for any FPGA project, with a manifest of ports, packing and
        timing, and the schedule, which you can edit and pass to compile.""")
    names = write_core(Network(plan, scores=True), staging)
    for name in names:
        content = (staging / name).read_bytes()
        lines = len(content.splitlines())
        console.say(f"{printable(out / name)}  ({lines:,} lines, {len(content):,} bytes)")
    return names


def _next(out: Path, board: dict[str, Any] | None, console: Console) -> None:
    def file(name: str) -> str:
        return printable(shlex.quote(str(out / name)))

    # `make demo` calls it in a virtual environment that is not on the search path.
    program = "xnorloom"
    if shutil.which(program) is None and Path(sys.argv[0]).name == program:
        program = printable(shlex.quote(sys.argv[0]))
    commands = [
        (f"{program} serve tfc", "draw digits in the browser, and see the network at work"),
        (f"{program} run tfc --board sim --data mnist:bundled",
         "digits through a simulated board"),
        (f"{program} explore tfc --board icebreaker,ulx3s_25f",
         "what more frames per second cost on two boards"),
        (f"{program} build tfc --board {demo_board.BOARD}",
         "a bitstream as fast as the chip allows"),
        (f"{program} import net.onnx --input u8/255 -o net.bnn", "a network of your own"),
        (f"{program} compile tfc -o build --fold {file('schedule.json')}",
         "a schedule that you edited"),
        (f"{program} simulate tfc --data mnist:test", "all 10,000 test images"),
        (f"{program} --help", "everything else")]
    if board is not None:
        commands[3:3] = [
            (f"{program} flash --board {demo_board.BOARD} {file(board['files'][0])}",
             "the bitstream of the demo into a board"),
            (f"{program} run tfc --board {demo_board.BOARD} --data mnist:bundled",
             "digits through a board that has it")]
    console.say("\nWhat to type next\n")
    for command, what in commands:
        console.say(f"  # {what}\n  {command}")


def _say(console: Console, number: int, title: str, text: str) -> None:
    heading = f"{number}. {title}"
    console.say(f"\n{heading}\n{'=' * len(heading)}\n")
    if text:
        console.say(_filled(text) + "\n")


def _filled(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), width=80)
