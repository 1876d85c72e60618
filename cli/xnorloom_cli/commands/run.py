"""``xnorloom run``: images through a network on a board, checked against the golden model."""

import contextlib
import dataclasses
import time
from argparse import ArgumentParser, Namespace
from typing import Any

from xnorloom.errors import XnorloomError
from xnorloom.support.text import clipped, count, printable, quoted

from ..boards import SIM, find
from ..console import Console
from ..inputs import check_data, load, load_frames
from ..parser import add_board, add_connection, add_data, add_model
from ..tables.images import answers_text, answers_values
from ..weights_bar import WeightsBar

__all__ = ["DESCRIPTION", "EXAMPLES", "HELP", "add_arguments", "run"]

HELP = "classify images on a board and check every answer"
DESCRIPTION = (
    "Send images to a board over its serial port and compare each class with the golden model. "
    "The command first checks that the board was built from the same model. Without a board, the "
    "board sim simulates the gateware with its serial link. Exit status 1 if any class differs.")
EXAMPLES = [
    "xnorloom run tfc --board sim --data mnist:bundled",
    "xnorloom run tfc --board sim --data seven.png --resize --invert",
    "xnorloom run tfc --board sim --link spi --data mnist:bundled",
    "xnorloom run tfc --board icebreaker --data mnist:bundled",
    "xnorloom run tfc --board icebreaker --port /dev/ttyUSB1 --data mnist:test --limit 1000"]


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``run``."""
    add_model(parser)
    add_board(parser, simulated=True)
    add_connection(parser)
    add_data(parser)


def run(arguments: Namespace, console: Console) -> int:
    """Classify images on a board. Returns 1 if a class differs from the golden model."""
    from xnorloom_boards.link.kind import LinkKind
    from xnorloom_boards.link.spi_port import is_url
    from xnorloom_sim import golden

    if not arguments.port.isprintable():
        raise XnorloomError(f"argument --port: must be a printable name, not "
                            f"{quoted(arguments.port)}")
    chosen = find(arguments.board, say=lambda text: console.note(f"{text} ..."))
    chosen = chosen.with_link(LinkKind(arguments.link))
    check_data(arguments)
    graph = load(arguments, console).graph
    dataset, frames, labels = load_frames(graph, arguments, console)
    with (contextlib.closing(WeightsBar(console)) as bar,
          chosen.open(arguments.port, graph, baud=arguments.baud, loading=bar) as connection):
        with console.progress(chosen.name, len(frames), " frames") as progress:
            start = time.perf_counter()
            classes = connection.classify_frames(frames, progress)
            seconds = time.perf_counter() - start
        faults = dataclasses.asdict(connection.faults)
    link = LinkKind.SPI if is_url(connection.name) else chosen.link
    wanted = golden.evaluate(graph, frames).classes
    wrong = (classes != wanted).nonzero()[0]
    correct = None if labels is None else int((classes == labels).sum())
    values: dict[str, Any] = {
        "name": graph.name, "digest": graph.digest, "board": chosen.name, "port": connection.name,
        "link": link.value,
        "baud": None if arguments.board == SIM else connection.baud, "data": dataset.name,
        "frames": len(frames), "seconds": seconds,
        "frames_per_second": len(frames) / seconds, "correct": correct,
        "accuracy": None if correct is None else correct / len(frames),
        "mismatches": len(wrong), "faults": faults, **answers_values(dataset, classes)}
    console.result(values, f"{clipped(graph.name)} on {chosen.title}, "
                           f"{printable(dataset.name)}\n\n{_text(values)}"
                           f"{answers_text(values)}")
    if len(wrong):
        first = int(wrong[0])
        console.warn(f"the board differs from the golden model, first in frame {first}: class "
                     f"{classes[first]}, not {wanted[first]}")
    return 1 if len(wrong) else 0


def _text(values: dict[str, Any]) -> str:
    how = ("simulated" if values["baud"] is None else f"at {values['baud']:,} baud"
           if values["link"] == "uart" else f"SPI at {values['baud']:,} bit/s")
    lines = [("frames", f"{values['frames']:,}"),
             ("throughput", f"{values['frames_per_second']:,.0f} frames per second "
                            f"({values['seconds']:.2f} s, {how})")]
    if values["correct"] is not None:
        lines.append(("accuracy", f"{100 * values['accuracy']:.2f} % "
                                  f"({values['correct']:,} correct)"))
    lines.append(("mismatches", f"{values['mismatches']:,} (frames whose class differs from the "
                                f"golden model)"))
    recovered = [f"{kind.replace('_', ' ')} {number:,}"
                 for kind, number in values["faults"].items() if number]
    lines.append(("line", ", ".join(recovered) + "; all recovered" if recovered
                  else count(0, "fault")))
    return "\n".join(f"{name:<12}{text}" for name, text in lines)
