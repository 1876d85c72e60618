"""The smallest committed model against its snapshot; ``make snapshots`` replaces the snapshots."""

import importlib.util
from pathlib import Path

spec = importlib.util.spec_from_file_location("record", Path(__file__).with_name("record.py"))
record = importlib.util.module_from_spec(spec)
spec.loader.exec_module(record)


def test_tfc():
    found = record.differences(record.saved("tfc"), record.snapshot("tfc"))
    assert not found, "\n".join(found)


def test_differences():
    old = {"a": [1, {"b": "x"}], "c": 2, "e": [1]}
    assert record.differences(old, {"a": [1, {"b": "y"}], "d": 2, "e": [1, 2]}, "m") == [
        "m/a/1/b: 'x' became 'y'", "m/c: 2 became None", "m/e: [1] became [1, 2]",
        "m/d: None became 2"]
