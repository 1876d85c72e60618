"""Thermometer inputs of PyTorch modules and ONNX files, layer by layer against their runtimes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from xnorloom import frontend
from xnorloom.errors import SourceError
from xnorloom.frontend.torch import from_module
from xnorloom.graph import Input
from xnorloom.graph.pixels import encode
from xnorloom.lowering.lower import lower
from xnorloom.nn import BinaryConv2d, BinaryLinear, Pixels, Scores, Sign, TernaryLinear, Thermometer
from xnorloom_sim import SourceModel, verify

BN = (nn.BatchNorm1d, nn.BatchNorm2d)


class Signs(nn.Module):
    """Joined signs of the differences from cuts, the cuts outermost."""

    def __init__(self, *cuts):
        super().__init__()
        self.cuts = cuts

    def forward(self, x):
        return torch.cat([torch.where(x - cut >= 0, 1.0, -1.0) for cut in self.cuts], dim=1)


class Compared(nn.Module):
    """Pixels below or at least their cuts, by broadcasting: cuts of shape (channels, cuts)."""

    def __init__(self, cuts, below=False):
        super().__init__()
        self.register_buffer("cuts", torch.tensor(cuts, dtype=torch.float32))
        self.below = below

    def forward(self, x):
        wide = self.cuts.reshape(1, *self.cuts.shape, *[1] * (x.ndim - 2))
        x = x.unsqueeze(2)
        reached = x < wide if self.below else x >= wide
        return torch.where(reached, 1.0, -1.0).flatten(1, 2)


class Different(nn.Module):
    """Cuts that differ between the rows of the map."""

    def forward(self, x):
        rows = torch.arange(x.shape[2], dtype=torch.float32).reshape(1, 1, -1, 1)
        return torch.where(x >= torch.tensor([50.0, 99.0]).reshape(1, 2, 1, 1) + rows, 1.0, -1.0)


class Levels(nn.Module):
    """Several values of a pixel, of more than two levels."""

    def forward(self, x):
        return torch.cat([torch.floor(x / 64), torch.floor(x / 128)], dim=1)


class Twice(nn.Module):
    def forward(self, x):
        return torch.cat([x, x + 1], dim=1)


class Shifted(nn.Module):
    """Cuts of a pixel and of its neighbour."""

    def forward(self, x):
        return torch.where(torch.cat([x, torch.roll(x, 1, 3)], dim=1) >= 99, 1.0, -1.0)


def network(*modules, seed=0):
    """A network in evaluation mode, with batch norms near the middle of their inputs."""
    generator = torch.Generator().manual_seed(seed)
    made = nn.Sequential(*modules).eval()
    with torch.no_grad():
        for module in made:
            if isinstance(module, BN):
                features = module.num_features
                module.running_mean.copy_(torch.randn(features, generator=generator))
                module.running_var.copy_(1 + torch.rand(features, generator=generator))
                module.weight.copy_(torch.randn(features, generator=generator))
                module.bias.copy_(torch.randn(features, generator=generator) / 4)
    return made


def conv(channels, **options):
    """Layers after a thermometer of ``channels`` on a map of 6x5 pixels."""
    return (BinaryConv2d(channels, 4, 3, **options), nn.BatchNorm2d(4), Sign(), nn.Flatten(),
            BinaryLinear(4 * (30 if options.get("padding") else 12), 3),
            Scores(48, 3))


def dense(inputs):
    return (BinaryLinear(inputs, 8), nn.BatchNorm1d(8), Sign(), BinaryLinear(8, 3), Scores(8, 3))


def compare(lowered, source, count=80):
    """Compare every layer with the source on random pixels; returns the graph."""
    graph = lowered.graph
    pixels = np.random.default_rng(2).integers(0, 256, (count, *graph.input.pixel_shape), np.uint8)
    result = verify(graph, encode(graph.input, pixels), steps=["source", "packed"],
                    source=SourceModel(lowered, pixels, source))
    assert result.equal, str(result)
    return graph


# Modules: frame of the source, modules, shape and cuts of the graph's input.
MODULES = {
    "map": ((1, 6, 5), lambda: (Thermometer([20, 100, 200]), *conv(3)),
            (6, 5, 3), ((20, 100, 200),)),
    "cuts of each channel": (
        (3, 6, 5), lambda: (Thermometer([[20, 100], [3], [1, 1, 255]]), *conv(6)),
        (6, 5, 6), ((20, 100), (3,), (1, 1, 255))),
    "the same cuts of channels": (
        (2, 6, 5), lambda: (Thermometer([20, 100]), *conv(4, padding=1, pad_value=-1)),
        (6, 5, 4), ((20, 100),)),
    "groups": ((2, 6, 5), lambda: (Thermometer([20, 100]), *conv(4, groups=2)),
               (6, 5, 4), ((20, 100),)),
    "zero padding": (
        (1, 6, 5), lambda: (Thermometer([20, 100]), nn.ZeroPad2d(1), BinaryConv2d(2, 4, 3),
                            nn.BatchNorm2d(4), Sign(), nn.Flatten(), BinaryLinear(120, 3),
                            Scores(120, 3)),
        (6, 5, 2), ((20, 100),)),
    "kernel of the whole map": (
        (1, 6, 5), lambda: (Thermometer([20, 100]), BinaryConv2d(2, 4, (6, 5)), nn.BatchNorm2d(4),
                            Sign(), nn.Flatten(), BinaryLinear(4, 3), Scores(4, 3)),
        (1, 6, 5, 2), ((20, 100),)),
    "average": (
        (1, 6, 4), lambda: (Thermometer([20, 100]), nn.AvgPool2d(2), nn.Flatten(),
                            BinaryLinear(12, 3), Scores(12, 3)),
        (1, 6, 4, 2), ((20, 100),)),
    "sequence": (
        (2, 9), lambda: (Thermometer([[20, 100], [7]]), nn.Conv1d(3, 4, 3, bias=False),
                         nn.BatchNorm1d(4), Sign(), nn.Flatten(), BinaryLinear(28, 3),
                         Scores(28, 3)),
        (1, 9, 3), ((20, 100), (7,))),
    "vector": ((20,), lambda: (Thermometer([20.5, 100]), *dense(40)), (40,), ((21, 100),)),
    "vector of cuts": ((3,), lambda: (Thermometer([[9, 99], [3], [-5, 1, 300]]), *dense(6)),
                       (6,), ((9, 99), (3,), (1, 256, 256))),  # constants never fire
    "image before a dense layer": (
        (1, 6, 5), lambda: (Thermometer([20, 100]), nn.Flatten(), *dense(60)),
        (1, 6, 5, 2), ((20, 100),)),
    "flattened first": (
        (6, 5), lambda: (nn.Flatten(), Thermometer([20, 100]), *dense(60)),
        (6, 5, 2), ((20, 100),)),
    "ternary": (
        (20,), lambda: (Thermometer([20, 100]), TernaryLinear(40, 8, 11), nn.BatchNorm1d(8),
                        Sign(), BinaryLinear(8, 3), Scores(8, 3)), (40,), ((20, 100),)),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules(name):
    shape, modules, wide, cuts = MODULES[name]
    source = network(*modules())
    if name == "sequence":
        with torch.no_grad():
            source[1].weight.copy_(torch.where(source[1].weight >= 0, 1.0, -1.0))
    lowered = lower(from_module(source, shape))
    graph = compare(lowered, source)
    assert (graph.input.shape, graph.input.thermometer) == (wide, cuts)
    assert (graph.input.preprocessing, graph.input.pixel_thresholds) == ("u8", None)


# ONNX: frame of the source, its first module and the layers after it, shape, cuts, order.
FILES = {
    "module": ((2, 6, 5), Thermometer([[20, 100], [7]]), conv(3), (6, 5, 3), ((20, 100), (7,))),
    "broadcast": ((1, 6, 5), Compared([[20, 100, 250]]), conv(3), (6, 5, 3), ((20, 100, 250),)),
    "broadcast of channels": ((2, 6, 5), Compared([[20, 100], [3, 200]]), conv(4), (6, 5, 4),
                              ((20, 100), (3, 200))),
    "below": ((1, 6, 5), Compared([[20, 100]], below=True), conv(2), (6, 5, 2), ((20, 100),)),
    "joined signs": ((2, 6, 5), Signs(20, 100.5), conv(4), (6, 5, 4), ((20, 101),)),
    "not sorted": ((1, 6, 5), Signs(200, 3, 100), conv(3), (6, 5, 3), ((3, 100, 200),)),
    "twice the same": ((1, 6, 5), Signs(50, 50), conv(2), (6, 5, 2), ((50, 50),)),
    "one sign": ((1, 6, 5), Signs(50, 300), conv(2), (6, 5, 2), ((50, 256),)),
    "vector": ((12,), Compared(np.tile([9.0, 99.0], (12, 1)).tolist()), dense(24), (24,),
               ((9, 99),)),
    "joined vectors": ((12,), Signs(100, 9), dense(24), (24,), ((9, 100),)),
}


class PlainSign(nn.Module):
    def forward(self, x):
        return torch.where(x >= 0, 1.0, -1.0)


def plain(module):
    """A module of PyTorch that does the same: exporters do not know gradients of our own."""
    match module:
        case Sign():
            return PlainSign()
        case BinaryConv2d():
            outputs, inputs = module.weight.shape[:2]
            made = nn.Conv2d(inputs * module.groups, outputs, module.kernel_size,
                             groups=module.groups, bias=False)
        case BinaryLinear():
            made = nn.Linear(*module.weight.shape[::-1], bias=False)
        case Scores():
            return nn.Identity()
        case _:
            return module
    made.weight.data.copy_(module.signs())
    return made


@pytest.fixture(scope="module")
def exported(tmp_path_factory, sources):
    """``exported(modules, shape, exporter)``: the ONNX file of a network."""
    from fixtures.torch_nets import export

    folder = tmp_path_factory.mktemp("onnx")

    def run(modules, shape, exporter="torchscript"):
        path = folder / f"{len(list(folder.iterdir()))}.onnx"
        export(network(*map(plain, modules)), path, shape, exporter, batch=None)
        return path

    return run


@pytest.mark.parametrize("name", FILES)
def test_files(exported, name):
    shape, first, after, wide, cuts = FILES[name]
    path = exported((first, *after), shape)
    lowered = lower(frontend.load(path), "u8")
    graph = compare(lowered, path)
    assert (graph.input.shape, graph.input.thermometer) == (wide, cuts)


@pytest.mark.parametrize("name", ["module", "broadcast of channels", "joined signs"])
def test_dynamo(exported, name):
    """The newer exporter takes seconds."""
    shape, first, after, wide, cuts = FILES[name]
    path = exported((first, *after), shape, "dynamo")
    graph = compare(lower(frontend.load(path), "u8"), path)
    assert (graph.input.shape, graph.input.thermometer) == (wide, cuts)


def test_same_graph(exported):
    """A module and its file become the same graph."""
    modules = (Thermometer([[20, 100], [7]]), *conv(3))
    path = exported(modules, (2, 6, 5))
    source = network(*modules[:-1])  # without the offsets and the factor of the scores
    one, other = lower(from_module(source, (2, 6, 5))), lower(frontend.load(path), "u8")
    assert one.graph == other.graph


def test_expanded_maps():
    """A source of maps that are expanded already, which any framework can train, gets its cuts."""
    modules = conv(2)
    source = network(*modules)
    maps = lower(from_module(source, (2, 6, 5)), "bipolar").graph
    graph = replace(maps, input=Input(maps.input.shape, thermometer=(20, 100)))
    whole = network(Thermometer([20, 100]), *modules)
    assert graph == lower(from_module(whole, (1, 6, 5))).graph


def test_sum_of_signs_is_no_thermometer(exported):
    """The sum of signs has evenly spaced levels: an element of several bits."""
    class Sum(nn.Module):
        def forward(self, x):
            return sum(torch.where(x >= cut, 1.0, -1.0) for cut in (30, 99, 180))

    path = exported((Sum(), *conv(1)), (1, 6, 5))
    graph = compare(lower(frontend.load(path), "u8"), path)
    assert (graph.input.bits, graph.input.thermometer) == (2, None)
    assert graph.input.pixel_thresholds.tolist() == [[30, 99, 180]]


WRONG = {
    "levels": ((1, 6, 5), Levels(), conv(2), r"elements of the input must have two values where a "
               r"pixel gives several, as in a thermometer, but element 0 of .* has 4; compare it "
               r"with one cut, or take each pixel once"),
    "pixels twice": ((1, 6, 5), Twice(), conv(2), r"elements of the input must have two values "
                     r"where a pixel gives several, as in a thermometer, but element 0 of .* has "
                     r"256; compare it with one cut, or take each pixel once"),
    "cuts of rows": ((1, 6, 5), Different(), conv(2), r"layer /1/Conv must see the same cuts "
                     r"at all positions of a channel, as it shares its weights over them, but "
                     r"those of channel 0 differ; compare all pixels alike, or begin with a fully "
                     r"connected layer"),
    "neighbours": ((1, 6, 5), Shifted(), conv(2), r"layer /1/Conv must see at each position "
                   r"the cuts of one pixel, whose channels are in one order, and not pixels "
                   r"that were rearranged, repeated \(as by circular padding\) or left out; give "
                   r"it the pixels as they are"),
    "groups": ((2, 6, 5), Signs(9, 99), conv(4, groups=2), r"layer /1/Conv must have the cuts "
               r"of a channel of the pixels in one of its 2 groups: put the cuts of the first "
               r"channel first, then those of the next"),
}


@pytest.mark.parametrize("name", WRONG)
def test_files_wrong(exported, name):
    shape, first, after, message = WRONG[name]
    with pytest.raises(SourceError, match=f"^{message}$"):
        lower(frontend.load(exported((first, *after), shape)), "u8")


def test_rows_before_a_dense_layer(exported):
    """A fully connected layer takes cuts that differ between pixels."""
    path = exported((Different(), nn.Flatten(), *dense(60)), (1, 6, 5))
    graph = compare(lower(frontend.load(path), "u8"), path)
    assert graph.input.shape == (60,)
    assert graph.input.thermometer[5] == (51, 100)


@pytest.mark.parametrize(("cuts", "error", "message"), [
    ((), ValueError, r"cuts of a channel must be at least one, and not decrease, but are \[\]"),
    ([[1], []], ValueError,
     r"cuts of a channel must be at least one, and not decrease, but are \[\]"),
    ((2, 1), ValueError,
     r"cuts of a channel must be at least one, and not decrease, but are \[2\.0, 1\.0\]"),
    ((float("nan"),), ValueError,
     r"cuts of a channel must be at least one, and not decrease, but are \[nan\]"),
    (("a",), TypeError, r"cuts must be numbers, or a sequence of numbers for each channel, not .*"),
    ((1, (2,)), TypeError,
     r"cuts must be numbers, or a sequence of numbers for each channel, not \(1, \(2,\)\)"),
    ((True,), TypeError,
     r"cuts must be numbers, or a sequence of numbers for each channel, not \(True,\)"),
], ids=str)
def test_cuts_wrong(cuts, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        Thermometer(cuts)


def test_modules_wrong():
    source = network(Thermometer([[1], [2]]), *conv(2))
    with pytest.raises(SourceError, match=r"^0 \(Thermometer\) cannot take frames of the shape "
                                          r"\(3, 6, 5\) \(cuts must be for the 3 channels of the "
                                          r"frames, or the same for all, not for 2 channels\)$"):
        from_module(source, (3, 6, 5))
    source = network(Pixels(2), Thermometer([-1, 1]), *conv(2))
    graph = compare(lower(from_module(source, (1, 6, 5))), source)
    assert graph.input.thermometer == ((64, 128),)
