"""Check that IR keeps its rules, and show the lines of IR around the fault.

The rules: every operand is defined before it is used, in this block or one around it;
every version of a buffer has one owner on every path; nothing reads a version that was
overwritten or handed on before; a view does not outlive its version; a region that
changes an outer buffer hands the new version out if anything still looks at it; types
agree where a value is handed on.

The checker runs the IR over memory: `state` says for each piece of memory which version
it holds, or that it was handed on. A loop body is run once, with all memory of the
outside frozen; the two arms of an `if` are run from one state and then compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from srcgrad.errors import SrcgradError, internal_error
from srcgrad.ir import (
    Accumulate,
    Assert,
    Block,
    Const,
    For,
    Function,
    If,
    Index,
    Loop,
    Merge,
    Op,
    Operand,
    Path,
    Permute,
    Push,
    Read,
    Slice,
    Stmt,
    Take,
    Update,
    Value,
    View,
    While,
    Write,
    gathers,
    owned,
)
from srcgrad.text import print_lines
from srcgrad.types import Array, ListOf, Scalar, Type
from srcgrad.walk import inner_outs, operands, outs

__all__ = ["SHAPE_ONLY", "verify"]

# Rows that look only at the shape of their first operand, as the table says: it may be
# an array that was overwritten since. (The table is above this layer.)
SHAPE_ONLY = frozenset(
    ["dim", "empty_like", "full_like", "length", "ones_like", "zeros_like"]
)

_AROUND = 2


def verify(function: Function) -> None:
    """Check that a function keeps the rules of the IR.

    Raises:
        BackendError: A rule is broken; the text shows the IR around the fault.

    >>> x, y = (Value(name, Scalar("float64")) for name in "xy")
    >>> stmt = Op("add", (x, y), (Value("z", Scalar("float64")),))
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
    _Checker(function).run()


class _Checker:
    """Runs the IR over memory; a piece of memory is called by its first version."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.at: Stmt | None = None
        self.defined: set[Value] = set()
        self.scope: set[Value] = set()
        self.memory: dict[Value, Value] = {}
        self.base: dict[Value, Value] = {}
        self.state: dict[Value, Value | None] = {}
        self.frozen: frozenset[Value] = frozenset()
        self.ended: dict[Operand, Stmt | None] = {}

    def run(self) -> None:
        """Check the whole function."""
        for param in self.function.params:
            self.define(param)
        self.block(self.function.body)
        self.at = None
        for result in self.function.results:
            self.read(result)
        cut, count = self.function.cut, len(self.function.body.stmts)
        self.require(cut is None or 0 <= cut <= count, f"the cut {cut} is not inside")

    def require(self, holds: bool, message: str) -> None:
        """Raise an error at this statement unless something holds."""
        if not holds:
            raise self.fault(message)

    def fault(self, message: str, value: Operand | None = None) -> SrcgradError:
        """Return the error of a fault, with the IR around it and what led to it."""
        lines = print_lines(self.function)
        where = {stmt: k for k, (_, stmt) in enumerate(lines) if stmt is not None}
        at = len(lines) - 1 if self.at is None else where[self.at]
        marks = dict.fromkeys(range(at - _AROUND, at + _AROUND + 1), " ")
        cause = None if value is None else self.ended.get(value)
        if cause is not None:
            marks[where[cause]] = "<"
        marks[at] = ">"
        text, last = [message], None
        for k in sorted(k for k in marks if 0 <= k < len(lines)):
            if last is not None and k > last + 1:
                text.append("    ...")
            text.append(f"{marks[k]}   {lines[k][0]}")
            last = k
        loc = self.at.loc if self.at is not None and self.at.loc.line else None
        return internal_error("\n".join(text), loc, function=self.function.name)

    # values

    def enter(self, value: Value) -> None:
        """Bring a value into scope."""
        self.require(value not in self.defined, f"{_show(value)} is defined twice")
        self.defined.add(value)
        self.scope.add(value)

    def define(self, value: Value, memory: Value | None = None) -> None:
        """Bring a value into scope; an owner is the version that its memory holds."""
        self.enter(value)
        if owned(value.type):
            self.memory[value] = memory or value
            self.state[self.memory[value]] = value

    def define_view(self, stmt: View) -> None:
        """Bring a view into scope: it lives as long as the version it looks at."""
        self.enter(stmt.out)
        if owned(stmt.out.type) and not gathers(stmt.path):
            self.base[stmt.out] = self.base.get(stmt.base, stmt.base)

    def see(self, x: Operand) -> None:
        """Check that an operand is defined here."""
        if isinstance(x, Value) and x not in self.scope:
            known = x in self.defined
            why = "defined in another block" if known else "used before it is defined"
            raise self.fault(f"{_show(x)} is {why}")

    def read(self, x: Operand) -> None:
        """Check that the content of an operand is there."""
        self.see(x)
        if not isinstance(x, Value):
            return
        root = self.base.get(x, x)
        if root in self.memory and self.state[self.memory[root]] is not root:
            what = _show(x) if root is x else f"{_show(x)}, a view of {_show(root)},"
            fate = "handed on or changed on some path"
            if isinstance(self.ended.get(root), Update):
                fate = "overwritten"
            raise self.fault(f"{what} is read after it was {fate}", root)

    def consume(self, x: Operand) -> None:
        """Check that an operand is a current version, and end it."""
        self.read(x)
        if not isinstance(x, Value) or x not in self.memory:
            raise self.fault(f"{_show(x)} is no version of a buffer of its own")
        self.require(
            self.memory[x] not in self.frozen,
            f"{_show(x)} lies outside the loop: every turn would take it again",
        )
        self.state[self.memory[x]] = None
        self.ended[x] = self.at

    # statements

    def block(self, block: Block) -> bool:
        """Check the statements of a block; tell whether its end is reached."""
        ends = True
        for stmt in block.stmts:
            self.at = stmt
            match stmt:
                case If():
                    ends = self.branch(stmt) and ends
                case For() | While():
                    self.loop(stmt)
                case Assert():
                    self.test(stmt.cond, "a check")
                    ends = ends and not _is_false(stmt.cond)
                case Op():
                    self.operation(stmt)
                case View():
                    self.place(stmt)
                    self.define_view(stmt)
                case Read():
                    self.place(stmt)
                    self.define(stmt.out)
                case _:
                    self.update(stmt)
        return ends

    def operation(self, stmt: Op) -> None:
        for position, arg in enumerate(stmt.args):
            shape_only = position == 0 and stmt.row in SHAPE_ONLY
            if shape_only and isinstance(arg.type, Array):
                self.see(arg)
            else:
                self.read(arg)
        for out in stmt.outs:
            self.define(out)

    def place(self, stmt: View | Read | Write | Accumulate | Take) -> int:
        """Check the base and the path of a place; return its rank."""
        for x in operands(stmt):
            self.read(x)
        rank = _rank(stmt.base.type, stmt.path)
        if rank is None:
            raise self.fault(f"the path does not fit {_show(stmt.base)}")
        if isinstance(stmt, View | Read) and stmt.out.type.rank > rank:
            raise self.fault(f"{_show(stmt.out)} has more axes than its place")
        return rank

    def update(self, stmt: Update) -> None:
        """Check a statement that makes a new version of a buffer."""
        if isinstance(stmt, Push):
            self.item(stmt)
        else:
            rank = self.place(stmt)
            if not isinstance(stmt, Take):
                self.fits(stmt.value, rank)
        self.consume(stmt.base)
        self.agree(stmt.base, stmt.out)
        self.define(stmt.out, self.memory[stmt.base])
        if isinstance(stmt, Take):
            self.define(stmt.value)

    def item(self, stmt: Push) -> None:
        """Check that a value is an item of a list."""
        self.read(stmt.value)
        listed = stmt.base.type
        if not isinstance(listed, ListOf):
            raise self.fault("push into what is no list")
        same = _kind(listed.item) == _kind(stmt.value.type)
        self.require(same, f"{_show(stmt.value)} is no item of this list")

    def fits(self, value: Operand, rank: int) -> None:
        """Check that a value has no more axes than its place, axes of one aside."""
        extra = value.type.rank - rank
        dims = getattr(value.type, "dims", ())
        room = extra <= 0 or all(d.known == 1 for d in dims[:extra])
        what = f"{_show(value)} has rank {value.type.rank}, its place rank {rank}"
        self.require(room, what)

    # types

    def test(self, x: Operand, what: str, dtype: str = "bool") -> None:
        """Check that a condition or a bound is a number of its kind."""
        self.read(x)
        good = isinstance(x.type, Scalar) and dtype in x.type.dtype
        verb = "tests" if dtype == "bool" else "is"
        self.require(good, f"{what} {verb} {_show(x)}, which is {x.type}")

    def agree(self, *xs: Operand) -> None:
        """Check that what is handed on keeps its kind, rank and dtype."""
        first, *rest = xs
        for x in rest:
            same = _kind(first.type) == _kind(x.type)
            one, other = (f"{_show(v)} is {v.type}" for v in (x, first))
            self.require(same, f"{one} where {other}")

    # regions

    @contextmanager
    def region(self, stmt: Stmt) -> Iterator[None]:
        """Forget at the end what was defined inside."""
        scope = set(self.scope)
        yield
        self.scope, self.at = scope, stmt

    def loop(self, stmt: Loop) -> None:
        """Check a loop: its body once, with all memory of the outside frozen."""
        if isinstance(stmt, For):
            for bound in (stmt.start, stmt.stop, stmt.step):
                self.test(bound, "a bound of a loop", "int")
        self.take([c.init for c in stmt.carries], "into the loop")
        outside, frozen = dict(self.state), self.frozen
        self.frozen = frozenset(outside)
        with self.region(stmt):
            for value in inner_outs(stmt):
                self.define(value)
            if isinstance(stmt, While):
                self.head(stmt)
            self.block(stmt.body)
            self.at = stmt
            if stmt.exit is not None:
                self.test(stmt.exit, "the exit")
            self.take([c.yld for c in stmt.carries], "to the next turn")
        self.state, self.frozen = outside, frozen
        for c in stmt.carries:
            self.agree(c.inn, c.init, c.yld, c.out)
        for value in outs(stmt):
            self.define(value)
        if stmt.trips is not None:
            self.test(stmt.trips, "a bound of a loop", "int")

    def head(self, stmt: While) -> None:
        """Check the test of a loop: as no turn need follow, it may change nothing."""
        frozen, self.frozen = self.frozen, frozenset(self.state)
        with self.region(stmt):
            self.block(stmt.test)
            self.at = stmt
            self.test(stmt.cond, "a loop")
        self.frozen = frozen

    def take(self, xs: Sequence[Operand], what: str) -> None:
        """Check values that are handed on together: read numbers, consume owners."""
        seen: set[Value] = set()
        for x in xs:
            if isinstance(x, Value) and x in self.memory:
                memory = self.memory[x]
                message = f"{_show(x)} is handed on twice {what}"
                self.require(memory not in seen, message)
                seen.add(memory)
        for x in xs:
            if owned(x.type):
                self.consume(x)
            else:
                self.read(x)

    def branch(self, stmt: If) -> bool:
        """Check both arms and what they hand out; tell whether either is left."""
        self.test(stmt.cond, "an if")
        before, ends, states = dict(self.state), [], []
        for arm, inner in enumerate((stmt.then, stmt.orelse)):
            self.state = dict(before)
            with self.region(stmt):
                ends.append(self.block(inner))
                self.at = stmt
                sources = [m.orelse if arm else m.then for m in stmt.merges]
                self.take(sources, f"out of arm {arm}")
            states.append(self.state)
        self.state = dict(before)
        alive = [s for s, end in zip(states, ends, strict=True) if end] or states
        for memory, version in before.items():
            found = {s[memory] for s in alive}
            self.state[memory] = found.pop() if len(found) == 1 else None
            if version is not None and self.state[memory] is not version:
                self.ended.setdefault(version, stmt)
        for m in stmt.merges:
            self.agree(m.out, m.then, m.orelse)
            self.define(m.out, self.shared(m))
        return any(ends)

    def shared(self, m: Merge) -> Value | None:
        """Return the memory of a merge of two versions of one buffer."""
        found = {self.memory.get(x) for x in (m.then, m.orelse) if isinstance(x, Value)}
        return found.pop() if len(found) == 1 and owned(m.out.type) else None


def _is_false(x: Operand) -> bool:
    return isinstance(x, Const) and not x.value


def _show(x: Operand) -> str:
    return x.name or "t"


def _kind(type: Type) -> tuple[str, int, str]:
    item = type.item.rank if isinstance(type, ListOf) else 0
    return type.__class__.__name__ + str(item), type.rank, type.dtype


def _rank(type: Type, path: Path) -> int | None:
    """Return the rank of a place, or None if the path does not fit the type."""
    if isinstance(type, ListOf) and path:
        first = path[0]
        one = isinstance(first, Index) and len(first.items) == 1
        return _rank(type.item, path[1:]) if one else None
    rank: int | None = type.rank
    for step in path:
        if rank is None:
            return None
        if isinstance(step, Permute):
            rank = rank if sorted(step.axes) == list(range(rank)) else None
        elif isinstance(step, Index):
            rank = _indexed(rank, step)
        else:
            rank = len(step.shape)
    return rank


def _indexed(rank: int, step: Index) -> int | None:
    """Return the rank after a subscript; a mask takes as many axes as it has."""
    used, made, gathered = 0, 0, 0
    for item in step.items:
        if item is None:
            made += 1
        elif isinstance(item, Slice):
            used, made = used + 1, made + 1
        else:
            used += item.type.rank if item.type.dtype == "bool" else 1
            gathered = max(gathered, item.type.rank)
    return None if used > rank else made + gathered + rank - used
