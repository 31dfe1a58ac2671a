"""Read generator functions: the body of a loop over one is read where it yields.

    def halves(x):                  for h in halves(y):
        while x > 1.0:                  s += h * h
            yield x
            x = x / 2.0

is read as `halves` is, with `h = x` and `s += h * h` in place of `yield x`. The names
that a turn binds are boxes meanwhile, so the loops of the generator carry them. What
else takes a generator, as `sum` does, is given a list of what it yields.
"""

from __future__ import annotations

import ast
import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

from srcgrad.builder import const
from srcgrad.frontend import build, calls, expressions, iteration, recursion
from srcgrad.frontend import values as v
from srcgrad.frontend.normalize.jumps import exit_name
from srcgrad.ops import iterables

if TYPE_CHECKING:
    from srcgrad.frontend.build import Frame, Reader
    from srcgrad.source import FunctionSource


@dataclass(frozen=True, slots=True, eq=False)
class Generated:
    """A generator function that was called; see `Reader.function`."""

    source: FunctionSource
    names: dict[str, v.Thing]
    node: ast.FunctionDef
    site: ast.AST | None
    called: v.Closure | None

    def __call__(self, reader: Reader) -> None:
        """Read its body."""

        def body(tree: Any) -> v.Thing:
            outer = calls.visible(reader, self.called.frame) if self.called else {}
            which = outer, tree or self, self.site, self.called
            return reader.function(self.source, self.names, *which)

        recursion.read(reader, body, self.is_in)

    def is_in(self, frame: Frame) -> bool:
        """Tell whether a frame is one of this function."""
        mine = frame.source.function is self.source.function and frame.site is None
        return mine and frame.called is self.called

    def begin(self, reader: Reader) -> v.Thing:
        """Return what the call returns: nothing of the body is read so far."""
        held = *self.names.values(), *([self.called] if self.called else [])
        return iteration.iterable(self)(reader, *held)  # type: ignore[no-any-return]


def is_one(tree: Any) -> TypeGuard[ast.FunctionDef]:
    """Tell the tree of a generator function."""
    return isinstance(tree, ast.FunctionDef) and _yields(tree)


@functools.lru_cache
def _yields(tree: ast.FunctionDef) -> bool:
    parts: list[Any] = [*tree.body]
    for part in parts:
        inner = isinstance(part, ast.FunctionDef | ast.Lambda)
        parts += () if inner else ast.iter_child_nodes(part)
    return any(isinstance(part, ast.Yield | ast.YieldFrom) for part in parts)


def expression(reader: Reader, node: ast.GeneratorExp) -> v.Thing:
    """Return what `(f(x) for x in y)` is: a function that yields, called at once."""
    over = reader.expression(node.generators[0].iter)
    return calls.apply(reader, calls.closure(reader, _written_out(node)), [over], {})


@functools.lru_cache
def _written_out(node: ast.GeneratorExp) -> ast.FunctionDef:
    body: ast.stmt = ast.Expr(ast.Yield(node.elt))  # `inspect` names `.0` so, too
    for part in reversed(node.generators):
        for test in reversed(part.ifs):
            body = ast.If(test, [body], [])
        first = part is node.generators[0]
        over = ast.Name("implicit0", ast.Load()) if first else part.iter
        body = ast.For(part.target, over, [body], [])
    given = ast.arguments([], [ast.arg("implicit0")], None, [], [], None, [])
    made = ast.FunctionDef("<genexpr>", given, [body], [])
    return ast.fix_missing_locations(ast.copy_location(made, node))


def is_generated(thing: object) -> bool:
    """Tell what a generator function returns."""
    return isinstance(thing, v.Iter) and isinstance(thing.make, Generated)


def told(reader: Reader, thing: v.Thing) -> v.Thing:
    """Tell definitions of the prelude what a generator function returns."""
    return const(is_generated(thing))


def is_lazy(meaning: Any) -> bool:
    """Tell what does not use a generator up at once."""
    lazy = inspect.isgeneratorfunction(meaning)
    return lazy or meaning in (*iterables.LAZY.values(), told, iteration.next_of)


def taking(reader: Reader, name: str, meaning: Any) -> Any:
    """Return what a function means that is given what is yielded."""
    home, meaning = name.partition(".")[0], iterables.LAZY.get(name, meaning)
    if is_lazy(meaning) or home in ("", "srcgrad") or name in iterables.EAGER:
        return meaning
    what = f"`{name}` of what a function yields is not known"
    raise reader.problem("SG107", what, "make a list of it first: `list(...)`")


def boxed(reader: Reader, name: str) -> v.Box:
    """Let functions inside this one, or the one that is looped over, bind a name."""
    names = reader.state.names
    held = {name: names.get(name, v.Unbound())}
    names[name] = box = reader.container(v.Box(name), held)
    return box


def read_for(reader: Reader, stmt: ast.For, over: Any) -> None:
    """Read a loop over a generator."""
    over, depth = calls.taken(reader, over, False), len(reader.turns)
    carried, _ = iteration.crossing(reader, stmt, stmt.target)
    bound = [name for name in sorted(carried) if reader.box(name) is None]
    boxes = [boxed(reader, name) for name in bound]
    turn = functools.partial(_turn, reader, stmt, reader.frames[-1])
    reader.turns.append(turn)
    try:
        over.make(reader)
    finally:
        del reader.turns[depth:]
    names, heap = reader.state.names, reader.state.heap
    for box in boxes:
        names[box.name] = heap.pop(box)[box.name]
        if isinstance(names[box.name], v.Unbound):
            del names[box.name]


def _turn(reader: Reader, stmt: ast.For, frame: Frame, item: v.Thing) -> v.Thing:
    """Read one turn, in the frame of the loop; return whether it is left."""
    depth, names, turns = len(reader.frames), frame.names, [*reader.turns]
    reader.frames[-1].names = reader.state.names
    reader.frames.append(frame)
    reader.state.names = dict(names)
    del reader.turns[-1]  # a `yield` in here is one of the function around
    left: v.Thing = const(False)
    try:
        reader.assign(stmt.target, item)
        reader.run(stmt.body)
        now = reader.state.names
        assert all(now.get(n) is x for n, x in names.items() if type(x) is v.Box)
        if (flag := exit_name(stmt)) and not reader.dead:
            left = expressions.truth(reader, reader.lookup(flag))
    finally:
        del reader.frames[depth:]
        reader.turns[:], frame.names = turns, names
        reader.state.names = reader.frames[-1].names
    if reader.dead:
        raise build.Dead
    return left
