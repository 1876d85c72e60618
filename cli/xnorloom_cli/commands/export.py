"""``xnorloom export``: an ONNX file of the integer graph of a model."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from xnorloom.errors import XnorloomError
from xnorloom.graph.input import PIXEL_BITS
from xnorloom.support.text import clipped, printable, quoted

from ..console import Console
from ..inputs import load
from ..parser import add_model
from ..types import path

__all__ = ["DESCRIPTION", "EXAMPLES", "HELP", "add_arguments", "run"]

HELP = "write a model as ONNX"
DESCRIPTION = (
    "Write the integer graph of a model as an ONNX file of plain operators, for Netron, ONNX "
    "Runtime and other programs. Its input has the elements of the graph, its outputs are the "
    "scores, equal to those of the gateware, and the class.")
EXAMPLES = ["xnorloom export tfc -o tfc.onnx",
            "xnorloom export larq.h5 --input u8/127.5-1 -o larq.onnx"]
_SUFFIX = ".onnx"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``export``."""
    add_model(parser)
    parser.add_argument("-o", "--output", type=path, metavar="FILE.onnx", required=True,
                        help="ONNX file to write")


def run(arguments: Namespace, console: Console) -> int:
    """Write the file."""
    from xnorloom.export.onnx_model import write_onnx
    from xnorloom.support.staging import check_destination

    output = arguments.output
    if Path(output).suffix.lower() != _SUFFIX:
        raise XnorloomError(f"argument --output: must name an ONNX file, such as "
                            f"{printable(Path(output).stem)}{_SUFFIX}, not {quoted(output)}")
    check_destination(output)
    graph = load(arguments, console).graph
    write_onnx(graph, output)
    bits, cuts = graph.input.bits, graph.input.thermometer is not None
    # A thermometer is a part of the model, which takes pixels.
    sides, bits = graph.input.pixel_shape, PIXEL_BITS if cuts else bits
    values = {"name": graph.name, "digest": graph.digest, "file": output,
              "input": {"shape": list(sides), "bits": bits}}
    shape = " x ".join(map(str, sides))
    console.result(values, f"{clipped(graph.name)}: {'pixels' if cuts else 'elements'} of {shape} "
                           f"in 0 to {(1 << bits) - 1}, scores and class of {graph.classes:,} "
                           f"classes\n\nwrote {printable(output)}")
    return 0
