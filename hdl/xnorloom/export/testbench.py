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

from ..gateware.axi_stream import AxiStreamNetwork
from ..packing import load_words, pack_frames, pack_packets, pack_results, result_width
from ..support.arguments import integers
from ..support.files import make_directory, write_atomic
from .interfaces import Core
from .names import module_name

__all__ = ["write"]


def write(network: Core, directory: str | os.PathLike[str], frames: npt.ArrayLike,
          classes: npt.ArrayLike, scores: npt.ArrayLike | None = None,
          name: str | None = None) -> list[Path]:
    """Write a testbench of ``network`` into ``directory``, which is made if missing.

    ``<module>_tb.v`` reads the input words in ``<module>_words.hex`` and the expected output words
    in ``<module>_results.hex``; for a network with loadable weights also ``<module>_load.hex``,
    which :func:`xnorloom.export.verilog.write` writes. It prints ``PASS`` and the number of frames,
    or ``FAIL`` and the reason.

    Parameters
    ----------
    network : Network or AxiStreamNetwork
        The core. The words of one with AXI-Streams are beats, with TLAST above TDATA, and in
        results TUSER above both.
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
    frames = np.asarray(frames)
    words, width = _words(network, frames)
    if not words:
        raise ValueError("frames must hold at least one frame, not none")
    results = _pack_results(network, len(frames), classes, scores)
    outputs, output_width = _outputs(network, results)
    module = module_name(network, name)
    directory = make_directory(directory)
    texts = {
        f"{module}_results.hex": _hex(outputs, output_width),
        f"{module}_words.hex": _hex(words, width),
        f"{module}_tb.v": _testbench(network, module, len(frames), width, output_width),
    }
    # The testbench is written last, after the files that it reads.
    for file, text in texts.items():
        write_atomic(directory / file, text)
    return [directory / file for file in reversed(texts)]


def _testbench(network: Core, module: str, frames: int, width: int, output_width: int) -> str:
    text = resources.files("xnorloom.export").joinpath("testbench.v.jinja").read_text("utf-8")
    template = jinja2.Template(text, trim_blocks=True, keep_trailing_newline=True,
                               undefined=jinja2.StrictUndefined)
    axi = isinstance(network, AxiStreamNetwork)
    words, beats = ((network.frame_beats, network.result_beats) if axi
                    else (network.plan.words, 1))
    return template.render(
        name=module, axi=axi, frames=frames, words=words, loads=len(load_words(network.plan)),
        latency=network.latency, interval=network.interval, beats=beats,
        results="FRAMES*BEATS" if beats > 1 else "FRAMES", batches=network.vectors > 1,
        vectors=network.vectors * beats, steady=(network.steady_frames or 0) * beats,
        i_msb=width - 1, o_msb=output_width - 1)


def _words(network: Core, frames: np.ndarray) -> tuple[list[int], int]:
    """Return the input words of frames, and their width."""
    if isinstance(network, AxiStreamNetwork):
        width = network.tdata_width
        beats, last = pack_packets(network.plan, width, frames)
        return [word | int(end) << width for word, end in zip(_numbers(beats), last)], width + 1
    return _numbers(pack_frames(network.plan, frames)), network.schedule.input_width


def _outputs(network: Core, results: list[int]) -> tuple[list[int], int]:
    """Return the output words of packed results, and their width."""
    if isinstance(network, AxiStreamNetwork):
        width, beats = network.result_tdata_width, network.result_beats
        return [(result >> beat * width) % (1 << width) | (beat == beats - 1) << width
                for result in results for beat in range(beats)], width + 2
    return results, result_width(network.graph, network.scores)


def _numbers(words: np.ndarray) -> list[int]:
    return [int.from_bytes(word.tobytes(), "little") for word in words]


def _hex(words: Iterable[int], width: int) -> str:
    return "".join(f"{word:0{-(-width // 4)}x}\n" for word in words)


def _pack_results(network: Core, frames: int, classes: npt.ArrayLike,
                  scores: npt.ArrayLike | None) -> list[int]:
    """Check results and pack them into output words."""
    graph = network.graph
    if (scores is not None) != network.scores:
        raise ValueError(f"scores must be {'given' if network.scores else 'None'} for a network "
                         f"{'with' if network.scores else 'without'} scores in its results")
    classes = _integers("classes", classes, (frames,), 0, graph.classes - 1)
    if scores is not None:
        scores = _integers("scores", scores, (frames, graph.classes), *graph.score_range)
    return pack_results(graph, classes, scores)


def _integers(what: str, values: npt.ArrayLike, shape: tuple[int, ...], low: int,
              high: int) -> np.ndarray:
    array = integers(what, values)
    if array.shape != shape:
        raise ValueError(f"{what} must have the shape {shape!r}, not {array.shape!r}")
    wrong = array[(array < low) | (array > high)]
    if wrong.size:
        raise ValueError(f"{what} must be in {low} to {high}, not {wrong[0]!s}")
    return array
