# amaranth: UnusedElaboratable=no
"""``xnorloom compile``: Verilog, manifest and schedule of a model."""

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from xnorloom.errors import XnorloomError
from xnorloom.schedule import Plan
from xnorloom.support.text import clipped, count, printable

from ..console import Console
from ..inputs import load, make_schedule
from ..parser import add_model, add_schedule
from ..types import OneOf, directory, positive

if TYPE_CHECKING:
    from xnorloom.export.interfaces import Core

__all__ = ["DESCRIPTION", "EXAMPLES", "HELP", "add_arguments", "run", "write_core"]

_STREAM, _AXI_STREAM = "stream", "axi-stream"

HELP = "write the Verilog of a model"
DESCRIPTION = (
    "Write the Verilog of a model, a manifest of its ports, packing and timing, and its schedule. "
    "If the command fails, it leaves no files.")
EXAMPLES = [
    "xnorloom compile tfc -o build", "xnorloom compile tfc -o build --interval 98",
    "xnorloom compile tfc -o build --fold build/schedule.json",
    "xnorloom compile tfc -o build --name digits",
    "xnorloom compile tfc -o build --interface axi-stream --tdata-width 32 --fusesoc",
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
    parser.add_argument("--interface", type=OneOf((_STREAM, _AXI_STREAM)), default=_STREAM,
                        metavar="KIND",
                        help="ports of the core: stream (default), or axi-stream, where a frame "
                             "and a result are packets")
    parser.add_argument("--tdata-width", type=positive, metavar="BITS",
                        help="with axi-stream: bits of TDATA on both sides, a multiple of 8; "
                             "default: the fewest bytes for a word, and for a result")
    parser.add_argument("--fusesoc", action="store_true",
                        help="also write a FuseSoC core file")
    add_schedule(parser)


def run(arguments: Namespace, console: Console) -> int:
    """Write the files of the core."""
    from xnorloom.folding.summary import schedule_values
    from xnorloom.support.staging import staged

    from ..tables.schedule import schedule_text

    _check_name(arguments.name)
    _check_interface(arguments)
    graph = load(arguments, console).graph
    schedule, width = make_schedule(graph, arguments), arguments.tdata_width
    if width is not None and arguments.fold is None:
        # A word is no wider than a beat. A schedule file is the user's, and never changed.
        schedule = replace(schedule, input_width=min(schedule.input_width, width))
    plan = schedule.bind(graph)
    core = _core(plan, arguments)
    lanes = sum(entry.fold.lanes for entry in plan.layers)
    with staged(arguments.output) as staging:
        # Tens of thousands of lanes take a minute.
        console.note(f"writing the Verilog of {lanes:,} lanes ...")
        names = write_core(core, staging, name=arguments.name, fusesoc=arguments.fusesoc)
    paths = [Path(arguments.output) / name for name in names]
    values = {"name": graph.name, "digest": graph.digest, "directory": arguments.output,
              "files": [str(path) for path in paths], **schedule_values(plan),
              **_interface_values(core)}
    console.result(values, "\n".join([
        f"{clipped(graph.name)}: {graph.synapses:,} synapses",
        "",
        schedule_text(plan),
        *_interface_lines(core),
        "",
        *(f"wrote {printable(path)}" for path in paths),
        "",
        f"To choose PE, SIMD and style yourself, edit {printable(paths[-1])} and pass it with "
        f"--fold."]))
    return 0


def write_core(core: "Core", directory: Path, *, name: str | None = None,
               fusesoc: bool = False) -> list[str]:
    """Write Verilog and manifest of a core, then its schedule; return the names of the files.

    ``name`` is the name of the module, by default that of the model after ``bnn_``.
    """
    from xnorloom.export import fusesoc as core_file
    from xnorloom.export import verilog

    paths = verilog.write(core, directory, name)
    if fusesoc:
        paths.append(core_file.write(core, directory, name))
    core.plan.schedule.save(directory / "schedule.json", core.graph)
    return [*(path.name for path in paths), "schedule.json"]


def _core(plan: Plan, arguments: Namespace) -> "Core":
    """Return the core with the ports that the arguments name."""
    from xnorloom.gateware.axi_stream import AxiStreamNetwork
    from xnorloom.gateware.network import Network

    network = Network(plan, scores=arguments.scores)
    if arguments.interface == _STREAM:
        return network
    try:
        return AxiStreamNetwork(network, tdata_width=arguments.tdata_width)
    except ValueError as error:
        raise XnorloomError(f"argument --tdata-width: {error}") from error


def _interface_values(core: "Core") -> dict[str, object]:
    """Return the values of a core with AXI-Streams; its latency and interval are its own."""
    from xnorloom.gateware.axi_stream import AxiStreamNetwork

    if not isinstance(core, AxiStreamNetwork):
        return {}
    return {"latency": core.latency, "interval": core.interval, "interface": _AXI_STREAM,
            "tdata_bits": core.tdata_width, "frame_beats": core.frame_beats,
            "result_tdata_bits": core.result_tdata_width, "result_beats": core.result_beats}


def _interface_lines(core: "Core") -> list[str]:
    from xnorloom.gateware.axi_stream import AxiStreamNetwork

    if not isinstance(core, AxiStreamNetwork):
        return []
    return ["",
            f"AXI-Stream: a frame is {count(core.frame_beats, 'beat')} of "
            f"{core.tdata_width} bits, a result {count(core.result_beats, 'beat')} of "
            f"{core.result_tdata_width} bits;",
            f"latency {core.latency:,} cycles from the first beat, interval {core.interval:,}"]


def _check_interface(arguments: Namespace) -> None:
    if arguments.tdata_width is not None and arguments.interface != _AXI_STREAM:
        raise XnorloomError(f"argument --tdata-width: needs --interface {_AXI_STREAM}")


def _check_name(name: str | None) -> None:
    from xnorloom.export.names import check_name

    try:
        if name is not None:
            check_name(name)
    except ValueError as error:
        raise XnorloomError(f"argument --name: {error}") from error
