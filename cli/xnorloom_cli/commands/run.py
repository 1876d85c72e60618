"""``xnorloom run``: images through a network on a board, each answer checked."""

import contextlib
import dataclasses
import time
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from xnorloom.support.text import count

from ..console import Console
from ..inputs import check_data_dir, frames_of, labels_of, load

__all__ = ["run"]


def run(arguments: Namespace, console: Console) -> int:
    """Run images; returns the exit status, 1 if an answer differs from the golden model."""
    from xnorloom_boards import board
    from xnorloom_sim import data, golden

    chosen = board.find(arguments.board)
    check_data_dir(arguments)
    graph = load(arguments, console).graph
    dataset = data.load(arguments.data, directory=arguments.data_dir)
    frames = frames_of(graph, dataset)[:arguments.limit]
    labels = labels_of(graph, dataset, arguments.limit)
    baud = arguments.baud or chosen.baud
    with (contextlib.closing(_Loading(console)) as loading,
          chosen.open(arguments.port, graph, baud=baud, loading=loading) as connection):
        with console.progress(chosen.name, len(frames), " frames") as progress:
            start = time.perf_counter()
            classes = connection.classify_frames(frames, progress)
            seconds = time.perf_counter() - start
        faults = dataclasses.asdict(connection.faults)
    wanted = golden.evaluate(graph, frames).classes
    wrong = (classes != wanted).nonzero()[0]
    correct = None if labels is None else int((classes == labels).sum())
    values: dict[str, Any] = {
        "name": graph.name, "digest": graph.digest, "board": chosen.name, "port": arguments.port,
        "baud": baud, "data": dataset.name, "frames": len(frames), "seconds": seconds,
        "frames_per_second": len(frames) / seconds, "correct": correct,
        "accuracy": None if correct is None else correct / len(frames),
        "mismatches": len(wrong), "faults": faults}
    console.result(values, f"{graph.name} on {chosen.title}, {dataset.name}\n\n{_text(values)}")
    if len(wrong):
        first = int(wrong[0])
        console.warn(f"the board differs from the golden model, first in frame {first}: class "
                     f"{classes[first]}, not {wanted[first]}")
    return 1 if len(wrong) else 0


class _Loading:
    """A bar for the weights that some boards must be sent, from the first of them to the last."""

    def __init__(self, console: Console):
        self._console, self._stack = console, contextlib.ExitStack()
        self._bar: Callable[[int, int], None] | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            self._bar = self._stack.enter_context(
                self._console.progress("weights", total, " messages"))
        self._bar(done, total)
        if done == total:
            self.close()

    def close(self) -> None:
        """Leave what is there of the bar."""
        self._stack.close()
        self._bar = None


def _text(values: dict[str, Any]) -> str:
    lines = [("frames", f"{values['frames']:,}"),
             ("throughput", f"{values['frames_per_second']:,.0f} frames a second "
                            f"({values['seconds']:.2f} s at {values['baud']:,} baud)")]
    if values["correct"] is not None:
        lines.append(("accuracy", f"{100 * values['accuracy']:.2f} % "
                                  f"({values['correct']:,} correct)"))
    lines.append(("mismatches", f"{values['mismatches']:,} (frames whose class differs from the "
                                f"golden model)"))
    made_good = [f"{kind.replace('_', ' ')} {number:,}"
                 for kind, number in values["faults"].items() if number]
    lines.append(("line", ", ".join(made_good) + "; all made good" if made_good
                  else count(0, "fault")))
    return "\n".join(f"{name:<12}{text}" for name, text in lines)
