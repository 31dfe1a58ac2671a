"""Names, buffers and containers while a function is read, and how they are joined.

Three maps hold everything that can change: `names` of the current frame, `ver` (the
current version of each buffer), and `heap` (the contents of containers). What a name
means at two points of the program (the ends of two arms; the head of a loop and the end
of a turn) is taken apart into `parts`: pairs of numbers and of arrays, each with a key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from srcgrad import ir
from srcgrad.builder import Builder, const
from srcgrad.frontend import calls, choices, forms, pools
from srcgrad.frontend import values as v
from srcgrad.ops import python
from srcgrad.types import Array, Dim, ListOf, join
from srcgrad.walk import mapped, operands

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

    def restore(self, maps: Any, kept: State) -> None:
        """Go back to what was kept, in the maps of then: others may hold them."""
        self.names, self.ver, self.heap = maps
        for now, then in zip(maps, (kept.names, kept.ver, kept.heap), strict=True):
            now.clear()
            now.update(then)

    def of(self, owner: object) -> dict[Any, Any]:
        """Return the map of a name or of a container."""
        return self.names if isinstance(owner, str) else self.heap


class Unjoinable(Exception):
    """Two things, its arguments, have no type that describes both."""


class Retry(Exception):
    """A plan, its argument, has learnt something: read its loop again."""


# Parts of things, by key: a name or container, then where the part is inside it.


def label(key: Key) -> str:
    """Return the name that a joined number or array prints under."""
    name: str = key[0] if isinstance(key[0], str) else key[0].name
    if key[1:] and key[-1] == "bound":
        return f"{name}_bound"
    if key[-1] == "case":
        return f"{name}_case"
    return "i" if "path" in key else name


def parts(again: Callable[..., Any], key: Key, *things: Any) -> Any:
    """Do something to the parts of things; None for what has none, else Unjoinable."""
    first = things[0]
    if any(isinstance(t, v.Poison) for t in things):
        return v.Poison()
    if any(isinstance(t, v.Maybe) for t in things):
        inner = [t.thing if isinstance(t, v.Maybe) else t for t in things]
        flags = [t.bound if isinstance(t, v.Maybe) else const(True) for t in things]
        return v.Maybe(again(key, *inner), again((*key, "bound"), *flags))
    if len({type(t) for t in things}) > 1:
        return None
    if isinstance(first, v.OneOf):
        case = again((*key, "case"), *(t.case for t in things))
        return v.OneOf(case, parts(again, key, *(t.things for t in things)))
    if isinstance(first, v.Tuple):
        if len({(t.cls, len(t.items)) for t in things}) > 1:
            raise Unjoinable(*things)
        return v.Tuple(parts(again, key, *(t.items for t in things)), first.cls)
    if not isinstance(first, tuple | dict):
        return None
    whole = [t if isinstance(t, dict) else dict(enumerate(t)) for t in things]
    if any(list(t) != list(whole[0]) for t in whole):
        raise Unjoinable(*things)
    made = {k: again((*key, k), *(t[k] for t in whole)) for k in whole[0]}
    return made if isinstance(first, dict) else tuple(made.values())


def blank(
    reader: Reader, thing: v.Thing, heap: dict[v.Cell, Any], known: Any = None,
    lengths: Mapping[int, Dim] | None = None,
) -> v.Thing:  # fmt: skip
    """Return what stands for a thing that is not bound where these containers are.

    Of an array some `lengths` may be known already, by axis.
    """
    inner = thing.thing if isinstance(thing, v.Maybe) else thing
    if lengths and isinstance(inner, v.Ref):
        made = reader.build.placeholder(inner.type, lengths)
        return v.Maybe(reader.allocate(made), const(False))
    return v.Maybe(stand_in(reader, inner, heap, known), const(False))


def stand_in(
    reader: Reader, thing: v.Thing, heap: dict[v.Cell, Any], known: Any = None
) -> v.Thing:
    """Return a thing of the same kind that nobody looks at.

    A container that is `known` elsewhere, but is none of those here, is made anew.
    """

    def like(_: Key, thing: v.Thing) -> v.Thing:
        whole: v.Thing | None = parts(like, (), thing)
        there = isinstance(thing, v.Cell) and thing in heap
        if whole is not None or there or isinstance(thing, v.Static | v.Closure):
            return thing if whole is None else whole
        if isinstance(thing, v.Cell) and known is not None:
            return reader.container(
                replace(thing, captured=None), like((), known[thing])
            )
        if not isinstance(thing, ir.Const | ir.Value | v.Ref):
            raise Unjoinable(thing, v.Unbound())
        if isinstance(thing, v.Ref) and thing.root.pool and len(thing.path) == 1:
            if thing.root in reader.state.ver:
                return replace(thing, path=mapped(thing.path, lambda _: const(0)))
        made = reader.build.placeholder(thing.type)
        return made if isinstance(made, ir.Const) else reader.allocate(made)

    return like((), thing)


# Places: paths into one buffer whose numbers differ.


def places(build: Builder, again: Callable[..., Any], key: Key, *refs: v.Ref) -> v.Ref:
    """Do something to the numbers in the paths of views that are alike."""
    paths = [_explicit(build, ref) for ref in refs]
    numbers = enumerate(zip(*map(operands, paths), strict=True))
    new = iter([again((*key, "path", k), *number) for k, number in numbers])
    return v.Ref(refs[0].root, mapped(paths[0], lambda _: next(new)), refs[0].type)


def alike(build: Builder, a: v.Ref, b: v.Ref) -> bool:
    """Tell whether two parts of one buffer differ in the numbers of a path only."""
    if a.root is not b.root or a.type.rank != b.type.rank or differing(build, a, b):
        return False
    one, two = (mapped(_explicit(build, r), lambda _: 0) for r in (a, b))
    return bool(one == two)


def _explicit(build: Builder, ref: v.Ref) -> ir.Path:
    """Return a path whose slices have a start and a stop."""
    steps: list[ir.Step] = []
    type: Any = ref.root.type
    for step in ref.path:
        given, whole = step, getattr(type, "dims", ())
        if isinstance(step, ir.Index) and whole:
            items: list[ir.Item] = []
            for item in step.items:
                if isinstance(item, ir.Slice) and item.step is None:
                    axis = sum(i is not None for i in items)
                    stop = item.stop or build.length(build.resolve(whole[axis]))
                    item = ir.Slice(item.start or const(0), stop, None)
                items.append(item)
            step = ir.Index(tuple(items))
        steps.append(step)
        type = build.place(type, (given,))
    return tuple(steps)


# Arrays, lists that grow, and containers.


def differing(build: Builder, a: Any, b: Any) -> list[Any]:
    """Return the axes of different length, and "turned" if only the first is plain."""
    pairs = enumerate(zip(a.type.dims, b.type.dims, strict=True))
    apart: list[Any] = [
        k for k, (x, y) in pairs if build.resolve(x) != build.resolve(y)
    ]
    plain = [getattr(x.type, "contiguous", True) for x in (a, b)]
    return [*apart, "turned"] if plain == [True, False] else apart


def loosened(build: Builder, type: Any, apart: list[Any]) -> Any:
    """Return a type with nothing known about what differs."""
    if not isinstance(type, Array):
        return type
    plain = type.contiguous and "turned" not in apart
    return replace(build.loosen(type, apart), contiguous=plain)


def check_kinds(a: Any, b: Any) -> None:
    """Raise Unjoinable unless one owner can be either of two arrays or containers."""
    cells = isinstance(a, v.Cell)
    kinds = [
        t.cls if cells else (type(t.type), t.type.rank, t.type.dtype) for t in (a, b)
    ]
    if kinds[0] != kinds[1] or v.is_point(a):
        raise Unjoinable(a, b)


def kinds(reader: Reader, *numbers: ir.Operand) -> frozenset[Any]:
    """Return the types that numbers have on one path or another."""
    known = (reader.kinds.get(x, {x.type}) for x in numbers)
    return frozenset[Any]().union(*known)


class Handing:
    """Arrays and containers that go over to new owners at one point of the program.

    `kept` are the buffers that something else still reaches.
    """

    def __init__(self, reader: Reader, kept: set[v.Root]) -> None:
        self.reader, self.kept = reader, kept
        self.moved: set[v.Owner] = set()
        self.given: list[tuple[v.Owner, Any]] = []

    def over(self, thing: v.Ref | v.Cell, owner: Any) -> Any:
        """Return what a new owner gets: a copy if something else reaches it."""
        old = thing if isinstance(thing, v.Cell) else thing.root
        self.given.append((old.memory, owner))
        if isinstance(owner, v.Owner):
            owner.joined = True
        if isinstance(thing, v.Cell):
            return self.reader.state.heap[thing]
        ver, taken = self.reader.state.ver, old in self.kept or old in self.moved
        taken |= old.captured is not None
        if not thing.path and thing.root in ver and not taken:
            self.moved.add(old)
            return ver[thing.root]
        if isinstance(thing.type, ListOf):  # which may grow later
            made: Any = calls.apply(self.reader, v.Static(python.to_list), [thing], {})
            return self.reader.version(self.reader.state.heap[made].root)
        copied = self.reader.operand(thing)
        return self.reader.build.op("copy", copied, name=old.name)

    def shared(self) -> Iterator[tuple[Any, Any]]:
        """Yield what shares memory then: a new owner, and another or what is left."""
        for old, owner in self.given:
            for other in (old, *old.shares):
                if other not in self.moved and other is not owner:  # noted before
                    yield owner, other
                for source, holder in self.given:
                    if source is other and (holder != owner or other in old.shares):
                        yield owner, holder


class _Branch:
    """Join the states at the ends of two arms, and collect the merges."""

    def __init__(
        self, reader: Reader, ends: list[State], arms: list[list[ir.Stmt]],
        facts: list[dict[Any, Any]],
    ) -> None:  # fmt: skip
        self.reader, self.build, self.ends, self.arms = reader, reader.build, ends, arms
        self.facts = facts  # what each arm knows of cases at its end
        self.merges: list[ir.Merge] = []
        self.pairs: dict[Any, v.Ref | v.Cell] = {}

    def at_ends(self, do: Callable[..., Any], *things: Any) -> list[Any]:
        """Do something to what each arm has, at its end."""
        done, outer = [], self.reader.state
        try:
            for arm, thing in enumerate(things):
                self.reader.state = self.ends[arm]
                with self.build.block() as stmts:
                    self.build.memo |= self.facts[arm]
                    done.append(do(thing, arm))
                self.arms[arm] += stmts
        finally:
            self.reader.state = outer
        return done

    def merge(self, a: ir.Operand, b: ir.Operand, name: str, *types: Any) -> ir.Operand:
        """Return the value that is `a` after one arm and `b` after the other."""
        same = isinstance(a, ir.Const) and a == b and repr(a) == repr(b)  # 0.0 == -0.0
        if a is b or (same and len(types) == 1):
            return a
        for m in self.merges:
            if m.then is a and m.orelse is b:
                return m.out
        out = ir.Value(name, a.type)
        self.reader.kinds[out] = frozenset(types)
        self.merges.append(ir.Merge(out, a, b))
        return out

    def join(self, key: Key, a: Any, b: Any) -> Any:
        """Join what something means after either arm, or raise Unjoinable."""
        if v.OneOf not in (type(a), type(b)) or a is b:
            try:
                return self.joined(key, a, b)
            except Unjoinable:
                if not self.reader.ways.choosing:
                    raise
        return self.one_of(key, a, b)

    def one_of(self, key: Key, a: Any, b: Any) -> Any:
        """Join things of unlike kinds: it is one of them."""
        if isinstance(a, v.Unbound | v.Maybe) or isinstance(b, v.Unbound | v.Maybe):
            return self.joined(key, a, b)
        known = self.at_ends(lambda x, _: choices.known(self.reader, x), a, b)
        if v.OneOf in (type(a), type(b)) and v.OneOf not in map(type, known):
            return self.join(key, *known)
        (a, b), (one, two) = known, self.ends
        whole = choices.kinds((one.heap, a), (two.heap, b))
        if len(whole.told) == 1:
            raise Unjoinable(a, b)
        among = lambda x, _: choices.among(self.reader, x, whole)  # noqa: E731
        return parts(self.join, key, *self.at_ends(among, a, b))

    def joined(self, key: Key, a: Any, b: Any) -> Any:
        """Join things of one kind, or raise Unjoinable."""
        if a is b or (isinstance(a, v.Static | v.Unbound) and a == b):
            return a
        if isinstance(a, v.Unbound) or isinstance(b, v.Unbound):
            known = b if isinstance(a, v.Unbound) else a
            a, b = self.at_ends(
                lambda x, arm: (
                    x if x is known else blank(self.reader, known, self.ends[arm].heap)
                ),
                a,
                b,
            )
        whole = parts(self.join, key, a, b)
        if whole is not None:
            return whole
        both = type(a) is type(b)
        if isinstance(a, v.Ref) and both and alike(self.build, a, b):
            return a if a.path == b.path else places(self.build, self.join, key, a, b)
        if isinstance(a, v.Ref | v.Cell) and both:
            return self.owners(key, a, b)
        for x in (a, b):
            if not v.is_operand(x) and not (v.is_point(x) and x.root not in self.kept):
                raise Unjoinable(a, b)
        known, cast = kinds(self.reader, a, b), self.build.cast
        joined = join(*known)
        one, other = self.at_ends(
            lambda x, _: cast(self.reader.operand(x), joined.dtype, joined.python), a, b
        )
        return self.merge(one, other, label(key), *known)

    def owners(self, key: Key, *things: Any) -> Any:
        """Join two arrays or containers: they become one."""
        a, b = things
        pair = tuple(t if isinstance(t, v.Cell) else (t.root, t.path) for t in things)
        if pair in self.pairs:
            return self.pairs[pair]
        check_kinds(a, b)
        if isinstance(a, v.Cell):
            joined: Any = replace(a, captured=None)
            self.bring_into_form(a, b)
            held = (e.heap[t] for e, t in zip(self.ends, things, strict=True))
            parts(lambda *_: None, key, *held)  # raises Unjoinable
        else:
            joined = v.Root(label(key), a.root.type, min(map(v.list_axes, things)))
            joined.python = a.root.python and b.root.python
        over = [handing.over for handing in self.handings]
        ends = self.at_ends(lambda thing, arm: over[arm](thing, joined), a, b)
        if isinstance(a, v.Cell):
            self.pairs[pair] = joined
            self.reader.state.heap[joined] = self.join((a,), *ends)
            return joined
        joined.type = loosened(self.build, ends[0].type, differing(self.build, *ends))
        out = self.reader.state.ver[joined] = ir.Value(joined.name, joined.type)
        self.merges.append(ir.Merge(out, *ends))
        self.pairs[pair] = v.Ref(joined, (), joined.type)
        return self.pairs[pair]

    def made(self) -> forms.Made:
        """Return what both arms have made."""
        one, other = self.ends
        return forms.Made(
            v.Heap({**one.heap, **other.heap}), (*self.arms[0], *self.arms[1])
        )

    def bring_into_form(self, *lists: Any) -> None:
        """Have lists at both ends kept alike, where they differ in length."""
        pairs = zip(self.ends, lists, strict=True)
        contents = [end.heap.get(x, x.captured) for end, x in pairs]
        form = forms.common(self.reader, self.made, lists[0], (), *contents)
        if form is not None and contents[0] is not contents[1]:
            self.at_ends(lambda x, _: forms.reformed(self.reader, x, form), *lists)

    def states(self, live: frozenset[str] | None, results: list[Any]) -> v.Thing | None:
        """Set the reader's state to the join of both ends; join the arms' results."""
        reader, (one, two) = self.reader, self.ends
        names = [
            n for n, x in {**one.names, **two.names}.items()
            if live is None or n in live or type(x) is v.Box
        ]  # fmt: skip
        first, second = (reached(reader, end, names) for end in self.ends)
        same = {k for k in first.keys() & second if first[k].root is second[k].root}
        self.kept = {first[k].root.memory for k in same}
        self.handings = Handing(reader, self.kept), Handing(reader, self.kept)
        shared = {c: x for c, x in one.heap.items() if c in two.heap}
        state = reader.state = State({}, {}, v.Heap(shared))
        for owner in (*names, *shared):
            if isinstance(owner, v.ListCell):
                self.bring_into_form(owner, owner)
            a, b = (end.of(owner).get(owner, v.Unbound()) for end in self.ends)
            try:
                joined = self.join((owner,), a, b)
            except Unjoinable as clash:
                if isinstance(a, v.Unbound) or isinstance(b, v.Unbound):
                    continue
                joined = reader.clash((owner,), clash, a)
            state.of(owner).update({owner: joined})  # not a change of what it holds
        result = None
        if results[0] is not None and results[1] is not None:
            result = self.join(("",), *results)
        moved = set().union(*(handing.moved for handing in self.handings))
        for root, a in one.ver.items():
            if root in two.ver and root not in moved:
                merged = self.merge(a, two.ver[root], root.name, root.type)
                state.ver[root] = merged  # type: ignore[assignment]
        for handing in self.handings:
            for pair in handing.shared():
                reader.share(*pair)
        return result


def reached(reader: Reader, state: State, names: Iterable[str]) -> dict[Key, v.Ref]:
    """Return the arrays that some names reach, and what is held elsewhere, by key."""
    things: Any = {n: state.names[n] for n in names if n in state.names}
    things |= enumerate(reader.elsewhere())
    return {
        key: leaf
        for name, thing in things.items()
        for key, leaf in v.leaves(thing, state.heap, (name,))
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
    ends, results, arms, dead, facts = [], [], [], [], []
    for holds, arm in ((True, then), (False, orelse)):
        outer, reader.state, reader.dead = reader.state, reader.state.copy(), False
        result = None
        with build.block() as stmts:
            choices.learn(reader, cond, holds)
            with reader.stopping():
                result = arm()
            facts.append(choices.facts(reader))
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
        choices.learn(reader, cond, dead[1])
        return None if all(dead) else (orelse if dead[0] else then)()
    if pooled := pools.made_inside(reader, ends, arms[0] + arms[1]):
        back()
        for type in pooled:
            pools.of(reader, type)
        return branch(reader, cond, then, orelse, live)
    wanted: dict[Any, forms.Form] = {}
    joiner = _Branch(reader, ends, arms, facts)
    for cell, before in reader.state.heap.items():
        contents = [end.heap.get(cell) for end in ends]
        if form := forms.common(reader, joiner.made, cell, before, *contents):
            wanted[cell] = form
    if wanted:
        back()
        for cell in reversed(wanted):
            forms.reform(reader, cell, wanted[cell])
        return branch(reader, cond, then, orelse, live)
    before = reader.state
    try:
        result = joiner.states(live, results)
    except (v.Gone, v.Refused):
        reader.state = before  # the new one is not complete
        raise
    blocks = [ir.Block(tuple(a)) for a in arms]
    build.emit(ir.If(cond, blocks[0], blocks[1], tuple(joiner.merges), build.loc))
    for merge in joiner.merges:
        build.measure(merge.out)
    return result
