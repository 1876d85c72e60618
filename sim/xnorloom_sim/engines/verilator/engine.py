"""Simulation of the emitted Verilog by a compiled program: Verilator, then a C++ compiler."""

import math
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xnorloom.errors import ToolError
from xnorloom.support.cache import writable

from ..api import RESET_CYCLES, Job, Trace, deadline_error, protocol_error, prove_waveform
from .build import build
from .wrapper import shell

__all__ = ["simulate"]

# The program counts cycles in 64 bits; no run lasts that long.
_FOREVER = 2**63 - 1


def simulate(job: Job) -> Trace:
    """Simulate the Verilog of the component; its program is compiled once and kept.

    Raises
    ------
    ToolError
        If Verilator or a C++ compiler is missing or fails.
    ProtocolError, DeadlineError
        As of every engine.
    OSError
        If the waveform cannot be written.
    """
    load_width = None if job.load is None else job.load_width
    verilog = shell(job.dut, job.i_width, job.o_width, job.taps, load_width)
    prove_waveform(job)
    program = build(
        verilog,
        i_width=job.i_width,
        o_width=job.o_width,
        load_width=job.load_width,
        tap_widths=tuple(job.taps.values()),
        trace=job.waveform is not None,
        cache=writable("xnorloom/compiled") if job.cache is None else Path(job.cache).absolute(),
    )
    with tempfile.TemporaryDirectory(prefix="xnorloom-") as scratch:
        names = ("words", "load", "masks", "result")
        words, load, masks, result = files = [Path(scratch) / name for name in names]
        job.words.tofile(words)
        load.write_bytes(b"" if job.load is None else job.load.tobytes())
        np.concatenate(job.stall.masks()).astype(np.uint8).tofile(masks)
        numbers = (
            len(job.words),
            0 if job.load is None else len(job.load),
            job.expected,
            -1 if job.deadline is None else min(job.deadline, _FOREVER),
            min(job.patience, _FOREVER),
            min(job.watch, _FOREVER),
            RESET_CYCLES,
        )
        _execute(job, program.parent, [*map(str, (program, *files, *numbers))])
        return _load(job, result.read_bytes())


def _execute(job: Job, folder: Path, command: list[str]) -> None:
    """Run the program in ``folder``, pass its progress on, and raise what it found."""
    if job.waveform is not None:
        command = [*command, os.path.abspath(job.waveform)]
    said = []
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                match line.split():
                    case ["progress", given]:
                        if job.progress is not None:
                            job.progress(int(given), job.expected)
                    case words:
                        said.append(words)
        except BaseException:
            process.kill()
            raise
    # Verilator's library goes on, with zeros, where a file of a table is missing.
    warnings = [words for words in said if words[:1] == ["%Warning:"]]
    match warnings[:1] or said[-1:]:
        case [["done"]]:
            if job.progress is not None:
                job.progress(job.expected, job.expected)
        case [["failed", "deadline", cycle, taken, given, loaded]]:
            raise deadline_error(job, cycle=int(cycle), taken=int(taken), given=int(given),
                                 loaded=int(loaded))
        case [["failed", kind, cycle, _, given, _]]:
            raise protocol_error(kind, cycle=int(cycle), given=int(given))
        case _:
            why = " ".join((warnings or said)[-1]) if said else f"exit status {process.returncode}"
            raise ToolError(f"The compiled simulation {command[0]} failed: {why}")


def _load(job: Job, result: bytes) -> Trace:
    """The trace in the file the program wrote: output words, cycles of both sides, taps."""
    at = 0

    def take(dtype: npt.DTypeLike, *shape: int) -> np.ndarray:
        nonlocal at
        count = math.prod(shape)
        array = np.frombuffer(result, dtype, count, at).reshape(shape) if count else None
        at += count * np.dtype(dtype).itemsize
        return np.zeros(shape, dtype) if array is None else array.copy()

    outputs = take(np.uint8, job.expected, -(-job.o_width // 8))
    i_cycles, o_cycles = take(np.int64, len(job.words)), take(np.int64, job.expected)
    taps = {}
    for name, width in job.taps.items():
        [count] = take(np.int64, 1)
        taps[name] = take(np.uint8, int(count), -(-width // 8))
    return Trace(outputs, i_cycles, o_cycles, taps)
