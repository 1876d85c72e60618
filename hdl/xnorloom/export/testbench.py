"""Testbench of a network in plain Verilog-2005, for a simulator without Python.

It sends frames, compares results, and measures latency and interval. ``testbench.v.jinja`` is its
template; ``docs/verilog.md`` shows how to run it.
"""

import os
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

import jinja2
import numpy as np
import numpy.typing as npt

from ..gateware.network import Network
from ..packing import load_words, pack_frames, result_fields
from ..support.arguments import integers
from ..support.files import make_directory, write_atomic
from .names import module_name

__all__ = ["write"]


def write(network: Network, directory: str | os.PathLike[str], frames: npt.ArrayLike,
          classes: npt.ArrayLike, scores: npt.ArrayLike | None = None,
          name: str | None = None) -> list[Path]:
    """Write a testbench of ``network`` into ``directory``, which is made if missing.

    ``<module>_tb.v`` reads the input words in ``<module>_words.hex`` and the expected output words
    in ``<module>_results.hex``; for a network with loadable weights also ``<module>_load.hex``,
    which :func:`xnorloom.export.verilog.write` writes. It prints ``PASS`` and the number of frames,
    or ``FAIL`` and the reason.

    Parameters
    ----------
    network : Network
        The core.
    frames : array of integers, shape (frames, …)
        At least one frame; see :func:`~xnorloom.packing.pack_frames`.
    classes : array of integers, shape (frames,)
        Expected class of each frame.
    scores : array of integers, shape (frames, classes), or None
        Expected scores; needed if and only if results of the network have scores.
    name : str or None
        Name of the module; see :func:`~xnorloom.export.names.module_name`.

    Returns
    -------
    list of Path
        Testbench, input words, results. Each file appears whole or not at all.

    Raises
    ------
    TypeError, ValueError
        If an array or the name is wrong.
    OSError
        If ``directory`` cannot be written.
    """
    words = pack_frames(network.plan, np.asarray(frames))
    count = len(words) // network.plan.words
    if not count:
        raise ValueError("frames must hold at least one frame, not none")
    results = _pack_results(network, count, classes, scores)
    module = module_name(network, name)
    directory = make_directory(directory)
    texts = {
        f"{module}_results.hex": _hex(results, _result_width(network)),
        f"{module}_words.hex": _hex((int.from_bytes(word.tobytes(), "little") for word in words),
                                    network.schedule.input_width),
        f"{module}_tb.v": _testbench(network, module, count),
    }
    # The testbench is written last, after the files that it reads.
    for file, text in texts.items():
        write_atomic(directory / file, text)
    return [directory / file for file in reversed(texts)]


def _testbench(network: Network, module: str, frames: int) -> str:
    text = resources.files("xnorloom.export").joinpath("testbench.v.jinja").read_text("utf-8")
    template = jinja2.Template(text, trim_blocks=True, keep_trailing_newline=True,
                               undefined=jinja2.StrictUndefined)
    return template.render(
        name=module, frames=frames, words=network.plan.words, loads=len(load_words(network.plan)),
        latency=network.latency, interval=network.interval, vectors=network.vectors,
        steady=network.steady_frames,
        i_msb=network.schedule.input_width - 1, o_msb=_result_width(network) - 1)


def _hex(words: Iterable[int], width: int) -> str:
    return "".join(f"{word:0{-(-width // 4)}x}\n" for word in words)


def _result_width(network: Network) -> int:
    last = result_fields(network.graph, network.scores)[-1]
    return last.low_bit + last.width


def _pack_results(network: Network, frames: int, classes: npt.ArrayLike,
                  scores: npt.ArrayLike | None) -> list[int]:
    """Pack results into output words, the inverse of :func:`xnorloom.packing.unpack_results`."""
    graph = network.graph
    if (scores is not None) != network.scores:
        raise ValueError(f"scores must be {'given' if network.scores else 'None'} for a network "
                         f"{'with' if network.scores else 'without'} scores in its results")
    columns = [_integers("classes", classes, (frames,), 0, graph.classes - 1)]
    if scores is not None:
        columns += list(_integers("scores", scores, (frames, graph.classes),
                                  *graph.score_range).T)
    words = [0] * frames
    for field, column in zip(result_fields(graph, network.scores), columns):
        for frame, value in enumerate(column):
            words[frame] |= (int(value) & ((1 << field.width) - 1)) << field.low_bit
    return words


def _integers(what: str, values: npt.ArrayLike, shape: tuple[int, ...], low: int,
              high: int) -> np.ndarray:
    array = integers(what, values)
    if array.shape != shape:
        raise ValueError(f"{what} must have the shape {shape!r}, not {array.shape!r}")
    wrong = array[(array < low) | (array > high)]
    if wrong.size:
        raise ValueError(f"{what} must be in {low} to {high}, not {wrong[0]!s}")
    return array
