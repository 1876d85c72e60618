# amaranth: UnusedElaboratable=no
"""Networks with weights in SPRAM: loading, frames that arrive before its end, results."""

import json
import re

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator

from xnorloom.errors import ScheduleError
from xnorloom.export import testbench, verilog
from xnorloom.folding import automatic
from xnorloom.gateware.network import Network
from xnorloom.graph import Dense, Graph, Input, Score
from xnorloom.packing import load_words, pack_frames, unpack_results, weight_words
from xnorloom.schedule import Fold, LayerPlan, Schedule
from xnorloom_sim import harness
from xnorloom_sim.engines.verilator import wrapper
from xnorloom_sim.golden import evaluate
from xnorloom_sim.netlist.cell_models import models
from xnorloom_sim.simulation import Stall, compare, simulate

SIZES = (40, 21, 17, 5)
FOLDS = {
    # More lanes than a RAM has, lanes and neurons to fill up, other styles between, many passes.
    "first and last": (7, (Fold(3, 7, "spram"), Fold(2, 4, "block"), Fold(1, 5, "spram"))),
    "all": (40, (Fold(2, 40, "spram"), Fold(17, 1, "spram", 0), Fold(5, 6, "spram", 1))),
    "middle": (5, (Fold(7, 5, "lut"), Fold(17, 20, "spram"), Fold(5, 17, "wired"))),
}


@pytest.fixture(scope="module", params=[1, 2], ids=["1 bit", "2 bits"])
def setup(request, random_graph):
    bits = request.param
    graph = random_graph(np.random.default_rng(5), SIZES, bits)
    frames = np.random.default_rng(6).integers(0, 1 << bits, (9, SIZES[0]))
    return graph, frames, evaluate(graph, frames)


def words_of(layer, pe, simd):
    """Words of a layer, bit by bit as in docs/protocol.md."""
    folds = [-(-layer.inputs // simd), -(-layer.neurons // pe)]
    words = []
    for ram in range(-(-pe * simd // 16)):
        for j in range(folds[1]):
            for k in range(folds[0]):
                word = 0
                for bit in range(16):
                    p, s = divmod(16 * ram + bit, simd)
                    neuron, synapse = j * pe + p, k * simd + s
                    if p >= pe:
                        continue
                    there = neuron < layer.neurons and synapse < layer.inputs
                    word |= (int(layer.weights[neuron, synapse]) if there else 1) << bit
                words.append(word)
    return words


@pytest.mark.parametrize("width, folds", FOLDS.values(), ids=FOLDS)
def test_words(setup, width, folds):
    graph = setup[0]
    expected = [words_of(layer, fold.pe, fold.simd)
                for layer, fold in zip(graph.layers, folds) if fold.style == "spram"]
    found = load_words(Schedule(width, folds).bind(graph))
    assert found.dtype == np.uint16
    assert found.tolist() == sum(expected, [])
    first = graph.layers[0]
    assert weight_words(LayerPlan(first, Fold(3, 7, "spram"))).tolist() == words_of(first, 3, 7)
    assert load_words(automatic(graph).bind(graph)).tolist() == []


@pytest.mark.parametrize("pe", [1, 4, 5, 16, 17])
@pytest.mark.parametrize("simd", [1, 2, 9])
def test_words_of_any_fold(pe, simd):
    weights = np.random.default_rng(2).integers(0, 2, (max(pe, 5), 18))
    layer = Dense("dense", weights, np.zeros(len(weights), int))
    words = weight_words(LayerPlan(layer, Fold(pe, simd, "spram")))
    assert words.tolist() == words_of(layer, pe, simd)


@pytest.mark.parametrize("stall", [None, Stall(3, 0.3, 0.3), Stall(4, 0.9, 0.1)],
                         ids=["free", "stalls", "loading stalls"])
@pytest.mark.parametrize("width, folds", FOLDS.values(), ids=FOLDS)
def test_networks(setup, width, folds, stall):
    """Results, latency and interval as with block RAM; frames arrive before the weights."""
    graph, frames, golden = setup
    schedule = Schedule(width, folds)
    result = simulate(schedule.bind(graph), frames, engine="amaranth", stall=stall)
    assert compare(result, golden).mismatches == 0
    # No word of a frame goes in before the last of the weights.
    assert result.i_cycles[0] >= len(load_words(schedule.bind(graph)))
    if stall is None:
        times = Network(schedule.bind(graph))
        assert (result.latency, result.interval) == (times.latency, times.interval)
        block = [Fold(fold.pe, fold.simd, fold.style.replace("spram", "block"),
                      fold.register_every) for fold in folds]
        like = Network(Schedule(width, tuple(block)).bind(graph))
        assert (like.latency, like.interval) == (times.latency, times.interval)


def rows(words):
    return np.array(words, "<u2").view(np.uint8).reshape(-1, 2)


def test_engines_agree(setup):
    graph, frames, _ = setup
    schedule = Schedule(*FOLDS["first and last"])
    plan = schedule.bind(graph)
    words, network = pack_frames(plan, frames), Network(plan, scores=True)
    traces = [harness.run(network, words, len(frames), engine=engine, stall=Stall(1, 0.5, 0.5),
                        load=rows(load_words(schedule.bind(graph))))
              for engine in ("amaranth", "compiled")]
    for name in ("outputs", "i_cycles", "o_cycles"):
        assert np.array_equal(*(getattr(trace, name) for trace in traces))


@pytest.mark.parametrize("engine", ["amaranth", "compiled"])
def test_a_network_that_is_not_loaded_waits(setup, engine):
    graph, frames, _ = setup
    schedule = Schedule(*FOLDS["first and last"])
    words = pack_frames(schedule.bind(graph), frames)
    load = rows(load_words(schedule.bind(graph)))[:-1]
    with pytest.raises(harness.DeadlineError, match=(
            rf"^Cycle 2000: the run did not finish in time, 0 of {len(words)} words went in and 0 "
            rf"of 9 came out, {len(load)} of {len(load)} were loaded$")):
        harness.run(Network(schedule.bind(graph)), words, 9, engine=engine, load=load,
                    deadline=2000)


def test_load_wrong(setup):
    graph, frames, _ = setup
    schedule = automatic(graph)
    with pytest.raises(TypeError, match=r"^Component must have the stream load: In\(…\), not None"):
        harness.run(Network(schedule.bind(graph)), pack_frames(schedule.bind(graph), frames), 9,
                  load=np.zeros((1, 2), np.uint8))


def test_reload(setup):
    """Other weights first, or some of them; then the right ones."""
    graph, frames, golden = setup
    schedule = Schedule(*FOLDS["first and last"])
    network, right = Network(schedule.bind(graph)), load_words(schedule.bind(graph)).tolist()
    words = [int.from_bytes(word.tobytes(), "little")
             for word in pack_frames(schedule.bind(graph), frames)]
    found = []

    async def put(ctx, port, values):
        for value in values:
            ctx.set(port.payload, int(value))
            ctx.set(port.valid, 1)
            await ctx.tick().until(port.ready)
            ctx.set(port.valid, 0)

    async def source(ctx):
        for count in (len(right), 7):
            await put(ctx, network.load, [~word & 0xffff for word in right[:count]])
            assert ctx.get(network.loaded) == (count == len(right))
            ctx.set(network.reload, 1)
            await ctx.tick()
            ctx.set(network.reload, 0)
            assert ctx.get(network.loaded) == ctx.get(network.i.ready) == 0
        await put(ctx, network.load, right)
        assert ctx.get(network.loaded) == 1
        await put(ctx, network.i, words)

    async def sink(ctx):
        ctx.set(network.o.ready, 1)
        while len(found) < len(frames):
            _, _, valid, value = await ctx.tick().sample(network.o.valid, network.o.payload)
            if valid:
                found.append([value])

    top = Module()
    top.submodules.network = network
    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(source)
    simulator.add_testbench(sink)
    simulator.run()
    classes, _ = unpack_results(graph, np.array(found, np.uint8))
    assert np.array_equal(classes, golden.classes)


class UltraPlus:
    """The part of a platform that a table uses."""

    device = "iCE40UP5K"


def test_sprams_of_the_chip(setup):
    """The cells of the chip, by Yosys' models, agree cycle for cycle."""
    graph, frames, _ = setup
    schedule = Schedule(*FOLDS["first and last"])
    words, load = pack_frames(schedule.bind(graph), frames), rows(load_words(schedule.bind(graph)))
    plain, chip = (Network(schedule.bind(graph), scores=True) for _ in range(2))
    text = verilog.convert(chip, platform=UltraPlus())
    assert len(re.findall(r"^  SB_SPRAM256KA ", text, re.MULTILINE)) == 3
    wrapper.provide(chip, f"{models('ice40')}\n{text}")
    traces = [harness.run(network, words, len(frames), engine="compiled", load=load,
                        stall=Stall(2, 0.4, 0.4)) for network in (plain, chip)]
    for name in ("outputs", "i_cycles", "o_cycles"):
        assert np.array_equal(*(getattr(trace, name) for trace in traces))


def test_verilog_with_its_testbench(setup, verilate, tmp_path):
    graph, frames, golden = setup
    schedule = Schedule(*FOLDS["first and last"])
    network = Network(schedule.bind(graph), scores=True)
    paths = verilog.write(network, tmp_path)
    assert [path.name for path in paths] == ["bnn_random.v", "manifest.json", "bnn_random_load.hex"]
    assert [int(line, 16) for line in paths[2].read_text().splitlines()] == load_words(
        schedule.bind(graph)).tolist()
    values = json.loads(paths[1].read_text())
    assert (values["load"]["words"], values["load"]["word_bits"]) == (
        len(load_words(schedule.bind(graph))), 16)
    names = re.findall(r"^  (?:input|output) (?:\[\d+:0\] )?(\w+);$",
                       re.search(r"\nmodule bnn_random\(.*?endmodule", paths[0].read_text(),
                                 re.DOTALL)[0], re.MULTILINE)
    assert sorted(names) == sorted(port["name"] for port in values["ports"])
    testbench.write(network, tmp_path, frames, golden.classes, golden.scores)
    run = verilate(tmp_path, "bnn_random_tb", "bnn_random_tb.v", "bnn_random.v")
    times = Network(schedule.bind(graph))
    assert run().stdout.splitlines()[0] == (
        f"PASS 9 frames, latency {times.latency}, interval {times.interval}")
    for seed in (1, 2):
        assert run("+stall", f"+seed={seed}").stdout.splitlines()[0] == (
            "PASS 9 frames, with stalls")
    # A wrong weight is noticed.
    lines = paths[2].read_text().splitlines()
    paths[2].write_text("\n".join(f"{int(line, 16) ^ 0x7fff:04x}" for line in lines))
    assert run().stdout.startswith("FAIL frame 0: result is ")


def test_no_ports_without_spram(setup):
    network = Network(automatic(setup[0]).bind(setup[0]))
    assert not {"load", "loaded", "reload"} & set(network.signature.members)


@pytest.mark.parametrize("pe, simd, depth", [(1, 1, 16_400), (100, 164, 1)])
def test_depth_wrong(pe, simd, depth):
    graph = Graph("deep", Input((164,)), (
        Dense("first", np.ones((100, 164), int), np.full(100, 5)),
        Score("last", np.ones((3, 100), int), np.zeros(3, int))))
    schedule = Schedule(4, (Fold(pe, simd, "spram"), Fold(3, 100, "wired")))
    with pytest.raises(ScheduleError, match=rf"^style spram of layer 'first' needs 2 to 16,384 "
                                            rf"weight words per lane, not {depth:,}$"):
        schedule.bind(graph)
