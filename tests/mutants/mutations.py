"""Mutations of Python sources: small changes of the syntax tree that a test should notice."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Mutation", "mutations"]

_COMPARISONS = {ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="),
                ast.GtE: (">=", ">"), ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="),
                ast.Is: ("is", "is not"), ast.IsNot: (r"is\s+not", "is"),
                ast.In: ("in", "not in"), ast.NotIn: (r"not\s+in", "in")}
_ARITHMETIC = {ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "+"),
               ast.FloorDiv: ("//", "*"), ast.Div: ("/", "*"), ast.Mod: ("%", "//"),
               ast.Pow: ("**", "*"), ast.LShift: ("<<", ">>"), ast.RShift: (">>", "<<"),
               ast.BitAnd: ("&", "|"), ast.BitOr: ("|", "&"), ast.BitXor: ("^", "|")}
_BOOLEAN = {ast.And: ("and", "or"), ast.Or: ("or", "and")}
_UNARY = {ast.Not: "not", ast.Invert: "~", ast.USub: "-"}
# Statements whose loss leaves a valid program.
_STATEMENTS = (ast.Expr, ast.AugAssign, ast.Raise, ast.Continue, ast.Break)


@dataclass(frozen=True)
class Mutation:
    """Replacement of a piece of a source.

    Parameters
    ----------
    line : int
        Line where the piece begins, from 1.
    start, end : int
        Place of the piece in the UTF-8 bytes of the source.
    text : str
        Replacement.
    kind : str
        Operator: comparison, arithmetic, boolean, unary, condition, constant, statement, element
        or argument.
    """

    line: int
    start: int
    end: int
    text: str
    kind: str

    def applied(self, source: bytes) -> bytes | None:
        """Return the mutated source, or ``None`` if it has wrong syntax."""
        mutated = source[:self.start] + self.text.encode() + source[self.end:]
        try:
            ast.parse(mutated)
        except SyntaxError:
            return None
        return mutated


def mutations(source: bytes) -> list[Mutation]:
    """Return all mutations of a source, in the order of their places.

    Annotations, docstrings, strings and decorators have none.
    """
    return sorted(set(_Finder(source).found()), key=lambda m: (m.start, m.end, m.kind, m.text))


class _Finder:
    """Finds the mutations of one source."""

    def __init__(self, source: bytes):
        self._source, self._lines = source, [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def found(self) -> Iterator[Mutation]:
        nodes: list[ast.AST] = [ast.parse(self._source)]
        while nodes:
            node = nodes.pop()
            yield from self._at(node)
            for name, value in ast.iter_fields(node):
                if name not in ("annotation", "returns", "decorator_list", "type_params"):
                    nodes += [child for child in (value if isinstance(value, list) else [value])
                              if isinstance(child, ast.AST)]

    def _start(self, node) -> int:
        return self._lines[node.lineno - 1] + node.col_offset

    def _end(self, node) -> int:
        return self._lines[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node) -> str:
        return self._source[self._start(node):self._end(node)].decode()

    def _replace(self, node, text: str, kind: str) -> Mutation:
        return Mutation(node.lineno, self._start(node), self._end(node), text, kind)

    def _between(self, left, right, pattern: str, text: str, kind: str) -> Iterator[Mutation]:
        """Replace the operator between two operands."""
        start = self._end(left)
        gap = re.sub(rb"#.*", lambda comment: b" " * len(comment[0]),
                     self._source[start:self._start(right)])
        match = re.search(pattern.encode(), gap)
        if match is not None:
            line = self._source.count(b"\n", 0, start + match.start()) + 1
            yield Mutation(line, start + match.start(), start + match.end(), text, kind)

    def _without(self, items: list, kind: str) -> Iterator[Mutation]:
        """Leave out one of several items between commas."""
        for before, item, after in zip([None, *items], items, [*items[1:], None]):
            start, end = self._start(item), self._end(item)
            if after is not None:
                yield Mutation(item.lineno, start, self._start(after), "", kind)
            elif before is not None:
                yield Mutation(item.lineno, self._end(before), end, "", kind)

    def _at(self, node) -> Iterator[Mutation]:
        if isinstance(node, ast.Compare):
            for left, op, right in zip([node.left, *node.comparators], node.ops, node.comparators):
                yield from self._between(left, right, *_COMPARISONS[type(op)], "comparison")
        elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            symbol, text = _ARITHMETIC[type(node.op)]
            yield from self._between(node.left, node.right, re.escape(symbol), text, "arithmetic")
        elif isinstance(node, ast.BoolOp):
            symbol, text = _BOOLEAN[type(node.op)]
            for left, right in zip(node.values, node.values[1:]):
                yield from self._between(left, right, rf"\b{symbol}\b", text, "boolean")
        elif isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
            yield self._replace(node, f"({self._text(node.operand)})", "unary")
        elif isinstance(node, ast.Constant):
            yield from self._constant(node)
        elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
            yield self._replace(node.test, f"not ({self._text(node.test)})", "condition")
        elif isinstance(node, _STATEMENTS):
            if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
                yield self._replace(node, "pass", "statement")
            if isinstance(node, ast.AugAssign) and isinstance(node.value, ast.List):
                yield from self._without(node.value.elts, "element")
        elif isinstance(node, ast.withitem):
            call = node.context_expr
            if isinstance(call, ast.Call) and call.args and (
                    ast.unparse(call.func).endswith((".If", ".Elif"))):
                yield self._replace(call.args[0], f"~({self._text(call.args[0])}).bool()",
                                    "condition")
        elif isinstance(node, ast.Call):
            for keyword in node.keywords:
                yield from self._keyword(node, keyword)

    def _constant(self, node: ast.Constant) -> Iterator[Mutation]:
        if isinstance(node.value, bool):
            yield self._replace(node, str(not node.value), "constant")
        elif isinstance(node.value, int):
            yield self._replace(node, str(node.value + 1), "constant")
            if node.value:
                yield self._replace(node, str(node.value - 1), "constant")
        elif isinstance(node.value, float):
            yield self._replace(node, str(2 * node.value + 1), "constant")

    def _keyword(self, call: ast.Call, keyword: ast.keyword) -> Iterator[Mutation]:
        """Leave out a named argument, but not a name that is only for people."""
        if keyword.arg in (None, "name"):
            return
        items = sorted([*call.args, *call.keywords], key=self._start)
        place = items.index(keyword)
        if place:
            yield Mutation(keyword.lineno, self._end(items[place - 1]), self._end(keyword), "",
                           "argument")
        elif len(items) > 1:
            yield Mutation(keyword.lineno, self._start(keyword), self._start(items[1]), "",
                           "argument")
