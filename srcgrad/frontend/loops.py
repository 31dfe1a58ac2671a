"""Read loops: what is carried from turn to turn, found by trying.

The body is read with a first guess of what changes in it. What the guess got wrong is
noted as a fact about a key, and the body is read again; two or three readings are the
rule. Facts only add up:

    ("type", key): Scalars     a number has these types
    ("array", key)             a name is bound to another array or container by a turn
    ("place", key)             it is bound to another place in the same buffer
    ("loose", key, axis)       a length of the array differs from turn to turn
    ("loose", key, "turned")   the array need not be contiguous
    ("shared", one, other)     one holds a copy where plain Python has one memory
    ("blank", key): Thing      a name is bound by a turn, and not before the loop
    ("cell", cell)             the items of a container change
    ("gone", cell)             after a turn it is not known what it holds
    ("form", cell): form       a list must be kept in a form of run time
    ("numpy", cell)            it holds numbers that are not Python's own
    ("kinds", key): Kinds      it is one of several things, see `choices`
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from srcgrad import ir
from srcgrad.builder import INT, const
from srcgrad.frontend import choices, expressions, forms
from srcgrad.frontend import state as st
from srcgrad.frontend import values as v
from srcgrad.types import Dim, Type, join
from srcgrad.walk import every, outs, rewrite

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
    body: Callable[[], object]
    bounds: tuple[ir.Operand, ir.Operand, ir.Operand] | None = None
    bind: Callable[[ir.Value], None] | None = None
    test: Callable[[], ir.Operand] | None = None
    exit_name: str = ""
    variable: str = "i"


@dataclass(slots=True)
class Slot:
    """One carried value under construction; `root` is its buffer, if it is an array."""

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
    back, depths = reader.checkpoint(), (len(reader.frames), len(reader.held))
    reader.plans.append(plan)
    try:
        for _ in range(40):
            try:
                return _Loop(reader, header, plan).read()
            except st.Retry as again:
                if plan is not again.args[0]:
                    raise
                del reader.frames[depths[0] :], reader.held[depths[1] :]
                back()
    finally:
        reader.plans.pop()
    raise reader.problem("SG402", "what this loop changes does not settle")


class _Loop:
    def __init__(self, reader: Reader, header: Header, plan: st.Plan) -> None:
        self.reader, self.header, self.plan = reader, header, plan
        self.build = reader.build
        self.slots: dict[st.Key, Slot] = {}
        # Who may share memory at the head: what is outside by what names it in facts,
        # and what a turn rebinds by its key.
        self.outside: dict[v.Owner, Any] = {}
        self.inner: dict[st.Key, v.Owner] = {}
        self.items: dict[v.Cell, Any] = {}  # what containers hold at the head
        self.after: dict[v.Cell, Any] = {}  # and after the loop
        self.known = dict(plan)
        self.written = len(self.build.open[-1])
        self.variable = ir.Value(header.variable, INT)

    def learn(self, *fact: Any, value: Any = True) -> None:
        """Note a fact; `settle` reads the loop again if it is new."""
        self.plan[fact] = value

    def settle(self) -> None:
        """Give this reading up by Retry if it has taught anything."""
        if self.plan != self.known:
            raise st.Retry(self.plan)

    def facts(self, kind: str) -> list[tuple[Any, ...]]:
        """Return what is known of a kind."""
        return [fact[1:] for fact in self.plan if fact[0] == kind]

    def read(self) -> None:
        heads = self.enter_all()
        self.heap_in = dict(self.reader.state.heap)
        with self.build.block() as test, self.measured_apart():
            cond: Any = self.header.test() if self.header.test else None
        var = self.variable
        with self.build.block() as stmts:
            choices.learn(self.reader, cond, True)
            for slot in self.slots.values():
                self.build.measure(slot.inn)
            head = self.reader.state.copy()
            with self.reader.stopping():
                if self.header.bind:
                    self.header.bind(var)
                self.header.body()
            if self.reader.dead and cond != const(True):  # it may have no turn
                self.reader.state, self.reader.dead = head, False
            exit: Any = self.reader.meaning(self.header.exit_name)
            exit = exit.thing if isinstance(exit, v.Maybe) else exit
            if not isinstance(exit, v.Poison | None):
                exit = expressions.truth(self.reader, exit)
            if not v.is_operand(exit) or exit == const(False):
                exit = None
            self.check_cells(heads)
            ends = self.leave(heads)
        carries: list[ir.Carry] = []
        names: dict[ir.Value, ir.Operand] = {}
        for slot in self.slots.values():
            if slot.yld is None or slot.yld is slot.inn:  # what it was before
                names[slot.inn] = slot.init
            else:
                carries.append(ir.Carry(slot.init, slot.inn, slot.yld, slot.out))
        rest: Any = tuple(carries), ir.Block(tuple(stmts)), exit, None, self.build.loc
        loop: ir.Stmt = ir.While(ir.Block(tuple(test)), cond, *rest)
        if self.header.bounds is not None:
            loop = ir.For(var, *self.header.bounds, *rest)
        self.build.emit(rewrite(loop, names))
        for carry in carries:
            self.build.measure(carry.out)
        for inn, init in names.items():
            if inn.type == INT:
                dim = self.build.dim(init)
                self.reader.aliases[inn] = self.build.equal[inn] = dim
        state = self.reader.state
        lasting = self.header.live - self.header.carried
        state.names = {
            n: t for n, t in state.names.items() if n in lasting or type(t) is v.Box
        }
        for (owner, *_), end in ends.items():
            if isinstance(owner, str) or owner in state.heap:
                state.of(owner).update({owner: end})
        state.heap.update(self.after)
        for cell in state.heap.keys() - self.heap_in.keys():
            if cell.captured is not None:  # it is what it was
                del state.heap[cell]
        state.ver = {}
        for slot in self.slots.values():
            if slot.root is not None:
                after: Any = slot.after()
                state.ver[slot.root], slot.root.type = after, after.type

    @contextmanager
    def measured_apart(self) -> Iterator[None]:
        """Give arrays lengths of their own: what a test has measured, no turn knows."""
        build, state, types = self.build, self.reader.state, dict[v.Root, Any]()
        whole = (ir.Index((ir.Slice(None, None, None),)),)
        for slot in self.slots.values() if self.header.test else ():
            dims = enumerate(getattr(slot.inn.type, "dims", ()))
            new = [k for k, d in dims if any(a in build.unmeasured for a, _ in d.terms)]
            if slot.root is not None and new:
                types[slot.root] = slot.root.type
                slot.root.type = type = build.loosen(slot.inn.type, new)
                shown = build.view(slot.inn, whole, slot.inn.name, type)
                build.measure(shown)
                state.ver[slot.root] = shown

        def apart(_: st.Key, thing: Any) -> Any:
            if isinstance(thing, v.Ref) and thing.root in types and not thing.path:
                return replace(thing, type=thing.root.type)
            whole = st.parts(apart, (), thing)
            return thing if whole is None else whole

        held: dict[Any, Any] = {**state.names, **state.heap} if types else {}
        pairs = {owner: (apart((), thing), thing) for owner, thing in held.items()}
        pairs = {owner: pair for owner, pair in pairs.items() if pair[0] != pair[1]}
        for owner, (known, _) in pairs.items():
            state.of(owner).update({owner: known})
        yield
        state = self.reader.state
        for owner, (known, before) in pairs.items():
            if state.of(owner)[owner] == known:  # the test may bind it to another
                state.of(owner).update({owner: before})
        for slot in self.slots.values():
            if slot.root in types:
                state.ver[slot.root] = slot.inn
                slot.root.type = types[slot.root]

    # entering

    def enter_all(self) -> dict[st.Key, Any]:
        """Set the state to that at the head; return what it means by key."""
        reader, heads = self.reader, {}
        self.outside = {root: root for root in reader.state.ver}
        self.reform()
        state = reader.state
        self.outside |= {cell: cell for cell in state.heap}
        self.handing = st.Handing(reader, self.still_reached())
        for name in sorted(self.header.carried):
            thing = self.enter((name,), state.names.get(name, v.Unbound()))
            state.names[name] = thing
            if not isinstance(thing, v.Unbound):
                heads[name,] = thing
        for (cell,) in self.facts("cell"):
            if cell in state.heap:
                contents = self.enter((cell,), state.heap[cell])
                state.heap.update({cell: contents})  # it means what it meant
                heads[cell,] = contents
        carried = {slot.root for slot in self.slots.values()}
        for root, version in [*state.ver.items()]:
            if root in self.handing.moved:
                del state.ver[root]
            elif root not in carried:
                self.slot((root,), version, root.type, root)
        for pair in self.handing.shared():
            reader.share(*pair)
        for fact in self.facts("shared"):
            for one, other in itertools.product(*map(self.named, fact)):
                reader.share(one, other)
        for (cell,) in self.facts("gone"):
            state.heap.pop(cell, None)
        for owner in itertools.chain(*(self.named(*f) for f in self.facts("numpy"))):
            owner.python = False
        self.shares = {owner: set(owner.shares) for owner in self.outside}
        inner = {owner: key for key, owner in self.inner.items()}
        self.python = {o: k for o, k in (self.outside | inner).items() if o.python}
        return heads

    def reform(self) -> None:
        """Bring the lists that there are into their forms, what holds others first."""
        heap, done = self.reader.state.heap, set[Any]()
        kept = [cell for (cell,) in reversed(self.facts("form"))]
        while ready := [c for c in kept if c in heap and c not in done]:
            forms.reform(self.reader, ready[0], self.plan["form", ready[0]])
            made = v.roots_of(ready[0], heap)
            self.outside.update(dict.fromkeys(made, (ready[0],)))
            done.add(ready[0])

    def named(self, name: Any) -> list[v.Owner]:
        """Return the owners at the head that a fact means."""
        inner = [self.inner[name]] if name in self.inner else []
        return inner + [o for o, known in self.outside.items() if known == name]

    def slot(
        self, key: st.Key, init: ir.Operand, type: Type, root: v.Root | None = None
    ) -> ir.Value:
        """Carry a value, an array as the version of a buffer inside."""
        name, out = st.label(key), st.loosened(self.build, type, self.loose(key))
        self.slots[key] = slot = Slot(
            init, ir.Value(name, type), ir.Value(name, out), root
        )
        if root is not None:
            self.reader.state.ver[root] = slot.inn
        return slot.inn

    def loose(self, key: st.Key) -> list[Any]:
        """Return in what the arrays of different turns differ."""
        return [apart for k, apart in self.facts("loose") if k == key]

    def enter(self, key: st.Key, thing: Any) -> Any:
        """Return what something means inside the body."""
        thing = choices.known(self.reader, thing)
        if isinstance(thing, v.Unbound) and ("blank", key) in self.plan:
            end, known = self.plan["blank", key]
            axes = [k for whose, k in self.facts("equal") if whose == key]
            lengths = {k: self.plan["equal", key, k] for k in axes}
            thing = st.blank(self.reader, end, self.reader.state.heap, known, lengths)
        if ("kinds", key) in self.plan and not isinstance(thing, v.Maybe):
            thing = choices.among(self.reader, thing, self.plan["kinds", key])
        whole = st.parts(self.enter, key, thing)
        if whole is not None:
            return whole
        rebound = ("array", key) in self.plan
        if v.is_point(thing) and rebound:
            # The name is bound to numbers later on: nobody may see it written before.
            if thing.root in self.handing.kept:
                clash = st.Unjoinable(thing, const(0.0))
                return self.reader.clash(key, clash, thing)
            thing = self.reader.operand(thing)
        if v.is_operand(thing):
            known = st.kinds(self.reader, thing) | self.plan.get(("type", key), set())
            type = join(*known)
            inn = self.slot(key, self.build.cast(thing, type.dtype, type.python), type)
            self.reader.kinds |= {inn: known, self.slots[key].out: known}
            return inn
        if isinstance(thing, v.Ref) and not rebound and ("place", key) in self.plan:
            return st.places(self.build, self.enter, key, thing)
        if isinstance(thing, v.Ref | v.Cell) and rebound:
            return self.enter_owner(key, thing)
        return thing

    def enter_owner(self, key: st.Key, thing: v.Ref | v.Cell) -> v.Ref | v.Cell:
        """Make an array or a container that is another one in each turn."""
        if isinstance(thing, v.Cell):
            cell, heap = replace(thing, captured=None), self.reader.state.heap
            self.inner[key], heap[cell] = cell, self.handing.over(thing, cell)
            if thing not in self.outside:  # it stood in, and nobody reaches it
                del heap[thing]
            if ("form", key) in self.plan:
                forms.reform(self.reader, cell, self.plan["form", key])
                self.reform()  # the fields
            contents = self.enter((*key, "items"), heap[cell])
            heap[cell] = self.items[cell] = contents
            return cell
        root = v.Root(st.label(key), thing.root.type, v.list_axes(thing))
        root.python = thing.root.python
        self.inner[key], init = root, self.handing.over(thing, root)
        dims: list[Dim] = [*getattr(init.type, "dims", ())]
        for known, k in self.facts("equal"):
            if known == key:
                two = self.plan["equal", key, k]
                dims[k] = self.build.same(dims[k], two, self.supposed(key, k))
        type = replace(init.type, dims=(*dims,)) if dims else init.type
        root.type = st.loosened(self.build, type, self.loose(key))
        self.slot(key, init, root.type, root)
        return v.Ref(root, (), root.type)

    def still_reached(self) -> set[v.Root]:
        """Return the buffers that something reaches that is not carried as an array."""
        names = self.reader.state.names
        live = [
            n for n in self.header.live
            if not isinstance(names.get(n), v.Cell) or ("array", (n,)) not in self.plan
        ]  # fmt: skip
        arrays = st.reached(self.reader, self.reader.state, live)
        planned = self.facts("array")
        return {r.root.memory for key, r in arrays.items() if (key,) not in planned}

    # leaving

    def made(self) -> forms.Made:
        """Return what this reading has made."""
        around, turn = self.build.open[-2:]
        carried = (self.variable, *(slot.inn for slot in self.slots.values()))
        stmts = (*around[self.written :], *turn)
        return forms.Made(self.reader.state.heap, stmts, carried)

    def check_cells(self, heads: dict[st.Key, Any]) -> None:
        """Learn which containers the body changes."""
        for owner, name in self.python.items():
            if not owner.python:
                self.learn("numpy", name)
        for cell, before in self.heap_in.items():
            now = self.reader.state.heap.get(cell)
            if now is before or cell in self.items:
                continue
            if now is None:
                self.learn("gone", cell)
                continue
            if type(now) is not type(before) and not isinstance(before, tuple):
                now = forms.reformed(self.reader, cell, forms.of(before))
            form = forms.common(self.reader, self.made, cell, before, before, now)
            if form is not None:
                self.learn("form", cell, value=form)
            elif isinstance(now, v.Ref) and isinstance(before, tuple):
                continue  # a row of a list that is kept as an array: that list is told
            elif not isinstance(now, v.Ref | v.Tuple) and (
                len(now) != len(before)
                or (isinstance(before, dict) and now.keys() != before.keys())
            ):
                what = v.kind_of(cell)  # type: ignore[arg-type]
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
        self.handing = st.Handing(reader, reached | own)
        arrays = len(self.facts("array"))
        ends: dict[st.Key, Any] = {}
        refused: Exception | None = None
        for key, inside in heads.items():
            try:
                end = state.of(key[0]).get(key[0], inside)
                ends[key] = self.close(key, inside, end)
            except st.Unjoinable as clash:
                ends[key] = reader.clash(key, clash, inside)
            except v.Refused as problem:
                refused = problem
        if len(self.facts("array")) > arrays:
            # What shared memory was found without these arrays.
            for fact in self.facts("shared"):
                del self.plan["shared", *fact]
        else:
            self.learn_shares()
        self.settle()
        if refused is not None:
            raise refused
        for name in sorted(self.header.carried):
            if (name,) in heads:
                continue
            self.close((name,), v.Unbound(), state.names.get(name, v.Unbound()))
            if name in reader.missed:
                reader.missed.discard(name)
                reader.problem("SG401", f"`{name}` is not bound here")
        self.settle()
        for (owner, *_), slot in self.slots.items():
            if not isinstance(owner, v.Root):
                continue
            slot.yld, name = state.ver.get(owner), slot.inn.name
            if slot.yld is None and owner not in reached:
                slot.root = None  # nobody reads it again
            elif slot.yld is None:
                what = f"`{name}`" if name else "a list"
                reader.ways.blame(owner)
                reader.problem(
                    "SG403", f"{what} has a second name on some paths, and is changed "
                    "or handed on under it",
                    f"write `{name or 'x'}.copy()` where it gets that name, or what "
                    "the loop runs over",
                )  # fmt: skip
        return ends

    def learn_shares(self) -> None:
        """Learn what has come to share memory in a turn."""
        for owner, known in self.outside.items():
            for other in owner.shares - self.shares[owner]:
                if other in self.outside:
                    self.learn("shared", known, self.outside[other])
        for key, other in self.handing.shared():
            named = other if isinstance(other, tuple) else self.outside.get(other)
            if named is not None:
                self.learn("shared", key, named)

    def close(self, key: st.Key, inside: Any, end: Any) -> Any:
        """Connect what something means at the end of a turn to its slots."""
        if isinstance(inside, v.Unbound):
            if not isinstance(end, v.Poison | v.Unbound):
                with contextlib.suppress(st.Unjoinable):  # it binds it for the next one
                    known = self.reader.state.heap.copy()
                    st.blank(self.reader, end, self.heap_in, known)
                    self.learn("blank", key, value=(end, known))
            return inside
        try:
            if isinstance(inside, v.OneOf) and not isinstance(end, v.Poison):
                whole = choices.kinds((self.heap_in, inside))
                end = choices.among(self.reader, end, whole)
            return self.closed(key, inside, end)
        except st.Unjoinable:
            if not self.reader.ways.choosing:
                raise
        ends = ((self.heap_in, inside), (self.reader.state.heap, end))
        whole = choices.kinds(*ends)
        if len(whole.told) == 1:
            raise st.Unjoinable(inside, end)
        self.learn("kinds", key, value=whole)
        for k, thing in enumerate(whole.things):
            if k >= len(choices.each(inside)) and isinstance(thing, v.Cell):
                self.learn("array", (*key, k))  # what stands in is new in each reading
        return inside

    def closed(self, key: st.Key, inside: Any, end: Any) -> Any:
        """Connect what remains of one kind."""
        whole = st.parts(self.close, key, inside, end)
        if whole is not None:
            return whole
        slot = self.slots.get(key)
        is_number = v.is_operand(end) or v.is_point(end)
        if slot is not None and slot.root is None and is_number:
            number = self.reader.operand(end)
            known = st.kinds(self.reader, slot.inn, number)
            joined: Any = slot.inn.type
            if known != st.kinds(self.reader, slot.inn):
                self.learn("type", key, value=known)
                slot.yld = number  # the loop is read again
            else:
                slot.yld = self.build.cast(number, joined.dtype, joined.python)
            return slot.after()
        owned = isinstance(inside, v.Cell | v.Ref) and type(inside) is type(end)
        point, arrays = v.is_point(inside), owned and isinstance(inside, v.Ref)
        if owned and key in self.inner:
            st.check_kinds(inside, end)
        if owned and not arrays and key in self.inner:
            contents = self.handing.over(end, key)
            if self.of_one_form(key, inside, contents):
                contents = forms.reformed(self.reader, end, self.plan["form", key])
            whole = self.close((*key, "items"), self.items[inside], contents)
            self.after[inside] = whole
        elif arrays and key in self.inner:
            assert slot is not None
            if inside.root.python and not end.root.python:
                self.learn("numpy", key)
            for apart in st.differing(self.build, inside, end):
                if not self.suppose(key, apart, inside, end):
                    self.learn("loose", key, apart)
            slot.yld = self.handing.over(end, key)
            return v.Ref(inside.root, (), slot.after().type)
        elif arrays and not point and st.alike(self.build, inside, end):
            if ("place", key) in self.plan:
                return st.places(self.build, self.close, key, inside, end)
            if inside.path != end.path:
                self.learn("place", key)
        elif inside is not end and inside != end:
            if not owned and not point:
                raise st.Unjoinable(inside, end)
            self.learn("array", key)
        return inside

    def suppose(self, key: st.Key, axis: Any, inside: v.Ref, end: v.Ref) -> bool:
        """Learn to take a length for what the turn makes of it, if that may be so.

        In `x = A @ x` it is, where the loop has a second turn; `enter_owner` checks it.
        """
        if axis == "turned" or axis in self.loose(key):
            return False
        one, two = (self.build.resolve(x.type.dims[axis]) for x in (inside, end))
        new = {x for s in every(ir.Block(self.made().stmts)) for x in outs(s)}
        if not new.isdisjoint(a for a, _ in two.terms):
            return False
        failed = self.supposed(key, axis) in self.build.ones
        other = {0, 1} & {one.known, two.known} or (one - two).known is not None
        # What stands in for an array that is not bound yet is as long as one may wish.
        if failed or (other and ("blank", key) not in self.plan):
            return False
        self.learn("equal", key, axis, value=two)
        return True

    def supposed(self, key: st.Key, axis: int) -> str:
        """Return the name of the check that a carried length is always the same."""
        return self.build.meeting(f"{st.label(key)}, axis {axis}")

    def of_one_form(self, key: st.Key, inside: Any, contents: Any) -> bool:
        """Tell whether a list has a form of run time; learn that it needs one."""
        ends = (self.items[inside], contents)
        form = forms.common(self.reader, self.made, inside, (), *ends)
        known = self.plan.get(("form", key))
        if form and (not known or form.told != known.told):
            self.learn("form", key, value=forms.own(form))
            self.settle()
        return bool(form)
