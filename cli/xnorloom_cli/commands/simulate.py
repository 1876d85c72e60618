"""``xnorloom simulate``: images through simulated gateware, checked against the golden model."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING

from xnorloom.errors import XnorloomError
from xnorloom.support.extras import install_hint
from xnorloom.support.text import clipped, count, printable, quoted

from ..console import Console
from ..inputs import check_data, load, load_frames, make_schedule
from ..parser import add_data, add_model, add_schedule
from ..tables.images import answers_text, answers_values
from ..types import OneOf, natural, path

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from xnorloom_sim.check import Check
    from xnorloom_sim.data import Dataset

__all__ = ["DESCRIPTION", "EXAMPLES", "HELP", "add_arguments", "run"]

HELP = "run images through the gateware and check every result"
DESCRIPTION = (
    "Run images through a simulation of the gateware, cycle by cycle, and compare the class and "
    "all scores of each image with the golden model. Exit status 1 if any differs.")
EXAMPLES = [
    "xnorloom simulate tfc --data mnist:bundled",
    "xnorloom simulate models/sfc.bnn --data mnist:test --limit 1000",
    "xnorloom simulate net.onnx --input u8/255 --data mnist:test",
    "xnorloom simulate tfc --data digits/ --resize --invert",
    "xnorloom simulate net.bnn --data mnist:bundled --show 3 --out three.png",
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
    parser.add_argument("--show", type=natural, metavar="N",
                        help="draw frame N, counted from 0: the input, the activations of every "
                             "layer as they left it in the simulation (feature maps of a "
                             "convolution as tiles), and the scores; needs matplotlib")
    parser.add_argument("--out", type=path, metavar="FILE.png",
                        help="file of the picture; default: frameN.png")
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
    if arguments.out is not None and arguments.show is None:
        raise XnorloomError("argument --out: only allowed with --show, which draws the picture")
    if arguments.show is not None:
        _check_matplotlib()
    check_data(arguments)
    graph = load(arguments, console).graph
    plan = make_schedule(graph, arguments).bind(graph)
    dataset, frames, labels = load_frames(graph, arguments, console)
    if dataset.images.any() and not frames.any():
        rule = (f"an input of {count(graph.input.bits, 'bit')} takes the top bits of 8-bit pixels"
                if graph.input.thermometer is None else
                f"the smallest cut of the input is {min(map(min, graph.input.thermometer))}")
        console.warn(f"every pixel of data {printable(dataset.name)} becomes 0: {rule}, "
                     f"and the largest pixel is {dataset.images.max()}")
    out = _picture_file(arguments, dataset, len(frames))
    stall = Stall(i=arguments.stall, o=arguments.stall) if arguments.stall else None
    # A failed run needs its waveform most.
    with (staged_file(arguments.waveform, keep=SimulationError) as waveform,
          staged_file(out) as picture):
        with console.progress(arguments.engine, len(frames), " frames") as progress:
            checked = check(plan, frames, labels, engine=arguments.engine, stall=stall,
                            waveform=waveform, progress=progress, probes=out is not None)
        differences = [] if picture is None else _draw(picture, arguments, checked, dataset,
                                                       frames, labels)
    values = {**checked.values, **answers_values(dataset, checked.simulation.classes)}
    text = simulation_text(checked) + answers_text(values)
    if out is not None:
        values["picture"] = out
        text += f"\n\nwrote {printable(out)}"
    console.result(values, f"{clipped(graph.name)} on {printable(dataset.name)}\n\n{text}")
    for line in simulation_warnings(checked) + differences:
        console.warn(line)
    return 1 if checked.mismatches or differences else 0


def _check_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise XnorloomError(f"argument --show needs matplotlib, which is not installed: "
                            f"{install_hint('plot')}") from error


def _picture_file(arguments: Namespace, dataset: "Dataset", frames: int) -> str | None:
    """Return the file of the picture, or ``None`` without ``--show``."""
    show = arguments.show
    if show is None:
        return None
    if show >= frames:
        raise XnorloomError(
            f"argument --show: must be a frame in 0 to {frames - 1}, since "
            f"{count(frames, 'frame')} of {printable(dataset.name)} "
            f"{'is' if frames == 1 else 'are'} simulated, not {show}")
    return arguments.out or f"frame{show}.png"


def _draw(path: str, arguments: Namespace, checked: "Check", dataset: "Dataset",
          frames: "npt.NDArray[np.unsignedinteger]",
          labels: "npt.NDArray[np.integer] | None") -> list[str]:
    """Draw the frame of ``--show``. Returns the layers that differ from the golden model in it."""
    import warnings
    from pathlib import Path

    from xnorloom_sim import golden

    from ..feature_maps.picture import Shown, draw

    graph, simulation, show = checked.plan.graph, checked.simulation, arguments.show
    assert simulation.activations is not None and simulation.scores is not None
    shown = Shown(
        f"{clipped(graph.name, 40)} on {clipped(dataset.name, 40)}, frame {show}",
        frames[show].reshape(-1), [values[show] for values in simulation.activations],
        simulation.scores[show], int(simulation.classes[show]),
        None if labels is None else int(labels[show]))
    with warnings.catch_warnings():
        # Matplotlib's font lacks letters of some languages, and draws boxes.
        warnings.filterwarnings("ignore", "Glyph ")
        draw(Path(path), graph, shown)
    wanted = golden.evaluate(graph, frames[show:show + 1]).activations
    return [f"layer {quoted(layer.name)} of frame {show}: {int((seen != right[0]).sum())} of "
            f"{seen.size:,} activations differ from the golden model"
            for layer, seen, right in zip(graph.layers, shown.activations, wanted)
            if (seen != right[0]).any()]
