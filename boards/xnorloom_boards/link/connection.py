"""Classifying images on a board, from Python."""

import math
import reprlib
import threading
from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from types import TracebackType

import numpy as np
import numpy.typing as npt

from xnorloom.graph import Graph
from xnorloom.graph.pixels import encode
from xnorloom.packing import frame_words, unpack_results, weight_words
from xnorloom.schedule import Fold, LayerPlan, WeightStyle
from xnorloom.support.arguments import integer, text

from ..errors import LinkError, WrongBitstreamError
from .load_weights import load
from .port import Port, open_port
from .protocol import Hello, LoadedLayer, frame_payloads, load_payloads, result_bytes
from .send_frames import exchange
from .session import Faults, Session

__all__ = ["DEFAULT_BAUD", "Connection", "open"]

DEFAULT_BAUD = 1_000_000
Progress = Callable[[int, int], object]


class Connection:
    """A network on a board, as a function from images to classes.

    Use it in a ``with`` block, which closes the port. Several threads may share it: their calls are
    done one after another.

    Parameters
    ----------
    port : Port
        An open serial port, or anything with ``read``, ``write`` and ``timeout``.
    graph : Graph
        The network that the board must hold; for ``None`` any, which can only be asked for what
        it is.
    name : str
        Of the port, for messages.
    baud : int
        Of the line; decides how far ahead frames are sent.
    timeout : float
        Seconds to wait for an answer, besides the time on the line.
    retries : int
        Times that a message is sent again before it is given up.
    loading : callable
        Called with the messages with weights that the board has taken and those in all, now and
        then, when it must be loaded: at once if it has no weights yet, and whenever it has lost
        them.

    Raises
    ------
    WrongBitstreamError
        If the board holds another network.
    NoAnswerError
        If nothing, or garbage, comes from the port.
    PortError
        If the port went away.
    TypeError, ValueError
        If a parameter is not what it must be.
    """

    def __init__(self, port: Port, graph: Graph | None = None, *, name: str = "given",
                 baud: int = DEFAULT_BAUD, timeout: float = 1.0, retries: int = 16,
                 loading: Progress | None = None):
        if not (hasattr(port, "read") and hasattr(port, "write")):
            raise TypeError(f"Connection port must be an open serial port, not {_shown(port)}")
        baud, retries = _check_options(graph, baud, timeout, retries)
        # A callback may ask for more.
        self._lock, self._closed = threading.RLock(), False
        self._port, self._graph, self._name, self._loading = port, graph, name, loading
        self._session = Session(port, name, baud=baud, timeout=timeout, retries=retries)
        self._hello = self._session.hello()
        self._weights: list[bytes] = []
        if graph is not None:
            self._check(graph)
            if self._hello.layers:
                words = [self._words(graph, layer) for layer in self._hello.layers]
                self._weights = load_payloads(np.concatenate(words))
                if not self._hello.loaded:
                    self._load()

    def _load(self) -> None:
        """Load the board with its weights."""
        load(self._session, self._hello, self._weights, self._loading)
        self._hello = replace(self._hello, loaded=True)

    def _words(self, graph: Graph, wanted: LoadedLayer) -> npt.NDArray[np.uint16]:
        index, pe, simd = wanted
        layer = graph.layers[index] if index < len(graph.layers) else None
        if layer is None or pe > layer.neurons or simd > layer.inputs:
            raise LinkError(f"the board on port {self._name} wants weights of layer {index} for "
                            f"{pe} neurons and {simd} synapses at once, which {graph.name} does "
                            f"not have")
        return weight_words(LayerPlan(layer, Fold(pe, simd, WeightStyle.SPRAM)))

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
    def hello(self) -> Hello:
        """What the board says of itself."""
        return self._hello

    @property
    def faults(self) -> Faults:
        """What went wrong on the line so far, and was made good."""
        return self._session.faults

    def classify(self, images: npt.ArrayLike,
                 progress: Progress | None = None) -> npt.NDArray[np.int64]:
        """Classes of images.

        Parameters
        ----------
        images : array of uint8, shape (images, \\*input shape) or (images, size)
            Pixels, which become elements as the input of the graph says.
        progress : callable
            Called now and then with the images done and the images in all.

        Raises
        ------
        TypeError, ValueError
            If the images do not fit the graph, or the connection is closed.
        LinkError
            If the port or the board fails; no class was made up then.
        """
        return self.results(encode(self._needed().input, images), progress)[0]

    def classify_frames(self, frames: npt.ArrayLike,
                        progress: Progress | None = None) -> npt.NDArray[np.int64]:
        """Classes of frames, whose elements are those of the graph's input already."""
        return self.results(frames, progress)[0]

    def results(self, frames: npt.ArrayLike, progress: Progress | None = None
                ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64] | None]:
        """Classes of frames and, where the board was built so, scores of shape [B, classes]."""
        with self._lock:
            return self._results(frames, progress)

    def _results(self, frames: npt.ArrayLike, progress: Progress | None
                 ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64] | None]:
        graph, hello = self._needed(), self._hello
        words = frame_words(graph.input, hello.input_width, frames)
        count = len(np.asarray(frames))
        if len(words) != count * hello.words:
            raise LinkError(f"the board on port {self._name} takes {hello.words} words of "
                            f"{hello.input_width} bits a frame, which {graph.name} does not have")
        payloads = frame_payloads(words, hello)
        found = exchange(self._session, hello, payloads, progress,
                         self._load if self._weights else None)
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
         loading: Progress | None = None) -> Connection:
    """Open a serial port and make sure of the board behind it.

    Parameters are those of :class:`Connection`, with ``port`` the name of a serial port, such as
    ``/dev/ttyUSB1``.

    Raises
    ------
    PortError
        If there is no such port (the message lists those there are), it is busy or not permitted,
        or pyserial is not installed.
    LinkError
        As of :class:`Connection`; the port is closed again.
    TypeError, ValueError
        If a parameter is not what it must be.
    """
    if not isinstance(port, str):
        raise TypeError(f"Serial port must be given by its name, not {_shown(port)}")
    text("Serial port", port)
    baud, retries = _check_options(graph, baud, timeout, retries)
    opened = open_port(port, baud, write_timeout=timeout + 1)
    try:
        return Connection(opened, graph, name=port, baud=baud, timeout=timeout, retries=retries,
                          loading=loading)
    except BaseException:
        opened.close()
        raise


def _check_options(graph: object, baud: object, timeout: object, retries: object
                   ) -> tuple[int, int]:
    """The baud rate and the retries, if all of these are what they must be."""
    if graph is not None and not isinstance(graph, Graph):
        raise TypeError(f"Connection graph must be a Graph, not {_shown(graph)}")
    if isinstance(timeout, bool) or not isinstance(timeout, Real):
        raise TypeError(f"Connection timeout must be a number of seconds, not {_shown(timeout)}")
    if not 0 < float(timeout) < math.inf:
        raise ValueError(f"Connection timeout must be above 0 seconds, not {timeout!r}")
    return integer("Connection baud", baud, 1), integer("Connection retries", retries, 0)


def _shown(value: object) -> str:
    """A value in a line, or its type."""
    if value is None or isinstance(value, (str, bytes, int, float)):
        return reprlib.repr(value)
    return f"a {type(value).__name__}"
