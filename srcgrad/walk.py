"""Walk and rewrite IR: operands, results, inner blocks, substitution.

Everything that must treat each kind of statement is here once, so that passes need not
know the grammar.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from srcgrad.ir import (
    Accumulate,
    Assert,
    Block,
    Carry,
    For,
    If,
    Index,
    Item,
    Op,
    Operand,
    Path,
    Push,
    Read,
    Reshape,
    Slice,
    Step,
    Stmt,
    Take,
    Value,
    View,
    While,
    Write,
    path_operands,
)

__all__ = [
    "blocks",
    "every",
    "free_values",
    "operands",
    "outs",
    "rebuild",
    "substitute",
    "substitute_block",
    "substitute_path",
    "uses",
]


def operands(stmt: Stmt) -> Iterator[Operand]:
    """Yield what a statement itself reads, inner blocks left aside.

    The yields of carries and the sources of merges belong to the statement; they are
    read at the end of the inner block.
    """
    match stmt:
        case Op():
            yield from stmt.args
        case View() | Read() | Take():
            yield stmt.base
            yield from path_operands(stmt.path)
        case Write() | Accumulate():
            yield stmt.base
            yield from path_operands(stmt.path)
            yield stmt.value
        case Push():
            yield stmt.base
            yield stmt.value
        case Assert():
            yield stmt.cond
        case For():
            yield from (stmt.start, stmt.stop, stmt.step)
            yield from (c.init for c in stmt.carries)
        case While():
            yield from (c.init for c in stmt.carries)
        case If():
            yield stmt.cond


def inner_operands(stmt: Stmt) -> Iterator[Operand]:
    """Yield what is read at the end of inner blocks: yields, exits, merged values."""
    match stmt:
        case For() | While():
            yield from (c.yld for c in stmt.carries)
            if stmt.exit is not None:
                yield stmt.exit
            if isinstance(stmt, While):
                yield stmt.cond
        case If():
            for merge in stmt.merges:
                yield merge.then
                yield merge.orelse
        case _:
            return


def outs(stmt: Stmt) -> tuple[Value, ...]:
    """Return the values a statement defines for what follows it."""
    match stmt:
        case Op():
            return stmt.outs
        case View() | Read() | Write() | Accumulate() | Push():
            return (stmt.out,)
        case Take():
            return (stmt.value, stmt.out)
        case Assert():
            return ()
        case For() | While():
            carried = tuple(c.out for c in stmt.carries)
            return carried if stmt.trips is None else (*carried, stmt.trips)
        case If():
            return tuple(m.out for m in stmt.merges)


def inner_outs(stmt: Stmt) -> tuple[Value, ...]:
    """Return the values a statement defines inside its blocks."""
    match stmt:
        case For():
            return (stmt.var, *(c.inn for c in stmt.carries))
        case While():
            return tuple(c.inn for c in stmt.carries)
        case _:
            return ()


def blocks(stmt: Stmt) -> tuple[Block, ...]:
    """Return the inner blocks in the order they run."""
    match stmt:
        case For():
            return (stmt.body,)
        case While():
            return (stmt.test, stmt.body)
        case If():
            return (stmt.then, stmt.orelse)
        case _:
            return ()


def every(block: Block) -> Iterator[Stmt]:
    """Yield all statements, outer ones before those inside them."""
    for stmt in block.stmts:
        yield stmt
        for inner in blocks(stmt):
            yield from every(inner)


def rebuild(stmt: Stmt, rewrite: Callable[[Block], Block]) -> Stmt:
    """Return the statement with its inner blocks rewritten."""
    match stmt:
        case For():
            return replace(stmt, body=rewrite(stmt.body))
        case While():
            return replace(stmt, test=rewrite(stmt.test), body=rewrite(stmt.body))
        case If():
            return replace(stmt, then=rewrite(stmt.then), orelse=rewrite(stmt.orelse))
        case _:
            return stmt


Subst = Mapping[Value, Operand]


def _operand(x: Operand, names: Subst) -> Operand:
    return names.get(x, x) if isinstance(x, Value) else x


def _value(x: Value, names: Subst) -> Value:
    y = names.get(x, x)
    if not isinstance(y, Value):
        raise TypeError(f"a constant cannot stand for the buffer {x}")
    return y


def _item(item: Item, names: Subst) -> Item:
    if isinstance(item, Slice):
        parts = (item.start, item.stop, item.step)
        return Slice(*(None if p is None else _operand(p, names) for p in parts))
    return None if item is None else _operand(item, names)


def substitute_path(path: Path, names: Subst) -> Path:
    """Replace values inside a path."""

    def step(s: Step) -> Step:
        if isinstance(s, Index):
            return Index(tuple(_item(i, names) for i in s.items))
        if isinstance(s, Reshape):
            return Reshape(tuple(_operand(x, names) for x in s.shape))
        return s

    return tuple(step(s) for s in path)


def substitute(stmt: Stmt, names: Subst) -> Stmt:
    """Replace operands everywhere in a statement, inner blocks included."""
    if not names:
        return stmt

    def sub(x: Operand) -> Operand:
        return names.get(x, x) if isinstance(x, Value) else x

    def carries(cs: tuple[Carry, ...]) -> tuple[Carry, ...]:
        return tuple(replace(c, init=sub(c.init), yld=sub(c.yld)) for c in cs)

    match stmt:
        case Op():
            return replace(stmt, args=tuple(sub(a) for a in stmt.args))
        case View() | Read() | Take():
            path = substitute_path(stmt.path, names)
            return replace(stmt, base=_value(stmt.base, names), path=path)
        case Write() | Accumulate():
            path = substitute_path(stmt.path, names)
            base = _value(stmt.base, names)
            return replace(stmt, base=base, path=path, value=sub(stmt.value))
        case Push():
            return replace(stmt, base=_value(stmt.base, names), value=sub(stmt.value))
        case Assert():
            return replace(stmt, cond=sub(stmt.cond))
        case For():
            return replace(
                stmt,
                start=sub(stmt.start),
                stop=sub(stmt.stop),
                step=sub(stmt.step),
                carries=carries(stmt.carries),
                body=substitute_block(stmt.body, names),
                exit=None if stmt.exit is None else sub(stmt.exit),
            )
        case While():
            return replace(
                stmt,
                test=substitute_block(stmt.test, names),
                cond=sub(stmt.cond),
                carries=carries(stmt.carries),
                body=substitute_block(stmt.body, names),
                exit=None if stmt.exit is None else sub(stmt.exit),
            )
        case If():
            return replace(
                stmt,
                cond=sub(stmt.cond),
                then=substitute_block(stmt.then, names),
                orelse=substitute_block(stmt.orelse, names),
                merges=tuple(
                    replace(m, then=sub(m.then), orelse=sub(m.orelse))
                    for m in stmt.merges
                ),
            )


def substitute_block(block: Block, names: Subst) -> Block:
    """Replace operands everywhere in a block."""
    if not names:
        return block
    return Block(tuple(substitute(s, names) for s in block.stmts))


def free_values(
    stmts: Iterable[Stmt], also: Iterable[Operand] = ()
) -> dict[Value, None]:
    """Return, in order of first use, the values read here and defined outside."""
    seen: dict[Value, None] = {}
    defined: set[Value] = set()

    def use(xs: Iterable[Operand]) -> None:
        for x in xs:
            if isinstance(x, Value):
                seen.setdefault(x)

    def visit(stmts: Iterable[Stmt]) -> None:
        for stmt in stmts:
            use(operands(stmt))
            defined.update(inner_outs(stmt))
            for block in blocks(stmt):
                visit(block.stmts)
            use(inner_operands(stmt))
            defined.update(outs(stmt))

    visit(stmts)
    use(also)
    return {v: None for v in seen if v not in defined}


def uses(block: Block, results: Iterable[Operand] = ()) -> dict[Value, int]:
    """Count the uses of every value in a block, inner blocks included."""
    count: dict[Value, int] = {}

    def use(xs: Iterable[Operand]) -> None:
        for x in xs:
            if isinstance(x, Value):
                count[x] = count.get(x, 0) + 1

    for stmt in every(block):
        use(operands(stmt))
        use(inner_operands(stmt))
    use(results)
    return count
