"""Order of the tests: each pattern of slow files in ``tests/conftest.py`` matches a file."""

from pathlib import Path


def test_slow_patterns(slow_patterns):
    root = Path(__file__).parents[1]
    assert [pattern for pattern in slow_patterns if not any(root.glob(pattern))] == []
