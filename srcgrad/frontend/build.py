"""Read a function: walk its normalised source and write IR.

The reader runs the source over types instead of values. It keeps three maps (names,
versions of buffers, contents of containers), and asks the modules beside it for
expressions, subscripts, calls, branches and loops.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from srcgrad.builder import Builder, LengthOne, Meeting, ShapeError, const
from srcgrad.errors import Location, Problem, Problems
from srcgrad.frontend import calls, containers, expressions, indexing, iteration, loops
from srcgrad.frontend.accepted import check_accepted
from srcgrad.frontend.names import Liveness, assigned
from srcgrad.frontend.normalize.jumps import normalize_jumps
from srcgrad.frontend.state import State, Unjoinable, branch, convert
from srcgrad.frontend.values import (
    Cell,
    ListCell,
    Maybe,
    Poison,
    Ref,
    Root,
    Static,
    Thing,
    Tuple,
    Unbound,
    is_operand,
    is_point,
    kind_of,
)
from srcgrad.ir import Assert, Const, Index, Operand, Value, View
from srcgrad.ops.table import Unsupported
from srcgrad.source import FunctionSource, Place, location
from srcgrad.types import Array, Dim, ListOf, Scalar, join

__all__ = ["Frame", "NeedStatic", "Reader", "Refused", "TestWrites"]


class Refused(Exception):
    """A problem was noted; the statement around it is given up."""


class Missed(Refused):
    """A name is read that only the turn before may have bound; see `loops`."""


class Dead(Exception):
    """What is being read raises whenever it runs; nothing after it is reached."""


class TestWrites(Exception):
    """The test of a `while` changes something: it must be moved into the body."""

    def __init__(self, test: ast.expr) -> None:
        super().__init__(ast.unparse(test))
        self.test = test


class NeedStatic(Exception):
    """A value must be known while compiling: specialise on the argument itself."""

    def __init__(self, value: Value) -> None:
        super().__init__(value.name)
        self.value = value
        self.captures: list[Any] = []
        self.leaf = ""


@dataclass(slots=True)
class Frame:
    """One function being read: its source, names, and what is alive where."""

    source: FunctionSource
    names: dict[str, Thing] = field(default_factory=dict)
    live: Liveness | None = None
    outer: dict[str, Thing] = field(default_factory=dict)
    result: Thing | None = None


class Reader:
    """Read functions into one Builder."""

    def __init__(
        self, source: FunctionSource, names: Sequence[str] = (),
        ones: dict[Meeting, int] | None = None,
    ) -> None:  # fmt: skip
        self.build = Builder()
        self.build.ones = ones or {}
        self.problems = Problems(source.name, names)
        self.state = State({}, {}, {})
        self.frames: list[Frame] = []
        self.held: list[Thing] = []
        self.arm_ver: tuple[dict[Root, Value], ...] = ({}, {})
        self.arm_heaps: tuple[dict[Cell, Any], ...] = ({}, {})
        self.aliases: dict[Value, Dim] = {}
        self.captured: dict[Any, Thing] = {}
        self.statics: list[tuple[Place, Any]] = []
        self.capture: Any = None
        self.leaves: set[Value] = set()
        self.dead = False
        self.effects = False
        self.writing: set[ast.expr] = set()
        self.outer_atoms: set[Any] = set()
        self.nonnegative: set[Operand] = set()
        self.missed: dict[str, ast.AST] = {}
        self.depth = 0

    # problems

    def problem(
        self, code: str, message: str, node: ast.AST | None = None, note: str = "",
        helps: Sequence[str] = (), labels: Sequence[tuple[Location, str]] = (),
    ) -> Refused:  # fmt: skip
        """Note a problem; the caller raises what this returns."""
        source = self.frames[-1].source if self.frames else None
        where = location(source, node) if source is not None and node else self.where()
        inner = source.name if source and len(self.frames) > 1 else ""
        self.problems.add(Problem(code, message, where, note, helps, labels, inner))
        return Refused(message)

    def where(self) -> Location | None:
        """Return the place that is being read."""
        return self.build.loc if self.build.loc.line else None

    def clash(self, name: str, clash: Unjoinable) -> Thing:
        """Note that a name has two kinds that cannot be joined."""
        shown = name if not name.startswith(".") else "the result"
        self.problem(
            "SG402",
            f"`{shown}` is a {kind_of(clash.one)} on one path and a "
            f"{kind_of(clash.other)} on another",
            helps=("give it one kind on every path, or use two names",),
        )
        return Poison()

    def clash_cell(self, cell: Cell, clash: Unjoinable) -> Any:
        """Note that a container has two forms that cannot be joined."""
        self.clash(cell.name or "a container", clash)
        return self.state.heap.get(cell, ())

    def raises(self, exception: str) -> Thing:
        """Note that the statement being read raises, as plain Python does."""
        self.build.emit(
            Assert(const(False), "raise", f"raise {exception}", self.build.loc)
        )
        self.dead = True
        raise Dead

    # state

    def snapshot(self) -> State:
        """Return a copy of the state."""
        return self.state.copy()

    def restore(self, state: State) -> None:
        """Go back to a copy of the state."""
        self.state = state.copy()

    @contextmanager
    def holding(self, thing: Thing) -> Iterator[None]:
        """Keep a value that no name holds reachable while others are evaluated."""
        self.held.append(thing)
        try:
            yield
        finally:
            self.held.pop()

    def share(self, copy: Root, other: Root) -> None:
        """Note a copy that plain Python does not make: neither may be written alone."""
        copy.shares.add(other.memory)
        other.memory.shares.add(copy)

    def handed(self, root: Root | None) -> None:
        """Note a buffer that was handed on while a name still reaches it."""
        name = root.name if root is not None else "an array"
        self.problem(
            "SG403",
            f"`{name}` is handed on to another name on one path only",
            helps=(f"write `{name}.copy()` where the other name is bound",),
        )

    # buffers

    def allocate(self, value: Value, name: str = "") -> Ref:
        """Give a fresh array a root."""
        assert isinstance(value.type, Array | ListOf)
        root = Root(name or value.name, value.type)
        self.state.ver[root] = value
        return Ref(root, (), value.type)

    def remade(self, of: Ref, remake: Callable[[Operand], Operand]) -> Ref:
        """Return a read-only view as NumPy gives it."""
        made = remake(self.operand(of))
        assert isinstance(made.type, Array)
        return Ref(Root("", made.type, of=of, remake=remake), (), made.type)

    def thing(self, operand: Operand) -> Thing:
        """Return what an operation's result is to the source."""
        if isinstance(operand, Value) and not isinstance(operand.type, Scalar):
            return self.allocate(operand)
        return operand

    def point(self, value: Operand) -> Ref:
        """Return a new array of rank 0: the only element of a buffer."""
        ref = self.allocate(self.build.op("full", value, const(1)))
        return Ref(ref.root, (Index((const(0),)),), Scalar(value.type.dtype))

    def version(self, root: Root) -> Value:
        """Return the current version of a buffer."""
        return self.version_in(self.state.ver, root)

    def version_in(self, versions: dict[Root, Value], root: Root) -> Value:
        """Return the version of a buffer among those at some place."""
        if root.of is not None:
            base = self.version_in(versions, root.of.root)
            part = self.build.view(base, root.of.path) if root.of.path else base
            made = root.remake(part)
            assert isinstance(made, Value)
            return made
        value = versions.get(root)
        if value is None:
            raise self.problem(
                "SG403",
                f"`{root.name}` may share its memory with an array that was written or "
                "handed on since",
                helps=(f"copy it where `{root.name}` is bound: `.copy()`",),
            )
        return value

    def arm_version(self, arm: int, root: Root) -> Value:
        """Return the version of a buffer at the end of an arm."""
        return self.version_in(self.arm_ver[arm], root)

    def operand(self, thing: Thing, node: ast.AST | None = None) -> Operand:
        """Return a number or array as an operand; a part of an array as a view."""
        if is_operand(thing):
            return thing  # type: ignore[return-value]
        if is_point(thing):
            return self.build.read(self.version(thing.root), thing.path)
        if isinstance(thing, Ref):
            base = self.version(thing.root)
            if not thing.path:
                return base
            return self.build.view(base, thing.path)
        if isinstance(thing, Maybe):
            return self.operand(self.bound(thing, "a name", node), node)
        if isinstance(thing, Tuple | ListCell):
            return self.operand(calls.pack(self, thing, node), node)
        if isinstance(thing, Static) and isinstance(thing.value, bool | int | float):
            return const(thing.value)
        if isinstance(thing, Poison):
            raise Refused
        helps = ("complex numbers are not differentiated yet: write real and imaginary "
                 "part as two numbers",)  # fmt: skip
        kind = kind_of(thing)
        raise self.problem(
            "SG402", f"a number or an array is needed here, not a {kind}", node,
            helps=helps if kind == "complex" else (),
        )  # fmt: skip

    def store(self, ref: Ref, value: Operand, node: ast.AST | None = None) -> None:
        """Write into a part of a buffer."""
        root = ref.root
        if root.of is not None:
            self.raises("ValueError")
        if root.captured:
            raise self.problem(
                "SG408", f"the captured value `{root.name}` cannot be written", node,
                helps=("pass it as an argument, or write to a copy",),
            )  # fmt: skip
        value = self.fitting(ref, value, node)
        if self.overlaps(root, value):
            value = self.build.op("copy", value)
        self.state.ver[root] = self.build.write(self.version(root), ref.path, value)
        for other in list(root.shares):
            self.state.ver.pop(other, None)

    def overlaps(self, root: Root, value: Operand) -> bool:
        """Tell whether a value is (a view of) the buffer it is to be written into."""
        if value is self.state.ver.get(root):
            return True
        for stmt in reversed(self.build.open[-1]):
            if isinstance(stmt, View) and stmt.out is value:
                return stmt.base is self.state.ver.get(root)
        return False

    def fitting(self, ref: Ref, value: Operand, node: ast.AST | None) -> Operand:
        """Check the shape of a value that is to be stored."""
        target, given = ref.type, value.type
        if given.rank > target.rank:
            assert not isinstance(given, ListOf)
            extra = given.dims[: given.rank - target.rank]
            if isinstance(given, Array) and all(d.known == 1 for d in extra):
                return value
            raise self.problem(
                "SG402",
                f"an array of rank {given.rank} cannot be stored where rank "
                f"{target.rank} is",
                node,
            )
        if isinstance(given, Array) and isinstance(target, Array):
            offset = target.rank - given.rank
            for mine, theirs in zip(target.dims[offset:], given.dims, strict=True):
                if self.build.resolve(theirs).known != 1:
                    try:
                        self.build.meet(
                            self.build.resolve(mine), self.build.resolve(theirs)
                        )
                    except LengthOne as one:
                        value = self.build.as_one(value, one.dim)
        return value

    def make_growable(self, cell: Cell, item: Scalar | Array) -> None:
        """Turn a list of known length into one that grows at run time."""
        items = self.state.heap[cell]
        if isinstance(items, Ref):
            return
        version: Value = self.build.op("new_list", item=item, name=cell.name)
        for thing in items:
            value = self.operand(thing)
            if isinstance(item, Scalar):
                value = convert(self.build, value, item)
            version = self.build.push(version, value)
        root = Root(cell.name, ListOf(item))
        self.state.ver[root] = version
        self.state.heap[cell] = Ref(root, (), root.type)

    def item_type(self, cell: Cell, items: Any) -> Scalar | Array | None:
        """Return the one type of a list's items, or None."""
        types = [getattr(t, "type", None) for t in items]
        first = types[0] if types else None
        if not isinstance(first, Scalar | Array):
            return None
        if isinstance(first, Array):
            dims = tuple(self.build.resolve(d) for d in first.dims)
            if any(a not in self.outer_atoms for d in dims for a, _ in d.terms):
                raise self.problem(
                    "SG407", "the arrays in a growing list must have lengths that are "
                    "known before the loop",
                    helps=("store them in the rows of one array",),
                )  # fmt: skip
            return Array(first.dtype, dims)
        for other in types[1:]:
            if not isinstance(other, Scalar):
                return None
            first = join(first, other)
        return first

    def make_array(self, cell: ListCell, node: ast.AST) -> Ref:
        """Keep a list of numbers as an array, so that data can index it."""
        return containers.make_array(self, cell, node)

    # names

    def bound(self, maybe: Maybe, name: str, node: ast.AST | None) -> Thing:
        """Check at run time that a name is bound, as Python does."""
        known = ("bound", maybe.bound)
        if not name.startswith(".") and not any(known in m for m in self.build.memo):
            self.build.memo[-1][known] = maybe.bound
            self.build.emit(
                Assert(maybe.bound, "UnboundLocalError", name, self.build.loc)
            )
        return maybe.thing

    def lookup(self, name: str, node: ast.AST) -> Thing:
        """Return what a name means here."""
        frame = self.frames[-1]
        thing = self.state.names.get(name)
        if isinstance(thing, Maybe):
            return self.bound(thing, name, node)
        if thing is not None:
            if isinstance(thing, Unbound):
                self.missed[name] = node
                raise Missed
            if isinstance(thing, Poison):
                raise Refused
            return thing
        if name in frame.outer:
            return frame.outer[name]
        return calls.outer_name(self, frame, name, node)

    def bind(self, name: str, thing: Thing) -> None:
        """Bind a name, and let what it names print under that name."""
        shown = "" if name.startswith(".") else name
        if isinstance(thing, Value) and not thing.name:
            thing.name = shown
        if isinstance(thing, Ref) and not thing.path and not thing.root.name:
            thing.root.name = shown
            if thing.root in self.state.ver:
                self.state.ver[thing.root].name = shown
        self.state.names[name] = thing

    # statements

    def run(self, stmts: Sequence[ast.stmt]) -> None:
        """Read a block of statements."""
        for stmt in stmts:
            if self.dead:
                return
            outer, met = self.build.loc, self.build.met
            self.build.loc = location(self.frames[-1].source, stmt)
            self.build.met = 0
            try:
                self.statement(stmt)
            except Refused as refused:
                for name in assigned([stmt]):
                    # What is missing may yet be learned: the name stays what it is.
                    if not isinstance(refused, Missed) or name not in self.state.names:
                        self.state.names[name] = Poison()
            except Dead:
                pass
            except Unsupported as refusal:
                self.problem("SG205", str(refusal), stmt)
            except ShapeError:
                with contextlib.suppress(Dead):
                    self.raises("ValueError")
            self.build.loc, self.build.met = outer, met

    def statement(self, stmt: ast.stmt) -> None:
        """Read one statement."""
        match stmt:
            case ast.Assign():
                value = self.expression(stmt.value)
                for target in stmt.targets:
                    self.assign(target, value)
            case ast.AnnAssign():
                if stmt.value is not None:
                    self.assign(stmt.target, self.expression(stmt.value))
            case ast.AugAssign():
                expressions.augmented(self, stmt)
            case ast.Expr():
                if not isinstance(stmt.value, ast.Constant):
                    self.expression(stmt.value)
            case ast.If():
                self.conditional(stmt)
            case ast.For():
                iteration.read_for(self, stmt)
            case ast.While():
                loops_while(self, stmt)
            case ast.Return():
                value = self.expression(stmt.value) if stmt.value else Static(None)
                self.frames[-1].result = value
            case ast.FunctionDef():
                closure = calls.closure(self, stmt)
                self.bind(stmt.name, closure)
            case ast.Assert():
                self.check(stmt)
            case ast.Raise():
                self.build.emit(
                    Assert(const(False), "raise", ast.unparse(stmt), self.build.loc)
                )
                self.dead = True
            case ast.Import() | ast.ImportFrom():
                calls.local_import(self, stmt)
            case ast.Pass():
                pass
            case _:
                raise self.problem(
                    "SG101", f"`{ast.unparse(stmt)}` is outside the language", stmt
                )

    def check(self, stmt: ast.Assert) -> None:
        """Read an `assert`."""
        cond = expressions.condition(self, stmt.test)
        if cond != const(True):
            text = ast.unparse(stmt.msg) if stmt.msg else ""
            self.build.emit(Assert(cond, "AssertionError", text, self.build.loc))

    def conditional(self, stmt: ast.If) -> None:
        """Read an `if`; a test known while compiling leaves one arm."""
        cond = expressions.condition(self, stmt.test)
        if isinstance(cond, Const):
            self.run(stmt.body if cond.value else stmt.orelse)
            return
        live = self.frames[-1].live
        after = live.after.get(id(stmt)) if live else None

        def arm(stmts: Sequence[ast.stmt]) -> None:
            self.run(stmts)

        branch(self, cond, lambda: arm(stmt.body), lambda: arm(stmt.orelse), after)

    def assign(self, target: ast.expr, value: Thing) -> None:
        """Bind or store a value."""
        match target:
            case ast.Name():
                self.bind(target.id, value)
            case ast.Tuple() | ast.List():
                self.unpack(target, value)
            case ast.Subscript():
                indexing.assign(self, target, value)
            case ast.Attribute():
                expressions.assign_attribute(self, target, value)
            case _:
                raise self.problem(
                    "SG101", "this target is outside the language", target
                )

    def unpack(self, target: ast.Tuple | ast.List, value: Thing) -> None:
        """Bind several targets from one value."""
        starred = [k for k, t in enumerate(target.elts) if isinstance(t, ast.Starred)]
        number = None if starred else len(target.elts)
        if starred and isinstance(value, Ref) and value.type.rank > 0:
            items = indexing.split(self, value, starred[0], len(target.elts) - 1)
        else:
            items = calls.items_of(self, value, target, number)
        if starred and len(items) != len(target.elts):
            (k,) = starred
            rest = len(target.elts) - k - 1
            middle = items[k : len(items) - rest]
            cell = ListCell("")
            self.state.heap[cell] = tuple(middle)
            items = [*items[:k], cell, *items[len(items) - rest :]]
        if len(items) != len(target.elts):
            raise self.problem(
                "SG402", f"{len(target.elts)} names, but {len(items)} values", target
            )
        for part, item in zip(target.elts, items, strict=True):
            self.assign(part.value if isinstance(part, ast.Starred) else part, item)

    def expression(self, node: ast.expr) -> Thing:
        """Read one expression."""
        try:
            return expressions.evaluate(self, node)
        except Unsupported as refusal:
            raise self.problem("SG205", str(refusal), node) from None

    # functions

    def function(
        self, source: FunctionSource, names: dict[str, Thing],
        outer: dict[str, Thing] | None = None, node: Any = None,
    ) -> Thing:  # fmt: skip
        """Read a whole function in a frame of its own and return its result."""
        tree = node if node is not None else source.node
        if isinstance(tree, ast.Lambda):
            body: list[ast.stmt] = [ast.copy_location(ast.Return(tree.body), tree.body)]
            live = None
        else:
            check_accepted(source, self.problems, tree)
            tree = normalize_jumps(tree, self.writing)
            body = tree.body
            live = Liveness(body)
        if self.frames:
            self.frames[-1].names = self.state.names
        frame = Frame(source, {}, live, outer or {})
        self.frames.append(frame)
        self.state.names = dict(names)
        for name, thing in names.items():
            if isinstance(thing, Value) and not (thing.name or thing.hint):
                thing.hint = name
        self.depth += 1
        if self.depth > 40:
            raise self.problem("SG103", f"`{source.name}` calls itself", tree)
        place, dead = self.build.loc, self.dead
        found = len(self.problems)
        self.run(body)
        self.build.loc = place
        self.depth -= 1
        self.frames.pop()
        self.state.names = self.frames[-1].names if self.frames else self.state.names
        refused = frame.result is None and len(self.problems) > found
        if (refused or (self.dead and not dead)) and self.frames:
            return Poison()
        return frame.result if frame.result is not None else Static(None)


def loops_while(reader: Reader, stmt: ast.While) -> None:
    """Read a `while`."""
    frame = reader.frames[-1]
    live = frame.live.head[id(stmt)] if frame.live else frozenset()
    after = frame.live.after[id(stmt)] if frame.live else frozenset()
    names = assigned(stmt.body) | assigned([stmt.test])

    def test() -> Operand:
        before = reader.snapshot()
        cond = expressions.condition(reader, stmt.test)
        state = reader.state
        kept = all(state.ver.get(r) is v for r, v in before.ver.items())
        if not kept or any(state.heap[c] is not x for c, x in before.heap.items()):
            raise TestWrites(stmt.test)
        return cond

    header = loops.Header(
        carried=names & (live | after), live=live | after, test=test,
        body=lambda: reader.run(stmt.body), exit_name=getattr(stmt, "exit_name", None),
    )  # fmt: skip
    loops.read_loop(reader, header)
