"""Lowering of PyTorch modules: the integer graph equals PyTorch, or the module is refused."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize, weight_norm

from xnorloom.errors import SourceError
from xnorloom.frontend.program import Dense, Elementwise, Move
from xnorloom.frontend.torch import from_module
from xnorloom.graph.pixels import encode
from xnorloom.lowering.lower import lower
from xnorloom.nn import BinaryLinear, Divide, Pixels, Scores, Sign, TernaryLinear
from xnorloom_sim import golden


def norm(neurons, rng, spread=9.0, gammas=(1.0, -1.0)):
    """Make a batch norm with random statistics, and slopes around ``gammas`` in turn."""
    module = nn.BatchNorm1d(neurons)
    slopes = np.resize(gammas, neurons) * rng.uniform(0.5, 2, neurons)
    values = {"running_mean": rng.normal(0, spread / 2, neurons),
              "running_var": rng.uniform(0.1, spread**2, neurons),
              "weight": slopes, "bias": rng.normal(0, 0.3, neurons)}
    # Integer means without offsets, so that ties occur.
    values["running_mean"][:3], values["bias"][:3] = (0, 2, -4)[:neurons], 0
    module.load_state_dict({key: torch.tensor(value) for key, value in values.items()},
                           strict=False)
    return module


def network(bits=1, *, gammas=(1.0, -1.0), seed=0, divide=True):
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    top = 2**bits - 1
    modules = [Pixels(bits), nn.Flatten(), BinaryLinear(30, 24, generator=generator)]
    if divide:
        modules.append(Divide(top))
    for outputs in (20, 4):
        inputs = modules[-1].weight.shape[0] if isinstance(modules[-1], BinaryLinear) else 24
        modules += [norm(inputs, rng, gammas=gammas), nn.Dropout(0.5), nn.Hardtanh(), Sign(),
                    BinaryLinear(inputs, outputs, generator=generator)]
    return nn.Sequential(*modules, Scores(20, 4)).eval()


def ternary(inputs, outputs, rng):
    """Make a plain layer of weights -0.5, 0 and 0.5."""
    layer = nn.Linear(inputs, outputs)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(rng.integers(-1, 2, (outputs, inputs)) / 2))
        layer.bias.copy_(torch.from_numpy(rng.normal(0, 0.3, outputs)))
    return layer


def assert_equal(module, shape, preprocessing=None, frames=None, seed=1):
    """Assert that the graph of ``module`` equals PyTorch in every layer; return the lowering."""
    lowered = lower(from_module(module, shape), preprocessing)
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (400, *shape), dtype=np.uint8) if frames is None else frames
    result = golden.evaluate(lowered.graph, encode(lowered.graph.input, pixels))
    x = torch.from_numpy(pixels).to(next(module.parameters()).dtype)
    if preprocessing == "bipolar":
        x = 2 * (x >= 128).to(x.dtype) - 1
    values, signs = x, []
    with torch.no_grad():
        for leaf in module.modules():
            if not isinstance(leaf, nn.Sequential):
                values = leaf(values)
                if isinstance(leaf, Sign):
                    signs.append(values.numpy() > 0)
        assert torch.equal(values, module(x))
    assert len(signs) == len(result.activations)
    for expected, found in zip(signs, result.activations):
        np.testing.assert_array_equal(expected, found)
    np.testing.assert_array_equal(values.argmax(1).numpy(), result.classes)
    return lowered


GAMMAS = {
    "positive": (1.0,),
    "negative": (-1.0,),
    "mixed": (1.0, -1.0),
    "some zero": (1.0, 0.0, -1.0, -0.0),
    "tiny": (1e-9, -1e-9),
    "denormal": (1e-42, -1e-42),
    "huge": (1e30, -1e30),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("gammas", GAMMAS.values(), ids=GAMMAS)
def test_slopes(gammas, dtype):
    lowered = assert_equal(network(gammas=gammas).to(dtype), (5, 6))
    assert lowered.preprocessing == "u8"
    if "-1.0" in str(gammas):
        assert lowered.layers[0].inverted > 3


@pytest.mark.parametrize("bits", range(1, 9))
def test_bits(bits):
    graph = assert_equal(network(bits, seed=bits), (5, 6)).graph
    assert (graph.input.bits, graph.input.pixel_thresholds) == (bits, None)


def test_running_variance_of_zero():
    module = network(divide=False)
    module[3].running_var.zero_()
    assert_equal(module, (30,))


def test_ties_of_classes_go_to_the_first():
    module = network()
    with torch.no_grad():
        module[-2].weight[:] = module[-2].weight[0]
        module[-2].weight[3, 0] *= -1
    classes = np.unique(golden.evaluate(assert_equal(module, (5, 6)).graph,
                                        np.random.default_rng(0).integers(0, 2, (99, 30))).classes)
    assert classes.tolist() == [0, 3]


def test_plain_linear_with_a_magnitude_per_row_and_a_bias():
    torch.manual_seed(5)
    linears = nn.Linear(30, 17), nn.Linear(17, 4)
    with torch.no_grad():
        for linear in linears:
            # Powers of two, so that PyTorch's sums are exact in whatever order.
            alpha = 2.0 ** torch.randint(-3, 3, (len(linear.weight), 1))
            linear.weight.copy_(linear.weight.sign() * alpha)
            linear.bias.copy_((linear.bias * 64).round() / 8 + 0.0625)
    module = nn.Sequential(linears[0], Sign(), linears[1]).eval()
    lowered = assert_equal(module, (30,), "bipolar")
    assert lowered.notes == () and lowered.layers[0].uncertain == 0


def test_parametrized_weights_are_those_that_are_used():
    class Binary(nn.Module):
        def forward(self, weight):
            return torch.where(weight >= 0, 1.0, -1.0)

    torch.manual_seed(6)
    linears = [nn.Linear(30, 12, bias=False), nn.Linear(12, 4, bias=False)]
    for linear in linears:
        parametrize.register_parametrization(linear, "weight", Binary())
    module = nn.Sequential(linears[0], Sign(), linears[1]).eval()
    program = from_module(module, (30,))
    signs = np.where(linears[0].parametrizations.weight.original.detach().numpy() >= 0, 1, -1)
    np.testing.assert_array_equal(program.steps[0].weights, signs.T)


def test_steps_names_and_the_same_module_twice():
    sign = Sign()
    hidden = nn.Sequential(BinaryLinear(6, 6), sign, nn.Identity())
    module = nn.Sequential(nn.Unflatten(1, (2, 3)), nn.Flatten(), hidden, hidden, sign,
                           BinaryLinear(6, 2)).eval()
    program = from_module(module, (6,), name="twice")
    assert [(type(step), step.name, step.tensor) for step in program.steps] == [
        (Move, "0 (Unflatten)", "0"), (Move, "1 (Flatten)", "1"),
        (Dense, "2.0 (BinaryLinear)", "2.0"), (Elementwise, "2.1 (Sign)", "2.1"),
        (Dense, "3.0 (BinaryLinear)", "3.0"), (Elementwise, "3.1 (Sign)", "3.1"),
        (Elementwise, "4 (Sign)", "4"), (Dense, "5 (BinaryLinear)", "5")]
    assert (program.name, program.shape, program.declared_preprocessing) == ("twice", (6,), None)
    x = 2 * np.random.default_rng(0).integers(0, 2, (50, 6)).astype(np.float32) - 1
    with torch.no_grad():
        np.testing.assert_array_equal(program.run(x)[-1], module(torch.from_numpy(x)))


def test_bare_module():
    program = from_module(BinaryLinear(3, 2).eval(), (3,))
    assert [(step.name, step.tensor) for step in program.steps] == [("BinaryLinear", "")]
    assert program.name == "BinaryLinear"


def test_elementwise_modules_of_the_caller():
    class Half(nn.Module):
        def forward(self, x):
            return x / 2 + 0.25

    module = nn.Sequential(BinaryLinear(30, 8), Half(), Sign(), BinaryLinear(8, 3)).eval()
    with pytest.raises(SourceError, match=r"^1 \(Half\) is of the class \S+\.Half, which is not "
                                          r"supported: a network may have modules of Sequential "
                                          r"and .*BinaryLinear"):
        from_module(module, (30,))
    lowered = lower(from_module(module, (30,), elementwise=(Half,)), "bipolar")
    assert lowered.graph.layers[0].thresholds.tolist() == [15] * 8


class Doubling(nn.Sequential):
    def forward(self, input):
        return super().forward(2 * input)


def hooked(kind):
    module = nn.Sequential(BinaryLinear(3, 2))
    getattr(module[0], f"register_{kind}")(lambda *arguments: None)
    return module.eval()


def part_in_training():
    module = evaluated(Sign(), nn.Dropout())
    module[1].train()
    return module


def replaced():
    module = nn.Sequential(BinaryLinear(3, 2)).eval()
    module[0].forward = lambda x: x[:, :2]
    return module


def evaluated(*modules):
    return nn.Sequential(*modules).eval()


def old_weight_norm():
    with pytest.warns(FutureWarning, match="weight_norm"):
        return evaluated(weight_norm(nn.Linear(3, 2)))


KNOWN = (r"AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AvgPool1d, "
         r"AvgPool2d, BatchNorm1d, BatchNorm2d, BinaryConv2d, BinaryLinear, ConstantPad1d, "
         r"ConstantPad2d, Conv1d, Conv2d, Divide, Dropout, Dropout1d, Dropout2d, Flatten, "
         r"Hardtanh, Identity, Linear, MaxPool1d, MaxPool2d, Pixels, ReLU, Scores, Sigmoid, Sign, "
         r"Tanh, TernaryLinear, Thermometer, Unflatten, ZeroPad1d, ZeroPad2d")
WRONG = {
    "unknown": (lambda: evaluated(nn.Softsign()),
                r"0 \(Softsign\) is of the class torch\.nn\.modules\.activation\.Softsign, which "
                rf"is not supported: a network may have modules of Sequential and {KNOWN}"),
    "inside": (lambda: evaluated(nn.Sequential(nn.Conv3d(1, 1, 1))),
               r"0\.0 \(Conv3d\) is of the class torch\.nn\.\S+\.Conv3d, which is .*"),
    "own forward": (lambda: evaluated(Doubling(Sign())), r"0 \(Doubling\) is of the class .*"),
    "training": (lambda: nn.Sequential(Sign()),
                 r"Sequential must be in evaluation mode: call eval\(\) on the network"),
    "part in training": (part_in_training,
                         r"1 \(Dropout\) must be in evaluation mode: call eval\(\) .*"),
    "hook": (lambda: hooked("forward_hook"),
             r"0 \(BinaryLinear\) must have no forward hooks \(weight_norm is one\)"),
    "hook before": (lambda: hooked("forward_pre_hook"), r".* must have no forward hooks \(.*"),
    "weight norm": (old_weight_norm, r"0 \(Linear\) must have no forward hooks .*"),
    "replaced forward": (replaced, r"0 \(BinaryLinear\) must have the forward of its class, "
                                   r"not one of its own"),
    "statistics of batches": (
        lambda: evaluated(nn.BatchNorm1d(3, track_running_stats=False)),
        r"0 \(BatchNorm1d\) must have running statistics, but was made with "
        r"track_running_stats=False"),
    "norm of other size": (lambda: evaluated(nn.BatchNorm1d(4)),
                           r"0 \(BatchNorm1d\) must have frames of the shape \(4,\), "
                           r"not \(3,\)"),
    "linear of other size": (lambda: evaluated(nn.Flatten(), BinaryLinear(4, 3)),
                             r"1 \(BinaryLinear\) must have frames of the shape \(4,\), "
                             r"not \(3,\): give it 3 inputs"),
    "batch flattened": (lambda: evaluated(nn.Unflatten(1, (1, 3)), nn.Flatten(0, 2)),
                        r"1 \(Flatten\) must leave the batch, the first axis, alone"),
    "unflatten": (lambda: evaluated(nn.Unflatten(1, (2, 2))),
                  r"0 \(Unflatten\) cannot take frames of the shape \(3,\) \(.+\)"),
    "half": (lambda: evaluated(BinaryLinear(3, 2)).half(),
             r"0\.weight must be torch\.float32 or torch\.float64, not torch\.float16"),
    "two types": (lambda: nn.Sequential(BinaryLinear(3, 2), nn.BatchNorm1d(2).double()).eval(),
                  r"a network must have numbers of one type, not of several: 0\.weight "
                  r"torch\.float32, 1\.weight torch\.float64"),
    "no numbers here": (lambda: evaluated(nn.Linear(3, 2, device="meta")),
                        r"0\.weight must be on the CPU, not on meta"),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_wrong(make, message):
    with pytest.raises(SourceError, match=rf"^{message}$"):
        from_module(make(), (3,))


def test_wrong_arguments():
    with pytest.raises(TypeError, match=r"^module must be an nn\.Module, not 'net\.pt'$"):
        from_module("net.pt", (3,))
    with pytest.raises(TypeError, match=r"^shape must be an integer, not 2\.5$"):
        from_module(Sign().eval(), (2.5,))
    with pytest.raises(ValueError, match=r"^shape must be in 1 to 1048576, not 0$"):
        from_module(Sign().eval(), (0,))


@pytest.mark.parametrize("end,boundary", [([], 0), ([nn.Sigmoid()], 0.5), ([nn.Tanh()], 0)])
def test_one_output(end, boundary):
    generator = torch.Generator().manual_seed(3)
    module = nn.Sequential(BinaryLinear(8, 5, generator=generator), Sign(),
                           BinaryLinear(5, 1, generator=generator),
                           norm(1, np.random.default_rng(5)), *end).eval()
    frames = (np.arange(256)[:, None] >> np.arange(8) & 1).astype(np.uint8)
    lowered = lower(from_module(module, (8,)), "bipolar")
    with torch.no_grad():
        wanted = module(2.0 * torch.from_numpy(frames) - 1)[:, 0].numpy() > boundary
    assert lowered.boundary == boundary
    np.testing.assert_array_equal(golden.evaluate(lowered.graph, frames).classes, wanted)


@pytest.mark.parametrize("end", [nn.Sigmoid(), nn.Tanh()])
def test_order_is_kept(end):
    generator = torch.Generator().manual_seed(3)
    layers = [BinaryLinear(8, 5, generator=generator), Sign(),
              BinaryLinear(5, 3, generator=generator)]
    plain = lower(from_module(nn.Sequential(*layers).eval(), (8,)), "bipolar")
    ended = lower(from_module(nn.Sequential(*layers, end).eval(), (8,)), "bipolar")
    assert ended.graph.layers[-1].offsets.tolist() == plain.graph.layers[-1].offsets.tolist()
    assert len(ended.notes) == 1 and "at the end is left out" in ended.notes[0]


@pytest.mark.parametrize("key,value,message", [
    ("running_var", -1.0, r"^1 \(BatchNorm1d\) must have a running_var of 0 or more, with eps "
                          r"added, but that of channel 2 is -0.99999, which has no square root$"),
    ("running_var", np.nan, r"^1 \(BatchNorm1d\) must have numbers as its parameters, but "
                            r"running_var has NaN$"),
    ("weight", np.nan, r"^1 \(BatchNorm1d\) must have numbers as its parameters, but weight has "
                       r"NaN$")])
def test_parameters_without_a_meaning_wrong(key, value, message):
    module = nn.Sequential(BinaryLinear(8, 5), norm(5, np.random.default_rng(5)), Sign(),
                           BinaryLinear(5, 3)).eval()
    with torch.no_grad():
        getattr(module[1], key)[2] = value
    with pytest.raises(SourceError, match=message):
        from_module(module, (8,))


def test_ternary_weights():
    """Modules of ternary weights, and plain ones, are layers with absent synapses."""
    rng, generator = np.random.default_rng(3), torch.Generator().manual_seed(3)
    module = nn.Sequential(
        Pixels(2), nn.Flatten(), TernaryLinear(30, 24, 7, generator=generator), norm(24, rng),
        Sign(), ternary(24, 20, rng), norm(20, rng), Sign(),
        TernaryLinear(20, 4, 9, generator=generator), Scores(20, 4)).eval()
    layers = assert_equal(module, (5, 6)).graph.layers
    assert layers[0].present_inputs.tolist() == [7] * 24
    assert layers[2].present_inputs.tolist() == [9] * 4
    assert np.array_equal(layers[1].present, module[5].weight.detach().numpy() != 0)
