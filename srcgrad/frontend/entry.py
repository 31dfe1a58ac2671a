"""Read a function for given kinds of arguments: the frontend's door.

A spec says what an argument is: the kind of every number and array inside it, and which
lengths are one. It is a plain nested tuple, so it is also the key of a specialisation.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from srcgrad import ir
from srcgrad.builder import INT, const
from srcgrad.errors import Location, error_of
from srcgrad.frontend import choices, columns, handlers, lists
from srcgrad.frontend import values as v
from srcgrad.frontend.build import Reader
from srcgrad.frontend.calls import lift, watch_function
from srcgrad.frontend.iteration import ReadAgain
from srcgrad.frontend.pools import pooled
from srcgrad.frontend.recursion import ask
from srcgrad.frontend.ways import CHANGING, CHOOSING, Again, Endless
from srcgrad.source import FunctionSource, Place, location
from srcgrad.trees import POINT, SHAPE, Known, Node, Tree, is_of, spec_of, table_of
from srcgrad.types import Array, Dim, Scalar, is_generator, put_lengths
from srcgrad.walk import consumed, every, inner_outs, outs, rewrite

E = TypeVar("E", bound="Entry")


@dataclass(frozen=True, slots=True)
class Capture:
    """A captured number, array or container: a hidden argument called `leaf`.

    A list of many floats, which nobody may change here, is one array.
    """

    place: Place
    spec: Tree
    leaf: str

    def holds(self) -> bool:
        """Tell whether a value of this kind is still there."""
        return is_of(self.place.fetch(), self.spec, self.leaf)


@dataclass(slots=True)
class Reading:
    """A function read for one kind of arguments.

    `function` has one parameter for each leaf of the arguments and captures. `result`
    is the form of the result over the function's results. `written` are the parameters
    whose arrays the function changes, or may change; their final versions, where these
    are known, are the last results.
    `changed` says that an argument is a container that was changed, `lost` that or that
    its memory was handed on to another name: which buffer it is in the end is not known
    while compiling. `statics` are the captured values that are compiled in.
    `shared` are pairs of a result and a parameter or result that are arrays in one
    memory for plain Python; results are counted on from the parameters. `entwined` says
    that a container in the result is an argument's, or stands in two places. `tried`
    are the places of each `try` whose handlers may run.
    """

    function: ir.Function
    result: Any
    captures: list[Capture]
    leaves: list[str]
    written: list[int]
    effects: bool
    results: int
    changed: bool = False
    lost: bool = False
    statics: list[tuple[Place, Any]] = field(default_factory=list)
    shared: list[tuple[int, int]] = field(default_factory=list)
    entwined: bool = False
    tried: Sequence[Location] = ()

    @property
    def draws(self) -> bool:
        """Whether a Generator is among the arguments."""
        return any(is_generator(p.type) for p in self.function.params)


# How many times the statements of the first reading another one may read.
_LONGER = 50


def read(
    kind: Callable[..., E], source: FunctionSource, specs: dict[str, Tree],
    names: tuple[str, ...], fixed: dict[str, Any] | None, ones: dict[str, int] | None,
) -> tuple[Reading, E]:  # fmt: skip
    """Read a function, again while something is found too late; return the reader.

    Args:
        kind: What reads it, such as `Entry`.
        source: The function's source.
        specs: The kind of every argument, by name.
        names: The arguments differentiated with respect to, for messages.
        fixed: Leaves whose value is compiled in, by leaf name.
        ones: Where lengths meet in a broadcast, which of the two is one.
    """
    writing, taken, refusal, most = set[object](), set[str](), None, math.inf
    while True:
        entry = kind(source, names, ones, writing, fixed or {}, taken)
        entry.refusal, entry.ways.most = refusal, most if refusal else math.inf
        try:
            return entry.read(specs), entry
        except Endless:
            assert refusal is not None
            raise refusal from None
        except ReadAgain as found:
            writing.update(found.args)
            refusal = refusal or found.__cause__
        except Again as found:
            if CHOOSING in found.args:
                taken.clear()
            if not {CHOOSING, CHANGING}.isdisjoint(found.args):
                writing.discard(v.WHOLE)
            taken.update(found.args)
            told = CHANGING not in found.args  # what sets cannot do then tells more
            refusal = (refusal or found.__cause__) if told else None
        most = min(most, _LONGER * (entry.ways.count + 100))


class Entry(Reader):
    """Read a function whose arguments are parameters."""

    def __init__(
        self, source: FunctionSource, names: tuple[str, ...],
        ones: dict[str, int] | None, writing: set[object], fixed: dict[str, Any],
        taken: set[str],
    ) -> None:  # fmt: skip
        super().__init__(source, ones, writing, taken)
        self.source, self.names, self.fixed = source, names, fixed
        self.refusal: Any = None  # of the reading before
        self.arguments: dict[v.Root, ir.Value] = {}
        self.roots: dict[Any, v.Root] = {}  # of parameters and results
        self.head: list[ir.Stmt] = []

    def read(self, specs: dict[str, Tree]) -> Reading:
        self.specs = specs
        things = {n: thing_of(self, spec, self.leaf, n) for n, spec in specs.items()}
        for name in filter(self.ways.pooled, things):
            things[name] = pooled(self, things[name])
        containers = dict(self.state.heap)
        self.given = [*self.arguments, *containers]
        watch_function(self, self.source.function)
        result = self.whole(self.source, things)
        self.give_up_if_refused()
        result = choices.number_of(self, result)
        operands: list[ir.Operand] = []
        try:
            form = flatten(self, result, operands, self.own)
        except v.Gone as gone:
            handlers.gone(self, *gone.args)
        held = [*v.cells(result, self.state.heap)]
        if any(issubclass(cell.cls, set) for cell in held):
            what = "a set that changes cannot be returned"
            self.problem("SG205", what, "return `sorted(...)` of it")
        self.give_up_if_refused()
        entwined = len({*held}) < len(held) or not containers.keys().isdisjoint(held)
        params, count = list(self.leaves), len(operands)
        shared = self.sharing([*params, *operands], len(params))
        written, changed = [], False
        for cell, before in containers.items():
            now = self.state.heap.get(cell)
            kept = columns.are(now) or (isinstance(now, v.Ref) and now.root.listlike)
            changed |= now is not before and (self.wrote_list or not kept)
        lost = False
        for root, param in self.arguments.items():
            final = self.state.ver.get(root)
            lost |= final is None
            if is_generator(param.type):
                continue  # it is the caller's, and moves on
            if root.listlike:  # the list that was given is not changed by this
                changed |= final is not param
            elif self.wrote_joined if final is None else final is not param:
                written.append(params.index(param))
                operands += [] if final is None else [final]
        lost |= changed
        name = self.source.name if self.source.name.isidentifier() else "function"
        body, results = self.protected(tuple(operands))
        loc = location(self.source, self.source.node)
        function = ir.Function(name, tuple(params), body, results, loc)
        known = self.aliases
        for _ in range(5):  # what stands for a value may be made of such values itself
            known = {atom: dim.put(known) for atom, dim in known.items()}
        for stmt in every(body) if known else ():
            for value in (*outs(stmt), *inner_outs(stmt)):
                value.type = put_lengths(value.type, known)
        return Reading(
            function, form, self.captures, list(self.leaves.values()), written,
            self.effects, count, changed, lost, self.statics, shared, entwined,
            self.tries.places,
        )  # fmt: skip

    def sharing(self, arrays: list[Any], first: int) -> list[tuple[int, int]]:
        """Return the pairs of arrays, one of them a result, that share memory."""
        found = [self.roots.get(x) for x in arrays]
        homes = [{r.memory, *r.memory.shares} if r else set() for r in found]
        results = range(first, len(arrays))
        return [(k, j) for k in results for j in range(k) if homes[k] & homes[j]]

    def give_up_if_refused(self) -> None:
        if self.problems:
            error = self.refusal or error_of(
                self.problems, self.source.name, self.names
            )
            if self.split and v.WHOLE not in self.writing:
                raise ReadAgain(v.WHOLE) from error  # it may be right turn by turn
            self.ways.check(error)
            ask(self, because=error)
            raise error

    def leaf(self, spec: Tree, name: str) -> v.Thing:
        """Return the number or array that a new parameter is."""
        kind, dtype, known, *more = spec
        whole = () if kind == "scalar" else known or (1,)
        held: list[Any] = [n or ir.Value("", INT) for n in whole]
        held = [*self.fixed.get(name + SHAPE, held)]
        atoms = [n if isinstance(n, ir.Value) else None for n in held]
        pairs = zip(held, atoms, strict=True)
        dims = tuple(Dim.of(atom) if atom else Dim(n) for n, atom in pairs)
        strided = kind == "array" and more
        type = Array(dtype, dims, not strided) if dims else Scalar(dtype, known)
        value = ir.Value(identifier(name), type)
        self.leaves[value] = name
        if isinstance(type, Scalar):
            return ir.Const(self.fixed[name], type) if name in self.fixed else value
        for axis, atom in enumerate(atoms):
            if atom is not None:
                self.outer_atoms.add(atom)
                self.head.append(ir.Op("dim", (value,), (atom,), {"axis": axis}))
        ref = self.allocate(value)
        self.arguments[ref.root], self.roots[value] = value, ref.root
        if kind == "table":
            return lists.of_array(self, ref, len(known), *more)
        if known:
            return ref
        return v.Ref(ref.root, (ir.Index((const(0),)),), Scalar(dtype))  # of rank 0

    def capture(self, place: Place, name: str, value: Any) -> v.Thing:
        """Make a captured value a hidden argument."""
        table = None if v.WHOLE in self.writing else table_of(value)
        spec = spec_of(value, name, True) if table is None else table
        self.split |= table is not None
        taken = {
            leaf.partition(".")[0] for leaf in (*self.specs, *self.leaves.values())
        }
        taken |= {c.leaf for c in self.captures}
        names = (f"{name}_{k}" for k in itertools.count(2))
        shown = next(n for n in itertools.chain([name], names) if n not in taken)
        self.captures.append(Capture(place, spec, shown))
        arguments, known = dict(self.arguments), set(self.state.heap)
        thing = thing_of(self, spec, self.leaf, shown)
        for root in self.arguments.keys() - arguments.keys():
            root.captured = self.state.ver[root]
        for cell in self.state.heap.keys() - known:
            cell.captured = self.state.heap[cell]
        self.arguments = arguments
        return thing

    def own(self, thing: v.Thing) -> ir.Operand:
        """Return an array result as a new array of its own."""
        held = self.state.heap[thing] if isinstance(thing, v.ListCell) else thing
        if held is not thing and not isinstance(held, v.Ref | dict):
            what = "the result is a list of tuples or the like"
            self.problem("SG302", what, "return its fields: `[p[0] for p in path]`")
            return const(0)
        if not isinstance(held, v.Ref | dict):
            self.problem("SG302", f"the result is a {v.kind_of(thing)}")
            return const(0)
        out: ir.Operand = self.build.op("copy", self.operand(thing))
        if isinstance(thing, v.Ref):
            self.roots[out] = thing.root
        return out

    def protected(
        self, results: tuple[ir.Operand, ...]
    ) -> tuple[ir.Block, tuple[ir.Operand, ...]]:
        """Return all that was read; arrays written or handed on are copied at entry."""
        rest = self.build.close()
        changed = {x for stmt in every(rest) for x in consumed(stmt)}
        names: dict[Any, ir.Operand] = {}
        for param in self.leaves:
            if param in changed and not is_generator(param.type):
                own = names[param] = ir.Value(param.name, param.type)
                plain = getattr(param.type, "contiguous", True)
                attrs: dict[str, object] = {} if plain else {"via": "layout"}
                loc = location(self.source, self.source.node)
                self.head.append(ir.Op("copy", (param,), (own,), attrs, loc))
        stmts = rewrite(rest, names).stmts
        return ir.Block((*self.head, *stmts)), tuple(names.get(r, r) for r in results)


def flatten(
    reader: Reader, thing: v.Thing, operands: list[ir.Operand],
    array: Callable[[v.Thing], ir.Operand],
) -> Any:  # fmt: skip
    """Return the form of a thing over a flat list of operands, which it adds to.

    Arrays, and all that is no container of numbers, become operands by `array`.
    """
    heap: dict[Any, Any] = reader.state.heap
    if isinstance(thing, v.Maybe):
        thing = reader.bound(thing, "the result")
    cls = getattr(thing, "cls", None)
    match thing:
        case v.Tuple():
            kind, parts = "tuple", dict(enumerate(thing.items))
        case v.OneOf():
            kind, parts = "choice", dict(enumerate((thing.case, *thing.things)))
        case v.ListCell() if isinstance(heap[thing], tuple):
            kind, parts = "list", dict(enumerate(heap[thing]))
        case v.DictCell() | v.Record():
            kind = "record" if isinstance(thing, v.Record) else "dict"
            parts = heap[thing]
        case v.Static() | v.Poison():
            return ("static", Known(getattr(thing, "value", None)))
        case _:
            point = v.is_point(thing)
            scalar = v.is_operand(thing) or point
            operands.append(reader.operand(thing) if scalar else array(thing))
            mark = (POINT,) if point else lists.outside(reader, thing)
            return ("leaf", len(operands) - 1, *mark)
    items = tuple(flatten(reader, t, operands, array) for t in parts.values())
    return Node(kind, cls, tuple(parts), items)


def thing_of(
    reader: Reader, tree: Tree, leaf: Callable[[Tree, str], v.Thing], name: str = ""
) -> v.Thing:
    """Return the thing that a spec or form describes, numbers and arrays by `leaf`."""
    if not isinstance(tree, Node):
        return lift(reader, tree[1].value) if tree[0] == "static" else leaf(tree, name)
    pairs = list(zip(tree.keys, tree.items, strict=True))
    parts = {key: thing_of(reader, item, leaf, f"{name}.{key}") for key, item in pairs}
    items, shown = tuple(parts.values()), identifier(name)
    if tree.kind == "choice":
        return v.OneOf(items[0], items[1:])  # type: ignore[arg-type]
    if tree.kind == "tuple":
        return v.Tuple(items, tree.cls)
    makers: Any = {"list": v.ListCell, "dict": v.DictCell, "record": v.Record}
    cell: v.Thing = makers[tree.kind](shown, tree.cls)
    reader.state.heap[cell] = items if tree.kind == "list" else parts  # type: ignore[index]
    return cell


def identifier(name: str) -> str:
    """Return the name of a leaf as generated code may spell it."""
    return re.sub(r"\W", "_", name)
