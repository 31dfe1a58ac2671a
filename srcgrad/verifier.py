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
from srcgrad.builder import Builder, const
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

    def read(self, x: Operand, *, shape: bool = False) -> None:
        """Check that an operand is defined here, and its content is there."""
        known = x in self.defined
        why = "defined in another block" if known else "used before it is defined"
        there = isinstance(x, Const) or x in self.scope
        self.require(there, f"{_show(x)} is {why}")
        root = self.base.get(x, x)
        what = _show(x) + f", a view of {_show(root)}," * (root is not x)
        written = isinstance(self.ended.get(root), ir.Update)
        fate = "overwritten" if written else "handed on or changed on some path"
        there = shape or not owned(root.type) or root in self.alive
        self.require(there, f"{what} is read after it was {fate}", root)

    def hand_on(self, xs: Sequence[Operand], what: str = "") -> None:
        """Check values that are handed on together; owners of buffers end."""
        for k, x in enumerate(xs):
            again = f"{_show(x)} is handed on twice {what}"
            self.require(not owned(x.type) or x not in xs[:k], again)
            self.read(x)
            if not owned(x.type):
                continue
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
            row = ROWS[stmt.row] if isinstance(stmt, ir.Op) else None
            path = getattr(stmt, "path", ())
            through = [s.view for s in path if isinstance(s, ir.Through)]
            for k, x in enumerate(operands(stmt)):
                shape = row is not None and row.param(k) in row.shape_only
                self.read(x, shape=(shape and x.type.rank > 0) or x in through)
            for holds, message in _rules(stmt):
                self.require(holds, message)
            match stmt:
                case ir.If():
                    ends = self.branch(stmt) and ends
                case ir.For() | ir.While():
                    self.loop(stmt)
                case ir.Assert(cond):
                    ends = ends and cond != const(False)
                case ir.Write() | ir.Accumulate() | ir.Take() | ir.Push():
                    self.hand_on([stmt.base])
            for value in outs(stmt):
                self.define(value)
            if isinstance(stmt, ir.View) and owned(stmt.out.type):
                root = stmt.out if ir.gathers(stmt.path) else stmt.base
                self.base[stmt.out] = self.base.get(root, root)
        return ends

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
        self.hand_on([c.init for c in stmt.carries], "into the loop")
        outside, never = set(self.alive), const(False)
        # Behind a turn that surely raises there is no other.
        checks = [s.cond for s in stmt.body.stmts if isinstance(s, ir.Assert)]
        with self.region(stmt, frozen=never not in checks):
            for value in inner_outs(stmt):
                self.define(value)
            if isinstance(stmt, ir.While):
                # As no turn need follow a test, it may change nothing at all.
                with self.region(stmt, frozen=True):
                    self.block(stmt.test)
                    self.at = stmt
                    self.read(stmt.cond)
            self.block(stmt.body)
            self.at = stmt
            if stmt.exit is not None:
                self.read(stmt.exit)
            self.hand_on([c.yld for c in stmt.carries], "to the next turn")
        self.alive = outside

    def branch(self, stmt: ir.If) -> bool:
        """Check both arms and what they hand out; tell whether either is left."""
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


def _rules(stmt: Stmt) -> Iterator[tuple[bool, str]]:
    """Yield what holds of the types in a statement, and what is said if it does not."""

    def number(x: Operand | None, what: str, dtype: str) -> tuple[bool, str]:
        good = x is None or (isinstance(x.type, Scalar) and dtype in x.type.dtype)
        return good, "" if x is None else f"{what} {_show(x)}, which is {x.type}"

    for source, target in handed(stmt):
        one, other = (f"{_show(v)} is {v.type}" for v in (source, target))
        yield _kind(source.type) == _kind(target.type), f"{one} where {other}"
    match stmt:
        case ir.If(cond):
            yield number(cond, "an if tests", "bool")
        case ir.Assert(cond, exception) if exception != "SrcgradNoted":
            yield number(cond, "a check tests", "bool")
        case ir.Push(base, value):
            yield isinstance(base.type, ListOf), "push into what is no list"
            same = _kind(getattr(base.type, "item", base.type)) == _kind(value.type)
            yield same, f"{_show(value)} is no item of this list"
        case ir.View() | ir.Read() | ir.Write() | ir.Accumulate() | ir.Take():
            rank = _rank(stmt.base.type, stmt.path)
            yield rank >= 0, f"the path does not fit {_show(stmt.base)}"
            if isinstance(stmt, ir.View | ir.Read):
                more = f"{_show(stmt.out)} has more axes than its place"
                yield stmt.out.type.rank <= rank, more
            else:
                type, what = stmt.value.type, _show(stmt.value)
                # Leading axes of one may be more than those of the place.
                fits = all(d.known == 1 for d in type.dims[: max(type.rank - rank, 0)])
                yield fits, f"{what} has rank {type.rank}, its place rank {rank}"
        case ir.For() | ir.While():
            for bound in ("start", "stop", "step", "trips"):
                yield number(getattr(stmt, bound, None), "a bound of a loop is", "int")
            yield number(getattr(stmt, "cond", None), "a loop tests", "bool")
            yield number(stmt.exit, "the exit tests", "bool")


def _rank(type: Type, path: ir.Path) -> int:
    """Return the rank of a place, -1 if there is none."""
    try:
        return Builder(trusting=True).place(type, path).rank
    except (AssertionError, IndexError, ShapeError):
        return -1


def _show(x: Operand) -> str:
    return x.name or "t"


def _kind(type: Type) -> tuple[Any, ...]:
    item = type.item.rank if isinstance(type, ListOf) else None
    return type.__class__, type.rank, type.dtype, item
