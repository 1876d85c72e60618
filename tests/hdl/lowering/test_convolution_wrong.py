"""Refused convolutions and pools, and the messages."""

import re

import numpy as np
import pytest

from xnorloom.errors import SourceError
from xnorloom.frontend.program import Elementwise
from xnorloom.graph import Window
from xnorloom.lowering.lower import lower

F = np.float32


def sign(x):
    return np.where(x >= 0, F(1), F(-1))


def signs(*shape):
    return np.random.default_rng(1).choice(np.array([-1, 1], F), shape)


def flatten(array):
    return array.reshape(len(array), -1)


def residual(net):
    net.conv(signs(3, 1, 1, 2)).map(sign)
    before = net.value
    net.conv(signs(3, 1, 1, 3)).map(sign)
    net.add(Elementwise("sum", "sum:0", (net.value, before), np.add))
    net.map(sign).move(flatten).dense(signs(60, 2))


def around_a_pool(net):
    net.conv(signs(3, 1, 1, 2)).map(sign)
    before = net.value
    net.pool((1, 1))
    net.add(Elementwise("sum", "sum:0", (net.value, before), np.add))
    net.map(sign).move(flatten).dense(signs(60, 2))


def pool_of_the_input(net):
    net.pool((2, 2)).conv(signs(3, 1, 1, 2)).map(sign).move(flatten).dense(signs(12, 2))


def pool_of_a_vector(net):
    net.move(flatten).dense(signs(40, 12)).map(sign).move(lambda x: x.reshape(len(x), 2, 2, 3))
    net.pool((2, 2), name="top").move(flatten).dense(signs(3, 2))


def by_position(net):
    net.conv(signs(3, 1, 1, 2)).map(np.add, np.arange(60, dtype=F).reshape(1, 4, 5, 3), name="offs")
    net.map(sign).move(flatten).dense(signs(60, 2))


def by_flattened_position(net):
    net.conv(signs(3, 1, 1, 2)).move(flatten).map(np.add, np.arange(60, dtype=F), name="offs")
    net.map(sign).dense(signs(60, 2))


def by_hidden_position(net):
    offsets = np.arange(20, dtype=F).reshape(4, 5, 1)
    net.conv(signs(3, 1, 1, 2)).map(lambda x: x + offsets, name="offs")
    net.map(sign).move(flatten).dense(signs(60, 2))


def polarity(net):
    net.map(np.multiply, signs(4, 5, 2)).conv(signs(3, 1, 1, 2), name="first").map(sign)
    net.move(flatten).dense(signs(60, 2))


def levels(net):
    net.map(np.add, np.arange(40, dtype=F).reshape(4, 5, 2)).conv(signs(3, 1, 1, 2), name="first")
    net.map(sign).move(flatten).dense(signs(60, 2))


def scores_of_a_map(net):
    net.conv(signs(3, 1, 1, 2), name="last")


def maxima_of_scores(net):
    net.conv(signs(3, 1, 1, 2), name="last").pool((4, 5)).move(flatten)


def average_as_scores(net):
    net.conv(signs(3, 1, 1, 2)).map(sign).conv(np.ones((3, 4, 5, 1), F), groups=3, name="mean")
    net.move(flatten)


def turned(net):
    net.conv(signs(3, 1, 1, 2)).map(sign).move(lambda x: x.transpose(0, 2, 1, 3))
    net.conv(signs(2, 1, 1, 3), name="second").map(sign).move(flatten).dense(signs(40, 2))


def reshaped(net):
    net.move(flatten).dense(signs(40, 12)).map(sign).move(lambda x: x.reshape(len(x), 2, 2, 3))
    net.conv(signs(2, 2, 1, 3), name="second").map(sign).move(flatten).dense(signs(4, 2))


def shuffled_groups(net):
    net.conv(signs(4, 1, 1, 2)).map(sign).move(lambda x: x[..., [0, 2, 1, 3]])
    net.conv(signs(2, 1, 1, 2), groups=2, name="second").map(sign).move(flatten)
    net.dense(signs(40, 2))


def outside(net):
    net.conv(signs(3, 2, 2, 2), Window((2, 2), (1, 1), (5, 1), (5, 0, 5, 0)), 0.5, name="wide")
    net.map(sign).move(flatten).dense(signs(108, 2))


def hump(net):
    net.conv(signs(3, 1, 1, 2), name="odd").map(lambda x: np.where(x > 0, F(5), -x)).pool((2, 2))
    net.map(lambda x: sign(x - 4)).move(flatten).dense(signs(12, 2))


def magnitudes(net):
    net.conv(signs(3, 1, 1, 2) * np.array([1, 2], F), name="odd").map(sign)
    net.move(flatten).dense(signs(60, 2))


def average_of_several(net):
    net.conv(signs(3, 1, 1, 2)).map(sign)
    net.conv(np.ones((3, 2, 2, 1), F), groups=3, name="mean").map(lambda x: x / 4)
    net.move(flatten).dense(signs(36, 2))


POSITIONS = ("offs must treat all positions of a map alike, but its parameters differ between "
             "positions of a channel: a convolution has one threshold for each channel; make them "
             "the same, or use a fully connected layer")
SAME = ("layer first must have the same levels of its input at all positions of a channel, as it "
        "shares its weights over them, but those of channel 0 differ; prepare all pixels alike, or "
        "begin with a fully connected layer")
AS_IT_IS = ("layer second must see rows and columns as the layer before it gives them, a map of "
            "{}, and not reordered or reshaped")
MAXIMUM = ("must pool the channels of a convolution, before or after its sign, not {}: a maximum "
           "of numbers of several bits is not supported; put a convolution before it")
# Network for frames (4, 5, 2), and message.
WRONG = {
    residual: "sum must depend on one layer, not on conv0 and conv2: branches that join again are "
              "not supported; train the network without skip connections",
    around_a_pool: "sum must combine each element with itself, not with values from before a "
                   "pool: branches that join again are not supported; train the network without "
                   "skip connections",
    pool_of_the_input: f"pool0 {MAXIMUM.format('the input')}",
    pool_of_a_vector: f"top {MAXIMUM.format('dense1')}",
    by_position: POSITIONS, by_flattened_position: POSITIONS, by_hidden_position: POSITIONS,
    polarity: SAME, levels: SAME,
    scores_of_a_map: "the last layer, last, must have one output for each class, of all elements "
                     "of its map, and not give a map of 4x5x3 of windows or groups; average it to "
                     "one pixel, or flatten it and add a fully connected layer",
    maxima_of_scores: "the last layer, last, must give one score for each class, not maxima of "
                      "scores over areas of 4x5; average them instead",
    average_as_scores: "the last layer, mean, must use all channels for each class, not 3 groups "
                       "of them; add a fully connected layer after it",
    turned: AS_IT_IS.format("4x5x3"), reshaped: AS_IT_IS.format("1x1x12"),
    shuffled_groups: "layer second must see channels in their order, as it has 2 groups; permute "
                     "the neurons of the layer before it instead",
    outside: "layer wide must see a pixel of the map at each output, but its padding (5, 0, 5, 0) "
             "makes windows that lie outside the 4x5 pixels; take less padding",
    hump: "the values before its pool of layer odd must only rise or only fall as the sum "
          "rises, but that of neuron 0 does both; pool after the sign",
    magnitudes: "weights of layer odd must be of one magnitude in each neuron, -a, 0 and +a, but "
                "neuron 0 has -1, 2",
    average_of_several: "the response of layer mean must have two values, the same for all "
                        "neurons, but neuron 0 has -1, -0.5, 0 and more: a sign is missing between "
                        "it and the next layer",
}


@pytest.mark.parametrize("build", WRONG)
def test_convolution_wrong(new_program, build):
    net = new_program((4, 5, 2))
    build(net)
    with pytest.raises(SourceError, match=f"^{re.escape(WRONG[build])}$"):
        lower(net.program(), "bipolar")
