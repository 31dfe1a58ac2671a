"""Report all syntax outside the language, before anything else is done.

One walk over the tree. What depends on values (how many items `*args` has, whether a
function is known) is not decided here: the reader knows more.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence
from typing import Any

from srcgrad.ops.unsupported import LOGS, REFUSED_SYNTAX, TAKES_GENERATOR

Said = Sequence[str]
Found = tuple[ast.AST, Said]
Places = frozenset[str]

_SOMEWHERE = {"GeneratorExp", "NamedExpr", "Raise"}
# Of these only the statements inside are looked at; what is not part of what runs.
_COMPOUND = (ast.AsyncFor | ast.AsyncWith | ast.ExceptHandler | ast.Try | ast.TryStar
             | ast.With)  # fmt: skip
_BLOCKS = {"body", "orelse", "finalbody", "handlers"}
_ASIDE = {"annotation", "returns", "decorator_list", "format_spec"}


def outside(
    function: ast.FunctionDef | ast.Lambda, called: bool = False
) -> Iterator[Found]:
    """Yield each piece of syntax outside the language, and what is said about it.

    >>> (stmt,) = ast.parse("def f(x): yield x").body
    >>> [said[1] for _, said in outside(stmt)]
    ['`yield` is outside the language']
    """
    body = function.body
    places = frozenset[str]() if called else frozenset({"whole"})
    for part in [body] if isinstance(body, ast.expr) else body:
        yield from _check(part, places, function)


def _check(node: ast.AST, places: Places, owner: ast.AST) -> Iterator[Found]:
    """Check a node and what runs in it.

    `owner` is the innermost function around it, `places` say where it stands: in a
    "message" (of `raise` or `assert`: only CPython ever evaluates it), "shown" (printed
    or logged), "repeated" (in comprehensions and lambdas, run any number of times),
    "taken" (a generator that a function takes), "done" (a statement of its own),
    "tried" (in a `try`), or in the "whole" that is differentiated.
    """
    kind, marked = type(node).__name__, _marked(node)
    inside = places - {"taken", "done"}
    bad = kind in REFUSED_SYNTAX and kind not in _SOMEWHERE
    match node:
        case ast.FunctionDef():
            owner, inside = node, inside - {"whole", "tried"}
            for decorator in node.decorator_list[:1]:
                yield decorator, REFUSED_SYNTAX["decorator"]
        case ast.Global():
            yield from _outer_names(node, owner)
        case ast.Raise():
            inside |= {"message"}
            bad = node.exc is None and "handler" not in places
        case ast.ExceptHandler():
            inside |= {"handler"}
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"))):
            inside |= {"shown"}
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name))) if name in LOGS:
            inside |= {"shown"}
        case ast.Yield() | ast.YieldFrom() if "whole" not in places:
            kind, bad = "yielded", "done" not in places or "tried" in places
        case ast.Lambda():
            inside |= {"repeated"}
        case ast.GeneratorExp() | ast.ListComp() | ast.DictComp():
            inside |= {"repeated", *_own_names(node, owner)}
            if any(g.is_async for g in node.generators):
                yield node, REFUSED_SYNTAX["AsyncFor"]
            bad = kind == "GeneratorExp" and places.isdisjoint({"taken", "message"})
        case ast.NamedExpr(target=ast.Name(id=name)):
            bad = "repeated" in places and f":= {name}" not in places
        case ast.With():
            bad = not all(map(about_warnings, node.items))
        case ast.Try():
            nested: list[ast.AST] = [*node.body, *node.handlers, *node.orelse]
            plain = all(map(raises_again, node.handlers))
            bad = bool(node.finalbody) and not plain and any(map(_leaves, nested))
            inside |= {"tried"}
            if plain:
                more = node.orelse + node.finalbody
                node = ast.copy_location(ast.Try(node.body, [], more, []), node)
    if bad:
        yield node, REFUSED_SYNTAX[kind]
    for part in _parts(node):
        yield from _check(part, inside | {marked.get(part, "")}, owner)


def _marked(node: ast.AST) -> dict[Any, str]:
    """Return parts of a node that stand in a place of their own."""
    match node:
        case ast.Assert():
            return {node.msg: "message"}
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if (
            name in TAKES_GENERATOR
        ):
            return dict.fromkeys(node.args, "taken")
        case ast.Starred(value=ast.GeneratorExp() as inner):
            return {inner: "taken"}
        case ast.Assign(targets=[ast.Tuple() | ast.List()]):
            return {node.value: "taken"}
        case ast.Expr(value=ast.Yield() | ast.YieldFrom()):
            return {node.value: "done"}
    return {}


def _own_names(node: ast.AST, owner: ast.AST) -> Iterator[str]:
    """Yield what is bound by `:=` in a comprehension and read nowhere else."""
    for part in ast.walk(node):
        if isinstance(part, ast.NamedExpr):
            name = part.target.id
            inside, around = (
                sum(isinstance(n, ast.Name) and n.id == name for n in ast.walk(tree))
                for tree in (node, owner)
            )
            if inside == around:
                yield f":= {name}"


def about_warnings(item: ast.withitem) -> bool:
    """Tell a context that only keeps warnings away; a gradient gives none."""
    call = item.context_expr
    function = call.func if isinstance(call, ast.Call) else call
    name = getattr(function, "attr", getattr(function, "id", ""))
    return name in ("errstate", "catch_warnings") and item.optional_vars is None


def raises_again(handler: ast.ExceptHandler) -> bool:
    """Tell a handler that ends in an exception: only CPython ever runs it."""
    return isinstance(handler.body[-1], ast.Raise) and not _leaves(handler)


def _leaves(stmt: ast.AST) -> bool:
    """Tell a statement that jumps out of what it stands in."""
    jumps = ast.Return | ast.Break | ast.Continue
    return any(isinstance(n, jumps) for n in ast.walk(stmt))


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a node that run when it does."""
    if isinstance(node, ast.AsyncFunctionDef | ast.ClassDef):
        return
    for name, value in ast.iter_fields(node):
        if name not in _ASIDE and (name in _BLOCKS or not isinstance(node, _COMPOUND)):
            found = value if isinstance(value, list) else [value]
            yield from (part for part in found if isinstance(part, ast.AST))


def _outer_names(stmt: ast.Global, owner: ast.AST) -> Iterator[Found]:
    """Refuse `global` of names that are then written."""
    written = {
        node.id
        for node in ast.walk(owner)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    }
    names = ", ".join(f"`{name}`" for name in stmt.names if name in written)
    if names:
        code, what, *rest = REFUSED_SYNTAX["outer"]
        yield stmt, (code, what.format(names), *rest)


def raised(raised: Any, own: bool) -> str:
    """Return what readable text raises, which may stand in a module of its own.

    Names that a helper alone has are left out: plain Python says it all.
    """
    name = ast.unparse(getattr(raised, "func", raised))
    text = ast.unparse(raised)
    if not isinstance(getattr(builtins, name, None), type):
        return f"Exception({text!r})" if own else "Exception"
    names = {n.id for n in ast.walk(raised) if isinstance(n, ast.Name)}
    return text if own or names == {name} else name
