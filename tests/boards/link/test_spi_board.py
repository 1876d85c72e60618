# amaranth: UnusedElaboratable=no
"""Host and gateware over SPI: pyftdi, a stand-in of its chip, and the pins of a simulation."""

from dataclasses import replace

import numpy as np
import pytest
import usb.core

from xnorloom.graph import Graph
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards.design.top import Core
from xnorloom_boards.errors import NoAnswerError, PortError, WrongBitstreamError
from xnorloom_boards.link.connection import Connection
from xnorloom_boards.link.kind import LinkKind
from xnorloom_boards.link.protocol import END
from xnorloom_boards.link.spi_port import open_spi
from xnorloom_sim.board.ftdi import FtdiDevice
from xnorloom_sim.board.spi import SimulatedSpi
from xnorloom_sim.golden import evaluate

SCHEDULE = Schedule(8, (Fold(4, 8, "lut"), Fold(2, 6, "lut")))
CLOCK, SCK = 36_000_000, 30_000_000
WAKE = 0xab


@pytest.fixture(scope="module")
def graph(random_graph):
    random = random_graph(np.random.default_rng(8), [1_000, 12, 4])
    return Graph("small", random.input, random.layers)


@pytest.fixture(scope="module")
def frames(graph):
    return np.random.default_rng(9).integers(0, 2, (400, 1_000), dtype=np.uint8)


def core(graph, **options):
    given = {"clock_hz": CLOCK, "baud": SCK, "scores": True, "board": 1, "link": LinkKind.SPI}
    return Core(graph, SCHEDULE, **given | options)


class Wires:
    """Pins between chip and board that damage bytes, and keep the first one of each burst."""

    def __init__(self, board, rate=0.0, seed=0):
        self.board, self.rate, self.rng = board, rate, np.random.default_rng(seed)
        self.first, self.fresh, self.damaged = set(), True, 0

    def set_frequency(self, hz):
        self.board.set_frequency(hz)

    def select(self, level):
        self.fresh = True
        self.board.select(level)

    def noisy(self, data):
        hits = self.rng.random(len(data)) < self.rate
        self.damaged += int(hits.sum())
        flips = np.where(hits, 1 << self.rng.integers(0, 8, len(data)), 0).astype(np.uint8)
        return (np.frombuffer(data, np.uint8) ^ flips).tobytes()

    def exchange(self, data):
        if self.fresh:
            self.first.add(data[0])
        self.fresh = False
        return self.noisy(self.board.exchange(self.noisy(data)))


def connect(wires, graph, **options):
    port = open_spi(usb.core.Device(0, FtdiDevice(wires)), options.get("baud", SCK))
    return Connection(port, graph, **{"baud": SCK, "timeout": 30} | options)


def test_board(graph, frames):
    design = core(graph)
    # So short a network answers each frame before the next one.
    assert design.hello.credits == 128
    with SimulatedSpi(design, clock_hz=CLOCK, seed=1) as board:
        wires = Wires(board)
        with connect(wires, graph) as connection:
            assert connection.hello == design.hello
            classes, scores = connection.results(frames)
            again, _ = connection.results(frames[:3])
    wanted = evaluate(graph, frames)
    assert (classes == wanted.classes).all() and (scores == wanted.scores).all()
    assert (again == wanted.classes[:3]).all()
    assert not any(vars(connection.faults).values())
    # No burst begins with the command that wakes the flash on these wires.
    assert wires.first == {END}
    # Frames follow each other: few bytes of the line are neither those of frames nor stuffing.
    frame = design.hello.frame_bytes + 5
    assert len(frames) * frame < board.traffic.bytes < 1.1 * len(frames) * frame + 2_000


@pytest.mark.parametrize("clock, sck, credits", [
    (12_000_000, 30_000_000, 1), (12_000_000, 15_000_000, 1), (48_000_000, 30_000_000, 128),
    (25_000_000, 6_000_000, 128), (7_500_000, 30_000_000, 1)])
def test_clocks(graph, frames, clock, sck, credits):
    design = core(graph, clock_hz=clock, baud=sck)
    assert design.hello.credits == credits
    with SimulatedSpi(design, clock_hz=clock, seed=2) as board:
        with connect(Wires(board), graph, baud=sck) as connection:
            classes = connection.classify_frames(frames[:60])
    assert (classes == evaluate(graph, frames[:60]).classes).all()
    assert not any(vars(connection.faults).values())


@pytest.mark.parametrize("seed", range(3))
def test_damage(graph, frames, seed):
    # Both directions damaged: every frame is answered, each answer is the right one.
    with SimulatedSpi(core(graph), clock_hz=CLOCK, seed=seed) as board:
        wires = Wires(board, 0.002, seed)
        with connect(wires, graph, timeout=0.5, retries=100) as connection:
            classes, scores = connection.results(frames)
    wanted = evaluate(graph, frames)
    assert (classes == wanted.classes).all() and (scores == wanted.scores).all()
    assert wires.damaged and connection.faults.resent


def test_too_fast(graph, frames):
    # A host with more credits than the board: frames are refused and sent again, none is lost.
    design = core(graph, clock_hz=12_000_000)
    with SimulatedSpi(design, clock_hz=12_000_000) as board:
        with connect(Wires(board), graph, timeout=0.5, retries=100) as connection:
            connection._hello = replace(connection.hello, credits=128)
            connection._session.same = lambda hello: connection._session.hello()
            classes = connection.classify_frames(frames[:100])
    assert (classes == evaluate(graph, frames[:100]).classes).all()


def test_unplugged(graph, frames):
    with SimulatedSpi(core(graph), clock_hz=CLOCK) as board:
        with connect(Wires(board), graph) as connection:
            board.unplug()
            with pytest.raises(PortError, match=r"^port given went away: the simulated board is "
                                                r"not there$"):
                connection.classify_frames(frames[:2])


@pytest.mark.parametrize("level", [0x00, 0xff])
def test_no_board(level):
    class Nothing(Wires):
        def exchange(self, data):
            return bytes([level]) * len(data)

        def select(self, level):
            pass

        def set_frequency(self, hz):
            pass

    with pytest.raises(NoAnswerError, match=r"^\d+ bytes came on port given at 30000000 baud, "):
        connect(Nothing(None), None, timeout=0.1, retries=2)


def test_other_network(graph, random_graph):
    other = random_graph(np.random.default_rng(4), [1_000, 12, 4])
    with SimulatedSpi(core(graph), clock_hz=CLOCK) as board:
        with pytest.raises(WrongBitstreamError, match=r"^the board on port given holds the netw"):
            connect(Wires(board), Graph("other", other.input, other.layers))


def test_simulation_wrong(graph):
    with pytest.raises(ValueError, match=r"^Simulated SPI must have the ports cs, sck, copi and "
                                         r"cipo, not only "):
        SimulatedSpi(core(graph, link=LinkKind.UART, baud=3_000_000), clock_hz=CLOCK)
    with pytest.raises(TypeError, match=r"^Simulated SPI must be of a wiring.Component, not 'x'$"):
        SimulatedSpi("x", clock_hz=CLOCK)
    board = SimulatedSpi(core(graph), clock_hz=CLOCK)
    with pytest.raises(OSError, match=r"^the simulated board is not there$"):
        board.exchange(b"x")
    with pytest.raises(ValueError, match=r"^Simulated SPI knows its traffic after `with` only$"):
        _ = board.traffic
