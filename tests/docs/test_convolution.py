# amaranth: UnusedElaboratable=no
"""Page docs/convolution.md: programs, commands and refusals, and its pictures."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from xnorloom import Conv, Fold, Graph, Input, Pool, Schedule, Score, Window
from xnorloom.errors import XnorloomError
from xnorloom.gateware.stages import ConvStage
from xnorloom.graph import Map, input_map
from xnorloom.schedule import LayerPlan
from xnorloom_cli.main import main

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
PAGE = (ROOT / "docs" / "convolution.md").read_text()


def test_programs(tmp_path, monkeypatch, capsys):
    """The blocks in their order; each plain one is in the output of the block before it."""
    monkeypatch.chdir(tmp_path)
    names, said, ran = {}, "", []
    for language, text in re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.M | re.S):
        ran.append(language)
        if language == "python":
            # Components that are not elaborated are fine in this file.
            exec(compile(text, __file__, "exec"), names)
        elif language == "sh":
            for line in text.splitlines():
                assert main(shlex.split(line)[1:]) == 0
        else:
            assert text in said
        said = capsys.readouterr().out
    assert ran == ["python", "", "sh", "python", "", "python", "", "sh", "", "python", "", "python",
                   "", "python", ""]
    assert (tmp_path / "feature-maps.png").read_bytes().startswith(b"\x89PNG")


def test_pictures(tmp_path):
    subprocess.run([sys.executable, IMAGES / "convolution.py", tmp_path], check=True)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_text() for path in IMAGES.glob("conv-*.svg")}
    for name in made:
        assert f"(images/{name})" in PAGE


def graph(shape, weights, window, pool=None, groups=1):
    conv = Conv("conv", np.zeros(weights, int), [0] * weights[0], window, pool, groups)
    input = Input(shape)
    size = conv.output(input_map(input)).size
    return Graph("refused", input, (conv, Score("score", np.zeros((2, size), int), [0, 0])))


def bound(shape, weights, fold, groups=1, stride=(1, 1), *, width=1, pool=None, frames=1, **window):
    made = graph(shape, weights, Window(weights[1:3], stride, **window), pool, groups)
    return Schedule(width, (fold, Fold(1, 1, "block", vectors=frames))).bind(made)


def two(simd=9, channels=1, **arguments):
    """A convolution of two outputs at once."""
    arguments = {"width": 2 * channels, **arguments}
    return bound((8, 8, channels), (4, 3, 3, channels), Fold(4, simd, "block", vectors=2),
                 **arguments)


REFUSED = {
    "kernel": lambda: graph((2, 2), (4, 3, 3, 1), Window((3, 3))),
    "padding": lambda: Window((3, 3), padding=(3, 0, 0, 0)),
    "pool": lambda: graph((8, 8), (4, 3, 3, 1), Window((3, 3)), Pool((7, 7))),
    "groups": lambda: graph((8, 8), (4, 3, 3, 1), Window((3, 3)), groups=3),
    "simd": lambda: bound((8, 8, 6), (4, 3, 3, 6), Fold(1, 7, "block")),
    "wired": lambda: bound((8, 8, 6), (4, 3, 3, 6), Fold(4, 6, "wired")),
    "outputs, padding": lambda: two(padding=(1, 1, 1, 1), pad=0),
    "outputs, pixels": lambda: two(width=1),
    "outputs, simd": lambda: two(8, 8),
    "outputs, pool": lambda: two(pool=Pool((1, 3))),
    "outputs, score": two,
    "frames": lambda: two(pool=Pool((1, 2)), frames=2),
    "pe": lambda: bound((8, 8, 6), (6, 3, 3, 2), Fold(4, 2, "block"), groups=3),
    "ring": lambda: bound((9, 60000, 6), (1, 9, 3, 6), Fold(1, 6, "block"), stride=(1, 50)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    section = PAGE.split("## What is refused")[1]
    shown = re.findall(r"^\| [^|]+ \| `(.+)` \|$", section, re.M)
    assert len(shown) == len(REFUSED)
    with pytest.raises((ValueError, XnorloomError)) as caught:
        REFUSED[name]()
    assert shown[list(REFUSED).index(name)] in str(caught.value)


@pytest.mark.parametrize("simd, words, late", [(2, 6, 0), (4, 3, 1), (12, 1, 2)],
                         ids=["a tap", "a row of the kernel", "the kernel"])
def test_wide_simd(simd, words, late):
    """Formulas of docs/schedule.md for a SIMD of more than the channels."""
    layer = Conv("conv", np.zeros((4, 3, 2, 2), int), [0] * 4, Window((3, 2)))
    plan = LayerPlan(layer, Fold(2, simd, "block"), in_width=2, map=Map(6, 5, 2))
    assert plan.cycles == 4 * 4 * words * 2
    assert plan.received == 6 * 5
    arrived = np.arange(30) * 9
    assert ConvStage(plan).work(arrived).first == arrived[11] + late + 1
