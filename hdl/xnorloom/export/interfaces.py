"""Interfaces of emitted cores: their ports, and the words about them in the manifest."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from amaranth.lib import wiring

from ..gateware.axi_clocked import AxiClocked
from ..gateware.axi_stream import AxiStreamNetwork
from ..gateware.network import Network

__all__ = ["INTERFACES", "Core", "Interface", "interface_of"]

Core: TypeAlias = Network | AxiStreamNetwork


@dataclass(frozen=True)
class Interface:
    """Interface of a core.

    Parameters
    ----------
    name : str
        Name for users.
    top : callable
        Component that becomes the Verilog module of a core.
    clock, reset, handshake : str
        Sentences of the manifest.
    clocking : dict of str
        Clock and reset ports that the component does not have, and their meanings.
    meanings : dict of str
        Meanings of the other ports.
    """

    name: str
    top: Callable[[Core], wiring.Component]
    clock: str
    reset: str
    handshake: str
    clocking: dict[str, str]
    meanings: dict[str, str]


_LOADED = {
    "loaded": "all weights are loaded",
    "reload": "discards the weights, to load them again; only while no frame is in the core",
}

_STREAM = Interface(
    name="stream",
    top=lambda core: core,
    clock="clk, rising edge",
    reset="rst, synchronous, active high",
    handshake="a word is transferred at each rising edge at which valid and ready are high; "
              "once valid is high, valid and payload hold until the transfer",
    clocking={"clk": "clock", "rst": "synchronous reset"},
    meanings={
        "i__payload": "word of a frame", "i__valid": "i__payload is valid",
        "i__ready": "the core is ready for a word of a frame",
        "o__payload": "result of a frame", "o__valid": "o__payload is valid",
        "o__ready": "the receiver is ready for a result",
        "load__payload": "word of weights", "load__valid": "load__payload is valid",
        "load__ready": "the core is ready for a word of weights",
        **_LOADED,
    })

_AXI_STREAM = Interface(
    name="axi-stream",
    top=AxiClocked,
    clock="aclk, rising edge",
    reset="aresetn, synchronous, active low",
    handshake="AXI4-Stream; a beat is transferred at each rising edge at which tvalid and tready "
              "are high; once tvalid is high, tvalid, tdata, tlast and tuser hold until the "
              "transfer",
    clocking={},
    meanings={
        "aclk": "clock", "aresetn": "synchronous reset, active low",
        "s_axis_tdata": "beat of a frame", "s_axis_tvalid": "s_axis_tdata is valid",
        "s_axis_tready": "the core is ready for a beat of a frame",
        "s_axis_tlast": "last beat of a frame",
        "m_axis_tdata": "beat of a result", "m_axis_tvalid": "m_axis_tdata is valid",
        "m_axis_tready": "the receiver is ready for a beat of a result",
        "m_axis_tlast": "last beat of a result",
        "m_axis_tuser": "the packet of this result had the wrong length",
        "s_axis_load_tdata": "word of weights", "s_axis_load_tvalid": "s_axis_load_tdata is valid",
        "s_axis_load_tready": "the core is ready for a word of weights",
        **_LOADED,
    })

INTERFACES: dict[type, Interface] = {Network: _STREAM, AxiStreamNetwork: _AXI_STREAM}


def interface_of(core: Core) -> Interface:
    """Return the interface of a core.

    Raises
    ------
    TypeError
        If it is no core.
    """
    for kind, interface in INTERFACES.items():
        if isinstance(core, kind):
            return interface
    raise TypeError(f"Core must be a Network or an AxiStreamNetwork, not {core!r}")
