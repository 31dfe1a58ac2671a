"""Give every value a Python name.

Values that are one variable form a storage: all versions of a buffer, the inside and
the outside of a carried value. Two storages that are alive at once never share a name;
all others take the name they would like, and `_2` is added where two meet.
"""

from __future__ import annotations

import builtins
import itertools
import keyword
import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from srcgrad import ir
from srcgrad.emit.nest import Nest
from srcgrad.ir import Function, Operand, Value, owned
from srcgrad.types import Type
from srcgrad.walk import every, outs, uses

Storages = frozenset[Value]


class Naming:
    """The name of every value that has a statement of its own."""

    def __init__(self) -> None:
        self.leader: dict[Value, Value] = {}
        self.names: dict[Value, str] = {}

    def find(self, x: Value) -> Value:
        """Return the value that stands for a storage."""
        while x in self.leader:
            x = self.leader[x]
        return x

    def join(self, a: Operand, b: Operand) -> None:
        """Let two values be one variable."""
        assert isinstance(a, Value)
        assert isinstance(b, Value)
        one, two = self.find(a), self.find(b)
        if one is not two:
            self.leader[two] = one

    def __getitem__(self, x: Value) -> str:
        return self.names[self.find(x)]


def name_values(
    function: Function, nest: Nest, reserved: Iterable[str], *, typed: bool = False
) -> Naming:
    """Name all values of a function; `typed`: no two types share one, for Numba."""
    naming, buffer = Naming(), nest.regions.buffer
    for stmt in every(function.body):
        if isinstance(stmt, ir.Update):
            naming.join(stmt.base, stmt.out)
        elif isinstance(stmt, ir.For | ir.While):
            for c in stmt.carries:
                naming.join(c.inn, c.out)
                if owned(c.inn.type) and buffer[c.inn].outer is not None:
                    naming.join(c.init, c.inn)
        elif isinstance(stmt, ir.If):
            for m in stmt.merges:
                sources = {buffer.get(x) for x in (m.then, m.orelse)}
                if owned(m.out.type) and sources == {buffer[m.out]}:
                    naming.join(m.then, m.out)
    graph = _Interference(naming, nest)
    live = graph.block(function.body, graph.expand(function.results))
    graph.define(function.params, live | graph.found(function.params))
    _choose(naming, graph, function, reserved, typed)
    return naming


def in_order(
    names: Sequence[str], mentions: Sequence[Collection[str]]
) -> list[list[int]]:
    """Return groups of assignments that may follow each other; a swap is one group.

    >>> in_order(["a", "b", "c"], [{"b"}, {"a"}, {"b", "c"}])
    [[2], [0, 1]]
    """
    left, groups = list(range(len(names))), []
    while left:
        free = [
            k for k in left if not any(names[k] in mentions[j] for j in left if j != k)
        ]
        groups.append(free[:1] or left)
        left = [k for k in left if k not in groups[-1]]
    return groups


class _Interference:
    """Which storages are alive at once: what is set while others are alive."""

    def __init__(self, naming: Naming, nest: Nest) -> None:
        self.naming, self.nest = naming, nest
        self.edges: dict[Value, set[Value]] = {}
        self.order: list[Value] = []

    def found(self, xs: Iterable[Operand | None]) -> Storages:
        """Return the storages of operands."""
        return frozenset(self.naming.find(x) for x in xs if isinstance(x, Value))

    def expand(self, xs: Iterable[Operand | None]) -> Storages:
        """Return the storages that operands read, folded ones written out."""
        return self.found(leaf for x in xs if x for leaf in self.nest.tree(x))

    def define(self, values: Iterable[Value], after: Storages) -> None:
        """Note that values are set while others are alive."""
        for value in values:
            if value in self.nest.folded:
                continue
            mine = self.naming.find(value)
            self.order.append(mine)
            self.edges.setdefault(mine, set())
            for other in after:
                if other is not mine:
                    self.edges[mine].add(other)
                    self.edges.setdefault(other, set()).add(mine)

    def block(self, block: ir.Block, live: Storages) -> Storages:
        """Walk a block backward; return what is alive before it."""
        for stmt in reversed(block.stmts):
            live = self.stmt(stmt, live)
        return live

    def stmt(self, stmt: ir.Stmt, after: Storages) -> Storages:
        if isinstance(stmt, ir.For | ir.While):
            return self.loop(stmt, after)
        made, read = outs(stmt), self.expand(self.nest.leaves(stmt))
        if isinstance(stmt, ir.If):
            self.define(made, after)
            rest, before = after - self.found(made), read
            for k, arm in enumerate((stmt.then, stmt.orelse)):
                self.define(made, rest)
                handed = self.expand((m.then, m.orelse)[k] for m in stmt.merges)
                before |= self.block(arm, rest | handed)
            return before
        if made and all(v in self.nest.folded for v in made):
            return after
        # A Take names its place twice: the part must not take the name of a subscript.
        self.define(made, after | read if isinstance(stmt, ir.Take) else after)
        return (after - self.found(made)) | read

    def loop(self, stmt: ir.For | ir.While, after: Storages) -> Storages:
        inns = [c.inn for c in stmt.carries]
        trips = [] if stmt.trips is None else [stmt.trips]
        var = [stmt.var] if isinstance(stmt, ir.For) else []
        made, ends = self.found([*inns, *trips]), [c.yld for c in stmt.carries]
        # The loop variable stays alive through its body: no temporary takes its name.
        last = self.expand([*ends, stmt.exit, *var])
        head = after | made
        while True:
            for c in stmt.carries:
                # The exit is read after the carries have been set.
                flag = () if c.yld is stmt.exit else (stmt.exit,)
                self.define([c.inn], head | self.expand(flag))
            body = self.block(stmt.body, (head - self.found(inns)) | last)
            grown = head | (body - self.found(var))
            if isinstance(stmt, ir.While):
                grown |= self.block(stmt.test, grown | self.expand([stmt.cond]))
            if grown == head:
                break
            head = grown
        self.define(var, head)
        head -= self.found(var)
        # The bounds are read after the first values of the carries are set.
        bounds = [stmt.start, stmt.stop, stmt.step] if isinstance(stmt, ir.For) else []
        self.define([*inns, *trips], head | self.expand(bounds))
        before = (head - made) | (after - self.found(outs(stmt)) - made)
        return before | self.expand(self.nest.leaves(stmt))


def _choose(
    naming: Naming, graph: _Interference, function: Function, reserved: Iterable[str],
    typed: bool,
) -> None:  # fmt: skip
    # `_` is among the builtins where an interpreter has shown a result.
    taken = {*reserved, *keyword.kwlist, *dir(builtins)} - {"_"}
    kinds: dict[str, Type] = {}
    wish = _wishes(naming, graph.order, function)
    params = [naming.find(p) for p in function.params]
    for storage in dict.fromkeys([*params, *reversed(graph.order)]):
        used = {naming.names.get(other) for other in graph.edges.get(storage, ())}
        for name in _candidates(graph.nest, storage, wish):
            alike = not typed or _alike(kinds.get(name, storage.type), storage.type)
            if alike and name not in used and name not in taken:
                break
        naming.names[storage] = name
        kinds.setdefault(name, storage.type)


def _candidates(nest: Nest, storage: Value, wish: dict[Value, str]) -> Iterator[str]:
    """Yield the names that a storage would like, the dearest first."""
    base = _legal(wish.get(storage) or storage.hint or "t")
    made = nest.regions.definition.get(storage)
    if base == "t" and isinstance(made, ir.Op) and made.row == "dim":
        base = "nmkl"[int(str(made.attrs.get("axis", 0)))]
        yield base
        base = f"{base}_{made.args[0].name}" if made.args[0].name else base
    yield base
    for k in itertools.count(2):
        yield f"{base}_{k}"


def _alike(a: Type, b: Type) -> bool:
    return type(a) is type(b) and a.dtype == b.dtype and a.rank == b.rank


def _wishes(
    naming: Naming, values: Iterable[Value], function: Function
) -> dict[Value, str]:
    """Return the first name that any value of a storage would like."""
    read = uses(function)
    wish: dict[Value, str] = {}
    for value in itertools.chain(values, naming.leader):
        if value.name:
            wish.setdefault(naming.find(value), value.name)
    for value in values:
        if value.name == "_" and value in read:
            wish[naming.find(value)] = "k"
    for stmt in every(function.body):
        # What is handed on needs no assignment if it has the name already.
        pairs = [(c.yld, c.inn) for c in getattr(stmt, "carries", ())]
        for m in getattr(stmt, "merges", ()):
            pairs += [(m.then, m.out), (m.orelse, m.out)]
        for source, target in pairs:
            if isinstance(source, Value) and target.name:
                wish.setdefault(naming.find(source), target.name)
    return wish


def _legal(name: str) -> str:
    # A dot marks names of our own, made where jumps are rewritten: `.returned1`.
    name = re.sub(r"\.([a-z]+)\d*", r"\1", name)
    # `rt_` is for the runtime kernels that a text calls.
    clean = re.sub(r"\W|^rt_", "_", name)
    return clean if clean.isidentifier() else f"t{clean}"
