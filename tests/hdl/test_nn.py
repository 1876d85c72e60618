"""PyTorch modules of binarized networks, each against its definition."""

import re

import numpy as np
import pytest
import torch

from xnorloom.nn import (
    BinaryConv2d,
    BinaryLinear,
    Divide,
    Pixels,
    Scores,
    Sign,
    TernaryLinear,
    clip,
    prune,
)

TINY = float(np.finfo(np.float32).smallest_subnormal)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_sign(dtype):
    tiny = TINY if dtype != torch.bfloat16 else float(torch.finfo(dtype).smallest_normal)
    x = torch.tensor([-3.0, -1.0, -tiny, -0.0, 0.0, tiny, 1.0, 3.0], dtype=dtype)
    y = Sign()(x)
    assert y.tolist() == [-1, -1, -1, 1, 1, 1, 1, 1]
    assert y.dtype == dtype


def test_gradient_of_sign_is_that_of_a_parabola():
    x = torch.tensor([-2.0, -1.0, -0.75, -0.5, 0.0, 0.25, 1.0, 1.5], requires_grad=True)
    (Sign()(x) * torch.arange(1.0, 9.0)).sum().backward()
    slopes = [0, 0, 0.5, 1, 2, 1.5, 0, 0]
    assert x.grad is not None
    assert x.grad.tolist() == [slope * (i + 1) for i, slope in enumerate(slopes)]


def test_binary_linear():
    linear = BinaryLinear(4, 3)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[0.3, -0.2, 0.0, -0.0],
                                          [-1.0, -TINY, TINY, 1.0],
                                          [-0.1, -0.1, -0.1, -0.1]]))
    signs = [[1, -1, 1, 1], [-1, -1, 1, 1], [-1, -1, -1, -1]]
    x = [[1.0, -1.0, 1.0, 1.0], [3.0, 5.0, -7.0, 2.0]]
    assert linear.signs().tolist() == signs
    assert linear(torch.tensor(x)).tolist() == [
        [sum(w * v for w, v in zip(row, frame)) for row in signs] for frame in x]


def test_gradients_of_binary_linear_pass_as_they_are():
    linear = BinaryLinear(3, 2)
    x = torch.tensor([[1.0, -1.0, 1.0], [-1.0, 5.0, 2.0]], requires_grad=True)
    back = torch.tensor([[2.0, 3.0], [-1.0, 4.0]])
    linear(x).backward(back)
    assert linear.weight.grad is not None and x.grad is not None
    assert linear.weight.grad.tolist() == (back.T @ x.detach()).tolist()
    assert x.grad.tolist() == (back @ linear.signs().detach()).tolist()


def test_ternary_linear():
    linear = TernaryLinear(4, 3, 2)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[0.3, -0.2, 0.1, -0.0],
                                          [-1.0, -TINY, TINY, 1.0],
                                          [-0.1, 0.4, 0.2, -0.5]]))
    signs = [[1, -1, 0, 0], [-1, 0, 0, 1], [0, 1, 0, -1]]
    x = torch.tensor([[1.0, -1.0, 1.0, 1.0], [3.0, 5.0, -7.0, 2.0]], requires_grad=True)
    assert linear.signs().tolist() == signs
    back = torch.tensor([[2.0, 3.0, -1.0], [-1.0, 4.0, 0.5]])
    found = linear(x)
    assert found.tolist() == [[sum(w * v for w, v in zip(row, frame)) for row in signs]
                              for frame in x.tolist()]
    found.backward(back)
    # Absent weights have a gradient, too, so that they may come back.
    assert linear.weight.grad is not None and x.grad is not None
    assert linear.weight.grad.tolist() == (back.T @ x.detach()).tolist()
    assert x.grad.tolist() == (back @ torch.tensor(signs, dtype=torch.float32)).tolist()


@pytest.mark.parametrize("synapses", [1, 5, 9])
def test_synapses_of_ternary_linear(synapses):
    """As many as wanted, of equal and of zero weights too."""
    linear = TernaryLinear(9, 6, synapses, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        linear.weight[0] = 0
        linear.weight[1] = -0.5
    assert (linear.signs() != 0).sum(dim=1).tolist() == [synapses] * 6
    assert repr(linear) == f"TernaryLinear(9, 6, synapses={synapses})"


@pytest.mark.parametrize("synapses, error, message", [
    (0, ValueError, r"^synapses must be in 1 to 4, the inputs, not 0$"),
    (5, ValueError, r"^synapses must be in 1 to 4, the inputs, not 5$"),
    (2.0, TypeError, r"^synapses must be an integer, not 2\.0$"),
    (True, TypeError, r"^synapses must be an integer, not True$")])
def test_ternary_linear_wrong(synapses, error, message):
    with pytest.raises(error, match=message):
        TernaryLinear(4, 3, synapses)


def test_candidates_of_ternary_linear():
    """Other inputs have neither synapses nor gradients, however large their weights are."""
    candidates = torch.tensor([True, False, True, True, False])
    linear = TernaryLinear(5, 2, 2, candidates=candidates)
    candidates[:] = True  # of the caller
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[0.1, 0.9, -0.3, 0.2, 1.0], [0.0, -1.0, 0.0, 0.0, 0.5]]))
    assert linear.signs()[0].tolist() == [0, 0, -1, 1, 0]
    assert (linear.signs() != 0).sum(dim=1).tolist() == [2, 2]
    linear(torch.ones(1, 5)).backward(torch.tensor([[3.0, -2.0]]))
    assert linear.weight.grad is not None
    assert linear.weight.grad.tolist() == [[3, 0, 3, 3, 0], [-2, 0, -2, -2, 0]]
    assert repr(linear) == "TernaryLinear(5, 2, synapses=2, candidates=3)"
    other = TernaryLinear(5, 2, 2, candidates=torch.ones(5, dtype=torch.bool))
    other.load_state_dict(linear.state_dict())
    assert torch.equal(other.signs(), linear.signs())


@pytest.mark.parametrize("candidates, error, message", [
    (torch.ones(3, dtype=torch.bool), ValueError, r"^candidates must have the shape \(4,\), not "
     r"\(3,\)$"),
    (torch.ones(4, 1, dtype=torch.bool), ValueError, r"^candidates must have the shape \(4,\), not "
     r"\(4, 1\)$"),
    (torch.tensor([True, False, False, False]), ValueError, r"^candidates must be at least 2, the "
     r"synapses of an output, not 1$"),
    (torch.ones(4), TypeError, r"^candidates must be a tensor of bool, not torch\.float32$"),
    ([True] * 4, TypeError, r"^candidates must be a tensor of bool, not \[True, True, True, True"
     r"\]$")],
    ids=["short", "matrix", "few", "floats", "list"])
def test_candidates_wrong(candidates, error, message):
    with pytest.raises(error, match=message):
        TernaryLinear(4, 3, 2, candidates=candidates)


def test_clip_leaves_sparse_weights():
    """Chance would choose among weights at the same bound."""
    network = torch.nn.Sequential(TernaryLinear(3, 2, 1), BinaryLinear(2, 2))
    with torch.no_grad():
        for layer in network:
            layer.weight *= 100
    before = network[0].weight.clone()
    clip(network)
    assert torch.equal(network[0].weight, before)
    assert network[1].weight.abs().max() <= 1


def test_prune():
    """From all candidates to the synapses; the excess is a cube."""
    candidates = torch.arange(100) < 90
    network = torch.nn.Sequential(TernaryLinear(100, 8, 10, candidates=candidates), Sign(),
                                  BinaryLinear(8, 8), Sign(),
                                  torch.nn.Sequential(TernaryLinear(8, 4, 8)))
    found = {}
    for progress in (0, 0.25, 0.5, 1):
        prune(network, progress)
        found[progress] = [(layer.signs() != 0).sum(dim=1).unique().tolist()
                           for layer in network.modules() if isinstance(layer, BinaryLinear)]
    assert found == {progress: [[10 + round(80 * (1 - progress) ** 3)], [8], [8]]
                     for progress in found}


@pytest.mark.parametrize("progress", [-0.1, 1.01, float("nan")])
def test_prune_wrong(progress):
    with pytest.raises(ValueError, match=rf"^progress must be in 0 to 1, not {progress}$"):
        prune(TernaryLinear(4, 3, 2), progress)


def by_definition(x: np.ndarray, signs: np.ndarray, stride, padding, dilation, groups, pad_value):
    """Return the convolution of ``x`` [N, C, H, W], one output after the other."""
    top, left = padding
    x = np.pad(x, ((0, 0), (0, 0), (top, top), (left, left)), constant_values=pad_value or 0)
    outputs, depth, *kernel = signs.shape
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    rows, columns = ((size - r) // s + 1 for size, r, s in zip(x.shape[2:], reach, stride))
    y = np.empty((len(x), outputs, rows, columns))
    for j in range(outputs):
        first = j // (outputs // groups) * depth
        for row in range(rows):
            for column in range(columns):
                r, c = row * stride[0], column * stride[1]
                window = x[:, first:first + depth, r:r + reach[0]:dilation[0],
                           c:c + reach[1]:dilation[1]]
                y[:, j, row, column] = (window * signs[j]).sum((1, 2, 3))
    return y


@pytest.mark.parametrize(("kernel", "options"), [
    (3, {}),
    ((2, 3), dict(stride=(1, 2))),
    (3, dict(stride=2, padding=1, pad_value=-1)),
    (2, dict(padding=(2, 1), pad_value=1)),
    ((2, 3), dict(dilation=(3, 1), groups=2)),
    (1, dict(groups=4)),
], ids=["plain", "strided", "padded with -1", "padded with +1", "dilated groups", "depthwise"])
def test_binary_conv2d(kernel, options):
    conv = BinaryConv2d(4, 8, kernel, generator=torch.Generator().manual_seed(3), **options)
    x = Sign()(torch.randn(2, 4, 6, 8, generator=torch.Generator().manual_seed(4)))
    signs = conv.signs().detach()
    assert torch.equal(signs, torch.where(conv.weight >= 0, 1.0, -1.0))
    assert set(signs.unique().tolist()) == {-1, 1}
    pairs = [value if isinstance(value := options.get(name, usual), tuple) else (value, value)
             for name, usual in (("stride", 1), ("padding", 0), ("dilation", 1))]
    expected = by_definition(x.numpy(), signs.numpy(), *pairs, options.get("groups", 1),
                             options.get("pad_value"))
    assert np.array_equal(conv(x).detach().numpy(), expected)


def test_gradients_of_binary_conv2d_pass_as_they_are():
    conv = BinaryConv2d(2, 3, 2, padding=1, pad_value=1)
    plain = torch.nn.Conv2d(2, 3, 2, bias=False)
    with torch.no_grad():
        plain.weight.copy_(conv.signs())
    x, same = (torch.ones(1, 2, 3, 3, requires_grad=True) for _ in range(2))
    back = torch.arange(48.0).view(1, 3, 4, 4)
    conv(x).backward(back)
    plain(torch.nn.functional.pad(same, (1, 1, 1, 1), value=1)).backward(back)
    assert conv.weight.grad is not None and plain.weight.grad is not None
    torch.testing.assert_close(conv.weight.grad, plain.weight.grad)
    assert x.grad is not None and same.grad is not None
    torch.testing.assert_close(x.grad, same.grad)


def test_sums_in_bfloat16_are_exact():
    # Even numbers up to 512 need no more than the eight bits of a bfloat16 number, so training
    # in bfloat16 sees the sums that the hardware computes.
    conv = BinaryConv2d(32, 4, 3)
    with torch.no_grad():
        conv.weight[0] = 1
    x = torch.cat([torch.ones(1, 32, 5, 5), Sign()(torch.randn(3, 32, 5, 5))])
    with torch.autocast("cpu", torch.bfloat16):
        y = conv(x)
    assert y.dtype == torch.bfloat16
    assert y[0, 0].unique().tolist() == [288]
    assert torch.equal(y.float(), conv(x))


@pytest.mark.parametrize(("options", "message"), [
    (dict(groups=3), "groups must divide the 4 inputs and the 6 outputs, but is 3"),
    (dict(groups=4), "groups must divide the 4 inputs and the 6 outputs, but is 4"),
    (dict(groups=0), "groups must divide the 4 inputs and the 6 outputs, but is 0"),
    (dict(pad_value=0), "pad_value must be -1, +1 or None, not 0"),
    (dict(padding=1), "padding must come with a pad_value, -1 or +1, but is 1 without one"),
    (dict(padding=(0, 2)),
     "padding must come with a pad_value, -1 or +1, but is (0, 2) without one"),
], ids=["inputs", "outputs", "no group", "zero padding", "padding", "columns"])
def test_binary_conv2d_wrong(options, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        BinaryConv2d(4, 6, 3, **options)


@pytest.mark.parametrize("make", [
    lambda generator: BinaryLinear(50, 40, generator=generator),
    lambda generator: BinaryConv2d(10, 40, (1, 5), generator=generator),
], ids=["linear", "conv2d"])
def test_first_weights_come_from_the_generator(make):
    first, second, other = (make(torch.Generator().manual_seed(seed)).weight for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert first.abs().max() <= 0.1
    assert 0.45 < (first >= 0).float().mean() < 0.55


@pytest.mark.parametrize("bits", range(1, 9))
def test_pixels(bits):
    values = Pixels(bits)(torch.arange(256.0)).tolist()
    assert values == [2 * (pixel * 2**bits // 256) - (2**bits - 1) for pixel in range(256)]


@pytest.mark.parametrize("bits", [0, 9])
def test_pixels_wrong(bits):
    with pytest.raises(ValueError, match=rf"^bits must be in 1 to 8, not {bits}$"):
        Pixels(bits)


@pytest.mark.parametrize("training", [True, False])
def test_scores(training):
    scores = Scores(16, 3).train(training)
    with torch.no_grad():
        scores.offset.copy_(torch.tensor([0.4, -1.6, 2.5]))  # rounded to 0, -2 and 2 (to even)
    y = scores(torch.tensor([[4.0, 4.0, 4.0], [-16.0, 0.0, 16.0]]))
    # The temperature starts from one over the root of the inputs.
    torch.testing.assert_close(y, torch.tensor([[1.0, 0.0, 2.0], [-4.0, -1.0, 5.0]]))
    # The same bits in both modes: the order of classes must not change between them.
    assert torch.equal(y, scores.train(not training)(torch.tensor([[4.0, 4.0, 4.0],
                                                                   [-16.0, 0.0, 16.0]])))


def test_gradient_of_scores_passes_the_rounding():
    scores = Scores(16, 2)
    with torch.no_grad():
        scores.offset.copy_(torch.tensor([0.4, -1.6]))
    scores(torch.zeros(1, 2)).backward(torch.tensor([[1.0, 3.0]]))
    assert scores.offset.grad is not None
    torch.testing.assert_close(scores.offset.grad, torch.tensor([0.5, 1.5]))


def test_clip():
    network = torch.nn.Sequential(BinaryLinear(2, 1), torch.nn.Sequential(BinaryLinear(1, 2)),
                                  torch.nn.Linear(2, 1), BinaryConv2d(1, 1, (1, 2)))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.full_like(parameter, -1.5))
        network[0].weight.copy_(torch.tensor([[7.0, 0.25]]))
    clip(network)
    assert network[0].weight.tolist() == [[1.0, 0.25]]
    assert network[1][0].weight.tolist() == [[-1.0], [-1.0]]
    assert network[2].weight.tolist() == [[-1.5, -1.5]]
    assert network[3].weight.tolist() == [[[[-1.0, -1.0]]]]


def test_texts():
    modules = (BinaryLinear(4, 3), Sign(), Pixels(8), Divide(255), BinaryConv2d(4, 6, 3),
               BinaryConv2d(4, 6, (1, 3), stride=2, padding=(0, 1), dilation=3, groups=2,
                            pad_value=-1))
    assert [str(module) for module in modules] == [
        "BinaryLinear(4, 3)", "Sign()", "Pixels(bits=8)", "Divide(255)",
        "BinaryConv2d(4, 6, kernel_size=(3, 3))",
        "BinaryConv2d(4, 6, kernel_size=(1, 3), stride=(2, 2), padding=(0, 1), dilation=(3, 3), "
        "groups=2, pad_value=-1)"]


def _losses(seed: int) -> tuple[float, float]:
    """Return the loss of a small network on two classes of patterns, before and after training."""
    generator = torch.Generator().manual_seed(seed)
    x = Sign()(torch.randn(200, 9, generator=generator))
    labels = (x[:, :5].sum(1) > 0).long()
    network = torch.nn.Sequential(
        BinaryLinear(9, 16, generator=generator), torch.nn.BatchNorm1d(16), Sign(),
        BinaryLinear(16, 2, generator=generator), Scores(16, 2))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    losses = []
    for _ in range(100):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(x), labels)
        loss.backward()
        optimizer.step()
        clip(network)
        losses.append(loss.item())
    return losses[0], min(losses[-10:])


def test_training_helps():
    # Processors round sums of floats in different ways, and a binary network trained under other
    # rounding is another network. So no seed has to reach a given accuracy.
    before, after = zip(*(_losses(seed) for seed in range(7)))
    assert sorted(after)[3] < 0.7 * sorted(before)[3]
