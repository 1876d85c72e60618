"""``xnorloom import``: a model file from a model of another tool."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from xnorloom.errors import XnorloomError
from xnorloom.support.text import printable, quoted

from ..console import Console
from ..inputs import load
from ..parser import add_model
from ..types import path

__all__ = ["DESCRIPTION", "EXAMPLES", "HELP", "add_arguments", "run"]

HELP = "make a model file from a model of another tool"
DESCRIPTION = (
    "Convert a trained network of another tool into an integer graph that equals it on every "
    "input, report the changes to its neurons, and write the graph to a model file. The other "
    "commands accept models of other tools, too.")
EXAMPLES = [
    "xnorloom import net.onnx --input u8/255 -o net.bnn",
    "xnorloom import larq.h5 --input u8/127.5-1 -o larq.bnn",
    "xnorloom import net.onnx --input u8/255 --score-bits 8 -o small.bnn"]


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``import``."""
    add_model(parser)
    parser.add_argument("-o", "--output", type=path, metavar="FILE.bnn", required=True,
                        help="model file to write")


def run(arguments: Namespace, console: Console) -> int:
    """Write the model file."""
    from xnorloom.frontend import file_suffixes
    from xnorloom.support.staging import check_destination

    from ..tables.imported import import_text, import_values

    if Path(arguments.output).suffix.lower() in file_suffixes():
        raise XnorloomError(f"argument --output: must name a model file, such as "
                            f"{printable(Path(arguments.output).stem)}.bnn, not "
                            f"{quoted(arguments.output)}")
    check_destination(arguments.output)
    loaded = load(arguments, console)
    if loaded.lowered is None:
        raise XnorloomError(f"{printable(arguments.model)} must be a model from another tool, but "
                            f"is a model file already")
    loaded.graph.save(arguments.output)
    values = {**import_values(loaded.lowered), "file": arguments.output}
    console.result(values, f"\n{import_text(loaded.lowered)}\n\n"
                           f"wrote {printable(arguments.output)}")
    return 0
