"""Walk and rewrite IR: operands, results, inner blocks, substitution.

What a node holds follows from the annotations of its fields, so that passes need not
know the grammar.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import partial
from itertools import product
from operator import is_
from typing import Any, TypeVar, get_args

from srcgrad import ir
from srcgrad.ir import Block, Const, Function, Op, Operand, Path, Stmt, Value
from srcgrad.types import Dim, put_lengths

Node = TypeVar("Node")
Names = Mapping[Any, Operand]


# What a field holds, by what its annotation names: operands that the node reads, values
# that it makes for what follows, values made for its blocks, operands read at the end
# of a block, blocks. Its parts are nodes that hold some of these themselves.
_ROLES = {
    "Operand": "reads", "Value": "reads", "Path": "reads", "Item": "reads",
    "Made": "makes", "Inner": "inner", "End": "ends", "Block": "blocks",
    "Stmt": "parts", "Carry": "parts", "Merge": "parts",
}  # fmt: skip
_FIELDS: dict[Any, dict[str, str]] = {
    kind: {f.name: _ROLES[word] for f in fields(kind)
           for word in re.findall(r"\w+", str(f.type)) if word in _ROLES}
    for kind in vars(ir).values() if isinstance(kind, type) and is_dataclass(kind)
}  # fmt: skip

# Where to look for what a node holds in a role: there, and in its parts.
_NAMES = {
    role: {
        kind: names
        for kind, held in _FIELDS.items()
        if (names := [name for name, own in held.items() if own in (role, "parts")])
    }
    for role in ("reads", "makes", "inner", "ends", "blocks")
}
_WHOLE = {Value, Const, Block}
# Statements without blocks.
_PLAIN = {Op, ir.View, ir.Read, *get_args(ir.Update), ir.Call, ir.Assert}
_SMALL = {*_PLAIN, ir.Carry, ir.Merge}


def _gather(x: Any, names: Mapping[Any, list[str]], found: list[Any]) -> list[Any]:
    """Add all that a node or a field holds in one role."""
    if x.__class__ in _WHOLE:
        found.append(x)
    elif x.__class__ is tuple:
        for item in x:
            _gather(item, names, found)
    elif x.__class__ in names:
        for name in names[x.__class__]:
            _gather(getattr(x, name), names, found)
    return found


def _held(node: Any, role: str) -> tuple[Any, ...]:
    """Return all that a node holds in one role: it never changes, and remembers it."""
    found: tuple[Any, ...] | None = node.__dict__.get(role)
    if found is None:
        found = node.__dict__[role] = tuple(_gather(node, _NAMES[role[1:]], []))
    return found


def _values(node: Any) -> tuple[Value, ...]:
    """Return the values that a node without blocks names."""
    found: tuple[Value, ...] | None = node.__dict__.get("_values")
    if found is None:
        held = [*operands(node), *outs(node), *inner_outs(node), *inner_operands(node)]
        found = node.__dict__["_values"] = tuple([x for x in held if type(x) is Value])
    return found


def operands(node: Stmt | Function | Path) -> tuple[Operand, ...]:
    """Return what a statement itself reads, or what stands in a path.

    The yields of carries and the sources of merges are `inner_operands`: they are read
    at the end of the inner block.
    """
    if isinstance(node, Op):  # most are: no need to look around
        return node.args
    path = isinstance(node, tuple)
    return (*_gather(node, _NAMES["reads"], []),) if path else _held(node, "_reads")


def inner_operands(stmt: Stmt | Function) -> tuple[Operand, ...]:
    """Return what is read at the end of inner blocks: yields, exits, merged values."""
    return () if stmt.__class__ in _PLAIN else _held(stmt, "_ends")


def outs(stmt: Stmt | Function) -> tuple[Value, ...]:
    """Return the values a statement defines for what follows it."""
    return stmt.outs if isinstance(stmt, Op) else _held(stmt, "_makes")


def inner_outs(stmt: Stmt | Function) -> tuple[Value, ...]:
    """Return the values a statement defines inside its blocks."""
    return () if stmt.__class__ in _PLAIN else _held(stmt, "_inner")


def blocks(stmt: Stmt | Function) -> tuple[Block, ...]:
    """Return the inner blocks in the order they run."""
    return () if stmt.__class__ in _PLAIN else _held(stmt, "_blocks")


def handed(stmt: Stmt) -> list[tuple[Operand, Value]]:
    """Return what goes on as what: as a new version, through carries and merges."""
    if stmt.__class__ in _PLAIN:
        return [(stmt.base, stmt.out)] if isinstance(stmt, ir.Update) else []
    pairs = [
        (x, m.out) for m in getattr(stmt, "merges", ()) for x in (m.then, m.orelse)
    ]
    for c in getattr(stmt, "carries", ()):
        pairs += product((c.init, c.yld), (c.inn, c.out))
    return pairs


def consumed(stmt: Stmt) -> list[Any]:
    """Return the versions of buffers that a statement updates or hands on."""
    return [source for source, _ in handed(stmt) if ir.owned(source.type)]


def every(block: Block) -> list[Stmt]:
    """Return all statements, outer ones before those inside them."""
    found: list[Stmt] = []
    for stmt in block.stmts:
        found.append(stmt)
        for inner in blocks(stmt):
            found += every(inner)
    return found


def rewrite(
    node: Node,
    reads: Names | None = None,
    makes: Mapping[Value, Value | None] | None = None,
    gone: Container[Any] = (),
    block: Callable[[Block], Block] | None = None,
    lengths: Mapping[Any, Dim] | None = None,
) -> Node:
    """Return a statement, block or function with other contents.

    `reads` says what stands for an operand, inner blocks included; `makes` what is
    defined in place of a value, None for a count of turns only; `gone` holds the
    statements, carries and merges to leave out; `block` rewrites inner blocks instead.
    What does not change is the same node as before, but with `lengths`: then every
    statement is new, and the types among its attributes have other lengths.
    """
    if not (reads or makes or gone or lengths is not None):
        if block is None or node.__class__ in _PLAIN:
            return node
        roles = _FIELDS[node.__class__].items()
        inner = {n: getattr(node, n) for n, role in roles if role == "blocks"}
        new = {n: b for n, old in inner.items() if (b := block(old)) is not old}
        same: Any = node
        return replace(same, **new) if new else node
    done: Node = _Rewriting(reads or {}, makes or {}, gone, block, lengths).whole(node)
    return done


class _Rewriting:
    """What stands for what; functions inside each other would be garbage in circles."""

    def __init__(
        self,
        reads: Names,
        makes: Mapping[Value, Value | None],
        gone: Container[Any],
        block: Callable[[Block], Block] | None,
        lengths: Mapping[Any, Dim] | None,
    ) -> None:
        self.reads, self.known = reads, {"makes": makes, "inner": makes}
        self.names = {*reads, *makes}
        self.gone, self.block, self.lengths = gone, block, lengths

    def field(self, x: Any, role: str) -> Any:
        """Return what stands for the contents of a field."""
        if x.__class__ is Value:
            return self.known.get(role, self.reads).get(x, x)
        if x.__class__ is tuple:
            kept: Iterable[Any] = x
            if role == "parts" and self.gone:
                kept = [y for y in x if y not in self.gone]
            new = tuple([self.field(y, role) for y in kept])
            return x if len(new) == len(x) and all(map(is_, new, x)) else new
        if x is None or x.__class__ is Const:
            return x
        return self.block(x) if self.block and role == "blocks" else self.whole(x)

    def whole(self, x: Any) -> Any:
        """Return what stands for a node or a part of one."""
        kind, lengths = x.__class__, self.lengths
        if kind in _SMALL and lengths is None and self.names.isdisjoint(_values(x)):
            return x
        changed = {}
        for name, role in _FIELDS.get(kind, {}).items():
            new = self.field(old := getattr(x, name), role)
            if new is not old:
                changed[name] = new
        if kind is Function and x.cut is not None and "body" in changed:
            changed["cut"] = sum(s not in self.gone for s in x.body.stmts[: x.cut])
        if lengths and kind is Op:
            changed["attrs"] = {k: put_lengths(v, lengths) for k, v in x.attrs.items()}
        again = lengths is not None and isinstance(x, Stmt)
        return replace(x, **changed) if changed or again else x


def mapped(part: Any, other: Callable[[Operand], Any]) -> Any:
    """Return a path, or a part of one, with something else for each operand."""
    if isinstance(part, Value | Const):
        return other(part)
    if isinstance(part, tuple):
        return tuple(mapped(x, other) for x in part)
    new = {n: mapped(getattr(part, n), other) for n in _FIELDS.get(type(part), ())}
    return replace(part, **new) if new else part


def instead(block: Block, new: Mapping[Any, Iterable[Stmt]]) -> Block:
    """Return a block, with inner ones, where other statements stand for some."""
    stmts, inner = list[Stmt](), partial(instead, new=new)
    for s in block.stmts:
        stmts += new[s] if s in new else [rewrite(s, block=inner)]
    return Block((*stmts,))


def last(x: Any, names: Mapping[Any, Any]) -> Any:
    """Return what stands for a value in the end."""
    while x in names:
        x = names[x]
    return x


def reads(stmts: Iterable[Stmt]) -> list[Operand]:
    """Return all operands of statements in the order of the text."""
    found: list[Operand] = []
    for stmt in stmts:
        inner = (x for block in blocks(stmt) for x in reads(block.stmts))
        found += (*operands(stmt), *inner, *inner_operands(stmt))
    return found


def free(node: Stmt | Function) -> dict[Value, None]:
    """Return, in order of first use, the values read in a node and made outside."""
    found: dict[Value, None] | None = node.__dict__.get("_free")
    if found is None:
        found = dict.fromkeys(x for x in operands(node) if x.__class__ is Value)
        if node.__class__ not in _PLAIN:
            inside = [s for block in blocks(node) for s in block.stmts]
            for s in inside:
                found |= free(s)
            found |= dict.fromkeys(
                x for x in inner_operands(node) if x.__class__ is Value
            )
            for v in (*inner_outs(node), *(v for s in inside for v in outs(s))):
                found.pop(v, None)
        node.__dict__["_free"] = found
    return found


def users(
    function: Function,
) -> tuple[dict[Any, list[Stmt]], dict[Any, list[Stmt | Function]]]:
    """Return who reads each value, and at the end of whose blocks it is read."""
    inside: dict[Any, list[Stmt]] = defaultdict(list)
    ends: dict[Any, list[Stmt | Function]] = defaultdict(list)
    for x in function.results:
        ends[x].append(function)
    for stmt in every(function.body):
        for x in operands(stmt):
            inside[x].append(stmt)
        for x in inner_operands(stmt):
            ends[x].append(stmt)
    return inside, ends


def uses(function: Function) -> Counter[Any]:
    """Count the uses of every value."""
    return Counter((*function.results, *reads(function.body.stmts)))
