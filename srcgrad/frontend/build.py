"""Read a function: walk its normalised source and write IR.

The reader runs the source over types instead of values. It keeps three maps (names,
versions of buffers, contents of containers), and asks the modules beside it for
expressions, subscripts, calls, branches and loops.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from srcgrad import ir
from srcgrad.builder import Builder, const
from srcgrad.errors import Location, Problem
from srcgrad.frontend import (
    calls,
    choices,
    expressions,
    generators,
    handlers,
    indexing,
    iteration,
    lists,
)
from srcgrad.frontend import recursion as inside
from srcgrad.frontend import values as v
from srcgrad.frontend.accepted import outside
from srcgrad.frontend.names import Liveness, assigned, prepared
from srcgrad.frontend.normalize.jumps import RETURNING
from srcgrad.frontend.normalize.recursion import RESULT
from srcgrad.frontend.normalize.statements import Attempt, Handler
from srcgrad.frontend.pools import exchanged, pooled
from srcgrad.frontend.state import Key, Plan, State, Unjoinable, branch, label
from srcgrad.frontend.ways import Ways
from srcgrad.ops import python
from srcgrad.ops.table import ShapeError, Unsupported
from srcgrad.source import FunctionSource, Place, location
from srcgrad.types import Array, Dim, ListOf, Scalar, is_complex

C = TypeVar("C", bound=v.Cell)


class Missed(v.Refused):
    """A name is read that only the turn before may have bound; see `loops`."""


class Dead(Exception):
    """What is being read raises whenever it runs; nothing after it is reached."""


@dataclass(slots=True)
class Frame:
    """One function being read: its source, names, and what is alive where.

    `local` are the names that it or a function around it binds anywhere: never globals.
    `called` is an inner function, `around` the frame that an inner function or a
    comprehension stands in, `site` the call that one of the library is read for.
    """

    source: FunctionSource
    live: Liveness
    local: frozenset[str]
    outer: dict[str, v.Thing]
    called: v.Closure | None
    around: Frame | None
    site: ast.AST | None
    names: dict[str, v.Thing] = field(default_factory=dict)
    result: v.Thing | None = None


class Reader:
    """Read functions into one Builder; `capture` makes a value a hidden argument."""

    capture: Callable[[Place, str, Any], v.Thing]

    def __init__(
        self, source: FunctionSource, ones: dict[str, int] | None = None,
        writing: Collection[object] = (), taken: Collection[str] = (),
    ) -> None:  # fmt: skip
        self.build = Builder()
        self.build.ones, self.build.origin = ones or {}, (source.name, source.line)
        self.problems: list[Problem] = []
        self.state = State({}, {}, v.Heap())
        self.frames: list[Frame] = []
        self.held: list[v.Thing] = []
        self.turns: list[Callable[[v.Thing], v.Thing]] = []  # of generators
        self.running: list[v.Thing] = []  # what loops run over
        self.plans: list[Plan] = []
        self.aliases: dict[ir.Value, Dim] = {}
        self.captured: dict[Any, v.Thing] = {}
        self.statics: list[tuple[Place, Any]] = []
        self.captures: list[Any] = []
        self.leaves: dict[ir.Value, str] = {}  # parameters, and what they are called
        self.dead = self.effects = False
        self.wrote_joined = False  # what may be one of several arrays
        self.made: dict[Any, Any] = {}
        self.wrote_list = False  # one kept as an array, so the heap does not tell
        self.writing = frozenset(writing)  # and lists of integers that get floats
        self.split, self.filled = False, list[v.Thing]()  # see `columns`
        self.outer_atoms: set[Any] = set()
        self.nonnegative: set[ir.Operand] = set()
        self.given: list[Any] = []  # the arrays and containers among the arguments
        self.kinds: dict[Any, frozenset[Any]] = {}  # of numbers that have several types
        self.missed = set[str]()  # names that only the turn before may have bound
        self.node: ast.AST | None = None  # what is being read
        self.reshaped: set[v.Root] = set()  # what also has views that are no part of it
        self.repeated = 0  # calls of functions inside themselves
        self.ways = Ways(taken)
        self.cases = choices.Notes()
        self.tries = handlers.Tries()

    def problem(
        self, code: str, message: str, *helps: str, note: str = "",
        labels: Sequence[tuple[Location, str]] = (),
    ) -> v.Refused:  # fmt: skip
        """Note a problem of what is being read; the caller raises what this returns."""
        source, node = self.place()
        where = self.build.loc if self.build.loc.line else None
        if source is not None and node:
            where = location(source, node)
        inner = source.name if source and source is not self.frames[0].source else ""
        problem = Problem(code, message, where, note, helps, labels, inner)
        known = [p.location for p in self.problems if p.location is not None]
        if where not in known and problem not in self.problems:
            self.problems.append(problem)  # the first of a place speaks for the others
        return v.Refused(message)

    @contextmanager
    def at(self, node: ast.AST) -> Iterator[None]:
        """Read a node: problems are its own, and what stops there stays known."""
        outer, self.node = self.node, node
        yield
        self.node = outer

    def place(self) -> tuple[FunctionSource | None, ast.AST | None]:
        """Return what is being read, and for what is in the library the user's call."""
        node = self.node
        for frame in reversed(self.frames):
            if frame.site is None:
                return frame.source, node
            node = frame.site
        return None, node

    def clash(self, key: Key, clash: Unjoinable, known: Any = None) -> v.Thing:
        """Note that a name has two kinds that cannot be joined; return what it is now.

        A container still holds what is known, so that it can be read.
        """
        name, source, bound = label(key), self.frames[-1].source, []
        ours = self.frames[-1].site is not None  # of what the library means
        unnamed = ours or name.startswith(".")
        shown = "the result" if unnamed else name or "a container"
        for n in () if ours else ast.walk(source.node):
            match n:
                case ast.arg(arg=x) | ast.Name(id=x, ctx=ast.Store()) if x == name:
                    bound.append((location(source, n), "bound here"))
        one, other = map(v.kind_of, clash.args)
        if one == other:
            what = f"`{shown}` is a {one} with other entries on another path"
            help = "give it as many entries on every path; `append` may add to it"
        else:
            what = f"`{shown}` is a {one} on one path and a {other} on another"
            help = "give it one kind on every path, or use two names"
        self.problem("SG402", what, help, labels=sorted(bound))
        self.ways.unlike = True
        return v.Poison() if isinstance(key[0], str) else known

    def raises(self, exception: str, known: type | None = None) -> v.Thing:
        """Note that what is being read raises, as plain Python does."""
        handlers.catch(self, known or exception)
        raise Dead(exception)

    @contextmanager
    def stopping(self) -> Iterator[None]:
        """Read what may raise whenever it runs: nothing after it is reached."""
        try:
            yield
        except (Dead, ShapeError) as end:
            if not self.dead:
                if isinstance(end, ShapeError):
                    handlers.catch(self, ValueError)
                text = str(end) if isinstance(end, Dead) else "ValueError"
                self.require(const(False), "raise", f"raise {text}")
            self.dead = True

    def require(self, cond: ir.Operand, exception: str, message: str) -> None:
        """Emit a check."""
        self.build.emit(ir.Assert(cond, exception, message, self.build.loc))

    def checkpoint(self) -> Callable[[], None]:
        """Return how to go back to here, as often as needed."""
        build, dead, node = self.build, self.dead, self.node
        here, kept = self.state, self.state.copy()
        maps = here.names, here.ver, here.heap
        written, found = len(build.open[-1]), len(self.problems)
        memo, equal = dict(build.memo), dict(build.equal)
        shares = {o: set(o.shares) for o in (*kept.ver, *kept.heap)}

        def back() -> None:
            self.state, self.dead, self.node = here, dead, node
            here.restore(maps, kept)
            del build.open[-1][written:]
            build.memo, build.equal = dict(memo), dict(equal)
            del self.problems[found:]
            for owner, others in shares.items():
                owner.shares = set(others)

        return back

    def elsewhere(self) -> list[v.Thing]:
        """Return what callers and unfinished expressions hold."""
        outer = [t for frame in self.frames[:-1] for t in frame.names.values()]
        return outer + self.held

    @contextmanager
    def holding(self, thing: v.Thing) -> Iterator[None]:
        """Keep a value that no name holds reachable while others are evaluated."""
        self.held.append(thing)
        try:
            yield
        finally:
            self.held.pop()

    def share(self, copy: v.Owner, other: v.Owner) -> None:
        """Note a copy that plain Python does not make: neither may be written alone."""
        copy.shares.add(other.memory)
        other.memory.shares.add(copy)

    def allocate(self, value: ir.Value, name: str = "") -> v.Ref:
        """Give a fresh array a root."""
        assert isinstance(value.type, Array | ListOf)
        root = v.Root(name or value.name, value.type)
        self.state.ver[root] = value
        return v.Ref(root, (), value.type)

    def container(self, cell: C, contents: Any) -> C:
        """Give a new container what it holds; a list holds a tuple of its items."""
        held = tuple(contents) if isinstance(contents, list) else contents
        self.state.heap[cell] = held
        return cell

    def remade(self, of: v.Ref, remake: Callable[[ir.Operand], ir.Operand]) -> v.Ref:
        """Return a read-only view as NumPy gives it."""
        made = remake(self.operand(of))
        assert isinstance(made.type, Array)
        return v.Ref(v.Root("", made.type, of=of, remake=remake), (), made.type)

    def thing(self, operand: ir.Operand) -> v.Thing:
        """Return what an operation's result is to the source."""
        if isinstance(operand, ir.Value) and not isinstance(operand.type, Scalar):
            return self.allocate(operand)
        return operand

    def point(self, value: ir.Operand) -> v.Ref:
        """Return a new array of rank 0: the only element of a buffer."""
        ref = self.allocate(self.build.op("full", value, const(1)))
        return v.Ref(ref.root, (ir.Index((const(0),)),), Scalar(value.type.dtype))

    def version(self, root: v.Root) -> ir.Value:
        """Return the current version of a buffer."""
        if root.of is not None:
            made = root.remake(self.operand(root.of))
            assert isinstance(made, ir.Value)
            return made
        value = self.state.ver.get(root, root.captured)
        if value is None:
            if root.name.startswith(RETURNING) and RETURNING not in self.writing:
                raise iteration.ReadAgain(RETURNING)
            what = f"`{root.name}`" if root.name else "a list"
            self.ways.blame(root)
            help = f"copy it where {what} is bound: `.copy()`"
            if root.listlike or isinstance(root.type, ListOf):
                help = f"copy the arrays that {what} is made of: `[x[k].copy(), ...]`"
            what += " may share its memory with an array that was written or handed on"
            raise self.problem("SG403", f"{what} since", help)
        return value

    def operand(self, thing: v.Thing) -> ir.Operand:
        """Return a number or array as an operand; a part of an array as a view."""
        match thing:
            case ir.Const() | ir.Value():
                return thing
            case v.Ref():
                base = self.version(thing.root)
                if v.is_point(thing):
                    return self.build.read(base, thing.path)
                return self.build.view(base, thing.path) if thing.path else base
            case v.Maybe():
                return self.operand(self.bound(thing, "a name"))
            case v.Tuple() | v.ListCell() | v.Iter(iteration.numbers):
                return self.operand(lists.pack(self, thing))
            case v.Static(value=bool() | int() | float() | complex()):
                return const(thing.value)
            case v.OneOf():
                return self.operand(choices.settled(self, thing))
            case v.Poison():
                raise v.Refused
            case v.Static():
                self.ways.unlike = True
        what = f"a number or an array is needed here, not a {v.kind_of(thing)}"
        raise self.problem("SG402", what)

    def store(
        self, ref: v.Ref, value: ir.Operand, add: bool = False, rebinds: bool = False
    ) -> None:
        """Write into a part of a buffer, or add to it.

        Where it `rebinds` an item of a list, no memory is written that others share;
        which names are the same list the heap knows.
        """
        root = ref.root
        shares: Any = () if rebinds else root.shares
        if root.of is not None and is_complex(root.of.type):
            what = "a part of a complex array cannot be written apart"
            raise self.problem("SG403", what, "write both: `z[:] = x + 1j * y`")
        if root.writable:
            what = "a diagonal that is a view cannot be written here"
            raise self.problem("SG403", what, "write `x[i, i] = ...`, i = np.arange(n)")
        if root.of is not None:
            self.raises("ValueError")
        owners: Any = (root, *shares)
        for same in owners:
            if same.captured is not None:
                raise self.problem(
                    "SG408", f"the captured value `{same.name}` cannot be written",
                    "pass it as an argument, or write to a copy",
                )  # fmt: skip
        self.wrote_list |= root.listlike > 0
        self.wrote_joined |= root.joined or bool(root.shares)
        root.python &= value.type.python
        value = indexing.fitting(self, ref, value)
        view = self.build.views.get(value) if isinstance(value, ir.Value) else None
        if (view.base if view else value) is self.state.ver.get(root):
            several = any(d.known != 1 for d in value.type.dims)
            path = view.path if view else ()
            if several and not add and not indexing.runs_alike(self, ref, path):
                raise self.problem(
                    "SG403", "NumPy may write here what it has still to read",
                    "copy what is assigned: `.copy()`",
                    note="both are parts of one array, and their steps differ",
                )  # fmt: skip
            value = self.build.op("copy", value)
        update = self.build.accumulate if add else self.build.write
        self.state.ver[root] = update(self.version(root), ref.path, value)
        for other in shares:
            self.state.ver.pop(other, None)

    def bound(self, maybe: v.Maybe, name: str) -> v.Thing:
        """Check at run time that a name is bound, as Python does."""
        known = ("bound", maybe.bound)
        if not name.startswith(".") and known not in self.build.memo:
            self.build.memo[known] = maybe.bound
            self.require(maybe.bound, "UnboundLocalError", name)
        return maybe.thing

    def lookup(self, name: str) -> v.Thing:
        """Return what a name means here."""
        match thing := self.meaning(name):
            case None:
                return calls.outer_name(self, self.frames[-1], name)
            case v.Maybe():
                return self.bound(thing, name)
            case v.Unbound() if self.box(name) is not None:
                raise self.problem("SG401", f"`{name}` is not bound here")
            case v.Unbound():
                self.missed.add(name)
                if name == RESULT:  # no call is done yet: nobody goes on behind one
                    self.raises("RecursionError")
                raise Missed
            case v.Poison():
                raise v.Refused
        return thing

    def box(self, name: str) -> v.Box | None:
        """Return what holds the meaning of a name that other functions bind too."""
        box = self.state.names.get(name, self.frames[-1].outer.get(name))
        return box if isinstance(box, v.Box) else None

    def meaning(self, name: str) -> v.Thing | None:
        """Return what a name is bound to here, None if to nothing local."""
        if (box := self.box(name)) is not None:
            return self.state.heap[box][name]  # type: ignore[no-any-return]
        return self.state.names.get(name, self.frames[-1].outer.get(name))

    def bind(self, name: str, thing: v.Thing) -> None:
        """Bind a name, and let what it names print under that name."""
        shown = "" if name.startswith(".") or self.frames[-1].site else name
        if f"{self.frames[-1].source.name}.{shown}" in self.writing:
            thing = calls.apply(self, v.Static(python.widened), [thing], {})
        if self.ways.pooled(name):
            thing = pooled(self, thing)
        if isinstance(thing, ir.Value | v.ListCell) and not thing.name:
            thing.name = shown
        held: Any = self.state.heap.get(thing) if isinstance(thing, v.Cell) else thing
        if isinstance(held, v.Ref) and not held.path and not held.root.name:
            held.root.name = shown
            if held.root in self.state.ver:
                self.state.ver[held.root].name = shown
        self.rename(name, thing)

    def rename(self, name: str, thing: v.Thing) -> None:
        """Let a name mean something."""
        names, box = self.state.names, self.box(name)
        if box is None or not (name in names or name in self.frames[-1].live.outer):
            names[name] = thing
        else:
            self.state.heap[box] = {name: thing}

    def run(self, stmts: Sequence[ast.stmt]) -> v.Thing | None:
        """Read a block of statements; return what the function returns, if it does."""
        for stmt in stmts:
            if self.dead:
                return None
            self.ways.step()
            around, self.node = self.node, stmt
            outer, met = self.build.loc, self.build.met
            if self.frames[-1].site is None:
                self.build.loc = location(self.frames[-1].source, stmt)
                self.build.met = 0
            try:
                written = len(self.build.open[-1])
                with self.stopping():
                    live = self.frames[-1].live.after.get(id(stmt))
                    choices.decided(self, partial(self.statement, stmt), live)
                    handlers.keep_unused(self, stmt, written)
            except (v.Refused, v.Gone, Unsupported) as refused:
                if isinstance(refused, v.Gone):
                    handlers.gone(self, *refused.args)
                if isinstance(refused, Unsupported):
                    self.problem("SG205", str(refused), *refused.helps)
                for name in assigned([stmt]):
                    # What is missing may yet be learned: the name stays what it is.
                    if not isinstance(refused, Missed) or name not in self.state.names:
                        self.rename(name, v.Poison())
            self.node = around
            if self.frames[-1].site is None:
                self.build.loc, self.build.met = outer, met
        return self.frames[-1].result

    def statement(self, stmt: ast.stmt) -> None:
        """Read one statement."""
        match stmt:
            case ast.Assign(
                [ast.Name(id=x)], ast.BinOp(ast.Name(id=y), ast.Add(), more)
            ) if x == y and lists.is_own(self, x):
                lists.grow(self, x, self.expression(more))
            case ast.Assign():
                value = exchanged(self, stmt, self.anything(stmt.value))
                for target in stmt.targets:
                    self.assign(target, value)
            case ast.AnnAssign(value=ast.expr() as given):
                self.assign(stmt.target, self.anything(given))
            case ast.AugAssign():
                expressions.augmented(self, stmt)
            case ast.Expr() if not isinstance(stmt.value, ast.Constant):
                self.anything(stmt.value)
            case ast.Expr(ast.Constant(Attempt() as attempt)):
                handlers.end(self, attempt)
            case ast.If(ast.Constant(Attempt() | Handler() as attempt)):
                handlers.read(self, stmt, attempt)
            case ast.If():
                cond = expressions.condition(self, stmt.test)
                if isinstance(cond, ir.Const):  # known while compiling: one arm is left
                    self.run(stmt.body if cond.value else stmt.orelse)
                else:
                    self.branch(stmt, cond)
            case ast.For():
                iteration.read_for(self, stmt)
            case ast.While():
                iteration.read_while(self, stmt)
            case ast.Return():
                value = self.anything(stmt.value) if stmt.value else v.NONE
                self.frames[-1].result = value
            case ast.FunctionDef():
                self.bind(stmt.name, calls.closure(self, stmt))
            case ast.Assert():
                cond = expressions.condition(self, stmt.test)
                if cond != const(True):
                    text = ast.unparse(stmt.msg) if stmt.msg else ""
                    self.require(cond, "AssertionError", text)
            case ast.Delete():
                for target in stmt.targets:
                    lists.delete(self, target)
            case ast.Raise():
                handlers.raises(self, stmt)
            case ast.Import() | ast.ImportFrom():
                calls.local_import(self, stmt)
            case ast.Global() if self.frames[-1].outer:
                what = "`global` is outside the language in an inner function"
                raise self.problem("SG101", what)
            case (ast.Pass() | ast.Expr() | ast.AnnAssign() | ast.Global()
                  | ast.Nonlocal()):  # fmt: skip
                pass
            case _:
                raise self.problem(
                    "SG101", f"`{ast.unparse(stmt)}` is outside the language"
                )

    def branch(self, stmt: ast.If, cond: ir.Operand) -> None:
        """Read both arms of an `if`."""
        frame = self.frames[-1]
        arms = partial(self.run, stmt.body), partial(self.run, stmt.orelse)
        try:
            frame.result = branch(self, cond, *arms, frame.live.after[id(stmt)])
        except Unjoinable as clash:  # of what the arms return
            frame.result = self.clash((".value",), clash)

    def assign(self, target: ast.expr, value: v.Thing) -> None:
        """Bind or store a value."""
        with self.at(target):
            match target:
                case ast.Name():
                    self.bind(target.id, value)
                case ast.Tuple() | ast.List():
                    lists.unpack(self, target, value)
                case _:
                    with self.holding(value):
                        _, _, put = expressions.located(self, target)
                    put(value)

    def anything(self, node: ast.expr) -> v.Thing:
        """Read one expression; it may be one of several things."""
        return handlers.computed(self, choices.read(self, node))

    def expression(self, node: ast.expr) -> v.Thing:
        """Read one expression, of which it must be known what it is."""
        return choices.settled(self, self.anything(node))

    def whole(self, source: FunctionSource, names: dict[str, v.Thing]) -> v.Thing:
        """Read a function that is not inside another; it may call itself."""

        def same(frame: Frame) -> bool:
            inner = frame.called is not None or frame.site is not None
            return frame.source.function is source.function and not inner

        read = lambda tree: self.function(source, names, node=tree)  # noqa: E731
        return inside.read(self, read, same)

    def function(
        self, source: FunctionSource, names: dict[str, v.Thing],
        outer: dict[str, v.Thing] | None = None, node: Any = None,
        site: ast.AST | None = None, called: v.Closure | None = None,
    ) -> v.Thing:  # fmt: skip
        """Read a whole function in a frame of its own and return its result."""
        own = site is None and called is None and not isinstance(node, list)
        begun = isinstance(node, generators.Generated)
        tree = node.node if begun else node or source.node
        if self.frames and not begun and generators.is_one(tree):
            made = generators.Generated(source, names, tree, site, called)
            return made.begin(self)
        if isinstance(tree, ast.FunctionDef):
            body, live = prepared(tree, self.writing)
        else:
            if isinstance(tree, ast.Lambda):
                tree = [ast.copy_location(ast.Return(tree.body), tree.body)]
            body, live = tree, Liveness(tree)  # regular statements
        if self.frames:
            self.frames[-1].names = self.state.names
        local, outer = live.bound, outer or {}
        around: Frame | None = called.frame if called else None
        if called is not None:
            outer = {name: outer[name] for name in outer if name not in local}
            local |= called.frame.local
        elif isinstance(node, list):  # a comprehension
            around = self.frames[-1]
            local |= around.local
        frame = Frame(source, live, local, outer, called, around, site)
        self.frames.append(frame)
        for part, (code, what, help, note) in (
            outside(source.node, len(self.frames) > 1) if own else ()
        ):
            with self.at(part):
                self.problem(code, what, help, note=note)
        self.state.names = {**names}
        for name, thing in names.items():
            if isinstance(thing, ir.Value) and not (thing.name or thing.hint or site):
                thing.hint = name
        for name in sorted(live.boxed & (live.bound | names.keys())):
            generators.boxed(self, name)
        place, dead = self.build.loc, self.dead
        found = len(self.problems)
        self.run(body)
        self.build.loc, frame.names = place, self.state.names  # for closures
        self.frames.pop()
        self.state.names = self.frames[-1].names if self.frames else self.state.names
        if self.frames and self.dead and not dead:
            raise Dead
        if self.frames and frame.result is None and len(self.problems) > found:
            return v.Poison()
        return frame.result if frame.result is not None else v.NONE
