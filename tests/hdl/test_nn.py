"""PyTorch modules of binarized networks, each against its definition."""

import numpy as np
import pytest
import torch

from xnorloom.nn import BinaryLinear, Divide, Pixels, Scores, Sign, clip

TINY = float(np.finfo(np.float32).smallest_subnormal)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sign(dtype):
    x = torch.tensor([-3.0, -1.0, -TINY, -0.0, 0.0, TINY, 1.0, 3.0], dtype=dtype)
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


def test_first_weights_come_from_the_generator():
    first, second, other = (
        BinaryLinear(50, 40, generator=torch.Generator().manual_seed(seed)).weight
        for seed in (1, 1, 2))
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
                                  torch.nn.Linear(2, 1))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.full_like(parameter, -1.5))
        network[0].weight.copy_(torch.tensor([[7.0, 0.25]]))
    clip(network)
    assert network[0].weight.tolist() == [[1.0, 0.25]]
    assert network[1][0].weight.tolist() == [[-1.0], [-1.0]]
    assert network[2].weight.tolist() == [[-1.5, -1.5]]


def test_texts():
    modules = BinaryLinear(4, 3), Sign(), Pixels(8), Divide(255)
    assert [str(module) for module in modules] == [
        "BinaryLinear(4, 3)", "Sign()", "Pixels(bits=8)", "Divide(255)"]


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
