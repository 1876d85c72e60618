"""Simulation of the emitted Verilog by a program of Verilator and a C++ compiler."""

import math
import os
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xnorloom.errors import ToolError
from xnorloom.support.cache import writable
from xnorloom.support.scratch import scratch_directory
from xnorloom.support.text import clipped, printable

from ..api import RESET_CYCLES, Job, Trace, check_waveform, deadline_error, protocol_error
from .build import build
from .wrapper import wrap

__all__ = ["simulate"]

# Largest number of cycles in the 64-bit counters of the program; no run lasts that long.
_FOREVER = 2**63 - 1


def simulate(job: Job) -> Trace:
    """Simulate the Verilog of the component of ``job``. The program is compiled once and cached.

    Raises
    ------
    ToolError
        If Verilator or a C++ compiler is missing or fails.
    ProtocolError, DeadlineError
        See :func:`xnorloom_sim.harness.run`.
    OSError
        If the waveform cannot be written.
    """
    load_width = None if job.load is None else job.load_width
    verilog = wrap(job.dut, job.i_width, job.o_width, job.probes, load_width)
    check_waveform(job)
    program = build(
        verilog,
        i_width=job.i_width,
        o_width=job.o_width,
        load_width=job.load_width,
        probe_widths=tuple(job.probes.values()),
        trace=job.waveform is not None,
        cache=writable("xnorloom/compiled") if job.cache is None else Path(job.cache).absolute(),
    )
    with scratch_directory() as scratch:
        names = ("words", "load", "masks", "result")
        words, load, masks, result = files = [scratch / name for name in names]
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
    """Run the program in ``folder``, report its progress, and raise the error that it finds."""
    if job.waveform is not None:
        command = [*command, os.path.abspath(job.waveform)]
    lines = []
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
                    case ["progress", sent]:
                        if job.progress is not None:
                            job.progress(int(sent), job.expected)
                    case words:
                        lines.append(words)
        except BaseException:
            process.kill()
            raise
    # Without the file of a table Verilator's library warns and continues with zeros.
    warnings = [words for words in lines if words[:1] == ["%Warning:"]]
    match warnings[:1] or lines[-1:]:
        case [["done"]]:
            if job.progress is not None:
                job.progress(job.expected, job.expected)
        case [["failed", "deadline", cycle, received, sent, loaded]]:
            raise deadline_error(job, cycle=int(cycle), received=int(received),
                                 sent=int(sent), loaded=int(loaded))
        case [["failed", kind, cycle, _, sent, _]]:
            raise protocol_error(kind, cycle=int(cycle), sent=int(sent))
        case _:
            why = f"exit status {process.returncode}"
            if lines:
                why = " ".join((warnings or lines)[-1])
            raise ToolError(f"The compiled simulation {printable(command[0])} failed: "
                            f"{clipped(why)}")


def _load(job: Job, result: bytes) -> Trace:
    """Return the trace in a result file: output words, cycles of both sides, probes."""
    at = 0

    def take(dtype: npt.DTypeLike, *shape: int) -> np.ndarray:
        nonlocal at
        count = math.prod(shape)
        array = np.frombuffer(result, dtype, count, at).reshape(shape) if count else None
        at += count * np.dtype(dtype).itemsize
        return np.zeros(shape, dtype) if array is None else array.copy()

    outputs = take(np.uint8, job.expected, -(-job.o_width // 8))
    i_cycles, o_cycles = take(np.int64, len(job.words)), take(np.int64, job.expected)
    probes = {}
    for name, width in job.probes.items():
        [count] = take(np.int64, 1)
        probes[name] = take(np.uint8, int(count), -(-width // 8))
    return Trace(outputs, i_cycles, o_cycles, probes)
