"""Names, buffers and containers while a function is read; merging at an `if`.

Three maps hold everything that can change: `names` of the current frame, `ver` (the
current version of each buffer), and `heap` (the contents of containers).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from srcgrad.builder import Builder, const
from srcgrad.frontend import stacks
from srcgrad.frontend.places import alike, explicit, with_operands
from srcgrad.frontend.values import (
    Cell,
    ListCell,
    Maybe,
    Poison,
    Ref,
    Root,
    Static,
    Thing,
    Tuple,
    Unbound,
    is_operand,
    is_point,
    kind_of,
    roots_of,
)
from srcgrad.ir import Block, Const, If, Merge, Operand, Value
from srcgrad.types import Array, ListOf, Scalar, Type, join
from srcgrad.walk import operands

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader

__all__ = ["Joiner", "State", "Unjoinable", "branch", "convert"]


@dataclass(slots=True)
class State:
    """A copy of the three maps."""

    names: dict[str, Thing]
    ver: dict[Root, Value]
    heap: dict[Cell, Any]

    def copy(self) -> State:
        """Return an independent copy."""
        return State(dict(self.names), dict(self.ver), dict(self.heap))


class Unjoinable(Exception):
    """Two things that no common type describes."""

    def __init__(self, one: Thing, other: Thing) -> None:
        super().__init__(f"{kind_of(one)} and {kind_of(other)}")
        self.one, self.other = one, other


def convert(build: Builder, x: Operand, type: Scalar) -> Operand:
    """Return a scalar as a `type`, by a cast if it is not one."""
    if x.type == type:
        return x
    if isinstance(x, Const) and type.python and x.type.python:
        kinds: dict[str, Callable[[Any], Any]] = {"float64": float, "int64": int}
        return Const(kinds.get(type.dtype, bool)(x.value), type)
    out: Operand = build.op("cast", x, dtype=type.dtype, python=type.python)
    return out


class Joiner:
    """Join the states at the ends of two arms, and collect the merges."""

    def __init__(self, reader: Reader, arms: tuple[Block | list[Any], ...]) -> None:
        self.reader = reader
        self.build = reader.build
        self.arms: tuple[list[Any], list[Any]] = arms  # type: ignore[assignment]
        self.merges: list[Merge] = []
        self.given: tuple[set[Root], set[Root]] = (set(), set())
        self.kept: set[Root] = set()
        self.pairs: dict[tuple[Root, Root], Root] = {}

    def inside(self, arm: int, make: Callable[[], Any]) -> Any:
        """Emit what `make` needs at the end of an arm."""
        with self.build.block() as stmts:
            result = make()
        self.arms[arm].extend(stmts)
        return result

    def merge(self, a: Operand, b: Operand, type: Type, name: str) -> Operand:
        """Return the value that is `a` after one arm and `b` after the other."""
        if a is b or (isinstance(a, Const) and a == b):
            return a
        for m in self.merges:
            if m.then is a and m.orelse is b:
                return m.out
        out = Value(name, type)
        self.merges.append(Merge(out, a, b))
        return out

    def scalars(self, a: Operand, b: Operand, name: str) -> Operand:
        """Join two numbers."""
        if a is b:
            return a
        assert isinstance(a.type, Scalar)
        assert isinstance(b.type, Scalar)
        type = join(a.type, b.type)
        a = self.inside(0, lambda: convert(self.build, a, type))
        b = self.inside(1, lambda: convert(self.build, b, type))
        return self.merge(a, b, type, name)

    def things(self, a: Thing, b: Thing, name: str) -> Thing:
        """Join what a name means after either arm.

        Raises:
            Unjoinable: No common type describes both.
        """
        if a is b or (isinstance(a, Static) and a == b):
            return a
        if isinstance(a, Poison) or isinstance(b, Poison):
            return Poison()
        if isinstance(a, Maybe) or isinstance(b, Maybe):
            return self.maybes(a, b, name)
        if is_operand(a) and is_operand(b):
            return self.scalars(a, b, name)  # type: ignore[arg-type]
        if (is_point(a) and is_operand(b)) or (is_operand(a) and is_point(b)):
            return self.scalars(self.number(a, 0), self.number(b, 1), name)
        if isinstance(a, Ref) and isinstance(b, Ref):
            return self.refs(a, b, name)
        if isinstance(a, Tuple) and isinstance(b, Tuple):
            if len(a.items) == len(b.items) and a.cls is b.cls:
                pairs = zip(a.items, b.items, strict=True)
                return Tuple(tuple(self.things(x, y, name) for x, y in pairs), a.cls)
        if isinstance(a, Cell) and isinstance(b, Cell) and type(a) is type(b):
            return self.cells(a, b, name)  # type: ignore[no-any-return]
        raise Unjoinable(a, b)

    def number(self, thing: Thing, arm: int) -> Operand:
        """Return the value of an array of rank 0 that nothing else reaches."""
        if not is_point(thing):
            return thing  # type: ignore[return-value]
        if thing.root in self.kept:
            raise Unjoinable(thing, const(0.0))
        base = self.reader.arm_version(arm, thing.root)
        read: Operand = self.inside(arm, lambda: self.build.read(base, thing.path))
        return read

    def cells(self, a: Cell, b: Cell, name: str) -> Any:
        """Join two containers made in different arms."""
        heaps = self.reader.arm_heaps
        x, y = heaps[0][a], heaps[1][b]
        joined = self.contents(x, y, name)
        self.reader.state.heap[a] = joined
        return a

    def contents(self, x: Any, y: Any, name: str) -> Any:
        """Join the contents of two containers item by item."""
        if isinstance(x, dict):
            if list(x) != list(y):
                raise Unjoinable(Static(x), Static(y))
            return {k: self.things(x[k], y[k], name) for k in x}
        if len(x) != len(y):
            raise Unjoinable(Static(list(x)), Static(list(y)))
        return tuple(self.things(p, q, name) for p, q in zip(x, y, strict=True))

    def maybes(self, a: Thing, b: Thing, name: str) -> Thing:
        """Join a name that is bound on some paths only."""
        flags = [
            x.bound if isinstance(x, Maybe) else const(not isinstance(x, Poison))
            for x in (a, b)
        ]
        one = a.thing if isinstance(a, Maybe) else a
        two = b.thing if isinstance(b, Maybe) else b
        return Maybe(self.things(one, two, name), self.scalars(flags[0], flags[1], ""))

    def unbound(self, thing: Thing, arm: int, name: str) -> Thing | None:
        """Join a name that only one arm binds; None if that cannot be."""
        flag = self.scalars(const(arm == 0), const(arm == 1), f"{name}_bound")
        inner, bound = (
            (thing.thing, thing.bound) if isinstance(thing, Maybe) else (thing, flag)
        )
        if isinstance(thing, Maybe):
            never: Operand = const(False)
            one, two = (bound, never) if arm == 0 else (never, bound)
            bound = self.scalars(one, two, f"{name}_bound")
        if isinstance(inner, Static):
            return Maybe(inner, bound)
        if not isinstance(inner, Ref | Const | Value):
            return None
        if isinstance(inner, Ref):
            inner = self.owner(inner, arm)
        other = self.inside(1 - arm, lambda: self.build.placeholder(inner.type))
        mine = (
            self.reader.arm_version(arm, inner.root)
            if isinstance(inner, Ref)
            else inner
        )
        then, orelse = (mine, other) if arm == 0 else (other, mine)
        if isinstance(inner, Ref):
            root = Root(name, self.build.loosen(inner.type))
            self.reader.state.ver[root] = self.merge(then, orelse, root.type, name)  # type: ignore[assignment]
            return Maybe(Ref(root, (), root.type), bound)
        return Maybe(self.scalars(then, orelse, name), bound)

    def owner(self, ref: Ref, arm: int) -> Ref:
        """Return a buffer that may be handed on: the root itself, or a copy."""
        root = ref.root
        whole = not ref.path and root.of is None
        if whole and root not in self.given[arm] and root not in self.kept:
            self.given[arm].add(root)
            return ref
        return self.copied(ref, arm)

    def copied(self, ref: Ref, arm: int) -> Ref:
        """Copy a part into a buffer of its own, and let neither be written again."""
        versions = self.reader.arm_ver[arm]

        def copy() -> Value:
            base = self.reader.arm_version(arm, ref.root)
            view = self.build.view(base, ref.path) if ref.path else base
            out: Value = self.build.op("copy", view, name=ref.root.name)
            return out

        value = self.inside(arm, copy)
        fresh = Root(ref.root.name, value.type)
        self.reader.share(fresh, ref.root)
        versions[fresh] = value
        self.given[arm].add(fresh)
        return Ref(fresh, (), value.type)

    def refs(self, a: Ref, b: Ref, name: str) -> Thing:
        """Join two arrays."""
        if a.root is b.root:
            if a.path == b.path:
                return a
            if alike(self.build, a, b):
                here, there = explicit(self.build, a), explicit(self.build, b)
                pairs = zip(operands(here), operands(there), strict=True)
                numbers = [self.scalars(p, q, "i") for p, q in pairs]
                return Ref(a.root, with_operands(here, numbers), a.type)
        if is_point(a) or is_point(b):
            raise Unjoinable(a, b)
        if (a.root, b.root) in self.pairs and not a.path and not b.path:
            root = self.pairs[a.root, b.root]
            return Ref(root, (), root.type)
        if type(a.type) is not type(b.type) or a.type.rank != b.type.rank:
            raise Unjoinable(a, b)
        if a.type.dtype != b.type.dtype:
            raise Unjoinable(a, b)
        plain = not a.path and not b.path
        one, two = self.owner(a, 0), self.owner(b, 1)
        type_ = self.array_type(one.type, two.type)
        root = Root(name, type_, listlike=a.root.listlike and b.root.listlike)
        for side in (one.root, two.root):
            for other in list(side.shares):
                self.reader.share(root, other)
        then = self.reader.arm_version(0, one.root)
        orelse = self.reader.arm_version(1, two.root)
        value = Value(name, type_)
        self.merges.append(Merge(value, then, orelse))
        self.reader.state.ver[root] = value
        if plain:
            self.pairs[a.root, b.root] = root
        return Ref(root, (), type_)

    def array_type(self, a: Type, b: Type) -> Any:
        """Return the type of an array that is one or the other."""
        if not isinstance(a, Array) or not isinstance(b, Array):
            return a
        pairs = enumerate(zip(a.dims, b.dims, strict=True))
        resolve = self.build.resolve
        apart = [k for k, (x, y) in pairs if resolve(x) != resolve(y)]
        return replace(
            self.build.loosen(a, apart), contiguous=a.contiguous and b.contiguous
        )


def branch(
    reader: Reader,
    cond: Operand,
    then: Callable[[], Thing | None],
    orelse: Callable[[], Thing | None],
    live: frozenset[str] | None,
) -> Thing | None:
    """Run both arms under a condition and join what they leave.

    Args:
        reader: The reader whose state the arms change.
        cond: The condition.
        then: Builds the first arm; its result is joined as well.
        orelse: Builds the second arm.
        live: The names of the frame that are alive afterwards; None means all.
    """
    before = reader.snapshot()
    found = len(reader.problems)
    ends, results, arms, dead = [], [], [], []
    for arm in (then, orelse):
        reader.restore(before)
        reader.dead = False
        with reader.build.block() as stmts:
            results.append(arm())
        ends.append(reader.snapshot())
        arms.append(stmts)
        dead.append(reader.dead)
    reader.restore(before)
    reader.dead = all(dead)
    if not any(dead) and _grow(reader, ends[0], ends[1]):
        del reader.problems[found:]
        return branch(reader, cond, then, orelse, live)
    if any(dead):
        return _one_sided(reader, cond, (then, orelse), arms, dead)
    joiner = Joiner(reader, (arms[0], arms[1]))
    result = _join(reader, joiner, ends[0], ends[1], live, (results[0], results[1]))
    _emit_if(reader, cond, joiner)
    return result


def _grow(reader: Reader, one: State, two: State) -> bool:
    """Turn lists that the arms leave with different lengths into growable ones."""
    grown = False
    for cell, contents in reader.state.heap.items():
        a, b = one.heap[cell], two.heap[cell]
        if a is b or isinstance(contents, dict):
            continue
        if isinstance(a, dict) or isinstance(b, dict):
            stacks.make_stack(reader, cell)
            grown = True
            continue
        if not isinstance(contents, tuple):
            continue
        changed = [x for x in (a, b) if isinstance(x, Ref)]
        if changed and isinstance(cell, ListCell):
            if isinstance(changed[0].type, ListOf):
                reader.make_growable(cell, changed[0].type.item)
            else:
                reader.make_array(cell, ast.Pass())
            grown = True
            continue
        if isinstance(a, tuple) and isinstance(b, tuple) and len(a) != len(b):
            item = reader.item_type(cell, a if len(a) > len(b) else b)
            if item is not None:
                reader.make_growable(cell, item)
                grown = True
    return grown


def _one_sided(
    reader: Reader, cond: Operand, makers: tuple[Callable[[], Thing | None], ...],
    arms: list[list[Any]], dead: list[bool],
) -> Thing | None:  # fmt: skip
    """Keep the arm that raises inside the `if`; what follows is the other arm."""
    build = reader.build
    first = Block(tuple(arms[0])) if dead[0] else Block()
    second = Block(tuple(arms[1])) if dead[1] else Block()
    build.emit(If(cond, first, second, (), build.loc))
    if all(dead):
        return None
    return makers[0 if dead[1] else 1]()


def _emit_if(reader: Reader, cond: Operand, joiner: Joiner) -> None:
    build = reader.build
    then, orelse = (Block(tuple(a)) for a in joiner.arms)
    build.emit(If(cond, then, orelse, tuple(joiner.merges), build.loc))
    for merge in joiner.merges:
        build.measure(merge.out)


def _join(
    reader: Reader, joiner: Joiner, one: State, two: State,
    live: frozenset[str] | None, results: tuple[Thing | None, Thing | None],
) -> Thing | None:  # fmt: skip
    """Set the reader's state to the join of the ends of two arms."""
    reader.arm_ver = (one.ver, two.ver)
    reader.arm_heaps = (one.heap, two.heap)
    names = [n for n in {**one.names, **two.names} if live is None or n in live]
    joiner.kept = _kept(reader, one, two, names)
    state = reader.state
    state.heap = {**one.heap, **two.heap}
    state.ver = {}
    joined: dict[str, Thing] = {}
    for name in names:
        a, b = (_bound(s.names.get(name)) for s in (one, two))
        if a is None and b is None:
            joined[name] = Unbound()
            continue
        if a is None or b is None:
            present, arm = (b, 1) if a is None else (a, 0)
            assert present is not None
            maybe = joiner.unbound(present, arm, name)
            if maybe is not None:
                joined[name] = maybe
            continue
        try:
            joined[name] = joiner.things(a, b, name)
        except Unjoinable as clash:
            joined[name] = reader.clash(name, clash)
    state.names = joined
    _join_cells(reader, joiner, one, two)
    result = None
    if results[0] is not None and results[1] is not None:
        result = joiner.things(results[0], results[1], "")
    for root in one.ver:
        if root not in two.ver or root in joiner.given[0] | joiner.given[1]:
            continue
        a_ver, b_ver = one.ver[root], two.ver[root]
        merged = joiner.merge(a_ver, b_ver, root.type, root.name)
        assert isinstance(merged, Value)
        state.ver[root] = merged
    # What only one arm allocated may still be reached through a copy it handed on.
    return result


def _join_cells(reader: Reader, joiner: Joiner, one: State, two: State) -> None:
    heap = reader.state.heap
    for cell in one.heap:
        if cell in two.heap and one.heap[cell] is not two.heap[cell]:
            try:
                heap[cell] = joiner.contents(one.heap[cell], two.heap[cell], cell.name)
            except Unjoinable as clash:
                heap[cell] = reader.clash_cell(cell, clash)


def _kept(reader: Reader, one: State, two: State, names: Iterable[str]) -> set[Root]:
    """Return the buffers reached by something that both arms leave as it was."""
    kept: set[Root] = set()
    for name in names:
        a, b = one.names.get(name), two.names.get(name)
        if a is not None and b is not None and _same(a, b):
            kept.update(roots_of(a, one.heap))
    outer = [t for frame in reader.frames[:-1] for t in frame.names.values()]
    for thing in outer + reader.held:
        kept.update(roots_of(thing, one.heap))
    return kept


def _bound(thing: Thing | None) -> Thing | None:
    return None if isinstance(thing, Unbound) else thing


def _same(a: Thing, b: Thing) -> bool:
    if isinstance(a, Ref) and isinstance(b, Ref):
        return a.root is b.root
    return a is b
