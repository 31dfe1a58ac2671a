"""Run the backward that a user gets, and note every cotangent as it is made.

Nothing is computed by rules of its own: a sweep that watches itself puts a note behind
each contribution to a cotangent while the adjoint is built, the readable text of that
adjoint is run line by line by Python, and the notes are what was found. What a loop
notes belongs to the last of its turns.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from srcgrad import ir
from srcgrad.adjoint.control import Slot
from srcgrad.adjoint.reverse import Sweep, settle
from srcgrad.differentiated import Differentiated, PlainRun
from srcgrad.emit.nest import block_ends
from srcgrad.errors import internal_error
from srcgrad.frontend.entry import Entry, Reading, read
from srcgrad.ir import Block, Function, Operand, Stmt, Value, owned
from srcgrad.passes import run_passes
from srcgrad.specialise import Call, Specialisation
from srcgrad.types import Scalar
from srcgrad.walk import blocks, every, inner_operands, inner_outs, outs, reads, rewrite

_MARK = "SrcgradNoted"  # a check of this name tests nothing: its operand is noted
_CODES = count()
_TURN = Value("turn", Scalar("float64"))


@dataclass(frozen=True, slots=True)
class Helper:
    """One call of a helper that was read in place."""

    name: str
    number: int


Chain = tuple[Helper, ...]


class HelperReader(Entry):
    """Read a function, and note within which calls of helpers each value is made."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.homes: dict[Value, Chain] = {}
        self.chain: Chain = ()
        self.count = 0
        emit = self.build.emit

        def noted(stmt: Any) -> Any:
            self.homes.update(dict.fromkeys(outs(stmt), self.chain))
            return emit(stmt)

        self.build.emit = noted  # type: ignore[method-assign]

    def function(
        self, source: Any, names: Any, outer: Any = None, node: Any = None,
        site: Any = None, called: Any = None,
    ) -> Any:  # fmt: skip
        before = self.chain
        own = str(getattr(source.function, "__module__", "")).startswith("srcgrad.ops.")
        if self.frames and not own and not isinstance(node, list):  # a comprehension
            self.count += 1
            name = getattr(node, "name", "lambda") if node else source.name
            self.chain = (*before, Helper(name, self.count))
        try:
            return super().function(source, names, outer, node, site, called)
        finally:
            self.chain = before


def read_helpers(made: Specialisation) -> tuple[Reading, dict[Value, Chain]]:
    """Read a function once more; return in which helpers its values are made."""
    given = made.source, made.specs, (), made.fixed, made.ones
    reading, reader = read(HelperReader, *given)
    return reading, reader.homes


# What is noted: the "value" of a value, or with a loop or branch what it was when the
# k-th block of that began; the "whole" of its cotangent; the k-th part of that which
# comes from a statement, handed out of it ("part") or about in it ("inner").
Key = tuple[str, Stmt | None, Value, int]


@dataclass(slots=True, eq=False)
class Notes:
    """What was noted in one run: of each key the first value and the last.

    A loop runs backward from its last turn on, so its first notes are of that; but in a
    loop that is `joined` to its forward loop, turn by turn, they are the last. If other
    loops are in that, its turns are marked: a mark forgets the first notes of its
    `group`. `unclear` are parts that cannot be told from what others gave.
    """

    codes: dict[Key, int] = field(default_factory=dict)
    first: dict[int, Any] = field(default_factory=dict)
    last: dict[int, Any] = field(default_factory=dict)
    joined: set[int] = field(default_factory=set)
    group: dict[int, set[int]] = field(default_factory=dict)
    unclear: set[tuple[Stmt, Value]] = field(default_factory=set)

    def note(self, key: Key, operand: Operand) -> Stmt:
        """Return the statement that notes an operand."""
        return ir.Assert(operand, _MARK, str(self.code(key)))

    def code(self, key: Key) -> int:
        """Return the number of a key, which no other notes have."""
        if key not in self.codes:
            self.codes[key] = next(_CODES)
        return self.codes[key]

    def was_joined(self, stmt: Stmt) -> bool:
        """Tell whether a loop was run forward and backward turn by turn."""
        return ("turn", stmt, _TURN, 0) in self.codes

    def look(self, code: int, value: Any) -> None:
        """Take down a value as it is now."""
        value = value.copy() if isinstance(value, np.ndarray) else value
        for other in self.group.get(code, ()):
            self.first.pop(other, None)
        self.first.setdefault(code, value)
        self.last[code] = value

    def found(self, key: Key, backward: bool) -> Any:
        """Return what was noted in the last turn of all loops around; None: nothing."""
        code = self.codes.get(key, -1)
        first = backward and code not in self.joined
        return (self.first if first else self.last).get(code)


class WatchedSweep(Sweep):
    """A backward sweep that notes each cotangent, and each part that it is given."""

    def __init__(self, sweeps: list[Notes], *args: Any) -> None:
        super().__init__(*args)
        self.notes = Notes()
        sweeps.append(self.notes)
        # What is being reversed, how deep it lies, and how often each value was given.
        self.at: list[tuple[Stmt, int, dict[Any, int]]] = []
        self.marks: list[int] = []  # the marks of joined loops around

    @contextmanager
    def reversing(self, stmt: Stmt) -> Iterator[None]:
        """Be at a statement."""
        self.at.append((stmt, len(self.build.open), {}))
        yield
        self.at.pop()

    def note(self, key: Key, g: Operand) -> None:
        """Note a cotangent when the statements so far have run."""
        self.build.emit(self.notes.note(key, g))
        if self.marks:
            code, joined = self.notes.codes[key], self.regions.joined
            loops = [s for s, _, _ in self.at if isinstance(s, ir.Loop)]
            if all(s in joined for s in loops):
                self.notes.joined.add(code)
            else:
                self.notes.group[self.marks[-1]].add(code)

    def block(self, block: Block) -> None:
        stmt = self.at[-1][0] if self.at else None
        starts = isinstance(stmt, ir.Loop) and block is stmt.body
        if starts and stmt in self.regions.joined:
            one = ir.Const(1.0, Scalar("float64"))
            self.build.emit(self.notes.note(("turn", stmt, _TURN, 0), one))
        super().block(block)

    def note_part(self, target: Value, g: Operand) -> None:
        """Note what a statement gives to a value."""
        stmt, depth, given = self.at[-1]
        kind = "part" if len(self.build.open) == depth else "inner"
        k = given.get((kind, target), 0)
        given[kind, target] = k + 1
        self.note((kind, stmt, target, k), g)

    def known(self, x: Value) -> Operand | None:
        """Return the cotangent of a value as it is, without making one."""
        owner = self.owner(x)
        return self.buffers.get(owner) or self.plain.get(owner)

    def simple(self, stmt: Stmt) -> None:
        with self.reversing(stmt):
            if isinstance(stmt, ir.Update) and (g := self.known(stmt.base)) is not None:
                self.note(("whole", None, stmt.out, 0), g)
            super().simple(stmt)

    def branch(self, stmt: ir.If, left: list[Stmt]) -> None:
        new = [x for x in self.outside(stmt) if not self.wanted(x)]
        count = len(left)
        with self.reversing(stmt):
            super().branch(stmt, left)
            for x in new if len(left) == count else ():
                if (g := self.known(x)) is not None:
                    self.note_part(x, g)

    def loop(self, stmt: ir.Loop) -> None:
        with self.reversing(stmt):
            super().loop(stmt)

    def join(self, stmt: ir.Loop) -> None:
        self.marks.append(self.notes.code(("turn", stmt, _TURN, 0)))
        self.notes.group.setdefault(self.marks[-1], set())
        with self.reversing(stmt):
            super().join(stmt)
        self.marks.pop()

    def slot(self, made: Value, last: Operand, first: Value, start: Operand) -> Slot:
        if made is start and self.wanted(made):
            self.notes.unclear.add((self.at[-1][0], made))
        slot = super().slot(made, last, first, start)
        if made is start:
            return slot

        def end() -> Any:
            g = slot.end()
            self.note(("whole", None, first, 0), g)
            return g

        return slot._replace(end=end)

    def give(self, target: Operand, g: Operand) -> None:
        super().give(target, g)
        if isinstance(target, Value) and target in self.active and self.at:
            self.note_part(target, g)

    def hand(self, target: Operand, g: Any) -> None:
        super().hand(target, g)
        if isinstance(target, Value) and owned(target.type) and target in self.active:
            self.note_part(target, g)

    def pop(self, x: Value) -> Operand | None:
        g = super().pop(x)
        if g is not None and self.at and x in outs(self.at[-1][0]):
            self.note(("whole", None, x, 0), g)
        return g


@dataclass(slots=True, eq=False)
class Run:
    """A function as it was read, and what was noted in its run, if it was run."""

    title: str
    made: Specialisation
    function: Function
    homes: dict[Value, Chain]
    forward: Notes
    backward: Notes
    gradients: dict[Value, Any]


def watched_run(
    f: Differentiated, call: Call, names: tuple[str, ...], ran: bool
) -> Run:
    """Read a function and, if it is to be `ran`, run it and its backward.

    Args:
        f: The function, on the python backend.
        call: Its arguments.
        names: The arguments to differentiate with respect to; none: forward only.
        ran: Whether to run anything.
    """
    if not ran:
        made = f.find(call)
    elif names:
        made, _, inputs, out = f._compute("grad", call)
    else:
        try:
            made, _, inputs, out = f._compute("value", call)
        except PlainRun:  # where its arrays end up is decided while it runs
            return watched_run(f, call, names, False)
    homes: dict[Value, Chain] = {}
    if f.inner is None:
        reading, homes = read_helpers(made)
        made = replace(made, reading=reading, made={})
    title = "gradient of " * (f.inner is not None) + made.source.name
    run = Run(title, made, made.pure, homes, Notes(), Notes(), {})
    if not ran:
        return run
    body = _noted_inside(run.forward, run.function, run.function.body)
    function = replace(run.function, body=body)
    _run(made, function, inputs, run.forward)
    if names:
        wrt = made.wrt(names)
        sweeps: list[Notes] = []  # one for each attempt to build the adjoint
        watched = partial(WatchedSweep, sweeps)
        adjoint, _ = settle(run.function, wrt, (0,), kind=watched)
        adjoint, one = run_passes(adjoint), made.dtype(0).type(1.0)
        checks = (s for s in every(adjoint.body) if isinstance(s, ir.Assert))
        codes = {int(s.message) for s in checks if s.exception == _MARK}
        for notes in sweeps:
            if not codes.isdisjoint(notes.codes.values()):
                run.backward = notes
        found = _run(made, adjoint, [*inputs, one], run.backward)
        slopes = out[len(out) - len(wrt) :]
        for given, own in zip(slopes, found[len(found) - len(wrt) :], strict=True):
            near = 1e-3 if np.asarray(own).dtype == "float32" else 1e-6
            if not np.allclose(given, own, near, 1e-8, equal_nan=True):
                what = "the drawn backward differs from the one that is run"
                raise internal_error(what, function=made.source.name)
        params = (run.function.params[k] for k in wrt)
        run.gradients.update(zip(params, slopes, strict=True))
    return run


def _noted(block: Block, notes: Notes) -> Block:
    """Return a block with a note behind each statement for what it makes."""
    found: list[Stmt] = []
    for stmt in block.stmts:
        inner = rewrite(stmt, block=partial(_noted_inside, notes, stmt))
        found.append(inner)
        found += _notes(outs(stmt), notes)
    return Block(tuple(found))


def _noted_inside(notes: Notes, stmt: Stmt | Function, block: Block) -> Block:
    if isinstance(stmt, ir.While) and block is stmt.test:
        return block  # it runs once more than the turns
    found = _notes(inner_outs(stmt), notes)
    if not isinstance(stmt, Function):
        k = int(isinstance(stmt, ir.If) and block is stmt.orelse)
        plain = (x for x in entering(stmt, k) if x.type.rank >= 0)
        found += [notes.note(("value", stmt, x, k), x) for x in plain]
    return Block((*found, *_noted(block, notes).stmts))


def entering(stmt: Stmt, k: int) -> list[Value]:
    """Return the values of the outside that a block of a loop or branch reads."""
    block, ends = blocks(stmt)[-1], inner_operands(stmt)
    if isinstance(stmt, ir.If):
        block, ends = blocks(stmt)[k], (*block_ends(stmt)[k],)
    own = {*inner_outs(stmt)}
    for inner in (s for b in blocks(stmt) for s in every(b)):
        own.update(outs(inner), inner_outs(inner))
    found = dict.fromkeys([*reads(block.stmts), *ends])
    return [x for x in found if isinstance(x, Value) and x not in own]


def _notes(values: Sequence[Value], notes: Notes) -> list[Stmt]:
    plain = (x for x in values if x.type.rank >= 0)
    return [notes.note(("value", None, x, 0), x) for x in plain]


def _run(
    made: Specialisation, function: Function, inputs: Sequence[Any], notes: Notes
) -> list[Any]:
    """Run the readable text of a function that makes notes; return its flat results."""
    text = made.text(function)
    tree = ast.fix_missing_locations(_Looking().visit(ast.parse(text.text)))
    space: dict[str, Any] = {"_look": notes.look}
    exec(compile(tree, "<graph>", "exec"), space)
    own = (x.copy() if isinstance(x, np.ndarray) else x for x in inputs)
    with np.errstate(all="ignore"):
        out = space[text.name](*own)
    parts = out if isinstance(out, tuple) else (out,)
    return [x for part in parts for x in (part if isinstance(part, tuple) else [part])]


class _Looking(ast.NodeTransformer):
    """Turn notes into calls that take down what they name."""

    def visit_If(self, node: ast.If) -> ast.stmt:
        self.generic_visit(node)
        match node:
            case ast.If(
                test=ast.UnaryOp(operand=x),
                body=[ast.Raise(ast.Call(ast.Name(name), [ast.Constant(code)]))],
            ) if name == _MARK:
                look = ast.Name("_look", ast.Load())
                return ast.Expr(ast.Call(look, [ast.Constant(int(str(code))), x], []))
        return node
