"""Read loops: what is carried from turn to turn, found by trying.

The body is read with a first guess of what changes in it. What the guess got wrong (a
type that must be joined, an array that is rebound, a list that grows) is noted in the
plan and the body is read again; two or three readings are the rule.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, NoReturn

from srcgrad.builder import INT, const
from srcgrad.frontend import stacks
from srcgrad.frontend.places import alike, explicit, with_operands
from srcgrad.frontend.slots import Header, Key, Plan, Retry, Slot, replace_root
from srcgrad.frontend.state import Unjoinable, convert
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
    roots_of,
)
from srcgrad.ir import Block, Carry, For, Operand, Stmt, Value, While
from srcgrad.types import Array, ListOf, Scalar, Type, join
from srcgrad.walk import operands, substitute

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader

__all__ = ["Header", "read_loop"]


def read_loop(reader: Reader, header: Header) -> None:
    """Read a loop and leave the state as it is after it."""
    plan = Plan()
    build = reader.build
    for _ in range(40):
        before = reader.snapshot()
        mark, memo = len(build.open[-1]), dict(build.memo[-1])
        found, dead = len(reader.problems), reader.dead
        shares = {root: set(root.shares) for root in reader.state.ver}
        try:
            _Loop(reader, header, plan).read()
            return
        except Retry:
            reader.restore(before)
            del build.open[-1][mark:]
            build.memo[-1] = memo
            del reader.problems[found:]
            reader.dead = dead
            for root, others in shares.items():
                root.shares = others
    raise RecursionError("the types in a loop do not settle")


class _Loop:
    def __init__(self, reader: Reader, header: Header, plan: Plan) -> None:
        self.reader, self.header, self.plan = reader, header, plan
        self.build = reader.build
        self.slots: list[Slot] = []
        self.by_key: dict[Key, Slot] = {}
        self.given: set[Root] = set()
        self.entry: dict[Key, Thing] = {}
        self.things: dict[str, Thing] = {}
        self.cells: dict[Cell, Any] = {}
        self.ends: dict[Root, Key] = {}
        self.outside = set(reader.state.ver)

    def read(self) -> None:
        state = self.reader.state
        self.grow()
        outer = {n: t for n, t in state.names.items() if n not in self.header.carried}
        self.held = [t for n, t in outer.items() if n in self.header.live]
        for name in sorted(self.header.carried):
            thing = state.names.get(name)
            thing = None if isinstance(thing, Unbound) else thing
            inside = self.enter(thing, (name,), name)
            if inside is not None:
                state.names[name] = self.things[name] = inside
            elif thing is None:
                # Not bound yet: a turn may bind it for the next one; see `leave`.
                state.names[name] = Unbound()
        for cell in self.plan.cells:
            if not isinstance(state.heap.get(cell), Ref | None):
                state.heap[cell] = self.cells[cell] = self.enter_contents(cell)
        self.enter_roots()
        heap_in = dict(state.heap)
        with self.build.block() as test_stmts:
            cond = self.header.test() if self.header.test else None
        var = Value(self.header.variable, INT)
        with self.build.block() as stmts:
            for slot in self.slots:
                self.build.measure(slot.inn)
            if self.header.bind:
                self.header.bind(var)
            self.header.body()
            exit = self.exit_flag()
            self.check_cells(heap_in)
            self.leave()
        self.finish(var, cond, test_stmts, stmts, exit)

    def exit_flag(self) -> Operand | None:
        name = self.header.exit_name
        if name is None:
            return None
        flag = self.reader.state.names.get(name)
        if flag is None or flag == const(False):
            return None
        if isinstance(flag, Maybe):
            flag = flag.thing
        return flag if is_operand(flag) else None  # type: ignore[return-value]

    # entering

    def slot(self, key: Key, init: Operand, type: Type, name: str) -> Slot:
        made = Slot(key, init, Value(name, type))
        self.slots.append(made)
        self.by_key[key] = made
        return made

    def enter(self, thing: Thing | None, key: Key, name: str) -> Thing | None:
        """Return what a name means inside the body."""
        if thing is None:
            return self.enter_unbound(key, name)
        if is_operand(thing):
            return self.enter_scalar(thing, key, name)  # type: ignore[arg-type]
        if is_point(thing) and key in self.plan.arrays:
            # The name is bound to numbers later on: nobody may see it written before.
            if thing.root in self.reachable(key):
                return self.reader.clash(name, Unjoinable(thing, const(0.0)))
            return self.enter_scalar(self.reader.operand(thing), key, name)
        if isinstance(thing, Ref) and key in self.plan.places:
            path = explicit(self.build, thing)
            numbers: Any = (
                self.enter_scalar(x, (*key, "path", k), "i")
                for k, x in enumerate(operands(path))
            )
            return Ref(thing.root, with_operands(path, numbers), thing.type)
        if isinstance(thing, Ref) and key in self.plan.arrays:
            return self.enter_array(thing, key, name)
        if isinstance(thing, Tuple):
            items = enumerate(thing.items)
            parts = tuple(self.enter(t, (*key, k), name) for k, t in items)
            return Tuple(parts, thing.cls)  # type: ignore[arg-type]
        if isinstance(thing, Maybe):
            inner = self.enter(thing.thing, key, name)
            flag = self.enter(thing.bound, (*key, "bound"), f"{name}_bound")
            return Maybe(inner, flag)  # type: ignore[arg-type]
        return thing

    def enter_scalar(self, thing: Operand, key: Key, name: str) -> Thing:
        assert isinstance(thing.type, Scalar)
        type = self.plan.types.get(key, thing.type)
        init = convert(self.build, thing, type)
        return self.slot(key, init, type, name).inn

    def enter_unbound(self, key: Key, name: str) -> Thing | None:
        type = self.plan.maybe.get(key)
        if type is None:
            return None
        flag = self.slot(
            (*key, "bound"), const(False), const(False).type, f"{name}_set"
        )
        if isinstance(type, Static):
            return Maybe(type, flag.inn)
        if isinstance(type, Scalar):
            type = self.plan.types.get(key, type)
        init = self.build.placeholder(type)
        if isinstance(type, Scalar):
            return Maybe(self.slot(key, init, type, name).inn, flag.inn)
        root = Root(name, type)
        self.slot(key, init, type, name).root = root
        slot = self.by_key[key]
        self.reader.state.ver[root] = slot.inn
        self.plan.arrays.add(key)
        return Maybe(Ref(root, (), type), flag.inn)

    def enter_array(self, ref: Ref, key: Key, name: str) -> Thing:
        init, shared = self.owner(ref, self.reachable(key))
        type = self.build.loosen(init.type, [k for n, k in self.plan.loose if n == key])
        if key in self.plan.turned:
            type = Array(type.dtype, type.dims, contiguous=False)
        assert isinstance(type, Array | ListOf)
        slot = self.slot(key, init, type, name)
        root = Root(name, type, ref.root.listlike)
        if shared is None:
            self.reader.state.ver.pop(ref.root, None)
        else:
            self.reader.share(root, shared)
        for other in list(ref.root.shares):
            self.reader.share(root, other)
        slot.root = root
        self.reader.state.ver[root] = slot.inn
        self.share_planned(key, root)
        return Ref(root, (), type)

    def share_planned(self, key: Key, root: Root) -> None:
        """Link the slots that the turn before left as copies of one memory."""
        for one, other in self.plan.shared:
            partner = other if one == key else one if other == key else None
            if partner is None:
                continue
            found = partner if isinstance(partner, Root) else None
            if found is None and partner in self.by_key:
                found = self.by_key[partner].root
            if found is not None:
                self.reader.share(root, found)

    def reachable(self, key: Key) -> set[Root]:
        """Return the buffers that something other than this name reaches."""
        reader = self.reader
        things: list[Thing] = list(self.held)
        things += [
            t
            for n, t in reader.state.names.items()
            if n in self.header.carried and n != key[0] and (n,) not in self.plan.arrays
            and n not in self.things
        ]  # fmt: skip
        for frame in reader.frames[:-1]:
            things += frame.names.values()
        things += reader.held
        return {r for t in things for r in roots_of(t, self.fixed_heap())}

    def fixed_heap(self) -> dict[Cell, Any]:
        """Return the contents of containers without what the loop carries apart."""
        heap = dict(self.reader.state.heap)
        for cell in self.plan.cells:
            contents: Any = heap.get(cell)
            if isinstance(contents, dict | tuple):
                named = isinstance(contents, dict)
                items = contents.items() if named else enumerate(contents)  # type: ignore[union-attr]
                carried = self.plan.arrays
                heap[cell] = {k: t for k, t in items if (cell, k) not in carried}
        return heap

    def owner(self, ref: Ref, kept: set[Root]) -> tuple[Value, Root | None]:
        """Return a version to hand over, and the buffer it is a copy of, if any."""
        ver = self.reader.state.ver
        root = ref.root
        if not ref.path and root not in kept and root not in self.given and root in ver:
            self.given.add(root)
            return ver[root], None
        view = self.reader.operand(ref)
        copy: Value = self.build.op("copy", view, name=root.name)
        return copy, root

    def enter_contents(self, cell: Cell) -> Any:
        contents = self.reader.state.heap[cell]
        if isinstance(contents, dict):
            return {k: self.enter(t, (cell, k), cell.name) for k, t in contents.items()}
        return tuple(
            self.enter(t, (cell, k), cell.name) for k, t in enumerate(contents)
        )

    def enter_roots(self) -> None:
        ver = self.reader.state.ver
        taken = {s.root for s in self.slots}
        for root in list(ver):
            if root not in taken and root not in self.given:
                slot = self.slot(("root", root), ver[root], root.type, root.name)
                slot.root = root
                ver[root] = slot.inn

    def grow(self) -> None:
        """Turn lists that the body appends to into growable buffers."""
        state = self.reader.state
        for cell, item in self.plan.growing.items():
            if not isinstance(cell, ListCell) or cell not in state.heap:
                continue
            self.reader.make_growable(cell, item)
        for cell in self.plan.popped & state.heap.keys():
            stacks.make_stack(self.reader, cell)
        for cell in self.plan.listlike:
            if isinstance(state.heap.get(cell), tuple):
                assert isinstance(cell, ListCell)
                self.reader.make_array(cell, ast.Pass())

    # leaving

    def leave(self) -> None:
        """Find what each slot hands to the next turn."""
        state = self.reader.state
        self.learn_arrays()
        for name in sorted(self.header.carried):
            end = state.names.get(name)
            inside = self.things.get(name)
            if inside is None:
                if end is not None and not isinstance(end, Poison | Unbound):
                    self.plan.learn_unbound(end, (name,), self.build)
                self.never_bound(name)
                continue
            if end is None:
                continue
            try:
                self.close(inside, end, (name,))
            except Unjoinable as clash:
                self.reader.clash(name, clash)
        for cell, contents in self.cells.items():
            self.close_contents(contents, state.heap[cell], cell)
        for slot in self.slots:
            if slot.key[0] == "root":
                slot.yld = state.ver.get(slot.root)  # type: ignore[arg-type]
                if slot.yld is None:
                    slot.yld = slot.inn
                    self.reader.handed(slot.root)

    def learn_arrays(self) -> None:
        """Learn at once all names that are bound to other arrays: swaps have two."""
        names = self.reader.state.names
        both = {n: (inside, names.get(n)) for n, inside in self.things.items()}
        new = {
            (n,)
            for n, (inside, end) in both.items()
            if isinstance(inside, Ref) and isinstance(end, Ref)
            if inside.root is not end.root
        } - self.plan.arrays
        if new:
            self.learn(new)

    def learn(self, arrays: set[Key]) -> NoReturn:
        """Read again with more slots; what shared memory was found without them."""
        self.plan.places -= arrays
        self.plan.shared.clear()
        self.plan.arrays |= arrays
        raise Retry

    def never_bound(self, name: str) -> None:
        """Note a name that no path binds before it is read."""
        if self.reader.missed.pop(name, None) is not None:
            self.reader.problem("SG401", f"`{name}` is not bound here")

    def close(self, inside: Thing, end: Thing, key: Key) -> None:
        """Connect what a name means at the end of a turn to its slot."""
        if isinstance(end, Poison) or isinstance(inside, Poison):
            for slot in self.slots:
                if slot.key == key:
                    slot.yld = slot.inn
            return
        if isinstance(inside, Maybe):
            self.close_maybe(inside, end, key)
        elif isinstance(inside, Tuple) and isinstance(end, Tuple):
            if len(inside.items) != len(end.items):
                raise Unjoinable(inside, end)
            pairs = zip(inside.items, end.items, strict=True)
            for k, (a, b) in enumerate(pairs):
                self.close(a, b, (*key, k))
        elif is_point(inside) and end != inside:
            self.plan.arrays.add(key)
            raise Retry
        elif is_operand(inside) and is_point(end):
            self.close_scalar(self.reader.operand(end), key)
        elif is_operand(inside) and is_operand(end):
            self.close_scalar(end, key)  # type: ignore[arg-type]
        elif isinstance(inside, Ref) and isinstance(end, Ref):
            self.close_array(inside, end, key)
        elif isinstance(inside, Cell) and isinstance(end, Cell):
            if inside is not end:
                raise Unjoinable(inside, end)
        elif inside is not end and inside != end:
            raise Unjoinable(inside, end)

    def close_maybe(self, inside: Maybe, end: Thing, key: Key) -> None:
        inner, flag = (
            (end.thing, end.bound) if isinstance(end, Maybe) else (end, const(True))
        )
        self.close(inside.thing, inner, key)
        if is_operand(flag) and (*key, "bound") in self.by_key:
            self.by_key[(*key, "bound")].yld = convert(
                self.build, flag, self.by_key[(*key, "bound")].inn.type  # type: ignore[arg-type]
            )  # fmt: skip

    def close_scalar(self, end: Operand, key: Key) -> None:
        slot = self.by_key[key]
        assert isinstance(slot.inn.type, Scalar)
        assert isinstance(end.type, Scalar)
        type = join(slot.inn.type, end.type)
        if type != slot.inn.type:
            self.plan.types[key] = type
            raise Retry
        slot.yld = convert(self.build, end, type)

    def close_array(self, inside: Ref, end: Ref, key: Key) -> None:
        if key in self.plan.places and alike(self.build, inside, end):
            for k, x in enumerate(operands(explicit(self.build, end))):
                self.close_scalar(x, (*key, "path", k))
            return
        if key not in self.plan.arrays:
            if inside.root is end.root and inside.path == end.path:
                return
            if key not in self.plan.places and alike(self.build, inside, end):
                self.plan.places.add(key)
                raise Retry
            self.learn({key})
        slot = self.by_key[key]
        same = type(slot.inn.type) is type(end.type)
        if not same or slot.inn.type.rank != end.type.rank:
            raise Unjoinable(inside, end)
        if slot.inn.type.dtype != end.type.dtype:
            raise Unjoinable(inside, end)
        if isinstance(slot.inn.type, Array) and isinstance(end.type, Array):
            pairs = zip(slot.inn.type.dims, end.type.dims, strict=True)
            for axis, (a, b) in enumerate(pairs):
                loose = (key, axis) in self.plan.loose or key in self.plan.maybe
                if not loose and self.build.resolve(a) != self.build.resolve(b):
                    self.plan.loose.add((key, axis))
                    raise Retry
            if slot.inn.type.contiguous and not end.type.contiguous:
                self.plan.turned.add(key)
                raise Retry
        value, shared = self.owner(end, self.kept_at_end(key))
        slot.yld = value
        self.ends[end.root] = key
        for other in list(end.root.shares & self.outside):
            if (key, other) not in self.plan.shared:
                self.plan.shared.add((key, other))
                raise Retry
        if shared is not None:
            partner: Any = self.ends.get(shared, key)
            partner = shared if partner == key else partner
            lasting = not isinstance(partner, Root) or partner in self.outside
            if lasting and (key, partner) not in self.plan.shared:
                self.plan.shared.add((key, partner))
                raise Retry

    def kept_at_end(self, key: Key) -> set[Root]:
        """Return the buffers that the next turn reaches without this name."""
        reader = self.reader
        carried_arrays = {k[0] for k in self.plan.arrays}
        things = [
            t
            for n, t in reader.state.names.items()
            if n in self.header.live and n != key[0] and n not in carried_arrays
        ]
        for frame in reader.frames[:-1]:
            things += frame.names.values()
        things += reader.held
        roots = {r for t in things for r in roots_of(t, self.fixed_heap())}
        return roots | {s.root for s in self.slots if s.key[0] == "root" and s.root}

    def check_cells(self, heap_in: dict[Cell, Any]) -> None:
        """Learn which containers the body changes."""
        heap = self.reader.state.heap
        changed = False
        for cell, contents in heap_in.items():
            now = heap[cell]
            if now is contents:
                continue
            if isinstance(now, dict) and not isinstance(contents, dict):
                self.plan.popped.add(cell)
                self.plan.growing[cell] = now["values"].type.item
            elif isinstance(now, Ref) and isinstance(now.type, ListOf):
                self.plan.growing[cell] = now.type.item
            elif isinstance(now, Ref):
                self.plan.listlike.add(cell)
            elif len(now) != len(contents) or (
                isinstance(contents, dict) and now.keys() != contents.keys()
            ):
                self.learn_growing(cell, max(now, contents, key=len))
            elif cell in self.cells:
                continue
            else:
                self.plan.cells.add(cell)
            changed = True
        if changed:
            raise Retry

    def learn_growing(self, cell: Cell, contents: Any) -> None:
        """Let a list whose length changes be one of run time."""
        known = isinstance(cell, ListCell)
        item = self.reader.item_type(cell, contents) if known else None
        if item is None:
            what = "list" if known else "dict"
            raise self.reader.problem(
                "SG402", f"a {what} has other entries after a turn of the loop", None,
                helps=(f"give the {what} all its entries before the loop",),
            )  # fmt: skip
        self.plan.growing[cell] = item
        self.plan.cells.discard(cell)

    def close_contents(self, inside: Any, end: Any, cell: Cell) -> None:
        keys = inside if isinstance(inside, dict) else range(len(inside))
        for k in keys:
            try:
                self.close(inside[k], end[k], (cell, k))
            except Unjoinable as clash:
                self.reader.clash_cell(cell, clash)

    # emitting

    def finish(
        self,
        var: Value,
        cond: Operand | None,
        test: list[Stmt],
        stmts: list[Stmt],
        exit: Operand | None,
    ) -> None:
        names = self.prune()
        carries = tuple(
            Carry(s.init, s.inn, s.yld, self.outer(s))
            for s in self.slots
            if s.inn not in names and s.yld is not None
        )
        loc = self.build.loc
        body = Block(tuple(stmts))
        loop: Stmt
        if self.header.bounds is not None:
            start, stop, step = self.header.bounds
            loop = For(var, start, stop, step, carries, body, exit, None, loc)
        else:
            assert cond is not None
            loop = While(Block(tuple(test)), cond, carries, body, exit, None, loc)
        loop = substitute(loop, names)
        self.build.emit(loop)
        for carry in carries:
            self.build.measure(carry.out)
        for inn, init in names.items():
            if inn.type == INT:
                self.reader.aliases[inn] = self.build.dim(init)
                self.build.equal[-1][inn] = self.build.dim(init)
        self.after(names)

    def outer(self, slot: Slot) -> Value:
        if slot.out is None:
            loose = [axis for key, axis in self.plan.loose if key == slot.key]
            every = slot.key in self.plan.maybe
            type = self.build.loosen(slot.inn.type, None if every else loose)
            slot.out = Value(slot.inn.name, type)
        return slot.out

    def prune(self) -> dict[Value, Operand]:
        """Find the slots that carry nothing: they are what they were before."""
        names: dict[Value, Operand] = {}
        for slot in self.slots:
            if slot.yld is None or slot.yld is slot.inn:
                names[slot.inn] = slot.init
        return names

    def after(self, names: dict[Value, Operand]) -> None:
        """Set the state to what holds after the loop."""
        state = self.reader.state
        final: dict[Value, Operand] = {
            s.inn: names[s.inn] if s.inn in names else self.outer(s) for s in self.slots
        }
        fresh: dict[Root, Root] = {}
        ver: dict[Root, Value] = {}
        for slot in self.slots:
            if slot.root is None:
                continue
            value = final[slot.inn]
            assert isinstance(value, Value)
            root = slot.root
            if slot.key[0] != "root":
                root = fresh[slot.root] = replace_root(slot.root, value)
                for other in list(slot.root.shares):
                    self.reader.share(root, other)
            ver[root] = value
        state.ver = ver

        def outside(thing: Thing) -> Thing:
            if isinstance(thing, Value):
                return final.get(thing, thing)
            if isinstance(thing, Ref):
                root = fresh.get(thing.root, thing.root)
                now: Any = (outside(x) for x in operands(thing.path))
                path = with_operands(thing.path, now)
                return Ref(root, path, thing.type if path else root.type)
            if isinstance(thing, Tuple):
                return Tuple(tuple(outside(t) for t in thing.items), thing.cls)
            if isinstance(thing, Maybe):
                return Maybe(outside(thing.thing), outside(thing.bound))  # type: ignore[arg-type]
            return thing

        live = self.header.live
        state.names = {
            n: outside(self.things.get(n, t))
            for n, t in state.names.items()
            if n in self.things or (n in live and n not in self.header.carried)
        }
        for cell, contents in self.cells.items():
            if isinstance(contents, dict):
                state.heap[cell] = {k: outside(t) for k, t in contents.items()}
            else:
                state.heap[cell] = tuple(outside(t) for t in contents)
