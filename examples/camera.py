"""A camera before a network: pixels in lines and frames, with pauses but without back-pressure.

A sensor sends a pixel per cycle and cannot wait. It pauses after each line and after each frame.
No pixel is lost if the network takes frames at least as fast as they come: if its interval is at
most the cycles from frame to frame. The program shows it with a network that is fast enough and
one that is not, on handwritten digits.

``python examples/camera.py [DIRECTORY]`` writes ``camera.v``, the first of them, to the directory.
"""

import sys
from dataclasses import replace
from pathlib import Path

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from xnorloom import Network, automatic_schedule, load
from xnorloom.export import verilog
from xnorloom.graph.pixels import encode
from xnorloom_sim import data, evaluate

LINE, LINES = 28, 28
# Cycles without pixels after each line, and lines without pixels after each frame.
LINE_PAUSE, FRAME_PAUSE = 4, 2
FRAME_CYCLES = (LINE + LINE_PAUSE) * (LINES + FRAME_PAUSE)


class Camera(wiring.Component):
    """Timing of a sensor. On a board its pins take the place of ``valid`` and ``pixel``.

    Members
    -------
    scene : In(stream.Signature(8))
        Pixels of the simulated scene; they must be valid when the sensor takes them.
    valid : Out(1)
        A pixel is there, in this cycle only.
    pixel : Out(8)
        Its brightness.
    """

    scene: In(stream.Signature(8))
    valid: Out(1)
    pixel: Out(8)

    def elaborate(self, platform):
        m = Module()
        column, line = Signal(range(LINE + LINE_PAUSE)), Signal(range(LINES + FRAME_PAUSE))
        m.d.sync += column.eq(column + 1)
        with m.If(column == LINE + LINE_PAUSE - 1):
            m.d.sync += [column.eq(0), line.eq(line + 1)]
            with m.If(line == LINES + FRAME_PAUSE - 1):
                m.d.sync += line.eq(0)
        m.d.comb += [self.scene.ready.eq((column < LINE) & (line < LINES)),
                     self.valid.eq(self.scene.ready & self.scene.valid),
                     self.pixel.eq(self.scene.payload)]
        return m


class LinePacker(wiring.Component):
    """Makes a word of each line: a bit per pixel, 1 where it is bright.

    Members
    -------
    valid, pixel : In(1), In(8)
        Pixels, which cannot wait.
    o : Out(stream.Signature(LINE))
        Words, the first pixel in bit 0.
    lost : Out(1)
        True from the first time that a word was still waiting when the next was complete.
    """

    valid: In(1)
    pixel: In(8)
    o: Out(stream.Signature(LINE))
    lost: Out(1)

    def elaborate(self, platform):
        m = Module()
        bits, count = Signal(LINE - 1), Signal(range(LINE))
        word = Cat(bits, self.pixel >= 128)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(self.valid):
            m.d.sync += [bits.eq(word[1:]), count.eq(count + 1)]
            with m.If(count == LINE - 1):
                m.d.sync += count.eq(0)
                with m.If(self.o.valid & ~self.o.ready):
                    m.d.sync += self.lost.eq(1)
                with m.Else():
                    m.d.sync += [self.o.valid.eq(1), self.o.payload.eq(word)]
        return m


class Watcher(wiring.Component):
    """Camera, packer and network.

    Members
    -------
    scene : In(stream.Signature(8))
        See :class:`Camera`.
    o : Out(stream.Signature(unsigned(4)))
        Digit of each frame.
    lost : Out(1)
        See :class:`LinePacker`.
    """

    def __init__(self, network):
        self.network = network
        super().__init__({"scene": In(stream.Signature(8)), "o": Out(network.o.signature),
                          "lost": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.camera, m.submodules.packer = camera, packer = Camera(), LinePacker()
        m.submodules.network = network = self.network
        wiring.connect(m, wiring.flipped(self.scene), camera.scene)
        wiring.connect(m, packer.o, network.i)
        wiring.connect(m, network.o, wiring.flipped(self.o))
        m.d.comb += [packer.valid.eq(camera.valid), packer.pixel.eq(camera.pixel),
                     self.lost.eq(packer.lost)]
        return m


def make(graph, interval):
    """Return a watcher whose network has this interval and takes a word per line."""
    schedule = replace(automatic_schedule(graph, interval), input_width=LINE)
    return Watcher(Network(schedule.bind(graph)))


def watch(top, images):
    """Show images to the camera; return the digits, and whether a line was lost."""
    digits, lost = [], []

    async def show(ctx):
        ctx.set(top.scene.valid, 1)
        for pixel in images.ravel():
            ctx.set(top.scene.payload, int(pixel))
            await ctx.tick().until(top.scene.ready)
        ctx.set(top.scene.valid, 0)
        await ctx.tick().repeat(top.network.latency + top.network.interval)
        lost.append(ctx.get(top.lost))

    async def read(ctx):
        ctx.set(top.o.ready, 1)
        async for *_, valid, digit in ctx.tick().sample(top.o.valid, top.o.payload):
            if valid:
                digits.append(digit)

    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(show)
    simulator.add_testbench(read, background=True)
    simulator.run()
    return digits, bool(lost[0])


if __name__ == "__main__":
    graph = load("tfc")
    images = data.bundled().images[:8]
    golden = evaluate(graph, encode(graph.input, images)).classes.tolist()
    print(f"{len(images)} frames, one every {FRAME_CYCLES} cycles")
    for interval in FRAME_CYCLES, 1600:
        top = make(graph, interval)
        digits, lost = watch(top, images)
        verdict = "a line was lost" if lost else "no line was lost"
        print(f"interval {top.network.interval}: {verdict}, {len(digits)} results: {digits}")
        # Every frame has its result if and only if the network is fast enough.
        assert (digits == golden, lost) == (interval <= FRAME_CYCLES, interval > FRAME_CYCLES)

    path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "camera.v"
    path.write_text(verilog.convert(make(graph, FRAME_CYCLES), "camera"))
    print("wrote", path)
