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

from srcgrad.emit.nest import Nest
from srcgrad.ir import (
    Accumulate,
    Block,
    For,
    Function,
    If,
    Op,
    Operand,
    Push,
    Stmt,
    Take,
    Value,
    While,
    Write,
    owned,
)
from srcgrad.types import Type
from srcgrad.walk import every, outs, uses

__all__ = ["Naming", "in_order", "name_values"]

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
    """Name all values of a function.

    Args:
        function: The function.
        nest: Its folded values, which need no name.
        reserved: Names that are taken: modules, helpers, globals.
        typed: Never let values of different type share a name, as Numba wants it.
    """
    naming = Naming()
    _storages(naming, function.body, nest)
    graph = _Interference(naming, nest)
    live = graph.expand(function.results)
    live = graph.block(function.body, live)
    graph.define(function.params, live | frozenset(map(naming.find, function.params)))
    _choose(naming, graph, function, reserved, typed)
    return naming


def _storages(naming: Naming, block: Block, nest: Nest) -> None:
    buffer = nest.regions.buffer
    for stmt in block.stmts:
        match stmt:
            case Write() | Accumulate() | Push() | Take():
                naming.join(stmt.base, stmt.out)
            case For() | While():
                for c in stmt.carries:
                    naming.join(c.inn, c.out)
                    if owned(c.inn.type) and buffer[c.inn].outer is not None:
                        assert isinstance(c.init, Value)
                        naming.join(c.init, c.inn)
                for inner in (stmt.body, getattr(stmt, "test", Block())):
                    _storages(naming, inner, nest)
            case If():
                _storages(naming, stmt.then, nest)
                _storages(naming, stmt.orelse, nest)
                for m in stmt.merges:
                    if owned(m.out.type):
                        out = buffer[m.out]
                        if out is buffer[m.then] is buffer[m.orelse]:
                            assert isinstance(m.then, Value)
                            naming.join(m.then, m.out)
            case _:
                pass


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
        group = free[:1] or left
        groups.append(group)
        left = [k for k in left if k not in group]
    return groups


class _Interference:
    def __init__(self, naming: Naming, nest: Nest) -> None:
        self.naming, self.nest = naming, nest
        self.edges: dict[Value, set[Value]] = {}
        self.order: list[Value] = []

    def expand(self, xs: Iterable[Operand]) -> Storages:
        """Return the storages that operands read, folded ones written out."""
        found = set()
        for x in xs:
            for leaf in self.nest.tree(x):
                if isinstance(leaf, Value):
                    found.add(self.naming.find(leaf))
        return frozenset(found)

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

    def block(self, block: Block, live: Storages) -> Storages:
        """Walk a block backward; return what is alive before it."""
        for stmt in reversed(block.stmts):
            live = self.stmt(stmt, live)
        return live

    def stmt(self, stmt: Stmt, after: Storages) -> Storages:
        if isinstance(stmt, For | While):
            return self.loop(stmt, after)
        if isinstance(stmt, If):
            return self.branch(stmt, after)
        made = outs(stmt)
        if made and all(v in self.nest.folded for v in made):
            return after
        # A Take names its place twice: the part must not take the name of a subscript.
        again = self.expand(self.nest.leaves(stmt)) if isinstance(stmt, Take) else after
        self.define(made, after | again)
        gone = frozenset(self.naming.find(v) for v in made)
        return (after - gone) | self.expand(self.nest.leaves(stmt))

    def branch(self, stmt: If, after: Storages) -> Storages:
        outs_ = [m.out for m in stmt.merges]
        self.define(outs_, after)
        rest = after - frozenset(map(self.naming.find, outs_))
        then = self.arm(stmt.then, [m.then for m in stmt.merges], outs_, rest)
        other = self.arm(stmt.orelse, [m.orelse for m in stmt.merges], outs_, rest)
        return then | other | self.expand([stmt.cond])

    def arm(
        self, block: Block, sources: list[Operand], made: list[Value], rest: Storages
    ) -> Storages:
        self.define(made, rest)
        return self.block(block, rest | self.expand(sources))

    def loop(self, stmt: For | While, after: Storages) -> Storages:
        inns = [c.inn for c in stmt.carries]
        outer = [c.out for c in stmt.carries]
        made = [*inns, *([stmt.trips] if stmt.trips is not None else [])]
        finished = after - frozenset(map(self.naming.find, [*outer, *made]))
        ends: list[Operand] = [c.yld for c in stmt.carries]
        if stmt.exit is not None:
            ends.append(stmt.exit)
        # The loop variable stays alive through its body: no temporary takes its name.
        if isinstance(stmt, For):
            ends.append(stmt.var)
        head: Storages = after | frozenset(map(self.naming.find, made))
        handed = frozenset(map(self.naming.find, inns))
        while True:
            # The exit is read after the carries have been set.
            flag = [stmt.exit] if stmt.exit is not None else []
            for c in stmt.carries:
                same = c.yld is stmt.exit
                self.define([c.inn], head if same else head | self.expand(flag))
            body = self.block(stmt.body, (head - handed) | self.expand(ends))
            grown = head | (body - _inside(self.naming, stmt))
            if isinstance(stmt, While):
                test = self.block(stmt.test, grown | self.expand([stmt.cond]))
                grown = grown | test
            if grown == head:
                break
            head = grown
        if isinstance(stmt, For):
            self.define([stmt.var], head)
            head = head - {self.naming.find(stmt.var)}
        # The bounds are read after the first values of the carries are set.
        bounds = [stmt.start, stmt.stop, stmt.step] if isinstance(stmt, For) else []
        self.define(made, head | self.expand(bounds))
        before = head - frozenset(map(self.naming.find, made)) | finished
        inits = self.expand(self.nest.leaves(stmt))
        return before | inits


def _inside(naming: Naming, stmt: For | While) -> Storages:
    return frozenset([naming.find(stmt.var)]) if isinstance(stmt, For) else frozenset()


def _choose(
    naming: Naming, graph: _Interference, function: Function, reserved: Iterable[str],
    typed: bool,
) -> None:  # fmt: skip
    # `_` is among the builtins where an interpreter has shown a result.
    taken = {*reserved, *keyword.kwlist, *dir(builtins)} - {"_"}
    kinds: dict[str, Type] = {}
    params = [naming.find(p) for p in function.params]
    order = dict.fromkeys([*params, *reversed(graph.order)])
    wish = _wishes(naming, graph.order, function)
    for storage in order:
        if storage in naming.names:
            continue
        used = {
            naming.names[o] for o in graph.edges.get(storage, ()) if o in naming.names
        }
        for name in _candidates(graph.nest, storage, wish):
            differs = typed and name in kinds and not _alike(kinds[name], storage.type)
            if name not in used and name not in taken and not differs:
                break
        naming.names[storage] = name
        kinds.setdefault(name, storage.type)


def _candidates(nest: Nest, storage: Value, wish: dict[Value, str]) -> Iterator[str]:
    """Yield the names that a storage would like, the dearest first."""
    base = _legal(wish.get(storage) or storage.hint or "t")
    made = nest.regions.definition.get(storage)
    if base == "t" and isinstance(made, Op) and made.row == "dim":
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
    read = uses(function.body, function.results)
    wish: dict[Value, str] = {}
    for value in values:
        root = naming.find(value)
        if value.name:
            wish.setdefault(root, value.name)
        if value.name == "_" and value in read:
            wish[root] = "k"
    for value in list(naming.leader):
        root = naming.find(value)
        if value.name and not wish.get(root):
            wish[root] = value.name
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
    clean = "".join(c if c.isalnum() or c == "_" else "_" for c in name)
    return clean if clean.isidentifier() else f"t{clean}"
