# amaranth: UnusedElaboratable=no
"""Proof of the argmax: one result per frame, in order, the first index of the largest score."""

import pytest
from amaranth.hdl import C, Cat, Mux, Signal, Value, signed

from xnorloom.gateware import argmax

CLASSES = 3
SHAPE = signed(2)


def first_of_largest(scores):
    """Return the first index of the largest score."""
    label = C(0, 2)
    for index, score in enumerate(scores):
        wins = Value.cast(1)
        for other, rival in enumerate(scores):
            if other != index:
                wins &= score > rival if other < index else score >= rival
        label = Mux(wins, index, label)
    return label


def contract(lanes, scores):
    def check(h):
        m, i, o = h.m, h.dut.i, h.dut.o
        words = -(-CLASSES // lanes)
        took, gave = i.valid & i.ready, o.valid & o.ready
        h.held(o)

        # Scores of the frame that arrives, by word.
        word = Signal(range(words))
        frame = [Signal(SHAPE, name=f"frame{index}") for index in range(words * lanes)]
        with m.If(took):
            m.d.sync += word.eq(Mux(word == words - 1, 0, word + 1))
            for index, score in enumerate(frame):
                with m.If(word == index // lanes):
                    m.d.sync += score.eq(i.payload[index % lanes])
        now = [Mux(word == index // lanes, i.payload[index % lanes], score)
               for index, score in enumerate(frame)][:CLASSES]
        whole = [score.as_signed() for score in now]
        queue = h.queue(3, 2 + 2 * CLASSES * scores)
        queue.move(took & (word == words - 1), Cat(first_of_largest(whole), *whole * scores), gave)
        h.check(~o.valid | (Value.cast(o.payload) == queue.head))
        h.check(~o.ready | i.ready)
        h.progress(h.dut.latency + 1, o.ready & (queue.level > 0), gave)

        # Last word of the tree of comparators, one word after the input.
        go = ~o.valid | o.ready
        seen, place = Signal(), Signal(range(words))
        earlier = [Signal(SHAPE, name=f"earlier{lane}") for lane in range(lanes)]
        with m.If(go):
            m.d.sync += [seen.eq(i.valid), place.eq(word)]
            m.d.sync += [score.eq(i.payload[lane]) for lane, score in enumerate(earlier)]
        reached = word
        h.helper(h.peek("word") == word)
        h.helper(word < words)
        if lanes == 2:
            second = (place == 0) & (earlier[1] > earlier[0])
            last = seen & (place == words - 1)
            h.helper(h.peek("valid1_1") == seen)
            h.helper(~seen | Cat(h.peek("word1_1") == place, h.peek("last1_1") == last).all())
            h.helper(~seen | (h.peek("lane1_0_1") == second))
            h.helper(~seen | (h.peek("score1_0_1") == Mux(second, earlier[1], earlier[0])))
            h.helper(queue.level == o.valid + last)
            result = Mux(o.valid, queue.item(1), queue.item(0))
            final = [*frame[:2], earlier[0]]
            h.helper(~last | (result == Cat(first_of_largest(final), *final * scores)))
            h.helper(~seen | (word == Mux(place == words - 1, 0, place + 1)))
            h.helper(~seen | (place == 1) | (Cat(earlier) == Cat(frame[:2])))
            reached = Mux(seen, place, word)
            if scores:
                h.helper(~seen | (Value.cast(h.peek("scores_1")) == Cat(earlier)))
        else:
            h.helper(queue.level == o.valid)
        # Best score of the words before, as its complement with an inverted sign.
        for count in range(1, words):
            before = frame[:count * lanes]
            label = first_of_largest(before)
            best = before[0]
            for index, score in enumerate(before):
                best = Mux(label == index, score, best)
            at = reached == count
            h.helper(~at | (h.peek("best_label") == label))
            h.helper(~at | (h.peek("complement") == ~(best.as_unsigned()[:2] ^ 2)))
            if scores:
                h.helper(~at | (Value.cast(o.payload)[2:2 + 2 * len(before)] == Cat(before)))
    return check


@pytest.mark.parametrize("scores", [False, True], ids=["class", "scores"])
@pytest.mark.parametrize("lanes", [1, 2])
def test_argmax(prove, lanes, scores):
    dut = argmax.Argmax(CLASSES, lanes=lanes, shape=SHAPE, scores=scores)
    prove(dut, contract(lanes, scores), depth=4)


@pytest.mark.parametrize("change", [
    ("exists2 & (score2 > score)", "exists2 & (score2 >= score)"),
    ("[go.eq(~self.o.valid | self.o.ready), self.i.ready.eq(go)]",
     "[go.eq(1), self.i.ready.eq(go)]"),
    ("better = (word == 0) | larger", "better = larger"),
], ids=["last of equals", "no stall", "no restart"])
def test_broken(prove, change):
    dut = prove.copy(argmax, change).Argmax(CLASSES, lanes=2, shape=SHAPE)
    prove.refute(dut, contract(2, False))
