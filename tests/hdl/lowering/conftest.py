"""Shared by the tests of the lowering: source models, programs built step by step, counted work."""

import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from xnorloom.frontend import preprocessing
from xnorloom.frontend.program import INPUT, Elementwise, MaxPool, Move, Program, Value
from xnorloom.frontend.program import Conv as ConvStep
from xnorloom.frontend.program import Dense as DenseStep
from xnorloom.graph import Window
from xnorloom.graph.pixels import encode
from xnorloom.lowering.lower import lower
from xnorloom_sim import golden

_FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture(scope="session")
def sources(tmp_path_factory):
    """The package ``fixtures``: models in the files of real tools, and independent runs of them.

    Files are made once for all workers.
    """
    spec = spec_from_file_location("fixtures", _FIXTURES / "__init__.py",
                                   submodule_search_locations=[str(_FIXTURES)])
    sys.modules["fixtures"] = package = module_from_spec(spec)
    spec.loader.exec_module(package)
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "sources"
    folder.mkdir(exist_ok=True)
    return package.Sources(folder)


@pytest.fixture(scope="session")
def check():
    """``check(program, what, pixels, **options)``: the lowered program, after a comparison.

    Activations and classes of both are compared on ``pixels``.
    """
    def run(program, what, pixels, **options):
        lowered = lower(program, what, **options)
        result = golden.evaluate(lowered.graph, encode(lowered.graph.input, pixels))
        values = program.run(preprocessing.numbers(what, pixels, program.dtype))
        names = {step.tensor: value for step, value in zip(program.steps, values)}
        for probe, activations in zip(lowered.probes, result.activations, strict=True):
            shown = names[probe.tensor].reshape(len(pixels), -1)[:, probe.order]
            np.testing.assert_allclose(
                shown, probe.middle + probe.half * (2.0 * activations - 1), 1e-6)
        scores = names[lowered.output].reshape(len(pixels), -1)
        if lowered.boundary is None:
            np.testing.assert_array_equal(result.classes, scores.argmax(axis=1))
        else:
            np.testing.assert_array_equal(result.classes, scores[:, 0] > lowered.boundary)
        return lowered

    return run


@pytest.fixture(scope="session")
def count_calls():
    """``count_calls(function)``: its result, and the number of calls it makes, of functions in C
    too.

    A measure of work that is the same on every machine, where seconds are not.
    """
    def run(function):
        count = 0

        def profile(frame, event, argument):
            nonlocal count
            count += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(profile)
        try:
            result = function()
        finally:
            sys.setprofile(before)
        return result, count
    return run


class _Builder:
    """Builds a program step by step, as a frontend does."""

    def __init__(self, shape, dtype=np.float32):
        self.shape, self.dtype, self.steps, self.value = shape, np.dtype(dtype), [], INPUT

    def add(self, step):
        self.steps.append(step)
        self.value = Value(len(self.steps) - 1)
        return self

    def map(self, function, *constants, name=None):
        name = name or f"map{len(self.steps)}"
        return self.add(Elementwise(name, f"{name}:0", (self.value, *constants), function))

    def move(self, function):
        name = f"move{len(self.steps)}"
        return self.add(Move(name, f"{name}:0", self.value, function))

    def dense(self, weights, name=None):
        name = name or f"dense{len(self.steps)}"
        return self.add(DenseStep(name, f"{name}:0", self.value, np.asarray(weights, np.float32)))

    def conv(self, weights, window=None, pad=0.0, groups=1, bias=None, name=None):
        name = name or f"conv{len(self.steps)}"
        weights = np.asarray(weights, np.float32)
        return self.add(ConvStep(name, f"{name}:0", self.value, weights,
                                 window or Window(weights.shape[1:3]), pad, groups, bias))

    def pool(self, size, name=None):
        name = name or f"pool{len(self.steps)}"
        return self.add(MaxPool(name, f"{name}:0", self.value, size))

    def norm(self, gamma, beta, mean, variance):
        with np.errstate(all="ignore"):
            scale = gamma * (np.float32(1) / np.sqrt(variance + np.float32(1e-5)))
            return self.map(lambda x, s, o: x * s + o, scale, beta - mean * scale)

    def program(self):
        return Program("net", self.shape, self.dtype, tuple(self.steps), self.value)


@pytest.fixture(scope="session")
def new_program():
    """Makes a builder of programs whose frames have a shape: ``new_program(shape)``."""
    return _Builder
