"""Read the text, the syntax tree and the positions of a function.

The function object is the truth; its text is only found. A file is parsed as a whole,
so every node has the line and column that an editor shows, and the top-level statement
around the function is compiled again: its text is used only if that gives the very code
that the function runs, so an edited file can never be differentiated in its place.
"""

from __future__ import annotations
import __future__

import ast
import copy
import dis
import functools
import inspect
import linecache
import os
import time
import types
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from typing import Any

import numpy as np

from srcgrad.errors import Location, make_error, without_comment

Def = ast.FunctionDef | ast.AsyncFunctionDef
FunctionNode = Def | ast.Lambda

_FUTURES = {getattr(__future__, name) for name in __future__.all_feature_names}
_FUTURE_FLAGS = sum({feature.compiler_flag for feature in _FUTURES})
_STARTED = time.time()
NOTHING, _UNBOUND = object(), types.CellType()


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a captured value lives: an attribute of its owner, or an item."""

    owner: Any
    name: Any
    attribute: bool

    def fetch(self) -> Any:
        """Return what is there now; nothing is there after a deletion."""
        if self.attribute:
            return getattr(self.owner, self.name, NOTHING)
        return self.owner.get(self.name, NOTHING)

    def holds(self, value: Any) -> bool:
        """Tell whether a value is still there; methods are bound anew each time."""
        now, method = self.fetch(), types.MethodType
        anew = type(now) is type(value) is method or type(now) is set
        return now is value or (anew and bool(now == value))


@dataclass(frozen=True, slots=True, eq=False)
class FunctionSource:
    """A plain function with its text; nobody may change `node`, it is shared.

    Attributes:
        file: the file as the interpreter names it; may be `<cell>` or the like.
        line: the line of `def` or `lambda`, decorators left out.
        text: whole lines of a `def` (indented as they are, without decorators), the
            bare expression of a lambda.
        node: the tree; lines are the file's, columns are UTF-8 offsets as in `ast`.
        lines: all lines of the file, with their ends.
    """

    file: str
    name: str
    line: int
    text: str
    node: ast.FunctionDef | ast.Lambda
    lines: tuple[str, ...]
    function: types.FunctionType

    @property
    def defaults(self) -> dict[str, object]:
        """The default value of each parameter that has one."""
        signature = inspect.signature(self.function, follow_wrapped=False)
        parameters = signature.parameters.values()
        return {p.name: p.default for p in parameters if p.default is not p.empty}

    def place(self, name: str) -> Place | None:
        """Return where a variable outside of the function lives, None if nowhere."""
        cells = self.function.__closure__ or ()
        names, outer = self.function.__code__.co_freevars, self.function.__globals__
        cell = dict(zip(names, cells, strict=True)).get(name)
        if cell is not None:
            return Place(cell, "cell_contents", True) if cell != _UNBOUND else None
        return Place(outer, name, False) if name in outer else None

    def captures(self) -> dict[str, Any]:
        """Return the variables outside that are read, by inner functions too.

        >>> import textwrap
        >>> sorted(read_source(textwrap.dedent).captures())
        ['_leading_whitespace_re', '_whitespace_only_re', 're']
        """
        read = set(self.function.__code__.co_freevars)
        for part in _nested_code(self.function.__code__):
            for step in dis.get_instructions(part):
                if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                    read.add(step.argval)
        places = {name: self.place(name) for name in sorted(read)}
        return {name: place.fetch() for name, place in places.items() if place}


def read_source(function: object, wrapped: bool = False) -> FunctionSource:
    """Return the source of a function, or of the one inside a Numba dispatcher.

    With `wrapped` it may be what a decorator has put in a function's place.

    >>> import textwrap
    >>> source = read_source(textwrap.indent)
    >>> source.name, source.node.lineno == source.line
    ('indent', True)
    """
    plain = _plain_function(function, wrapped)
    file, name = plain.__code__.co_filename, plain.__name__
    lines: Sequence[str] = linecache.getlines(file, plain.__globals__)
    node = _find_node(plain, lines)
    if node is None:
        # What was cached may be older than the function (a module reloaded).
        linecache.checkcache(file)
        lines = linecache.getlines(file, plain.__globals__)
        node = _find_node(plain, lines)
    if not lines:
        helps = ["put the function into a file or a notebook cell"]
        why = f"comes from {file}, which cannot be read"
        if file == "<stdin>":
            why = "was typed at the prompt"
        elif file.startswith("<"):
            why = f"was made by exec in {file}"
            helps.append("or register its text in `linecache.cache` before the exec")
        what = f"no source text of `{name}`: it {why}"
        raise make_error("SG001", what, helps=helps, function=name)
    if node is None:
        what = f"the text of `{name}` is not what it was compiled from"
        helps = [
            "the file was edited since it was imported: import it again",
            "or an import hook rewrote the code: switch it off for this file",
        ]
        note = f"`{name}` was here when it was compiled"
        raise _refused("SG003", plain, what, *helps, note=note)
    if isinstance(node, ast.AsyncFunctionDef):
        help = "write it as a plain `def` and await outside of it"
        raise _refused("SG101", plain, f"`{name}` is an async function", help)
    text = "".join(lines[node.lineno - 1 : node.end_lineno])
    if isinstance(node, ast.Lambda):
        text = ast.get_source_segment("".join(lines), node) or ""
    return FunctionSource(file, name, node.lineno, text, node, tuple(lines), plain)


def location(source: FunctionSource, node: ast.AST) -> Location:
    """Return where a node stands, in characters as an editor counts them.

    A node without a position (an operator) stands where its first part or the
    function does.
    """
    placed = (part for part in ast.walk(node) if hasattr(part, "lineno"))
    part: Any = next(placed, source.node)
    start = _character(source.lines, part.lineno, part.col_offset)
    end = _character(source.lines, part.end_lineno, part.end_col_offset)
    return Location(source.file, part.lineno, start + 1, part.end_lineno, end + 1)


def returned(source: FunctionSource) -> Location:
    """Return where the result of a function stands, the last if there are several."""
    node = source.node
    whole = node.body if isinstance(node, ast.Lambda) else node
    returns = [n for n in ast.walk(whole) if isinstance(n, ast.Return)]
    last: ast.AST = max(returns, key=lambda stmt: stmt.lineno, default=whole)
    return location(source, last)


def _character(lines: Sequence[str], line: int, offset: int) -> int:
    return len(lines[line - 1].encode()[:offset].decode(errors="ignore"))


def file_lines(source: FunctionSource, file: str) -> Sequence[str]:
    """Return the lines of the function's file, or of one that a helper stands in."""
    return source.lines if file in ("", source.file) else linecache.getlines(file)


def statement_text(source: FunctionSource, line: int, file: str = "") -> str:
    """Return the statement that a line belongs to, in one line, without comments.

    A line is shown as it was written, from where its first statement begins; what
    takes several lines is written anew. Of a compound statement only the head counts.
    """
    node: ast.AST = source.node
    lines, end = file_lines(source, file), source.node.end_lineno or 0
    if lines is not source.lines or not source.line <= line <= end:
        node = _parse("".join(lines))  # a line of a helper
    elif isinstance(node, ast.Lambda):
        return ast.unparse(node) if "\n" in source.text else source.text
    around = [head for head in _heads(node) if head.lineno <= line <= _end(head)]
    if not around:  # `else:`
        return without_comment(lines[line - 1]).strip()
    head = max(around, key=lambda head: head.lineno)
    text = without_comment(lines[head.lineno - 1])
    start = _character(lines, head.lineno, head.col_offset)
    if _end(head) == head.lineno:
        return text[start:]
    return "el" * text.startswith("elif", start) + ast.unparse(head)


def _end(node: Any) -> int:
    return getattr(node, "end_lineno", None) or 0


@functools.lru_cache(maxsize=32)
def _heads(tree: ast.AST) -> list[ast.stmt]:
    """Return all statements, of compound ones what stands before their blocks."""
    heads = [copy.copy(node) for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    for head in heads:
        parts = {"body", "orelse", "cases", "handlers", "finalbody", "decorator_list"}
        blocks = parts & set(head._fields)
        if blocks:
            vars(head).update({block: [] for block in blocks}, end_lineno=head.lineno)
            head.end_lineno = max(map(_end, ast.walk(head)))
    return heads


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
        elif isinstance(function, functools._lru_cache_wrapper):
            function = function.__wrapped__
        else:
            return function, args, kwargs


def _plain_function(function: object, taken: bool) -> types.FunctionType:
    """Return the plain function behind the object, or say why there is none."""
    function, _, _ = unbound(function)
    function = getattr(function, "py_func", function)  # Numba: the source, not the code
    wrapped = hasattr(function, "__wrapped__")
    if isinstance(function, types.FunctionType) and (taken or not wrapped):
        return function
    kind = type(function).__name__
    name, code = getattr(function, "__name__", kind), "SG002"
    if isinstance(function, type):
        what = f"`{name}` is a class, not a function"
        helps = [f"write a function that calls `{name}`"]
    elif not callable(function):
        what = f"a function is needed, not {kind}"
        helps = ["pass the function: grad(loss), not grad(loss(w))"]
    elif _is_compiled(function):
        code, what = "SG001", f"`{name}` is compiled code and has no Python source"
        helps = [f"call it in a function: `lambda x: {name}(x)`"]
    elif wrapped:
        what = f"`{name}` is wrapped by a decorator that replaced it"
        helps = [f"differentiate the function inside: {name}.__wrapped__"]
        helps.append(f"or take the decorator off `{name}`")
    else:
        what = f"an object of class {kind} is not a plain function"
        helps = ["pass a function, a method or a functools.partial"]
    raise make_error(code, what, helps=helps)


def _is_compiled(function: object) -> bool:
    """Tell functions made in C: builtins, ufuncs, NumPy's dispatchers."""
    if isinstance(function, types.BuiltinFunctionType | types.MethodDescriptorType):
        return True
    home = type(function).__module__.partition(".")[0]
    return home in ("numpy", "scipy", "numba") or home.startswith("_cython")


def repeated(function: Any) -> tuple[Any, str] | None:
    """Return the function of elements that is called for each, or of cores.

    The text says which axes the cores have, "(n)->()", of elements the dtype, or "".
    """
    kind, types = type(function).__name__, getattr(function, "types", [])
    if type(function) is np.vectorize:
        given = function.signature, function.excluded
        return None if any(given) else (function.pyfunc, function.otypes or "")
    floats = all(set(t) <= {*"d->"} for t in types)
    if kind == "DUFunc" and set("".join(types)) <= {*"dl->"}:
        made = {t[-1] for t in types}  # of floats and ints alike, or not known yet
        return (function._dispatcher.py_func, "".join(made)) if len(made) < 2 else None
    if kind == "GUFunc" and floats and types:
        return function.gufunc_builder.py_func, function.signature
    return None


def _refused(
    code: str, function: types.FunctionType, what: str, *helps: str, note: str = ""
) -> Exception:
    """Return the error of a function whose text is not to be had or not taken."""
    line, name = function.__code__.co_firstlineno, function.__name__
    where = Location(function.__code__.co_filename, line, 1, line + 1, 1)
    return make_error(code, what, where, note=note, helps=helps, function=name)


# How the tree of a function is found.


def _find_node(
    function: types.FunctionType, lines: Sequence[str]
) -> FunctionNode | None:
    """Return the node that compiles to the function's code, or None.

    An import hook may have added code: pytest rewrites `assert`, type checkers add
    calls. Then the text is believed if a special loader made the module, the file is
    older than this process, and the function has all names of the text, and maybe more.
    """
    mine = function.__code__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the import has warned already
        found = list(_candidates(mine, lines))
    same = [pair for pair in found if _bare(pair[1]) == _bare(mine)]
    if same:
        # Of the same code twice in a line, the one at the same columns is meant. If
        # columns are not recorded (-X no_debug_ranges) any will do: they mean the same.
        places = [p[2:] for p in mine.co_positions()]
        alike = [n for n, c in same if [p[2:] for p in c.co_positions()] == places]
        return (alike or same[0])[0]
    loader = getattr(function.__globals__.get("__spec__"), "loader", None)
    try:
        edited = os.stat(mine.co_filename).st_mtime > _STARTED
    except OSError:
        edited = True
    if loader is None or type(loader) is SourceFileLoader or edited:
        return None
    hooked = [
        node
        for node, code in found
        if set(code.co_names) <= set(mine.co_names)
        and set(code.co_varnames) <= set(mine.co_varnames)
        and (code.co_freevars, code.co_argcount) == (mine.co_freevars, mine.co_argcount)
    ]
    if len(hooked) > 1:
        line = mine.co_firstlineno
        what = f"several lambdas stand in line {line} and cannot be told apart"
        raise _refused("SG004", function, what, "write one lambda a line, or a `def`")
    return hooked[0] if hooked else None


def _candidates(
    wanted: types.CodeType, lines: Sequence[str]
) -> Iterator[tuple[FunctionNode, types.CodeType]]:
    """Yield the nodes with the function's name and line, each with its code."""
    tree, line = _parse("".join(lines)), wanted.co_firstlineno

    def starting(stmts: list[ast.stmt]) -> list[Any]:
        nodes = (node for stmt in stmts for node in ast.walk(stmt))
        found = [n for n in nodes if isinstance(n, FunctionNode) and _first(n) == line]
        return [n for n in found if getattr(n, "name", "<lambda>") == wanted.co_name]

    here = [stmt for stmt in tree.body if _first(stmt) <= line <= _end(stmt)]
    nodes = starting(here)
    # Other functions do not matter to the code of one, but imports do: CPython compiles
    # `np.sin()` by them.
    loose = [s for s in tree.body if not isinstance(s, Def | ast.ClassDef)]
    module = ast.Module([s for s in loose if s not in here] + here, [])
    if len(nodes) > 1:
        # Lambdas of one line get lines of their own, so that codes and nodes pair.
        module = copy.deepcopy(module)
        for turn, node in enumerate(starting(module.body)):
            node.lineno += turn * 10**6
            node.end_lineno += turn * 10**6
    flags = wanted.co_flags & _FUTURE_FLAGS | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        whole = compile(module, wanted.co_filename, "exec", flags, dont_inherit=True)
    except SyntaxError:
        return
    named = (c for c in _nested_code(whole) if c.co_name == wanted.co_name)
    codes = {code.co_firstlineno: code for code in named}
    for turn, node in enumerate(nodes):
        if line + turn * 10**6 in codes:
            yield node, codes[line + turn * 10**6]


def _first(node: ast.stmt | FunctionNode) -> int:
    """Return the line where the compiler lets a node begin: at its decorator."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return decorators[0].lineno if decorators else node.lineno


@functools.lru_cache(maxsize=32)
def _parse(text: str) -> ast.Module:
    """Return the tree of a file, an empty one if it does not parse (any more)."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _nested_code(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested_code(constant)


def _bare(code: types.CodeType) -> types.CodeType:
    """Return a code without its place: what does the same is then equal.

    Python compares constants with their types, 1 and 1.0 and True kept apart.
    """
    constants = tuple(
        _bare(c) if isinstance(c, types.CodeType) else c for c in code.co_consts
    )
    return code.replace(co_consts=constants, co_firstlineno=1, co_linetable=b"")
