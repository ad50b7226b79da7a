"""What can be made wrong in a source file: one small change of the code at a time, never of a text or of a type."""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

Placed = ast.expr | ast.stmt | ast.keyword
AROUND = 60
"""Characters that are shown on either side of a change."""
COMPARISONS = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==",
    "is": "is not", "is not": "is", "in": "not in", "not in": "in",
}  # fmt: skip
ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*", "//": "/", "%": "*", "**": "*", "|": "&", "&": "|"}
LOGIC = {"and": "or", "or": "and"}
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list"}
LOOKS = {
    "alpha", "arrowstyle", "bbox", "box_aspect", "clip_on", "cmap", "color", "colors", "delay", "desc", "description",
    "edgecolor", "edgecolors", "elinewidth", "figsize", "fontsize", "framealpha", "ha", "handlelength", "headlength",
    "headwidth", "help", "indent", "label", "labels", "leave", "linespacing", "linestyle", "linestyles", "linewidth",
    "linewidths", "loc", "marker", "markeredgecolor", "markeredgewidth", "markerfacecolor", "markersize", "metavar",
    "mininterval", "ncols", "pad", "s", "scale", "shrink", "size", "title", "title_fontsize", "unit", "va", "width",
    "width_ratios", "zorder",
}  # fmt: skip
"""Keyword arguments that change how a picture, a bar or a help text looks and nothing that is computed."""
DECORATIONS = {"colorbar", "grid", "legend", "new_figure"}
"""Calls whose arguments do."""
GUARDS = {"strict", "encoding", "newline"}
"""Keyword arguments that change nothing while lengths agree and the machine's texts are UTF-8."""


@dataclass(frozen=True)
class Mutation:
    """One change of a source file.

    Args:
        path: the file, relative to the project.
        line: the number of the line in which the change begins, from 1.
        first: the number of the first line of the function that holds it; 0 outside of functions.
        start: the byte at which the replaced code begins.
        end: the byte after it.
        code: the code that replaces it.
        was: the lines before the change, on one line, shortened to what is around it.
        became: the same after it.
    """

    path: str
    line: int
    first: int
    start: int
    end: int
    code: str
    was: str
    became: str

    def applied_to(self, source: bytes) -> bytes:
        """The source with the change."""
        return source[: self.start] + self.code.encode() + source[self.end :]


def mutations(path: str, source: bytes) -> list[Mutation]:
    """Every mutation of a source file, in the order of its lines; `path` is noted in each."""
    return _Finder(path, source).all()


class _Finder:
    """Finds the mutations of one file."""

    def __init__(self, path: str, source: bytes) -> None:
        self.path, self.source = path, source
        self.lines = [0]
        for line in source.splitlines(keepends=True):
            self.lines.append(self.lines[-1] + len(line))

    def all(self) -> list[Mutation]:
        mutations = {mutation.applied_to(self.source): mutation for mutation in self._within(ast.parse(self.source), 0)}
        return sorted(mutations.values(), key=lambda mutation: mutation.line)

    def _within(self, node: ast.AST, function: int) -> Iterator[Mutation]:
        for child in _code_below(node):
            inside = function or (child.lineno if isinstance(child, ast.FunctionDef) else 0)
            if isinstance(child, ast.arguments) and isinstance(node, ast.FunctionDef) and node.lineno == function:
                inside = 0  # defaults are computed when the file is imported
            for start, end, code in self._changes(child):
                yield self._mutation(inside, start, end, code)
            yield from self._within(child, inside)

    def _mutation(self, function: int, start: int, end: int, code: str) -> Mutation:
        line = 1 + max(number for number, offset in enumerate(self.lines) if offset <= start)
        first, last = self.lines[line - 1], next(offset for offset in self.lines if offset >= end)
        was, became = self.source[first:last], self.source[first:start] + code.encode() + self.source[end:last]
        return Mutation(self.path, line, function, start, end, code, *_shortened(_one_line(was), _one_line(became)))

    def _changes(self, node: ast.AST) -> Iterator[tuple[int, int, str]]:
        """Start, end and replacement of each change of this node itself."""
        match node:
            case ast.Compare(left=left, comparators=[right, *_]):
                yield from self._operator(left, right, COMPARISONS)
            case ast.BoolOp(values=[left, right, *_]):
                yield from self._operator(left, right, LOGIC)
            case ast.BinOp(left=left, right=right) if not (_is_text(left) or _is_text(right)):
                yield from self._operator(left, right, ARITHMETIC)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield self._replaced(node, operand)
            case ast.Constant(value=bool(value)):
                yield *self._span(node), str(not value)
            case ast.Constant(value=int(value)):
                yield *self._span(node), str(value + 1)
            case ast.Constant(value=float(value)):
                yield *self._span(node), repr(2 * value if value else 1.0)
            case ast.IfExp(body=body, orelse=orelse):
                yield self._replaced(node, body)
                yield self._replaced(node, orelse)
            case ast.If(test=test) | ast.comprehension(ifs=[test, *_]):
                yield *self._span(test), "True"
                yield *self._span(test), "False"
            case ast.Call(func=ast.Name(id=name) as called) if name in CALLS:
                yield *self._span(called), CALLS[name]
            case ast.Break():
                yield *self._span(node), "continue"
            case ast.Continue():
                yield *self._span(node), "break"
            case ast.Raise():
                yield *self._span(node), "pass"
            case ast.Expr(value=ast.Call() | ast.Yield()) | ast.AugAssign():
                yield *self._span(node), "pass"
            case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
                yield *self._span(node), "pass"
        yield from self._dropped_parts(node)

    def _dropped_parts(self, node: ast.AST) -> Iterator[tuple[int, int, str]]:
        """The node without one of its parts: an argument, an element, a lock."""
        match node:
            case ast.Call(args=arguments, keywords=keywords):
                parts: list[Placed] = [*arguments, *keywords]
                for place, keyword in enumerate(keywords, start=len(arguments)):
                    if keyword.arg and keyword.arg not in LOOKS | GUARDS and _name(node.func) not in DECORATIONS:
                        yield self._without([self._span(part) for part in parts], place)
            case ast.Tuple(elts=elements, ctx=ast.Load()) | ast.List(elts=elements, ctx=ast.Load()):
                spans = [self._span(element) for element in elements]
                comma = "," if isinstance(node, ast.Tuple) and len(elements) == 2 else ""
                # The span of an element does not include parentheses around it.
                between = [self.source[end:start] for (_, end), (start, _) in pairwise(spans)]
                is_plain = not any(parenthesis in text for text in between for parenthesis in (b"(", b")"))
                for place in range(len(elements) if len(elements) > 1 and is_plain else 0):
                    yield self._without(spans, place, comma)
            case ast.Dict(keys=keys, values=values) if None not in keys and len(keys) > 1:
                spans = [(self._start(key), self._end(value)) for key, value in zip(keys, values, strict=True) if key]
                for place in (place for place, key in enumerate(keys) if not _is_look(key)):
                    yield self._without(spans, place)
            case ast.With(items=items):
                spans = [self._span(item.context_expr) for item in items]
                for place in (place for place, item in enumerate(items) if item.optional_vars is None):
                    if len(items) > 1:
                        yield self._without(spans, place)
                    else:
                        yield *spans[place], "__import__('contextlib').nullcontext()"

    def _without(self, parts: Sequence[tuple[int, int]], place: int, comma: str = "") -> tuple[int, int, str]:
        """The change that takes one of several parts out, and a comma with it.

        Args:
            parts: start and end of each.
            place: the number of the one.
            comma: inserted after the remaining one of two parts, where a tuple needs it.
        """
        if comma:
            left = self.source[slice(*parts[1 - place])].decode()
            has_comma = self.source[parts[-1][1] :].lstrip()[:1] == b","
            return parts[0][0], parts[-1][1], left + ("" if has_comma else comma)
        if place:
            return parts[place - 1][1], parts[place][1], ""
        if len(parts) > 1:
            return parts[0][0], parts[1][0], ""
        start, end = parts[0]
        after = re.match(rb"\s*,", self.source[end:])
        return start, end + (after.end() if after else 0), ""

    def _operator(self, left: ast.expr, right: ast.expr, others: dict[str, str]) -> Iterator[tuple[int, int, str]]:
        """The operator between two operands replaced by its other."""
        start, end = self._end(left), self._start(right)
        between = re.search(_any_of(others), self.source[start:end].decode())
        if between:
            yield start + between.start(), start + between.end(), others[" ".join(between[0].split())]

    def _replaced(self, node: ast.expr, part: ast.expr) -> tuple[int, int, str]:
        return *self._span(node), f"({ast.unparse(part)})"

    def _start(self, node: Placed) -> int:
        return self.lines[node.lineno - 1] + node.col_offset

    def _end(self, node: Placed) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.lines[node.end_lineno - 1] + node.end_col_offset

    def _span(self, node: Placed) -> tuple[int, int]:
        return self._start(node), self._end(node)


def _code_below(node: ast.AST) -> Iterator[ast.AST]:
    """The children of a node that are code which runs, less what says nothing or what no test should look at."""
    if isinstance(node, ast.Call) and _name(node.func) in DECORATIONS:
        return
    if isinstance(node, ast.Subscript) and _name(node.value) == "Literal":
        return
    if isinstance(node, ast.Dict):
        yield from (value for key, value in zip(node.keys, node.values, strict=True) if not _is_look(key))
        return
    for field, value in ast.iter_fields(node):
        if field not in ("annotation", "returns", "decorator_list", "bases"):
            yield from (child for child in (value if isinstance(value, list) else [value]) if _is_code(child))


def _is_code(node: object) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.JoinedStr():
            return False
        case ast.If(test=test):
            return ast.unparse(test) not in ("TYPE_CHECKING", "__name__ == '__main__'")
        case ast.keyword(arg=name):
            return name not in LOOKS | GUARDS
    return isinstance(node, ast.AST)


def _name(node: ast.expr) -> str:
    """The last part of a name with dots."""
    return ast.unparse(node).rpartition(".")[2]


def _is_look(key: ast.expr | None) -> bool:
    return isinstance(key, ast.Constant) and key.value in LOOKS


def _any_of(operators: Iterable[str]) -> str:
    """A pattern of operators, longer ones first; words match as a whole, with any space inside."""
    ordered = sorted(operators, key=len, reverse=True)
    return "|".join(rf"\b{name}\b".replace(" ", r"\s+") if name[0].isalpha() else re.escape(name) for name in ordered)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _shortened(was: str, became: str) -> tuple[str, str]:
    """Two texts without what they share more than AROUND characters away from where they differ."""
    before = _shared(was, became)
    after = _shared(was[before:][::-1], became[before:][::-1])
    start, stop = max(0, before - AROUND), max(0, after - AROUND)
    ends = "…" if start else "", "…" if stop else ""
    shown = [f"{ends[0]}{text[start : len(text) - stop]}{ends[1]}" for text in (was, became)]
    return shown[0], shown[1]


def _shared(first: str, second: str) -> int:
    """How many characters two texts begin with that are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def _one_line(code: bytes) -> str:
    return " ".join(code.decode().split())
