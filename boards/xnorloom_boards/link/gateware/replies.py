"""Messages from a board to the host."""

from amaranth.hdl import C, Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..protocol import ERROR_KIND, HELLO_BYTES, HELLO_REPLY, LOADED, RESULT, Hello
from .framing import PART

__all__ = ["Replies"]


class Replies(wiring.Component):
    """Sends results, errors and hello replies, without CRC and stuffing.

    ``latency``, from a result to the first byte of its message, is 0 cycles if no other message is
    sent. Hello replies wait while a frame is in work. Only the last of waiting errors is sent.

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

    latency = 0

    def __init__(self, hello: Hello, bits: int):
        self._hello = hello
        load = {"acknowledge": In(1), "count": In(16), "loaded": In(1)}
        super().__init__({
            "start": In(1), "hello": In(1), "error": In(3), "sequence": In(8), "busy": Out(1),
            "result": In(bits), "ready": In(1), "taken": Out(1),
            "o": Out(stream.Signature(PART)), **(load if hello.layers else {})})

    def elaborate(self, platform):
        m = Module()
        size = self._hello.result_bytes
        framed, hello, error = Signal(8), Signal(), Signal(3)
        payload = self._hello.encode()
        length = len(payload)
        place = Signal(range(max(size, length)))
        part = self.o.payload
        with m.If(self.start):
            m.d.sync += [self.busy.eq(1), framed.eq(self.sequence)]
        with m.FSM():
            with m.State("idle"):
                m.d.sync += place.eq(0)
                with m.If(self.ready):
                    m.d.comb += [part.data.eq(RESULT), self.o.valid.eq(1)]
                    with m.If(self.o.ready):
                        m.next = "result sequence"
                with m.Elif(error != 0):
                    m.d.comb += [part.data.eq(ERROR_KIND | error), self.o.valid.eq(1)]
                    with m.If(self.o.ready):
                        m.d.sync += error.eq(0)
                        m.next = "error sequence"
                if self._hello.layers:
                    with m.Elif(self.busy & self.acknowledge):
                        m.d.comb += [part.data.eq(LOADED), self.o.valid.eq(1)]
                        with m.If(self.o.ready):
                            m.next = "load sequence"
                with m.Elif(hello & ~self.busy):
                    m.d.comb += [part.data.eq(HELLO_REPLY), self.o.valid.eq(1)]
                    with m.If(self.o.ready):
                        m.d.sync += hello.eq(0)
                        m.next = "hello sequence"
            with m.State("error sequence"):
                m.d.comb += [part.data.eq(self.sequence), part.last.eq(1), self.o.valid.eq(1)]
                with m.If(self.o.ready):
                    m.next = "idle"
            sequences = {"hello": self.sequence, "result": framed}
            if self._hello.layers:
                sequences["load"] = framed
            for state, sequence in sequences.items():
                with m.State(f"{state} sequence"):
                    m.d.comb += [part.data.eq(sequence), self.o.valid.eq(1)]
                    with m.If(self.o.ready):
                        m.next = state
            with m.State("hello"):
                described = int.from_bytes(payload, "little")
                columns = [sum((described >> 8 * byte + bit & 1) << byte
                               for byte in range(length)) for bit in range(8)]
                index = place[:(length - 1).bit_length()]
                m.d.comb += [
                    part.data.eq(Cat(C(column, length).bit_select(index, 1)
                                     for column in columns)),
                    part.last.eq(place == length - 1), self.o.valid.eq(1)]
                if self._hello.layers:
                    with m.If(place == HELLO_BYTES - 1):
                        m.d.comb += part.data[1].eq(self.loaded)
                with m.If(self.o.ready):
                    m.d.sync += place.eq(place + 1)
                    with m.If(part.last):
                        m.next = "idle"
            with m.State("result"):
                m.d.comb += [part.data.eq(self.result.word_select(place, 8) if size > 1
                                          else self.result),
                             part.last.eq(place == size - 1), self.o.valid.eq(1)]
                with m.If(self.o.ready):
                    m.d.sync += place.eq(place + 1)
                    with m.If(part.last):
                        m.next = "taken"
            # A cycle of its own, so that no path leads from the serial port into the network.
            with m.State("taken"):
                m.d.comb += self.taken.eq(1)
                m.d.sync += self.busy.eq(0)
                m.next = "idle"
            if self._hello.layers:
                with m.State("load"):
                    m.d.comb += [part.data.eq(self.count.word_select(place[0], 8)),
                                 part.last.eq(place[0]), self.o.valid.eq(1)]
                    with m.If(self.o.ready):
                        m.d.sync += place.eq(place + 1)
                        with m.If(part.last):
                            m.d.sync += self.busy.eq(0)
                            m.next = "idle"
        with m.If(self.hello):
            m.d.sync += hello.eq(1)
        with m.If(self.error != 0):
            m.d.sync += error.eq(self.error)
        return m
