"""Names, buffers and containers while a function is read, and how they are joined.

Three maps hold everything that can change: `names` of the current frame, `ver` (the
current version of each buffer), and `heap` (the contents of containers). What a name
means at two points of the program (the ends of two arms; the head of a loop and the end
of a turn) is taken apart into `parts`: pairs of numbers and of arrays, each with a key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate, repeat
from typing import TYPE_CHECKING, Any

from srcgrad import ir
from srcgrad.builder import Builder, const
from srcgrad.frontend import lists
from srcgrad.frontend import values as v
from srcgrad.types import Array, Scalar, Type, join
from srcgrad.walk import operands

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader

Key = tuple[Any, ...]
Plan = dict[tuple[Any, ...], Any]  # see `loops`


@dataclass(slots=True)
class State:
    """A copy of the three maps."""

    names: dict[str, v.Thing]
    ver: dict[v.Root, ir.Value]
    heap: v.Heap

    def copy(self) -> State:
        """Return an independent copy."""
        return State(dict(self.names), dict(self.ver), v.Heap(self.heap))

    def get(self, owner: Any) -> Any:
        """Return what a name is bound to, or the contents of a container."""
        known: dict[Any, Any] = self.names if isinstance(owner, str) else self.heap
        return known.get(owner, v.Unbound())

    def put(self, owner: Any, thing: Any) -> None:
        """Set what a name is bound to, or the contents of a container as they are."""
        known: dict[Any, Any] = self.names if isinstance(owner, str) else self.heap
        known.update({owner: thing})


class Unjoinable(Exception):
    """Two things that no common type describes."""

    def __init__(self, one: v.Thing, other: v.Thing) -> None:
        super().__init__(f"{v.kind_of(one)} and {v.kind_of(other)}")
        self.one, self.other = one, other


class Retry(Exception):
    """A plan has learnt something: read its loop again."""

    def __init__(self, plan: Plan) -> None:
        super().__init__("read the loop again")
        self.plan = plan


def convert(build: Builder, x: ir.Operand, type: Scalar) -> ir.Operand:
    """Return a scalar as a `type`, by a cast if it is not one."""
    if x.type == type:
        return x
    if isinstance(x, ir.Const) and type.python and x.type.python:
        kinds: dict[str, Callable[[Any], Any]] = {"float64": float, "int64": int}
        return ir.Const(kinds.get(type.dtype, bool)(x.value), type)
    out: ir.Operand = build.op("cast", x, dtype=type.dtype, python=type.python)
    return out


# Parts of things, by key: a name or container, then where the part is inside it.


def label(key: Key) -> str:
    """Return the name that a joined number or array prints under."""
    name: str = key[0] if isinstance(key[0], str) else key[0].name
    if key[-1] == "bound":
        return f"{name}_bound"
    return "i" if "path" in key else name


def parts(again: Callable[..., Any], key: Key, *things: Any) -> Any:
    """Do something to the parts of things that have parts; return None for others.

    Raises:
        Unjoinable: The things have different parts.
    """
    first = things[0]
    if any(isinstance(t, v.Poison) for t in things):
        return v.Poison()
    if any(isinstance(t, v.Maybe) for t in things):
        inner = [t.thing if isinstance(t, v.Maybe) else t for t in things]
        flags = [t.bound if isinstance(t, v.Maybe) else const(True) for t in things]
        return v.Maybe(again(key, *inner), again((*key, "bound"), *flags))
    if len({type(t) for t in things}) > 1:
        return None
    match first:
        case v.Tuple():
            if len({(t.cls, len(t.items)) for t in things}) > 1:
                raise Unjoinable(*things)
            return v.Tuple(parts(again, key, *(t.items for t in things)), first.cls)
        case tuple():
            if any(len(t) != len(first) for t in things):
                raise Unjoinable(*things)
            items = enumerate(zip(*things, strict=True))
            return tuple(again((*key, k), *item) for k, item in items)
        case dict():
            if any(list(t) != list(first) for t in things):
                raise Unjoinable(*things)
            return {k: again((*key, k), *(t[k] for t in things)) for k in first}
    return None


def blank(reader: Reader, thing: v.Thing) -> v.Thing:
    """Return what stands for a thing where it is not bound."""

    def like(_: Key, thing: v.Thing) -> v.Thing:
        whole: v.Thing | None = parts(like, (), thing)
        if whole is not None or isinstance(thing, v.Static):
            return thing if whole is None else whole
        if not isinstance(thing, ir.Const | ir.Value | v.Ref):
            raise Unjoinable(thing, v.Unbound())
        made = reader.build.placeholder(thing.type)
        return made if isinstance(made, ir.Const) else reader.allocate(made)

    inner = thing.thing if isinstance(thing, v.Maybe) else thing
    return v.Maybe(like((), inner), const(False))


# Places: paths into one buffer whose numbers differ.


def places(build: Builder, again: Callable[..., Any], key: Key, *refs: v.Ref) -> v.Ref:
    """Do something to the numbers in the paths of views that are alike."""
    paths = [explicit(build, ref) for ref in refs]
    numbers = enumerate(zip(*map(operands, paths), strict=True))
    new = iter([again((*key, "path", k), *number) for k, number in numbers])
    return v.Ref(refs[0].root, with_operands(paths[0], new), refs[0].type)


def alike(build: Builder, a: v.Ref, b: v.Ref) -> bool:
    """Tell whether two parts of one buffer differ in the numbers of a path only."""
    if a.root is not b.root or a.type.rank != b.type.rank:
        return False
    lengths = zip(a.type.dims, b.type.dims, strict=True)
    if any(build.resolve(x) != build.resolve(y) for x, y in lengths):
        return False
    one, two = (with_operands(explicit(build, r), repeat(const(0))) for r in (a, b))
    return one == two


def explicit(build: Builder, ref: v.Ref) -> ir.Path:
    """Return a path whose slices have a start and a stop."""

    def ends(item: Any, type: Any, axis: int) -> Any:
        if not isinstance(item, ir.Slice) or item.step is not None:
            return item
        stop = item.stop
        if stop is None:
            stop = build.length(build.resolve(type.dims[axis]))
        return ir.Slice(const(0) if item.start is None else item.start, stop, None)

    steps: list[Any] = []
    type: Any = ref.root.type
    for step in ref.path:
        if isinstance(step, ir.Index) and isinstance(type, Array):
            used = accumulate((i is not None for i in step.items), initial=0)
            steps.append(ir.Index(tuple(map(ends, step.items, repeat(type), used))))
        else:
            steps.append(step)
        type = build.place(type, (step,))
    return tuple(steps)


def with_operands(path: ir.Path, numbers: Iterator[ir.Operand]) -> ir.Path:
    """Return a path with other numbers, in the order of `operands`."""

    def other(item: Any) -> Any:
        match item:
            case ir.Index():
                return ir.Index(tuple(map(other, item.items)))
            case ir.Slice():
                return ir.Slice(other(item.start), other(item.stop), other(item.step))
            case ir.Reshape():
                return ir.Reshape(tuple(map(other, item.shape)))
            case ir.Const() | ir.Value():
                return next(numbers)
        return item

    return tuple(map(other, path))


# Arrays and lists.


def check_kinds(a: v.Ref, b: v.Ref) -> None:
    """Require that one buffer can be either of two arrays or lists.

    Raises:
        Unjoinable: Their types differ in more than lengths and layout.
    """
    kinds = [(type(r.type), r.type.rank, r.type.dtype) for r in (a, b)]
    if kinds[0] != kinds[1] or v.is_point(a):
        raise Unjoinable(a, b)


def hand_over(
    reader: Reader, ref: v.Ref, owner: Any, kept: set[v.Root], given: dict[v.Root, Any]
) -> tuple[ir.Value, set[Any]]:
    """Return the version of an array that a new owner gets, and who shares its memory.

    It is the array's own version if nothing else reaches it, else that of a copy.

    Args:
        reader: The reader.
        ref: The array.
        owner: Who gets it.
        kept: Buffers that are still reached.
        given: Buffers that were handed over, and to whom.
    """
    root, ver = ref.root, reader.state.ver
    shares = {given.get(r, owner if r is root else r) for r in root.shares}
    if not ref.path and root in ver and root not in kept and root not in given:
        given[root] = owner
        return ver[root], shares
    copy: ir.Value = reader.build.op("copy", reader.operand(ref), name=root.name)
    return copy, {*shares, given.get(root.memory, root.memory)}


class _Branch:
    """Join the states at the ends of two arms, and collect the merges."""

    def __init__(
        self, reader: Reader, ends: list[State], arms: list[list[ir.Stmt]]
    ) -> None:
        self.reader, self.build, self.ends, self.arms = reader, reader.build, ends, arms
        self.merges: list[ir.Merge] = []
        self.given: tuple[dict[v.Root, v.Root], dict[v.Root, v.Root]] = ({}, {})
        self.kept: set[v.Root] = set()
        self.pairs: dict[tuple[v.Root, v.Root], v.Ref] = {}
        self.cells: dict[tuple[v.Cell, v.Cell], v.Cell] = {}

    @contextmanager
    def at_end(self, arm: int) -> Iterator[None]:
        """Go on at the end of an arm."""
        outer, self.reader.state = self.reader.state, self.ends[arm]
        with self.build.block() as stmts:
            yield
        self.arms[arm] += stmts
        self.reader.state = outer

    def merge(self, a: ir.Operand, b: ir.Operand, type: Type, name: str) -> ir.Operand:
        """Return the value that is `a` after one arm and `b` after the other."""
        if a is b or (isinstance(a, ir.Const) and a == b):
            return a
        for m in self.merges:
            if m.then is a and m.orelse is b:
                return m.out
        out = ir.Value(name, type)
        self.merges.append(ir.Merge(out, a, b))
        return out

    def join(self, key: Key, a: Any, b: Any) -> Any:
        """Join what something means after either arm.

        Raises:
            Unjoinable: No common type describes both.
        """
        if a is b or (isinstance(a, v.Static | v.Unbound) and a == b):
            return a
        if isinstance(a, v.Unbound):
            with self.at_end(0):
                a = blank(self.reader, b)
        if isinstance(b, v.Unbound):
            with self.at_end(1):
                b = blank(self.reader, a)
        whole = parts(self.join, key, a, b)
        if whole is not None:
            return whole
        if isinstance(a, v.Cell) and type(a) is type(b):
            if (a, b) not in self.cells:
                contents = self.ends[0].heap[a], self.ends[1].heap[b]
                joined = self.join((a,), *contents)
                self.cells[a, b] = self.reader.state.heap.copied(a, joined, a, b)
            return self.cells[a, b]
        if isinstance(a, v.Ref) and isinstance(b, v.Ref):
            return self.refs(key, a, b)
        for x in (a, b):
            if not v.is_operand(x) and not (v.is_point(x) and x.root not in self.kept):
                raise Unjoinable(a, b)
        numbers: list[ir.Operand] = []
        type_ = join(a.type, b.type)
        for arm, x in enumerate((a, b)):
            with self.at_end(arm):
                number = self.reader.operand(x)
                numbers.append(convert(self.build, number, type_))
        return self.merge(numbers[0], numbers[1], type_, label(key))

    def refs(self, key: Key, a: v.Ref, b: v.Ref) -> v.Ref:
        """Join two arrays: they become one buffer, if they are not places in one."""
        if alike(self.build, a, b):
            return a if a.path == b.path else places(self.build, self.join, key, a, b)
        pair = None if a.path or b.path else (a.root, b.root)
        if pair in self.pairs:
            return self.pairs[pair]
        check_kinds(a, b)
        root = v.Root(label(key), a.root.type, min(v.list_axes(a), v.list_axes(b)))
        ends: list[Any] = []
        for arm, ref in enumerate((a, b)):
            with self.at_end(arm):
                value, links = hand_over(
                    self.reader, ref, root, self.kept, self.given[arm]
                )
            ends.append(value)
            for other in links:
                self.reader.share(root, other)
        root.type = ends[0].type
        if isinstance(root.type, Array):
            pairs = enumerate(zip(root.type.dims, ends[1].type.dims, strict=True))
            resolve = self.build.resolve
            apart = [k for k, (x, y) in pairs if resolve(x) != resolve(y)]
            plain = all(end.type.contiguous for end in ends)
            root.type = replace(self.build.loosen(root.type, apart), contiguous=plain)
        out = self.reader.state.ver[root] = ir.Value(root.name, root.type)
        self.merges.append(ir.Merge(out, *ends))
        joined = v.Ref(root, (), root.type)
        if pair is not None:
            self.pairs[pair] = joined
        return joined

    def states(self, live: frozenset[str] | None, results: list[Any]) -> v.Thing | None:
        """Set the reader's state to the join of both ends; join the arms' results."""
        reader, (one, two) = self.reader, self.ends
        names = [n for n in {**one.names, **two.names} if live is None or n in live]
        self.kept = self.unchanged(names)
        shared = {c: x for c, x in one.heap.items() if c in two.heap}
        state = reader.state = State({}, {}, v.Heap(shared))
        for owner in (*names, *shared):
            a, b = one.get(owner), two.get(owner)
            try:
                state.put(owner, self.join((owner,), a, b))
            except Unjoinable as clash:
                if not isinstance(a, v.Unbound) and not isinstance(b, v.Unbound):
                    poison = reader.clash(label((owner,)), clash)
                    state.put(owner, poison if isinstance(owner, str) else a)
        result = None
        if results[0] is not None and results[1] is not None:
            result = self.join(("",), *results)
        for root, a in one.ver.items():
            if root in two.ver and not any(root in given for given in self.given):
                merged = self.merge(a, two.ver[root], root.type, root.name)
                state.ver[root] = merged  # type: ignore[assignment]
        return result

    def unchanged(self, names: list[str]) -> set[v.Root]:
        """Return the buffers reached by something that both arms leave as it was."""
        reader = self.reader
        one, two = (reached(end.names, names, end.heap) for end in self.ends)
        kept = {
            leaf.root.memory
            for key, leaf in one.items()
            if key in two and leaf.root is two[key].root
        }
        for thing in reader.elsewhere():
            kept.update(v.roots_of(thing, self.ends[0].heap))
        return kept


def reached(
    things: Mapping[str, v.Thing], names: Iterable[str], heap: dict[v.Cell, Any]
) -> dict[Key, v.Ref]:
    """Return the arrays that some names reach, by key."""
    return {
        key: leaf
        for name in names
        if name in things
        for key, leaf in v.leaves(things[name], heap, (name,))
        if isinstance(leaf, v.Ref)
    }


Arm = Callable[[], v.Thing | None]


def branch(
    reader: Reader, cond: ir.Operand, then: Arm, orelse: Arm,
    live: frozenset[str] | None,
) -> v.Thing | None:  # fmt: skip
    """Run both arms under a condition and join their results and what they leave.

    `live` are the names of the frame that are alive afterwards; None means all.
    """
    build, back = reader.build, reader.checkpoint()
    ends, results, arms, dead = [], [], [], []
    for arm in (then, orelse):
        reader.state, reader.dead = reader.state.copy(), False
        outer = reader.state.copy()
        result = None
        with build.block() as stmts, reader.stopping():
            result = arm()
        results.append(result)
        ends.append(reader.state)
        arms.append(stmts)
        dead.append(reader.dead)
        reader.state = outer
    if any(dead):
        # The arm that raises stays inside the `if`; what follows is the other arm.
        kept = [ir.Block(tuple(a) * d) for a, d in zip(arms, dead, strict=True)]
        build.emit(ir.If(cond, kept[0], kept[1], (), build.loc))
        reader.dead = all(dead)
        return None if all(dead) else (orelse if dead[0] else then)()
    forms: dict[Any, Any] = {}
    for cell, before in reader.state.heap.items():
        contents = [end.heap.get(cell) for end in ends]
        if None not in contents and contents[0] is not contents[1]:
            forms[cell] = lists.common_form(reader, cell, before, *contents)
    if any(forms.values()):
        back()
        for cell, form in reversed(forms.items()):
            if form is not None:
                lists.reform(reader, cell, form)
        return branch(reader, cond, then, orelse, live)
    joiner = _Branch(reader, ends, arms)
    result = joiner.states(live, results)
    blocks = [ir.Block(tuple(a)) for a in arms]
    build.emit(ir.If(cond, blocks[0], blocks[1], tuple(joiner.merges), build.loc))
    for merge in joiner.merges:
        build.measure(merge.out)
    return result
