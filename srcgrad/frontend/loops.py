"""Read loops: what is carried from turn to turn, found by trying.

The body is read with a first guess of what changes in it. What the guess got wrong is
noted as a fact about a key, and the body is read again; two or three readings are the
rule. Facts only add up:

    ("type", key): Scalar      a number is joined to this type
    ("array", key)             a name is bound to another array or container by a turn
    ("place", key)             it is bound to another place in the same buffer
    ("loose", key, axis)       a length of the array differs from turn to turn
    ("turned", key)            the array need not be contiguous
    ("shared", key, other)     it holds a copy where plain Python has one memory
    ("linked", owner, other)   two arrays or lists share memory after a turn
    ("blank", key): Thing      a name is bound by a turn, and not before the loop
    ("cell", cell)             the items of a container change
    ("form", cell): form       a list must be kept in a form of run time
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from srcgrad import ir
from srcgrad.builder import INT, const
from srcgrad.frontend import lists
from srcgrad.frontend import state as st
from srcgrad.frontend import values as v
from srcgrad.types import Array, Type, join
from srcgrad.walk import substitute

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader


@dataclass(slots=True)
class Header:
    """What is to be run again and again.

    `bounds` makes a For, `test` a While. `bind` sets the targets.
    `carried` are the assigned names that are alive at the head of the loop.
    """

    carried: frozenset[str]
    live: frozenset[str]
    body: Callable[[], None]
    bounds: tuple[ir.Operand, ir.Operand, ir.Operand] | None = None
    bind: Callable[[ir.Value], None] | None = None
    test: Callable[[], ir.Operand] | None = None
    exit_name: str = ""
    variable: str = "i"


@dataclass(slots=True)
class Slot:
    """One carried value under construction; `root` is its buffer, if it is an array."""

    key: st.Key
    init: ir.Operand
    inn: ir.Value
    out: ir.Value
    root: v.Root | None = None
    yld: ir.Operand | None = None

    def after(self) -> ir.Operand:
        """Return what it is after the loop: the same as before, if no turn sets it."""
        return self.init if self.yld is None or self.yld is self.inn else self.out


def read_loop(reader: Reader, header: Header) -> None:
    """Read a loop and leave the state as it is after it."""
    plan: st.Plan = {}
    back = reader.checkpoint()
    reader.plans.append(plan)
    try:
        for _ in range(40):
            try:
                return _Loop(reader, header, plan).read()
            except st.Retry as again:
                if again.plan is not plan:
                    raise
                back()
    finally:
        reader.plans.pop()
    raise RecursionError("the types in a loop do not settle")


class _Loop:
    def __init__(self, reader: Reader, header: Header, plan: st.Plan) -> None:
        self.reader, self.header, self.plan = reader, header, plan
        self.build = reader.build
        self.slots: dict[st.Key, Slot] = {}
        self.given: dict[Any, Any] = {}
        self.inner: dict[st.Key, v.Cell] = {}  # containers that a turn rebinds
        self.items: dict[v.Cell, Any] = {}  # and what they hold at its head
        self.learnt = False

    def learn(self, *fact: Any, value: Any = True) -> None:
        """Note a fact; `settle` reads the loop again if it is new."""
        if self.plan.get(fact) != value:
            self.plan[fact] = value
            self.learnt = True

    def settle(self) -> None:
        """Give this reading up if it has taught anything.

        Raises:
            Retry: It has.
        """
        if self.learnt:
            raise st.Retry(self.plan)

    def facts(self, kind: str) -> list[tuple[Any, ...]]:
        """Return what is known of a kind."""
        return [fact[1:] for fact in self.plan if fact[0] == kind]

    def read(self) -> None:
        state = self.reader.state
        self.outside: dict[v.Root, Any] = {root: root for root in state.ver}
        for (cell,) in reversed(self.facts("form")):  # what holds others comes first
            if cell in state.heap:
                lists.reform(self.reader, cell, self.plan["form", cell])
                state = self.reader.state
                self.outside.update(dict.fromkeys(v.roots_of(cell, state.heap), cell))
        for pair in self.facts("linked"):
            both = [[r for r, o in self.outside.items() if o is end] for end in pair]
            for one, other in itertools.product(*both):
                self.reader.share(one, other)
        self.shares = {root: set(root.shares) for root in self.outside}
        self.kept = self.still_reached()
        heads: dict[st.Key, Any] = {}
        for name in sorted(self.header.carried):
            thing = state.get(name)
            if isinstance(thing, v.Unbound) and ("blank", name) in self.plan:
                thing = st.blank(self.reader, self.plan["blank", name])
            state.names[name] = thing = self.enter((name,), thing)
            if not isinstance(thing, v.Unbound):
                heads[name,] = thing
        for (cell,) in self.facts("cell"):
            if not isinstance(state.heap.get(cell), v.Ref | None):
                contents = self.enter((cell,), state.heap[cell])
                state.heap.update({cell: contents})  # it means what it meant
                heads[cell,] = contents
        carried = {slot.root for slot in self.slots.values()}
        for root, version in [*state.ver.items()]:
            if root in self.given:
                del state.ver[root]
            elif root not in carried:
                self.slot((root,), version, root.type, root)
        self.heap_in = dict(state.heap)
        with self.build.block() as test:
            cond = self.header.test() if self.header.test else None
        var = ir.Value(self.header.variable, INT)
        with self.build.block() as stmts:
            for slot in self.slots.values():
                self.build.measure(slot.inn)
            if self.header.bind:
                self.header.bind(var)
            self.header.body()
            exit: Any = self.reader.state.names.get(self.header.exit_name)
            exit = exit.thing if isinstance(exit, v.Maybe) else exit
            if not v.is_operand(exit) or exit == const(False):
                exit = None
            self.check_cells(heads)
            ends = self.leave(heads)
        self.emit(var, cond, test, stmts, exit)
        state = self.reader.state
        lasting = self.header.live - self.header.carried
        state.names = {n: t for n, t in state.names.items() if n in lasting}
        for (owner, *_), end in ends.items():
            if isinstance(owner, str) or owner in state.heap:
                state.put(owner, end)
        state.ver = {}
        for slot in self.slots.values():
            if slot.root is not None:
                after: Any = slot.after()
                state.ver[slot.root], slot.root.type = after, after.type

    # entering

    def slot(
        self, key: st.Key, init: ir.Operand, type: Type, root: v.Root | None = None
    ) -> ir.Value:
        """Carry a value, an array as the version of a buffer inside."""
        name = st.label(key)
        inn, out = ir.Value(name, type), ir.Value(name, self.loosened(key, type))
        self.slots[key] = Slot(key, init, inn, out, root)
        if root is not None:
            self.reader.state.ver[root] = inn
        return inn

    def loosened(self, key: st.Key, type: Any) -> Any:
        """Return a type with nothing known about the lengths that differ."""
        axes = [axis for k, axis in self.facts("loose") if k == key]
        return self.build.loosen(type, axes)

    def enter(self, key: st.Key, thing: Any) -> Any:
        """Return what something means inside the body."""
        whole = st.parts(self.enter, key, thing)
        if whole is not None:
            return whole
        if isinstance(thing, v.Cell) and ("array", key) in self.plan:
            return self.enter_cell(key, thing)
        if isinstance(thing, v.Ref) and ("array", key) in self.plan:
            if not v.is_point(thing):
                return self.enter_array(key, thing)
            # The name is bound to numbers later on: nobody may see it written before.
            if thing.root in self.kept:
                clash = st.Unjoinable(thing, const(0.0))
                return self.reader.clash(st.label(key), clash)
            thing = self.reader.operand(thing)
        if v.is_operand(thing):
            type = self.plan.get(("type", key), thing.type)
            return self.slot(key, st.convert(self.build, thing, type), type)
        if isinstance(thing, v.Ref) and ("place", key) in self.plan:
            return st.places(self.build, self.enter, key, thing)
        return thing

    def enter_cell(self, key: st.Key, cell: v.Cell) -> v.Cell:
        """Make a container that is another one in each turn."""
        heap = self.reader.state.heap
        contents = self.enter((*key, "items"), heap[cell])
        partners = {self.inner.get(other, other) for other in self.partners(key)}
        others = [p for p in (cell, *partners) if isinstance(p, v.Cell)]
        made: v.Cell = heap.copied(cell, contents, *others)
        self.inner[key], self.items[made] = made, contents
        return made

    def partners(self, key: st.Key) -> list[Any]:
        """Return what may be one memory, or one container, with what a key means."""
        pairs = [pair for pair in self.facts("shared") if key in pair]
        return [other if one == key else one for one, other in pairs]

    def enter_array(self, key: st.Key, ref: v.Ref) -> v.Ref:
        """Make a buffer that is another one in each turn."""
        reader = self.reader
        root = v.Root(st.label(key), ref.root.type, v.list_axes(ref))
        init, links = st.hand_over(reader, ref, root, self.kept, self.given)
        for partner in self.partners(key):
            if isinstance(partner, v.ListCell):
                links.update(v.roots_of(partner, reader.state.heap))
            elif isinstance(partner, v.Root):
                links.add(partner)
            elif partner == key:
                links.add(root)
            elif partner in self.slots:
                links.add(self.slots[partner].root)
        for other in links:
            reader.share(root, other)
        root.type = self.loosened(key, init.type)
        if isinstance(root.type, Array) and ("turned", key) in self.plan:
            root.type = replace(root.type, contiguous=False)
        self.slot(key, init, root.type, root)
        return v.Ref(root, (), root.type)

    def still_reached(self) -> set[v.Root]:
        """Return the buffers that something reaches that is not carried as an array."""
        reader, heap = self.reader, self.reader.state.heap
        found: set[v.Root] = set()
        names = reader.state.names
        live = [
            n for n in self.header.live
            if not isinstance(names.get(n), v.Cell) or ("array", (n,)) not in self.plan
        ]  # fmt: skip
        arrays = st.reached(names, live, heap)
        for key, ref in arrays.items():
            if ("array", key) not in self.plan:
                found.add(ref.root.memory)
        for thing in reader.elsewhere():
            found.update(v.roots_of(thing, heap))
        return found

    # leaving

    def check_cells(self, heads: dict[st.Key, Any]) -> None:
        """Learn which containers the body changes."""
        for cell, before in self.heap_in.items():
            now = self.reader.state.heap.get(cell)
            if now is None or now is before or cell in self.inner.values():
                continue
            form = lists.common_form(self.reader, cell, before, before, now)
            if form is not None:
                self.learn("form", cell, value=form)
            elif len(now) != len(before) or (
                isinstance(before, dict) and now.keys() != before.keys()
            ):
                what = "list" if isinstance(cell, v.ListCell) else "dict"
                raise self.reader.problem(
                    "SG402", f"a {what} has other entries after a turn of the loop",
                    f"give the {what} all its entries before the loop",
                )  # fmt: skip
            elif (cell,) not in heads:
                self.learn("cell", cell)
        self.settle()

    def leave(self, heads: dict[st.Key, Any]) -> dict[st.Key, Any]:
        """Connect the ends of a turn to the slots; return what holds after the loop."""
        reader, state = self.reader, self.reader.state
        reached = self.still_reached()
        own = {key[0] for key in self.slots if isinstance(key[0], v.Root)}
        self.kept, self.given = reached | own, {}
        for root, owner in self.outside.items():
            for other in root.shares - self.shares[root]:
                if other in self.outside:
                    self.learn("linked", owner, self.outside[other])
        arrays = len(self.facts("array"))
        ends: dict[st.Key, Any] = {}
        refused: Exception | None = None
        for key, inside in heads.items():
            try:
                end = state.get(key[0])
                gone = isinstance(end, v.Unbound)
                ends[key] = self.close(key, inside, inside if gone else end)
            except st.Unjoinable as clash:
                ends[key] = reader.clash(st.label(key), clash)
            except v.Refused as problem:
                refused = problem
        if len(self.facts("array")) > arrays:
            # What shared memory was found without these arrays.
            for fact in self.facts("shared"):
                del self.plan["shared", *fact]
        self.settle()
        if refused is not None:
            raise refused
        for name in sorted(self.header.carried):
            end = state.get(name)
            if (name,) not in heads and not isinstance(end, v.Poison | v.Unbound):
                # A turn may bind it for the next one.
                try:
                    st.blank(reader, end)
                    self.learn("blank", name, value=end)
                except st.Unjoinable:
                    pass
            if (name,) not in heads and reader.missed.pop(name, None) is not None:
                reader.problem("SG401", f"`{name}` is not bound here")
        self.settle()
        for slot in self.slots.values():
            if isinstance(slot.key[0], v.Root):
                slot.yld = state.ver.get(slot.key[0])
                if slot.yld is None and slot.key[0] not in reached:
                    slot.root = None  # nobody reads it again
                elif slot.yld is None:
                    name = slot.inn.name
                    reader.problem(
                        "SG403",
                        f"`{name}` is handed on to another name on one path only",
                        f"write `{name}.copy()` where the other name is bound",
                    )
        return ends

    def close(self, key: st.Key, inside: Any, end: Any) -> Any:
        """Connect what something means at the end of a turn to its slots."""
        whole = st.parts(self.close, key, inside, end)
        if whole is not None:
            return whole
        slot = self.slots.get(key)
        is_number = v.is_operand(end) or v.is_point(end)
        if slot is not None and slot.root is None and is_number:
            number = self.reader.operand(end)
            joined: Any = join(slot.inn.type, number.type)  # type: ignore[arg-type]
            if joined != slot.inn.type:
                self.learn("type", key, value=joined)
            slot.yld = st.convert(self.build, number, joined)
            return slot.after()
        if isinstance(inside, v.Cell) and type(inside) is type(end):
            return self.close_cell(key, inside, end)
        if v.is_point(inside) and end != inside:
            self.learn("array", key)
        elif isinstance(inside, v.Ref) and isinstance(end, v.Ref):
            return self.close_ref(key, inside, end, slot)
        elif inside is not end and inside != end:
            raise st.Unjoinable(inside, end)
        return inside

    def close_cell(self, key: st.Key, inside: v.Cell, end: v.Cell) -> v.Cell:
        """Connect a container at the end of a turn to the items it has at the head."""
        heap = self.reader.state.heap
        if ("array", key) not in self.plan:
            if inside is not end:
                self.learn("array", key)
            return inside
        owner = self.given.setdefault(end, key)
        outside = end in self.heap_in and end not in self.inner.values()
        if owner != key or outside:
            self.learn("shared", key, end if outside else owner)
        items = self.close((*key, "items"), self.items[inside], heap[end])
        others = [inside, *inside.shares]
        after: v.Cell = heap.copied(inside, items, *others)
        return after

    def close_ref(
        self, key: st.Key, inside: v.Ref, end: v.Ref, slot: Slot | None
    ) -> v.Ref:
        """Connect an array at the end of a turn to its slot."""
        if slot is None:
            if st.alike(self.build, inside, end):
                if ("place", key) in self.plan:
                    return st.places(self.build, self.close, key, inside, end)
                if inside.path != end.path:
                    self.learn("place", key)
            else:
                self.learn("array", key)
            return inside
        st.check_kinds(inside, end)
        if isinstance(inside.type, Array):
            pairs = zip(inside.type.dims, end.type.dims, strict=True)
            for axis, (a, b) in enumerate(pairs):
                if self.build.resolve(a) != self.build.resolve(b):
                    self.learn("loose", key, axis)
            if inside.type.contiguous and not end.type.contiguous:  # type: ignore[union-attr]
                self.learn("turned", key)
        slot.yld, links = st.hand_over(self.reader, end, key, self.kept, self.given)
        for other in links:
            if not isinstance(other, v.Root) or other in self.outside:
                self.learn("shared", key, self.outside.get(other, other))
        assert slot.root is not None
        return v.Ref(slot.root, (), slot.after().type)

    # emitting

    def emit(
        self, var: ir.Value, cond: ir.Operand | None, test: list[ir.Stmt],
        stmts: list[ir.Stmt], exit: ir.Operand | None,
    ) -> None:  # fmt: skip
        """Emit the loop; a slot that carries nothing is what it was before."""
        build = self.build
        carries: list[ir.Carry] = []
        names: dict[ir.Value, ir.Operand] = {}
        for slot in self.slots.values():
            if slot.yld is None or slot.yld is slot.inn:
                names[slot.inn] = slot.init
            else:
                carries.append(ir.Carry(slot.init, slot.inn, slot.yld, slot.out))
        rest: Any = tuple(carries), ir.Block(tuple(stmts)), exit, None, build.loc
        loop: ir.Stmt
        if self.header.bounds is not None:
            loop = ir.For(var, *self.header.bounds, *rest)
        else:
            assert cond is not None
            loop = ir.While(ir.Block(tuple(test)), cond, *rest)
        build.emit(substitute(loop, names))
        for carry in carries:
            build.measure(carry.out)
        for inn, init in names.items():
            if inn.type == INT:
                self.reader.aliases[inn] = build.dim(init)
                build.equal[inn] = build.dim(init)
