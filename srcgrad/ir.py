"""The intermediate representation: typed, structured SSA.

    Function = name, params: Value*, body: Block, results: Operand*, loc
    Block    = stmts: Stmt*
    Operand  = Value | Const
    Stmt     = Op(row, args, attrs) -> outs            one row of the table
             | View(base, path) -> out                 alias of a part of a buffer
             | Read(base, path) -> out                 one element or item, copied
             | Write(base, path, value) -> out         x[path] = value; consumes base
             | Accumulate(base, path, value) -> out    x[path] += value, repeats add up
             | Take(base, path) -> value, out          read and clear: adjoint of Write
             | Push(base, value) -> out                append a number, or array copied
             | For(var, start, stop, step, carries, body, exit?, trips?)
             | While(test, cond, carries, body, exit?, trips?)
             | If(cond, then, orelse, merges)
             | Assert(cond, exception, message)        raise it unless cond holds
    Carry    = init, inn, yld, out                     a value handed from turn to turn
    Merge    = out, then, orelse                       a value of the arm that was run
    Step     = Index(items) | Permute(axes) | Reshape(shape)
    Item     = Operand | Slice(start?, stop?, step?) | None

Arrays are values with versions. A version has one owner: it is consumed by Write,
Accumulate, Take, Push, a carry (init and yld) and a merge. A View is made where it is
read and never lives across a write. `exit` is true at the end of a turn that leaves the
loop; `trips` counts the turns begun. Node classes are final: `isinstance` is complete.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from srcgrad.errors import Location as Loc
from srcgrad.types import ListOf, Scalar, Type

NOWHERE = Loc("", 0, 0, 0, 0)


@dataclass(eq=False, slots=True)
class Value:
    """One SSA value; `name` is the name it would like in printed text.

    `hint` is one that it takes if it has none and needs a statement of its own. Both
    may be set later: they have no meaning. `number` tells which value was made first:
    an order that is the same in every run.
    """

    name: str
    type: Type
    hint: str = ""
    number: int = field(default_factory=count().__next__, init=False)

    def __repr__(self) -> str:
        return f"%{self.name}"


@dataclass(frozen=True, slots=True)
class Const:
    """A literal number."""

    value: float | int | bool
    type: Scalar

    def __repr__(self) -> str:
        return repr(self.value)

    name = property(__repr__)


Operand = Value | Const
# What a field holds besides operands that are read here: values made for what follows,
# values made for the inner blocks, operands read at the end of an inner block.
Made = Value
Inner = Value
End = Operand


@dataclass(frozen=True, slots=True)
class Slice:
    """`start:stop:step` of one axis; None as in Python."""

    start: Operand | None
    stop: Operand | None
    step: Operand | None


Item = Operand | Slice | None


@dataclass(frozen=True, slots=True)
class Index:
    """Subscript with one item for each axis, and None for each new axis."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Permute:
    """Transposed view: axis k of the result is axis `axes[k]` of the base."""

    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reshape:
    """The same elements in C order under another shape; the base is contiguous."""

    shape: tuple[Operand, ...]


Step = Index | Permute | Reshape
Path = tuple[Step, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """Apply one row of the table of operations."""

    row: str
    args: tuple[Operand, ...]
    outs: tuple[Made, ...]
    attrs: dict[str, object] = field(default_factory=dict)
    loc: Loc = NOWHERE

    @property
    def out(self) -> Value:
        """The only result."""
        (out,) = self.outs
        return out


@dataclass(frozen=True, slots=True, eq=False)
class View:
    base: Value
    path: Path
    out: Made
    loc: Loc = NOWHERE


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    base: Value
    path: Path
    out: Made
    loc: Loc = NOWHERE


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """Store `value` (broadcast) at `path`; `once` marks tapes: each place once."""

    base: Value
    path: Path
    value: Operand
    out: Made
    loc: Loc = NOWHERE
    once: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Accumulate:
    base: Value
    path: Path
    value: Operand
    out: Made
    loc: Loc = NOWHERE


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """Read the part at `path` into `value` and clear it to zero."""

    base: Value
    path: Path
    value: Made
    out: Made
    loc: Loc = NOWHERE


@dataclass(frozen=True, slots=True, eq=False)
class Push:
    base: Value
    value: Operand
    out: Made
    loc: Loc = NOWHERE


@dataclass(frozen=True, slots=True, eq=False)
class Assert:
    cond: Operand
    exception: str
    message: str
    loc: Loc = NOWHERE


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    stmts: tuple[Stmt, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Carry:
    init: Operand
    inn: Inner
    yld: End
    out: Made


@dataclass(frozen=True, slots=True, eq=False)
class Merge:
    out: Made
    then: End
    orelse: End


@dataclass(frozen=True, slots=True, eq=False)
class For:
    var: Inner
    start: Operand
    stop: Operand
    step: Operand
    carries: tuple[Carry, ...]
    body: Block
    exit: End | None = None
    trips: Made | None = None
    loc: Loc = NOWHERE


@dataclass(frozen=True, slots=True, eq=False)
class While:
    test: Block
    cond: End
    carries: tuple[Carry, ...]
    body: Block
    exit: End | None = None
    trips: Made | None = None
    loc: Loc = NOWHERE


@dataclass(frozen=True, slots=True, eq=False)
class If:
    cond: Operand
    then: Block
    orelse: Block
    merges: tuple[Merge, ...]
    loc: Loc = NOWHERE


Loop = For | While
Update = Write | Accumulate | Take | Push
Stmt = Op | View | Read | Update | Assert | Loop | If


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A whole function; `cut` is the number of top statements that run forward only."""

    name: str
    params: tuple[Inner, ...]
    body: Block
    results: tuple[End, ...]
    loc: Loc = NOWHERE
    cut: int | None = None


def owned(type: Type) -> bool:
    """Tell whether values of this type are buffers with versions."""
    return isinstance(type, ListOf) or type.rank > 0


def gathers(path: Path) -> bool:
    """Tell whether a path picks by index arrays or masks: reading it copies."""
    items = [i for step in path if isinstance(step, Index) for i in step.items]
    return any(isinstance(i, Value) and i.type.rank > 0 for i in items)


def gathered_at(items: tuple[Item, ...]) -> int:
    """Return where the axes of index arrays go among the others, by NumPy's rule.

    Numbers count as index arrays; with a slice or None between them all come first.

    >>> i, part = Const(0, Scalar("int64")), Slice(None, None, None)
    >>> gathered_at((part, i, i)), gathered_at((i, part, i))
    (1, 0)
    """
    picks = [k for k, i in enumerate(items) if isinstance(i, Operand)]
    return picks[0] if picks[-1] - picks[0] < len(picks) else 0
