# amaranth: UnusedElaboratable=no
"""Link with a network, byte by byte: right answers or errors, never wrong answers.

Messages are encoded by the host, whose own tests compare them with the page.
"""

from functools import partial

import numpy as np
import pytest

from xnorloom import folding
from xnorloom.gateware.network import Network
from xnorloom.packing import pack_frames, unpack_results
from xnorloom.schedule import Schedule
from xnorloom_boards.link.gateware import Link, describe
from xnorloom_boards.link.protocol import Decoder, Hello, Message, encode, frame_payloads
from xnorloom_sim.golden import evaluate

BAD_CRC, BAD_LENGTH, BAD_KIND, OVERFLOW = 0xe1, 0xe2, 0xe3, 0xe4


class Setup:
    """A random network, a device with it, frames, and what must come back for them."""

    def __init__(self, random_graph, link, sizes=(19, 6, 3), *, bits=1, width=None,
                 scores=False, frames=6, seed=1):
        rng = np.random.default_rng(seed)
        images = rng.integers(0, 1 << bits, (frames, sizes[0]))
        while True:
            self.graph = random_graph(rng, sizes, bits)
            self.golden = evaluate(self.graph, images)
            # So that one class is not taken for another.
            if len(set(self.golden.classes)) > 1:
                break
        schedule = folding.automatic(self.graph, 12)
        self.schedule = Schedule(width or schedule.input_width, schedule.folds)
        self.network = Network(self.schedule.bind(self.graph), scores=scores)
        self.hello = describe(self.network, clock_hz=4, baud=1)
        self.talk = partial(link.talk, link.Device(self.network, self.hello))
        self.payloads = frame_payloads(
            pack_frames(self.schedule.bind(self.graph), images), self.hello)

    def frame(self, index):
        return encode(Message(0x02, index, self.payloads[index]))

    def frames(self):
        return b"".join(map(self.frame, range(len(self.payloads))))

    def check(self, messages):
        """Results are right, class and scores; gives their sequence numbers back."""
        results = [message for message in messages if message.kind == 0x82]
        numbers = [message.sequence for message in results]
        if results:
            outputs = np.array([list(message.payload) for message in results], np.uint8)
            classes, scores = unpack_results(self.graph, outputs, scores=self.hello.scores)
            assert np.array_equal(classes, self.golden.classes[numbers])
            assert scores is None or np.array_equal(scores, self.golden.scores[numbers])
        return numbers

    def errors(self, messages):
        return [message for message in messages if message.kind >= 0xe0]


@pytest.fixture
def new_setup(random_graph, link):
    return partial(Setup, random_graph, link)


def test_hello(new_setup):
    setup = new_setup()
    assert setup.talk(encode(Message(0x01, 77))) == [
        Message(0x81, 77, setup.hello.encode())]
    assert setup.hello.digest.hex() == setup.graph.digest[:16]
    assert (setup.hello.input_width, setup.hello.words) == (
        setup.schedule.input_width, setup.network.plan.words)


@pytest.mark.parametrize("scores", [False, True], ids=["class", "scores"])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 8, 9, 16, 19])
def test_frames(new_setup, width, scores):
    setup = new_setup(width=width, scores=scores)
    messages = setup.talk(setup.frames(), gap=60)
    assert setup.check(messages) == list(range(6)) and len(messages) == 6


@pytest.mark.parametrize("width", [1, 3, 7, 10])
def test_frames_of_several_planes(new_setup, width):
    setup = new_setup((11, 4, 4), bits=3, width=width)
    assert setup.check(setup.talk(setup.frames(), gap=60)) == list(range(6))


def test_slow_line_out(new_setup):
    setup = new_setup(scores=True)
    assert setup.check(setup.talk(setup.frames(), gap=200, slow=50)) == list(range(6))


def swapped(line, place, byte):
    return line[:place] + bytes([byte]) + line[place + 1:]


WRONG = {
    "CRC": (lambda setup: swapped(setup.frame(3), 1, 9), BAD_CRC),
    "cut": (lambda setup: setup.frame(3)[:4] + b"\xa5", BAD_CRC),
    "one byte": (lambda setup: b"\x02\xa5", BAD_CRC),
    "escape before the end": (lambda setup: setup.frame(3)[:-1] + b"\x5a\xa5", BAD_CRC),
    "short": (lambda setup: encode(Message(2, 7, setup.payloads[0][:-1])), BAD_LENGTH),
    "long": (lambda setup: encode(Message(2, 7, setup.payloads[0] + b"1")), BAD_LENGTH),
    "far too long": (lambda setup: encode(Message(2, 7, bytes(600))), BAD_LENGTH),
    "no payload": (lambda setup: encode(Message(2, 7)), BAD_LENGTH),
    "hello with payload": (lambda setup: encode(Message(1, 7, b"1")), BAD_LENGTH),
    "unknown": (lambda setup: encode(Message(0x81, 7)), BAD_KIND),
    "unknown and long": (lambda setup: encode(Message(0, 7, bytes(50))), BAD_KIND),
}


@pytest.mark.parametrize("make, kind", WRONG.values(), ids=WRONG)
def test_error(new_setup, make, kind):
    setup = new_setup()
    line = make(setup) + setup.frame(1)
    messages = setup.talk(line, gap=4 if len(line) > 500 else 40)
    assert [message.kind for message in messages] == [kind, 0x82]
    assert setup.check(messages) == [1]
    if kind != BAD_CRC and len(line) < 500:
        assert messages[0] == Message(kind, 7)


def test_empty_messages_are_none(new_setup):
    setup = new_setup()
    line = b"\xa5\xa5" + setup.frame(0) + b"\xa5\xa5" + setup.frame(1)
    messages = setup.talk(line)
    assert setup.check(messages) == [0, 1] and len(messages) == 2


def test_missing_stop_bit(new_setup):
    setup = new_setup()
    messages = setup.talk(setup.frame(0) + setup.frame(1), bad=[2])
    assert [message.kind for message in messages] == [BAD_CRC, 0x82]
    assert setup.check(messages) == [1]


def test_hello_comes_after_the_results(new_setup):
    # So fast that the frame is still in the network when the hello is there.
    setup = new_setup()
    messages = setup.talk(setup.frame(0) + encode(Message(1, 9)), gap=1)
    assert [message.kind for message in messages] == [0x82, 0x81]
    assert setup.check(messages) == [0] and messages[1].sequence == 9


@pytest.mark.parametrize("gap", [1, 2, 5, 8])
def test_too_fast(new_setup, gap):
    # Each frame has a result or, if it came too early, an error; the last error counts.
    setup = new_setup((40, 6, 3), width=8)
    messages = setup.talk(setup.frames(), gap=gap, slow=7)
    numbers, errors = setup.check(messages), setup.errors(messages)
    assert {message.kind for message in errors} <= {OVERFLOW}
    assert 0 in numbers and numbers == sorted(set(numbers)) and len(numbers) + len(errors) <= 6


@pytest.mark.parametrize("seed", range(4))
def test_faults(new_setup, link, seed):
    rng = np.random.default_rng(seed)
    setup = new_setup(frames=25, scores=bool(seed % 2), seed=seed)
    line = link.damage(rng, setup.frames(), 14)
    messages = setup.talk(line)
    numbers = setup.check(messages)
    assert numbers == sorted(set(numbers))
    # What is whole has a result.
    whole = [message.sequence for message in Decoder(300).feed(line)
             if message.kind == 2 and message.payload in setup.payloads]
    assert numbers == whole
    assert setup.errors(messages)


# Credits


def large(new_setup, **options):
    return new_setup((120, 6, 3), width=8, frames=5, **options)


def test_credits(new_setup):
    small, big = new_setup(), large(new_setup)
    assert describe(small.network, clock_hz=12, baud=1).credits == 1
    assert describe(big.network, clock_hz=12, baud=1).credits == 128


@pytest.mark.parametrize("cycles, latency", [
    # A frame of 15 bytes and its 5 take 20 bytes on the line, less a twentieth: 19 * cycles. An
    # answer of 1 byte and its 4 is at most 11 bytes with all of them stuffed, each a cycle longer.
    # Frame and network take 3 cycles a byte, the latency, and 8 cycles more.
    (80, 19 * 80 - 11 * 81 - 45 - 8), (320, 19 * 320 - 11 * 321 - 45 - 8),
])
def test_boundary_of_the_credits(new_setup, monkeypatch, cycles, latency):
    network = large(new_setup).network
    for slower, credits in ((0, 128), (1, 1)):
        monkeypatch.setattr(Network, "latency", latency + slower)
        assert describe(network, clock_hz=cycles // 10, baud=1).credits == credits


@pytest.mark.parametrize("cycles", [4, 9])
def test_credits_of_the_line(new_setup, cycles):
    # At the rate of the line, 2 % too fast, with the slowest answers that there may be.
    setup = large(new_setup)
    assert describe(setup.network, clock_hz=cycles, baud=1).credits == 128
    gap = 10 * cycles - max(1, cycles // 5)
    messages = setup.talk(setup.frames(), gap=gap, slow=2 * (10 * cycles + 1))
    assert setup.check(messages) == list(range(5)) and len(messages) == 5


# Wrong arguments


def test_wrong(new_setup):
    setup = new_setup()
    signature = setup.network.o.signature
    with pytest.raises(TypeError, match=r"^Link hello must be a Hello, not 'hello'$"):
        Link("hello", signature)
    hello = Hello(bytes(8), 1, 1, 2, 1)
    with pytest.raises(ValueError, match=r"^Link result must have 2 bytes, as its hello says, "
                                         r"not 2 bits$"):
        Link(hello, signature)
