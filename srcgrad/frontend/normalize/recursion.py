"""Write functions that call themselves or each other as one loop over what is to do.

Calls become entries of lists that are popped, so the adjoint is that of such lists.
A place in the program is a number: each function begins at one, and goes on behind each
call at one. What is read behind a call is kept in lists of that place.

    def f(x, n):                    .todo, .x, .n = [0], [x], [n]
        if n == 0:                  while .todo:
            return 1.0                  .place = .todo.pop()
        return x * f(x, n - 1)          if .place == 0:
                                            n = .n.pop()
                                            if n == 0:
                                                .result = 1.0
                                            else:
                                                .todo.append(1)
                                                .todo.append(0); .n.append(n - 1)
                                        else:
                                            .result = x * .result
                                    return .result

(`x` is the same in all calls: it has no list.) Calls in loops, in comprehensions, and
behind `and` and `or` are not written so.
"""

from __future__ import annotations

import ast
import copy
import itertools
from dataclasses import dataclass, field
from typing import Any

from srcgrad.frontend.names import assigned, loaded
from srcgrad.frontend.normalize.jumps import assign, at, normalize_jumps
from srcgrad.frontend.normalize.statements import plainer

Stmts = list[ast.stmt]
_INNER = (
    ast.For | ast.While | ast.Lambda | ast.FunctionDef | ast.BoolOp | ast.IfExp
    | ast.ListComp | ast.GeneratorExp | ast.DictComp | ast.SetComp
)  # fmt: skip
_PLACES, RESULT = 40, ".result"


class NotWritten(Exception):
    """The recursion has a form that is not written as a loop."""


@dataclass(slots=True)
class Part:
    """One of the functions: its tree, and the default values of its parameters."""

    node: ast.FunctionDef
    defaults: dict[str, Any] = field(default_factory=dict)

    @property
    def params(self) -> list[str]:
        """The names of the parameters; they are all given by place or by name."""
        spec = self.node.args
        if spec.vararg or spec.kwarg:
            raise NotWritten
        return [a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]


def as_loop(parts: list[Part]) -> ast.FunctionDef:
    """Return the first function, with the calls of all of them as a loop."""
    return _Machine(parts).function()


def _called(node: ast.AST, names: Any) -> str:
    match node:
        case ast.Call(func=ast.Name(name)) if name in names:
            return name
    return ""


class _Machine:
    """Writes the loop; `places` are what is done at each number."""

    def __init__(self, parts: list[Part]) -> None:
        self.parts = {part.node.name: part for part in parts}
        self.entry = {name: k for k, name in enumerate(self.parts)}
        self.numbers = itertools.count(1)
        self.places: list[Stmts] = [[] for _ in parts]
        self.known: dict[Any, int] = {}
        self.lists: set[str] = set()
        self.same = self.never_changed()

    def function(self) -> ast.FunctionDef:
        """Return the function with the loop."""
        first, *_ = self.parts.values()
        for name, part in self.parts.items():
            body = self.regular(part.node)
            mine = [p for p in part.params if p not in self.same]
            code = self.block(body, set(part.params))
            popped = [_pop(p, f".{name}.{p}", part.node) for p in mine]
            self.places[self.entry[name]] = popped + code
            self.lists |= {f".{name}.{p}" for p in mine}
        lists = [*sorted(self.lists), ".todo"]
        head = [assign(n, ast.List([], ast.Load()), first.node) for n in lists]
        head += self.push(first.node, first.node.name, [*map(_load, first.params)])
        todo: Stmts = self.places[-1]
        for k, code in reversed([*enumerate(self.places[:-1])]):
            test = ast.Compare(_load(".place"), [ast.Eq()], [ast.Constant(k)])
            todo = [ast.If(test, code or [ast.Pass()], todo)]
        loop = ast.While(
            _load(".todo"), [_pop(".place", ".todo", first.node), *todo], []
        )
        made = copy.copy(first.node)
        made.body = [*head, loop, ast.Return(_load(RESULT))]
        for stmt in made.body:
            ast.fix_missing_locations(ast.copy_location(stmt, first.node))
        return made

    def never_changed(self) -> set[str]:
        """Return the parameters of all that each call hands on as they are."""
        changed: set[str] = set()
        parts = self.parts.values()
        for node in (n for part in parts for n in ast.walk(part.node)):
            if name := _called(node, self.parts):
                given = zip(self.parts[name].params, self.given(node), strict=True)
                changed |= {p for p, x in given if getattr(x, "id", "") != p}
        same = set.intersection(*(set(part.params) for part in parts))
        return same.difference(changed, *(assigned(part.node.body) for part in parts))

    def given(self, call: Any) -> list[ast.expr]:
        """Return what a call gives for each parameter."""
        part = self.parts[call.func.id]
        names = part.params
        found = dict(zip(names, call.args, strict=False))
        found |= {k.arg: k.value for k in call.keywords}
        for name, value in part.defaults.items():
            if isinstance(value, bool | int | float | None):
                found.setdefault(name, ast.Constant(value))
        bad = any(isinstance(n, ast.Starred | ast.Slice) for n in ast.walk(call))
        if bad or found.keys() != set(names) or len(call.args) > len(names):
            raise NotWritten
        return [found[name] for name in names]

    # regular statements: a call stands alone, `t = f(...)`

    def regular(self, function: ast.FunctionDef) -> Stmts:
        """Return a body with one `return`, in which each call is a statement."""
        made = copy.copy(function)
        made.body = self.expanded(plainer(function.body, self.numbers))
        body = normalize_jumps(made).body
        return self.expanded(body)

    def expanded(self, stmts: Stmts) -> Stmts:
        """Return statements with calls taken out of expressions."""
        done: Stmts = []
        for stmt in stmts:
            for new in self.apart(stmt) if self.calls(stmt) else [stmt]:
                done.append(at(new, stmt))
        return done

    def apart(self, stmt: ast.stmt) -> Stmts:
        """Return what a statement with calls in it consists of."""
        made, new = Stmts(), copy.copy(stmt)
        match new:
            case ast.If():
                new.test = self.without(new.test, made)
                new.body, new.orelse = map(self.expanded, (new.body, new.orelse))
            case ast.Return(ast.IfExp(test, one, other)):
                return self.expanded([_if(test, ast.Return(one), ast.Return(other))])
            case ast.Assign(to, ast.IfExp(test, one, other)):
                return self.expanded(
                    [_if(test, ast.Assign(to, one), ast.Assign(to, other))]
                )
            case ast.Assign([ast.Name()], ast.Call() as call) if self.alone(call):
                pass
            case ast.Assign() | ast.Return() | ast.Expr():
                new.value = self.without(new.value, made)  # type: ignore[arg-type]
                if isinstance(new, ast.Expr):
                    return made
            case _:  # of `x += f(x)` the target is read before the call
                raise NotWritten
        return [*made, new]

    def calls(self, node: ast.AST) -> bool:
        """Tell whether one of the functions is called."""
        return any(_called(n, self.parts) for n in ast.walk(node))

    def alone(self, call: ast.Call) -> bool:
        """Tell a call of ours whose arguments hold none."""
        parts = (*call.args, *call.keywords)
        return bool(_called(call, self.parts)) and not any(map(self.calls, parts))

    def without(self, node: ast.expr, before: Stmts) -> ast.expr:
        """Return an expression without calls; what comes earlier goes `before`."""
        if not self.calls(node):
            return node
        if isinstance(node, _INNER):
            raise NotWritten
        new, ours = copy.copy(node), bool(_called(node, self.parts))
        places: list[tuple[Any, Any, ast.expr]] = []
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                setattr(new, name, [*value])
                items = getattr(new, name)
                places += [(items, k, x) for k, x in enumerate(value)
                           if isinstance(x, ast.expr)]  # fmt: skip
                if any(isinstance(x, ast.keyword) and self.calls(x) for x in value):
                    raise NotWritten
            elif isinstance(value, ast.expr) and not (ours and name == "func"):
                places.append((vars(new), name, value))
        last = max((k for k, p in enumerate(places) if self.calls(p[2])), default=-1)
        for k, (holder, key, part) in enumerate(places):
            made = self.without(part, before)
            if k < last and not isinstance(made, ast.Name | ast.Constant):
                made = self.named(made, before)
            holder[key] = made
        return self.named(new, before) if ours else new

    def named(self, value: ast.expr, before: Stmts) -> ast.expr:
        name = f".part{next(self.numbers)}"
        before.append(ast.Assign([ast.Name(name, ast.Store())], value))
        return ast.copy_location(_load(name), value)

    # places

    def block(self, stmts: Stmts, bound: set[str]) -> Stmts:
        """Return what runs statements up to the next calls, or to the end."""
        done: Stmts = []
        for k, stmt in enumerate(stmts):
            rest = stmts[k + 1 :]
            match stmt:
                case ast.Return(value):
                    end = value or ast.Constant(None)
                    return [*done, assign(RESULT, end, stmt)]
                case ast.If() if self.calls(stmt):
                    body, orelse = (
                        self.block([*arm, *rest], set(bound))
                        for arm in (stmt.body, stmt.orelse)
                    )
                    return [*done, at(ast.If(stmt.test, body, orelse), stmt)]
                case ast.Assign([ast.Name(name)], ast.Call() as call) if self.calls(
                    call
                ):
                    return done + self.call(call, name, rest, bound)
            done.append(stmt)
            bound |= assigned([stmt])
        (first, *_) = self.parts.values()
        return [*done, assign(RESULT, ast.Constant(None), first.node)]

    def call(self, call: ast.Call, name: str, rest: Stmts, bound: set[str]) -> Stmts:
        """Return what puts a call on the lists, and note what is done behind it."""
        read = frozenset[str]().union(*map(loaded, rest)) - {name} - self.same
        kept = sorted(read & bound)
        key = (name, *kept, *map(id, rest))
        if key not in self.known:
            place = self.known[key] = len(self.places)
            if place >= _PLACES:
                raise NotWritten
            self.places.append([])
            popped = [_pop(n, f".{place}.{n}", call) for n in kept]
            back = assign(name, _load(RESULT), call)
            self.lists |= {f".{place}.{n}" for n in kept}
            after = self.block(rest, {*kept, *self.same, name})
            self.places[place] = [*popped, back, *after]
        place = self.known[key]
        pushed = [_append(f".{place}.{n}", _load(n), call) for n in kept]
        number = _append(".todo", ast.Constant(place), call)
        called = self.push(call, _called(call, self.parts), self.given(call))
        return [*pushed, number, *called]

    def push(self, place: Any, name: str, given: list[ast.expr]) -> Stmts:
        """Return what puts a function's arguments, and its place, on the lists."""
        pairs = zip(self.parts[name].params, given, strict=True)
        kept = [(p, x) for p, x in pairs if p not in self.same]
        pushed = [_append(f".{name}.{p}", x, place) for p, x in kept]
        return [*pushed, _append(".todo", ast.Constant(self.entry[name]), place)]


# small parts of trees


def _load(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _pop(name: str, of: str, place: ast.AST) -> ast.stmt:
    call = ast.Call(ast.Attribute(_load(of), "pop", ast.Load()), [], [])
    return assign(name, call, place)


def _append(to: str, value: ast.expr, place: ast.AST) -> ast.stmt:
    call = ast.Call(ast.Attribute(_load(to), "append", ast.Load()), [value], [])
    return at(ast.Expr(call), place)


def _if(test: ast.expr, body: ast.stmt, orelse: ast.stmt) -> ast.stmt:
    return at(ast.If(test, [body], [orelse]), test)
