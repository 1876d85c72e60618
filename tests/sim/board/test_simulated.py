"""Simulated boards: bytes through the serial port, faults, the end of the port."""

import functools
import os
import threading
import time

import numpy as np
import pytest
import serial
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from xnorloom.export import verilog
from xnorloom_sim.board.simulated import Faults, SerialDesign, SimulatedBoard

WAIT = 60


class Mirror(wiring.Component):
    """Each bit goes out two cycles after it came in."""

    def __init__(self):
        super().__init__({"rx": In(1), "tx": Out(1, init=1), "unused": In(3), "shown": Out(3)})

    def elaborate(self, platform):
        m = Module()
        before = Signal(init=1)
        m.d.sync += [before.eq(self.rx), self.tx.eq(before)]
        m.d.comb += self.shown.eq(self.unused)
        return m


VERILOG = """
module back (\\c[0] , \\r[0] , t, on, open);
  input wire \\c[0] ;
  input \\r[0] ;
  output reg t;
  input [1:0] on;
  inout open;
  initial t = 1;
  always @(posedge \\c[0] ) t <= \\r[0] | on != 2;
endmodule
"""


@functools.cache
def mirror_design():
    """The component as Verilog, which takes seconds to write."""
    return SerialDesign(verilog.convert(Mirror(), name="top"), "top")


def mirror(clock_hz=4, baud=1, **options):
    return SimulatedBoard(mirror_design(), clock_hz=clock_hz, baud=baud, **options)


def random_bytes(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, count, dtype=np.uint8).tobytes()


def through(board, data, count=None, *, more=False):
    """Return ``count`` bytes of the answer to ``data``; None for as many as it has.

    With ``more`` also the following bytes, until a pause.
    """
    with board, serial.Serial(board.path, timeout=WAIT) as port:
        port.write(data)
        taken = port.read(len(data) if count is None else count)
        port.timeout = 2
        while more and (block := port.read(max(1, port.in_waiting))):
            taken += block
    return taken


@pytest.mark.parametrize("clock_hz, baud", [
    (4, 1), (12_000_000, 3_000_000), (9, 2), (12_000_000, 921_600), (5, 1), (48_000_000, 115_200)])
def test_bytes_go_through(clock_hz, baud):
    data = bytes(range(256))
    board = mirror(clock_hz, baud)
    assert through(board, data) == data
    traffic = board.traffic
    assert (traffic.received, traffic.sent) == (256, 256)
    assert (traffic.malformed, traffic.faults_in, traffic.faults_out) == (0, 0, 0)
    # Each byte begins with a cycle, and the last one is taken before its end.
    assert traffic.cycles > 255 * (10 * clock_hz // baud)


def test_many_bytes_before_the_first_is_read():
    data = random_bytes(200_000)
    with mirror() as board, serial.Serial(board.path, timeout=WAIT) as port:
        writer = threading.Thread(target=port.write, args=[data])
        writer.start()
        writer.join(WAIT)
        assert port.read(len(data)) == data


def test_port_can_be_opened_again_and_has_no_line_editing():
    with mirror() as board:
        for data in b"\x03\x04\r\n\x11\x13\x7f", b"second":
            with serial.Serial(board.path, timeout=WAIT) as port:
                port.write(data)
                assert port.read(len(data)) == data
        # Nor before a host has set anything.
        end = os.open(board.path, os.O_RDWR | os.O_NOCTTY)
        os.write(end, b"\r\x03raw")
        taken = b""
        while len(taken) < 5:
            taken += os.read(end, 5)
        os.close(end)
        assert taken == b"\r\x03raw"


def test_stands_still_when_nobody_speaks():
    began = time.monotonic()
    with mirror() as board, serial.Serial(board.path, timeout=WAIT) as port:
        time.sleep(1)
        port.write(b"x")
        assert port.read(1) == b"x"
    # However long it took: 256 cycles in 2 ms, after twice 131,072 before it stands still; of
    # the millions of cycles a second that go by otherwise.
    assert board.traffic.cycles < 300_000 + 130_000 * (time.monotonic() - began)


def test_unplugged():
    with mirror() as board, serial.Serial(board.path, timeout=WAIT) as port:
        path = board.path
        timer = threading.Timer(0.2, board.unplug)
        timer.start()
        with pytest.raises(OSError):
            while True:
                port.read(1)
        timer.join()
    assert not os.path.exists(path)
    assert board.traffic.sent == 0


def test_runs_again():
    board = mirror(to_design=Faults(flipped=0.5), seed=7)
    first, second = through(board, bytes(100)), through(board, bytes(100))
    assert first == second != bytes(100)


def test_component():
    assert through(SimulatedBoard(Mirror(), clock_hz=4, baud=1), b"mirror") == b"mirror"


def test_verilog_of_other_names():
    design = SerialDesign(VERILOG, "back", clock="\\c[0]", rx="\\r[0]", tx="t",
                          constants={"on": 2})
    assert through(SimulatedBoard(design, clock_hz=4, baud=1), b"names") == b"names"


COUNT = 20_000


@pytest.mark.parametrize("direction", ["to_design", "from_design"])
@pytest.mark.parametrize("kind", ["lost", "flipped", "inserted"])
def test_faults(direction, kind):
    data = random_bytes(COUNT, 1)
    board = mirror(seed=3, **{direction: Faults(**{kind: 0.01})})
    taken = (through(board, data) if kind == "flipped"
             else through(board, data, COUNT - COUNT // 50, more=True))
    traffic = board.traffic
    faults, others = ((traffic.faults_in, traffic.faults_out) if direction == "to_design"
                      else (traffic.faults_out, traffic.faults_in))
    assert COUNT // 200 < faults < COUNT // 50
    assert others == 0
    assert len(taken) == COUNT + {"lost": -faults, "flipped": 0, "inserted": faults}[kind]
    if kind == "flipped":
        wrong = np.frombuffer(data, np.uint8) ^ np.frombuffer(taken, np.uint8)
        # The ninth bit that may flip on the way in is the stop bit.
        assert (wrong != 0).sum() + traffic.malformed == faults
        assert set(wrong[wrong != 0].tolist()) == {1 << bit for bit in range(8)}
        assert (traffic.malformed > 0) == (direction == "to_design")
    else:
        rest = iter(taken if kind == "inserted" else data)
        assert all(byte in rest for byte in (data if kind == "inserted" else taken))


def test_faults_of_a_seed():
    data = random_bytes(2000, 2)
    faults = {"to_design": Faults(0.01, 0.01, 0.01), "from_design": Faults(0.01, 0.01, 0.01)}
    # About as many are lost as are inserted, so that there are nearly all of 2000 in any case.
    first, same, other = (through(mirror(seed=seed, **faults), data, 1800) for seed in (1, 1, 2))
    assert first == same
    assert data[:1800] != first != other != data[:1800]


@pytest.mark.parametrize("options, error, message", [
    ({"clock_hz": 7, "baud": 2}, ValueError,
     "Baud rate must be at most a 4th of the clock frequency 7, not 2"),
    ({"clock_hz": 0}, ValueError, "Clock frequency must be at least 1, not 0"),
    ({"to_design": 0.5}, TypeError, "to_design must be Faults, not 0.5"),
    ({"from_design": 1}, TypeError, "from_design must be Faults, not 1"),
    ({"seed": -1}, ValueError, "Fault seed must be .*, not -1"),
])
def test_wrong(options, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        mirror(**options)


@pytest.mark.parametrize("options, error, message", [
    ({"lost": 1.0}, ValueError, "Fault probability lost must be at least 0 and below 1, not 1.0"),
    ({"flipped": -0.1}, ValueError,
     "Fault probability flipped must be at least 0 and below 1, not -0.1"),
    ({"inserted": "x"}, TypeError, "Fault probability inserted must be a number, not 'x'"),
    ({"lost": True}, TypeError, "Fault probability lost must be a number, not True"),
])
def test_faults_wrong(options, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        Faults(**options)


@pytest.mark.parametrize("design, message", [
    (SerialDesign("module a(input clk); endmodule", "b"),
     "Serial design must have the module 'b'"),
    (SerialDesign(VERILOG, "back"),
     r"Serial design must have the port 'clk' as its clock, not only .*, on, open, t"),
])
def test_design_wrong(design, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        SimulatedBoard(design, clock_hz=4, baud=1)


def test_use_wrong():
    with pytest.raises(TypeError, match="^Simulated board must be of a SerialDesign or a "
                                        "wiring.Component, not 'top'$"):
        SimulatedBoard("top", clock_hz=4, baud=1)
    board = mirror()
    with pytest.raises(ValueError, match="^Simulated board has its port inside `with` only$"):
        assert board.path
    with pytest.raises(ValueError, match="^Simulated board knows its traffic after `with` only$"):
        assert board.traffic
    with pytest.raises(ValueError, match="^Simulated board can be unplugged inside `with` only$"):
        board.unplug()
    with board, pytest.raises(ValueError, match="^Simulated board is in use already$"):
        board.__enter__()
