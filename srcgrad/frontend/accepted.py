"""Report all syntax outside the language, before anything else is done.

One walk over the tree. What depends on values (how many items `*args` has, whether a
function is known) is not decided here: the reader knows more.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from srcgrad.errors import Problem, Problems
from srcgrad.source import FunctionSource, location

_TAKES_GENERATOR = {"sum", "min", "max", "any", "all", "list", "tuple"}
_LOGS = {"debug", "info", "warning", "warn", "error", "exception", "critical", "log"}
_OUTSIDE = "define it outside of the function"
_AROUND = "do it outside and pass what it gives as an argument"
# What is said about a kind of syntax: what it is, why, and what to write instead. The
# code is SG101 for statements and SG107 for expressions if none is given.
_REFUSED: dict[str, tuple[str, ...]] = {
    "AsyncFor": ("`async for` is outside the language", "an ordinary loop is meant",
                 "collect the items first and write `for`", "SG101"),
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
    "Raise": ("a bare `raise` is outside the language",
              "no exception is being handled",
              "name the exception: raise ValueError(...)", "SG106"),
    "Set": ("a set is outside the language", "its order is not fixed",
            "write a tuple or a list"),
    "SetComp": ("a set is outside the language", "its order is not fixed",
                "write a list: [... for ...]"),
    "Starred": ("how many arguments `*` stands for is not known", "",
                "pass a tuple or a list of known length", "SG102"),
    "Try": ("`try` is outside the language",
            "which statement fails is not known before it runs",
            "test for the case first: `if d != 0:` instead of catching the error",
            "SG106"),
    "TypeAlias": ("a type alias is outside the language", "", _OUTSIDE),
    "With": ("`with` is outside the language", "", _AROUND),
    "Yield": ("`yield` is outside the language",
              "a gradient needs one result, not a sequence of them",
              "collect the values in a list and return it", "SG101"),
    "decorator": ("an inner function cannot be decorated", "",
                  "define it outside, or take the decorator off", "SG101"),
    "errstate": ("`with np.errstate(...)` is outside the language",
                 "gradients give no floating-point warnings",
                 "leave it out, or put it around the call"),
}  # fmt: skip
_REFUSED |= {"TryStar": _REFUSED["Try"], "YieldFrom": _REFUSED["Yield"]}
_SOMEWHERE = {"GeneratorExp", "JoinedStr", "NamedExpr", "Raise", "Starred"}
# Of these only the statements inside are looked at; what is not part of what runs.
_COMPOUND = (ast.AsyncFor | ast.AsyncWith | ast.ExceptHandler | ast.Match
             | ast.match_case | ast.Try | ast.TryStar | ast.With)  # fmt: skip
_BLOCKS = {"body", "orelse", "finalbody", "handlers", "cases"}
_ASIDE = {"annotation", "returns", "decorator_list", "format_spec"}


def check_accepted(source: FunctionSource, problems: Problems) -> None:
    """Add a problem for each piece of syntax outside the language, in its order.

    >>> import textwrap
    >>> from srcgrad.source import read_source
    >>> problems = Problems()
    >>> check_accepted(read_source(textwrap.indent), problems)
    >>> [(problem.code, problem.message) for problem in problems]
    [('SG101', '`yield` is outside the language')]
    """
    root, checker = source.node, _Checker(source, problems)
    checker.owner.update(dict.fromkeys(ast.walk(root), root))
    for part in [root.body] if isinstance(root, ast.Lambda) else root.body:
        for node in _running(part):
            checker.check(node)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if isinstance(node, ast.AsyncFunctionDef | ast.ClassDef):
        return
    for name, value in ast.iter_fields(node):
        if name not in _ASIDE and (name in _BLOCKS or not isinstance(node, _COMPOUND)):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _running(child)


class _Checker:
    """Collect problems; the sets hold the nodes that stand in places of a kind.

    Attributes:
        message: in `raise` or after `assert`, which only CPython ever evaluates.
        shown: printed or logged.
        repeated: in comprehensions and lambdas, run any number of times.
        taken: generators that a function takes.
        owner: the innermost function around a node.
    """

    def __init__(self, source: FunctionSource, problems: Problems) -> None:
        self.source, self.problems = source, problems
        self.message: set[ast.AST] = set()
        self.shown: set[ast.AST] = set()
        self.repeated: set[ast.AST] = set()
        self.taken: set[ast.AST] = set()
        self.owner: dict[ast.AST, ast.AST] = {}

    def refuse(self, node: ast.AST, *said: str) -> None:
        """Note that a node is refused."""
        code = "SG101" if isinstance(node, ast.stmt) else "SG107"
        what, note, advice, code = (*said, code)[:4]
        where, name = location(self.source, node), self.source.name
        self.problems.add(Problem(code, what, where, note, (advice,), (), name))

    def check(self, node: ast.AST) -> None:
        """Check a node, and note what kind of place it makes."""
        kind, walked = type(node).__name__, ast.walk(node)
        bad = kind in _REFUSED and kind not in _SOMEWHERE
        match node:
            case ast.FunctionDef():
                self.owner.update(dict.fromkeys(walked, node))
                for decorator in node.decorator_list[:1]:
                    self.refuse(decorator, *_REFUSED["decorator"])
            case ast.Global() | ast.Nonlocal():
                self.outer_names(node)
            case ast.Raise():
                self.message.update(walked)
                bad = node.exc is None
            case ast.Assert(msg=ast.expr() as message):
                self.message.update(ast.walk(message))
            case ast.Expr(value=ast.Call(func=ast.Name(id="print"))):
                self.shown.update(walked)
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name))):
                self.shown.update(walked if name in _LOGS else ())
            case ast.Call(func=ast.Name(id=name)) if name in _TAKES_GENERATOR:
                self.taken.update(node.args)
            case ast.Starred(value=ast.GeneratorExp() as inner):
                self.taken.add(inner)
                bad = node not in self.message
            case ast.Lambda():
                self.repeated.update(walked)
            case ast.GeneratorExp() | ast.ListComp() | ast.DictComp():
                self.repeated.update(walked)
                if any(g.is_async for g in node.generators):
                    self.refuse(node, *_REFUSED["AsyncFor"])
                bad = kind == "GeneratorExp" and node not in self.taken | self.message
            case ast.NamedExpr():
                bad = node in self.repeated
            case ast.JoinedStr():
                bad = node not in self.shown | self.message
            case ast.With(items=[ast.withitem(context_expr=ast.Call(func=function))]):
                name = getattr(function, "attr", getattr(function, "id", ""))
                kind = "errstate" if name == "errstate" else kind
            case ast.Set() | ast.SetComp():
                bad = node not in self.message
        if bad:
            self.refuse(node, *_REFUSED[kind])

    def outer_names(self, stmt: ast.Global | ast.Nonlocal) -> None:
        """Refuse `global` and `nonlocal` of names that are then written."""
        written = {
            node.id
            for node in ast.walk(self.owner[stmt])
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
        }
        names = ", ".join(f"`{name}`" for name in stmt.names if name in written)
        if names:
            self.refuse(
                stmt, f"the {type(stmt).__name__.lower()} variable {names} is written",
                "a gradient must leave everything outside as it was",
                "pass it as an argument and return the new value", "SG105",
            )  # fmt: skip
