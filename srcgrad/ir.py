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
             | Call(function, args) -> outs            pure; run again to go back
             | For(var, start, stop, step, carries, body, exit?, trips?)
             | While(test, cond, carries, body, exit?, trips?)
             | If(cond, then, orelse, merges)
             | Assert(cond, exception, message)        raise it unless cond holds; a
                                                       note if there is none to raise
    Carry    = init, inn, yld, out                     a value handed from turn to turn
    Merge    = out, then, orelse                       a value of the arm that was run
    Step     = Index(items) | Permute(axes) | Reshape(shape) | Through(view)
    Item     = Operand | Slice(start?, stop?, step?) | None

Arrays are values with versions. A version has one owner: it is consumed by Write,
Accumulate, Take, Push, a carry (init and yld) and a merge. A View is made where it is
read and never lives across a write. `exit` is true at the end of a turn that leaves the
loop; `trips` counts the turns begun. The turns of a `parallel` loop may run at once, or
in any order. Node classes are final: `isinstance` is complete.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field
from itertools import count
from typing import Any, ClassVar, dataclass_transform

from srcgrad.errors import Location as Loc
from srcgrad.types import Scalar, Type

NOWHERE = Loc("", 0, 0, 0, 0)


@dataclass_transform(eq_default=False, frozen_default=True, field_specifiers=(field,))
class Node:
    """What IR is made of: nothing of it changes, and statements are one of a kind.

    A type checker sees to the first: at run time it would double the cost of a node.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __init_subclass__(cls, eq: bool = False) -> None:
        dataclass(eq=eq, unsafe_hash=eq and "__hash__" not in vars(cls))(cls)


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


def twin(x: Value) -> Value:
    """Return another value of the same name and type."""
    return Value(x.name, x.type, x.hint)


class Const(Node, eq=True):
    """A literal number."""

    value: Any  # a bool, int, float or complex
    type: Scalar

    def __repr__(self) -> str:
        return repr(self.value)

    def __hash__(self) -> int:
        return hash(self.value)  # the type would cost more than it tells apart

    name = property(__repr__)


Operand = Value | Const
# What a field holds besides operands that are read here: values made for what follows,
# values made for the inner blocks, operands read at the end of an inner block.
Made = Value
Inner = Value
End = Operand


class Slice(Node, eq=True):
    """`start:stop:step` of one axis; None as in Python."""

    start: Operand | None
    stop: Operand | None
    step: Operand | None


Item = Operand | Slice | None


class Index(Node, eq=True):
    """Subscript with one item for each axis, and None for each new axis.

    What is `sure` is inside the array, and counts from the beginning.
    """

    items: tuple[Item, ...]
    sure: bool = False


class Permute(Node, eq=True):
    """Transposed view: axis k of the result is axis `axes[k]` of the base."""

    axes: tuple[int, ...]


class Reshape(Node, eq=True):
    """The same elements in C order under another shape; the base is contiguous."""

    shape: tuple[Operand, ...]


class Through(Node, eq=True):
    """A view or an item of the base that was made before: what follows is its part."""

    view: Operand


Step = Index | Permute | Reshape | Through
Path = tuple[Step, ...]


class Op(Node):
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


class View(Node):
    base: Value
    path: Path
    out: Made
    loc: Loc = NOWHERE


class Read(Node):
    base: Value
    path: Path
    out: Made
    loc: Loc = NOWHERE


class Write(Node):
    """Store `value` (broadcast) at `path`.

    `once` marks tapes: each place has one value, floats are stored once.
    """

    base: Value
    path: Path
    value: Operand
    out: Made
    loc: Loc = NOWHERE
    once: bool = False


class Accumulate(Node):
    base: Value
    path: Path
    value: Operand
    out: Made
    loc: Loc = NOWHERE


class Take(Node):
    """Read the part at `path` into `value` and clear it to zero."""

    base: Value
    path: Path
    value: Made
    out: Made
    loc: Loc = NOWHERE


class Push(Node):
    base: Value
    value: Operand
    out: Made
    loc: Loc = NOWHERE


class Call(Node):
    """Run a function that changes none of its arguments; results are its own.

    Nothing of its inside is kept: the backward sweep runs it again from its arguments.
    """

    function: Function
    args: tuple[Operand, ...]
    outs: tuple[Made, ...]
    loc: Loc = NOWHERE


class Assert(Node):
    cond: Operand
    exception: str
    message: str
    loc: Loc = NOWHERE


class Block(Node):
    stmts: tuple[Stmt, ...] = ()


class Carry(Node):
    init: Operand
    inn: Inner
    yld: End
    out: Made


class Merge(Node):
    out: Made
    then: End
    orelse: End


class For(Node):
    var: Inner
    start: Operand
    stop: Operand
    step: Operand
    carries: tuple[Carry, ...]
    body: Block
    exit: End | None = None
    trips: Made | None = None
    loc: Loc = NOWHERE
    parallel: bool = False


class While(Node):
    test: Block
    cond: End
    carries: tuple[Carry, ...]
    body: Block
    exit: End | None = None
    trips: Made | None = None
    loc: Loc = NOWHERE


class If(Node):
    cond: Operand
    then: Block
    orelse: Block
    merges: tuple[Merge, ...]
    loc: Loc = NOWHERE


Loop = For | While
Update = Write | Accumulate | Take | Push
Stmt = Op | View | Read | Update | Call | Assert | Loop | If


class Function(Node):
    """A whole function; `cut` is the number of top statements that run forward only.

    The last results are derivatives: with respect to what, or of what, `slopes` names.
    """

    name: str
    params: tuple[Inner, ...]
    body: Block
    results: tuple[End, ...]
    loc: Loc = NOWHERE
    cut: int | None = None
    slopes: tuple[str, ...] = ()


def owned(type: Type) -> bool:
    """Tell whether values of this type are buffers with versions."""
    return type.rank != 0  # that of a list is below zero


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
