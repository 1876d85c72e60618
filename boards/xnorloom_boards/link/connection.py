"""Connection to a board, which classifies images."""

import math
import threading
from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from types import TracebackType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from xnorloom.graph import Graph
from xnorloom.graph.pixels import encode
from xnorloom.packing import frame_words, result_width, unpack_results
from xnorloom.support.arguments import integer, text
from xnorloom.support.text import quoted

from ..errors import LinkError, WrongBitstreamError
from .load_weights import load_weights
from .port import Port, open_port
from .protocol import Hello, frame_payloads, result_bytes
from .send_frames import send_frames
from .session import Faults, Session
from .spi_port import is_url, open_spi
from .weights import wanted_weights

__all__ = ["DEFAULT_BAUD", "Connection", "Wanted", "open"]

DEFAULT_BAUD = 1_000_000
Progress = Callable[[int, int], object]


class Wanted(Protocol):
    """Interface of a board, which compares itself with the one at a port."""

    def expect(self, number: int, port: str) -> None:
        """Raise :class:`WrongBitstreamError` if ``number`` is that of another board."""
        ...


class Connection:
    """Connection to a network on a board, which classifies images.

    As a context manager it closes the port. Threads may share it; their calls take turns.

    Parameters
    ----------
    port : Port
        Open serial port, or an object with ``read``, ``write`` and ``timeout``.
    graph : Graph or None
        Network that the board must hold. With ``None`` any will do, but only ``hello`` is of use.
    name : str
        Name of the port, for messages.
    baud : int
        Rate of the line, from which the number of frames in flight follows.
    timeout : float
        Seconds to wait for an answer, besides its time on the line.
    retries : int
        Times that a message is sent again before it is given up.
    loading : callable or None
        Called periodically while the board is loaded with weights, with the messages that it has
        and the messages in all. A board is loaded at once, and again when it lost its weights.
    board : Wanted or None
        Board that must be there (a :class:`~xnorloom_boards.board.Board`), unless its bitstream
        does not say which one it is.

    Raises
    ------
    WrongBitstreamError
        If the board holds another network, or is another board.
    NoAnswerError
        If nothing, or garbage, comes from the port.
    PortError
        If the port went away.
    TypeError, ValueError
        If a parameter is not what it must be.
    """

    def __init__(self, port: Port, graph: Graph | None = None, *, name: str = "given",
                 baud: int = DEFAULT_BAUD, timeout: float = 1.0, retries: int = 16,
                 loading: Progress | None = None, board: Wanted | None = None):
        if not (hasattr(port, "read") and hasattr(port, "write")):
            raise TypeError(f"Connection port must be an open serial port, not {_shown(port)}")
        baud, retries = _check_options(graph, baud, timeout, retries)
        # Reentrant, for callbacks that use the connection.
        self._lock, self._closed = threading.RLock(), False
        self._port, self._graph, self._name, self._loading = port, graph, name, loading
        self._session = Session(port, name, baud=baud, timeout=timeout, retries=retries)
        self._hello = self._session.hello()
        self._weights: list[bytes] = []
        if board is not None:
            board.expect(self._hello.board, name)
        if graph is not None:
            self._check(graph)
            self._weights = wanted_weights(graph, self._hello, name)
            if self._weights and not self._hello.loaded:
                self._load()

    def _load(self) -> None:
        """Load the board with its weights."""
        load_weights(self._session, self._hello, self._weights, self._loading)
        self._hello = replace(self._hello, loaded=True)

    def _check(self, graph: Graph) -> None:
        found, wanted = self._hello.digest.hex(), graph.digest[:16]
        if found != wanted:
            raise WrongBitstreamError(
                f"the board on port {self._name} holds the network {found}, wanted {wanted} "
                f"({graph.name}); flash the bitstream of that model")
        size = result_bytes(graph, self._hello.scores)
        if self._hello.result_bytes != size:
            raise LinkError(f"the board on port {self._name} sends results of "
                            f"{self._hello.result_bytes} bytes, but those of {graph.name} have "
                            f"{size}")

    @property
    def name(self) -> str:
        """Name of the port."""
        return self._name

    @property
    def baud(self) -> int:
        """Rate of the line."""
        return self._session.baud

    @property
    def hello(self) -> Hello:
        """Description of the board."""
        return self._hello

    @property
    def faults(self) -> Faults:
        """Errors on the line so far, all of them recovered."""
        return self._session.faults

    def classify(self, images: npt.ArrayLike,
                 progress: Progress | None = None) -> npt.NDArray[np.int64]:
        """Classify images.

        Parameters
        ----------
        images : array of uint8, shape (images, …)
            Pixels, in a shape that :func:`~xnorloom.graph.pixels.fits` accepts for the input of
            the graph. They are encoded as this input says.
        progress : callable or None
            Called periodically with the images done and the images in all.

        Returns
        -------
        array of int64, shape (images,)

        Raises
        ------
        TypeError, ValueError
            If the images do not fit the graph, or the connection is closed.
        LinkError
            If the port or the board fails. No class is ever made up.
        """
        return self.results(encode(self._needed().input, images), progress)[0]

    def classify_frames(self, frames: npt.ArrayLike,
                        progress: Progress | None = None) -> npt.NDArray[np.int64]:
        """Classify frames, whose elements are those of the graph's input already."""
        return self.results(frames, progress)[0]

    def results(self, frames: npt.ArrayLike, progress: Progress | None = None
                ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64] | None]:
        """Classes of frames and, if the board sends them, scores of shape (frames, classes)."""
        with self._lock:
            return self._results(frames, progress)

    def _results(self, frames: npt.ArrayLike, progress: Progress | None
                 ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64] | None]:
        graph, hello = self._needed(), self._hello
        words = frame_words(graph, hello.input_width, frames)
        count = len(np.asarray(frames))
        if len(words) != count * hello.words:
            raise LinkError(f"the board on port {self._name} takes {hello.words} words of "
                            f"{hello.input_width} bits a frame, which {graph.name} does not have")
        payloads = frame_payloads(words, hello)
        load = self._load if self._weights else None
        found = send_frames(self._session, hello, payloads, progress, load,
                            result_width(graph, hello.scores))
        outputs = np.frombuffer(b"".join(found), np.uint8).reshape(count, hello.result_bytes)
        classes, scores = unpack_results(graph, outputs, scores=hello.scores)
        wrong = np.flatnonzero(classes >= graph.classes)
        if wrong.size:
            raise LinkError(f"the board on port {self._name} gave frame {wrong[0]} the class "
                            f"{classes[wrong[0]]}, but there are {graph.classes}")
        return classes, scores

    def _needed(self) -> Graph:
        if self._graph is None:
            raise ValueError("Connection must have a graph to classify with")
        if self._closed:
            raise ValueError(f"Connection to port {self._name} must be open to classify, but was "
                             f"closed")
        return self._graph

    def close(self) -> None:
        """Close the port, if it can be closed."""
        self._closed = True
        close = getattr(self._port, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def open(port: str, graph: Graph | None = None, *, baud: int = DEFAULT_BAUD,
         timeout: float = 1.0, retries: int = 16,
         loading: Progress | None = None, board: Wanted | None = None) -> Connection:
    """Open a serial port, or SPI, and check the board at its other end.

    Parameters are those of :class:`Connection`; ``port`` is the name of a serial port, such as
    ``/dev/ttyUSB1``, or the URL of an FTDI chip, such as ``ftdi://ftdi:2232h/1``, whose SPI clock
    is ``baud``.

    Raises
    ------
    PortError
        If there is no such port (the message lists the others), it is busy or not permitted, or
        pyserial, or pyftdi, is not installed.
    LinkError
        See :class:`Connection`. The port is closed again.
    TypeError, ValueError
        If a parameter is not what it must be.
    """
    if not isinstance(port, str):
        raise TypeError(f"Serial port must be given by its name, not {_shown(port)}")
    text("Serial port", port)
    baud, retries = _check_options(graph, baud, timeout, retries)
    opened = (open_spi(port, baud) if is_url(port)
              else open_port(port, baud, write_timeout=timeout + 1))
    try:
        return Connection(opened, graph, name=port, baud=baud, timeout=timeout, retries=retries,
                          loading=loading, board=board)
    except BaseException:
        opened.close()
        raise


def _check_options(graph: object, baud: object, timeout: object, retries: object
                   ) -> tuple[int, int]:
    """Check the options of a connection; returns the baud rate and the retries."""
    if graph is not None and not isinstance(graph, Graph):
        raise TypeError(f"Connection graph must be a Graph, not {_shown(graph)}")
    if isinstance(timeout, bool) or not isinstance(timeout, Real):
        raise TypeError(f"Connection timeout must be a number of seconds, not {_shown(timeout)}")
    if not 0 < float(timeout) < math.inf:
        raise ValueError(f"Connection timeout must be above 0 seconds, not {timeout!r}")
    return integer("Connection baud", baud, 1), integer("Connection retries", retries, 0)


def _shown(value: object) -> str:
    """Value in a line, or its type."""
    if value is None or isinstance(value, (str, bytes, int, float)):
        return quoted(value)
    return f"a {type(value).__name__}"
