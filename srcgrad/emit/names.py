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
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from srcgrad import ir
from srcgrad.emit.nest import Nest, block_ends
from srcgrad.ir import Function, Operand, Value, owned
from srcgrad.walk import blocks, every, handed, last, operands, outs, uses

Storages = int  # a set, with a bit for each


class Naming:
    """The name of every value that has a statement of its own."""

    def __init__(self) -> None:
        self.leader: dict[Value, Value] = {}
        self.names: dict[Value, str] = {}

    def find(self, x: Value) -> Value:
        """Return the value that stands for a storage."""
        found: Value = last(x, self.leader)
        return found

    def join(self, a: Value, b: Value) -> None:
        """Let two values be one variable."""
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
        for c in getattr(stmt, "carries", ()):
            naming.join(c.inn, c.out)
        pairs = [(c.init, c.inn) for c in getattr(stmt, "carries", ())]
        pairs += [] if pairs else handed(stmt)
        for source, target in pairs:
            if isinstance(source, Value) and owned(target.type):
                if buffer[source].memory() is buffer[target].memory():
                    naming.join(source, target)
    graph = _Interference(naming, nest, anew=not typed)
    live = graph.block(function.body, graph.read(function.results))
    params = graph.storages(function.params)
    graph.define(function.params, live | params)
    bearers, near = defaultdict[str, int](int), defaultdict[str, int](int)
    # `_` is among the builtins where an interpreter has shown a result.
    taken = {*reserved, *keyword.kwlist, *dir(builtins)} - {"_"}
    kinds: dict[str, Any] = {}
    wish = _wishes(naming, graph.order, function)
    first = map(naming.find, function.params)
    for storage in dict.fromkeys([*first, *graph.order[::-1]]):
        mine, edges = graph.storages([storage]), graph.edges[storage]
        type = storage.type
        straight = getattr(type, "contiguous", True)
        kind = type.__class__, type.dtype, type.rank, straight
        for name in _candidates(nest, storage, wish):
            alike = not typed or kinds.get(name, kind) == kind
            used = edges & bearers[name] or mine & near[name]
            if alike and not used and name not in taken:
                break
        naming.names[storage] = name
        bearers[name] |= mine
        near[name] |= edges
        kinds.setdefault(name, kind)
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

    def __init__(self, naming: Naming, nest: Nest, anew: bool) -> None:
        self.naming, self.nest, self.anew = naming, nest, anew
        self.bit: dict[Value, int] = {}
        self.edges: dict[Value, Storages] = defaultdict(int)
        self.order: list[Value] = []

    def storages(self, xs: Iterable[Value]) -> Storages:
        found = 0
        for x in xs:
            found |= self.bit.setdefault(self.naming.find(x), 1 << len(self.bit))
        return found

    def read(self, xs: Iterable[Operand | None]) -> Storages:
        """Return the storages that operands read, folded ones written out."""
        leaves = (leaf for x in xs if x for leaf in self.nest.tree(x))
        return self.storages(x for x in leaves if isinstance(x, Value))

    def define(self, values: Iterable[Value], after: Storages) -> None:
        """Note that values are set while others are alive."""
        for value in values:
            if value not in self.nest.folded:
                mine = self.naming.find(value)
                self.order.append(mine)
                self.edges[mine] |= after

    def block(self, block: ir.Block, live: Storages) -> Storages:
        """Walk a block backward; return what is alive before it."""
        for stmt in reversed(block.stmts):
            made = outs(stmt)
            if isinstance(stmt, ir.Loop):
                live = self.loop(stmt, live)
            elif not made or not all(v in self.nest.folded for v in made):
                read = self.read(operands(stmt))
                # A Take names its place twice: its value is none of the subscripts.
                # Nobody follows `t = f(t)`, where one `t` is another thing.
                plain = self.anew and all(not (v.name or v.hint) for v in made)
                apart = plain or isinstance(stmt, ir.Take)
                self.define(made, live | read if apart else live)
                rest = live & ~self.storages(made)
                live = read if isinstance(stmt, ir.If) else rest | read
                for arm, ends in zip(blocks(stmt), block_ends(stmt), strict=True):
                    self.define(made, rest)
                    live |= self.block(arm, rest | self.read(ends))
        return live

    def loop(self, stmt: ir.Loop, after: Storages) -> Storages:
        inns = [c.inn for c in stmt.carries]
        counted = inns if stmt.trips is None else [*inns, stmt.trips]
        var = [stmt.var] if isinstance(stmt, ir.For) else []
        made = self.storages(counted)
        # The loop variable stays alive through its body: no temporary takes its name.
        last = self.read([*(c.yld for c in stmt.carries), stmt.exit, *var])
        head = after | made
        while True:
            for c in stmt.carries:
                # The exit is read after the carries have been set.
                flag = self.read([stmt.exit] if c.yld is not stmt.exit else [])
                self.define([c.inn], head | flag)
            body = self.block(stmt.body, (head & ~self.storages(inns)) | last)
            grown = head | (body & ~self.storages(var))
            if isinstance(stmt, ir.While):
                grown |= self.block(stmt.test, grown | self.read([stmt.cond]))
            if grown == head:
                break
            head = grown
        self.define(var, head)
        head &= ~self.storages(var)
        # The bounds are read after the first values of the carries are set.
        bounds = [stmt.start, stmt.stop, stmt.step] if isinstance(stmt, ir.For) else []
        self.define(counted, head | self.read(bounds))
        before = (head | (after & ~self.storages(outs(stmt)))) & ~made
        return before | self.read(operands(stmt))


def _candidates(nest: Nest, storage: Value, wish: dict[Value, str]) -> Iterator[str]:
    """Yield the names that a storage would like, the dearest first."""
    base = _legal(wish.get(storage) or storage.hint or "t")
    made = nest.regions.definition.get(storage)
    if base == "t" and isinstance(made, ir.Op) and made.row == "dim":
        base = "nmkl"[int(str(made.attrs.get("axis", 0))) % 4]
        yield base
        base = f"{base}_{_legal(name)}" if (name := made.args[0].name) else base
    yield base
    for k in itertools.count(2):
        yield f"{base}_{k}"


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
        pairs += handed(stmt) if isinstance(stmt, ir.If) else []
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
