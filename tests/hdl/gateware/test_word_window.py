# amaranth: UnusedElaboratable=no
"""Word window: operands of convolutions from a ring, in order, without a lost cycle."""

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Module, Value
from amaranth.sim import Simulator

from xnorloom.gateware.word_window import WordWindow
from xnorloom.graph import Conv, Dense, Map, Pool, Window
from xnorloom.schedule import Fold, LayerPlan
from xnorloom_sim.harness import Stall, run

FRAMES = 3
NONE = (0, 0, 0, 0)


def case(map, kernel, *, stride=(1, 1), dilation=(1, 1), padding=NONE, pad=None, pool=(1, 1),
         groups=1, neurons=1, pe=1, simd, planes=1, classes=False):
    """Plan of a convolution, with random thresholds for each border class if wanted."""
    map, rng = Map(*map), np.random.default_rng(5)
    window = Window(kernel, stride, dilation, padding, pad)
    weights = rng.integers(0, 2, (neurons, *kernel, map.channels // groups))
    layer = Conv("conv", weights, np.ones(neurons, int), window, Pool(pool), groups)
    if classes:
        # Two of the classes have the same.
        count = layer.borders(map).count
        thresholds = rng.permutation(count)[:, None] % (count - 1) + np.ones(neurons, int)
        layer = Conv("conv", weights, thresholds, window, Pool(pool))
    return LayerPlan(layer, Fold(pe, simd, "lut"), planes=planes, map=map)


CASES = {
    "valid": case((5, 6, 3), (3, 3), simd=3, neurons=3, pe=2),
    "1x1": case((3, 4, 4), (1, 1), simd=4),
    "1x1, folded": case((3, 2, 5), (1, 1), simd=2, neurons=2, planes=2),
    "1x1, stride": case((5, 6, 2), (1, 1), simd=2, stride=(2, 3), neurons=4),
    "one pixel": case((1, 1, 5), (1, 1), simd=2, neurons=2),
    "kernel is the map": case((3, 4, 3), (3, 4), simd=2, neurons=2, pe=2),
    "a row": case((1, 16, 2), (1, 3), simd=2, stride=(1, 2), padding=(0, 1, 0, 1), pad=1),
    "a column": case((11, 1, 2), (4, 1), simd=1, stride=(2, 1)),
    "stride": case((7, 6, 2), (3, 2), simd=2, stride=(2, 3), neurons=3),
    "kernels side by side": case((4, 6, 3), (2, 3), simd=2, stride=(2, 3)),
    "1x1, stride, narrow words": case((6, 7, 3), (1, 1), simd=2, stride=(2, 2)),
    "stride, padding": case((8, 7, 1), (3, 3), simd=1, stride=(4, 3), padding=(1, 1, 1, 1), pad=1),
    "stride beyond the kernel": case((9, 10, 2), (2, 2), simd=2, stride=(4, 3)),
    "dilation": case((7, 8, 1), (3, 2), simd=1, dilation=(2, 3), neurons=2),
    "dilation, padding": case((4, 3, 2), (3, 3), simd=2, dilation=(2, 2), padding=(4, 1, 2, 4),
                              pad=1),
    "pool": case((7, 8, 2), (3, 3), simd=2, pool=(2, 2), neurons=2),
    "odd pool": case((6, 9, 1), (2, 2), simd=1, pool=(3, 2), stride=(1, 2), neurons=2),
    "same": case((6, 8, 2), (3, 3), simd=2, padding=(1, 1, 1, 1), pad=0),
    "asymmetric padding": case((4, 5, 3), (3, 3), simd=2, padding=(0, 2, 1, 0), pad=1, neurons=2),
    "padding, pool": case((5, 6, 2), (3, 3), simd=1, padding=(1, 1, 1, 1), pad=1, pool=(2, 3)),
    "padding that no output reaches": case((4, 4, 1), (2, 2), simd=1, stride=(2, 2), pad=1,
                                           padding=(0, 0, 1, 1)),
    "codes": case((3, 3, 5), (3, 2), simd=2, padding=(1, 1, 1, 0), pad=(1, 0, 0, 1, 1)),
    "codes of planes": case((3, 4, 3), (2, 3), simd=2, padding=(1, 1, 0, 1), pad=(5, 1, 6),
                            planes=3),
    "a code of planes": case((3, 3, 2), (2, 2), simd=2, padding=(1, 0, 1, 0), pad=2, planes=2),
    "nothing outside": case((4, 5, 3), (3, 3), simd=3, padding=(1, 1, 1, 1), neurons=2),
    "levels": case((4, 5, 2), (3, 3), simd=1, padding=(1, 1, 1, 1), classes=True),
    "levels, pool": case((6, 5, 3), (3, 3), simd=2, padding=(1, 2, 1, 0), pool=(2, 2),
                         classes=True),
    "groups": case((4, 4, 8), (2, 2), simd=2, groups=2, neurons=8, pe=2),
    "a fold per group": case((4, 3, 6), (2, 2), simd=2, groups=3, neurons=6, pe=2),
    "groups at once": case((4, 4, 8), (3, 3), simd=2, groups=4, neurons=8, pe=4),
    "depthwise": case((4, 4, 6), (3, 3), simd=1, groups=6, neurons=6, pe=2,
                      padding=(1, 1, 1, 1), pad=(0, 1, 1, 0, 1, 1)),
    "depthwise, neuron after neuron": case((4, 4, 3), (2, 2), simd=1, groups=3, neurons=6, pe=1),
    "depthwise, all at once": case((5, 4, 3), (3, 3), simd=1, groups=3, neurons=3, pe=3, planes=2),
}


def frames_of(plan):
    """Random pixels of some frames, and their words with random bits after the last channel."""
    rng = np.random.default_rng([*plan.map, plan.operand_width])
    width, words = plan.operand_width, plan.ring.pixel_words
    bits = rng.integers(0, 2, (FRAMES, plan.map.rows, plan.map.columns, plan.planes, words * width),
                        np.uint8)
    return bits[..., :plan.map.channels], bits.reshape(-1, width)


def operands(plan, frame):
    """Words of a frame from the definition: bits, whether they are skipped, and level."""
    layer, window, map = plan.layer, plan.layer.window, plan.map
    pool_rows, pool_columns = layer.pool_size
    rows = (map.rows + sum(window.padding[0::2]) - window.extent[0]) // window.stride[0] + 1
    columns = (map.columns + sum(window.padding[1::2]) - window.extent[1]) // window.stride[1] + 1
    members, depth = layer.neurons // layer.groups, map.channels // layer.groups
    pad = np.zeros(map.channels, int) + (window.pad or 0)
    words = []

    def tap(y, x, plane, start, stop):
        inside = 0 <= y < map.rows and 0 <= x < map.columns
        for first in range(start, stop, plan.operand_width):
            part = slice(first, min(first + plan.operand_width, stop))
            bits = frame[y, x, plane, part] if inside else pad[part] >> plan.planes - 1 - plane & 1
            yield np.pad(bits, (0, plan.operand_width - len(bits))), not inside

    for y, x in np.ndindex(rows // pool_rows, columns // pool_columns):
        for neuron in range(0, layer.neurons, plan.fold.pe):
            # Groups of the first and of the last neuron of the fold.
            last = min(neuron + plan.fold.pe, layer.neurons) - 1
            channels = neuron // members * depth, (last // members + 1) * depth
            for pool_y, pool_x, plane in np.ndindex(pool_rows, pool_columns, plan.planes):
                out = y * pool_rows + pool_y, x * pool_columns + pool_x
                for kernel in np.ndindex(window.kernel):
                    at = [o * s - p + k * d for o, s, p, k, d in zip(
                        out, window.stride, window.padding, kernel, window.dilation)]
                    words += [(bits, outside and window.skips, plan.ring.level_of[out])
                              for bits, outside in tap(*at, plane, *channels)]
    return words


def expected(plan, frames):
    bits, skip, level = zip(*(word for frame in frames for word in operands(plan, frame)))
    return np.array(bits), np.array(skip), np.array(level)


def split(plan, outputs):
    """Bits, skip and level of output words."""
    window, levels = plan.layer.window, len(plan.levels)
    bits = np.unpackbits(outputs, axis=-1, bitorder="little")
    width = plan.operand_width
    skip = bits[:, width].astype(bool) if window.skips else np.zeros(len(bits), bool)
    rest = bits[:, width + window.skips:][:, :(levels - 1).bit_length()]
    level = rest @ (1 << np.arange(rest.shape[1])) if levels > 1 else np.zeros(len(bits), int)
    return bits[:, :width], skip, level


def first_reads(plan, arrivals):
    """Cycles of the first reads of outputs by the formula, for arrivals of pixels of frames."""
    layer, map, window = plan.layer, plan.map, plan.layer.window
    need = []
    for axis, outputs in enumerate(plan.output[:2]):
        last = ((np.arange(outputs) + 1) * layer.pool_size[axis] - 1) * window.stride[axis]
        reach = last - window.padding[axis] + (window.kernel[axis] - 1) * window.dilation[axis]
        need.append(np.minimum(map[axis] - 1, reach))
    pixels = (need[0][:, None] * map.columns + need[1]).reshape(-1)
    ready = arrivals.reshape(-1, map.pixels)[:, pixels].reshape(-1) + 1
    work = plan.pixel_cycles * np.arange(len(ready))
    return work + np.maximum.accumulate(ready - work)


def pack(bits):
    return np.packbits(bits, axis=-1, bitorder="little")


def simulate(plan, words, stall=None):
    dut = WordWindow(plan)
    return run(dut, pack(words), FRAMES * plan.cycles, stall=stall, patience=2000)


def check(plan, trace, frames):
    bits, skip, level = expected(plan, frames)
    got, got_skip, got_level = split(plan, trace.outputs)
    assert (got_skip == skip).all()
    assert (got == bits)[~skip].all()
    assert (got_level == level).all()


def check_times(plan, trace):
    pixel = plan.planes * plan.ring.pixel_words
    arrivals = trace.i_cycles[pixel - 1::pixel]
    reads = first_reads(plan, arrivals)
    cycles = trace.o_cycles.reshape(len(reads), plan.pixel_cycles)
    assert (cycles == reads[:, None] + 1 + np.arange(plan.pixel_cycles)).all()


@pytest.mark.parametrize("plan", CASES.values(), ids=CASES)
def test_without_stalls(plan):
    frames, words = frames_of(plan)
    dut, received = WordWindow(plan), len(words) // FRAMES
    assert (dut.latency, dut.interval) == (2, max(plan.cycles, received))
    bits, skip, level = expected(plan, frames)
    model = dut.model(words)
    assert (model.bits == np.where(skip[:, None], 0, bits)).all()
    assert (model.skip == skip).all() and (model.level == level).all()

    trace = simulate(plan, words)
    check(plan, trace, frames)
    check_times(plan, trace)
    # The slower side never waits, not even between frames.
    last = trace.o_cycles[plan.cycles - 1::plan.cycles]
    assert np.diff(last)[1:].tolist() == [dut.interval] * (FRAMES - 2)
    if received >= plan.cycles:
        assert trace.i_cycles.tolist() == list(range(FRAMES * received))


def test_rates():
    """Sources are slower than the window, as fast, and faster."""
    rates = [np.sign(plan.cycles - plan.map.pixels * plan.planes * plan.ring.pixel_words)
             for plan in CASES.values()]
    assert min(rates.count(-1), rates.count(1)) > 3 and rates.count(0) > 1


STALLS = {"source": Stall(1, i=0.6), "both": Stall(3, i=0.4, o=0.4), "sink": Stall(5, o=0.7)}


@pytest.mark.parametrize("plan", CASES.values(), ids=CASES)
def test_stalls(plan):
    frames, words = frames_of(plan)
    stall = list(STALLS.values())[plan.cycles % 3]
    trace = simulate(plan, words, stall)
    check(plan, trace, frames)
    if not stall.o:
        check_times(plan, trace)


RESETS = ["one pixel", "stride", "codes of planes", "levels, pool"]


def reset_run(plan, words, cycle):
    """Output words since the reset in ``cycle`` after which ``words`` begin anew."""
    m, sent = Module(), []
    m.submodules.dut = dut = WordWindow(plan)
    m.domains.sync = domain = ClockDomain()
    stalled = np.random.default_rng(cycle).random(cycle) < 0.3

    async def process(ctx):
        place = 0
        for now in range(cycle + 3 * dut.interval + 8):
            reset = now == cycle
            if reset:
                sent.clear()
            ctx.set(domain.rst, int(reset))
            ctx.set(dut.i.valid, int(not reset and place < len(words)))
            ctx.set(dut.i.payload, int(words[place]) if place < len(words) else 0)
            ctx.set(dut.o.ready, int(not reset and not (now < cycle and stalled[now])))
            _, _, taken, gave, payload = await ctx.tick().sample(
                dut.i.valid & dut.i.ready, dut.o.valid & dut.o.ready, Value.cast(dut.o.payload))
            place = 0 if reset else place + taken
            if gave:
                sent.append(payload)

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(process)
    simulator.run()
    return sent


@pytest.mark.parametrize("name", RESETS)
def test_reset_in_mid_frame(name):
    plan = CASES[name]
    frames, words = frames_of(plan)
    numbers = words @ (1 << np.arange(words.shape[1]))
    bits, skip, level = expected(plan, frames)
    for cycle in np.random.default_rng(7).integers(1, 2 * plan.cycles + 4, 3):
        sent = np.array(reset_run(plan, numbers, int(cycle)))
        assert len(sent) >= plan.cycles
        got = split(plan, sent[:, None].view(np.uint8))
        count = min(len(sent), len(bits))
        keep = ~skip[:count]
        assert (got[0][:count] == bits[:count])[keep].all()
        assert (got[1][:count] == skip[:count]).all()
        assert (got[2][:count] == level[:count]).all()


def test_wrong():
    with pytest.raises(TypeError, match=r"^Word window plan must be a LayerPlan, not 3$"):
        WordWindow(3)
    layer = Dense("dense", np.zeros((2, 3), int), np.zeros(2, int))
    with pytest.raises(TypeError, match=r"^Word window needs a layer that is a Conv, not Dense\("):
        WordWindow(LayerPlan(layer, Fold(1, 1, "lut")))
