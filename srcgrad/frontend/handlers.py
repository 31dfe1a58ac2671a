"""Read `try`: which handler runs is known while compiling, or only when it does.

That a field or a key is missing, or that a number has no length, is known when the body
is read: it is read up to there, and then the handler. Whether numbers make it raise is
known when it runs. Generated code raises then, wherever Python does, and plain Python
tells what the value is; of what the handler does there is no derivative.
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from srcgrad import ir
from srcgrad.errors import Location
from srcgrad.frontend import values as v
from srcgrad.frontend.accepted import raised
from srcgrad.frontend.names import assigned
from srcgrad.frontend.normalize.statements import Attempt, Handler
from srcgrad.ops.table import ROWS
from srcgrad.source import location
from srcgrad.types import ListOf

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader


@dataclass(eq=False, slots=True)
class Trying:
    """A `try` whose body is being read: what its handlers catch, and how deep it is."""

    attempt: Attempt
    caught: list[tuple[Any, ...]]
    depth: int
    ended: bool = False

    def handler(self, raised: Any) -> int | None:
        """Return the number of the first handler that catches an exception."""
        found = (k for k, each in enumerate(self.caught) if issubclass(raised, each))
        return next(found, None)


@dataclass(slots=True)
class Tries:
    """What is open, the handlers that surely run, and the places where one may.

    `raised` is the class of what is being handled: a bare `raise` is one of that.
    """

    open: list[Trying] = field(default_factory=list)
    handled: dict[Attempt, int] = field(default_factory=dict)
    raised: type = Exception
    places: list[Location] = field(default_factory=list)


class Caught(Exception):
    """The body of a `try` raises whenever it runs, and a handler catches that."""


def read(reader: Reader, stmt: ast.If, asked: Attempt | Handler) -> None:
    """Read a `try` or, in what follows its body, the handler that surely runs."""
    if isinstance(asked, Attempt):
        _read(reader, stmt, asked)
    else:
        runs = reader.tries.handled[asked.attempt] == asked.number
        reader.run(stmt.body if runs else stmt.orelse)


def _read(reader: Reader, stmt: ast.If, attempt: Attempt) -> None:
    """Read the body of a `try` or, up to where it surely raises, and a handler."""
    caught = [_classes(reader, handler.type) for handler in attempt.handlers]
    trying = Trying(attempt, caught, len(reader.build.open))
    tries, frames = reader.tries, len(reader.frames)
    outer, before = tries.open, tries.raised
    place = reader.build.loc, reader.build.met
    held, running = list(reader.held), list(reader.running)
    tries.open = [*outer, trying]
    where = location(reader.frames[-1].source, stmt)
    tries.places += [where] * (where not in tries.places)  # loops are read again
    try:
        reader.run(stmt.body)
    except Caught as found:
        if found.args[0] is not trying:
            raise
        if len(reader.frames) > frames:
            del reader.frames[frames:]
            reader.state.names = reader.frames[-1].names
        reader.node = stmt
        reader.build.loc, reader.build.met = place
        reader.held, reader.running = held, running
        tries.open, (_, number, cls) = outer, found.args
        tries.raised = cls
        tries.handled[attempt], name = number, attempt.handlers[number].name
        if name is not None:  # nothing but its class is known of it
            reader.bind(name, reader.container(v.Record(name, cls), {}))
        reader.run(stmt.orelse)
    finally:
        tries.open, tries.raised = outer, before


def end(reader: Reader, attempt: Attempt) -> None:
    """Note that the body of a `try` is over: nothing that follows is caught there."""
    for trying in reader.tries.open:
        trying.ended |= trying.attempt is attempt


def catch(reader: Reader, found: str | type) -> None:
    """Go on with a handler, if one surely catches what is raised here."""
    cls = _class_of(found) if isinstance(found, str) else found
    for trying in reversed(reader.tries.open):
        number = None if trying.ended else trying.handler(cls)
        if number is not None and trying.depth == len(reader.build.open):
            raise Caught(trying, number, cls)
        if number is not None:
            return  # it may run: the branch or the turn that we are in may not


def fails(
    reader: Reader, exception: str, code: str, what: str, *helps: str
) -> Exception:
    """Return the problem of what plain Python raises; a handler may see to it."""
    catch(reader, exception)
    return reader.problem(code, what, *helps)


def raises(reader: Reader, stmt: ast.Raise) -> None:
    """Read `raise`: in a `try` it must be known what that is."""
    known: type | None = None
    if stmt.exc is None:
        reader.raises(reader.tries.raised.__name__, reader.tries.raised)
    if reader.tries.open:
        node = stmt.exc.func if isinstance(stmt.exc, ast.Call) else stmt.exc
        (known,) = _classes(reader, node)
    reader.raises(raised(stmt.exc, len(reader.frames) == 1), known)


def computed(reader: Reader, thing: v.Thing) -> v.Thing:
    """Keep what an expression in a `try` computes: it may raise, used or not."""
    if not reader.tries.open or reader.frames[-1].site is not None:
        return thing
    match thing:
        case ir.Value():
            _keep(reader, thing)
        case v.Tuple():
            for item in thing.items:
                computed(reader, item)
        case v.Ref(path=(_, *_)):
            _keep(reader, reader.operand(thing))
        case v.Ref() if thing.root in reader.state.ver:
            _keep(reader, reader.version(thing.root))
    return thing


def keep_unused(reader: Reader, stmt: ast.stmt, written: int) -> None:
    """Keep what a statement computes and nobody reads, where it raises for numbers."""
    frame = reader.frames[-1]
    if not isinstance(stmt, ast.Expr | ast.Assign) or frame.site is not None:
        return
    names, after = assigned([stmt]), frame.live.after.get(id(stmt), frame.live.bound)
    if names & after or not (names or isinstance(stmt, ast.Expr)):
        return
    for each in reader.build.open[-1][written:]:
        check = ROWS[each.row].check if isinstance(each, ir.Op) else None
        if isinstance(each, ir.Op) and check is not None and check(each):
            _keep(reader, each.out)
        elif isinstance(each, ir.Read):  # its subscript may be out of range
            _keep(reader, each.out)


def _keep(reader: Reader, value: ir.Operand) -> None:
    """Check that something is computed, once in a block."""
    memo, known = reader.build.memo, ("kept", value)
    plain = isinstance(value, ir.Value) and not isinstance(value.type, ListOf)
    if plain and known not in memo:
        memo[known] = reader.build.op("computed", value)
        reader.require(memo[known], "AssertionError", "")


def _classes(reader: Reader, node: ast.expr | None) -> tuple[Any, ...]:
    """Return the exceptions that a handler names."""
    if node is None:
        return (BaseException,)
    with reader.at(node):
        thing = reader.expression(node)
        items = thing.items if isinstance(thing, v.Tuple) else (thing,)
        found = [getattr(item, "value", None) for item in items]
        if all(x in (FloatingPointError, Warning, RuntimeWarning) for x in found):
            what = "what NumPy warns of raises nothing in generated code"
            help = "test for the case first: `if np.all(d != 0):`"
            raise reader.problem("SG106", what, help)
        if all(isinstance(x, type) and issubclass(x, BaseException) for x in found):
            return tuple(found)
        what = f"`{ast.unparse(node)}` is not known to be an exception"
        raise reader.problem("SG106", what, "name the exceptions: `except ValueError:`")


def _class_of(raised: str) -> Any:
    """Return the class of an exception from its text."""
    name = raised.partition("(")[0].rpartition(".")[2]
    return getattr(builtins, name, None) or getattr(np.linalg, name, Exception)


def gone(reader: Reader, cell: Any) -> None:
    """Note that a container may have been changed under another name."""
    kind, name = v.kind_of(cell), cell.name
    what = f"`{name}`" if name else f"a {kind}"
    what += f" may be the {kind} that was changed under another name since"
    copied = "list(...)" if kind == "list" else ".copy()"
    help = f"make a copy where it gets its second name: `{copied}`"
    if type(cell) is v.Cell:  # of an `Iter`
        what = "what is looped over may be used up: Python finds nothing in it then"
        help = "make it again: `zip(...)`, `enumerate(...)`, `reversed(...)`"
    reader.problem("SG403", what, help)
