"""Classifying images on a board, from Python."""

from collections.abc import Callable
from dataclasses import replace
from types import TracebackType

import numpy as np
import numpy.typing as npt

from xnorloom.encoding import encode
from xnorloom.graph import Graph
from xnorloom.packing import pack_frames, unpack_results, weight_words
from xnorloom.schedule import Fold, Schedule

from .errors import LinkError, WrongBitstreamError
from .link.exchange import exchange
from .link.frames import Hello, LoadedLayer, frame_payloads, load_payloads, result_bytes
from .link.loading import load
from .link.port import Port, open_port
from .link.session import Faults, Session

__all__ = ["DEFAULT_BAUD", "Connection", "open"]

DEFAULT_BAUD = 1_000_000
Progress = Callable[[int, int], object]


class Connection:
    """A network on a board, as a function from images to classes.

    Use it in a ``with`` block, which closes the port.

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
    """

    def __init__(self, port: Port, graph: Graph | None = None, *, name: str = "given",
                 baud: int = DEFAULT_BAUD, timeout: float = 1.0, retries: int = 16,
                 loading: Progress | None = None):
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
        return weight_words(layer, Fold(pe, simd, "spram"))

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
            If the images do not fit the graph.
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
        graph, hello = self._needed(), self._hello
        words = pack_frames(graph, Schedule(hello.input_width, ()), frames)
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
        return self._graph

    def close(self) -> None:
        """Close the port, if it can be closed."""
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
    """
    opened = open_port(port, baud, write_timeout=timeout + 1)
    try:
        return Connection(opened, graph, name=port, baud=baud, timeout=timeout, retries=retries,
                          loading=loading)
    except BaseException:
        opened.close()
        raise
