"""Report all syntax outside the language, before anything else is done.

One walk over the tree. What is refused by its kind alone stands in the two tables; what
depends on where it stands (a generator, an f-string, `:=`) has a method of its own.
What depends on values (how many items `*args` has, whether a function is known) is not
decided here: the builder knows more.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from srcgrad.errors import Problem, Problems
from srcgrad.source import FunctionSource, location

__all__ = ["check_accepted"]

ACCEPTED = (
    ast.AnnAssign | ast.Assert | ast.Assign | ast.Attribute | ast.AugAssign
    | ast.BinOp | ast.BoolOp | ast.Break | ast.Call | ast.Compare | ast.Constant
    | ast.Continue | ast.Dict | ast.DictComp | ast.Expr | ast.For | ast.FunctionDef
    | ast.If | ast.IfExp | ast.Import | ast.ImportFrom | ast.Lambda | ast.List
    | ast.ListComp | ast.Name | ast.Pass | ast.Raise | ast.Return | ast.Slice
    | ast.Starred | ast.Subscript | ast.Tuple | ast.UnaryOp | ast.While
)  # fmt: skip
TAKES_GENERATOR = frozenset({"sum", "min", "max", "any", "all", "list", "tuple"})
LOGS = frozenset(
    {"debug", "info", "warning", "warn", "error", "exception", "critical", "log"}
)


class Refusal(NamedTuple):
    """What is said about a kind of syntax."""

    code: str
    what: str
    note: str
    help: str


STATEMENTS: dict[str, Refusal] = {
    "AsyncFor": Refusal(
        "SG101", "`async for` is outside the language", "an ordinary loop is meant",
        "collect the items first and write `for`",
    ),
    "AsyncFunctionDef": Refusal(
        "SG101", "an async function is outside the language", "",
        "write it as a plain `def` and await outside of it",
    ),
    "AsyncWith": Refusal(
        "SG101", "`async with` is outside the language", "",
        "do it outside and pass what it gives as an argument",
    ),
    "ClassDef": Refusal(
        "SG101", "a class cannot be defined in a differentiated function", "",
        "define it outside of the function",
    ),
    "Delete": Refusal(
        "SG101", "`del` is outside the language", "memory is freed without it",
        "leave it out, or keep what remains: x = x[:-1]",
    ),
    "Match": Refusal(
        "SG101", "`match` is outside the language", "", "write `if` and `elif`"
    ),
    "Try": Refusal(
        "SG106", "`try` is outside the language",
        "which statement fails is not known before it runs",
        "test for the case first: `if d != 0:` instead of catching the error",
    ),
    "TypeAlias": Refusal(
        "SG101", "a type alias is outside the language", "",
        "define it outside of the function",
    ),
    "With": Refusal(
        "SG101", "`with` is outside the language", "",
        "do it outside and pass what it gives as an argument",
    ),
}  # fmt: skip
STATEMENTS["TryStar"] = STATEMENTS["Try"]

EXPRESSIONS: dict[str, Refusal] = {
    "Await": Refusal(
        "SG101", "`await` is outside the language", "",
        "await outside and pass the value as an argument",
    ),
    "Set": Refusal(
        "SG107", "a set is outside the language", "its order is not fixed",
        "write a tuple or a list",
    ),
    "SetComp": Refusal(
        "SG107", "a set is outside the language", "its order is not fixed",
        "write a list: [... for ...]",
    ),
    "Yield": Refusal(
        "SG101", "`yield` is outside the language",
        "a gradient needs one result, not a sequence of them",
        "collect the values in a list and return it",
    ),
}  # fmt: skip
EXPRESSIONS["YieldFrom"] = EXPRESSIONS["Yield"]

QUIET_WITH = Refusal(
    "SG101", "`with np.errstate(...)` is outside the language",
    "gradients give no floating-point warnings",
    "leave it out, or put it around the call",
)  # fmt: skip
GENERATOR = Refusal(
    "SG107", "a generator is accepted only as the argument of sum, min, max, any, "
    "all, list or tuple", "", "write a list: [... for ...]",
)  # fmt: skip
STARRED_GENERATOR = Refusal(
    "SG102", "how many arguments `*` stands for is not known", "",
    "pass a tuple or a list of known length",
)  # fmt: skip
F_STRING = Refusal(
    "SG107", "an f-string is accepted only in print, logging, raise and assert",
    "text made from values has no derivative",
    "write the text out; keep numbered parts in a list",
)  # fmt: skip
WALRUS = Refusal(
    "SG107", "`:=` is not accepted here", "it may run any number of times",
    "assign the name in a statement of its own",
)  # fmt: skip
DECORATED = Refusal(
    "SG101", "an inner function cannot be decorated", "",
    "define it outside, or take the decorator off",
)  # fmt: skip
RAISE_AGAIN = Refusal(
    "SG106", "a bare `raise` is outside the language", "no exception is being handled",
    "name the exception: raise ValueError(...)",
)  # fmt: skip


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
    checker = _Checker(source, problems)
    root = tree or source.node
    if isinstance(root, ast.Lambda):
        checker.expression(root.body, _Place())
    else:
        checker.body(root)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an expression stands.

    Attributes:
        message: in `raise` or `assert`, which only CPython ever evaluates.
        text: in a message or printed, so that f-strings may be there.
        repeated: in a comprehension or a lambda, run any number of times.
    """

    message: bool = False
    text: bool = False
    repeated: bool = False


class _Checker:
    """Walk a function.

    Attributes:
        open: the functions around the present place, with the names they bind.
        outer: what the names of enclosing functions and the module hold.
    """

    def __init__(self, source: FunctionSource, problems: Problems) -> None:
        self.source = source
        self.problems = problems
        self.open: list[tuple[ast.FunctionDef, set[str]]] = []
        self.outer = {**source.module_globals, **source.closure()}

    def refuse(self, refusal: Refusal, node: ast.AST) -> None:
        """Note that a node is refused."""
        code, what, note, help = refusal
        where, name = location(self.source, node), self.source.name
        self.problems.add(Problem(code, what, where, note, (help,), (), name))

    # Statements.

    def body(self, function: ast.FunctionDef) -> None:
        """Check the statements of a function."""
        self.open.append((function, _bound_names(function)))
        self.statements(function.body)
        self.open.pop()

    def statements(self, stmts: Iterable[ast.stmt]) -> None:
        """Check a block."""
        for stmt in stmts:
            self.statement(stmt)

    def statement(self, stmt: ast.stmt) -> None:
        """Check a statement and what is in it."""
        match stmt:
            case ast.FunctionDef():
                self.inner_function(stmt)
            case ast.Global() | ast.Nonlocal():
                self.outer_names(stmt)
            case ast.Raise():
                if stmt.exc is None:
                    self.refuse(RAISE_AGAIN, stmt)
                self.children(stmt, _Place(message=True, text=True))
            case ast.Assert():
                self.expression(stmt.test, _Place())
                if stmt.msg:
                    self.expression(stmt.msg, _Place(message=True, text=True))
            case ast.AnnAssign():
                self.expression(stmt.target, _Place())
                if stmt.value:
                    self.expression(stmt.value, _Place())
            case ast.Expr(value=ast.Call(func=func)) if _prints(func):
                self.children(stmt.value, _Place(text=True))
            case _ if isinstance(stmt, ACCEPTED):
                self.children(stmt, _Place())
            case _:
                self.refused_statement(stmt)

    def refused_statement(self, stmt: ast.stmt) -> None:
        """Refuse a statement by its kind, then look into its blocks."""
        kind = type(stmt).__name__
        refusal = STATEMENTS.get(kind) or Refusal(
            "SG101", "this statement is outside the language", "", "leave it out"
        )
        if isinstance(stmt, ast.With) and all(map(_is_errstate, stmt.items)):
            refusal = QUIET_WITH
        self.refuse(refusal, stmt)
        if not isinstance(stmt, ast.AsyncFunctionDef | ast.ClassDef):
            blocks = [stmt, *getattr(stmt, "handlers", ()), *getattr(stmt, "cases", ())]
            for block in blocks:
                for part in ("body", "orelse", "finalbody"):
                    self.statements(getattr(block, part, ()))

    def inner_function(self, function: ast.FunctionDef) -> None:
        """Check a function in the function."""
        for decorator in function.decorator_list[:1]:
            self.refuse(DECORATED, decorator)
        for default in (*function.args.defaults, *function.args.kw_defaults):
            if default is not None:
                self.expression(default, _Place())
        self.body(function)

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
            self.refuse(Refusal("SG105", what, note, advice), stmt)

    # Expressions.

    def children(self, node: ast.AST, place: _Place) -> None:
        """Check everything directly in a node."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self.statement(child)
            elif isinstance(child, ast.expr):
                self.expression(child, place)
            elif isinstance(child, ast.comprehension | ast.keyword):
                self.children(child, place)

    def expression(self, node: ast.expr, place: _Place) -> None:
        """Check an expression and what is in it."""
        match node:
            case ast.Call():
                self.call(node, place)
            case ast.GeneratorExp():
                if not place.message:
                    self.refuse(GENERATOR, node)
                self.comprehension(node, place)
            case ast.ListComp() | ast.DictComp():
                self.comprehension(node, place)
            case ast.Lambda():
                for default in (*node.args.defaults, *node.args.kw_defaults):
                    if default is not None:
                        self.expression(default, place)
                self.expression(node.body, replace(place, repeated=True))
            case ast.JoinedStr():
                if place.text:
                    self.children(node, place)
                else:
                    self.refuse(F_STRING, node)
            case ast.FormattedValue():
                self.children(node, place)
            case ast.NamedExpr():
                if place.repeated:
                    self.refuse(WALRUS, node)
                self.expression(node.value, place)
            case _ if isinstance(node, ACCEPTED):
                self.children(node, place)
            case _:
                self.refused_expression(node, place)

    def refused_expression(self, node: ast.expr, place: _Place) -> None:
        """Refuse an expression by its kind; a message may hold anything but jumps."""
        kind = type(node).__name__
        if not place.message or kind in ("Await", "Yield", "YieldFrom"):
            unknown = Refusal(
                "SG107", "this expression is outside the language", "", "leave it out"
            )
            self.refuse(EXPRESSIONS.get(kind, unknown), node)
        self.children(node, place)

    def call(self, node: ast.Call, place: _Place) -> None:
        """Check a call, and that it is not the function's own."""
        if self.is_recursive(node.func):
            name = ast.unparse(node.func)
            what = f"`{name}` calls itself: recursion is not differentiated yet"
            note = "it is planned for a later version"
            advice = "write it as a loop, with a list for what is still to do"
            self.refuse(Refusal("SG103", what, note, advice), node)
        takes_generator = (
            isinstance(node.func, ast.Name) and node.func.id in TAKES_GENERATOR
        )
        self.expression(node.func, place)
        for argument in node.args:
            if isinstance(argument, ast.GeneratorExp) and takes_generator:
                self.comprehension(argument, place)
            elif isinstance(argument, ast.Starred) and isinstance(
                argument.value, ast.GeneratorExp
            ):
                if not place.message:
                    self.refuse(STARRED_GENERATOR, argument)
                self.comprehension(argument.value, place)
            else:
                self.expression(argument, place)
        for keyword in node.keywords:
            self.expression(keyword.value, place)

    def comprehension(
        self, node: ast.GeneratorExp | ast.ListComp | ast.DictComp, place: _Place
    ) -> None:
        """Check the parts of a comprehension."""
        for generator in node.generators:
            if generator.is_async:
                self.refuse(STATEMENTS["AsyncFor"], generator)
        self.children(node, replace(place, repeated=True))

    def is_recursive(self, callee: ast.expr) -> bool:
        """Tell whether a call is one of the function that it stands in."""
        if not isinstance(callee, ast.Name):
            return False
        name = callee.id
        for function, bound in reversed(self.open):
            if function is not self.source.node and function.name == name:
                return True
            if name in bound:
                return False
        if name not in self.outer:  # decorated: the name is about to be bound
            return name == self.source.name
        return _function_of(self.outer[name]) is self.source.function


def _function_of(value: object) -> object:
    """Return the plain function inside a compiled or differentiated one."""
    for attribute in ("primal", "py_func"):
        value = getattr(value, attribute, value)
    return value


def _bound_names(function: ast.FunctionDef) -> set[str]:
    """Return the names that a function binds itself."""
    parameters = ast.walk(function.args)
    names = {node.arg for node in parameters if isinstance(node, ast.arg)}
    for stmt in function.body:
        for node in ast.walk(stmt):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.FunctionDef):
                names.add(node.name)
    return names


def _prints(function: ast.expr) -> bool:
    """Tell calls whose arguments are only shown: print and logging."""
    if isinstance(function, ast.Name):
        return function.id == "print"
    return isinstance(function, ast.Attribute) and function.attr in LOGS


def _is_errstate(item: ast.withitem) -> bool:
    """Tell `np.errstate(...)`."""
    call = item.context_expr
    function = call.func if isinstance(call, ast.Call) else call
    name = getattr(function, "attr", getattr(function, "id", ""))
    return name == "errstate"
