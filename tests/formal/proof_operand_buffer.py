# amaranth: UnusedElaboratable=no
"""Proof of the operand buffer: each frame is sent whole, as often as wanted, in order."""

import pytest
from amaranth.hdl import Cat, Mux, Signal

from xnorloom.gateware import operand_buffer
from xnorloom.schedule import OperandKind


def count(h, name, steps, value):
    """Invariant of a counter modulo ``steps`` and its flag."""
    h.helper(value < steps)
    if steps > 1:
        h.helper(h.peek(name) == value)
    if steps > 2:
        h.helper(h.peek(f"{name}_last") == (value == steps - 1))


class Frames:
    """Model of a buffer: a queue of frames, the frame that arrives, and the place at the output."""

    def __init__(self, h, depth, *, size, in_width, out_width, planes, passes):
        m, i, o = h.m, h.dut.i, h.dut.o
        self.in_words, self.out_words = -(-size // in_width), -(-size // out_width)
        self.received, self.sent = planes * self.in_words, passes * planes * self.out_words
        self._size, self._in, self._out, self._planes = size, in_width, out_width, planes
        took, gave = i.valid & i.ready, o.valid & o.ready
        h.held(o)

        # Words as they came, then the bits of the planes.
        self.place, self.at = Signal(range(self.received + 1)), Signal(range(self.sent + 1))
        self.words = [Signal(in_width, name=f"word{index}") for index in range(self.received)]
        with m.If(took):
            m.d.sync += self.place.eq(Mux(self.place == self.received - 1, 0, self.place + 1))
            for index, word in enumerate(self.words):
                with m.If(self.place == index):
                    m.d.sync += word.eq(i.payload)
        self.queue = h.queue(depth, planes * size)
        self.queue.move(took & (self.place == self.received - 1),
                        self.bits([*self.words[:-1], i.payload]),
                        gave & (self.at == self.sent - 1))
        with m.If(gave):
            m.d.sync += self.at.eq(Mux(self.at == self.sent - 1, 0, self.at + 1))
        for index in range(self.sent):
            for bit, source in self.defined(index):
                h.check(~o.valid | (self.at != index) | (o.payload[bit] == self.queue.head[source]))
        h.check(~o.valid | (self.queue.level > 0))
        h.check(i.ready | (self.queue.level > 0))
        h.progress(h.dut.latency + 1, o.ready & (self.queue.level > 0), gave)

    def bits(self, words):
        """Bits of a frame, plane after plane, without those after the end of a plane."""
        return Cat(Cat(words[plane * self.in_words:][:self.in_words])[:self._size]
                   for plane in range(self._planes))

    def defined(self, word):
        """Bits of an output word that are defined, and their places in the frame."""
        plane, column = divmod(word % (self._planes * self.out_words), self.out_words)
        for bit in range(self._out):
            if column * self._out + bit < self._size:
                yield bit, plane * self._size + column * self._out + bit


SHAPES = {
    # More words are sent than received, so that no path leads from `o` to `i`.
    "sends more": dict(size=3, in_width=2, out_width=1, planes=1, passes=2),
    "receives more": dict(size=3, in_width=1, out_width=2, planes=2, passes=1),
    "one word": dict(size=2, in_width=1, out_width=2, planes=1, passes=1),
}


def registers(shape):
    def contract(h):
        o = h.dut.o
        model = Frames(h, 2, **shape)
        full = h.peek("full")
        fill, frame = h.peek("fill"), h.peek("frame")
        h.helper(model.queue.level == o.valid + full)
        count(h, "received", model.received, model.place)
        count(h, "sent", model.sent, model.at)
        h.helper(o.valid | (model.at == 0))
        h.helper(~full | (model.place == 0))
        width = shape["in_width"]
        waiting = [fill[index * width:][:width] for index in range(model.received)]
        for words in range(1, model.received):
            h.helper((model.place != words) | (
                fill[(model.received - words) * width:] == Cat(model.words[:words])))
        h.helper(~full | (model.bits(waiting)
                          == Mux(o.valid, model.queue.item(1), model.queue.item(0))))
        total, out = shape["planes"] * model.out_words, shape["out_width"]
        for at in range(model.sent):
            for word in range(total):
                for bit, source in model.defined(at + word):
                    h.helper(~o.valid | (model.at != at)
                             | (frame[word * out + bit] == model.queue.head[source]))
    return contract


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_registers(prove, shape):
    prove(operand_buffer.OperandBuffer(**shape), registers(shape), depth=4)


@pytest.mark.parametrize("change", [
    ("[self.o.valid.eq(full), full.eq(0)]", "self.o.valid.eq(full)"),
    ("~full if received < least else ~full | free", "1"),
    ("Elif(go & (", "Elif(~go & ("),
], ids=["frame sent again", "always ready", "turned in a stall"])
def test_registers_broken(prove, change):
    dut = prove.copy(operand_buffer, change).OperandBuffer(**SHAPES["sends more"])
    prove.refute(dut, registers(SHAPES["sends more"]))


MEMORY = dict(size=3, in_width=1, out_width=1, planes=1, passes=2)


def memory(h):
    o = h.dut.o
    model = Frames(h, 3, **MEMORY)
    words, queue = model.received, model.queue
    full, put_bank, get_bank = h.peek("full"), h.peek("put_bank"), h.peek("get_bank")
    count(h, "put", words, model.place)
    read = Mux(o.valid, Mux(model.at == model.sent - 1, 0, model.at + 1), model.at)
    count(h, "get_all", model.sent, read)
    count(h, "get", words, read % words)
    # The last word of a frame has left its bank, which may be full again.
    gone = o.valid & (model.at == model.sent - 1)
    h.helper(queue.level == full[0] + full[1] + gone)
    h.helper(full.all() | ~full.any() | full.bit_select(get_bank, 1))
    h.helper((put_bank == get_bank) ^ full[0] ^ full[1])
    h.helper(~full.bit_select(put_bank, 1) | (model.place == 0))
    h.helper(gone | (read == 0) | full.bit_select(get_bank, 1))
    for bank in range(2):
        later = gone + (get_bank != bank)
        frame = Mux(later == 0, queue.item(0), Mux(later == 1, queue.item(1), queue.item(2)))
        for word in range(words):
            stored = h.word("memory", bank * 4 + word)
            h.helper(~full[bank] | (stored == frame[word]))
            h.helper((put_bank != bank) | full[bank] | (word >= model.place)
                     | (stored == model.words[word]))


class Memory:
    """Change of the class: memory for small frames too."""

    kind = OperandKind.MEMORY


def small(module):
    return type("OperandBuffer", (Memory, module.OperandBuffer), {})(**MEMORY)


def test_memory(prove):
    prove(small(operand_buffer), memory, depth=4)


@pytest.mark.parametrize("change", [
    ("full.bit_select(get_bank, 1).eq(0)", "full.eq(0)"),
    ("self.i.ready.eq(~full.bit_select(put_bank, 1))", "self.i.ready.eq(1)"),
    ("step.eq(go & full.bit_select(get_bank, 1))", "step.eq(go)"),
], ids=["both banks dropped", "always ready", "empty bank sent"])
def test_memory_broken(prove, change):
    prove.refute(small(prove.copy(operand_buffer, change)), memory)
