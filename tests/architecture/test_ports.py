# amaranth: UnusedElaboratable=no
"""Ports of all components: those of the docstring, with its direction, width and reset value."""

import inspect
import re

import numpy as np
import pytest
from amaranth.hdl import Shape
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from xnorloom.gateware.accumulator import Accumulator
from xnorloom.gateware.axi_stream import AxiStreamNetwork
from xnorloom.gateware.multiplier import Multiplier
from xnorloom.gateware.network import Network
from xnorloom.gateware.neuron import Neuron
from xnorloom.gateware.popcount import Popcount
from xnorloom.gateware.rom import Rom
from xnorloom.gateware.score_unit import ScoreUnit
from xnorloom.gateware.threshold import Threshold
from xnorloom.gateware.weight_ram import WeightRam
from xnorloom.gateware.wired import WiredNeurons
from xnorloom.gateware.xnor import XnorArray
from xnorloom.schedule import Fold, Schedule, WeightStyle
from xnorloom.sharing import solve
from xnorloom_boards.link.gateware.loader import Loader
from xnorloom_boards.link.gateware.parser import Parser
from xnorloom_boards.link.gateware.reader import Reader
from xnorloom_boards.link.gateware.replies import Replies
from xnorloom_boards.link.gateware.spi import Spi
from xnorloom_boards.link.gateware.uart import Uart, UartReceiver, UartTransmitter
from xnorloom_boards.link.protocol import Hello, LoadedLayer

LOADED = Hello(bytes(8), 4, 10, 1, 1, False, 2, (LoadedLayer(0, 1, 1),))
LINE = dict(clock_hz=96, baud=1)


def accumulator():
    return Accumulator(5, folds=3, planes=2, register_every=1, count_max=45)


COMPONENTS = {
    "XnorArray": lambda: XnorArray(5), "Popcount": lambda: Popcount(5),
    "Threshold": lambda: Threshold(5), "Rom": lambda: Rom([1, 2, 3], 2, WeightStyle.LUT),
    "WeightRam": lambda: WeightRam(13, 17), "Accumulator": accumulator,
    "Neuron": lambda: Neuron(accumulator()),
    "ScoreUnit": lambda: ScoreUnit(accumulator(), range(-3, 4), scales=range(3)),
    "WiredNeurons": lambda: WiredNeurons(solve([[1, -1], [1, 1]], [1, 2])),
    "Multiplier": lambda: Multiplier(range(9), range(5), range(-3, 4)),
    "Loader": lambda: Loader(0), "Parser": lambda: Parser(15, True),
    "Reader": lambda: Reader(LOADED), "Replies": lambda: Replies(LOADED, 4),
    "Uart": lambda: Uart(**LINE), "UartReceiver": lambda: UartReceiver(**LINE),
    "UartTransmitter": lambda: UartTransmitter(**LINE),
    "Spi": lambda: Spi(clock_hz=96, sck_hz=1, longest=5),
}


def documented(component) -> dict[str, tuple[str, str]]:
    """Direction and shape of the ports in the docstring."""
    text = inspect.getdoc(type(component)).partition("Members\n-------\n")[2]
    lines = re.findall(r"^(\w.*) : (?:(In|Out)\((.*)\)|(In|Out))$", text, re.M)
    return {name: (flow or only, shape) for names, flow, shape, only in lines
            for name in names.split(", ")}


def check(component):
    ports = documented(component)
    assert ports.keys() >= component.signature.members.keys()
    for name, member in component.signature.members.items():
        flow, text = ports[name]
        assert (name, member.flow.name) == (name, flow)
        number = re.fullmatch(r"(\d+)(?:, init=(\d+))?", text)
        if number is not None:
            width, init = number.groups()
            assert (name, Shape.cast(member.shape)) == (name, Shape(int(width)))
            assert (name, member.init or 0) == (name, int(init or 0))
        words = re.fullmatch(r"stream\.Signature\((\d+)\)", text)
        if words is not None:
            payload = member.signature.members["payload"].shape
            assert (name, Shape.cast(payload).width) == (name, int(words[1]))


@pytest.mark.parametrize("name", COMPONENTS)
def test_ports(name):
    check(COMPONENTS[name]())


def test_ports_of_a_network(random_graph):
    graph = random_graph(np.random.default_rng(1), [12, 5, 3])
    schedule = Schedule(4, (Fold(1, 3, "spram"), Fold(1, 1, "lut")))
    check(Network(schedule.bind(graph)))


def test_ports_of_a_network_with_axi_streams(random_graph):
    graph = random_graph(np.random.default_rng(1), [12, 5, 3])
    schedule = Schedule(4, (Fold(1, 3, "spram"), Fold(1, 1, "lut")))
    check(AxiStreamNetwork(Network(schedule.bind(graph))))


def test_probes_of_a_network(random_graph):
    graph = random_graph(np.random.default_rng(1), [12, 7, 5, 3])
    schedule = Schedule(4, (Fold(3, 4, "lut"), Fold(2, 7, "lut"), Fold(1, 1, "lut")))
    members = Network(schedule.bind(graph), probes=True).signature.members
    for name, pe in (("probe0", 3), ("probe1", 2)):
        probe = members[name]
        assert probe.flow == Out
        assert dict(probe.signature.members) == {"valid": Out(1), "payload": Out(pe)}
    assert "probe2" not in members


def test_all_components_are_here():
    found, waiting = set(), [wiring.Component]
    while waiting:
        waiting += (classes := waiting.pop().__subclasses__())
        found |= {value.__name__ for value in classes if value.__subclasses__() == [] and
                  value.__module__.startswith(("xnorloom.gateware", "xnorloom_boards.link"))}
    # Their ports are streams.
    streams = {"Argmax", "BatchArgmax", "BatchBuffer", "Fifo", "Layer", "Network", "OperandBuffer",
               "PacketCheck", "RegisterSlice", "ResultSerializer", "WordSplitter", "WordWindow",
               "LineBuffer", "ShiftWindow", "Link", "Framer", "Deframer"}
    # The first is tested above, with a graph; the second has the ports of another component.
    streams |= {"AxiStreamNetwork", "AxiClocked"}
    assert found - COMPONENTS.keys() <= streams
    assert COMPONENTS.keys() <= found
