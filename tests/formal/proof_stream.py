# amaranth: UnusedElaboratable=no
"""Proof of the register slice: a queue of two words."""

from xnorloom.gateware import stream


def contract(h):
    """Words leave in order, none lost or repeated; latency and room are those of the contract."""
    i, o = h.dut.i, h.dut.o
    h.held(o)
    queue = h.queue(2, 2)
    queue.move(i.valid & i.ready, i.payload, o.valid & o.ready)
    h.check(o.valid == (queue.level > 0))
    h.check(~o.valid | (o.payload == queue.head))
    h.check(i.ready == (queue.level < 2))

    h.helper(queue.level == o.valid + h.peek("spare_valid"))
    h.helper(~h.peek("spare_valid") | (h.peek("spare") == queue.item(1)))


def test_register_slice(prove):
    prove(stream.RegisterSlice(2), contract, depth=1)


def test_broken(prove):
    broken = prove.copy(stream, ("spare_valid.eq(1)", "spare_valid.eq(0)"))
    prove.refute(broken.RegisterSlice(2), contract)
