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

from srcgrad.errors import BackendError, internal_error
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
    Value,
    View,
    While,
    Write,
    owned,
    path_operands,
)
from srcgrad.text import print_function
from srcgrad.types import Array, ListOf, Scalar, Type
from srcgrad.walk import blocks

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


class _Memory:
    """A piece of memory, as one region sees it."""

    __slots__ = ()


State = dict[_Memory, Value | None]


class _Checker:
    def __init__(self, function: Function) -> None:
        self.function = function
        self.at: Stmt | None = None
        self.defined: set[Value] = set()
        self.scope: set[Value] = set()
        self.memory: dict[Value, _Memory] = {}
        self.base: dict[Value, Value] = {}
        self.state: State = {}
        self.frozen: frozenset[_Memory] = frozenset()
        self.ended: dict[Value, Stmt | None] = {}

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

    def require(self, holds: bool, message: str, value: Operand | None = None) -> None:
        """Raise an error at this statement unless something holds."""
        if not holds:
            raise _error(self.function, message, self.at, self.cause(value))

    def cause(self, value: Operand | None) -> Stmt | None:
        return self.ended.get(value) if isinstance(value, Value) else None

    # values

    def enter(self, value: Value) -> None:
        """Bring a value into scope."""
        self.require(value not in self.defined, f"{_show(value)} is defined twice")
        self.defined.add(value)
        self.scope.add(value)

    def define(self, value: Value, memory: _Memory | None = None) -> None:
        """Bring a value into scope; an owner is the version that its memory holds."""
        self.enter(value)
        if owned(value.type):
            memory = memory or _Memory()
            self.memory[value] = memory
            self.state[memory] = value

    def define_view(self, stmt: View) -> None:
        """Bring a view into scope: it lives as long as the version it looks at."""
        self.enter(stmt.out)
        if owned(stmt.out.type) and not _is_gather(stmt.path):
            self.base[stmt.out] = stmt.base

    def see(self, x: Operand) -> None:
        """Check that an operand is defined here."""
        if isinstance(x, Value) and x not in self.scope:
            known = x in self.defined
            why = "defined in another block" if known else "used before it is defined"
            self.require(False, f"{_show(x)} is {why}")

    def read(self, x: Operand) -> None:
        """Check that the content of an operand is there."""
        self.see(x)
        if not isinstance(x, Value):
            return
        root = x
        while root in self.base:
            root = self.base[root]
        if root in self.memory and self.state[self.memory[root]] is not root:
            what = _show(x) if root is x else f"{_show(x)}, a view of {_show(root)},"
            self.require(False, f"{what} is read after {self.fate(root)}", root)

    def fate(self, root: Value) -> str:
        """Say what became of a version."""
        update = Write | Accumulate | Take | Push
        if isinstance(self.ended.get(root), update):
            return "it was overwritten"
        return "it was handed on or changed on some path"

    def consume(self, x: Operand) -> None:
        """Check that an operand is a current version, and end it."""
        self.read(x)
        whole = isinstance(x, Value) and x in self.memory
        self.require(whole, f"{_show(x)} is no version of a buffer of its own")
        assert isinstance(x, Value)
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
            if isinstance(stmt, If):
                ends = self.branch(stmt) and ends
            elif isinstance(stmt, For | While):
                self.loop(stmt)
            elif isinstance(stmt, Assert):
                self.read(stmt.cond)
                self.boolean(stmt.cond, "a check")
                raises = isinstance(stmt.cond, Const) and not stmt.cond.value
                ends = ends and not raises
            else:
                self.simple(stmt)
        return ends

    def simple(self, stmt: Stmt) -> None:
        match stmt:
            case Op():
                for position, arg in enumerate(stmt.args):
                    shape_only = position == 0 and stmt.row in SHAPE_ONLY
                    if shape_only and isinstance(arg.type, Array):
                        self.see(arg)
                    else:
                        self.read(arg)
                for out in stmt.outs:
                    self.define(out)
            case View() | Read():
                rank = self.place(stmt.base, stmt.path)
                fits = stmt.out.type.rank <= rank
                self.require(fits, f"{_show(stmt.out)} has more axes than its place")
                if isinstance(stmt, View):
                    self.define_view(stmt)
                else:
                    self.define(stmt.out)
            case Write() | Accumulate():
                rank = self.place(stmt.base, stmt.path)
                self.read(stmt.value)
                self.fits(stmt.value, rank)
                self.update(stmt)
            case Take():
                self.place(stmt.base, stmt.path)
                self.update(stmt)
                self.define(stmt.value)
            case Push():
                self.read(stmt.value)
                listed = stmt.base.type
                self.require(isinstance(listed, ListOf), "push into what is no list")
                assert isinstance(listed, ListOf)
                same = _kind(listed.item) == _kind(stmt.value.type)
                self.require(same, f"{_show(stmt.value)} is no item of this list")
                self.update(stmt)

    def place(self, base: Value, path: Path) -> int:
        """Check the base and the path of a place; return its rank."""
        self.read(base)
        for x in path_operands(path):
            self.read(x)
        rank = _rank(base.type, path)
        self.require(rank is not None, f"the path does not fit {_show(base)}")
        assert rank is not None
        return rank

    def fits(self, value: Operand, rank: int) -> None:
        """Check that a value has no more axes than its place, axes of one aside."""
        extra = value.type.rank - rank
        dims = getattr(value.type, "dims", ())
        room = extra <= 0 or all(d.known == 1 for d in dims[:extra])
        what = f"{_show(value)} has rank {value.type.rank}, its place rank {rank}"
        self.require(room, what)

    def update(self, stmt: Write | Accumulate | Take | Push) -> None:
        self.consume(stmt.base)
        self.agree(stmt.base, stmt.out)
        self.define(stmt.out, self.memory[stmt.base])

    # types

    def boolean(self, x: Operand, what: str) -> None:
        good = isinstance(x.type, Scalar) and x.type.dtype == "bool"
        self.require(good, f"{what} tests {_show(x)}, which is {x.type}")

    def integer(self, x: Operand) -> None:
        good = isinstance(x.type, Scalar) and "int" in x.type.dtype
        self.require(good, f"a bound of a loop is {_show(x)}, which is {x.type}")

    def agree(self, *xs: Operand) -> None:
        """Check that what is handed on keeps its kind, rank and dtype."""
        first, *rest = xs
        for x in rest:
            same = _kind(first.type) == _kind(x.type)
            one, other = (f"{_show(v)} is {v.type}" for v in (x, first))
            self.require(same, f"{one} where {other}")

    def distinct(self, xs: Sequence[Operand], what: str) -> None:
        """Check that no two of the buffers handed on are one."""
        seen: set[_Memory] = set()
        for x in xs:
            if isinstance(x, Value) and x in self.memory:
                memory = self.memory[x]
                message = f"{_show(x)} is handed on twice {what}"
                self.require(memory not in seen, message)
                seen.add(memory)

    # regions

    @contextmanager
    def region(self) -> Iterator[None]:
        """Forget at the end what was defined inside."""
        scope = set(self.scope)
        yield
        self.scope = scope

    def loop(self, stmt: Loop) -> None:
        """Check a loop: its body once, with all memory of the outside frozen."""
        if isinstance(stmt, For):
            for bound in (stmt.start, stmt.stop, stmt.step):
                self.read(bound)
                self.integer(bound)
        self.take([c.init for c in stmt.carries], "into the loop")
        outside, frozen = dict(self.state), self.frozen
        self.frozen = frozenset(outside)
        with self.region():
            if isinstance(stmt, For):
                self.define(stmt.var)
            for carry in stmt.carries:
                self.define(carry.inn)
            if isinstance(stmt, While):
                self.test(stmt)
            self.block(stmt.body)
            self.at = stmt
            if stmt.exit is not None:
                self.read(stmt.exit)
                self.boolean(stmt.exit, "the exit")
            self.take([c.yld for c in stmt.carries], "to the next turn")
        self.state, self.frozen = outside, frozen
        for c in stmt.carries:
            self.agree(c.inn, c.init, c.yld, c.out)
            self.define(c.out)
        if stmt.trips is not None:
            self.define(stmt.trips)
            self.integer(stmt.trips)

    def test(self, stmt: While) -> None:
        """Check the test of a loop: as no turn need follow, it may change nothing."""
        frozen, self.frozen = self.frozen, frozenset(self.state)
        with self.region():
            self.block(stmt.test)
            self.at = stmt
            self.read(stmt.cond)
            self.boolean(stmt.cond, "a loop")
        self.frozen = frozen

    def take(self, xs: Sequence[Operand], what: str) -> None:
        """Check values that are handed on together: read numbers, consume owners."""
        self.distinct(xs, what)
        for x in xs:
            if owned(x.type):
                self.consume(x)
            else:
                self.read(x)

    def branch(self, stmt: If) -> bool:
        """Check both arms and what they hand out; tell whether either is left."""
        self.read(stmt.cond)
        self.boolean(stmt.cond, "an if")
        before, ends, states = dict(self.state), [], []
        for arm, inner in enumerate((stmt.then, stmt.orelse)):
            self.state = dict(before)
            with self.region():
                ends.append(self.block(inner))
                self.at = stmt
                self.take_merges(stmt.merges, arm)
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

    def take_merges(self, merges: Sequence[Merge], arm: int) -> None:
        sources = [m.orelse if arm else m.then for m in merges]
        self.take(sources, f"out of arm {arm}")

    def shared(self, m: Merge) -> _Memory | None:
        """Return the memory of a merge of two versions of one buffer."""
        if not owned(m.out.type):
            return None
        then, orelse = (self.memory[x] for x in (m.then, m.orelse) if x in self.memory)
        return then if then is orelse else None


def _kind(type: Type) -> tuple[str, int, str]:
    item = type.item.rank if isinstance(type, ListOf) else 0
    return type.__class__.__name__ + str(item), type.rank, type.dtype


def _rank(type: Type, path: Path) -> int | None:
    """Return the rank of a place, or None if the path does not fit the type."""
    if isinstance(type, ListOf):
        if not path:
            return type.rank
        first = path[0]
        if not isinstance(first, Index) or len(first.items) != 1:
            return None
        return _rank(type.item, path[1:])
    rank = type.rank
    for step in path:
        if isinstance(step, Permute):
            if sorted(step.axes) != list(range(rank)):
                return None
        elif isinstance(step, Index):
            indexed = _indexed(rank, step)
            if indexed is None:
                return None
            rank = indexed
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


def _is_gather(path: Path) -> bool:
    """Tell whether a path has an array in a subscript: it then makes a new array."""
    items = [i for step in path if isinstance(step, Index) for i in step.items]
    return any(
        i is not None and not isinstance(i, Slice) and i.type.rank > 0 for i in items
    )


# what is shown


def _show(x: Operand) -> str:
    return x.name or "t"


def _error(
    function: Function, message: str, stmt: Stmt | None, cause: Stmt | None
) -> BackendError:
    """Return the error of a fault, with the IR around it and what led to it."""
    lines = print_function(function).splitlines()
    where = {s: k for k, s in _numbered(function)}
    fault = len(lines) - 1 if stmt is None else where[stmt]
    marks = dict.fromkeys(range(fault - _AROUND, fault + _AROUND + 1), " ")
    if cause is not None:
        marks[where[cause]] = "<"
    marks[fault] = ">"
    text, last = [message], None
    for k in sorted(k for k in marks if 0 <= k < len(lines)):
        if last is not None and k > last + 1:
            text.append("    ...")
        text.append(f"{marks[k]}   {lines[k]}")
        last = k
    loc = stmt.loc if stmt is not None and stmt.loc.line else None
    return internal_error("\n".join(text), loc, function=function.name)


def _numbered(function: Function) -> Iterator[tuple[int, Stmt]]:
    """Yield every statement with the number of its first line in the printed text."""
    yield from _numbered_block(function.body, 1)


def _numbered_block(block: Block, line: int) -> Iterator[tuple[int, Stmt]]:
    for stmt in block.stmts:
        yield line, stmt
        inner = line + 1 + len(getattr(stmt, "carries", ()))
        for part in blocks(stmt):
            yield from _numbered_block(part, inner)
            inner += _height(part) + 1  # `test` and `else` are lines of their own
        line += _lines(stmt)


def _height(block: Block) -> int:
    return sum(_lines(s) for s in block.stmts)


def _lines(stmt: Stmt) -> int:
    """Return how many lines a statement prints as."""
    inside = sum(_height(b) for b in blocks(stmt))
    match stmt:
        case For() | While():
            ends = (stmt.exit is not None) + (stmt.trips is not None)
            head = 2 if isinstance(stmt, While) else 1
            return head + 2 * len(stmt.carries) + inside + ends
        case If():
            return 2 + inside + len(stmt.merges)
        case _:
            return 1
