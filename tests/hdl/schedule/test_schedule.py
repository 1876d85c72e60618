"""Schedules and their files: folds that fit a graph, and errors."""

import json
import os
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorloom.errors import ScheduleError
from xnorloom.graph import Dense, Graph, Input, Score
from xnorloom.schedule import Fold, LayerPlan, Schedule, WeightStyle

GRAPH = Graph("g", Input((2, 5)), (
    Dense("first", np.ones((7, 10), int), np.full(7, 5)),
    Score("last", np.ones((3, 7), int), np.zeros(3, int)),
))
SCHEDULE = Schedule(4, (Fold(2, 3, "block", 0), Fold(3, 7, "wired")))


def test_fold():
    fold = Fold(3, 5, "lut")
    assert (fold.lanes, fold.register_every) == (15, 2)
    assert fold == Fold(3, 5, "lut", 2)


@pytest.mark.parametrize("pe, simd, style, sprams", [
    (1, 1, "spram", 1), (1, 16, "spram", 1), (1, 17, "spram", 2), (3, 16, "spram", 3),
    (7, 7, "spram", 4), (7, 7, "block", 0), (7, 7, "wired", 0)])
def test_sprams(pe, simd, style, sprams):
    neurons = pe + (style == "spram")
    layer = Dense("a", np.ones((neurons, simd), int), np.zeros(neurons, int))
    assert LayerPlan(layer, Fold(pe, simd, style)).sprams == sprams


def test_folds_become_a_tuple():
    assert Schedule(4, list(SCHEDULE.folds)) == SCHEDULE


def test_repr():
    assert repr(SCHEDULE) == "Schedule(input_width 4, [2x3 block, 3x7 wired])"


# Constructors

WRONG = {
    "pe zero": (lambda: Fold(0, 1, "lut"), ValueError, r"^Fold pe must be at least 1, not 0$"),
    "simd negative": (
        lambda: Fold(1, -2, "lut"), ValueError, r"^Fold simd must be at least 1, not -2$"),
    "pe a float": (
        lambda: Fold(2.0, 1, "lut"), TypeError, r"^Fold pe must be an integer, not 2\.0$"),
    "simd a bool": (
        lambda: Fold(1, True, "lut"), TypeError, r"^Fold simd must be an integer, not True$"),
    "style": (
        lambda: Fold(1, 1, "bram"), ValueError,
        r"^Fold style must be one of wired, lut, block, spram, not 'bram'$"),
    "style a list": (
        lambda: Fold(1, 1, []), ValueError,
        r"^Fold style must be one of wired, lut, block, spram, not \[\]$"),
    "registers negative": (
        lambda: Fold(1, 1, "lut", -1), ValueError,
        r"^Fold register_every must be at least 0, not -1$"),
    "registers None": (
        lambda: Fold(1, 1, "lut", None), TypeError,
        r"^Fold register_every must be an integer, not None$"),
    "read register a number": (
        lambda: Fold(1, 1, "block", 2, 1), TypeError,
        r"^Fold read_register must be a bool, not 1$"),
    "read register without a table": (
        lambda: Fold(1, 1, "wired", 2, True), ValueError,
        r"^Fold read_register needs style lut, block, spram, not 'wired'$"),
    "width zero": (
        lambda: Schedule(0, SCHEDULE.folds), ValueError,
        r"^Schedule input_width must be at least 1, not 0$"),
    "width a string": (
        lambda: Schedule("4", SCHEDULE.folds), TypeError,
        r"^Schedule input_width must be an integer, not '4'$"),
    "folds a fold": (
        lambda: Schedule(4, SCHEDULE.folds[0]), TypeError,
        r"^Schedule folds must be a sequence of Fold, not Fold\(pe=2, .*\)$"),
    "folds of tuples": (
        lambda: Schedule(4, [(1, 1, "lut")]), TypeError,
        r"^Schedule folds must be a sequence of Fold, not of \(1, 1, 'lut'\)$"),
}


@pytest.mark.parametrize("make, error, message", WRONG.values(), ids=WRONG)
def test_wrong(make, error, message):
    with pytest.raises(error, match=message):
        make()


# Against a graph


@pytest.mark.parametrize("graph, shown", [("tfc", "'tfc'"), (None, "None"), (SCHEDULE, ".*")])
def test_bound_to_no_graph(graph, shown):
    with pytest.raises(TypeError, match=f"^Schedule can only be bound to a Graph, not to {shown}$"):
        SCHEDULE.bind(graph)


@pytest.mark.parametrize("schedule", [
    SCHEDULE,
    Schedule(10, (Fold(7, 10, "wired"), Fold(3, 7, "block"))),
    Schedule(1, (Fold(1, 1, "lut"), Fold(1, 1, "lut"))),
    Schedule(7, (Fold(5, 9, "lut"), Fold(2, 6, "lut"))),
], ids=["mixed", "parallel", "one lane", "dividing nothing"])
def test_fits(schedule):
    plan = schedule.bind(GRAPH)
    assert (plan.graph, plan.schedule) == (GRAPH, schedule)
    assert [stage.fold for stage in plan.layers] == list(schedule.folds)


MISFITS = {
    "too few folds": (
        Schedule(4, SCHEDULE.folds[:1]),
        r"^schedule has 1 folds, but graph 'g' has 2 layers$"),
    "no folds": (Schedule(4, ()), r"^schedule has 0 folds, but graph 'g' has 2 layers$"),
    "width": (
        Schedule(11, SCHEDULE.folds),
        r"^input_width must be at most the 10 elements of a frame, not 11$"),
    "pe": (
        Schedule(4, (Fold(8, 3, "lut"), Fold(3, 7, "lut"))),
        r"^pe of layer 'first' must be at most its 7 neurons, not 8$"),
    "simd": (
        Schedule(4, (Fold(7, 3, "lut"), Fold(3, 8, "lut"))),
        r"^simd of layer 'last' must be at most its 7 inputs, not 8$"),
    "wired pe": (
        Schedule(4, (Fold(6, 10, "wired"), Fold(3, 7, "lut"))),
        r"^style wired of layer 'first' needs pe 7 and simd 10, the whole layer, not pe 6 and "
        r"simd 10$"),
    "wired simd": (
        Schedule(4, (Fold(7, 10, "wired"), Fold(3, 1, "wired"))),
        r"^style wired of layer 'last' needs pe 3 and simd 7, the whole layer, not pe 3 and "
        r"simd 1$"),
}


@pytest.mark.parametrize("schedule, message", MISFITS.values(), ids=MISFITS)
def test_misfit(schedule, message, tmp_path):
    with pytest.raises(ScheduleError, match=message):
        schedule.bind(GRAPH)
    with pytest.raises(ScheduleError, match=message):
        schedule.save(tmp_path / "s.json", GRAPH)
    assert os.listdir(tmp_path) == []


# Files


def test_file(tmp_path):
    path = tmp_path / "s.json"
    SCHEDULE.save(path, GRAPH)
    assert path.read_text() == """\
{
  "format": "xnorloom-schedule",
  "version": 1,
  "input_width": 4,
  "layers": [
    {
      "layer": "first",
      "pe": 2,
      "simd": 3,
      "style": "block",
      "register_every": 0,
      "read_register": false
    },
    {
      "layer": "last",
      "pe": 3,
      "simd": 7,
      "style": "wired",
      "register_every": 2,
      "read_register": false
    }
  ]
}
"""
    assert Schedule.load(path, GRAPH) == SCHEDULE
    assert Schedule.load(str(path), GRAPH) == SCHEDULE


@given(st.data())
def test_save_load(tmp_path_factory, data):
    folds = []
    for layer in GRAPH.layers:
        pe, simd = data.draw(st.integers(1, layer.neurons)), data.draw(st.integers(1, layer.inputs))
        whole = (pe, simd) == layer.weights.shape
        deep = pe < layer.neurons or simd < layer.inputs
        fits = {"wired": whole, "spram": deep}
        style = data.draw(st.sampled_from([s for s in WeightStyle if fits.get(s, True)]))
        folds.append(Fold(pe, simd, style, data.draw(st.integers(0, 9))))
    schedule = Schedule(data.draw(st.integers(1, 10)), folds)
    path = tmp_path_factory.getbasetemp() / f"schedule-{os.getpid()}.json"
    schedule.save(path, GRAPH)
    assert Schedule.load(path, GRAPH) == schedule


def test_register_every_may_be_left_out(tmp_path):
    path = tmp_path / "s.json"
    contents = SCHEDULE.as_json(GRAPH)
    del contents["layers"][1]["register_every"]
    path.write_text(json.dumps(contents))
    assert Schedule.load(path, GRAPH) == SCHEDULE


def entry(**changes):
    """Return an edit of the fold of the last layer; ``None`` removes a key."""
    def edit(contents):
        contents["layers"][1].update(changes)
        for key, value in changes.items():
            if value is None:
                del contents["layers"][1][key]
        return contents
    return edit


def top(**changes):
    """Return an edit of the top level; ``None`` removes a key."""
    def edit(contents):
        return {key: value for key, value in {**contents, **changes}.items() if value is not None}
    return edit


EDITS = {
    "a list": (lambda _: [], r"PATH is not an xnorloom schedule \(format must be "
                             r"'xnorloom-schedule'\)"),
    "no format": (top(format=None), r"PATH is not an xnorloom schedule \(format must be "
                                    r"'xnorloom-schedule'\)"),
    "version": (top(version=2), r"schedule file PATH has version 2, but this xnorloom reads "
                                r"version 1"),
    "no version": (top(version=None), r"schedule file PATH has version None, but this xnorloom "
                                      r"reads version 1"),
    "version true": (top(version=True), r"schedule file PATH has version True, but this xnorloom "
                                        r"reads version 1"),
    "version a float": (top(version=1.0), r"schedule file PATH has version 1\.0, but this xnorloom "
                                          r"reads version 1"),
    "no width": (top(input_width=None), r"schedule file PATH lacks 'input_width'"),
    "width zero": (
        top(input_width=0), r"schedule file PATH: Schedule input_width must be at least 1, not 0"),
    "width too large": (
        top(input_width=11),
        r"schedule file PATH: input_width must be at most the 10 elements of a frame, not 11"),
    "width long": (
        top(input_width="4" * 9999),
        r"schedule file PATH: Schedule input_width must be an integer, not '4{27}\.\.\.4+'"),
    "unknown key at the top": (
        top(speed=1), r"schedule file PATH has the unknown key 'speed', wanted format, version, "
                      r"input_width, layers"),
    "no layers": (top(layers=None), r"schedule file PATH lacks 'layers'"),
    "layers a number": (top(layers=3), r"schedule file PATH: layers must be a list, not 3"),
    "layers an object": (
        top(layers={"pe": 1}), r"schedule file PATH: layers must be a list, not \{'pe': 1\}"),
    "layers of numbers": (
        top(layers=[1, 2]), r"schedule file PATH: each entry of layers must be an object, not 1"),
    "too few layers": (
        top(layers=[]), r"schedule file PATH: schedule has 0 folds, but graph 'g' has 2 layers"),
    "no name": (
        entry(layer=None),
        r"schedule file PATH: each entry of layers must have the key 'layer', not only 'pe', "
        r"'simd', 'style', 'register_every', 'read_register'"),
    "other name": (
        entry(layer="second"),
        r"schedule file PATH has a fold for layer 'second' where graph 'g' has 'last'"),
    "other name, not a fold": (
        entry(layer="second", pe=0),
        r"schedule file PATH has a fold for layer 'second' where graph 'g' has 'last'"),
    "other name, too few layers": (
        lambda contents: top(layers=contents["layers"][1:])(contents),
        r"schedule file PATH has a fold for layer 'last' where graph 'g' has 'first'"),
    "other name, too large": (
        entry(layer=["a"] * 99, pe=99),
        r"schedule file PATH has a fold for layer \['a', 'a', 'a', 'a', 'a', 'a', \.\.\.\] where "
        r"graph 'g' has 'last'"),
    "no pe": (entry(pe=None), r"schedule file PATH: layer 'last' lacks 'pe'"),
    "no style": (entry(style=None), r"schedule file PATH: layer 'last' lacks 'style'"),
    "unknown key": (
        entry(simds=3),
        r"schedule file PATH: layer 'last' has the unknown key 'simds', wanted layer, pe, simd, "
        r"style, register_every, read_register, vectors"),
    "unknown long key": (
        entry(**{"k" * 999: 3}),
        r"schedule file PATH: layer 'last' has the unknown key 'k{27}\.\.\.k{28}', wanted .*"),
    "pe zero": (
        entry(pe=0), r"schedule file PATH: layer 'last': Fold pe must be at least 1, not 0"),
    "pe a float": (
        entry(pe=3.0),
        r"schedule file PATH: layer 'last': Fold pe must be an integer, not 3\.0"),
    "style": (
        entry(style="ram"),
        r"schedule file PATH: layer 'last': Fold style must be one of wired, lut, block, spram, "
        r"not 'ram'"),
    "fold too large": (
        entry(pe=4, style="lut"),
        r"schedule file PATH: pe of layer 'last' must be at most its 3 neurons, not 4"),
}


@pytest.mark.parametrize("edit, message", EDITS.values(), ids=EDITS)
def test_edited_wrong(tmp_path, edit, message):
    path = tmp_path / "s.json"
    path.write_text(json.dumps(edit(SCHEDULE.as_json(GRAPH))))
    with pytest.raises(ScheduleError, match=f"^{message.replace('PATH', re.escape(str(path)))}$"):
        Schedule.load(path, GRAPH)


def test_duplicate_key(tmp_path):
    """JSON would keep the last one only, and an edit of the first would be lost."""
    path = tmp_path / "s.json"
    SCHEDULE.save(path, GRAPH)
    path.write_text(path.read_text().replace('"pe": 3', '"pe": 2,\n      "pe": 3'))
    message = rf"^schedule file {re.escape(str(path))}: key 'pe' occurs twice in one object$"
    with pytest.raises(ScheduleError, match=message):
        Schedule.load(path, GRAPH)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe\xff", b"[" * 100000],
                         ids=["empty", "cut", "not text", "deep"])
def test_not_json(tmp_path, text):
    path = tmp_path / "s.json"
    path.write_bytes(text)
    message = rf"^schedule file {re.escape(str(path))} is not JSON: .+$"
    with pytest.raises(ScheduleError, match=message):
        Schedule.load(path, GRAPH)


def test_missing(tmp_path):
    path = tmp_path / "none.json"
    message = rf"^schedule file {re.escape(str(path))} cannot be read: No such file or directory$"
    with pytest.raises(ScheduleError, match=message):
        Schedule.load(path, GRAPH)


def test_directory(tmp_path):
    message = rf"^schedule file {re.escape(str(tmp_path))} cannot be read: Is a directory$"
    with pytest.raises(ScheduleError, match=message):
        Schedule.load(tmp_path, GRAPH)
