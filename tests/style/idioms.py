"""Counter of the idioms that the house style replaces, in docstrings, comments, help texts, pages.

``python tests/style/idioms.py [PATH ...]`` prints each place; the exit status is 1 if there are
more than a handful.
"""

import argparse
import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("hdl", "sim", "boards", "cli", "tests", "examples", "benchmarks", "docs", "models")
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")
# A handful: some of these words are right at times.
MOST = 10

# Idioms, with the words to use instead.
IDIOMS = {
    r"\bas of\b": "see, like, since",
    r"\bbehind\b": "after",
    r"\bin front of\b": "before",
    r"\b(?:is|are|was|were|be|been) told\b": "is reported, gets",
    r"\bby (?:itself|themselves)\b": "(leave out), separately",
    r"\bnow and then\b": "periodically, sometimes",
    r"\bma[kd]e good\b": "recovered, corrected",
    r"\bworked out\b": "computed",
    r"\bh[eo]ld against\b": "compared with",
    r"\bcom(?:es|e|ing) to\b": "is, takes",
    r"\bst(?:ands?|ood|anding) in\b": "is in, replaces",
    r"\bthose who\b": "(name them)",
    r"\bnobody\b": "no caller, no process",
    r"(?:^|(?<=\.\s))Of (?!course\b)": "(a sentence of its own)",
}
# Beginnings of docstrings.
BEGINNINGS = r"^(?:What|How|Whether)\b"
_PATTERNS = {re.compile(pattern.replace(" ", " +"), re.M): use for pattern, use in IDIOMS.items()}


def texts(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Pieces of prose in a page or a program: first line, text, and True for a docstring."""
    source = path.read_text()
    if path.suffix == ".cpp":
        yield 1, re.sub(r"^(?! *//).*$|^ *// ?", "", source, flags=re.M), False
        return
    if path.suffix != ".py":
        # Code blocks stay as long as they were, so that line numbers are right.
        yield 1, re.sub(r"^```.*?^```", lambda block: "\n" * block[0].count("\n"), source,
                        flags=re.M | re.S), False
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
                    and isinstance(first.value.value, str)):
                yield first.lineno, first.value.value, True
        elif isinstance(node, ast.keyword) and node.arg in ("help", "description", "epilog"):
            for part in ast.walk(node.value):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.lineno, part.value, False
    block: list[str] = []
    line = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if block and line + len(block) != token.start[0]:
                yield line, "\n".join(block), False
                block = []
            line = line if block else token.start[0]
            block.append(token.string.lstrip("# "))
    if block:
        yield line, "\n".join(block), False


def idioms(path: Path) -> list[tuple[int, str, str]]:
    """Line, words and replacement of each idiom in a file."""
    found = []
    for start, text, docstring in texts(path):
        matches = [(match, use) for pattern, use in _PATTERNS.items()
                   # Also where a line ends within it.
                   for match in pattern.finditer(re.sub(r"(?<=\w)\n *(?=\w)", _blank, text))]
        if docstring and (match := re.match(BEGINNINGS, text)):
            matches.append((match, "a noun phrase, 'Do …', 'True if …'"))
        found += [(start + text.count("\n", 0, match.start()), " ".join(match[0].split()), use)
                  for match, use in matches]
    return sorted(found)


def _blank(end: re.Match[str]) -> str:
    """As many characters, so that places stay."""
    return " " * len(end[0])


def files(given: list[Path]) -> list[Path]:
    """Programs and pages in folders, and given files."""
    found: list[Path] = []
    for path in given or [ROOT / name for name in (*FOLDERS, *PAGES)]:
        found += (sorted(file for file in path.rglob("*") if file.suffix in (".py", ".md", ".cpp"))
                  if path.is_dir() else [path] if path.exists() else [])
    # It names them all.
    return [file.resolve() for file in found if file.resolve() != Path(__file__).resolve()]


def main() -> int:
    parser = argparse.ArgumentParser(description="Count idioms that the house style replaces.")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    parser.add_argument("--count", action="store_true",
                        help="print only the number for each folder")
    arguments = parser.parse_args()
    counts: Counter[str] = Counter()
    for path in files(arguments.paths):
        name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        for line, words, use in idioms(path):
            counts["/".join(name.parts[:-1][:3]) or name.name] += 1
            if not arguments.count:
                print(f"{name}:{line}: {words!r}: {use}")
    if arguments.count:
        for folder, count in sorted(counts.items()):
            print(f"{count:5} {folder}")
    total = counts.total()
    print(f"{total} idioms, of which {MOST} are let pass", file=sys.stderr)
    return total > MOST


if __name__ == "__main__":
    sys.exit(main())
