"""``xnorloom compile``: Verilog, manifest and schedule of a model, in a directory."""

from argparse import Namespace
from pathlib import Path

from xnorloom.errors import XnorloomError
from xnorloom.graph import Graph
from xnorloom.schedule import Schedule
from xnorloom.support.staging import staged

from ..console import Console
from ..inputs import load, make_schedule
from ..tables.model import schedule_text, schedule_values

__all__ = ["run", "write"]


def write(graph: Graph, schedule: Schedule, directory: Path, *, scores: bool,
          name: str | None = None) -> list[str]:
    """Write the gateware of ``graph`` and last its schedule; returns the names of the files.

    ``name`` is that of the module, if not the one it gets by itself.
    """
    from xnorloom.export import verilog
    from xnorloom.gateware.network import Network

    paths = verilog.write(Network(schedule.bind(graph), scores=scores), directory, name)
    schedule.save(directory / "schedule.json", graph)
    return [*(path.name for path in paths), "schedule.json"]


def run(arguments: Namespace, console: Console) -> int:
    """Compile a model; returns the exit status."""
    _check_name(arguments.name)
    graph = load(arguments, console).graph
    schedule = make_schedule(graph, arguments)
    lanes = sum(fold.lanes for fold in schedule.folds)
    with staged(arguments.output) as staging:
        # Tens of thousands of lanes take a minute; nobody should wonder what the silence is.
        console.note(f"writing the Verilog of {lanes:,} lanes ...")
        names = write(graph, schedule, staging, scores=arguments.scores, name=arguments.name)
    paths = [Path(arguments.output) / name for name in names]
    values = {"name": graph.name, "digest": graph.digest, "directory": arguments.output,
              "files": [str(path) for path in paths], **schedule_values(graph, schedule)}
    console.result(values, "\n".join([
        f"{graph.name}: {graph.synapses:,} synapses",
        "",
        schedule_text(graph, schedule),
        "",
        *(f"wrote {path}" for path in paths),
        "",
        f"Edit {paths[-1]} and give it back with --fold to choose PE, SIMD and style by hand."]))
    return 0


def _check_name(name: str | None) -> None:
    from xnorloom.export.manifest import check_name

    try:
        if name is not None:
            check_name(name)
    except ValueError as error:
        raise XnorloomError(f"argument --name: {error}") from error
