"""``xnorloom verify``: every step from the source model to the gateware, compared."""

import contextlib
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING

from xnorloom.errors import DataError, MissingToolError
from xnorloom.graph import Graph
from xnorloom.support.text import clipped, count, printable, quoted

from ..console import Console
from ..inputs import check_data, load, load_data, make_schedule
from ..parser import DATA, add_data_options, add_model, add_schedule
from ..types import natural, path, positive

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from xnorloom.lowering.lower import Lowered
    from xnorloom.schedule import Schedule
    from xnorloom_sim.verification import Verification

__all__ = ["DESCRIPTION", "EXAMPLES", "HELP", "add_arguments", "run"]

HELP = "compare every step from the source model to the gateware"
DESCRIPTION = (
    "Compare, layer by layer and frame by frame, the source model in its own runtime, the integer "
    "graph, the bit-packed golden model, Amaranth's simulation and the compiled simulation of the "
    "Verilog. The first difference is named. Frames that differ only by the rounding of the source "
    "are counted apart, and a step whose programs are not installed is left out. Exit status 1 if "
    "a step differs, or if nothing was compared.")
EXAMPLES = [
    "xnorloom verify net.onnx --input u8/255 --data mnist:test",
    "xnorloom verify tfc --random 1000", "xnorloom verify tfc --skip amaranth,compiled"]

# Steps that may be skipped; the integer graph is their reference.
_STEPS = ("source", "packed", "amaranth", "compiled")
# Random frames unless their number is given: fewer where the gateware would take more cycles than
# this, which the compiled simulation runs in a few minutes.
_RANDOM = 1000
_FEWEST = 10
_CYCLES = 8_000_000


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``verify``."""
    add_model(parser)
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--data", type=path, metavar="DATA", help=f"frames: {DATA}")
    either.add_argument("--random", type=positive, metavar="N",
                        help=f"N frames of random pixels instead of data (default: {_RANDOM}, or "
                             f"fewer, to {_FEWEST}, for a network of many cycles per frame)")
    add_data_options(parser)
    parser.add_argument("--seed", type=natural, metavar="S", default=0,
                        help="seed of the random pixels (default: %(default)s)")
    parser.add_argument(
        "--amaranth-frames", type=positive, metavar="N",
        help="frames for Amaranth's simulation, which is slow (default: 2, or what fits in "
             "100,000 cycles)")
    parser.add_argument(
        "--skip", type=_steps, metavar="STEPS", default=(),
        help=f"steps to skip, with commas between them: {', '.join(_STEPS)}")
    add_schedule(parser)


def _steps(text: str) -> tuple[str, ...]:
    """Steps in a list such as ``amaranth,compiled``."""
    steps = tuple(text.split(","))
    if any(step not in _STEPS for step in steps):
        raise ArgumentTypeError(f"must be of {', '.join(_STEPS)} with commas between them, not "
                                f"{quoted(text)}")
    return steps


def run(arguments: Namespace, console: Console) -> int:
    """Verify a model. Returns 1 if a step differs from the graph, or nothing was compared."""
    from xnorloom_sim import verification
    from xnorloom_sim.runtimes.select import has_runtime
    from xnorloom_sim.verification.frames import elements_of

    from ..tables.verification import verification_text, verification_values, verification_warnings

    check_data(arguments)
    loaded = load(arguments, console)
    graph, lowered = loaded.graph, loaded.lowered
    schedule = make_schedule(graph, arguments)
    pixels, labels, name = _pixels(graph, schedule, arguments, console)
    elements = elements_of(graph, pixels)
    steps = [step for step in verification.STEPS if step not in arguments.skip]
    source, missing = None, {}
    if lowered is not None and "source" in steps:
        path = loaded.path if has_runtime(loaded.path) else None
        try:
            source = verification.SourceModel(lowered, pixels, path)
        except MissingToolError as error:
            missing["source"] = str(error)
    with contextlib.ExitStack() as stack:
        result = verification.verify(graph, elements, source=source, schedule=schedule,
                                     steps=steps, amaranth_frames=arguments.amaranth_frames,
                                     labels=labels, missing=missing,
                                     progress=_Bars(console, stack))
    values = {"name": graph.name, "digest": graph.digest,
              "input": None if lowered is None else lowered.preprocessing,
              "data": name if arguments.data else None,
              "random": None if arguments.data else len(pixels),
              "seed": None if arguments.data else arguments.seed, **verification_values(result),
              "near_ties": _sum(lowered, "near_ties"), "uncertain": _sum(lowered, "uncertain")}
    console.result(values, f"{clipped(graph.name)} on {printable(name)}\n\n"
                           f"{verification_text(result)}")
    if result.equal:
        _keep(graph, schedule, name, result)
    for line in verification_warnings(result, values["near_ties"], values["uncertain"]):
        console.warn(line)
    return 0 if result.equal else 1


def _keep(graph: Graph, schedule: "Schedule", data: str, result: "Verification") -> None:
    """Record a verification, for the report of a build."""
    from xnorloom.graph.verified import keep_record, schedule_digest

    reference, *rows = sorted(result.rows, key=lambda row: row.step != "graph")
    keep_record(graph.digest, schedule_digest(schedule.as_json(graph)), data, reference.frames,
                reference.correct, {row.step: row.frames for row in rows if row.left_out is None})


def _pixels(graph: Graph, schedule: "Schedule", arguments: Namespace, console: Console) -> (
        "tuple[npt.NDArray[np.uint8], npt.NDArray[np.integer] | None, str]"):
    """Frames of 8-bit pixels in the shape of the input, their labels if any, and their name."""
    from xnorloom_sim.data.frames import labels_of, pixels_of
    from xnorloom_sim.verification.frames import random_pixels

    if arguments.data is None:
        most = _CYCLES // schedule.bind(graph).interval
        number = arguments.random or min(_RANDOM, max(_FEWEST, most))
        return (random_pixels(graph.input.pixel_shape, number, arguments.seed), None,
                f"{count(number, 'random frame')}, seed {arguments.seed}")
    dataset = load_data(graph, arguments, console)
    pixels = pixels_of(graph, dataset)[:arguments.limit]
    try:
        labels = labels_of(graph, dataset, arguments.limit)
    except DataError as error:
        # Images of other classes still compare the steps.
        console.warn(f"no accuracy: {error}")
        labels = None
    return pixels, labels, dataset.name


class _Bars:
    """Progress bar of the current step."""

    def __init__(self, console: Console, stack: contextlib.ExitStack):
        self._console, self._stack = console, stack
        self._step: str | None = None

    def __call__(self, step: str, done: int, total: int) -> None:
        if step != self._step:
            self._stack.close()
            self._step = step
            self._move = self._stack.enter_context(self._console.progress(step, total, " frames"))
        self._move(done, total)


def _sum(lowered: "Lowered | None", what: str) -> int | None:
    return None if lowered is None else sum(getattr(report, what) for report in lowered.layers)
