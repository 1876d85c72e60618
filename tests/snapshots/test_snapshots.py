"""The smallest committed models, one with convolutions, against their snapshots.

``make snapshots`` replaces the snapshots.
"""

import importlib.util
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("record", Path(__file__).with_name("record.py"))
record = importlib.util.module_from_spec(spec)
spec.loader.exec_module(record)


@pytest.mark.parametrize("model", ["tfc", "vowels"])
def test_model(model):
    found = record.differences(record.saved(model), record.snapshot(model))
    assert not found, "\n".join(found)


def test_differences():
    old = {"a": [1, {"b": "x"}], "c": 2, "e": [1]}
    assert record.differences(old, {"a": [1, {"b": "y"}], "d": 2, "e": [1, 2]}, "m") == [
        "m/a/1/b: 'x' became 'y'", "m/c: 2 became None", "m/e: [1] became [1, 2]",
        "m/d: None became 2"]
