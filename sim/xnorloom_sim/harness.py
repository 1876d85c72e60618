"""Stream testbench: words into a component, words and cycles out, in either engine."""

import os
from collections.abc import Callable, Sequence

import numpy as np
from amaranth.hdl import Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from xnorloom.errors import ToolError
from xnorloom.support.arguments import integer

from .engines import ENGINES
from .engines.api import (
    IDLE_LIMIT,
    DeadlineError,
    Job,
    ProtocolError,
    SimulationError,
    Stall,
    Trace,
)

__all__ = [
    "IDLE_LIMIT",
    "DeadlineError",
    "ProtocolError",
    "SimulationError",
    "Stall",
    "ToolError",
    "Trace",
    "run",
]

_MOST_EXPECTED = 2**31 - 1


def run(
    dut: wiring.Component,
    words: np.ndarray,
    expected: int,
    *,
    engine: str = "amaranth",
    stall: Stall | None = None,
    waveform: str | os.PathLike[str] | None = None,
    deadline: int | None = None,
    patience: int | None = None,
    watch: int = 16,
    progress: Callable[[int, int], object] | None = None,
    cache: str | os.PathLike[str] | None = None,
    probes: Sequence[str] = (),
    load: np.ndarray | None = None,
) -> Trace:
    """Send words into stream ``i`` of a component and receive words from its stream ``o``.

    All engines return the same trace, cycle for cycle:

    - The reset is held for two clock edges; cycle 0 is the first cycle after them. Ports other than
      the streams stay 0.
    - A word is transferred in a cycle with valid and ready high, at the clock edge that ends it.
    - The producer begins to present a word in the first cycle that the stall pattern allows, after
      the cycle that transferred the previous word; valid and payload hold until the transfer. While
      valid is low the payload is the complement of the previous word, or 0 before the first one.
    - A second producer presents the words of stream ``load`` in the same way, under the same stall
      pattern.
    - The sink is ready in every cycle that the stall pattern allows, independent of valid.
    - The run finishes when all words are in and the expected words out. It continues for ``watch``
      cycles, in which no word may come out.

    Parameters
    ----------
    dut : wiring.Component
        Component with an input stream ``i`` and an output stream ``o`` in domain ``sync``.
    words : uint8 array of shape ``[count, ceil(bits of the payload of i / 8)]``
        Little-endian words: bit 0 of byte 0 is bit 0 of the payload.
    expected : int
        Output words to wait for, below ``2**31``.
    engine : str
        ``amaranth`` simulates the Amaranth source, ``compiled`` the emitted Verilog, with a program
        that is compiled once and cached.
    stall : Stall
        Stalls on both sides; ``None`` for no stalls.
    waveform : path
        VCD file to write, 1 µs per cycle.
    deadline : int
        Maximum number of cycles to the finish; ``None`` for no limit but ``patience``.
    patience : int
        Maximum number of cycles without a transfer on either side in a run without a deadline;
        ``None`` for a million.
    watch : int
        Cycles to run after the finish.
    progress : callable
        Called periodically, and at the end, with the number of output words and ``expected``.
    cache : path
        Folder of compiled simulations; ``None`` for ``xnorloom/compiled`` in the user's cache or,
        if that cannot be written, for a temporary folder of this process.
    probes : sequence of str
        Outputs of the component with ``valid`` and ``payload``. Records the payload in each cycle
        with ``valid`` high, from cycle 0 to the end.
    load : uint8 array of shape ``[count, ceil(bits of the payload of load / 8)]``
        Words for the input stream ``load``, all of which must go in; ``None`` leaves it unused.

    Raises
    ------
    ProtocolError
        If valid drops or the payload changes while an output word waits, or an unexpected word
        comes out.
    DeadlineError
        If the run does not finish in time.
    ToolError
        If Verilator or a C++ compiler is missing or fails.
    OSError
        If the waveform cannot be written.
    """
    if engine not in ENGINES:
        raise ValueError(f"Engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    if stall is None:
        stall = Stall()
    elif not isinstance(stall, Stall):
        raise TypeError(f"Stall must be a Stall, not {stall!r}")
    i_width, o_width = _width(dut, "i", In), _width(dut, "o", Out)
    load_width = 0 if load is None else _width(dut, "load", In)
    job = Job(
        dut=dut,
        i_width=i_width,
        o_width=o_width,
        words=_checked(words, i_width),
        expected=integer("Number of expected words", expected, 0, _MOST_EXPECTED),
        stall=stall,
        deadline=None if deadline is None else integer("Deadline", deadline, 0),
        patience=IDLE_LIMIT if patience is None else integer("Patience", patience, 1),
        watch=integer("Number of cycles to watch", watch, 0),
        waveform=None if waveform is None else os.fspath(waveform),
        progress=progress,
        cache=cache,
        probes={name: _probe_width(dut, name) for name in probes},
        load=None if load is None else _checked(load, load_width),
        load_width=load_width,
    )
    return ENGINES[engine](job)


def _width(dut: wiring.Component, name: str, flow: wiring.Flow) -> int:
    """Return the payload bits of a stream of the component."""
    if not isinstance(dut, wiring.Component):
        raise TypeError(f"Simulated object must be a wiring.Component, not {dut!r}")
    member = dict(dut.signature.members).get(name)
    if (
        member is None
        or not member.is_signature
        or member.flow != flow
        or member.dimensions
        or not isinstance(member.signature, stream.Signature)
    ):
        raise TypeError(f"Component must have the stream {name}: {flow.name}(…), not {member!r}")
    signature = member.signature
    if signature.always_valid or signature.always_ready:
        raise ValueError(f"Stream {name} must have both valid and ready, not {signature!r}")
    return len(Value.cast(getattr(dut, name).payload))


def _probe_width(dut: wiring.Component, name: str) -> int:
    """Return the payload bits of a probe of the component."""
    member = dict(dut.signature.members).get(name)
    parts = (
        dict(member.signature.members)
        if member is not None
        and member.is_signature
        and member.flow == Out
        and not member.dimensions
        else {}
    )
    if not all(part in parts and parts[part].flow == Out for part in ("valid", "payload")):
        raise TypeError(
            f"Component must have the outputs valid and payload in {name}: Out(…), not {member!r}"
        )
    return len(Value.cast(getattr(dut, name).payload))


def _checked(words: np.ndarray, width: int) -> np.ndarray:
    """Return the words as a contiguous array if they have ``width`` bits."""
    size = -(-width // 8)
    if not isinstance(words, np.ndarray) or words.dtype != np.uint8:
        kind = f"{words.dtype} array" if isinstance(words, np.ndarray) else f"{words!r}"
        raise TypeError(f"Words must be a uint8 array, not {kind}")
    if words.ndim != 2 or words.shape[1] != size:
        raise ValueError(
            f"Words of {width} bits must have the shape [count, {size}], not {words.shape!r}"
        )
    if width % 8 and (words[:, -1] >> width % 8).any():
        first = int(np.flatnonzero(words[:, -1] >> width % 8)[0])
        raise ValueError(f"Words must fit {width} bits, but word {first} has more")
    return np.ascontiguousarray(words)
