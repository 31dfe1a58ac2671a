"""Multiply a carried cotangent once a turn: `a * d - b * d` becomes `d * (a - b)`.

The chain rule adds one term for each use of a variable, and every term has the
cotangent of the turn before as a factor: the turns wait for each other through all of
them. What is linear in the carried number is gathered into one factor that does not
depend on it, so that only one multiplication stands between two turns. It is done to a
number that no other carried one adds to: what several hand each other is as quick in
the chain rule's own order, and shorter.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

from srcgrad.algebra import Algebra
from srcgrad.ir import Block, Carry, Const, For, Op, Operand, Value
from srcgrad.types import Scalar, is_float


def factor_carries(loop: For) -> For:
    """Return a reverse loop with one factor for each number that it carries.

    Loops of the forward sweep stay as they are: they round as the user wrote.

    >>> from srcgrad.ir import Function
    >>> from srcgrad.text import print_function
    >>> build, real, whole = Algebra(), Scalar("float64"), Scalar("int64", True)
    >>> a, b, d0, d, last = (Value(n, real) for n in ("a", "b", "d", "d", "d"))
    >>> with build.block() as stmts:
    ...     end = build.op("sub", build.op("mul", a, d), build.op("mul", b, d))
    >>> i, body, carry = Value("i", whole), Block((*stmts,)), Carry(d0, d, end, last)
    >>> zero, one, three = (Const(k, whole) for k in (0, 1, 3))
    >>> loop = factor_carries(For(i, zero, three, one, (carry,), body))
    >>> f = Function("f", (a, b, d0), Block((loop,)), (last,))
    >>> print(print_function(f).partition("    yield")[0], end="")
    function f(a.0: float64, b.0: float64, d.0: float64)
      for i.0 in 0, 3, 1
        carry d.1: float64 = d.0
        t.0: float64 = mul(a.0, d.1)
        t.1: float64 = mul(b.0, d.1)
        t.2: float64 = sub(t.0, t.1)
        t.3: float64 = sub(a.0, b.0)
        t.4: float64 = mul(d.1, t.3)
    """
    made = {s.outs[0]: s for s in loop.body.stmts if isinstance(s, Op)}
    build = Algebra()
    inns = {c.inn for c in loop.carries}
    carries = tuple(
        _shortened(c, made, build) if _behind(c.yld, made) & inns == {c.inn} else c
        for c in loop.carries
    )
    added = build.close().stmts
    if not added:
        return loop
    return replace(loop, carries=carries, body=Block((*loop.body.stmts, *added)))


def _behind(x: Operand, made: Mapping[Value, Op]) -> set[Operand]:
    """Return all that a number is made of in a turn."""
    found, todo = set[Operand](), [x]
    while todo:
        y = todo.pop()
        if y not in found:
            found.add(y)
            todo += made[y].args if isinstance(y, Value) and y in made else ()
    return found


def _shortened(carry: Carry, made: Mapping[Value, Op], build: Algebra) -> Carry:
    """Return a carry whose number is multiplied once; write how at the end."""
    d, last = carry.inn, carry.yld
    if not (isinstance(d.type, Scalar) and is_float(d.type) and last in made):
        return carry
    assert isinstance(last, Value)
    build.loc = made[last].loc
    with build.block() as stmts:
        # What is used twice in each line has 2**n ways to it: each is split once.
        split = cache(lambda x: _split(d, x, made, build, split))
        found = split(last)
        if found is None or found[0] < 2:
            return carry
        _, factor, rest = found
        assert factor is not None
        end = build.op("mul", d, factor, name=last.name)
        if rest is not None:
            end = build.op("add", end, rest, name=last.name)
    build.open[-1] += stmts
    return replace(carry, yld=end)


# A number `factor * d + rest`: in how many terms d stands, and the parts there are.
_Linear = tuple[int, Operand | None, Operand | None]


def _split(
    d: Value, x: Operand, made: Mapping[Value, Op], build: Algebra,
    split: Callable[[Operand], _Linear | None],
) -> _Linear | None:  # fmt: skip
    """Return a number as a linear function of the carried one, if it is one."""
    if x is d:
        return 1, Const(1.0, Scalar(d.type.dtype)), None
    op = made.get(x) if isinstance(x, Value) else None
    parts = [] if op is None else [split(a) for a in op.args]
    if op is None or all(p is not None and p[0] == 0 for p in parts):
        return 0, None, x
    if any(isinstance(a, Value) and a.type.dtype != d.type.dtype for a in op.args):
        return None

    def apply(row: str, *parts: Operand | None) -> Operand | None:
        """Apply a row to parts of which some may be missing."""
        a, b = parts[0], parts[-1]
        if a is not None and b is not None:
            made: Operand = build.op(row, *[p for p in parts if p is not None])
            return made
        if row in ("add", "sub") and b is not None:
            return apply("neg", b) if row == "sub" else b
        return a if row in ("add", "sub") else None

    match op.row, parts:
        case "neg", [(n, f, r)]:
            return n, apply("neg", f), apply("neg", r)
        case ("add" | "sub") as row, [(n, f, r), (m, g, s)]:
            return n + m, apply(row, f, g), apply(row, r, s)
        case "mul", [(0, _, r), (m, g, s)]:
            return m, apply("mul", r, g), apply("mul", r, s)
        case ("mul" | "div") as row, [(n, f, r), (0, _, s)]:
            return n, apply(row, f, s), apply(row, r, s)
    return None
