"""Report all syntax outside the language, before anything else is done.

One walk over the tree. What depends on values (how many items `*args` has, whether a
function is known) is not decided here: the builder knows more.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from srcgrad.errors import Problem, Problems
from srcgrad.source import FunctionSource, location

_ACCEPTED = (
    ast.AnnAssign | ast.Assert | ast.Assign | ast.Attribute | ast.AugAssign | ast.BinOp
    | ast.BoolOp | ast.Break | ast.Call | ast.Compare | ast.Constant | ast.Continue
    | ast.Dict | ast.DictComp | ast.Expr | ast.For | ast.FormattedValue | ast.Global
    | ast.If | ast.IfExp | ast.Import | ast.ImportFrom | ast.JoinedStr | ast.Lambda
    | ast.List | ast.ListComp | ast.Name | ast.NamedExpr | ast.Nonlocal | ast.Pass
    | ast.Raise | ast.Return | ast.Slice | ast.Starred | ast.Subscript | ast.Tuple
    | ast.UnaryOp | ast.While
)  # fmt: skip
_TAKES_GENERATOR = {"sum", "min", "max", "any", "all", "list", "tuple"}
_LOGS = {"debug", "info", "warning", "warn", "error", "exception", "critical", "log"}
_OUTSIDE = "define it outside of the function"
_AROUND = "do it outside and pass what it gives as an argument"
# What is said about a kind of syntax: what it is, why, and what to write instead. The
# code is SG101 for statements and SG107 for expressions if none is given.
_REFUSED: dict[str, tuple[str, ...]] = {
    "AsyncFor": ("`async for` is outside the language", "an ordinary loop is meant",
                 "collect the items first and write `for`"),
    "AsyncFunctionDef": ("an async function is outside the language", "",
                         "write it as a plain `def` and await outside of it"),
    "AsyncWith": ("`async with` is outside the language", "", _AROUND),
    "Await": ("`await` is outside the language", "",
              "await outside and pass the value as an argument", "SG101"),
    "ClassDef": ("a class cannot be defined in a differentiated function", "",
                 _OUTSIDE),
    "Delete": ("`del` is outside the language", "memory is freed without it",
               "leave it out, or keep what remains: x = x[:-1]"),
    "GeneratorExp": (
        "a generator is accepted only as the argument of sum, min, max, any, all, list "
        "or tuple", "", "write a list: [... for ...]"),
    "JoinedStr": (
        "an f-string is accepted only in print, logging, raise and assert",
        "text made from values has no derivative",
        "write the text out; keep numbered parts in a list"),
    "Match": ("`match` is outside the language", "", "write `if` and `elif`"),
    "NamedExpr": ("`:=` is not accepted here", "it may run any number of times",
                  "assign the name in a statement of its own"),
    "Set": ("a set is outside the language", "its order is not fixed",
            "write a tuple or a list"),
    "SetComp": ("a set is outside the language", "its order is not fixed",
                "write a list: [... for ...]"),
    "Try": ("`try` is outside the language",
            "which statement fails is not known before it runs",
            "test for the case first: `if d != 0:` instead of catching the error",
            "SG106"),
    "TypeAlias": ("a type alias is outside the language", "", _OUTSIDE),
    "With": ("`with` is outside the language", "", _AROUND),
    "Yield": ("`yield` is outside the language",
              "a gradient needs one result, not a sequence of them",
              "collect the values in a list and return it", "SG101"),
}  # fmt: skip
_REFUSED |= {"TryStar": _REFUSED["Try"], "YieldFrom": _REFUSED["Yield"]}
_DECORATED = ("an inner function cannot be decorated", "",
              "define it outside, or take the decorator off", "SG101")  # fmt: skip
_RAISE_AGAIN = ("a bare `raise` is outside the language",
                "no exception is being handled",
                "name the exception: raise ValueError(...)", "SG106")  # fmt: skip
_STARRED_GENERATOR = ("how many arguments `*` stands for is not known", "",
                      "pass a tuple or a list of known length", "SG102")  # fmt: skip
_QUIET = ("`with np.errstate(...)` is outside the language",
          "gradients give no floating-point warnings",
          "leave it out, or put it around the call")  # fmt: skip
# Where statements lie in statements; what is not part of what runs.
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_ASIDE = {"annotation", "returns", "decorator_list", "ctx", "op", "ops"}

# Where an expression stands: in `raise` or `assert`, which only CPython ever evaluates;
# in a message or printed, so that f-strings may be there; in a comprehension or a
# lambda, run any number of times.
Place = frozenset[str]
_NOWHERE: Place = frozenset()
_TEXT: Place = frozenset({"text"})
_MESSAGE: Place = frozenset({"message", "text"})


def check_accepted(
    source: FunctionSource,
    problems: Problems,
    tree: ast.FunctionDef | ast.Lambda | None = None,
) -> None:
    """Add a problem for each piece of syntax outside the language.

    Args:
        source: the function.
        problems: where the findings are collected, in the order of the text.
        tree: an inner function of it to check instead of the whole.

    >>> import textwrap
    >>> from srcgrad.source import read_source
    >>> problems = Problems()
    >>> check_accepted(read_source(textwrap.indent), problems)
    >>> [(problem.code, problem.message) for problem in problems]
    [('SG101', '`yield` is outside the language')]
    """
    root, checker = tree or source.node, _Checker(source, problems)
    if isinstance(root, ast.Lambda):
        checker.visit(root.body)
    else:
        checker.function(root, "body")


class _Checker:
    """Walk a function; `open` are the functions around, with the names they bind."""

    def __init__(self, source: FunctionSource, problems: Problems) -> None:
        self.source, self.problems = source, problems
        self.open: list[tuple[ast.FunctionDef, set[str]]] = []
        self.outer = {**source.module_globals, **source.closure()}

    def refuse(self, node: ast.AST, *said: str) -> None:
        """Note that a node is refused."""
        stmt = isinstance(node, ast.stmt)
        said = said or _REFUSED.get(type(node).__name__) or (
            f"this {'statement' if stmt else 'expression'} is outside the language", "",
            "leave it out",
        )  # fmt: skip
        what, note, advice, code = (*said, "SG101" if stmt else "SG107")[:4]
        where, name = location(self.source, node), self.source.name
        self.problems.add(Problem(code, what, where, note, (advice,), (), name))

    def function(self, function: ast.FunctionDef, *fields: str) -> None:
        """Check fields of a function."""
        self.open.append((function, _bound_names(function)))
        self.parts(function, fields)
        self.open.pop()

    def visit(
        self, node: ast.AST, place: Place = _NOWHERE, taken: bool = False
    ) -> None:
        """Check a node and what is in it; `taken` says that a generator may be here."""
        fields: Sequence[str] = node._fields
        match node:
            case ast.FunctionDef():
                for decorator in node.decorator_list[:1]:
                    self.refuse(decorator, *_DECORATED)
                self.function(node, "args", "body")
                return
            case ast.Global() | ast.Nonlocal():
                self.outer_names(node)
            case ast.Raise():
                if node.exc is None:
                    self.refuse(node, *_RAISE_AGAIN)
                place = _MESSAGE
            case ast.Expr(value=ast.Call(func=function)) if _prints(function):
                place = _TEXT
            case ast.Call(func=ast.Name(id=name)) if self.is_recursive(name):
                what = f"`{name}` calls itself: recursion is not differentiated yet"
                note = "it is planned for a later version"
                advice = "write it as a loop, with a list for what is still to do"
                self.refuse(node, what, note, advice, "SG103")
            case ast.Lambda():
                place |= {"repeated"}
            case ast.GeneratorExp() | ast.ListComp() | ast.DictComp():
                if any(g.is_async for g in node.generators):
                    self.refuse(node, *_REFUSED["AsyncFor"], "SG101")
                plain = isinstance(node, ast.GeneratorExp) and not taken
                if plain and "message" not in place:
                    self.refuse(node)
                place |= {"repeated"}
            case ast.NamedExpr() if "repeated" in place:
                self.refuse(node)
            case ast.Starred(value=ast.GeneratorExp()):
                if "message" not in place:
                    self.refuse(node, *_STARRED_GENERATOR)
                taken = True
            case ast.JoinedStr() if "text" not in place:
                self.refuse(node)
                return
            case ast.ExceptHandler() | ast.match_case():
                fields = _BLOCKS
            case ast.stmt() if not isinstance(node, _ACCEPTED):
                quiet = isinstance(node, ast.With) and all(map(_errstate, node.items))
                self.refuse(node, *_QUIET if quiet else ())
                inner = isinstance(node, ast.AsyncFunctionDef | ast.ClassDef)
                fields = () if inner else _BLOCKS
            case ast.expr() if not isinstance(node, _ACCEPTED):
                jumps = isinstance(node, ast.Await | ast.Yield | ast.YieldFrom)
                if jumps or "message" not in place:
                    self.refuse(node)
        self.parts(node, fields, place, taken)

    def parts(
        self, node: ast.AST, fields: Sequence[str], place: Place = _NOWHERE,
        taken: bool = False,
    ) -> None:  # fmt: skip
        """Check fields of a node."""
        callee = getattr(node, "func", None)
        takes = isinstance(callee, ast.Name) and callee.id in _TAKES_GENERATOR
        taken = taken and isinstance(node, ast.Starred)
        for name in fields:
            value = () if name in _ASIDE else getattr(node, name, ())
            for child in value if isinstance(value, list) else (value,):
                if isinstance(child, ast.AST):
                    inside = _MESSAGE if name == "msg" else place
                    self.visit(child, inside, taken or (takes and name == "args"))

    def outer_names(self, stmt: ast.Global | ast.Nonlocal) -> None:
        """Refuse `global` and `nonlocal` of names that are then written."""
        word = "global" if isinstance(stmt, ast.Global) else "nonlocal"
        written = {
            node.id
            for node in ast.walk(self.open[-1][0])
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
        }
        names = [f"`{name}`" for name in stmt.names if name in written]
        if names:
            what = f"the {word} variable {', '.join(names)} is written"
            note = "a gradient must leave everything outside as it was"
            advice = "pass it as an argument and return the new value"
            self.refuse(stmt, what, note, advice, "SG105")

    def is_recursive(self, name: str) -> bool:
        """Tell whether a name is that of the function that it stands in."""
        for function, bound in reversed(self.open):
            if function is not self.source.node and function.name == name:
                return True
            if name in bound:
                return False
        if name not in self.outer:  # decorated: the name is about to be bound
            return name == self.source.name
        value = self.outer[name]
        for attribute in ("primal", "py_func"):  # differentiated, or compiled
            value = getattr(value, attribute, value)
        return value is self.source.function


def _bound_names(function: ast.FunctionDef) -> set[str]:
    """Return the names that a function binds itself."""
    names = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    for node in (inner for stmt in function.body for inner in ast.walk(stmt)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef):
            names.add(node.name)
    return names


def _prints(function: ast.expr) -> bool:
    """Tell calls whose arguments are only shown: print and logging."""
    if isinstance(function, ast.Name):
        return function.id == "print"
    return isinstance(function, ast.Attribute) and function.attr in _LOGS


def _errstate(item: ast.withitem) -> bool:
    """Tell `np.errstate(...)`."""
    call = item.context_expr
    function = call.func if isinstance(call, ast.Call) else call
    return getattr(function, "attr", getattr(function, "id", "")) == "errstate"
