"""Messages from a board to the host."""

from amaranth.hdl import C, Cat, Module, Mux, Signal
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out

from ..protocol import ERROR_KIND, HELLO_BYTES, HELLO_REPLY, LOADED, RESULT, Hello
from .framing import PART

__all__ = ["Replies"]


class _What(enum.Enum):
    """Message that is sent."""

    RESULT, ERROR, LOADED, HELLO = range(4)


class Replies(wiring.Component):
    """Sends results, errors and hello replies, without CRC and stuffing.

    ``latency``, from a result to the first byte of its message, is two cycles if no other message
    is sent. ``interval`` is two cycles per byte. Hello replies wait while a frame is in work. Only
    the last of waiting errors is sent.

    Parameters
    ----------
    hello : Hello
        Description of the board.
    bits : int
        Width of a result.

    Members
    -------
    start : In(1)
        High in the cycle in which a frame, or a message with weights, starts.
    hello : In(1)
        Requests a hello reply.
    error : In(3)
        Requests an error of this number, unless it is 0.
    sequence : In(8)
        Sequence number of the last message from the host.
    busy : Out(1)
        High from the cycle after ``start`` until its result, or acknowledgement, is sent.
    result : In(bits)
        Result of the network.
    ready : In(1)
        High if the result is valid.
    taken : Out(1)
        High for a cycle after the result is sent.
    o : Out(stream.Signature(PART))
        Bytes of messages.
    acknowledge : In(1)
        Sends the answer to a message with weights; only if there are layers to load.
    count : In(16)
        Messages with weights accepted so far; only if there are layers to load.
    loaded : In(1)
        High if the weights are loaded; only if there are layers to load.
    """

    latency = 2
    interval = 2

    def __init__(self, hello: Hello, bits: int):
        self._hello = hello
        load = {"acknowledge": In(1), "count": In(16), "loaded": In(1)}
        super().__init__({
            "start": In(1), "hello": In(1), "error": In(3), "sequence": In(8), "busy": Out(1),
            "result": In(bits), "ready": In(1), "taken": Out(1),
            "o": Out(stream.Signature(PART)), **(load if hello.layers else {})})

    def elaborate(self, platform):
        m = Module()
        loads = bool(self._hello.layers)
        size, payload = self._hello.result_bytes, self._hello.encode()
        framed, hello, error = Signal(8), Signal(), Signal(3)
        place = Signal(range(max(size, len(payload), 2)))
        what = Signal(_What)
        part, put, room = Signal(PART), Signal(), Signal()
        with m.If(self.start):
            m.d.sync += [self.busy.eq(1), framed.eq(self.sequence)]

        # Bytes leave through a register, so that no path leads from here into the framing.
        m.d.comb += room.eq(~self.o.valid)
        with m.If(room):
            m.d.sync += [self.o.payload.eq(part), self.o.valid.eq(put)]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)

        # The place stays for two cycles, so that the table of the description has one of its own.
        description = Signal(8)
        described = int.from_bytes(payload, "little")
        columns = [sum((described >> 8 * byte + bit & 1) << byte for byte in range(len(payload)))
                   for bit in range(8)]
        index = place[:(len(payload) - 1).bit_length()]
        m.d.sync += description.eq(Cat(C(column, len(payload)).bit_select(index, 1)
                                       for column in columns))
        if loads:
            with m.If(place == HELLO_BYTES - 1):
                m.d.sync += description[1].eq(self.loaded)

        with m.FSM():
            with m.State("idle"):
                m.d.sync += place.eq(0)
                with m.If(self.ready):
                    m.d.sync += what.eq(_What.RESULT)
                    m.next = "kind"
                with m.Elif(error != 0):
                    m.d.sync += what.eq(_What.ERROR)
                    m.next = "kind"
                if loads:
                    with m.Elif(self.busy & self.acknowledge):
                        m.d.sync += what.eq(_What.LOADED)
                        m.next = "kind"
                with m.Elif(hello & ~self.busy):
                    m.d.sync += what.eq(_What.HELLO)
                    m.next = "kind"
            with m.State("kind"):
                m.d.comb += put.eq(1)
                with m.Switch(what):
                    with m.Case(_What.ERROR):
                        m.d.comb += part.data.eq(ERROR_KIND | error)
                        with m.If(room):
                            m.d.sync += error.eq(0)
                    with m.Case(_What.HELLO):
                        m.d.comb += part.data.eq(HELLO_REPLY)
                        with m.If(room):
                            m.d.sync += hello.eq(0)
                    with m.Case(_What.LOADED):
                        m.d.comb += part.data.eq(LOADED)
                    with m.Default():
                        m.d.comb += part.data.eq(RESULT)
                with m.If(room):
                    m.next = "sequence"
            with m.State("sequence"):
                last = what == _What.ERROR
                m.d.comb += [part.data.eq(Mux(last | (what == _What.HELLO), self.sequence, framed)),
                             part.last.eq(last), put.eq(1)]
                with m.If(room):
                    m.next = "body"
                    with m.If(last):
                        m.next = "idle"
            with m.State("body"):
                m.d.comb += put.eq(1)
                with m.Switch(what):
                    with m.Case(_What.HELLO):
                        m.d.comb += [part.data.eq(description),
                                     part.last.eq(place == len(payload) - 1)]
                    if loads:
                        with m.Case(_What.LOADED):
                            m.d.comb += [part.data.eq(self.count.word_select(place[0], 8)),
                                         part.last.eq(place[0])]
                    with m.Default():
                        m.d.comb += [part.data.eq(self.result.word_select(place, 8) if size > 1
                                                  else self.result),
                                     part.last.eq(place == size - 1)]
                with m.If(room):
                    m.d.sync += place.eq(place + 1)
                    with m.If(part.last):
                        m.next = "done"
            # A cycle of its own, so that no path leads from the serial port into the network.
            with m.State("done"):
                m.d.comb += self.taken.eq(what == _What.RESULT)
                with m.If(what != _What.HELLO):
                    m.d.sync += self.busy.eq(0)
                m.next = "idle"
        with m.If(self.hello):
            m.d.sync += hello.eq(1)
        with m.If(self.error != 0):
            m.d.sync += error.eq(self.error)
        return m
