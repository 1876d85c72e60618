"""``xnorloom serve``: a local page in the browser, answered by the gateware."""

import contextlib
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from xnorloom.errors import XnorloomError
from xnorloom.graph import Graph
from xnorloom.graph.pixels import pixels_fit
from xnorloom.support.extras import install_hint
from xnorloom.support.text import clipped, count, printable, quoted

from ..boards import SIM, SimBoard, find
from ..console import Console
from ..inputs import check_data, load, load_data, make_schedule
from ..parser import DATA, add_board, add_connection, add_data_options, add_model, add_schedule
from ..types import OneOf, integer, path
from ..weights_bar import WeightsBar

if TYPE_CHECKING:
    from ..serve.examples import Examples
    from ..serve.responders import Responder

__all__ = ["DESCRIPTION", "EXAMPLES", "HELP", "add_arguments", "run"]

HELP = "draw a digit in the browser and see the network at work"
DESCRIPTION = (
    "Serve a page for the browser of this machine: draw an input or drag in a picture, and see "
    "what the network receives, its scores, the activations of every layer, and the cycles in "
    "which each layer worked, from a simulation of the gateware that is compiled at the start. "
    "Every answer is compared with the golden model. Ctrl-C ends the server.")
EXAMPLES = [
    "xnorloom serve tfc",
    "xnorloom serve mnist-cnn --data mnist:test --port-number 8080",
    "xnorloom serve net.onnx --input u8/255 --data mine.npz --interval 98",
    "xnorloom serve tfc --board icebreaker --port /dev/ttyUSB1"]

_ENGINES = ("compiled", "golden")
_HOST, _PORT, _AUTO = "127.0.0.1", 8000, "auto"
# Images for models of this shape, without a download.
_DATA, _SHAPE = "mnist:bundled", (28, 28)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``serve``."""
    add_model(parser)
    parser.add_argument("--data", type=path, metavar="DATA",
                        help=f"images to step through; default: {_DATA} for inputs of 28 x 28 "
                             f"pixels; {DATA}")
    add_data_options(parser)
    parser.add_argument(
        "--engine", type=OneOf(_ENGINES), metavar="ENGINE",
        help=f"{_ENGINES[0]} (Verilator; default), or {_ENGINES[1]} (no gateware, needs no other "
             f"program)")
    group = parser.add_argument_group("board", "answers in place of a simulation")
    add_board(group, simulated=True, required=False)
    add_connection(group, required=False)
    group = parser.add_argument_group("server")
    group.add_argument("--port-number", type=_port, default=_PORT, metavar="N",
                       help="TCP port of the page, 0 for any free one (default: %(default)s)")
    group.add_argument("--host", type=path, default=_HOST, metavar="HOST",
                       help="address to listen on (default: %(default)s, this machine only); the "
                            "page has no password, and 0.0.0.0 shows it to the whole network")
    add_schedule(parser)


def _port(text: str) -> int:
    return integer(text, 0, 65535, ranged=True)


def run(arguments: Namespace, console: Console) -> int:
    """Serve the page until Ctrl-C."""
    _check_extra()
    from ..serve import server
    from ..serve.app import make_app
    from ..serve.forms import check_input
    from ..serve.values import model_values

    _check_responder(arguments)
    graph = load(arguments, console).graph
    if arguments.data is None and pixels_fit(graph.input, _SHAPE):
        arguments.data = _DATA
    check_data(arguments)
    check_input(graph, arguments.data is not None)
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(server.listen(arguments.host, arguments.port_number))
        examples = None if arguments.data is None else _examples(graph, arguments, console)
        responder = _responder(graph, arguments, console, stack)
        app = make_app(responder, examples, name=arguments.host)
        if not server.is_loopback(listening):
            console.warn(f"every machine that reaches {arguments.host} can use the page, which "
                         f"has no password")
        url = server.url(listening, arguments.host)
        values = {"url": url, **model_values(responder, examples)}
        console.result(values, f"{clipped(graph.name)}: {url}\nCtrl-C ends the server.")
        server.serve(app, listening)
    return 0


def _check_extra() -> None:
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise XnorloomError(f"serve needs starlette and uvicorn, which are not installed: "
                            f"{install_hint('serve')}") from error


def _check_responder(arguments: Namespace) -> None:
    """Check the options of the board and of the schedule."""
    chosen = arguments.board
    if chosen is None:
        for name in ("link", "port", "baud"):
            if getattr(arguments, name) is not None:
                raise XnorloomError(f"argument --{name}: only allowed with --board")
        return
    if arguments.engine is not None:
        raise XnorloomError("argument --engine: not allowed with --board, whose gateware answers")
    if arguments.port is not None and not arguments.port.isprintable():
        raise XnorloomError(f"argument --port: must be a printable name, not "
                            f"{quoted(arguments.port)}")
    for name in ("interval", "style"):
        if chosen != SIM and getattr(arguments, name) is not None:
            raise XnorloomError(f"argument --{name}: not allowed with --board "
                                f"{printable(chosen)}, whose bitstream has its schedule; --fold "
                                f"may name the file of it")


def _responder(graph: Graph, arguments: Namespace, console: Console,
               stack: contextlib.ExitStack) -> "Responder":
    """Compile the simulation, or open the board until ``stack`` ends."""
    from xnorloom.gateware.network import Network
    from xnorloom_boards.link.kind import LinkKind

    from ..serve.responders import BoardNetwork, SimulatedNetwork

    if arguments.board is None:
        engine = arguments.engine or _ENGINES[0]
        plan = make_schedule(graph, arguments).bind(graph)
        if engine == "golden":
            return SimulatedNetwork(plan, engine)
        with console.waiting(f"{clipped(graph.name, 40)}: compiling the simulation"):
            return SimulatedNetwork(plan, engine)
    schedule = None
    if arguments.board == SIM or arguments.fold is not None:
        schedule = make_schedule(graph, arguments)
    chosen = arguments.board
    board = SimBoard(schedule=schedule) if chosen == SIM else find(chosen)
    if arguments.link is not None:
        board = board.with_link(LinkKind(arguments.link))
    bar = stack.enter_context(contextlib.closing(WeightsBar(console)))
    with console.waiting(f"{clipped(graph.name, 40)}: opening {board.title}"):
        connection = stack.enter_context(
            board.open(arguments.port or _AUTO, graph, baud=arguments.baud, loading=bar))
    network = None if schedule is None else Network(schedule.bind(graph))
    title = board.title if chosen == SIM else f"the board {board.title}"
    return BoardNetwork(graph, connection, title, network)


def _examples(graph: Graph, arguments: Namespace, console: Console) -> "Examples":
    from ..serve.examples import Examples

    dataset = load_data(graph, arguments, console)
    with console.progress(dataset.name, len(dataset.images), " images") as progress:
        examples = Examples(graph, dataset, arguments.limit, progress)
    if examples.wrong is not None:
        right = len(examples) - len(examples.wrong)
        console.say(f"{clipped(graph.name)} reads {right:,} of {count(len(examples), 'image')} of "
                    f"{printable(dataset.name)} right")
        if 2 * right < len(examples):
            console.warn(f"{clipped(graph.name)} reads most images of {printable(dataset.name)} "
                         f"wrong; --data names those that it was trained for")
    return examples
