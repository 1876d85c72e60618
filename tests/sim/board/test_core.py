"""The whole design for a board at a real serial port, with the host program.

A simulated board runs 4 cycles per bit, so that no part is faster than the line.
"""

import json
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import serial

from xnorloom.export import verilog
from xnorloom.folding import automatic
from xnorloom.graph import Graph
from xnorloom.graph.pixels import top_bits
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards import find
from xnorloom_boards.design.top import Core
from xnorloom_boards.errors import LinkError, PortError, WrongBitstreamError
from xnorloom_boards.link import connection as host
from xnorloom_cli.main import main
from xnorloom_sim import data
from xnorloom_sim.board.simulated import Faults, SerialDesign, SimulatedBoard
from xnorloom_sim.golden import evaluate

MODEL = Path(__file__).parents[3] / "models" / "tfc.bnn"
CYCLES = 4
# The simulation is slower than any board; with less time a busy machine loses answers.
OPTIONS = {"baud": 100_000, "timeout": 10.0}


@pytest.fixture(scope="module")
def tfc():
    return Graph.load(MODEL)


@pytest.fixture(scope="module")
def core(tfc):
    """Small and slow, so that it compiles fast, and as fast as the line; converted only once."""
    folds = (Fold(2, 16, "block"), Fold(1, 8, "block"), Fold(1, 8, "block"), Fold(1, 8, "lut"))
    core = Core(tfc, Schedule(8, folds), clock_hz=CYCLES, baud=1, leds=3)
    return SerialDesign(verilog.convert(core, name="top"), "top")


@pytest.fixture(scope="module")
def small(random_graph):
    """A graph with few bytes per frame, its frames, and their golden results."""
    graph = random_graph(np.random.default_rng(3), (40, 12, 7), bits=2)
    frames = np.random.default_rng(4).integers(0, 4, (400, 40), dtype=np.uint8)
    return graph, frames, evaluate(graph, frames)


@pytest.fixture(scope="module")
def design(small):
    """The small graph with scores, converted to Verilog once."""
    core = Core(small[0], automatic(small[0], 20), clock_hz=CYCLES, baud=1, scores=True,
                board=find("upduino_v3").number)
    return SerialDesign(verilog.convert(core), "top")


def board(core, **options):
    return SimulatedBoard(core, clock_hz=CYCLES, baud=1, **options)


def test_a_thousand_images(tfc, core):
    images = data.load("mnist:test").images[:1000]
    with board(core) as simulated, host.open(simulated.path, tfc, **OPTIONS) as b:
        classes = b.classify(images)
        assert b.faults.resent == b.faults.damaged == b.faults.reported == 0
    assert np.array_equal(classes, evaluate(tfc, top_bits(images, 1)).classes)
    traffic = simulated.traffic
    assert traffic.malformed == 0
    # The line is never idle for long: 98 bytes and those around them.
    assert traffic.received < 1000 * 108
    assert traffic.cycles < 1000 * 108 * 10 * CYCLES * 1.5


@pytest.mark.parametrize("scores", [False, True])
def test_scores(small, scores):
    graph, frames, golden = small
    design = Core(graph, automatic(graph, 20), clock_hz=CYCLES, baud=1, scores=scores)
    with board(design) as simulated, host.open(simulated.path, graph, **OPTIONS) as b:
        assert b.hello == design.hello
        classes, values = b.results(frames)
    assert np.array_equal(classes, golden.classes)
    assert np.array_equal(values, golden.scores) if scores else values is None


def test_several_frames_at_once(small):
    """The frames of the link go to all columns in turn, one at a time, and their answers come."""
    graph, frames, golden = small
    folds = (Fold(3, 8, "block", vectors=3), Fold(2, 5, "lut", vectors=3))
    design = Core(graph, Schedule(8, folds), clock_hz=CYCLES, baud=1, scores=True)
    with board(design) as simulated, host.open(simulated.path, graph, **OPTIONS) as b:
        classes, values = b.results(frames[:50])
        assert b.faults.resent == 0
    assert np.array_equal(classes, golden.classes[:50])
    assert np.array_equal(values, golden.scores[:50])


RATES = {
    "lost": Faults(lost=0.002), "flipped": Faults(flipped=0.002),
    "inserted": Faults(inserted=0.002), "all": Faults(0.001, 0.001, 0.001),
}


@pytest.mark.parametrize("direction", ["to_design", "from_design", "both"])
@pytest.mark.parametrize("kind", RATES)
def test_faults_are_recovered(small, design, kind, direction):
    """A frame with a fault is sent again; no class is wrong."""
    graph, frames, golden = small
    ways = ["to_design", "from_design"] if direction == "both" else [direction]
    simulated = board(design, seed=5, **dict.fromkeys(ways, RATES[kind]))
    with simulated, host.open(simulated.path, graph, baud=100_000, timeout=1, retries=60) as b:
        for _ in range(2):
            classes, values = b.results(frames)
            assert np.array_equal(classes, golden.classes)
            assert np.array_equal(values, golden.scores)
        said = b.faults
    traffic = simulated.traffic
    assert (traffic.faults_in > 5) == ("to_design" in ways)
    assert (traffic.faults_out > 5) == ("from_design" in ways)
    assert said.resent + said.damaged + said.reported + said.late > 0


@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_hopeless_lines_end_in_an_error(small, design, rate):
    graph, frames, golden = small
    faults = Faults(rate / 3, rate / 3, rate / 3)
    ends = Counter()
    for seed in range(4):
        with board(design, to_design=faults, from_design=faults, seed=seed) as simulated:
            try:
                with host.open(simulated.path, graph, baud=100_000, timeout=0.1,
                                          retries=3) as b:
                    assert np.array_equal(b.results(frames)[0], golden.classes)
                ends["done"] += 1
            except LinkError as error:
                assert str(simulated.path) in str(error) and "\n" not in str(error)
                ends["error"] += 1
    assert ends["error"] == 4


def test_garbage_and_half_a_message_before(small, design):
    """Bytes of a program that was interrupted do no harm."""
    graph, frames, golden = small
    with board(design) as simulated:
        for garbage in b"\xff" * 300, np.random.default_rng(1).bytes(3000), b"\x02\x07half":
            with serial.Serial(simulated.path) as port:
                port.write(garbage)
            with host.open(simulated.path, graph, **OPTIONS) as b:
                assert np.array_equal(b.results(frames[:20])[0], golden.classes[:20])


def test_another_bitstream(tfc, small, design):
    graph, _, _ = small
    with board(design) as simulated:
        with pytest.raises(WrongBitstreamError, match=(
                f"^the board on port {simulated.path} holds the network {graph.digest[:16]}, "
                f"wanted {tfc.digest[:16]} ")):
            host.open(simulated.path, tfc, **OPTIONS)
    # Not a single frame.
    assert simulated.traffic.received < 50


def test_port_that_disappears(tfc, core):
    images = np.zeros((5000, 784), np.uint8)
    with board(core) as simulated:
        path = simulated.path
        with host.open(path, tfc, **OPTIONS) as b:
            timer = threading.Timer(0.5, simulated.unplug)
            timer.start()
            with pytest.raises(PortError, match=f"^port {path} went away: .+$"):
                b.classify(images)
            timer.join()
        with pytest.raises(PortError, match=f"^.*{path}.*$"):
            host.open(path, tfc, **OPTIONS)


def test_command(tfc, core, capsys):
    """`xnorloom run`, as for a board; a pseudo-terminal ignores the rate."""
    with board(core) as simulated:
        status = main(["run", str(MODEL), "--board", "icebreaker", "--port", simulated.path,
                       "--baud", "100000", "--data", "mnist:bundled", "--limit", "60", "--json"])
    values = json.loads(capsys.readouterr().out)
    assert status == 0
    assert (values["frames"], values["mismatches"]) == (60, 0)
    assert values["correct"] > 50


@pytest.mark.parametrize("name, status", [("upduino_v3", 0), ("icebreaker", 2)])
def test_command_on_another_board(small, design, tmp_path, capsys, name, status):
    """A board that is not the one of the command line is refused, also with the right network."""
    graph, _, _ = small
    graph.save(tmp_path / "small.bnn")
    np.savez(tmp_path / "images.npz",
             images=np.random.default_rng(5).integers(0, 256, (30, 40), dtype=np.uint8))
    with board(design) as simulated:
        port = simulated.path
        assert main(["run", str(tmp_path / "small.bnn"), "--board", name, "--port", port,
                     "--baud", "100000", "--data", str(tmp_path / "images.npz")]) == status
    if status:
        assert capsys.readouterr().err == (
            f"xnorloom: error: the board on port {port} is upduino_v3 "
            f"(UPduino 3), wanted icebreaker; name the board that is there, or flash a bitstream "
            f"that was built for icebreaker; see docs/first-board.md#if-it-does-not-work\n")
