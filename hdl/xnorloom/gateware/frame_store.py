"""Frame store: registers of a double buffer and width converter."""

from amaranth.hdl import Cat, Module, Signal, Value, ValueLike

__all__ = ["FrameStore"]


class FrameStore:
    """Registers for two frames: one arrives in words, the other leaves in words of another width.

    Parameters
    ----------
    size, planes, in_width, out_width : int
        See :class:`~xnorloom.gateware.operand_buffer.OperandBuffer`.
    name : str
        Suffix of the names of the registers.

    Attributes
    ----------
    word : Value
        The next word to leave.
    """

    def __init__(self, size: int, *, planes: int, in_width: int, out_width: int, name: str):
        self._size, self._planes, self._in, self._out = size, planes, in_width, out_width
        self._in_words, self._out_words = -(-size // in_width), -(-size // out_width)
        self._fill = Signal(planes * self._in_words * in_width, name=f"fill{name}",
                            reset_less=True)
        self._frame = Signal(planes * self._out_words * out_width, name=f"frame{name}",
                             reset_less=True)
        self.word: Value = self._frame[:out_width]

    def shift(self, m: Module, word: ValueLike):
        """Receive a word."""
        m.d.sync += self._fill.eq(Cat(self._fill, word)[self._in:])

    def load(self, m: Module):
        """Let the frame that arrived leave next."""
        for plane in range(self._planes):
            source = self._fill[plane * self._in_words * self._in:][:self._size]
            start = plane * self._out_words * self._out
            m.d.sync += self._frame[start:start + self._size].eq(source)

    def turn(self, m: Module):
        """Go to the next word; after the last comes the first."""
        m.d.sync += self._frame.eq(self._frame.rotate_right(self._out))
