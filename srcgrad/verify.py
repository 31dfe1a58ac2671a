"""Check that IR keeps its rules, and show the lines of IR around the fault.

The rules: every operand is defined before it is used, in this block or one around it;
every version of a buffer has one owner on every path; nothing reads a version that was
overwritten or handed on before; a view does not outlive its version; a region that
changes an outer buffer hands the new version out if anything still looks at it; types
agree where a value is handed on.

The checker runs the IR and knows which versions are alive: those that memory holds now.
A loop body is run once, with all versions of the outside frozen; the two arms of an
`if` are run from one state, and what either has ended is dead after it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from srcgrad import ir
from srcgrad.builder import Builder
from srcgrad.errors import internal_error
from srcgrad.ir import Block, Const, Function, Operand, Stmt, Value, owned
from srcgrad.ops import ROWS
from srcgrad.ops.table import ShapeError
from srcgrad.text import print_lines
from srcgrad.types import ListOf, Scalar, Type
from srcgrad.walk import handed, inner_outs, operands, outs

_AROUND = 2


def verify(function: Function) -> None:
    """Check that a function keeps the rules of the IR.

    Raises:
        BackendError: A rule is broken; the text shows the IR around the fault.

    >>> x, y = (Value(name, Scalar("float64")) for name in "xy")
    >>> stmt = ir.Op("add", (x, y), (Value("z", Scalar("float64")),))
    >>> verify(Function("f", (x, y), Block((stmt,)), stmt.outs))
    >>> verify(Function("f", (x,), Block((stmt,)), stmt.outs))
    Traceback (most recent call last):
        ...
    srcgrad.errors.BackendError: error[SG900]: y is used before it is defined
        function f(x.0: float64)
    >     z.0: float64 = add(x.0, y.0)
          return z.0
     --> in f
    help: this is a bug of srcgrad, not of your program
    help: please report it with this text, and what `python -m srcgrad info` prints
    """
    checker = _Checker(function)
    for param in function.params:
        checker.define(param)
    checker.block(function.body)
    checker.at = None
    for result in function.results:
        checker.read(result)
    cut = function.cut or 0
    inside = 0 <= cut <= len(function.body.stmts)
    checker.require(inside, f"the cut {cut} is not inside")


class _Checker:
    """Runs the IR; `alive` are the versions that memory holds now, and views."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.at: Stmt | None = None
        self.defined: set[Operand] = set()
        self.scope: set[Operand] = set()
        self.alive: set[Operand] = set()
        self.frozen: set[Operand] = set()
        # What a view looks at: a version, or what it gathered itself.
        self.base: dict[Operand, Value] = {}
        self.ended: dict[Operand | None, Stmt | None] = {}

    def require(self, holds: bool, message: str, value: Operand | None = None) -> None:
        """Raise an error at this statement unless something holds.

        It shows the IR around, and the statement that ended a value.
        """
        if holds:
            return
        lines, text = print_lines(self.function), [message]
        at = {stmt: k for k, (_, stmt) in enumerate(lines)}[self.at]
        for k, (line, stmt) in enumerate(lines):
            ended = stmt is not None and stmt is self.ended.get(value)
            if ended or abs(k - at) <= _AROUND:
                text.append(f"{'>' if k == at else '<' if ended else ' '}   {line}")
            elif len(text) > 1 and text[-1] != "    ...":
                text.append("    ...")
        loc = self.at.loc if self.at is not None and self.at.loc.line else None
        raise internal_error("\n".join(text), loc, function=self.function.name)

    # values

    def define(self, value: Value) -> None:
        """Bring a value into scope."""
        self.require(value not in self.defined, f"{_show(value)} is defined twice")
        self.defined.add(value)
        self.scope.add(value)
        if owned(value.type):
            self.alive.add(value)

    def see(self, x: Operand) -> None:
        """Check that an operand is defined here."""
        where = "defined in another block"
        why = where if x in self.defined else "used before it is defined"
        self.require(isinstance(x, Const) or x in self.scope, f"{_show(x)} is {why}")

    def read(self, x: Operand) -> None:
        """Check that the content of an operand is there."""
        self.see(x)
        root = self.base.get(x, x)
        what = _show(x) + f", a view of {_show(root)}," * (root is not x)
        written = isinstance(self.ended.get(root), ir.Update)
        fate = "overwritten" if written else "handed on or changed on some path"
        there = not owned(root.type) or root in self.alive
        self.require(there, f"{what} is read after it was {fate}", root)

    def hand_on(self, xs: Sequence[Operand], what: str = "") -> None:
        """Check values that are handed on together; owners of buffers end."""
        for k, x in enumerate(xs):
            if not owned(x.type):
                self.read(x)
                continue
            self.require(x not in xs[:k], f"{_show(x)} is handed on twice {what}")
            self.read(x)
            owns = x not in self.base
            self.require(owns, f"{_show(x)} is no version of a buffer of its own")
            again = f"{_show(x)} lies outside the loop: every turn would take it again"
            self.require(x not in self.frozen, again)
            self.alive.discard(x)
            self.ended[x] = self.at

    # statements

    def block(self, block: Block) -> bool:
        """Check the statements of a block; tell whether its end is reached."""
        ends = True
        for stmt in block.stmts:
            self.at = stmt
            match stmt:
                case ir.If():
                    ends = self.branch(stmt) and ends
                case ir.For() | ir.While():
                    self.loop(stmt)
                case ir.Assert():
                    self.test(stmt.cond, "a check")
                    fails = isinstance(stmt.cond, Const) and not stmt.cond.value
                    ends = ends and not fails
                case ir.Op():
                    row = ROWS[stmt.row]
                    for k, arg in enumerate(stmt.args):
                        shape = row.param(k) in row.shape_only
                        check = self.see if shape and arg.type.rank > 0 else self.read
                        check(arg)
                case ir.View() | ir.Read():
                    rank = self.place(stmt.base, stmt.path)
                    more = f"{_show(stmt.out)} has more axes than its place"
                    self.require(stmt.out.type.rank <= rank, more)
                case _:
                    self.update(stmt)
            for source, target in handed(stmt):
                one, other = (f"{_show(v)} is {v.type}" for v in (source, target))
                same = _kind(source.type) == _kind(target.type)
                self.require(same, f"{one} where {other}")
            for value in outs(stmt):
                self.define(value)
            if isinstance(stmt, ir.View) and owned(stmt.out.type):
                root = stmt.out if ir.gathers(stmt.path) else stmt.base
                self.base[stmt.out] = self.base.get(root, root)
            if isinstance(stmt, ir.Loop) and stmt.trips is not None:
                self.test(stmt.trips, "a bound of a loop", "int")
        return ends

    def place(self, base: Value, path: ir.Path) -> int:
        """Check the base and the path of a place; return its rank."""
        for x in (base, *operands(path)):
            self.read(x)
        try:
            return Builder(trusting=True).place(base.type, path).rank
        except (AssertionError, IndexError, ShapeError):
            self.require(False, f"the path does not fit {_show(base)}")
            raise

    def update(self, stmt: ir.Update) -> None:
        """Check a statement that makes a new version of a buffer."""
        value = stmt.value.type
        if isinstance(stmt, ir.Push):
            self.read(stmt.value)
            listed = stmt.base.type
            self.require(isinstance(listed, ListOf), "push into what is no list")
            same = isinstance(listed, ListOf) and _kind(listed.item) == _kind(value)
            self.require(same, f"{_show(stmt.value)} is no item of this list")
        else:
            rank = self.place(stmt.base, stmt.path)
            if not isinstance(stmt, ir.Take):
                self.read(stmt.value)
                what = f"{_show(stmt.value)} has rank {value.rank}"
                # Leading axes of one may be more than those of the place.
                extra = value.dims[: max(value.rank - rank, 0)]
                room = all(d.known == 1 for d in extra)
                self.require(room, f"{what}, its place rank {rank}")
        self.hand_on([stmt.base])

    def test(self, x: Operand, what: str, dtype: str = "bool") -> None:
        """Check that a condition or a bound is a number of its kind."""
        self.read(x)
        good = isinstance(x.type, Scalar) and dtype in x.type.dtype
        verb = "tests" if dtype == "bool" else "is"
        self.require(good, f"{what} {verb} {_show(x)}, which is {x.type}")

    # regions

    @contextmanager
    def region(self, stmt: Stmt, frozen: bool = False) -> Iterator[None]:
        """Forget at the end what was defined inside; nothing outside may change."""
        scope, outside = set(self.scope), self.frozen
        if frozen:
            self.frozen = set(self.alive)
        yield
        self.scope, self.frozen, self.at = scope, outside, stmt

    def loop(self, stmt: ir.Loop) -> None:
        """Check a loop: its body once, with all memory of the outside frozen."""
        if isinstance(stmt, ir.For):
            for bound in (stmt.start, stmt.stop, stmt.step):
                self.test(bound, "a bound of a loop", "int")
        self.hand_on([c.init for c in stmt.carries], "into the loop")
        outside = set(self.alive)
        with self.region(stmt, frozen=True):
            for value in inner_outs(stmt):
                self.define(value)
            if isinstance(stmt, ir.While):
                # As no turn need follow a test, it may change nothing at all.
                with self.region(stmt, frozen=True):
                    self.block(stmt.test)
                    self.at = stmt
                    self.test(stmt.cond, "a loop")
            self.block(stmt.body)
            self.at = stmt
            if stmt.exit is not None:
                self.test(stmt.exit, "the exit")
            self.hand_on([c.yld for c in stmt.carries], "to the next turn")
        self.alive = outside

    def branch(self, stmt: ir.If) -> bool:
        """Check both arms and what they hand out; tell whether either is left."""
        self.test(stmt.cond, "an if")
        before, left = self.alive, []
        for arm, inner in enumerate((stmt.then, stmt.orelse)):
            self.alive = set(before)
            with self.region(stmt):
                ends = self.block(inner)
                self.at = stmt
                sources = [m.orelse if arm else m.then for m in stmt.merges]
                self.hand_on(sources, f"out of arm {arm}")
            left.append((ends, self.alive))
        alive = [versions for ends, versions in left if ends]
        self.alive = before.intersection(*(alive or [v for _, v in left]))
        for version in before - self.alive:
            self.ended.setdefault(version, stmt)
        return bool(alive)


def _show(x: Operand) -> str:
    return x.name or "t"


def _kind(type: Type) -> tuple[Any, ...]:
    item = type.item.rank if isinstance(type, ListOf) else None
    return type.__class__, type.rank, type.dtype, item
