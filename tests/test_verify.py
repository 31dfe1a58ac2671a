"""The verifier refuses each kind of fault, and what it accepts is memory-safe.

Random functions are run twice, on copies and in place: whatever the verifier accepts
must give the same results both times.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from srcgrad.builder import INT, const
from srcgrad.errors import BackendError, Location
from srcgrad.ir import (
    Accumulate,
    Assert,
    Block,
    Carry,
    For,
    Function,
    If,
    Index,
    Merge,
    Op,
    Operand,
    Permute,
    Push,
    Read,
    Stmt,
    Take,
    Value,
    View,
    While,
    Write,
)
from srcgrad.types import Array, Dim, ListOf
from srcgrad.verifier import verify
from tests.ir_programs import (
    ALL,
    FLAG,
    FLOAT,
    INDICES,
    MATRIX,
    TAIL,
    Random,
    at,
    outcome,
    value,
)


def function(
    params: Sequence[Value], stmts: Sequence[Stmt], *results: Operand
) -> Function:
    """Return a function of hand-made statements."""
    return Function("f", tuple(params), Block(tuple(stmts)), results)


def once(var: Value, carries: Sequence[Carry], stmts: Sequence[Stmt]) -> For:
    """Return a loop of three turns."""
    bounds = const(0), const(3), const(1)
    return For(var, *bounds, tuple(carries), Block(tuple(stmts)))


# Faults made by hand: a function that is right, and one that is nearly so

u, v, w, x, y, z = (value(n) for n in "uvwxyz")
u1, u2, u3, v1, w1 = (value(n) for n in ("u1", "u2", "u3", "v1", "w1"))
a, b, s, t = (value(n, FLOAT) for n in "abst")
c, i, n = value("c", FLAG), value("i", INT), value("n", INT)
p, q = value("p", INDICES), value("q", MATRIX)
items, items1 = (value(n, ListOf(FLOAT)) for n in ("items", "items1"))
WRITE = Write(u, at(0), s, u1)


def store(base: Value, out: Value) -> Write:
    """Return a write into a vector."""
    return Write(base, at(0), const(1.0), out)


def arms(then: Sequence[Stmt], orelse: Sequence[Stmt], *merges: Merge) -> If:
    """Return an `if` on c."""
    return If(c, Block(tuple(then)), Block(tuple(orelse)), merges)


SWAP = (Carry(u, x, y, u1), Carry(v, y, x, v1))
TEST = Op("lt", (s, const(1.0)), (value("go", FLAG),))


def repeat(test: Sequence[Stmt], cond: Operand, *carries: Carry) -> While:
    """Return a loop on a test with an empty body."""
    return While(Block(tuple(test)), cond, carries, Block())


RIGHT: dict[str, Function] = {
    "write": function([u, s], [WRITE], u1),
    "read before the write": function([u, s], [Read(u, at(0), a), WRITE], u1, a),
    "view before the write": function(
        [u, s], [View(u, TAIL, x), Op("sum", (x,), (a,)), WRITE], u1, a
    ),
    "gather after the write": function(
        [u, p, s], [View(u, (Index((p,)),), x), WRITE, Op("sum", (x,), (a,))], u1, a
    ),
    "shape of an old version": function(
        [u, s], [WRITE, Op("zeros_like", (u,), (x,))], u1, x
    ),
    "mask": function([q, value("m", Array("bool", MATRIX.dims))], []),
    "swap in a loop": function([u, v], [once(i, SWAP, [])], u1, v1),
    "new array in each turn": function(
        [u], [once(i, [Carry(u, x, y, u1)], [Op("neg", (x,), (y,))])], u1
    ),
    "merge in place": function([u, c], [arms([store(u, x)], [], Merge(u1, x, u))], u1),
    "swap in an if": function(
        [u, v, c], [arms([], [], Merge(x, u, v), Merge(y, v, u))], x, y
    ),
    "change that nobody reads": function([u, c], [arms([store(u, x)], [])]),
    "outer buffer written in a turn that raises": function(
        [u], [once(i, [], [store(u, x), Assert(const(False), "raise", "raise E")])], u
    ),
    "change before an error": function(
        [u, c],
        [arms([store(u, x), Assert(const(False), "raise", "raise E")], [])],
        u,
    ),
    "push": function([items, s], [Push(items, s, items1)], items1),
    "take": function([u], [Take(u, TAIL, x, u1)], x, u1),
    "while": function([s], [repeat([TEST], TEST.out)]),
    "axes of one": function([u, value("e", Array("float64", (Dim(1), Dim(3))))], []),
}


WRONG: dict[str, tuple[Function, str]] = {
    "operand never defined": (
        function([], [Op("neg", (a,), (b,))]), "before it is defined"
    ),
    "operand defined later": (
        function([], [Op("neg", (a,), (b,)), Op("neg", (b,), (a,))]),
        "before it is defined",
    ),
    "result never defined": (function([], [], a), "before it is defined"),
    "operand of a path": (function([u], [Read(u, at(n), a)]), "before it is defined"),
    "value of another block": (
        function([c, s], [arms([Op("neg", (s,), (a,))], [Op("neg", (a,), (b,))])]),
        "another block",
    ),
    "value from inside a loop": (
        function([s], [once(i, [], [Op("neg", (s,), (a,))]), Op("neg", (a,), (b,))]),
        "another block",
    ),
    "value of a test": (
        function([s], [replace(repeat([TEST], TEST.out), exit=TEST.out)]),
        "another block",
    ),
    "defined twice": (
        function([s], [Op("neg", (s,), (a,)), Op("neg", (s,), (a,))]),
        "defined twice",
    ),
    "defined in both arms": (
        function([s, c], [arms([Op("neg", (s,), (a,))], [Op("neg", (s,), (a,))])]),
        "defined twice",
    ),
    "two parameters of one name": (function([s, s], []), "defined twice"),
    "consumed twice": (
        function([u], [store(u, u1), store(u, u2)]), "read after it was overwritten"
    ),
    "accumulate into an old version": (
        function([u], [store(u, u1), Accumulate(u, ALL, const(1.0), u2)]),
        "read after it was overwritten",
    ),
    "take from an old version": (
        function([u], [store(u, u1), Take(u, ALL, x, u2)]),
        "read after it was overwritten",
    ),
    "push to an old version": (
        function([items], [Push(items, const(1.0), items1),
                           Push(items, const(1.0), value("l", items.type))]),
        "read after it was overwritten",
    ),
    "operation on an old version": (
        function([u, s], [WRITE, Op("neg", (u,), (x,))]),
        "read after it was overwritten",
    ),
    "element of an old version": (
        function([u, s], [WRITE, Read(u, at(1), a)]), "read after it was overwritten"
    ),
    "view of an old version": (
        function([u, s], [WRITE, View(u, TAIL, x)]), "read after it was overwritten"
    ),
    "old version written elsewhere": (
        function([u, v, s], [WRITE, Write(v, ALL, u, v1)]),
        "read after it was overwritten",
    ),
    "old version as a subscript": (
        function([u, p], [Write(p, at(0), const(1), value("p1", INDICES)),
                          View(u, (Index((p,)),), x)]),
        "read after it was overwritten",
    ),
    "old version as the result": (
        function([u, s], [WRITE], u), "read after it was overwritten"
    ),
    "length of an old list": (
        function([items], [Push(items, const(1.0), items1),
                           Op("length", (items,), (n,))]),
        "read after it was overwritten",
    ),
    "view across a write": (
        function([u, s], [View(u, TAIL, x), WRITE, Op("neg", (x,), (y,))]),
        "x, a view of u, is read after",
    ),
    "view of a view across a write": (
        function([u, s], [View(u, TAIL, x), View(x, TAIL, y), WRITE], y),
        "y, a view of u, is read after",
    ),
    "view across a loop that writes": (
        function(
            [u],
            [View(u, TAIL, x), once(i, [Carry(u, y, z, u1)], [store(y, z)])], x, u1,
        ),
        "read after it was handed on",
    ),
    "write through a view": (
        function([u], [View(u, ALL, x), store(x, u1)]), "no version of a buffer"
    ),
    "view handed to a loop": (
        function([u], [View(u, ALL, x), once(i, [Carry(x, y, y, z)], [])], z),
        "no version of a buffer",
    ),
    "view handed out of an if": (
        function([u, v, c], [arms([View(u, ALL, x)], [], Merge(y, x, v))], y),
        "no version of a buffer",
    ),
    "one buffer handed in twice": (
        function([u], [once(i, [Carry(u, x, x, u1), Carry(u, y, y, u2)], [])]),
        "handed on twice into the loop",
    ),
    "one buffer yielded twice": (
        function([u, v], [once(i, [Carry(u, x, x, u1), Carry(v, y, x, v1)], [])]),
        "handed on twice to the next turn",
    ),
    "one buffer merged twice": (
        function([u, v, c], [arms([], [], Merge(x, u, v), Merge(y, u, v))], x, y),
        "handed on twice out of arm 0",
    ),
    "two merges of one buffer": (
        function(
            [u, c], [arms([store(u, x)], [], Merge(y, x, u), Merge(z, x, u))], y, z
        ),
        "handed on twice out of arm 0",
    ),
    "yield of a version written since": (
        function([u], [once(i, [Carry(u, x, x, u1)], [store(x, y)])], u1),
        "read after it was overwritten",
    ),
    "used after it entered a loop": (
        function([u], [once(i, [Carry(u, x, x, u1)], [])], u),
        "read after it was handed on",
    ),
    "used inside the loop it entered": (
        function([u], [once(i, [Carry(u, x, x, u1)], [Read(u, at(0), a)])], u1),
        "read after it was handed on",
    ),
    "outer buffer written in a loop": (
        function([u], [once(i, [], [store(u, x)])]), "lies outside the loop"
    ),
    "outer buffer handed on in a loop": (
        function([u, v], [once(i, [Carry(u, x, v, u1)], [])], u1),
        "lies outside the loop",
    ),
    "buffer written in a test": (
        function(
            [u, s], [repeat([store(x, y), TEST], TEST.out, Carry(u, x, x, u1))], u1
        ),
        "lies outside the loop",
    ),
    "used after a merge took it": (
        function([u, v, c], [arms([], [], Merge(x, u, v))], x, u),
        "read after it was handed on",
    ),
    "used after one arm changed it": (
        function([u, c], [arms([store(u, x)], [])], u), "read after it was overwritten"
    ),
    "used after an arm of an arm changed it": (
        function([u, c], [arms([arms([], [store(u, x)])], [])], u),
        "read after it was overwritten",
    ),
    "merge of an old version": (
        function([u, c], [arms([store(u, x)], [], Merge(y, u, u))], y),
        "read after it was overwritten",
    ),
    "too many axes": (
        function([u, v], [Write(u, at(0), v, u1)]), "v has rank 1, its place rank 0"
    ),
    "too many axes added": (
        function([u, q], [Accumulate(u, ALL, q, u1)]), "q has rank 2, its place rank 1"
    ),
    "too many subscripts": (function([u], [View(u, at(0, 0), a)]), "the path does not"),
    "axes that are none": (
        function([q], [View(q, (Permute((0, 2)),), x)]), "the path does not fit q"
    ),
    "view of more axes": (
        function([q], [View(q, at(0), value("r", MATRIX))]), "more axes than its place"
    ),
    "new version of another type": (
        function([u], [Write(u, ALL, const(1.0), value("r", MATRIX))]), " where "
    ),
    "push into an array": (
        function([u], [Push(u, const(1.0), u1)]), "push into what is no list"
    ),
    "item of another type": (
        function([items, u], [Push(items, u, items1)]), "u is no item of this list"
    ),
    "carry of another dtype": (
        function([], [once(i, [Carry(const(0), a, a, b)], [])]),
        "0 is py int64 where a is float64",
    ),
    "carry of another rank": (
        function([u, q], [once(i, [Carry(u, x, x, value("r", MATRIX))], [])]),
        " where ",
    ),
    "merge of kinds": (
        function([s, c], [arms([], [], Merge(a, s, const(True)))]), " where "
    ),
    "number as a test": (function([s], [If(s, Block(), Block(), ())]), "an if tests s"),
    "array as a test": (
        function([x], [repeat([], x)]), "a loop tests x, which is float64[4]"
    ),
    "number as a check": (
        function([s], [Assert(s, "ValueError", "")]), "a check tests s"
    ),
    "number as an exit": (
        function([s], [replace(once(i, [], []), exit=s)]), "the exit tests s"
    ),
    "float as a bound": (
        function([s], [replace(once(i, [], []), stop=s)]), "a bound of a loop is s"
    ),
    "cut outside": (replace(function([], []), cut=1), "the cut 1 is not inside"),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_accepts(name: str) -> None:
    """Check that the neighbours of the faults are accepted."""
    verify(RIGHT[name])


@pytest.mark.parametrize("name", WRONG)
def test_refuses(name: str) -> None:
    """Check that each fault is found and named."""
    wrong, message = WRONG[name]
    with pytest.raises(BackendError) as caught:
        verify(wrong)
    assert message in str(caught.value)


def test_axes_of_one_fit() -> None:
    """Check that NumPy's rule for leading axes of one is known."""
    row = value("row", Array("float64", (Dim(1), Dim(3))))
    verify(function([u, row], [Write(u, TAIL, row, u1)], u1))


def test_shows_the_fault_and_its_cause() -> None:
    """Check that the text points at the read and at the write before it."""
    place = Location("model.py", 7, 1, 7, 5)
    between = [Op("neg", (v,), (value("k"),)) for _ in range(6)]
    loop = once(i, [Carry(v, y, y, v1)], [Op("neg", (u,), (x,), {}, place)])
    test = arms([], [*between, loop], Merge(w, w1, w1))
    head = Op("neg", (v,), (w1,))
    with pytest.raises(BackendError) as caught:
        verify(function([u, v, s, c], [WRITE, head, test]))
    shown = str(caught.value).splitlines()
    assert [line for line in shown if line[0] in "<>"] == [
        "<     u1.0 = write u.0[0], s.0",
        ">         x.0: float64[4] = neg(u.0)  # 7",
    ]
    assert "    ..." in shown
    assert " --> model.py:7:1, in f" in shown


def test_lines_are_counted_as_printed() -> None:
    """Check that a fault after each kind of statement is marked in its own line."""
    loop = once(i, [Carry(u, x, x, u1)], [])
    tail = replace(loop, exit=c, trips=n)
    more = repeat([TEST], TEST.out, Carry(v, y, y, v1))
    fork = arms([], [], Merge(t, s, s))
    bad = Op("neg", (a,), (b,))
    every: list[Stmt] = [tail, more, fork]
    for count in range(4):
        stmts = every[:count]
        with pytest.raises(BackendError) as caught:
            verify(function([u, v, s, c], [*stmts, bad]))
        (line,) = (x for x in str(caught.value).splitlines() if x[0] == ">")
        assert line == ">     b.0: float64 = neg(a.0)"


def accepted(f: Function) -> bool:
    """Tell whether the verifier accepts a function."""
    try:
        verify(f)
    except BackendError:
        return False
    return True


def test_what_is_accepted_can_run_in_place() -> None:
    """Compare random functions in place with the same on copies."""
    taken = 0
    for seed in range(400):
        f = Random(seed).function()
        if accepted(f):
            taken += 1
            for flag in (True, False):
                np.testing.assert_equal(
                    outcome(f, flag), outcome(f, flag, False), f"seed {seed}"
                )
    assert 100 <= taken <= 390
