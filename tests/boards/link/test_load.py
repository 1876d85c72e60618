# amaranth: UnusedElaboratable=no
"""The link with a network that must be loaded, byte by byte, as the page of the protocol says."""

from functools import partial

import numpy as np
import pytest
from amaranth.sim import Simulator

from xnorloom.gateware.network import Network
from xnorloom.packing import load_words, pack_frames
from xnorloom.schedule import Fold, Schedule
from xnorloom_boards.link.gateware import Link, describe
from xnorloom_boards.link.gateware.loader import weights_crc
from xnorloom_boards.link.gateware.replies import Replies
from xnorloom_boards.link.protocol import (
    Hello,
    LoadedLayer,
    Message,
    encode,
    frame_payloads,
    load_payloads,
)
from xnorloom_sim.golden import evaluate

BAD_CRC, BAD_LENGTH, BAD_KIND, UNLOADED = 0xe1, 0xe2, 0xe3, 0xe5
LOAD, LOADED, HELLO, FRAME, RESULT = 3, 0x83, 1, 2, 0x82


class Setup:
    """A network of two layers that are loaded, with 102 words, and one that is not."""

    FOLDS = (Fold(1, 2, "spram"), Fold(2, 4, "lut"), Fold(1, 3, "spram"))

    def __init__(self, random_graph, link, width=6, sizes=(24, 8, 6, 3)):
        rng = np.random.default_rng(11)
        images = rng.integers(0, 2, (5, sizes[0]))
        self.graph = random_graph(rng, sizes)
        self.classes = evaluate(self.graph, images).classes.tolist()
        schedule = Schedule(width, self.FOLDS)
        self.network = Network(schedule.bind(self.graph))
        self.hello = describe(self.network, clock_hz=4, baud=1)
        words = load_words(schedule.bind(self.graph))
        assert len(words) == 96 + 6
        # Four messages, the last of which is not full.
        octets = words.astype("<u2").tobytes() + bytes(52)
        self.loads = [bytes([number, 0]) + octets[64 * number:64 * number + 64]
                      for number in range(4)]
        self.talk = partial(link.talk, link.Device(self.network, self.hello, words))
        self.payloads = frame_payloads(pack_frames(schedule.bind(self.graph), images), self.hello)

    def load(self, *numbers):
        return [Message(LOAD, 100 + number, self.loads[number]) for number in numbers]

    def frames(self, *numbers):
        return [Message(FRAME, number, self.payloads[number]) for number in numbers]

    def said(self, loaded):
        flags = 2 if loaded else 0
        first = self.hello.encode()[:15] + bytes([flags])
        return first + bytes([2, 0, 1, 0, 2, 0, 2, 1, 0, 3, 0])

    def run(self, messages, gap=30, slow=1):
        """Kind, sequence number and payload of each answer; classes are checked."""
        line = b"".join(part if isinstance(part, bytes) else encode(part) for part in messages)
        found = self.talk(line, gap=gap, slow=slow)
        for message in found:
            if message.kind == RESULT:
                assert message.payload == bytes([self.classes[message.sequence]])
        return [(message.kind, message.sequence, message.payload) for message in found]

    def results(self, *numbers):
        return [(RESULT, number, bytes([self.classes[number]])) for number in numbers]


@pytest.fixture
def new_setup(random_graph, link):
    return partial(Setup, random_graph, link)


@pytest.fixture
def setup(new_setup):
    return new_setup()


def there(sequence, count):
    return LOADED, 100 + sequence, bytes([count, 0])


def test_hello(setup):
    assert setup.run([Message(HELLO, 7)]) == [(0x81, 7, setup.said(False))]
    assert setup.hello.encode() == setup.said(False)
    assert Hello.decode(setup.said(False)) == setup.hello
    assert Hello.decode(setup.said(True)).loaded
    assert setup.hello.layers == (LoadedLayer(0, 1, 2), LoadedLayer(2, 1, 3))
    assert setup.hello.version == 2


def test_payloads(setup):
    words = np.frombuffer(b"".join(load[2:] for load in setup.loads), "<u2")[:102]
    assert load_payloads(words.astype(np.uint16)) == setup.loads
    assert load_payloads(np.arange(32, dtype=np.uint16)) == [
        bytes(2) + bytes(byte for number in range(32) for byte in (number, 0))]
    assert load_payloads(np.zeros(32 * 257, np.uint16))[-1] == b"\x00\x01" + bytes(64)


@pytest.mark.parametrize("gap, slow", [(39, 1), (39, 82), (4, 1)])
def test_loads(setup, gap, slow):
    # At the rate of the line, with answers as slow as they can be; and far faster.
    found = setup.run([*setup.load(0, 1, 2, 3), Message(HELLO, 9)], gap, slow)
    assert found == [*(there(number, number + 1) for number in range(4)),
                     (0x81, 9, setup.said(True))]


@pytest.mark.parametrize("width", [1, 3, 6, 16])
def test_frames_after_loads(new_setup, width):
    # More loads between the frames have no effect.
    setup = new_setup(width)
    found = setup.run([*setup.load(0, 1, 2, 3), *setup.frames(0, 1), *setup.load(2, 0),
                       *setup.frames(2, 3)])
    assert found == [*(there(number, number + 1) for number in range(4)), *setup.results(0, 1),
                     there(2, 4), there(0, 4), *setup.results(2, 3)]


def test_frames_before_all_weights(setup):
    found = setup.run([*setup.frames(0), *setup.load(0, 1, 2), *setup.frames(1), *setup.load(3),
                       *setup.frames(2)])
    assert found == [(UNLOADED, 0, b""), there(0, 1), there(1, 2), there(2, 3), (UNLOADED, 1, b""),
                     there(3, 4), *setup.results(2)]


def test_any_order(setup):
    """Only the next one is taken; each answer tells how many there are."""
    order = [3, 0, 0, 2, 1, 0, 3, 2, 1, 3, 3, 0]
    expected, count = [], 0
    for number in order:
        count += number == count
        expected.append(there(number, count))
    # A number of which only the high byte differs.
    far = Message(LOAD, 5, b"\x02\x01" + bytes(64))
    found = setup.run([*setup.load(*order[:4]), far, *setup.load(*order[4:]), *setup.frames(4)])
    assert found == [*expected[:4], (LOADED, 5, b"\x01\x00"), *expected[4:], *setup.results(4)]


def test_damaged(setup):
    """A damaged message is not accepted, and can be sent again."""
    whole = encode(setup.load(1)[0])
    flipped = bytes([*whole[:20], whole[20] ^ 4, *whole[21:]])
    short = encode(Message(LOAD, 55, setup.loads[1][:-1]))
    found = setup.run([*setup.load(0), flipped, short, whole[:30] + b"\xa5",
                       Message(LOAD, 56), encode(Message(LOAD, 57, setup.loads[1] + b"1")),
                       Message(4, 58, setup.loads[1]), *setup.load(1, 2, 3), *setup.frames(0)])
    assert [kind for kind, _, _ in found] == [
        LOADED, BAD_CRC, BAD_LENGTH, BAD_CRC, BAD_LENGTH, BAD_LENGTH, BAD_KIND, LOADED, LOADED,
        LOADED, RESULT]
    assert found[-4:] == [there(1, 2), there(2, 3), there(3, 4), *setup.results(0)]


@pytest.mark.parametrize("number, place", [(0, 2), (1, 34), (3, 10)])
def test_wrong_weights_are_forgotten(setup, number, place):
    """A bit that the CRC of the message lets pass; the next attempt is a new one."""
    wrong = bytearray(setup.loads[number])
    wrong[place] ^= 1
    bad = setup.load(0, 1, 2, 3)
    bad[number] = Message(LOAD, 100 + number, bytes(wrong))
    found = setup.run([*bad, Message(HELLO, 1), *setup.frames(0), *setup.load(3, 0, 1, 2, 3),
                       Message(HELLO, 2), *setup.frames(1)], gap=60)
    assert found == [there(0, 1), there(1, 2), there(2, 3), there(3, 0),
                     (0x81, 1, setup.said(False)), (UNLOADED, 0, b""), there(3, 0), there(0, 1),
                     there(1, 2), there(2, 3), there(3, 4), (0x81, 2, setup.said(True)),
                     *setup.results(1)]


def test_what_fills_up_the_last_message_does_not_matter(setup):
    last = setup.loads[3][:2 + 2 * 6] + b"\xa5\x5a" * 26
    found = setup.run([*setup.load(0, 1, 2), Message(LOAD, 103, last), *setup.frames(0)])
    assert found[-2:] == [there(3, 4), *setup.results(0)]


def test_crc_of_the_page():
    register = 0xffff
    for byte in b"123456789":
        for place in range(7, -1, -1):
            top = register >> 15 ^ byte >> place & 1
            register = register << 1 & 0xffff ^ (0xc867 if top else 0)
    assert register == weights_crc(b"123456789") == 0x4c06


def test_wrong(setup):
    signature = setup.network.o.signature
    with pytest.raises(ValueError, match=r"^Link must have weights if and only if its hello has "
                                         r"layers, not for 2$"):
        Link(setup.hello, signature)
    plain = Hello(bytes(8), 1, 1, 1, 1)
    with pytest.raises(ValueError, match=r"^Link must have weights if .*, not for 0$"):
        Link(plain, signature, np.zeros(1, np.uint16))
    with pytest.raises(ValueError, match=r"^Hello layers must be at most 47, not 48$"):
        Hello(bytes(8), 1, 1, 1, 1, version=2, layers=(LoadedLayer(0, 1, 1),) * 48)


def test_count_of_more_than_a_byte():
    """The answer to weights has both bytes of the number of messages, the low one first."""
    hello = Hello(bytes(8), 6, 4, 1, 1, version=2, layers=(LoadedLayer(0, 1, 2),))
    replies, found = Replies(hello, 8), []

    async def process(ctx):
        ctx.set(replies.o.ready, 1)
        ctx.set(replies.sequence, 77)
        ctx.set(replies.start, 1)
        await ctx.tick()
        ctx.set(replies.start, 0)
        ctx.set(replies.acknowledge, 1)
        ctx.set(replies.count, 0xc3a7)
        for _ in range(4):
            data, last = await ctx.tick().sample(
                replies.o.payload.data, replies.o.payload.last).until(replies.o.valid)
            found.append((data, last))

    simulator = Simulator(replies)
    simulator.add_clock(1e-6)
    simulator.add_testbench(process)
    simulator.run()
    assert found == [(LOADED, 0), (77, 0), (0xa7, 0), (0xc3, 1)]
