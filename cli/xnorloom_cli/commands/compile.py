"""``xnorloom compile``: Verilog, manifest and schedule of a model."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from xnorloom.errors import XnorloomError
from xnorloom.schedule import Plan
from xnorloom.support.text import clipped, printable

from ..console import Console
from ..inputs import load, make_schedule
from ..parser import add_model, add_schedule
from ..types import directory

__all__ = ["DESCRIPTION", "EXAMPLES", "HELP", "add_arguments", "run", "write_core"]

HELP = "write the Verilog of a model"
DESCRIPTION = (
    "Write the Verilog of a model, a manifest of its ports, packing and timing, and its schedule. "
    "If the command fails, it leaves no files.")
EXAMPLES = [
    "xnorloom compile tfc -o build", "xnorloom compile tfc -o build --interval 98",
    "xnorloom compile tfc -o build --fold build/schedule.json",
    "xnorloom compile tfc -o build --name digits",
    "xnorloom compile net.onnx --input u8/255 -o build"]


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``compile``."""
    add_model(parser)
    parser.add_argument("-o", "--output", type=directory, metavar="DIR", required=True,
                        help="directory for the files; created if it is missing")
    parser.add_argument("--name", metavar="NAME",
                        help="name of the Verilog module and its file; default: bnn_ and the name "
                             "of the model")
    parser.add_argument("--scores", action="store_true",
                        help="output the scores of all classes beside the class")
    add_schedule(parser)


def run(arguments: Namespace, console: Console) -> int:
    """Write the files of the core."""
    from xnorloom.folding.summary import schedule_values
    from xnorloom.support.staging import staged

    from ..tables.schedule import schedule_text

    _check_name(arguments.name)
    graph = load(arguments, console).graph
    plan = make_schedule(graph, arguments).bind(graph)
    lanes = sum(entry.fold.lanes for entry in plan.layers)
    with staged(arguments.output) as staging:
        # Tens of thousands of lanes take a minute.
        console.note(f"writing the Verilog of {lanes:,} lanes ...")
        names = write_core(plan, staging, scores=arguments.scores, name=arguments.name)
    paths = [Path(arguments.output) / name for name in names]
    values = {"name": graph.name, "digest": graph.digest, "directory": arguments.output,
              "files": [str(path) for path in paths], **schedule_values(plan)}
    console.result(values, "\n".join([
        f"{clipped(graph.name)}: {graph.synapses:,} synapses",
        "",
        schedule_text(plan),
        "",
        *(f"wrote {printable(path)}" for path in paths),
        "",
        f"To choose PE, SIMD and style yourself, edit {printable(paths[-1])} and pass it with "
        f"--fold."]))
    return 0


def write_core(plan: Plan, directory: Path, *, scores: bool,
               name: str | None = None) -> list[str]:
    """Write Verilog and manifest of ``plan``, then its schedule; return the names of the files.

    ``name`` is the name of the module, by default that of the model after ``bnn_``.
    """
    from xnorloom.export import verilog
    from xnorloom.gateware.network import Network

    paths = verilog.write(Network(plan, scores=scores), directory, name)
    plan.schedule.save(directory / "schedule.json", plan.graph)
    return [*(path.name for path in paths), "schedule.json"]


def _check_name(name: str | None) -> None:
    from xnorloom.export.names import check_name

    try:
        if name is not None:
            check_name(name)
    except ValueError as error:
        raise XnorloomError(f"argument --name: {error}") from error
