# amaranth: UnusedElaboratable=no
"""Proof of the ends of a network with batches: frames are neither lost nor doubled nor reordered.

At the entrance frames arrive one by one and leave in batches, one column each; at the exit the
results of a batch leave one by one. Frames and results go to the columns in turn.
"""

import pytest
from amaranth.hdl import Cat, Mux, Signal

from xnorloom.gateware import batch_argmax, batch_buffer, stream
from xnorloom.schedule import OperandKind


def consecutive(vectors, first, number):
    """Columns of consecutive frames, as a mask for each round."""
    return [sum((first + index) % vectors == column for index in range(number))
            for column in range(vectors)]


def turn(h, steps, step, name):
    """Pointer to columns in turn, which advances by a number of columns."""
    pointer = Signal(range(steps), name=name)
    total = Signal(range(2 * steps + 1), name=f"{name}_total")
    h.m.d.comb += total.eq(pointer + step)
    h.m.d.sync += pointer.eq(Mux(total >= steps, total - steps, total))
    return pointer


class Batches:
    """Model of a batch buffer: a queue of frames for each column, and the place at the output.

    The mask of a batch is taken with its last word.
    """

    def __init__(self, h, depth, *, size, vectors, in_width, out_width, planes, passes):
        m, i, o, batches = h.m, h.dut.i, h.dut.o, h.dut.batches
        in_words, out_words = -(-size // in_width), -(-size // out_width)
        self.vectors, self.received = vectors, planes * in_words
        self.words, self.sent = planes * out_words, passes * planes * out_words
        self._shape = size, in_width, in_words, out_width, out_words, planes
        took, gave = i.valid & i.ready, o.valid & o.ready
        h.held(o)
        self.place, self.at = Signal(range(self.received + 1)), Signal(range(self.sent + 1))
        self.arrived = [Signal(in_width, name=f"arrived{index}") for index in range(self.received)]
        complete = took & (self.place == self.received - 1)
        done = gave & (self.at == self.sent - 1)
        m.d.comb += batches.ready.eq(done)
        self.mask = batches.payload
        with m.If(took):
            m.d.sync += self.place.eq(Mux(self.place == self.received - 1, 0, self.place + 1))
            for index, word in enumerate(self.arrived):
                with m.If(self.place == index):
                    m.d.sync += word.eq(i.payload)
        with m.If(gave):
            m.d.sync += self.at.eq(Mux(self.at == self.sent - 1, 0, self.at + 1))

        # A word of a batch has its mask: columns that follow those of the batch before.
        h.check(o.valid == batches.valid)
        self.size = sum((self.mask[column] for column in range(1, vectors)), self.mask[0])
        self.put = turn(h, vectors, complete, "put_column")
        self.first = turn(h, vectors, Mux(done, self.size, 0), "first_column")
        expected = 0
        for first in range(vectors):
            for number in range(1, vectors + 1):
                mask = sum(one << column for column, one
                           in enumerate(consecutive(vectors, first, number)))
                expected |= (self.first == first) & (self.mask == mask)
        h.check(~o.valid | expected)

        frame = self.bits([*self.arrived[:-1], i.payload])
        self.queues, waits = [], Signal(vectors)
        fresh = Signal()
        m.d.sync += fresh.eq(~o.valid | done)
        for column in range(vectors):
            queue = h.queue(depth, planes * size, f"column{column}_")
            get = done & self.mask[column]
            queue.move(complete & (self.put == column), frame, get)
            for word in range(self.sent):
                for bit, source in self.defined(word):
                    h.check(~o.valid | (self.at != word) | ~self.mask[column]
                            | (o.payload.word_select(column, out_width)[bit]
                               == queue.head[source]))
            h.check(~o.valid | ~self.mask[column] | (queue.level > 0))
            # All frames that are complete when a batch starts are in it.
            m.d.sync += waits[column].eq(queue.level > get)
            h.check(~o.valid | ~fresh | ~waits[column] | self.mask[column])
            # A column has room for a frame beside that of the batch.
            h.check(i.ready | (self.put != column) | (queue.level > 0))
            self.queues.append(queue)
        some = sum((queue.level > 0 for queue in self.queues[1:]), self.queues[0].level > 0)
        h.progress(h.dut.latency + 1, o.ready & (some > 0), gave)

    def bits(self, words):
        """Bits of a frame, plane after plane, without those after the end of a plane."""
        size, _, in_words, *_, planes = self._shape
        return Cat(Cat(words[plane * in_words:][:in_words])[:size] for plane in range(planes))

    def defined(self, word):
        """Bits of an output word that are defined, and their places in the frame."""
        size, _, _, out_width, out_words, planes = self._shape
        plane, column = divmod(word % (planes * out_words), out_words)
        for bit in range(out_width):
            if column * out_width + bit < size:
                yield bit, plane * size + column * out_width + bit

    def helpers(self, h, left):
        """Invariants of both kinds; ``left`` are the frames of each column after the batch."""
        o = h.dut.o
        h.helper(self.place < self.received)
        h.helper(self.at < self.sent)
        h.helper((self.put < self.vectors) & (self.first < self.vectors))
        h.helper(o.valid | (self.at == 0))
        h.helper(h.peek("column") == 1 << self.put)
        # Its environment takes a mask with the last word, so one is enough.
        h.helper(h.peek("waiting.used") == o.valid)
        for number in self.count(h, "received", self.received, self.place):
            h.helper(number)
        # Batch, complete frames and the frame that arrives follow each other.
        state = 0
        for first in range(self.vectors):
            for number in range(self.vectors + 1):
                for more in range(2 * self.vectors + 1):
                    after = consecutive(self.vectors, first + number, more)
                    if max(after) > 2:
                        continue
                    mask = sum(one << column for column, one
                               in enumerate(consecutive(self.vectors, first, number)))
                    match = (self.first == first) & (self.put == (first + number + more)
                                                     % self.vectors)
                    match &= (o.valid & (self.mask == mask)) if number else ~o.valid
                    for column, value in enumerate(after):
                        match &= left[column] == value
                    state |= match
        h.helper(state)

    def count(self, h, name, steps, value):
        """Invariants of a counter modulo ``steps`` and its flag."""
        if steps > 1:
            yield h.peek(name) == value
        if steps > 2:
            yield h.peek(f"{name}_last") == (value == steps - 1)


SHAPES = {
    # A batch is sent longer than its frames arrive, so that no path leads from `o` to `i`.
    "sends more": dict(size=2, vectors=2, in_width=1, out_width=1, planes=1, passes=3),
    "receives more": dict(size=3, vectors=2, in_width=2, out_width=3, planes=1, passes=1),
    "three columns": dict(size=1, vectors=3, in_width=1, out_width=1, planes=2, passes=1),
}


def registers(shape):
    def contract(h):
        o = h.dut.o
        model = Batches(h, 2, **shape)
        full = h.peek("full")
        model.helpers(h, [full[column] for column in range(model.vectors)])
        for number in model.count(h, "sent", model.sent, model.at):
            h.helper(number)
        width, out = shape["in_width"], shape["out_width"]
        for column, queue in enumerate(model.queues):
            active = o.valid & model.mask[column]
            h.helper(queue.level == full[column] + active)
            fill, frame = h.peek(f"fill{column}"), h.peek(f"frame{column}")
            waiting = [fill[index * width:][:width] for index in range(model.received)]
            h.helper(~full[column] | (model.put != column) | (model.place == 0))
            for words in range(1, model.received):
                h.helper((model.put != column) | (model.place != words) | (
                    fill[(model.received - words) * width:] == Cat(model.arrived[:words])))
            h.helper(~full[column] | (model.bits(waiting)
                                      == Mux(active, queue.item(1), queue.item(0))))
            for at in range(model.sent):
                for word in range(model.words):
                    for bit, source in model.defined(at + word):
                        h.helper(~active | (model.at != at)
                                 | (frame[word * out + bit] == queue.head[source]))
    return contract


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_registers(prove, shape):
    prove(batch_buffer.BatchBuffer(**shape), registers(shape), depth=3)


@pytest.mark.parametrize("change", [
    ("full.eq(0)", "full.eq(full & (full - 1))"),
    ("room | start", "1"),
    ("free & full.any() & batch.ready", "free & full.all() & batch.ready"),
    ("batch.payload.eq(full)", "batch.payload.eq(full | 1)"),
], ids=["frame sent again", "always ready", "waits for a full batch", "wrong mask"])
def test_registers_broken(prove, change):
    dut = prove.copy(batch_buffer, change).BatchBuffer(**SHAPES["receives more"])
    prove.refute(dut, registers(SHAPES["receives more"]), depth=12)


MEMORY = dict(size=2, vectors=2, in_width=1, out_width=1, planes=1, passes=2)


def memory(h):
    o = h.dut.o
    model = Batches(h, 3, **MEMORY)
    words = model.received
    put_bank, get_bank = h.peek("put_bank"), h.peek("get_bank")
    last = model.at == model.sent - 1
    read = Mux(o.valid, Mux(last, 0, model.at + 1), model.at)
    for name, steps, value in (("put", words, model.place), ("get_all", model.sent, read),
                               ("get", words, read % words)):
        flags = list(model.count(h, name, steps, value))
        for flag in flags if name != "get_all" else flags[1:]:
            h.helper(flag)
    h.helper(h.peek("get_all") == read)
    sending = h.peek("sending")
    h.helper(sending == (o.valid & ~last))
    h.helper(~sending | (h.peek("sent_batch") == model.mask))
    left = []
    for column, queue in enumerate(model.queues):
        full, bank = h.peek(f"full{column}"), get_bank[column]
        active = o.valid & model.mask[column]
        # The last word of a batch has left its banks, which may be full again.
        gone = active & last
        left.append(full[0] + full[1] - (active & ~last))
        h.helper(queue.level == full[0] + full[1] + gone)
        h.helper(full.all() | ~full.any() | full.bit_select(bank, 1))
        h.helper(~active | last | full.bit_select(bank, 1))
        # Columns before that which receives have changed to the other bank.
        own = put_bank ^ (model.put > column)
        h.helper((own == bank) ^ full[0] ^ full[1])
        h.helper((model.put != column) | ~full.bit_select(own, 1) | (model.place == 0))
        for index in range(2):
            later = gone + (bank != index)
            frame = Mux(later == 0, queue.item(0), Mux(later == 1, queue.item(1), queue.item(2)))
            for word in range(words):
                stored = h.word(f"memory{column}", index * 2 + word)
                h.helper(~full[index] | (stored == frame[word]))
                h.helper((model.put != column) | (own != index) | full[index]
                         | (word >= model.place) | (stored == model.arrived[word]))
    model.helpers(h, left)


class Memory:
    """Change of the class: memory for small frames too."""

    kind = OperandKind.MEMORY


def small(module):
    return type("BatchBuffer", (Memory, module.BatchBuffer), {})(**MEMORY)


def test_memory(prove):
    prove(small(batch_buffer), memory, depth=3)


@pytest.mark.parametrize("change", [
    ("current.eq(Mux(sending, sent_batch, there))", "current.eq(there)"),
    ("self.i.ready.eq(~(", "self.i.ready.eq(1 | (",),
    ("get_bank[index].eq(~get_bank[index])", "get_bank[index].eq(get_bank[index])"),
], ids=["frame dropped", "always ready", "same bank"])
def test_memory_broken(prove, change):
    prove.refute(small(prove.copy(batch_buffer, change)), memory, depth=14)


def fifo(depth):
    def contract(h):
        i, o = h.dut.i, h.dut.o
        h.held(o)
        queue = h.queue(depth, 2)
        queue.move(i.valid & i.ready, i.payload, o.valid & o.ready)
        h.check(o.valid == (queue.level > 0))
        h.check(~o.valid | (o.payload == queue.head))
        h.check(i.ready == (queue.level < depth))
        used = h.peek("used")
        h.helper(used == (1 << queue.level) - 1)
        for index in range(depth):
            h.helper(~used[index] | (h.peek(f"item{index}") == queue.item(index)))
    return contract


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_fifo(prove, depth):
    prove(stream.Fifo(2, depth), fifo(depth), depth=1)


def test_fifo_broken(prove):
    broken = prove.copy(stream, ("get & after", "get"))
    prove.refute(broken.Fifo(2, 2), fifo(2))


def serializer(vectors):
    def contract(h):
        i, o, batches = h.dut.i, h.dut.o, h.dut.batches
        h.held(o)
        took, gave = i.valid & i.ready, o.valid & o.ready
        h.check((batches.valid & batches.ready) == took)
        # Batches have the columns that follow those of the batch before.
        mask = batches.payload
        number = sum((mask[column] for column in range(1, vectors)), mask[0])
        first = turn(h, vectors, Mux(took, number, 0), "first")
        good = 0
        for start in range(vectors):
            for count in range(1, vectors + 1):
                good |= (first == start) & (mask == sum(
                    one << column for column, one
                    in enumerate(consecutive(vectors, start, count))))
        h.assume(~batches.valid | good)

        pointer = turn(h, vectors, gave, "pointer")
        levels = []
        for column in range(vectors):
            queue = h.queue(1, 2, f"column{column}_")
            queue.move(took & mask[column], i.payload[column], gave & (pointer == column))
            h.check(~o.valid | (pointer != column)
                    | ((queue.level > 0) & (o.payload == queue.head)))
            h.helper(~queue.level[0] | (h.peek("results").word_select(column, 2) == queue.head))
            levels.append(queue.level[0])
        left = Cat(levels)
        h.check(o.valid == left.any())
        # Batches follow each other without a gap.
        h.progress(vectors, i.valid & batches.valid & o.ready, took)

        h.helper((pointer < vectors) & (first < vectors))
        h.helper(h.peek("left") == left)
        h.helper(h.peek("column") == 1 << pointer)
        state = 0
        for start in range(vectors):
            for count in range(vectors + 1):
                state |= ((pointer == start) & (first == (start + count) % vectors)
                          & (left == sum(one << column for column, one
                                         in enumerate(consecutive(vectors, start, count)))))
        h.helper(state)
    return contract


@pytest.mark.parametrize("vectors", [1, 2, 3])
def test_serializer(prove, vectors):
    prove(batch_argmax.ResultSerializer(2, vectors), serializer(vectors), depth=vectors + 1)


@pytest.mark.parametrize("change", [
    ("left.eq(left & ~column)", "left.eq(left)"),
    ("left & ~Mux(self.o.ready, column, 0)", "left & ~column"),
    ("self.batches.ready.eq(free & self.i.valid)", "self.batches.ready.eq(free)"),
], ids=["result sent again", "result lost", "mask taken alone"])
def test_serializer_broken(prove, change):
    prove.refute(prove.copy(batch_argmax, change).ResultSerializer(2, 3), serializer(3))
