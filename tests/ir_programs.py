"""IR made by hand and at random, and a machine that runs it.

`Made` holds a function under construction. `Random(seed).function()` writes a function
of three vectors with loops, branches, swaps, views, gathers and updates in place.
`outcome` runs it, in place as compiled code does, or with every update on a copy, so
that no version is ever lost.
"""

import itertools
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.builder import INT, Builder, const
from srcgrad.ir import (
    Accumulate,
    Block,
    Carry,
    For,
    Function,
    If,
    Index,
    Merge,
    Op,
    Operand,
    Path,
    Read,
    Slice,
    Step,
    Stmt,
    Take,
    Value,
    View,
    While,
    Write,
    owned,
)  # fmt: skip
from srcgrad.text import print_function
from srcgrad.types import Array, Dim, Scalar, Type
from srcgrad.verifier import verify

SIZE = 4
FLOAT, FLAG = Scalar("float64"), Scalar("bool")
VECTOR, MATRIX = Array("float64", (Dim(SIZE),)), Array("float64", (Dim(2), Dim(2)))
INDICES = Array("int64", (Dim(SIZE),))
ALL: Path = ()
TAIL: Path = (Index((Slice(const(1), None, None),)),)


def at(*items: Any) -> Path:
    """Return the path of a subscript."""
    return (Index(tuple(const(i) if isinstance(i, int) else i for i in items)),)


def value(name: str, type: Type = VECTOR) -> Value:
    """Return a new value."""
    return Value(name, type)


class Made:
    """A function under construction, with a few parameters at hand."""

    def __init__(self) -> None:
        self.build = Builder(trusting=True)
        self.u, self.v = value("u"), value("v")
        self.s, self.c = value("s", FLOAT), value("c", FLAG)
        self.p = value("p", INDICES)
        self.params: list[Value] = [self.u, self.v, self.s, self.c, self.p]

    def function(self, *results: Operand, cut: int | None = None) -> Function:
        """Return the function; it is right."""
        made = Function("f", tuple(self.params), self.build.close(), results, cut=cut)
        verify(made)
        return made

    def loop(
        self, carries: Sequence[Carry], stmts: Sequence[Stmt], **parts: object
    ) -> For:
        """Emit a loop of three turns."""
        bounds = const(0), const(3), const(1)
        var = value("i", INT)
        loop = For(var, *bounds, tuple(carries), Block(tuple(stmts)), **parts)  # type: ignore[arg-type]
        self.build.emit(loop)
        return loop

    def branch(
        self, then: Sequence[Stmt], orelse: Sequence[Stmt], *merges: Merge
    ) -> None:
        """Emit an `if` on c."""
        self.build.emit(If(self.c, Block(tuple(then)), Block(tuple(orelse)), merges))


def text(function: Function) -> list[str]:
    """Return the lines of a function without the first."""
    return [line[2:] for line in print_function(function).splitlines()[1:]]


class Random:
    """Write random functions, most of them right.

    `own` holds the versions that should be current here, `look` those that may only be
    read (outside of a loop), `numbers` the numbers. Now and then something else of the
    right type is taken instead, old or handed on: the verifier has to notice.
    """

    def __init__(self, seed: int, error: float = 0.02) -> None:
        self.dice = random.Random(seed)
        self.error = error
        self.build = Builder(trusting=True)
        self.own: list[Value] = []
        self.look: list[Value] = []
        self.numbers: list[Operand] = []
        self.ever: list[Value] = []
        self.views: list[Value] = []
        self.index: list[Operand] = [const(0), const(2)]
        self.budget = 14

    def function(self) -> Function:
        """Return a function of three vectors, indices, a number and a flag."""
        params = [value(name) for name in "xyz"]
        picks, number, flag = value("p", INDICES), value("s", FLOAT), value("c", FLAG)
        self.own, self.ever = list(params), list(params)
        self.numbers, self.picks, self.flag = [number, const(1.5)], picks, flag
        self.stmts(7, 0)
        results = [*self.own, self.number(), *self.views[:1]]
        body = self.build.close()
        cut = self.dice.randrange(len(body.stmts) + 1)
        every = (*params, picks, number, flag)
        return Function("f", every, body, tuple(results), cut=cut)

    def stmts(self, count: int, depth: int) -> None:
        """Write some statements into the open block."""
        choices = ["op", "op", "number", "read", "view", "gather", "copy", "copy"]
        choices += ["write", "write", "add", "take", "take", "view_op"]
        if depth < 3:
            choices += ["loop", "loop", "branch", "branch", "repeat"]
        for _ in range(self.dice.randrange(1, count)):
            kind = self.dice.choice(choices)
            if kind in ("loop", "branch", "repeat"):
                if self.budget > 0:
                    getattr(self, kind)(depth)
            else:
                self.budget -= 1
                getattr(self, kind)()

    def wild(self) -> bool:
        """Decide whether to make a mistake."""
        return self.dice.random() < self.error

    def vector(self) -> Value:
        """Return a vector to read."""
        if self.wild() or not self.own + self.look:
            return self.dice.choice(self.ever)
        if self.views and self.dice.random() < 0.4:
            return self.dice.choice(self.views)
        return self.dice.choice(self.own + self.look)

    def number(self) -> Operand:
        """Return a number to read."""
        return self.dice.choice(self.numbers)

    def made(self, new: Value) -> None:
        """Note a new array."""
        self.own.append(new)
        self.ever.append(new)

    def place(self) -> Path:
        """Return a path to write at."""
        reverse = Slice(None, None, const(-1))
        whole = [ALL, (Index((reverse,)),), (Index((self.picks,)),)]
        return self.dice.choice([*whole, at(self.dice.choice(self.index)), TAIL])

    def op(self) -> None:
        row = self.dice.choice(["add", "mul", "sub"])
        other = self.vector() if self.dice.random() < 0.6 else self.number()
        self.made(self.build.op(row, self.vector(), other))

    def number_of(self, operand: Operand) -> None:
        if isinstance(operand, Value):
            self.numbers.append(operand)

    def read(self) -> None:
        base = self.vector()
        self.number_of(self.build.read(base, at(self.dice.choice(self.index))))

    def view(self) -> None:
        step = Slice(None, None, self.dice.choice([const(-1), None]))
        made = self.build.view(self.vector(), (Index((step,)),))
        self.views.append(made)
        self.ever.append(made)

    def gather(self) -> None:
        made = self.build.view(self.vector(), (Index((self.picks,)),))
        self.views.append(made)
        self.ever.append(made)

    def view_op(self) -> None:
        if self.views:
            last = self.views[-1]
            self.made(self.build.op("copy", last))
            self.made(self.build.op("mul", self.own[-1], self.number()))

    def copy(self) -> None:
        """Copy something; often something new that is then given up."""
        if self.own and self.dice.random() < 0.5:
            self.made(self.build.op("copy", self.own.pop()))
        else:
            copied = self.build.op("copy", self.vector())
            if self.dice.random() < 0.5:
                self.views.append(copied)  # only read from now on
            else:
                self.made(copied)

    def target(self) -> Value | None:
        """Return a version to update, taken from the current ones."""
        if self.wild():
            return self.dice.choice(self.ever)
        if not self.own:
            return None
        return self.own.pop(self.dice.randrange(len(self.own)))

    def updated(self, base: Value, out: Value) -> None:
        if not self.wild():
            roots = {s.out: s.base for s in self.build.open[-1] if isinstance(s, View)}
            self.views = [v for v in self.views if roots.get(v) is not base]
            if self.dice.random() < 0.9:
                self.views = []
        self.made(out)

    def write(self) -> None:
        base, path = self.target(), self.place()
        if base is not None:
            whole = path != TAIL and not isinstance(
                self.build.place(VECTOR, path), Scalar
            )
            other = whole and self.own + self.look and self.dice.random() < 0.4
            stored = self.dice.choice(self.own + self.look) if other else self.number()
            self.updated(base, self.build.write(base, path, stored))

    def add(self) -> None:
        base = self.target()
        if base is not None:
            out = self.build.accumulate(base, self.place(), self.number())
            self.updated(base, out)

    def take(self) -> None:
        base = self.target()
        if base is not None:
            part, out = self.build.take(base, self.dice.choice([ALL, at(1)]))
            self.updated(base, out)
            if owned(part.type):
                self.made(part)
            else:
                self.number_of(part)

    # regions

    def opened(self, arrays: list[Value], numbers: list[Value]) -> Callable[[], None]:
        """Enter a region with values of its own; return how to leave it."""
        old = (self.own, self.look, self.numbers, self.views, self.index)

        def leave() -> None:
            self.own, self.look, self.numbers, self.views, self.index = old

        self.look, self.own = [*self.look, *self.own], list(arrays)
        self.numbers, self.views = [*self.numbers, *numbers], []
        self.index = list(self.index)
        self.ever += arrays
        return leave

    def carries(self, depth: int, make: Callable[[], Any]) -> tuple[list[Carry], Any]:
        """Fill a loop's body; return what it carries and what `make` returned."""
        self.dice.shuffle(self.own)
        taken = [self.own.pop() for _ in range(self.dice.randrange(len(self.own) + 1))]
        if taken and self.wild():
            taken.append(self.dice.choice(self.ever))
        inits: list[Operand] = [*taken, self.number()]
        inns = [value(i.name, i.type) for i in inits]
        leave = self.opened(inns[:-1], inns[-1:])
        result = make()
        self.stmts(5, depth + 1)
        pool = list(self.own)
        self.dice.shuffle(pool)
        ylds: list[Operand] = [
            pool.pop() if pool and not self.wild() else self.dice.choice(self.ever)
            for _ in taken
        ]
        for k, inn in enumerate(inns[:-1]):
            # Much stays where it is: carries that carry nothing are to be pruned.
            if inn in ylds and self.dice.random() < 0.6:
                spot = ylds.index(inn)
                ylds[spot], ylds[k] = ylds[k], ylds[spot]
        ylds.append(self.dice.choice([self.number(), inns[-1]]))
        leave()
        outs = [value(i.name, i.type) for i in inits]
        for out in outs[:-1]:
            self.made(out)
        self.numbers.append(outs[-1])
        every = zip(inits, inns, ylds, outs, strict=True)
        return [Carry(*c) for c in every], result

    def loop(self, depth: int) -> None:
        var = value("i", INT)
        with self.build.block() as stmts:
            carries, _ = self.carries(depth, lambda: self.index.append(var))
        trips = value("trips", INT) if self.dice.random() < 0.3 else None
        exit = self.flag if self.dice.random() < 0.2 else None
        bounds = const(0), const(self.dice.randrange(4)), const(1)
        body = Block(tuple(stmts))
        self.build.emit(For(var, *bounds, tuple(carries), body, exit, trips))

    def repeat(self, depth: int) -> None:
        """Write a `while` that counts to two."""
        count, done = value("k", FLOAT), value("k", FLOAT)
        with self.build.block() as test:
            flag = self.build.op("lt", count, 2.0)
        with self.build.block() as stmts:
            more = self.build.op("add", count, 1.0)
            carries, _ = self.carries(depth, lambda: self.numbers.append(count))
        carries.append(Carry(const(0.0), count, more, done))
        blocks = Block(tuple(test)), Block(tuple(stmts))
        self.build.emit(While(blocks[0], flag, tuple(carries), blocks[1]))

    def branch(self, depth: int) -> None:
        """Write an `if`; what an arm changed is merged, swapped or given up."""
        before, ends, arms = list(self.own), [], []
        for _ in range(2):
            leave = self.opened([], [])
            look = self.look
            self.look, self.own = [x for x in look if x not in before], list(before)
            with self.build.block() as stmts:
                self.stmts(5, depth + 1)
            ends.append((list(self.own), self.number()))
            arms.append(stmts)
            leave()
        pairs = [(x, x) for x in ends[0][0] if x in ends[1][0] and x in before]
        rest = [[x for x in own if (x, x) not in pairs] for own, _ in ends]
        self.own = [x for x, _ in pairs]
        merges = []
        if len(self.own) > 1 and self.dice.random() < 0.4:
            a, b = self.own.pop(), self.own.pop()
            swap = self.dice.random() < 0.7
            ways = [(a, b), (b, a)] if swap else [(a, a), (b, b)]
            merges = [Merge(value(x.name), x, y) for x, y in ways]
        roots = [self.roots(stmts) for stmts in arms]
        for then in rest[0]:
            same = [
                o for o in rest[1] if roots[1].get(o, o) is roots[0].get(then, then)
            ]
            other = self.dice.choice(same or rest[1] or [None])
            if other is not None and self.dice.random() < 0.9:
                rest[1].remove(other)
                merges.append(Merge(value(then.name), then, other))
        for m in merges:
            self.made(m.out)
        number = value("m", FLOAT)
        merges.append(Merge(number, ends[0][1], ends[1][1]))
        self.numbers.append(number)
        one, two = (Block(tuple(stmts)) for stmts in arms)
        self.build.emit(If(self.flag, one, two, tuple(merges)))

    @staticmethod
    def roots(stmts: Sequence[Stmt]) -> dict[Value, Value]:
        """Return the first version of what a block updates."""
        found: dict[Value, Value] = {}
        for stmt in stmts:
            if isinstance(stmt, Write | Accumulate | Take):
                found[stmt.out] = found.get(stmt.base, stmt.base)
        return found


OPS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y,
    "lt": lambda x, y: x < y, "copy": lambda x: x.copy(),
}  # fmt: skip


class Machine:
    """Run IR: in place, or with every update and every view on a copy."""

    def __init__(self, in_place: bool) -> None:
        self.keep: Callable[[Any], Any] = (lambda x: x) if in_place else np.copy
        self.env: dict[Value, Any] = {}

    def get(self, x: Operand) -> Any:
        return self.env[x] if isinstance(x, Value) else x.value

    def place(self, held: Any, path: Path) -> tuple[Any, Any]:
        """Return the view that the last step of a path picks from, and what."""
        for step in path[:-1]:
            held = held[self.step(step)]
        return held, self.step(path[-1]) if path else ...

    def part(self, s: View | Read) -> Any:
        held, where = self.place(self.env[s.base], s.path)
        return held[where]

    def step(self, step: Step) -> Any:
        assert isinstance(step, Index)
        (item,) = step.items
        if isinstance(item, Slice):
            bounds = (item.start, item.stop, item.step)
            return slice(*(None if b is None else self.get(b) for b in bounds))
        assert item is not None
        return self.get(item)

    def run(self, f: Function, args: Sequence[Any]) -> list[Any]:
        """Return copies of the results."""
        self.env.update(zip(f.params, args, strict=True))
        self.block(f.body)
        return [np.copy(self.get(r)) for r in f.results]

    def block(self, block: Block) -> None:
        for stmt in block.stmts:
            self.stmt(stmt)

    def stmt(self, s: Stmt) -> None:
        env = self.env
        match s:
            case Op():
                env[s.out] = OPS[s.row](*(self.get(a) for a in s.args))
            case View():
                env[s.out] = self.keep(self.part(s))
            case Read():
                env[s.out] = float(self.part(s))
            case Write() | Accumulate() | Take():
                env[s.out] = held = self.keep(env[s.base])
                held, where = self.place(held, s.path)
                if isinstance(s, Write):
                    held[where] = np.copy(self.get(s.value))
                elif isinstance(s, Accumulate):
                    np.add.at(held, where, self.get(s.value))
                else:
                    env[s.value] = np.copy(held[where])
                    held[where] = 0.0
            case If():
                arm = 0 if self.get(s.cond) else 1
                self.block((s.then, s.orelse)[arm])
                sources = [self.get((m.then, m.orelse)[arm]) for m in s.merges]
                env.update(zip((m.out for m in s.merges), sources, strict=True))
            case For() | While():
                self.loop(s)
            case _:
                raise TypeError(s)

    def loop(self, s: For | While) -> None:
        carried = [self.get(c.init) for c in s.carries]
        trips = 0
        for k in range(self.get(s.stop)) if isinstance(s, For) else itertools.count():
            self.env.update(zip((c.inn for c in s.carries), carried, strict=True))
            if isinstance(s, For):
                self.env[s.var] = k
            else:
                self.block(s.test)
                if not self.get(s.cond):
                    break
            trips += 1
            self.block(s.body)
            carried = [self.get(c.yld) for c in s.carries]
            if s.exit is not None and self.get(s.exit):
                break
        self.env.update(zip((c.out for c in s.carries), carried, strict=True))
        if s.trips is not None:
            self.env[s.trips] = trips


def outcome(f: Function, flag: bool, in_place: bool = True) -> list[Any]:
    """Return the results of a random function."""
    vectors = [np.arange(SIZE) * k + 0.25 for k in (1.0, -0.5, 0.75)]
    picks = np.array([1, 3, 3, 0])
    with np.errstate(all="ignore"):
        return Machine(in_place).run(f, [*vectors, picks, 0.5, flag])
