"""Mutations of small programs, and the tests that concern each module."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest


def load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    # A dataclass looks for its module.
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


mutations, concerning = load("mutations"), load("concerning")
ROOT = Path(__file__).parents[2]

CASES = {
    "comparison": ("x = a < b", ["x = a <= b"]),
    "chain": ("a < b == c", ["a <= b == c", "a < b != c", "pass"]),
    "membership": ("x = a not in b", ["x = a in b"]),
    "identity": ("x = a is b", ["x = a is not b"]),
    "arithmetic": ("x = (a) // (b)", ["x = (a) * (b)"]),
    "shift": ("x = a << b", ["x = a >> b"]),
    "boolean": ("x = a and b", ["x = a or b"]),
    "not": ("x = not a", ["x = (a)"]),
    "minus": ("x = -a", ["x = (a)"]),
    "constant": ("x = 7", ["x = 6", "x = 8"]),
    "nought": ("x = 0", ["x = 1"]),
    "truth": ("x = True", ["x = False"]),
    "fraction": ("x = 0.5", ["x = 2.0"]),
    "condition": ("x = a if b else c", ["x = a if not (b) else c"]),
    "loop": ("while a: f()", ["while a: pass", "while not (a): f()"]),
    "statement": ("f(a)", ["pass"]),
    "refusal": ("raise E(a)", ["pass"]),
    "assignments of a module": (
        "m.d.sync += [a, b.eq(c)]",
        ["m.d.sync += [a]", "m.d.sync += [b.eq(c)]", "pass"]),
    "condition of a module": (
        "with m.If(a & b): pass", ["with m.If(a | b): pass",
                                   "with m.If(~(a & b).bool()): pass"]),
    "argument": ("x = f(a, b=c)", ["x = f(a)"]),
    "first argument": ("x = f(b=c, d=e)", ["x = f(b=c)", "x = f(d=e)"]),
    "a name for people": ("x = f(a, name=c)", []),
    "annotation": ("x: int | None = a", []),
    "docstring": ('"""Text of 7."""', []),
    "several lines": ("x = (a\n     + b)  # ü", ["x = (a\n     - b)  # ü"]),
}


@pytest.mark.parametrize("source, wanted", CASES.values(), ids=CASES)
def test_mutations(source, wanted):
    data = source.encode()
    found = [mutation.applied(data) for mutation in mutations.mutations(data)]
    assert sorted(found) == sorted(text.encode() for text in wanted)


def test_line():
    [mutation] = mutations.mutations("x = (a\n     # ü + ü\n     + b)".encode())[-1:]
    assert mutation.line == 3


def test_wrong_syntax():
    assert mutations.Mutation(1, 0, 1, "(", "argument").applied(b"x = 1") is None


def test_every_module_has_tests():
    modules = {path.relative_to(ROOT).as_posix() for pattern in concerning.SOURCES
               for path in ROOT.glob(pattern)}
    assert len(modules) > 40
    for module in modules:
        for deep in (False, True):
            tests = concerning.concerning(module, deep=deep)
            assert tests and len(set(tests)) == len(tests)
            for test in tests:
                path, _, name = test.partition("::")
                assert f"def {name}" in (ROOT / path).read_text()


def test_equivalent_mutants_are_those_of_the_page():
    page = (ROOT / "docs" / "trust.md").read_text()
    for key, reason in json.loads(Path(__file__).with_name("equivalent.json").read_text()).items():
        module, _, change = key.partition(": ")
        line, _, mutated = change.partition(" -> ")
        assert line in (ROOT / module).read_text() and reason.endswith(".")
        # In a table a bar is escaped, even in code.
        cells = [f"`{Path(module).name}`", f"`{line}`", f"`{mutated}`", reason]
        row = " | ".join(cell.replace("|", r"\|") for cell in cells)
        assert f"| {row} |" in page
