# amaranth: UnusedElaboratable=no
"""Networks with AXI-Stream interfaces: packing, packets of any length, latency and interval."""

import numpy as np
import pytest
from amaranth.hdl import Cat, ClockDomain, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from xnorloom.gateware.axi_stream import AxiStreamNetwork
from xnorloom.gateware.network import Network
from xnorloom.graph import Conv, Graph, Input, Score, Window
from xnorloom.packing import load_words, pack_frames, pack_packets, unpack_results
from xnorloom.schedule import Fold, Schedule
from xnorloom_sim.golden import evaluate
from xnorloom_sim.harness import Stall, run


class Streams(wiring.Component):
    """The AXI-Streams as streams: TLAST above TDATA, and in results TUSER above both."""

    def __init__(self, dut):
        self.dut = dut
        members = {"i": In(stream.Signature(dut.tdata_width + 1)),
                   "o": Out(stream.Signature(dut.result_tdata_width + 2))}
        if dut.loadable:
            members["load"] = In(stream.Signature(16))
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        m.submodules.dut = dut = self.dut
        m.d.comb += [
            Cat(dut.s_axis_tdata, dut.s_axis_tlast).eq(self.i.payload),
            dut.s_axis_tvalid.eq(self.i.valid), self.i.ready.eq(dut.s_axis_tready),
            self.o.payload.eq(Cat(dut.m_axis_tdata, dut.m_axis_tlast, dut.m_axis_tuser)),
            self.o.valid.eq(dut.m_axis_tvalid), dut.m_axis_tready.eq(self.o.ready),
        ]
        if dut.loadable:
            m.d.comb += [dut.s_axis_load_tdata.eq(self.load.payload),
                         dut.s_axis_load_tvalid.eq(self.load.valid),
                         self.load.ready.eq(dut.s_axis_load_tready)]
        return m


def send(dut, tdata, tlast, *, stall=None, load=None, engine="amaranth"):
    """Send beats; return the trace, bytes of whole results and TUSER of each result."""
    packets, beats = int(tlast.sum()), dut.result_beats
    words = np.column_stack([tdata, tlast.astype(np.uint8)])
    trace = run(Streams(dut), words, packets * beats, stall=stall, load=load, engine=engine)
    size = dut.result_tdata_width // 8
    # TUSER is the same in all beats of a result, TLAST is in the last.
    ends = trace.outputs[:, size].astype(int).reshape(packets, beats)
    assert ends.tolist() == [[first[0] & ~1 | (beat == beats - 1) for beat in range(beats)]
                             for first in ends]
    return trace, trace.outputs[:, :size].reshape(packets, -1), ends[:, 0] >> 1 == 1


def check(network, frames, results, wanted=slice(None)):
    """Compare results with the golden model; bits above a result must be 0."""
    graph, scores = network.graph, network.scores
    size = -(-len(network.o.payload.as_value() if scores else network.o.payload) // 8)
    classes, found = unpack_results(graph, results[wanted, :size], scores=scores)
    golden = evaluate(graph, frames)
    np.testing.assert_array_equal(classes, golden.classes[wanted])
    if scores:
        np.testing.assert_array_equal(found, golden.scores[wanted])
    assert not results[:, size:].any()


# Sizes, bits, width of a word, folds, vectors.
NETWORKS = {
    "two planes": ((20, 12, 5), 2, 4, (Fold(5, 7, "block"), Fold(2, 5, "lut"))),
    "a frame each cycle": ((13, 6, 3), 1, 13, (Fold(6, 13, "wired"), Fold(3, 6, "wired"))),
    "word by word": ((21, 4), 1, 1, (Fold(4, 21, "lut"),)),
    "batches": ((20, 12, 5), 2, 7, (Fold(5, 7, "block", vectors=3),
                                    Fold(2, 5, "lut", vectors=3))),
}
WIDTHS = [None, 16, 64]


def frames_of(graph, count, seed=2):
    return np.random.default_rng(seed).integers(0, 1 << graph.input.bits,
                                                (count, *graph.input.shape))


@pytest.fixture
def make(random_graph):
    """``make(name, tdata_width, scores)``: a network of the table with AXI-Streams."""
    def network(name, tdata_width=None, scores=True):
        sizes, bits, width, folds = NETWORKS[name]
        graph = random_graph(np.random.default_rng(1), sizes, bits)
        return AxiStreamNetwork(Network(Schedule(width, folds).bind(graph), scores=scores),
                                tdata_width=tdata_width)
    return network


@pytest.mark.parametrize("scores", [False, True], ids=["class", "scores"])
@pytest.mark.parametrize("tdata_width", WIDTHS)
@pytest.mark.parametrize("name", NETWORKS)
def test_back_to_back(make, name, tdata_width, scores):
    dut = make(name, tdata_width, scores)
    count = (dut.steady_frames or 0) + 3 * dut.vectors + 8
    frames = frames_of(dut.graph, count)
    trace, results, wrong = send(dut, *pack_packets(dut.plan, dut.tdata_width, frames))
    check(dut.network, frames, results)
    assert not wrong.any()
    assert trace.o_cycles[0] - trace.i_cycles[0] == dut.latency
    first = trace.o_cycles[::dut.result_beats]
    assert (first[-4:] - first[-4 - dut.vectors:-dut.vectors] == dut.interval).all()


@pytest.mark.parametrize("stall", [Stall(3, 0.4, 0.4), Stall(4, 0.1, 0.9), Stall(5, 0.9, 0.1)],
                         ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_stalls(make, name, stall):
    dut = make(name, 24)
    frames = frames_of(dut.graph, 12)
    _, results, wrong = send(dut, *pack_packets(dut.plan, 24, frames), stall=stall)
    check(dut.network, frames, results)
    assert not wrong.any()


@pytest.mark.parametrize("stall", [None, Stall(3, 0.4, 0.4)], ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_packets_of_any_length(make, name, stall):
    """Wrong packets are marked, one result each; the others are right."""
    dut = make(name, 16)
    rng = np.random.default_rng(7)
    beats = dut.frame_beats
    frames = frames_of(dut.graph, 24)
    tdata, _ = pack_packets(dut.plan, 16, frames)
    packets, spoilt = np.split(tdata, 24), rng.random(24) < 0.5
    spoilt[:6], spoilt[-1] = [False, True, True, False, True, False], False
    for index in np.flatnonzero(spoilt):
        length = int(rng.choice([size for size in (1, beats - 1, beats + 1, 2 * beats)
                                 if size > 0 and size != beats]))
        more = rng.integers(0, 256, (2 * beats, 2), dtype=np.uint8)
        packets[index] = np.concatenate([packets[index], more])[:length]
    tlast = np.concatenate([np.arange(len(packet)) == len(packet) - 1 for packet in packets])
    tdata = np.concatenate(packets)
    trace, results, wrong = send(dut, tdata, tlast, stall=stall)
    np.testing.assert_array_equal(wrong, spoilt)
    check(dut.network, frames, results, ~spoilt)
    modelled = dut.model(tdata, tlast)
    np.testing.assert_array_equal(modelled.wrong, spoilt)
    np.testing.assert_array_equal(modelled.beats, trace.outputs[:, :2])


def test_what_is_ignored(make):
    """Bits above the words of a beat, and words after the last of a frame."""
    dut = make("two planes", 24)
    assert (dut.words_per_beat, dut.plan.words, dut.frame_beats) == (6, 10, 2)
    frames = frames_of(dut.graph, 5)
    tdata, tlast = pack_packets(dut.plan, 24, frames)
    # Words 4 and 5 of the second beat.
    tdata[1::2, 2] = 0xff
    check(dut.network, frames, send(dut, tdata, tlast)[1])
    dut = make("batches", 16)
    assert dut.words_per_beat * 7 == 14
    tdata, tlast = pack_packets(dut.plan, 16, frames)
    tdata[:, 1] |= 0xc0
    check(dut.network, frames, send(dut, tdata, tlast)[1])


def test_packing():
    """Element by element: word ``k`` of a beat is in bits ``k w`` to ``k w + w - 1``."""
    graph = Graph("bits", Input((11,)), (Score("score", np.ones((2, 11), int), [0, 1]),))
    plan = Schedule(3, (Fold(2, 3, "lut"),)).bind(graph)
    for element in range(11):
        tdata, tlast = pack_packets(plan, 8, np.eye(11, dtype=int)[element:element + 1])
        word = element // 3
        beat, bit = word // 2, word % 2 * 3 + element % 3
        expected = np.zeros((2, 1), np.uint8)
        expected[beat, 0] = 1 << bit
        np.testing.assert_array_equal(tdata, expected)
        assert tlast.tolist() == [False, True]
    np.testing.assert_array_equal(pack_packets(plan, 16, np.eye(11, dtype=int))[0].shape, (11, 2))
    np.testing.assert_array_equal(
        np.packbits(np.unpackbits(pack_frames(plan, np.ones((1, 11), int)), axis=1, count=3,
                                  bitorder="little").ravel(), bitorder="little"),
        pack_packets(plan, 16, np.ones((1, 11), int))[0][0])


@pytest.mark.parametrize("stall", [None, Stall(3, 0.4, 0.4)], ids=str)
def test_convolution(stall):
    rng = np.random.default_rng(1)
    graph = Graph("maps", Input((6, 5, 3), 2), (
        Conv("conv", rng.integers(0, 2, (4, 3, 3, 3)), rng.integers(30, 50, 4), Window((3, 3))),
        Score("score", rng.integers(0, 2, (3, 48)), [0, 0, 1])))
    plan = Schedule(2, (Fold(2, 3, "block"), Fold(3, 4, "lut"))).bind(graph)
    dut = AxiStreamNetwork(Network(plan, scores=True), tdata_width=32)
    frames = frames_of(graph, 9)
    trace, results, wrong = send(dut, *pack_packets(plan, 32, frames), stall=stall)
    check(dut.network, frames, results)
    assert not wrong.any()
    if stall is None:
        assert trace.o_cycles[0] - trace.i_cycles[0] == dut.latency
        assert (np.diff(trace.o_cycles)[dut.steady_frames - 1:] == dut.interval).all()


def test_weights_that_are_loaded(random_graph):
    graph = random_graph(np.random.default_rng(1), (12, 5, 3))
    plan = Schedule(4, (Fold(1, 3, "spram"), Fold(1, 1, "lut"))).bind(graph)
    dut = AxiStreamNetwork(Network(plan))
    frames = frames_of(graph, 6)
    weights = load_words(plan).astype("<u2").view(np.uint8).reshape(-1, 2)
    _, results, _ = send(dut, *pack_packets(plan, 8, frames), load=weights, stall=Stall(1, .3, .3))
    check(dut.network, frames, results)


@pytest.mark.parametrize("name", ["two planes", "batches"])
def test_reset(make, name):
    """A reset of one cycle amid packets and results leaves no trace of them."""
    dut = make(name, 16, scores=False)
    rng = np.random.default_rng(5)
    frames = frames_of(dut.graph, 3)
    tdata, tlast = pack_packets(dut.plan, 16, frames)
    m = Module()
    m.domains.sync = domain = ClockDomain()
    m.submodules.dut = dut
    rounds = []

    async def beat(ctx, word, last):
        ctx.set(dut.s_axis_tvalid, 1)
        ctx.set(dut.s_axis_tdata, word)
        ctx.set(dut.s_axis_tlast, int(last))
        await ctx.tick().until(dut.s_axis_tready)
        ctx.set(dut.s_axis_tvalid, 0)

    async def send_all(ctx):
        for _ in range(8):
            # A receiver that takes no result, so that some are left at the reset.
            ctx.set(dut.m_axis_tready, int(rng.integers(2)))
            for _ in range(int(rng.integers(1, dut.vectors * dut.frame_beats + 1))):
                await beat(ctx, int(rng.integers(1 << 16)), rng.random() < 0.2)
            await ctx.tick().repeat(int(rng.integers(1, 80)))
            ctx.set(domain.rst, 1)
            await ctx.tick()
            ctx.set(domain.rst, 0)
            ctx.set(dut.m_axis_tready, 1)
            rounds.append([])
            for word, last in zip(tdata, tlast):
                await beat(ctx, int.from_bytes(word.tobytes(), "little"), last)
            await ctx.tick().repeat(3 * dut.interval + dut.latency)

    async def receive(ctx):
        async for *_, reset, valid, ready, word, user in ctx.tick().sample(
                domain.rst, dut.m_axis_tvalid, dut.m_axis_tready, dut.m_axis_tdata,
                dut.m_axis_tuser):
            if rounds and valid and ready and not reset:
                rounds[-1].append((word, user))

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(send_all)
    simulator.add_testbench(receive, background=True)
    simulator.run()
    expected = [(label, 0) for label in evaluate(dut.graph, frames).classes.tolist()]
    # Rounds also have what came between their last result and the next reset.
    assert [found[:3] for found in rounds] == [expected] * 8
    assert rounds[-1] == expected


def test_numbers(make):
    dut = make("two planes", 64)
    assert (dut.tdata_width, dut.result_tdata_width) == (64, 64)
    assert (dut.words_per_beat, dut.frame_beats) == (16, 1)
    assert dut.latency == dut.network.latency - 9
    dut = make("two planes", None, scores=False)
    assert (dut.tdata_width, dut.result_tdata_width) == (8, 8)
    assert (dut.words_per_beat, dut.frame_beats, dut.result_beats) == (2, 5, 1)
    assert repr(dut) == f"AxiStreamNetwork({dut.network!r}, tdata_width 8)"
    # A result of many beats takes longer than a frame.
    dut = make("a frame each cycle", 16)
    assert (dut.network.interval, dut.result_beats, dut.interval) == (1, 5, 5)


@pytest.mark.parametrize("tdata_width, error, message", [
    (12, ValueError, "AxiStreamNetwork tdata_width must be a multiple of 8, not 12"),
    (8, ValueError, "AxiStreamNetwork tdata_width must be at least the input_width of the "
                    "schedule, 13, not 8"),
    (0, ValueError, "AxiStreamNetwork tdata_width must be in 8 to 4096, not 0"),
    (4104, ValueError, "AxiStreamNetwork tdata_width must be in 8 to 4096, not 4104"),
    ("32", TypeError, "AxiStreamNetwork tdata_width must be an integer, not '32'"),
])
def test_width_wrong(make, tdata_width, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        make("a frame each cycle", tdata_width)


def test_network_wrong(make):
    plan = make("two planes").plan
    with pytest.raises(TypeError, match=r"^AxiStreamNetwork network must be a Network, not 3$"):
        AxiStreamNetwork(3)
    with pytest.raises(ValueError, match=r"^AxiStreamNetwork network must have no probes, not "
                                         r"probe0$"):
        AxiStreamNetwork(Network(plan, probes=True))
