"""Clock and reset ports as AMBA names them."""

from amaranth.hdl import ClockDomain, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In

__all__ = ["AxiClocked"]


class AxiClocked(wiring.Component):
    """Component of domain ``sync`` with clock and reset as AMBA names them.

    Parameters
    ----------
    component : wiring.Component
        Component whose ports are no interfaces, such as
        :class:`~xnorloom.gateware.axi_stream.AxiStreamNetwork`.

    Members
    -------
    aclk : In(1)
        Clock, rising edge.
    aresetn : In(1)
        Reset, synchronous, active low.
    … :
        The ports of ``component``.
    """

    def __init__(self, component: wiring.Component):
        self._component = component
        super().__init__({"aclk": In(1), "aresetn": In(1), **component.signature.members})

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = sync = ClockDomain(local=True)
        # The same signal, since one assigned from it would tick a step later in simulations.
        sync.clk = self.aclk
        m.d.comb += sync.rst.eq(~self.aresetn)
        m.submodules.core = self._component
        for name, member in self._component.signature.members.items():
            inner, outer = getattr(self._component, name), getattr(self, name)
            m.d.comb += inner.eq(outer) if member.flow == In else outer.eq(inner)
        return m
