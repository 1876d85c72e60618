"""Connection to a wrong board, or with wrong arguments: clear errors, and soon."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xnorloom.graph import Dense, Graph, Input, Score
from xnorloom_boards import find
from xnorloom_boards.errors import LinkError, NoAnswerError, WrongBitstreamError
from xnorloom_boards.link import connection as host
from xnorloom_boards.link.protocol import Decoder, Hello, LoadedLayer, Message, encode
from xnorloom_boards.link.session import Faults

pytestmark = pytest.mark.usefixtures("link_clock")

FRAMES = np.random.default_rng(1).integers(0, 2, (20, 19))


@pytest.fixture(scope="module")
def graph(random_graph):
    return random_graph(np.random.default_rng(3), (19, 4, 3))


def hello(graph, **change):
    values = dict(digest=bytes.fromhex(graph.digest)[:8], input_width=16, words=2, result_bytes=1,
                  credits=8)
    return Hello(**values | change)


class Board:
    """Port in memory with a board at its other end; ``answer`` makes the reply to a message."""

    timeout = None

    def __init__(self, answer):
        self.answer, self.closed = answer, False
        self.decoder, self.out = Decoder(1000), bytearray()

    def write(self, data):
        for message in self.decoder.feed(data):
            self.out += self.answer(message)

    def read(self, size):
        part, self.out = self.out[:size], self.out[size:]
        return bytes(part)

    def close(self):
        self.closed = True


def board(graph, result=lambda message: encode(Message(0x82, message.sequence, b"\x01")), **change):
    """A board that says hello, and ``result`` to a frame."""
    said = hello(graph, **change).encode()
    return Board(lambda message: encode(Message(0x81, message.sequence, said))
                 if message.kind == 1 else result(message))


def connect(port, graph, **options):
    return host.Connection(port, graph, **dict(name="P", timeout=0.2, retries=2) | options)


def test_memory(graph):
    with connect(port := board(graph), graph) as connection:
        assert connection.classify_frames(FRAMES).tolist() == [1] * 20
    assert port.closed


# The board


def test_other_network(graph):
    with pytest.raises(WrongBitstreamError, match=(
            rf"^the board on port P holds the network 0102030405060708, wanted "
            rf"{graph.digest[:16]} \(random\); flash the bitstream of that model$")):
        connect(board(graph, digest=bytes(range(1, 9))), graph)


def test_no_graph_shows_what_the_board_is(graph):
    connection = connect(board(graph), None)
    assert connection.hello.digest.hex() == graph.digest[:16]
    with pytest.raises(ValueError, match="^Connection must have a graph to classify with$"):
        connection.classify_frames(FRAMES)


def test_other_version(graph):
    with pytest.raises(WrongBitstreamError, match=(
            r"^the board on port P speaks version 9 of the protocol, this program versions 1 and "
            r"2; build the bitstream anew$")):
        connect(board(graph, version=9), graph)


def test_later_version_of_another_length(graph):
    port = Board(lambda message: encode(Message(0x81, message.sequence, b"\x03")))
    with pytest.raises(WrongBitstreamError, match=r"^.* speaks version 3 of the protocol, .*$"):
        connect(port, graph)


@pytest.mark.parametrize("payload, message", [
    (b"\x01", r"Hello must be 16 bytes, not 1"),
    (b"\x01" + bytes(15), r"Hello input_width must be in 1 to 65535, not 0"),
    (b"\x02", r"Hello must be 17 bytes, not 1"),
    (b"\x02" + bytes(15) + b"\x02" + bytes(5), r"Hello must be 27 bytes, not 22"),
    (b"\x02" + b"\x01" * 15 + b"\x01\x00\x00\x00\x01\x00",
     r"Hello layer pe must be in 1 to 65535, not 0"),
    (b"\x02" + b"\x01" * 15 + b"\x2f" + b"\x00\x01\x00\x01\x00" * 47,
     r"Hello layers must be different ones, not layer 0 twice"),
    (b"\x02" + b"\x01" * 15 + b"\x03" + b"".join(
        bytes([layer, 1, 0, 1, 0]) for layer in (7, 3, 7)),
     r"Hello layers must be different ones, not layer 7 twice"),
])
def test_odd_hello(graph, payload, message):
    asked = []

    def answer(message):
        asked.append(message)
        return encode(Message(0x81, message.sequence, payload))
    with pytest.raises(LinkError, match=(
            rf"^the board on port P describes itself wrongly: {message}$")):
        connect(Board(answer), graph, retries=9)
    # It was no damage, since it came twice.
    assert len(asked) == 2


# The clock of the fixture may go on from example to example.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40), st.integers(0, 60), st.lists(st.tuples(
    st.integers(0, 3), st.integers(0, 6), st.integers(0, 21)), max_size=47))
def test_every_hello_is_taken_or_refused(graph, tail, cut, layers):
    """Layers that are near to right, and any bytes at the end: never another error."""
    rows = b"".join(bytes([index, pe, 0, simd, 0]) for index, pe, simd in layers)
    payload = (bytes([2]) + bytes.fromhex(graph.digest)[:8] + bytes([16, 0, 2, 0, 1, 8, 2])
               + bytes([len(layers)]) + rows)
    payload = payload[:cut] + tail if tail else payload
    port = Board(lambda asked: encode(Message(0x81, asked.sequence, payload)))
    try:
        assert connect(port, graph).hello.digest == payload[1:9]
    except LinkError as error:
        assert "port P" in str(error)


def test_other_size_of_frames(graph):
    with pytest.raises(LinkError, match=(
            r"^the board on port P takes 3 words of 16 bits a frame, which random does not "
            r"have$")):
        connect(board(graph, words=3), graph).classify_frames(FRAMES)


def test_other_size_of_results(graph):
    with pytest.raises(LinkError, match=(
            r"^the board on port P sends results of 2 bytes, but those of random have 1$")):
        connect(board(graph, result_bytes=2), graph)


@pytest.mark.parametrize("layers, wanted", [
    (((9, 1, 1),), "layer 9 for 1 neurons and 1 synapses at once"),
    (((0, 5, 1),), "layer 0 for 5 neurons and 1 synapses at once"),
    (((0, 1, 20),), "layer 0 for 1 neurons and 20 synapses at once"),
    (((0, 65535, 65535), (1, 1, 1)), "layer 0 for 65535 neurons and 65535 synapses at once")])
def test_weights_that_there_are_not(graph, layers, wanted):
    said = hello(graph, version=2, layers=tuple(LoadedLayer(*layer) for layer in layers))
    port = Board(lambda asked: encode(Message(0x81, asked.sequence, said.encode())))
    with pytest.raises(LinkError, match=(
            rf"^the board on port P wants weights of {wanted}, which random does not have$")):
        connect(port, graph)


def test_weights_that_are_too_deep(random_graph):
    """17,000 words for each lane, where an SPRAM has 16,384."""
    deep = random_graph(np.random.default_rng(3), (170, 100, 3))
    said = hello(deep, version=2, layers=(LoadedLayer(0, 1, 1),))
    port = Board(lambda asked: encode(Message(0x81, asked.sequence, said.encode())))
    with pytest.raises(LinkError, match=r"^.* wants weights of layer 0 for 1 neurons and 1 .*$"):
        connect(port, deep)


def test_more_weights_than_messages(monkeypatch):
    """Refused before they are made: the number of a message has 16 bits."""
    from xnorloom_boards.link import weights

    made = []
    monkeypatch.setattr(weights, "weight_words", made.append)
    # 1,024 SPRAMs of 16 words.
    hidden = Dense("hidden", np.ones((256, 1024), np.uint8), np.zeros(256, np.int64))
    score = Score("score", np.ones((10, 256), np.uint8), np.zeros(10, np.int64))
    wide = Graph("wide", Input((1024,)), (hidden, score))
    said = hello(wide, version=2, layers=(LoadedLayer(0, 16, 1024),))
    assert weights.MOST_LOADS == 65535
    monkeypatch.setattr(weights, "MOST_LOADS", 511)
    port = Board(lambda asked: encode(Message(0x81, asked.sequence, said.encode())))
    with pytest.raises(LinkError, match=(r"^the board on port P wants 16,384 words of weights, but "
                                         r"the protocol has room for 16,352$")):
        connect(port, wide)
    assert made == []


def test_another_board(graph):
    wrong = (r"^the board on port P is upduino_v3 \(UPduino 3\), wanted icebreaker; name the board "
             r"that is there, or flash a bitstream that was built for icebreaker$")
    with pytest.raises(WrongBitstreamError, match=wrong):
        connect(board(graph, board=find("upduino_v3").number), graph, board=find("icebreaker"))
    # It goes before the network, whose cure would be the wrong one.
    with pytest.raises(WrongBitstreamError, match=wrong):
        connect(board(graph, board=4, digest=bytes(8)), graph, board=find("icebreaker"))
    with pytest.raises(WrongBitstreamError, match=(
            r"^the board on port P is board number 63, which this version does not know, wanted "
            r"icebreaker; .+$")):
        connect(board(graph, board=63), graph, board=find("icebreaker"))


@pytest.mark.parametrize("number", [0, 1])
def test_the_same_board(graph, number):
    """Boards of before, which do not say which they are, are taken for any."""
    found = connect(board(graph, board=number), graph, board=find("icebreaker"))
    assert found.hello.board == number
    assert connect(board(graph, board=number), graph).hello.board == number


@pytest.mark.parametrize("payload", [b"\x05", b"\x81", b"\xfd"])
def test_result_with_further_bits(graph, payload):
    """Bits beyond the two of the class, whose rest would be class 1, are damage."""
    said = []

    def once(message):
        said.append(message)
        return encode(Message(0x82, message.sequence, payload if len(said) == 3 else b"\x02"))
    connection = connect(board(graph, once), graph)
    assert connection.classify_frames(FRAMES).tolist() == [2] * 20
    assert (connection.faults.damaged, connection.faults.resent) == (1, 1)
    port = board(graph, lambda message: encode(Message(0x82, message.sequence, payload)))
    with pytest.raises(LinkError, match=r"^frame \d+ was sent 3 times to port P without a result; "
                                        r".*damaged answers.*$"):
        connect(port, graph).classify_frames(FRAMES)


def test_class_that_there_is_not(graph):
    port = board(graph, lambda message: encode(Message(0x82, message.sequence, b"\x03")))
    with pytest.raises(LinkError, match=(
            r"^the board on port P gave frame 0 the class 3, but there are 3$")):
        connect(port, graph).classify_frames(FRAMES)


def test_board_that_becomes_another(graph):
    said = iter([hello(graph), hello(graph, credits=9)])
    port = Board(lambda message: encode(Message(0x81, message.sequence, next(said).encode()))
                 if message.kind == 1 else b"")
    with pytest.raises(WrongBitstreamError, match=(
            r"^another board, or bitstream, answers on port P than at first$")):
        connect(port, graph).classify_frames(FRAMES)


def test_no_answer(graph):
    with pytest.raises(NoAnswerError, match=(
            r"^no answer on port P at 9600 baud; is it the right port, its baud rate that of the "
            r"bitstream, and the board programmed\?$")):
        connect(Board(lambda message: b""), graph, baud=9600)


def test_no_answer_to_more_hellos_than_there_are_numbers(graph):
    with pytest.raises(NoAnswerError, match="^no answer on port P at .*$"):
        connect(Board(lambda message: b""), graph, timeout=0.001, retries=600)


def test_garbage(graph):
    with pytest.raises(NoAnswerError, match=(
            r"^15 bytes came on port P at 1000000 baud, but no answer; is it the right port, and "
            r"its baud rate that of the bitstream\?$")):
        connect(Board(lambda message: b"hello"), graph)


def test_results_of_others_are_not_taken(graph):
    def result(message):
        # One that is not asked for, one too long, one of another kind, and then the right one.
        return b"".join(map(encode, [
            Message(0x82, message.sequence + 100 & 255, b"\x02"),
            Message(0x82, message.sequence, b"\x02\x02"), Message(0x83, message.sequence, b"\x02"),
            Message(0x82, message.sequence, b"\x01"), Message(0x82, message.sequence, b"\x02")]))
    connection = connect(board(graph, result), graph)
    assert connection.classify_frames(FRAMES).tolist() == [1] * 20
    faults = connection.faults
    assert faults.late >= 2 * 20 and (faults.damaged, faults.resent) == (20, 0)


def test_replies_to_hellos_that_were_asked_several_times(graph):
    """No fault of the line: a board that was busy with frames of another program answers late."""
    asked, said = [], hello(graph).encode()

    def answer(message):
        if message.kind != 1:
            return encode(Message(0x82, message.sequence, b"\x01"))
        asked.append(message)
        if len(asked) < 3:
            return b""
        old = [Message(0x82, number, b"\x02") for number in range(8)] if len(asked) == 3 else []
        replies = [Message(0x81, each.sequence, said) for each in asked]
        return b"".join(map(encode, old + replies))
    connection = connect(Board(answer), graph)
    assert connection.classify_frames(FRAMES).tolist() == [1] * 20
    assert connection.faults == Faults()


# Arguments


@pytest.mark.parametrize("given, error, message", [
    ({"port": None}, TypeError, "Serial port must be given by its name, not None"),
    ({"port": 3}, TypeError, "Serial port must be given by its name, not 3"),
    ({"port": "graph"}, TypeError, "Serial port must be given by its name, not a Graph"),
    ({"port": ""}, ValueError, "Serial port must be a printable string that is not empty, not ''"),
    ({"graph": "tfc.bnn"}, TypeError, r"Connection graph must be a Graph, not 'tfc\.bnn'"),
    ({"graph": [1]}, TypeError, "Connection graph must be a Graph, not a list"),
    ({"retries": -1}, ValueError, "Connection retries must be at least 0, not -1"),
    ({"retries": 1.5}, TypeError, r"Connection retries must be an integer, not 1\.5"),
    ({"timeout": 0}, ValueError, "Connection timeout must be above 0 seconds, not 0"),
    ({"timeout": -1.0}, ValueError, r"Connection timeout must be above 0 seconds, not -1\.0"),
    ({"timeout": float("nan")}, ValueError, "Connection timeout must be above 0 seconds, not nan"),
    ({"timeout": None}, TypeError, "Connection timeout must be a number of seconds, not None"),
    ({"timeout": "1"}, TypeError, "Connection timeout must be a number of seconds, not '1'"),
    ({"baud": 0}, ValueError, "Connection baud must be at least 1, not 0"),
    ({"baud": "fast"}, TypeError, "Connection baud must be an integer, not 'fast'"),
])
def test_arguments(graph, given, error, message):
    given = {"port": "nowhere", "graph": graph, **given}
    port, found = given.pop("port"), given.pop("graph")
    port = graph if port == "graph" else port
    for open_port in (host.open, find("icebreaker").open):
        with pytest.raises(error, match=f"^{message}$"):
            open_port(port, found, **given)
    if port == "nowhere":
        with pytest.raises(error, match=f"^{message}$"):
            host.Connection(board(graph), found, **given)


def test_name_instead_of_a_port(graph):
    with pytest.raises(TypeError, match="^Connection port must be an open serial port, not "
                                        "'COM3'$"):
        host.Connection("COM3", graph)


@pytest.mark.parametrize("missing", ["read", "write"])
def test_half_a_port(graph, missing):
    class Half:
        timeout = None

    other = "write" if missing == "read" else "read"
    setattr(Half, other, getattr(Board, other))
    with pytest.raises(TypeError, match="^Connection port must be an open serial port, not a "
                                        "Half$"):
        host.Connection(Half(), graph)


def test_options_of_an_opened_port(graph, monkeypatch):
    """All of them reach the connection."""
    made = []
    monkeypatch.setattr(host, "Connection", lambda *args, **options: made.append((args, options)))
    monkeypatch.setattr(host, "open_port", lambda *args, **options: (args, options))
    wanted = find("icebreaker")
    host.open("P", graph, baud=300, timeout=2.0, retries=5, loading=print, board=wanted)
    [((port, given), options)] = made
    assert port == (("P", 300), {"write_timeout": 3.0}) and given is graph
    assert options == dict(name="P", baud=300, timeout=2.0, retries=5, loading=print, board=wanted)


def test_closed(graph):
    with connect(board(graph), graph) as connection:
        assert connection.classify_frames(FRAMES[:1]).tolist() == [1]
    for call in (connection.classify, connection.classify_frames, connection.results):
        with pytest.raises(ValueError, match="^Connection to port P must be open to .* closed$"):
            call(FRAMES.astype(np.uint8))
    connection.close()


# Images


@pytest.mark.parametrize("images, error, message", [
    (np.zeros((2, 19)), TypeError, r"pixels must be of type uint8, not float64"),
    (np.zeros((2, 18), np.uint8), ValueError,
     r"pixels must have the shape \(frames, 19\), not \(2, 18\)"),
])
def test_images(graph, images, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        connect(board(graph), graph).classify(images)
