# amaranth: UnusedElaboratable=no
"""Proof of the packet check: whatever the packets, each gives one frame, with the right verdict."""

from amaranth.hdl import Mux, Signal

from xnorloom.gateware import packet_check

BEATS = 3


def contract(h):
    """A frame has the beats of its packet, then zeros; what a packet has more is dropped."""
    m, i, o, wrong = h.m, h.dut.i, h.dut.o, h.dut.wrong
    # The sender holds its beat, and the receiver of verdicts stays ready.
    waiting, before = Signal(), Signal.like(i.payload, reset_less=True)
    ready = Signal()
    m.d.sync += [waiting.eq(i.valid & ~i.ready), before.eq(i.payload),
                 ready.eq(wrong.ready & ~wrong.valid)]
    h.assume(~waiting | (i.valid & (i.payload.as_value() == before.as_value())))
    h.assume(~ready | wrong.ready)

    sent, length, ended = Signal(range(BEATS + 1)), Signal(range(BEATS + 2)), Signal()
    took, gave = i.valid & i.ready, o.valid & o.ready
    sent_next, ended_next = sent + gave, ended | (took & i.payload.last)
    length_next = Mux(length > BEATS, length, length + took)
    complete = (sent_next == BEATS) & ended_next
    m.d.sync += [sent.eq(Mux(complete, 0, sent_next)), ended.eq(ended_next & ~complete),
                 length.eq(Mux(complete, 0, length_next))]

    h.held(o)
    # A beat of the packet while it lasts, and a zero after its end.
    h.check(~gave | Mux(ended, ~took & (o.payload == 0), took & (o.payload == i.payload.data)))
    h.check(~gave | (sent < BEATS))
    # Only beats after the frame are dropped.
    h.check(~took | gave | (sent == BEATS))
    h.check(wrong.valid == (gave & (sent == BEATS - 1)))
    right = ended_next & (length_next == BEATS)
    h.check(~wrong.valid | (wrong.payload == ~right))
    h.progress(1, o.ready & wrong.ready & (i.valid | ended), took | gave)

    h.helper(h.peek("padding") == ended)
    h.helper(h.peek("dropping") == (sent == BEATS))
    h.helper(~(ended & (sent == BEATS)))
    h.helper(h.peek("beat") == Mux(sent == BEATS, 0, sent))
    h.helper(h.peek("beat_last") == (sent == BEATS - 1))
    # While a packet lasts, its beats are those of the frame; it ended before its length.
    h.helper(ended | (sent == BEATS) | (length == sent))
    h.helper(~ended | (length < BEATS))
    h.helper((sent != BEATS) | (length >= BEATS))


def test_packet_check(prove):
    prove(packet_check.PacketCheck(2, beats=BEATS), contract, depth=1)


def test_broken(prove):
    for old, new in [
            ("dropping.eq(last & ~padding & ~self.i.payload.last)", "dropping.eq(0)"),
            ("Mux(padding, 0, self.i.payload.data)", "self.i.payload.data"),
            ("padding | ~self.i.payload.last)", "~self.i.payload.last)"),
            ("& free & ~padding", "& ~padding")]:
        broken = prove.copy(packet_check, (old, new))
        prove.refute(broken.PacketCheck(2, beats=BEATS), contract)
