"""Records of verifications: kept by digest, and only sound ones are believed."""

import json
from datetime import UTC, datetime

import pytest

from xnorloom.graph.verified import find_record, keep_record

DIGEST = "ab" * 32


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "xnorloom" / "verified"


def test_record(cache):
    assert find_record(DIGEST) is None
    before = datetime.now(UTC)
    keep_record(DIGEST, "cd", "mnist:test", 100, 97, {"packed": 100, "compiled": 50})
    found = find_record(DIGEST)
    assert found is not None
    assert (found.schedule, found.data, found.frames, found.correct, found.steps) == (
        "cd",
        "mnist:test",
        100,
        97,
        {"packed": 100, "compiled": 50},
    )
    assert found.date in {f"{time:%Y-%m-%d}" for time in (before, datetime.now(UTC))}
    assert find_record("cd" * 32) is None
    keep_record(DIGEST, "ef", "9 random frames", 9, None, {})
    found = find_record(DIGEST)
    assert found is not None and (found.schedule, found.correct) == ("ef", None)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"format": "other"},
        {"graph": "ef" * 32},
        {"frames": "9"},
        {"steps": {"packed": "9"}},
        {"steps": []},
        {"date": None},
        {"correct": [3]},
    ],
    ids=str,
)
def test_unsound(cache, change):
    keep_record(DIGEST, "cd", "mnist:test", 100, 97, {"packed": 100})
    path = cache / f"{DIGEST}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert find_record(DIGEST) is None


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 10**5, "3"], ids=len)
def test_damaged(cache, text):
    keep_record(DIGEST, "cd", "mnist:test", 100, 97, {"packed": 100})
    (cache / f"{DIGEST}.json").write_text(text)
    assert find_record(DIGEST) is None


def test_unwritable(tmp_path, monkeypatch):
    """A cache that cannot be written keeps nothing, without an error."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    keep_record(DIGEST, "cd", "mnist:test", 100, 97, {"packed": 100})
    assert find_record(DIGEST) is None
