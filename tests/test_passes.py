"""Passes change the text as they say, and never what a function computes.

The cases are functions of a few statements with the text that must be left. Random
functions are run in place before and after the passes, verified after each one.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad import ir, passes
from srcgrad.builder import INT, const
from srcgrad.errors import BackendError
from srcgrad.ir import Block, Carry, Function, Index, Merge, Value
from srcgrad.passes import elide_copies, remove_dead_code, run_passes, write_over
from srcgrad.text import print_function
from srcgrad.types import Array, Dim, ListOf
from srcgrad.verifier import verify
from tests import ir_programs
from tests.ir_programs import ALL, FLOAT, TAIL, VECTOR, Made, at, text, value


def live(function: Function) -> list[str]:
    """Return what is left without dead code, verified; once is enough."""
    before = print_function(function)
    after = remove_dead_code(function)
    verify(after)
    assert print_function(function) == before
    assert text(remove_dead_code(after)) == text(after)
    return text(after)


def fewer(function: Function) -> list[str]:
    """Return what is left without needless copies, verified."""
    before = print_function(function)
    after = elide_copies(function)
    verify(after)
    assert print_function(function) == before
    return text(after)


# dead code


def test_unused_statements_go() -> None:
    """Drop operations, views and element reads that nothing needs."""
    m = Made()
    m.build.view(m.u, TAIL)
    m.build.read(m.u, at(0))
    m.build.op("mul", m.u, m.s)
    kept = m.build.op("mul", m.s, m.s)
    m.build.op("add", kept, 1.0)
    assert live(m.function(kept)) == [
        "t.0: float64 = mul(s.0, s.0)",
        "return t.0",
    ]


def test_unread_writes_at_the_top_go() -> None:
    """Drop updates of a buffer that nobody looks at any more."""
    m = Made()
    one = m.build.write(m.u, at(0), m.s)
    read = m.build.read(one, at(1))
    m.build.accumulate(one, ALL, m.s)
    assert live(m.function(read)) == [
        "u.1 = write u.0[0], s.0",
        "t.0: float64 = read u.1[1]",
        "return t.0",
    ]


def test_checks_stay() -> None:
    """Keep what a check reads, and the regions around it."""
    m = Made()
    with m.build.block() as stmts:
        m.build.op("add", m.s, m.s)
    with m.build.block() as other:
        flag = m.build.op("lt", m.s, 0.0)
        m.build.emit(ir.Assert(flag, "ValueError", "no"))
        m.build.op("sub", m.s, 1.0)
    m.branch(stmts, other)
    assert live(m.function(m.s)) == [
        "if c.0",
        "else",
        "  t.0: bool = lt(s.0, 0.0)",
        "  assert t.0, ValueError: no",
        "return s.0",
    ]


def test_carries_of_dead_values_go() -> None:
    """Keep a carry if its value after the loop or in the next turn is needed."""
    m = Made()
    sum_in, sum_out = value("sum", FLOAT), value("sum", FLOAT)
    rate_in, rate_out = value("rate", FLOAT), value("rate", FLOAT)
    dead_in, dead_out = value("dead", FLOAT), value("dead", FLOAT)
    with m.build.block() as stmts:
        total = m.build.op("add", sum_in, rate_in)
        rate = m.build.op("mul", rate_in, 2.0)
        dead = m.build.op("mul", dead_in, total)
    m.loop(
        [
            Carry(m.s, sum_in, total, sum_out),
            Carry(m.s, rate_in, rate, rate_out),
            Carry(m.s, dead_in, dead, dead_out),
        ],
        stmts,
        trips=value("trips", INT),
    )
    assert live(m.function(sum_out)) == [
        "for i.0 in 0, 3, 1",
        "  carry sum.0: float64 = s.0",
        "  carry rate.0: float64 = s.0",
        "  t.0: float64 = add(sum.0, rate.0)",
        "  t.1: float64 = mul(rate.0, 2.0)",
        "  yield sum.0 = t.0 -> sum.1",
        "  yield rate.0 = t.1 -> rate.1",
        "return sum.1",
    ]


def test_dead_loops_and_branches_go() -> None:
    """Drop a loop and an `if` whose values nobody needs; count turns if asked."""
    m = Made()
    inn, out, trips = value("a", FLOAT), value("a", FLOAT), value("trips", INT)
    with m.build.block() as stmts:
        more = m.build.op("add", inn, 1.0)
        done = m.build.op("lt", inn, 5.0)
    m.loop([Carry(m.s, inn, more, out)], stmts, exit=done, trips=trips)
    with m.build.block() as stmts:
        product = m.build.op("mul", out, out)
    m.branch(stmts, [], Merge(value("b", FLOAT), product, m.s))
    f = m.function(trips, m.s)
    assert live(replace(f, results=(m.s,))) == ["return s.0"]
    assert live(f) == [
        "for i.0 in 0, 3, 1",
        "  carry a.0: float64 = s.0",
        "  t.0: float64 = add(a.0, 1.0)",
        "  t.1: bool = lt(a.0, 5.0)",
        "  yield a.0 = t.0 -> a.1",
        "  exit t.1",
        "  trips trips.0",
        "return trips.0, s.0",
    ]


def test_while_keeps_its_test() -> None:
    """Keep what the test of a living `while` reads."""
    m = Made()
    inn, out = value("a", FLOAT), value("a", FLOAT)
    with m.build.block() as test:
        m.build.op("mul", inn, 3.0)
        flag = m.build.op("lt", inn, 5.0)
    with m.build.block() as stmts:
        more = m.build.op("add", inn, 1.0)
    blocks = Block(tuple(test)), Block(tuple(stmts))
    carry = Carry(m.s, inn, more, out)
    m.build.emit(ir.While(blocks[0], flag, (carry,), blocks[1]))
    assert live(m.function(out)) == [
        "while",
        "  carry a.0: float64 = s.0",
        "  t.0: bool = lt(a.0, 5.0)",
        "test t.0",
        "  t.1: float64 = add(a.0, 1.0)",
        "  yield a.0 = t.1 -> a.1",
        "return a.1",
    ]


def test_effect_chain_of_an_arm_stays_whole() -> None:
    """Keep the later writes and the merge of a buffer that a living write changed."""
    m = Made()
    with m.build.block() as stmts:
        one = m.build.write(m.u, at(0), m.s)
        read = m.build.read(one, at(0))
        two = m.build.write(one, at(1), const(2.0))
    both, merged = value("a", FLOAT), value("u")
    m.branch(stmts, [], Merge(both, read, m.s), Merge(merged, two, m.u))
    assert live(m.function(both)) == [
        "if c.0",
        "  u.1 = write u.0[0], s.0",
        "  t.0: float64 = read u.1[0]",
        "  u.2 = write u.1[1], 2.0",
        "else",
        "merge a.0: float64 = t.0 | s.0",
        "merge u.3: float64[4] = u.2 | u.0",
        "return a.0",
    ]


def test_effect_chain_goes_out_through_all_regions() -> None:
    """Keep the merge in a loop and the carry around it; take the cleared part."""
    m = Made()
    inn, out, sum_in, sum_out = (
        value("u"),
        value("u"),
        value("a", FLOAT),
        value("a", FLOAT),
    )
    with m.build.block() as stmts:
        with m.build.block() as arm:
            part, left = m.build.take(inn, at(0))
        after, number = value("u"), value("b", FLOAT)
        merges = Merge(after, left, inn), Merge(number, part, m.s)
        m.build.emit(ir.If(m.c, Block(tuple(arm)), Block(), merges))
        total = m.build.op("add", sum_in, number)
    m.loop([Carry(m.u, inn, after, out), Carry(m.s, sum_in, total, sum_out)], stmts)
    f = m.function(sum_out)
    assert live(f) == text(f)


def test_what_is_taken_goes_out() -> None:
    """Keep the merge of what a take left, though only the taken number is needed."""
    m = Made()
    with m.build.block() as stmts:
        part, left = m.build.take(m.u, at(0))
    number = value("a", FLOAT)
    m.branch(stmts, [], Merge(number, part, m.s), Merge(value("u"), left, m.u))
    f = m.function(number)
    assert live(f) == text(f)


def test_writes_before_a_buffer_is_dropped_go() -> None:
    """Drop an update of a carried buffer that the turn then replaces by another."""
    m = Made()
    inn, out = value("u"), value("u")
    with m.build.block() as stmts:
        new = m.build.op("neg", inn)
        m.build.write(inn, at(0), m.s)
    m.loop([Carry(m.u, inn, new, out)], stmts)
    assert live(m.function(out)) == [
        "for i.0 in 0, 3, 1",
        "  carry u.1: float64[4] = u.0",
        "  t.0: float64[4] = neg(u.1)",
        "  yield u.1 = t.0 -> u.2",
        "return u.2",
    ]


def test_buffers_of_a_region_need_no_way_out() -> None:
    """Drop later writes to a buffer that was made in the region itself."""
    m = Made()
    with m.build.block() as stmts:
        new = m.build.op("copy", m.u)
        one = m.build.write(new, at(0), m.s)
        read = m.build.read(one, at(0))
        two = m.build.write(one, at(1), const(2.0))
    both = value("a", FLOAT)
    m.branch(stmts, [], Merge(both, read, m.s), Merge(value("w"), two, m.v))
    assert live(m.function(both)) == [
        "if c.0",
        "  t.0: float64[4] = copy(u.0)",
        "  t.1 = write t.0[0], s.0",
        "  t.2: float64 = read t.1[0]",
        "else",
        "merge a.0: float64 = t.2 | s.0",
        "return a.0",
    ]


def test_idle_carries_and_merges_are_replaced() -> None:
    """Follow carries that carry nothing through nested loops and merges."""
    m = Made()
    outer_in, outer_out = value("u"), value("u")
    inner_in, inner_out = value("u"), value("u")
    sum_in, sum_out = value("a", FLOAT), value("a", FLOAT)
    with m.build.block() as stmts:
        with m.build.block() as inner:
            first = m.build.read(inner_in, at(0))
            total = m.build.op("add", sum_in, first)
        total_out = value("a", FLOAT)
        m.loop(
            [Carry(outer_in, inner_in, inner_in, inner_out),
             Carry(m.s, sum_in, total, total_out)],
            inner,
        )  # fmt: skip
        same, number = value("u"), value("b", FLOAT)
        m.branch([], [], Merge(same, inner_out, inner_out),
                 Merge(number, total_out, total_out))  # fmt: skip
    m.loop([Carry(m.u, outer_in, same, outer_out),
            Carry(const(0.0), value("z", FLOAT), const(0.0), sum_out)],
           [*stmts, ir.Assert(m.c, "ValueError", "")])  # fmt: skip
    m.build.op("add", number_after := m.build.read(outer_out, at(1)), sum_out)
    assert live(m.function(outer_out, number_after)) == [
        "for i.0 in 0, 3, 1",
        "  assert c.0, ValueError: ",
        "t.0: float64 = read u.0[1]",
        "return u.0, t.0",
    ]


def test_a_merge_of_true_and_false_is_the_condition() -> None:
    """Use the condition itself."""
    m = Made()
    flag = value("set", const(True).type)
    m.branch([], [], Merge(flag, const(True), const(False)))
    other = m.build.op("not_", flag)
    assert live(m.function(other)) == ["t.0: py bool = not_(c.0)", "return t.0"]


def test_signs_of_zero_and_weak_numbers_are_kept_apart() -> None:
    """Merge 0.0 and -0.0; carry a Python number that becomes a NumPy one."""
    m = Made()
    zero, inn, out = value("z", FLOAT), value("a", FLOAT), value("a", FLOAT)
    m.branch([], [], Merge(zero, ir.Const(0.0, FLOAT), ir.Const(-0.0, FLOAT)))
    m.loop([Carry(const(1.0), inn, inn, out)], [])
    assert live(m.function(zero, out)) == [
        "if c.0",
        "else",
        "merge z.0: float64 = 0.0 | -0.0",
        "for i.0 in 0, 3, 1",
        "  carry a.0: float64 = 1.0",
        "  yield a.0 = a.0 -> a.1",
        "return z.0, a.1",
    ]


def test_cut_counts_what_is_left() -> None:
    """Count the forward statements that survive, with either pass."""
    m = Made()
    m.build.op("neg", m.s)
    kept = m.build.op("mul", m.u, m.s)
    copied = m.build.op("copy", kept)
    m.build.op("neg", m.s)
    double = m.build.op("add", m.s, m.s)
    f = m.function(copied, double, cut=4)
    first = remove_dead_code(f)
    assert first.cut == 2
    assert elide_copies(first).cut == 1
    assert remove_dead_code(replace(f, cut=None)).cut is None
    assert run_passes(f, verify=True).cut == 1


def test_lengths_of_living_arrays_are_kept_on_demand() -> None:
    """Keep the integers that shapes are made of, if asked to."""
    m = Made()
    count = m.build.op("add", value_int := Value("k", INT), 1)
    m.build.op("add", value_int, 2)
    array = Value("z", Array("float64", (Dim(0, ((count, 1),)),)))
    m.build.emit(ir.Op("copy", (m.u,), (array,)))
    m.params.append(value_int)
    f = m.function(array)
    assert len(remove_dead_code(f).body.stmts) == 1
    assert len(remove_dead_code(f, lengths=True).body.stmts) == 2


# copies


def test_copy_of_a_new_array_goes() -> None:
    """Let the copy's name stand for the new array, written or not."""
    m = Made()
    new = m.build.op("mul", m.u, 2.0)
    copied = m.build.op("copy", new, name="z")
    again = m.build.op("copy", copied, name="w")
    out = m.build.write(again, at(0), m.s)
    assert fewer(m.function(out)) == [
        "w.0: float64[4] = mul(u.0, 2.0)",
        "w.1 = write w.0[0], s.0",
        "return w.1",
    ]


def test_copy_of_what_is_taken_goes() -> None:
    """Let the copy's name stand for the part that was taken."""
    m = Made()
    part, left = m.build.take(m.u, ALL)
    copied = m.build.op("copy", part, name="z")
    out = m.build.accumulate(copied, ALL, m.s)
    assert fewer(m.function(out, left)) == [
        "z.0: float64[4], u.1 = take u.0",
        "z.1 = accumulate z.0, s.0",
        "return z.1, u.1",
    ]


def test_copies_that_stay() -> None:
    """Keep copies of parameters, of arrays used twice, of another block, of aliases."""
    m = Made()
    of_param = m.build.op("copy", m.u)
    one = m.build.write(of_param, at(0), m.s)
    _, left = m.build.take(m.u, at(0))
    of_left = m.build.op("copy", left)
    new = m.build.op("mul", m.v, 2.0)
    copied = m.build.op("copy", new)
    two = m.build.write(copied, at(0), m.s)
    outer = m.build.op("mul", m.v, 3.0)
    inn, out = value("w"), value("w")
    with m.build.block() as stmts:
        inside = m.build.op("copy", outer)
        three = m.build.write(inside, at(0), m.s)
    m.loop([Carry(m.v, inn, three, out)], stmts)
    alias = Value("r", VECTOR)
    m.build.emit(ir.Op("reshape", (new, const(4)), (alias,)))
    last = m.build.op("copy", alias)
    four = m.build.write(last, at(0), m.s)
    f = m.function(one, of_left, two, new, out, four)
    assert fewer(f) == text(f)


def test_a_saved_array_stays_apart_from_the_backward_sweep() -> None:
    """Keep copies that the backward sweep makes of what the forward sweep left."""
    m = Made()
    new = m.build.op("mul", m.u, 2.0)
    copied = m.build.op("copy", new)
    out = m.build.write(copied, at(0), m.s)
    f = m.function(out)
    for cut in range(4):
        kept = len(elide_copies(replace(f, cut=cut)).body.stmts)
        assert kept == (3 if cut == 1 else 2)
    m = Made()
    copied = m.build.op("copy", m.u)
    double = m.build.op("add", copied, copied)
    f = m.function(double)
    assert [len(elide_copies(replace(f, cut=k)).body.stmts) for k in range(3)] == [
        1,
        2,
        1,
    ]


def test_gathered_arrays_are_new_but_are_not_handed_on() -> None:
    """Drop the copy of a gather that is only read, even after a write."""
    m = Made()
    gather = m.build.view(m.u, (Index((m.p,)),))
    copied = m.build.op("copy", gather, name="z")
    out = m.build.write(m.u, at(0), m.s)
    double = m.build.op("add", copied, copied)
    f = m.function(out, double)
    assert fewer(f) == [
        "z.0: float64[4] = view u.0[p.0]",
        "u.1 = write u.0[0], s.0",
        "t.0: float64[4] = add(z.0, z.0)",
        "return u.1, t.0",
    ]
    assert fewer(replace(f, results=(copied,))) == text(replace(f, results=(copied,)))
    m = Made()
    gather = m.build.view(m.u, (Index((m.p,)),))
    copied = m.build.op("copy", gather)
    f = m.function(m.build.write(copied, at(0), m.s))
    assert fewer(f) == text(f)


def test_copies_that_are_only_read_go() -> None:
    """Read a view or a parameter itself where nothing changes it meanwhile."""
    m = Made()
    view = m.build.view(m.u, (Index((ir.Slice(None, None, const(-1)),)),))
    copied = m.build.op("copy", view)
    once = m.build.op("add", copied, m.v)
    twice = m.build.op("mul", copied, once)
    whole = m.build.op("copy", m.v)
    more = m.build.op("add", whole, twice)
    out = m.build.write(m.u, at(0), m.s)
    assert fewer(m.function(more, out)) == [
        "t.0: float64[4] = view u.0[::-1]",
        "t.1: float64[4] = add(t.0, v.0)",
        "t.2: float64[4] = mul(t.0, t.1)",
        "t.3: float64[4] = add(v.0, t.2)",
        "u.1 = write u.0[0], s.0",
        "return t.3, u.1",
    ]


def test_copies_of_what_changes_meanwhile_stay() -> None:
    """Keep a copy whose original is written, swapped or merged before its last use."""
    m = Made()
    view = m.build.view(m.u, TAIL)
    copied = m.build.op("copy", view)
    written = m.build.write(m.u, at(0), m.s)
    one = m.build.op("add", copied, 1.0)
    before = m.build.op("copy", written)
    x, y, a, b = (value(n) for n in "xyab")
    m.loop([Carry(written, x, y, a), Carry(m.v, y, x, b)], [])
    two = m.build.op("add", before, 1.0)
    kept = m.build.op("copy", a)
    joined = value("w")
    m.branch([], [], Merge(joined, a, b))
    three = m.build.op("add", kept, joined)
    last = m.build.op("copy", m.p)
    with m.build.block() as stmts:
        m.build.write(m.p, at(0), const(1))  # nobody looks at p any more
    m.branch(stmts, [])
    four = m.build.op("add", last, 1)
    f = m.function(one, two, three, four)
    assert fewer(f) == text(f)


def test_a_family_is_one_memory() -> None:
    """Keep a copy of one slot of a swap while the other one is written."""
    m = Made()
    x, y, a, b = (value(n) for n in "xyab")
    m.loop([Carry(m.u, x, y, a), Carry(m.v, y, x, b)], [])
    copied = m.build.op("copy", a)
    out = m.build.write(b, at(0), m.s)
    double = m.build.op("add", copied, copied)
    f = m.function(out, double, a)
    assert fewer(f) == text(f)


def test_copies_used_beyond_operations_stay() -> None:
    """Keep a copy that is a result, a base, a carried value, or read inside a loop."""
    m = Made()
    result = m.build.op("copy", m.u)
    based = m.build.op("copy", m.u)
    part = m.build.view(based, TAIL)
    number = m.build.op("mul", part, 2.0)
    carried = m.build.op("copy", m.u)
    inn, out = value("x"), value("x")
    m.loop([Carry(carried, inn, inn, out)], [])
    inside = m.build.op("copy", m.v)
    total, after = value("w"), value("w")
    with m.build.block() as stmts:
        more = m.build.op("add", inside, inside)
    m.loop([Carry(m.v, total, more, after)], stmts)
    pushed = m.build.op("copy", m.u)
    items = Value("items", ListOf(VECTOR))
    m.params.append(items)
    pile = m.build.push(items, pushed)
    f = m.function(result, number, out, after, pile)
    assert fewer(f) == text(f)


def test_copies_do_not_chain_past_a_write() -> None:
    """Judge a copy of a copy anew once the first one is gone."""
    m = Made()
    first = m.build.op("copy", m.u)
    second = m.build.op("copy", first)
    out = m.build.write(m.u, at(0), m.s)
    late = m.build.op("add", second, second)
    assert fewer(m.function(out, late)) == [
        "t.0: float64[4] = copy(u.0)",
        "u.1 = write u.0[0], s.0",
        "t.1: float64[4] = add(t.0, t.0)",
        "return u.1, t.1",
    ]


# writing over


def written_over(function: Function) -> list[str]:
    """Return what is left with one write for clearing and adding, verified."""
    after = write_over(function)
    verify(after)
    return text(after)


def test_cleared_and_added_is_written() -> None:
    """Write what is added to a place that was cleared, past other places."""
    m = Made()
    t, u = m.build.take(m.u, at(0), "t")
    u = m.build.accumulate(u, at(1), t)
    u = m.build.accumulate(u, at(0), m.build.op("mul", t, m.s))
    assert written_over(m.function(u)) == [
        "t.0: float64 = read u.0[0]",
        "u.1 = accumulate u.0[1], t.0",
        "t.1: float64 = mul(t.0, s.0)",
        "u.2 = write u.1[0], t.1",
        "return u.2",
    ]


def test_what_comes_back_is_not_written() -> None:
    """Leave a place as it is that gets back what was taken."""
    m = Made()
    t, u = m.build.take(m.u, TAIL, "t")
    u = m.build.accumulate(u, TAIL, t)
    assert written_over(m.function(u, t))[-1] == "return u.0, t.1"


def test_what_looks_at_a_cleared_place_sees_zero() -> None:
    """Clear a place that is read, or may be, before something is added."""
    m = Made()
    t, u = m.build.take(m.u, at(0), "t")
    seen = m.build.read(u, at(m.build.op("sub", 1, 1)))
    f = m.function(m.build.accumulate(u, at(0), m.s), seen, t)
    assert write_over(f) is f
    for between in (TAIL, ALL):
        m = Made()
        t, u = m.build.take(m.u, TAIL, "t")
        seen = m.build.op("copy", m.build.view(u, between))
        f = m.function(m.build.accumulate(u, TAIL, m.s), seen, t)
        assert write_over(f) is f
    m = Made()
    t, u = m.build.take(m.u, TAIL, "t")
    u = m.build.accumulate(u, at(2), m.s)  # it lies in the tail
    f = m.function(m.build.accumulate(u, TAIL, t))
    assert write_over(f) is f


# the driver


def broken(function: Function) -> Function:
    """Return what no value is defined in any more."""
    return replace(function, body=Block())


def test_driver_runs_all_passes_in_order() -> None:
    """Run the pipeline, or the passes that are given."""
    m = Made()
    new = m.build.op("mul", m.u, 2.0)
    m.build.op("neg", new)
    f = m.function(m.build.op("copy", new, name="z"))
    left = ["z.0: float64[4] = mul(u.0, 2.0)", "return z.0"]
    assert text(run_passes(f)) == text(run_passes(f, verify=True)) == left
    assert run_passes(f, []) is f
    assert passes.PIPELINE[2:] == [passes.keep_lengths, write_over, elide_copies]
    assert text(run_passes(f, passes.FINAL)) == live(f)


def test_driver_says_after_which_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name the pass that broke the IR, if asked to verify."""
    m = Made()
    f = m.function(m.build.op("neg", m.s))
    monkeypatch.delenv("SRCGRAD_DEBUG", raising=False)
    assert run_passes(f, [broken]).body.stmts == ()
    with pytest.raises(BackendError) as caught:
        run_passes(f, [broken], verify=True)
    assert caught.value.__notes__ == ["after broken"]
    monkeypatch.setenv("SRCGRAD_DEBUG", "1")
    with pytest.raises(BackendError) as caught:
        run_passes(broken(f))
    assert caught.value.__notes__ == ["before the passes"]


def test_random_functions_compute_the_same() -> None:
    """Compare random functions before and after, in place, verified at each step."""
    shorter = 0
    for seed in range(400):
        f = ir_programs.Random(seed, error=0.0).function()
        try:
            verify(f)
        except BackendError:
            continue
        g = run_passes(f, verify=True)
        shorter += g is not f and len(g.body.stmts) < len(f.body.stmts)
        assert text(passes.keep_lengths(g)) == text(g), f"seed {seed}"
        for flag in (True, False):
            message = f"seed {seed}"
            one, two = (ir_programs.outcome(h, flag) for h in (f, g))
            np.testing.assert_equal(one, two, message)
    assert shorter >= 100


def turned(a: np.ndarray) -> Any:
    return (a.T @ a[1][3::-1].copy()).sum()


def test_a_copy_that_decides_how_a_product_rounds_stays() -> None:
    """BLAS takes another path for a row that runs backward."""
    text = srcgrad.differentiable(turned, backend="python").source(
        np.ones((4, 6)), stage="forward"
    )
    assert "3::-1].copy()" in text


def every_third(x, m):  # type: ignore[no-untyped-def]
    s = 0.5
    for k in range(m):
        z = np.zeros(len(range(1, len(x), 3)))
        for j in range(1, len(x), 3):
            z[(j - 1) // 3] = np.sin(s * x[j]) * k
        s = s + np.sum(z * z)
    return s


def test_an_array_as_long_as_a_range_is_made_before_the_loop() -> None:
    f = srcgrad.differentiable(every_third)
    text = f.source(np.ones(7), 3, stage="kernel")
    assert text.index("rt_range_length(1, n, 3)") < text.index("for k in range(m)")
