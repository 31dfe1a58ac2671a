"""Parts of cotangents are cleared late where nobody can tell, and only there."""

from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad import ir
from srcgrad.builder import INT, const
from srcgrad.errors import BackendError
from srcgrad.ir import Block, Carry, For, Function, Index, Slice, Value
from srcgrad.passes import clear_late
from srcgrad.verifier import verify
from tests import ir_programs
from tests.cases import CASES
from tests.ir_programs import TAIL, Made, at, text

HEAD: ir.Path = (Index((Slice(None, const(-1), None),)),)


def late(function: Function) -> list[str]:
    """Return what is left with parts cleared late, verified."""
    after = clear_late(function)
    verify(after)
    return text(after)


def kernel_of(name: str) -> str:
    """Return the backward part of a case's kernel."""
    (case,) = (c for c in CASES if c.name == name)
    f = srcgrad.differentiable(case.function, argnums=case.argnums)
    source = f.source(*case.make(np.random.default_rng(0)), stage="kernel")
    return source[source.index("    d_b = ") :]


def turns(m: Made, first: Value, path: ir.Path = TAIL) -> Value:
    """Write a loop that adds to an array and takes a part of it for another."""
    u, v = Value("w", first.type), Value("v", first.type)
    with m.build.block() as stmts:
        more = m.build.accumulate(u, HEAD, m.s)
        part, left = m.build.take(more, path, "t")
        added = m.build.accumulate(v, path, m.build.op("mul", part, m.s))
    out, other = Value("w", first.type), Value("v", first.type)
    carries = Carry(first, u, left, out), Carry(m.v, v, added, other)
    loop = For(Value("i", INT), const(0), const(3), const(1), carries, Block((*stmts,)))
    m.build.emit(loop)
    return out


def test_what_a_turn_clears_is_cleared_where_the_next_one_adds() -> None:
    m = Made()
    f = m.function(turns(m, m.build.op("zeros", 4, name="w")))
    assert late(f) == [
        "w.0: float64[4] = zeros(4)",
        "for i.0 in 0, 3, 1",
        "  carry w.1: float64[4] = w.0",
        "  carry v.1: float64[4] = v.0",
        "  w.2 = write w.1[1:], 0.0",
        "  w.3 = accumulate w.2[:-1], s.0",
        "  t.0: float64[3] = view w.3[1:]",
        "  t.1: float64[3] = mul(t.0, s.0)",
        "  v.2 = accumulate v.1[1:], t.1",
        "  yield w.1 = w.3 -> w.4",
        "  yield v.1 = v.2 -> v.3",
        "w.5 = write w.4[1:], 0.0",
        "return w.5",
    ]


def test_what_need_not_be_zero_before_the_loop_stays() -> None:
    m = Made()
    f = m.function(turns(m, m.u))
    assert clear_late(f) is f
    m = Made()  # taken out of another array, the part is what that one held
    part, rest = m.build.take(m.u, (), "t")
    f = m.function(turns(m, part, ()), rest)
    assert clear_late(f) is f


def test_a_single_number_is_not_cleared_where_no_turn_has_checked_it() -> None:
    m = Made()
    rows = (Index((Slice(None, None, None), const(1))),)
    plan: Any = clear_late.__globals__["_Plan"](m.function(m.s))
    assert not plan.is_sure(rows)
    assert not plan.is_sure(at(0))
    assert not plan.is_sure((Index((Slice(None, None, m.s),)),))
    assert plan.is_sure(TAIL)


def test_to_and_fro_is_read_and_written_once() -> None:
    """Nothing is copied, and inside nothing is read that is then overwritten."""
    backward = kernel_of("to_and_fro")
    assert "empty" not in backward
    for name in ("d_a", "d_b"):  # once written, once read
        assert f"{name}[i + 2] = " in backward
        assert backward.count(f"{name}[i + 2]") == 2


class Clearing(ir_programs.Random):
    """Write functions that take parts of arrays and add to others, in loops."""

    def function(self) -> Function:
        params = [Value(n, ir_programs.VECTOR) for n in "xyz"]
        picks, number = Value("p", ir_programs.INDICES), Value("s", ir_programs.FLOAT)
        self.flag, self.numbers = Value("c", ir_programs.FLAG), [number, const(1.5)]
        self.parts: list[Value] = []
        self.own = params[: self.dice.randrange(3)]
        self.own += [self.build.op("zeros", 4, name="z") for _ in range(2)]
        self.turn(0)
        results = (*self.own, *self.parts[:2])
        params += [picks, number, self.flag]
        return Function("f", (*params,), self.build.close(), results)

    def turn(self, depth: int) -> None:
        """Write statements, and loops."""
        for _ in range(self.dice.randrange(2, 5)):
            if depth < 3 and self.dice.random() < 0.4:
                self.nest(depth)
            elif self.own:
                self.taken()

    def path(self) -> ir.Path:
        return self.dice.choice([HEAD, TAIL])

    def taken(self) -> None:
        """Take a part of an array, and add it or its multiple somewhere."""
        choice, chance, build = self.dice.choice, self.dice.random, self.build
        self.dice.shuffle(self.own)
        base = self.own.pop()
        if chance() < 0.6:
            base = build.accumulate(base, self.path(), self.number())
        part, base = build.take(base, self.path(), "t")
        self.parts += [part, build.op("mul", part, self.number())]
        for _ in range(2):
            if self.own:
                value = choice(self.parts[-4:])
                self.own[0] = build.accumulate(self.own[0], self.path(), value)
        if chance() < 0.5:
            base = build.accumulate(base, self.path(), choice(self.parts[-2:]))
        if chance() < 0.2:
            self.numbers.append(build.read(base, at(self.dice.randrange(4))))
        self.own.append(base)

    def nest(self, depth: int) -> None:
        """Write a loop; now and then two arrays change places in it."""
        outer, parts, numbers = self.own, [*self.parts], [*self.numbers]
        inns = [Value(x.name, x.type) for x in outer]
        self.own = [*inns]
        with self.build.block() as stmts:
            self.turn(depth + 1)
        roots = self.roots(stmts)
        if self.dice.random() < 0.8:
            order = [next((x for x in self.own if roots.get(x, x) is i), i)
                     for i in inns]  # fmt: skip
            self.own = order
        outs = [Value(x.name, x.type) for x in outer]
        every = zip(outer, inns, self.own, outs, strict=True)
        carries = tuple(Carry(*c) for c in every)
        var, count = Value("i", INT), const(self.dice.randrange(4))
        exit = self.flag if self.dice.random() < 0.2 else None
        body = Block((*stmts,))
        self.build.emit(For(var, const(0), count, const(1), carries, body, exit))
        self.own, self.parts, self.numbers = outs, parts, numbers


def test_random_functions_compute_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ir_programs.OPS, "zeros", lambda n: np.zeros(n))
    changed = carried = 0
    for seed in range(300):
        f = Clearing(seed, error=0.0).function()
        try:
            verify(f)
        except BackendError:
            continue
        g = clear_late(f)
        verify(g)
        changed += g is not f
        carried += len(g.body.stmts) > len(f.body.stmts)
        for flag in (True, False):
            one, two = (ir_programs.outcome(h, flag) for h in (f, g))
            np.testing.assert_equal(one, two, f"seed {seed}")
    assert changed >= 40
    assert carried >= 20
