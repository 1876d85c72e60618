"""Names of Verilog modules and of files, from the name of a network."""

import re

from ..graph import Graph
from ..support.text import quoted
from .interfaces import Core

__all__ = ["check_name", "file_stem", "module_name"]

# Reserved words of Verilog and SystemVerilog (IEEE 1800-2017).
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
# Short enough for a file name on every platform, with prefixes and suffixes.
_LONGEST = 60
# The same for the start of a file name; encrypted file systems take 143 bytes.
_LONGEST_STEM = 100


def check_name(name: str) -> str:
    """Return ``name`` if it can be the name of a Verilog module.

    Raises
    ------
    TypeError, ValueError
        If it is no identifier of at most 60 characters, or a keyword of (System)Verilog.
    """
    if not isinstance(name, str):
        raise TypeError(f"Module name must be a string, not {quoted(name)}")
    if not re.fullmatch(rf"[A-Za-z_][0-9A-Za-z_]{{0,{_LONGEST - 1}}}", name):
        raise ValueError(f"Module name must be 1 to {_LONGEST} letters, digits and underscores, "
                         f"the first no digit, not {quoted(name)}")
    if name in _KEYWORDS:
        raise ValueError(f"Module name must be no keyword of (System)Verilog, not {name!r}")
    return name


def module_name(network: Core, name: str | None = None) -> str:
    """Return ``name``, or the default ``bnn_<name of the graph>``, as the name of the module.

    In the default, characters that no identifier has become ``_``, and it is cut to 60 characters;
    a changed name ends with the start of the digest, which keeps names distinct.

    Raises
    ------
    TypeError, ValueError
        See :func:`check_name`; never for the default.
    """
    if name is not None:
        return check_name(name)
    graph = network.graph
    plain = re.sub(r"[^0-9A-Za-z_]", "_", graph.name)
    return _distinct(f"bnn_{plain}", graph, _LONGEST, changed=plain != graph.name)


def file_stem(graph: Graph) -> str:
    """Return the start of names of files for ``graph``, for every file system.

    It has at most 100 letters, digits, ``_`` and ``.`` of the name of the graph. A longer name is
    cut, and ends with the start of the digest.
    """
    plain = re.sub(r"[^A-Za-z0-9_.]+", "_", graph.name).strip("_.") or "network"
    return _distinct(plain, graph, _LONGEST_STEM)


def _distinct(name: str, graph: Graph, longest: int, *, changed: bool = False) -> str:
    """``name``, with the start of the digest if it is ``changed`` or longer than ``longest``."""
    end = f"_{graph.digest[:8]}"
    if len(name) + (len(end) if changed else 0) > longest:
        return name[:longest - len(end)] + end
    return name + end if changed else name
