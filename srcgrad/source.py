"""Read the text, the syntax tree and the positions of a function.

The function object is the truth; its text is only found. A file is parsed as a whole,
so every node has the line and column that an editor shows, and the top-level statement
around the function is compiled again: its text is used only if that gives the very code
that the function runs, so an edited file can never be differentiated in its place.
"""

from __future__ import annotations

import ast
import copy
import dis
import functools
import inspect
import io
import linecache
import os
import time
import tokenize
import types
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from typing import Any

from srcgrad.errors import Location, make_error

__all__ = [
    "FunctionSource", "Place", "location", "read_globals", "read_source", "segment",
    "statement_text", "unbound",
]  # fmt: skip

Def = ast.FunctionDef | ast.AsyncFunctionDef
FunctionNode = Def | ast.Lambda

# The one future import that still changes code (and the object that it binds here).
_FUTURE_FLAG = annotations.compiler_flag
_LAMBDA = "<lambda>"
_STARTED = time.time()
_NOTHING = object()


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a captured value lives: an attribute of its owner, or an item."""

    owner: Any
    name: str
    attribute: bool

    def fetch(self) -> Any:
        """Return what is there now; nothing is there after a deletion."""
        if self.attribute:
            return getattr(self.owner, self.name, _NOTHING)
        return self.owner.get(self.name, _NOTHING)


@dataclass(frozen=True, slots=True, eq=False)
class FunctionSource:
    """A plain function with its text; nobody may change `node`, it is shared.

    Attributes:
        file: the file as the interpreter names it; may be `<cell>` or the like.
        name: the function's name, `<lambda>` for a lambda.
        line: the line of `def` or `lambda`, decorators left out.
        text: the text as it stands in the file: whole lines of a `def` (indented as
            they are, without decorators), the bare expression of a lambda.
        node: the tree; lines are the file's, columns are UTF-8 offsets as in `ast`.
        lines: all lines of the file, with their ends.
        function: the function object.
    """

    file: str
    name: str
    line: int
    text: str
    node: ast.FunctionDef | ast.Lambda
    lines: tuple[str, ...]
    function: types.FunctionType

    @property
    def module_globals(self) -> dict[str, object]:
        """Return the globals that the function reads, live."""
        return self.function.__globals__

    @property
    def defaults(self) -> dict[str, object]:
        """Return the default value of each parameter that has one."""
        return {
            name: parameter.default
            for name, parameter in inspect.signature(self.function).parameters.items()
            if parameter.default is not parameter.empty
        }

    def place(self, name: str) -> Place | None:
        """Return where a variable outside of the function lives, None if nowhere."""
        function = self.function
        if name in self.closure():
            cells = function.__closure__ or ()
            cell = cells[function.__code__.co_freevars.index(name)]
            return Place(cell, "cell_contents", True)
        known = name in function.__globals__
        return Place(function.__globals__, name, False) if known else None

    def closure(self) -> dict[str, object]:
        """Return what the captured variables hold now; unfilled ones are left out."""
        found: dict[str, object] = {}
        cells = self.function.__closure__ or ()
        for name, cell in zip(self.function.__code__.co_freevars, cells, strict=True):
            try:
                found[name] = cell.cell_contents
            except ValueError:  # the enclosing function has not bound it yet
                continue
        return found


def read_source(function: object) -> FunctionSource:
    """Return the source of a function, or of the one inside a Numba dispatcher.

    >>> import textwrap
    >>> source = read_source(textwrap.indent)
    >>> source.name, source.node.lineno == source.line
    ('indent', True)
    """
    plain = _plain_function(function)
    code, name = plain.__code__, plain.__name__
    lines = tuple(linecache.getlines(code.co_filename, plain.__globals__))
    node = _matching_node(plain, lines)
    if node is None:
        # What was cached may be older than the function (a module reloaded).
        linecache.checkcache(code.co_filename)
        lines = tuple(linecache.getlines(code.co_filename, plain.__globals__))
        node = _matching_node(plain, lines) or _instrumented_node(plain, lines)
    if not lines:
        raise _no_text(name, code.co_filename)
    if node is None:
        raise _edited(name, code)
    if isinstance(node, ast.AsyncFunctionDef):
        what = f"`{name}` is an async function"
        place = _span(code.co_filename, lines, node)
        helps = ["write it as a plain `def` and await outside of it"]
        raise make_error("SG101", what, place, helps=helps, function=name)
    text = "".join(lines[node.lineno - 1 : node.end_lineno])
    if isinstance(node, ast.Lambda):
        text = _slice(lines, _span("", lines, node))
    return FunctionSource(code.co_filename, name, node.lineno, text, node, lines, plain)


def location(source: FunctionSource, node: ast.AST) -> Location:
    """Return where a node stands, in characters as an editor counts them.

    A node without a position (an operator) stands where its first part or the
    function does.
    """
    for part in ast.walk(node):
        if hasattr(part, "lineno"):
            return _span(source.file, source.lines, part)
    return _span(source.file, source.lines, source.node)


def segment(source: FunctionSource, node: ast.AST) -> str:
    """Return the text of a node exactly as it stands in the file."""
    return _slice(source.lines, location(source, node))


def statement_text(source: FunctionSource, line: int) -> str:
    """Return the statement that a line belongs to, as written, in one line.

    Of a compound statement only the head is returned; comments are left out.
    """
    if isinstance(source.node, ast.Lambda):
        return _one_line(source.text)
    stmts = list(_statements(source.node))
    heads = [(stmt, _head_end(stmt, source.lines)) for stmt in stmts]
    covering = [stmt for stmt, end in heads if stmt.lineno <= line <= end[0]]
    if not covering:
        if not source.line <= line <= (source.node.end_lineno or 0):
            raise ValueError(f"line {line} is not in {source.name}")
        return _one_line(source.lines[line - 1])  # `else:`, or a comment
    first_line = max(stmt.lineno for stmt in covering)
    # `if c: x = 1` and `a = 1; b = 2` have several statements in a line: show all.
    together = [(stmt, end) for stmt, end in heads if stmt.lineno == first_line]
    column = min(stmt.col_offset for stmt, _ in together)
    end_line, end_column = max(end for _, end in together)
    span = ast.Pass(
        lineno=first_line,
        col_offset=column,
        end_lineno=end_line,
        end_col_offset=end_column,
    )
    return _one_line(segment(source, span))


def read_globals(source: FunctionSource) -> dict[str, Any]:
    """Return the globals that a function reads, inner functions included.

    >>> import textwrap
    >>> sorted(read_globals(read_source(textwrap.dedent)))
    ['_leading_whitespace_re', '_whitespace_only_re', 're']
    """
    read = {
        instruction.argval
        for part in _nested_code(source.function.__code__)
        for instruction in dis.get_instructions(part)
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    found = source.module_globals
    return {name: found[name] for name in sorted(read & found.keys())}


def unbound(function: Any) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """Return the function in partials and methods, and the arguments they hold.

    >>> unbound(functools.partial(max, 1, default=2))[1:]
    ((1,), {'default': 2})
    """
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    while True:
        if isinstance(function, functools.partial):
            args, kwargs = (*function.args, *args), {**function.keywords, **kwargs}
            function = function.func
        elif isinstance(function, types.MethodType):
            function, args = function.__func__, (function.__self__, *args)
        elif isinstance(vars(type(function)).get("__call__"), types.FunctionType):
            if hasattr(function, "__srcgrad__") or _is_compiled(function):
                return function, args, kwargs
            function = function.__call__
        else:
            return function, args, kwargs


# What is refused, and why.


def _plain_function(function: object) -> types.FunctionType:
    """Return the plain function behind the object, or say why there is none."""
    function, _, _ = unbound(function)
    inner = getattr(function, "py_func", None)
    if isinstance(inner, types.FunctionType):
        function = inner  # Numba: the source, never the compiled code
    if isinstance(function, types.FunctionType) and not hasattr(
        function, "__wrapped__"
    ):
        return function
    name = getattr(function, "__name__", type(function).__name__)
    code, what, *helps = _refusal(function, name)
    raise make_error(code, what, helps=helps)


def _refusal(function: object, name: str) -> tuple[str, ...]:
    """Return the code, the sentence and the advice for what is not a function."""
    if isinstance(function, type):
        what = f"`{name}` is a class, not a function"
        return "SG002", what, f"write a function that calls `{name}`"
    if not callable(function):
        what = f"a function is needed, not {type(function).__name__}"
        return "SG002", what, "pass the function: grad(loss), not grad(loss(w))"
    if _is_compiled(function):
        what = f"`{name}` is compiled code and has no Python source"
        return "SG001", what, f"call it in a function: `lambda x: {name}(x)`"
    if hasattr(function, "__wrapped__"):
        what = f"`{name}` is wrapped by a decorator that replaced it"
        inside = f"differentiate the function inside: {name}.__wrapped__"
        return "SG002", what, inside, f"or take the decorator off `{name}`"
    what = f"an object of class {type(function).__name__} is not a plain function"
    return "SG002", what, "pass a function, a method or a functools.partial"


def _is_compiled(function: object) -> bool:
    """Tell functions made in C: builtins, ufuncs, NumPy's dispatchers."""
    if isinstance(function, types.BuiltinFunctionType | types.MethodDescriptorType):
        return True
    home = type(function).__module__.partition(".")[0]
    return home in ("numpy", "scipy") or home.startswith("_cython")


def _no_text(name: str, file: str) -> Exception:
    """Return the error for a function whose text is nowhere."""
    helps = ["put the function into a file or a notebook cell"]
    why = f"comes from {file}, which cannot be read"
    if file == "<stdin>":
        why = "was typed at the prompt"
    elif file.startswith("<"):
        why = f"was made by exec in {file}"
        helps.append("or register its text in `linecache.cache` before the exec")
    message = f"no source text of `{name}`: it {why}"
    return make_error("SG001", message, helps=helps, function=name)


def _edited(name: str, code: types.CodeType) -> Exception:
    """Return the error for a text that is not the function's any more."""
    line = code.co_firstlineno
    place = Location(code.co_filename, line, 1, line + 1, 1)
    what = f"the text of `{name}` is not what it was compiled from"
    note = f"`{name}` was here when it was compiled"
    helps = [
        "the file was edited since it was imported: import it again",
        "or an import hook rewrote the code: switch it off for this file",
    ]
    return make_error("SG003", what, place, note=note, helps=helps, function=name)


# How the tree of a function is found.


def _matching_node(
    function: types.FunctionType, lines: Sequence[str]
) -> FunctionNode | None:
    """Return the node that compiles to the function's code, or None."""
    # The rest of a module rarely matters to the code of one function, imports aside;
    # compiling all of it is slow and only done before the text is declared wrong.
    for whole in (False, True):
        same = [
            (node, code)
            for node, code in _candidates(function.__code__, lines, whole=whole)
            if _same_code(code, function.__code__)
        ]
        # Of the same code twice in a line, the one at the same columns is meant. If
        # columns are not recorded (-X no_debug_ranges) any will do: they mean the same.
        for node, code in same:
            if _columns(code) == _columns(function.__code__):
                return node
        if same:
            return same[0][0]
    return None


def _instrumented_node(
    function: types.FunctionType, lines: Sequence[str]
) -> FunctionNode | None:
    """Return the node of a function that an import hook has added code to, or None.

    pytest rewrites `assert`, type checkers add calls. The text is believed if a special
    loader made the module, the file is older than this process, and the function has
    all names of the text, and maybe more.
    """
    spec = function.__globals__.get("__spec__")
    loader = getattr(spec, "loader", None)
    if loader is None or type(loader) is SourceFileLoader:
        return None
    try:
        if os.stat(function.__code__.co_filename).st_mtime > _STARTED:
            return None
    except OSError:
        return None
    mine = function.__code__
    found = [
        node
        for node, code in _candidates(mine, lines, whole=False)
        if set(code.co_names) <= set(mine.co_names)
        and set(code.co_varnames) <= set(mine.co_varnames)
        and code.co_freevars == mine.co_freevars
        and code.co_argcount == mine.co_argcount
    ]
    if len(found) > 1:
        line = mine.co_firstlineno
        raise make_error(
            "SG004",
            f"several lambdas stand in line {line} and cannot be told apart",
            Location(mine.co_filename, line, 1, line + 1, 1),
            helps=["write one lambda a line, or a `def`"],
            function=function.__name__,
        )
    return found[0] if found else None


def _candidates(
    wanted: types.CodeType, lines: Sequence[str], *, whole: bool
) -> Iterator[tuple[FunctionNode, types.CodeType]]:
    """Return the nodes with the function's name and line, each with its code."""
    tree = _parse("".join(lines))
    line = wanted.co_firstlineno
    for place, stmt in enumerate(tree.body if tree else ()):
        if not _first_line(stmt) <= line <= (stmt.end_lineno or 0):
            continue
        nodes = [node for node in _functions(stmt) if _starts(node, wanted)]
        if not nodes or tree is None:
            continue
        marks = [line] * len(nodes)
        if wanted.co_name == _LAMBDA:
            # Lambdas of one line get lines of their own, so that codes and nodes pair.
            first = max(10**6, 2 * len(lines))
            marks = list(range(first, first + len(nodes)))
            stmt = _marked(stmt, wanted, marks)
        before = tree.body[:place] if whole else _module_imports(tree.body)
        after = tree.body[place + 1 :] if whole else []
        codes = [
            code
            for code in _nested_code(_compile([*before, stmt, *after], wanted))
            if code.co_name == wanted.co_name
        ]
        for node, mark in zip(nodes, marks, strict=True):
            for code in codes:
                if code.co_firstlineno == mark:
                    yield node, code


def _functions(stmt: ast.stmt) -> Iterator[FunctionNode]:
    """Return all functions in a statement, outer ones first."""
    for node in ast.walk(stmt):
        if isinstance(node, FunctionNode):
            yield node


def _starts(node: FunctionNode, wanted: types.CodeType) -> bool:
    """Tell whether a function of this name starts here, in the compiler's sense."""
    if isinstance(node, ast.Lambda):
        return wanted.co_name == _LAMBDA and node.lineno == wanted.co_firstlineno
    line = _first_line(node)
    return node.name == wanted.co_name and line == wanted.co_firstlineno


def _first_line(stmt: ast.stmt) -> int:
    """Return the line where the compiler lets a statement begin: at its decorator."""
    decorators: list[ast.expr] = getattr(stmt, "decorator_list", [])
    return decorators[0].lineno if decorators else stmt.lineno


def _marked(stmt: ast.stmt, wanted: types.CodeType, marks: list[int]) -> ast.stmt:
    """Return a copy of the statement whose matching lambdas start at these lines."""
    fresh = copy.deepcopy(stmt)
    nodes = [node for node in _functions(fresh) if _starts(node, wanted)]
    for node, mark in zip(nodes, marks, strict=True):
        node.lineno = node.end_lineno = mark
        node.end_col_offset = max(node.col_offset, node.end_col_offset or 0)
    return fresh


def _module_imports(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Return the imports of a module: CPython compiles `np.sin()` by them."""
    found: list[ast.stmt] = []
    for stmt in body:
        if isinstance(stmt, ast.Import | ast.ImportFrom):
            if getattr(stmt, "module", "") != "__future__":
                found.append(stmt)
        elif not isinstance(stmt, Def | ast.ClassDef):
            for field in ("body", "orelse", "handlers", "finalbody"):
                found += _module_imports(getattr(stmt, field, ()))
    return found


@functools.lru_cache(maxsize=32)
def _parse(text: str) -> ast.Module | None:
    """Return the tree of a file, None if it does not parse (any more)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the import has warned already
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError):
            return None


def _compile(body: list[ast.stmt], like: types.CodeType) -> types.CodeType:
    """Return the code of a module with the future imports that a function was under."""
    module = ast.Module(body, [])
    flags = like.co_flags & _FUTURE_FLAG
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code: types.CodeType = compile(
            module, like.co_filename, "exec", flags=flags, dont_inherit=True
        )
    return code


def _nested_code(code: types.CodeType) -> Iterator[types.CodeType]:
    """Return a code object and all inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested_code(constant)


def _same_code(a: types.CodeType, b: types.CodeType) -> bool:
    """Tell whether two codes do the same, wherever their text stands."""
    fields = (
        "co_name", "co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars",
        "co_argcount", "co_posonlyargcount", "co_kwonlyargcount",
    )  # fmt: skip
    return all(getattr(a, f) == getattr(b, f) for f in fields) and _same_constants(
        a.co_consts, b.co_consts
    )


def _same_constants(a: object, b: object) -> bool:
    """Tell whether two constants are the same, 1 and 1.0 and True kept apart."""
    if isinstance(a, types.CodeType) and isinstance(b, types.CodeType):
        return _same_code(a, b)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_same_constants, a, b))
    if isinstance(a, frozenset) and isinstance(b, frozenset):
        return {(type(x), repr(x)) for x in a} == {(type(x), repr(x)) for x in b}
    return type(a) is type(b) and repr(a) == repr(b)


def _columns(code: types.CodeType) -> list[tuple[int | None, int | None]]:
    """Return the columns of all instructions."""
    return [position[2:] for position in code.co_positions()]


# Text by position.


def _span(file: str, lines: Sequence[str], node: ast.AST) -> Location:
    """Return the place of a node that has one."""
    line, end_line = node.lineno, node.end_lineno  # type: ignore[attr-defined]
    start = _character(lines, line, node.col_offset)  # type: ignore[attr-defined]
    end = _character(lines, end_line, node.end_col_offset)  # type: ignore[attr-defined]
    return Location(file, line, start + 1, end_line, end + 1)


def _character(lines: Sequence[str], line: int, offset: int) -> int:
    """Return which character of a line stands at this UTF-8 offset."""
    text = lines[line - 1] if line <= len(lines) else ""
    if text.isascii():
        return offset
    return len(text.encode()[:offset].decode(errors="ignore"))


def _slice(lines: Sequence[str], place: Location) -> str:
    """Return the text of a span."""
    cut = list(lines[place.line - 1 : place.end_line])
    cut[-1] = cut[-1][: place.end_column - 1]
    cut[0] = cut[0][place.column - 1 :]
    return "".join(cut)


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Return a function's statement and all inside it."""
    if isinstance(node, ast.stmt):
        yield node
    for field in ("body", "orelse", "handlers", "finalbody", "cases"):
        for child in getattr(node, field, ()):
            yield from _statements(child)


def _head_end(stmt: ast.stmt, lines: Sequence[str]) -> tuple[int, int]:
    """Return where a statement ends, or the head of a compound one."""
    body = getattr(stmt, "body", None)
    if not body:
        return stmt.end_lineno or stmt.lineno, stmt.end_col_offset or 0
    line, column = _first_line(body[0]), body[0].col_offset
    # A body that begins its line stands below the head, which ends before that line.
    return line, column if lines[line - 1].encode()[:column].strip() else 0


def _one_line(text: str) -> str:
    """Return code in one line, without comments and without magic commas.

    >>> _one_line("y = where(  # choose\\n    a > 0,\\n    b,\\n)")
    'y = where(a > 0, b)'
    """
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return " ".join(text.split())
    pieces: list[str] = []
    open_brackets: list[tuple[bool, int]] = []  # is it a call, how many pieces before
    row, column = 1, 0
    for token in tokens:
        if token.type == tokenize.COMMENT or not token.string.strip():
            continue  # what is blank is layout: line ends, indents
        last = pieces[-1] if pieces else ""
        same_row = token.start[0] == row
        if token.string in (")", "]", "}") and open_brackets:
            call, begin = open_brackets.pop()
            # (x,) needs its comma; f(x,) and (x, y,) do not.
            if last == "," and not same_row:
                if call or pieces[begin:].count(",") > 1:
                    pieces.pop()
        if same_row:
            pieces.append(" " * (token.start[1] - column))
        elif not (last in ("(", "[", "{", ".") or token.string in ")]}."):
            pieces.append(" ")
        if token.string in ("(", "[", "{"):
            call = token.string == "(" and (last.isidentifier() or last in (")", "]"))
            open_brackets.append((call, len(pieces)))
        pieces.append(token.string)
        row, column = token.end
    return " ".join("".join(pieces).split("\n")).strip()
