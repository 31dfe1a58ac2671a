"""Write `match`, `with` and `try` as plainer statements.

What a statement consists of is shared with the result; nothing is changed in place.

    match p:                        .match1 = p
        case (x, y) if y > 0:       if isinstance(.match1, (tuple, list)) and ...:
            s += x                      s += x
        case _:                     else:
            s = 0.0                     s = 0.0

A `try` becomes an `if` that asks an `Attempt`: what is said there of the arms is known
while compiling (`frontend/handlers.py`).
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from srcgrad.frontend.accepted import about_warnings, raises_again
from srcgrad.ops.python import all_bound, entered, without

# Built-in classes take one pattern in a pattern, for the value itself.
_OF_ITSELF = {"int", "float", "bool", "str", "list", "tuple", "dict"}
_TRUE = ast.Constant(True)
Binds = list[tuple[str, ast.expr]]


@dataclass(frozen=True, eq=False, slots=True)
class Attempt:
    """A `try`: its handlers as they stand in the source, in order."""

    handlers: Sequence[ast.ExceptHandler]


@dataclass(frozen=True, slots=True)
class Handler:
    """One of the handlers of a `try`."""

    attempt: Attempt
    number: int


def plainer(stmts: list[ast.stmt], numbers: Iterator[int]) -> list[ast.stmt]:
    """Return statements without `match`, `with` and `try`."""
    return [plain for stmt in stmts for plain in _plainer(stmt, numbers)]


def _plainer(stmt: ast.stmt, numbers: Iterator[int]) -> list[ast.stmt]:
    match stmt:
        case ast.Match():
            subject = f".match{next(numbers)}"
            first = ast.Assign([ast.Name(subject, ast.Store())], stmt.subject)
            rest: list[ast.stmt] = []
            for case in reversed(stmt.cases):
                rest = _case(case, subject, rest, numbers)
            made: list[ast.stmt] = [first, *rest]
        case ast.With() if all(map(about_warnings, stmt.items)):
            made = [ast.Expr(_call(entered, item.context_expr)) for item in stmt.items]
            made += plainer(stmt.body, numbers)
        case ast.Try() if all(map(raises_again, stmt.handlers)):
            body = plainer([*stmt.body, *stmt.orelse], numbers)
            final = plainer(stmt.finalbody, numbers)
            return [*_ended(body, final, numbers), *final] if final else body
        case ast.Try():
            made = [_attempt(stmt, numbers), *plainer(stmt.finalbody, numbers)]
        case ast.Expr(ast.Yield() as item):  # the loop over it may be left there
            made = [ast.Assign([ast.Name(".left", ast.Store())], item)]
            made.append(ast.If(ast.Name(".left", ast.Load()), [ast.Return(None)], []))
        case ast.Expr(ast.YieldFrom(items)):
            each: ast.stmt = ast.Expr(ast.Yield(ast.Name(".item", ast.Load())))
            inner = plainer([ast.copy_location(each, stmt)], numbers)
            made = [ast.For(ast.Name(".item", ast.Store()), items, inner, [])]
        case ast.If() | ast.For() | ast.While():
            stmt = copy.copy(stmt)
            stmt.body = plainer(stmt.body, numbers)
            stmt.orelse = plainer(stmt.orelse, numbers)
            return [stmt]
        case _:
            return [stmt]
    new = [s for s in made if not hasattr(s, "lineno")]
    for each in new:
        ast.fix_missing_locations(ast.copy_location(each, stmt))
    return made


def _ended(
    stmts: list[ast.stmt], final: list[ast.stmt], numbers: Iterator[int],
    looped: bool = False,
) -> list[ast.stmt]:  # fmt: skip
    """Return statements with what `finally` does before each jump out of them."""
    made: list[ast.stmt] = []
    for stmt in stmts:
        if isinstance(stmt, ast.If | ast.For | ast.While):
            stmt = copy.copy(stmt)
            inner = looped or not isinstance(stmt, ast.If)
            stmt.body = _ended(stmt.body, final, numbers, inner)
            stmt.orelse = _ended(stmt.orelse, final, numbers, looped)
        if isinstance(stmt, ast.Return) and stmt.value is not None:
            name = f".ended{next(numbers)}"  # what is returned is computed before
            kept = ast.Assign([ast.Name(name, ast.Store())], stmt.value)
            made.append(ast.fix_missing_locations(ast.copy_location(kept, stmt)))
            back = ast.Return(ast.Name(name, ast.Load()))
            stmt = ast.fix_missing_locations(ast.copy_location(back, stmt))
        leaves = isinstance(stmt, ast.Break | ast.Continue) and not looped
        if leaves or isinstance(stmt, ast.Return):
            made += copy.deepcopy(final)
        made.append(stmt)
    return made


def _attempt(stmt: ast.Try, numbers: Iterator[int]) -> ast.stmt:
    """Return a `try` as an `if`: its body, and else the handlers."""
    attempt = Attempt(stmt.handlers)
    ended = ast.copy_location(ast.Expr(_known(attempt)), stmt)
    body = [*plainer(stmt.body, numbers), ended, *plainer(stmt.orelse, numbers)]
    *others, last = enumerate(plainer(h.body, numbers) for h in stmt.handlers)
    rest = last[1]
    for number, handled in reversed(others):
        made = ast.If(_known(Handler(attempt, number)), handled, rest)
        rest = [ast.copy_location(made, stmt)]
    return ast.If(_known(attempt), body, rest)


def _known(value: Any) -> ast.expr:
    return ast.Constant(value)


def _call(function: Any, *args: ast.expr) -> ast.expr:
    return ast.Call(_known(function), [*args], [])


def _case(
    case: ast.match_case, name: str, rest: list[ast.stmt], numbers: Iterator[int]
) -> list[ast.stmt]:
    """Return what one case does, and `rest` if it does not fit."""
    tests, binds = _pattern(case.pattern, ast.Name(name, ast.Load()))
    body = plainer(case.body, numbers)
    if case.guard is None:
        body = [*(ast.Assign([ast.Name(n, ast.Store())], x) for n, x in binds), *body]
    else:  # it reads what the pattern binds
        tests += [*_bound(binds), case.guard]
    for part in body[: len(binds)]:
        ast.copy_location(part, case.pattern)
    if not tests:
        return body
    made = ast.If(ast.copy_location(_both(tests), case.pattern), body, rest)
    return [ast.fix_missing_locations(ast.copy_location(made, case.pattern))]


def _pattern(pattern: ast.pattern, of: ast.expr) -> tuple[list[ast.expr], Binds]:
    """Return the tests that make up a pattern, and what it binds."""
    tests: list[ast.expr] = []
    parts: list[tuple[ast.pattern, ast.expr]] = []
    match pattern:
        case ast.MatchValue(value):
            tests = [ast.Compare(of, [ast.Eq()], [value])]
        case ast.MatchSingleton(value):
            tests = [ast.Compare(of, [ast.Is()], [ast.Constant(value)])]
        case ast.MatchAs(inner, name):
            tests, binds = _pattern(inner, of) if inner else ([], [])
            return tests, [*binds, (name, of)] if name else binds
        case ast.MatchOr(ways):
            each = [_pattern(way, of) for way in ways]
            either = [_both([*tests, *_bound(binds)]) for tests, binds in each]
            return [ast.BoolOp(ast.Or(), either)], []
        case ast.MatchSequence(items):
            return _sequence(items, of)
        case ast.MatchMapping(keys, items, rest):
            tests = [_call(isinstance, of, _known(dict))]
            tests += [ast.Compare(key, [ast.In()], [of]) for key in keys]
            parts = [
                (item, ast.Subscript(of, key, ast.Load()))
                for key, item in zip(keys, items, strict=True)
            ]
            if rest:
                left = _call(without, of, ast.Tuple([*keys], ast.Load()))
                parts.append((ast.MatchAs(None, rest), left))
        case ast.MatchClass(cls, items, names, named):
            tests = [_call(isinstance, of, cls)]
            parts = [
                (item, ast.Attribute(of, name, ast.Load()))
                for name, item in zip(names, named, strict=True)
            ]
            if getattr(cls, "id", "") in _OF_ITSELF:
                parts += [(item, of) for item in items]
            else:
                places = ast.Attribute(cls, "__match_args__", ast.Load())
                parts += [
                    (item, _call(getattr, of, _at(places, k)))
                    for k, item in enumerate(items)
                ]
    return _together(tests, parts)


def _sequence(items: list[ast.pattern], of: ast.expr) -> tuple[list[ast.expr], Binds]:
    """Return the tests of a pattern of a list or tuple, and what it binds."""
    starred = [k for k, item in enumerate(items) if isinstance(item, ast.MatchStar)]
    count = ast.Constant(len(items) - len(starred))
    kinds = _known((list, tuple))
    enough = ast.GtE() if starred else ast.Eq()
    tests = [
        _call(isinstance, of, kinds),
        ast.Compare(_call(len, of), [enough], [count]),
    ]
    parts, binds = [], Binds()
    for k, item in enumerate(items):
        behind = k - len(items) if starred and k > starred[0] else k
        if not isinstance(item, ast.MatchStar):
            parts.append((item, _at(of, behind)))
        elif item.name:
            last = ast.Constant(k + 1 - len(items) or None)
            rest = ast.Subscript(of, ast.Slice(ast.Constant(k), last), ast.Load())
            binds.append((item.name, _call(list, rest)))
    tests, more = _together(tests, parts)
    return tests, binds + more


def _together(
    tests: list[ast.expr], parts: list[tuple[ast.pattern, ast.expr]]
) -> tuple[list[ast.expr], Binds]:
    binds = Binds()
    for item, part in parts:
        inner, bound = _pattern(item, part)
        tests, binds = [*tests, *inner], [*binds, *bound]
    return tests, binds


def _bound(binds: Binds) -> list[ast.expr]:
    """Return a test that is true, and binds."""
    named = [ast.NamedExpr(ast.Name(n, ast.Store()), x) for n, x in binds]
    return [_call(all_bound, *named)] if named else []


def _at(of: ast.expr, place: int) -> ast.expr:
    return ast.Subscript(of, ast.Constant(place), ast.Load())


def _both(tests: list[ast.expr]) -> ast.expr:
    return ast.BoolOp(ast.And(), tests) if len(tests) > 1 else (tests or [_TRUE])[0]
