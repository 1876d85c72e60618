"""Simulation of the Amaranth source by Amaranth's simulator."""

import contextlib
import time

import numpy as np
from amaranth.hdl import ClockDomain, Module, Value
from amaranth.lib.wiring import In
from amaranth.sim import Simulator

from .api import (
    RESET_CYCLES,
    Job,
    SimulationError,
    Trace,
    check_waveform,
    deadline_error,
    protocol_error,
)

__all__ = ["simulate"]

_REPORT_SECONDS = 0.2


def simulate(job: Job) -> Trace:
    """Simulate the component of ``job``.

    Raises
    ------
    ProtocolError, DeadlineError
        See :func:`xnorloom_sim.harness.run`.
    OSError
        If the waveform cannot be written.
    """
    top = Module()
    top.submodules.dut = job.dut
    # Defined here, so that a component without registers has a clock, too.
    top.domains.sync = domain = ClockDomain("sync")
    simulator = Simulator(top)
    check_waveform(job)
    simulator.add_clock(1e-6)
    bench = _Bench(job, domain)
    simulator.add_process(bench.process)
    waveform = contextlib.nullcontext()
    if job.waveform is not None:
        waveform = simulator.write_vcd(job.waveform)
    with waveform:
        simulator.run()
    if bench.failure is not None:
        raise bench.failure
    return bench.trace()


class _Bench:
    """Producer, sink and protocol checker in one process.

    The process samples the values before a clock edge and changes its signals together with the
    registers, so that the simulator evaluates the design once per cycle.
    """

    def __init__(self, job: Job, domain: ClockDomain):
        self._job = job
        self._domain = domain
        self._outputs = bytearray()
        self._i_cycles: list[int] = []
        self._o_cycles: list[int] = []
        self._probes: dict[str, list[int]] = {name: [] for name in job.probes}
        self.failure: SimulationError | None = None

    def trace(self) -> Trace:
        job = self._job
        width = -(-job.o_width // 8)
        outputs = np.frombuffer(bytes(self._outputs), np.uint8).reshape(job.expected, width)
        return Trace(
            outputs.copy(),
            np.array(self._i_cycles, dtype=np.int64),
            np.array(self._o_cycles, dtype=np.int64),
            {name: _rows(words, job.probes[name]) for name, words in self._probes.items()},
        )

    async def process(self, ctx):
        job, dut = self._job, self._job.dut
        for _, member, port in dut.signature.flatten(dut):
            if member.flow == In and Value.cast(port).init:
                ctx.set(Value.cast(port), 0)

        assert self._domain.rst is not None
        reset = self._domain.rst
        with ctx.critical():
            ctx.set(reset, 1)
            for _ in range(RESET_CYCLES):
                await ctx.tick(self._domain)
            ctx.set(reset, 0)
            self.failure = await self._transfer(ctx)
        if self.failure is None and job.progress is not None:
            job.progress(job.expected, job.expected)

    async def _transfer(self, ctx) -> SimulationError | None:
        job, dut = self._job, self._job.dut
        allow, ready = (mask.tolist() for mask in job.stall.masks())
        period = len(allow)
        producer, loads = _Producer(dut.i, job.words, job.i_width), job.load is not None
        loader = _Producer(dut.load, job.load, job.load_width) if loads else None
        o_ones, o_bytes = (1 << job.o_width) - 1, -(-job.o_width // 8)
        o_payload = Value.cast(dut.o.payload)
        expected = job.expected
        limit = job.patience if job.deadline is None else job.deadline

        records = list(self._probes.values())
        sampled = [dut.i.ready, (dut.load if loads else dut.i).ready, dut.o.valid, o_payload]
        for name in self._probes:
            probe = getattr(dut, name)
            sampled += [probe.valid, Value.cast(probe.payload)]
        edge = ctx.posedge(self._domain.clk).sample(*sampled)
        cycle = sent = watched = held = 0
        began = 0  # `limit` counts from this cycle on
        sink_ready = holding = False
        reported = time.monotonic()
        while True:
            producer.drive(ctx, allow[cycle % period])
            if loader is not None:
                loader.drive(ctx, allow[cycle % period])
            if ready[cycle % period] != sink_ready:
                sink_ready = not sink_ready
                ctx.set(dut.o.ready, int(sink_ready))

            if producer.done and sent == expected and (loader is None or loader.done):
                if watched == job.watch:
                    return None
                watched += 1
            elif cycle - began >= limit:
                return deadline_error(job, cycle=cycle, received=producer.sent, sent=sent,
                                      loaded=0 if loader is None else loader.sent)

            _, i_ready, load_ready, valid, payload, *shown = await edge
            payload &= o_ones
            if holding and not valid:
                return protocol_error("dropped", cycle=cycle, sent=sent)
            if holding and payload != held:
                return protocol_error("changed", cycle=cycle, sent=sent)
            holding, held = valid and not sink_ready, payload
            if valid and sent == expected:
                return protocol_error("spurious", cycle=cycle, sent=sent)
            for record, shows, word in zip(records, shown[::2], shown[1::2]):
                if shows:
                    record.append(word)
            moved = loader is not None and loader.step(load_ready)
            if valid and sink_ready:
                self._outputs += payload.to_bytes(o_bytes, "little")
                self._o_cycles.append(cycle)
                sent += 1
                moved = True
            if producer.step(i_ready):
                self._i_cycles.append(cycle)
                moved = True
            cycle += 1
            if moved and job.deadline is None:
                began = cycle
            if job.progress is not None and cycle % 256 == 0:
                now = time.monotonic()
                if now - reported > _REPORT_SECONDS:
                    reported = now
                    job.progress(sent, expected)


class _Producer:
    """Presents words at a stream, each from the first allowed cycle on."""

    def __init__(self, port, words: np.ndarray, width: int):
        self._valid, self._payload = port.valid, Value.cast(port.payload)
        self._words = [int.from_bytes(word.tobytes(), "little") for word in words]
        self._ones = (1 << width) - 1
        self._presenting = self._ended = False
        self.sent = 0

    @property
    def done(self) -> bool:
        return self.sent == len(self._words)

    def drive(self, ctx, allowed: bool) -> None:
        """Set valid and payload for the next cycle."""
        if not self._presenting and not self.done and allowed:
            ctx.set(self._payload, self._words[self.sent])
            ctx.set(self._valid, 1)
            self._presenting = True
        elif not self._presenting and self._ended:
            # An invalid payload is the complement, so that a component that uses it fails.
            ctx.set(self._payload, ~self._words[self.sent - 1] & self._ones)
            ctx.set(self._valid, 0)
        self._ended = False

    def step(self, ready: int) -> bool:
        """Advance by a cycle with this ``ready``. True if it transferred a word."""
        if not self._presenting or not ready:
            return False
        self.sent += 1
        self._presenting, self._ended = False, True
        return True


def _rows(words: list[int], width: int) -> np.ndarray:
    """Convert words of ``width`` bits to rows of bytes, least significant first."""
    size, ones = -(-width // 8), (1 << width) - 1
    octets = b"".join((word & ones).to_bytes(size, "little") for word in words)
    return np.frombuffer(octets, np.uint8).reshape(len(words), size).copy()
