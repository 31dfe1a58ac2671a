"""Read a function for given kinds of arguments: the frontend's door.

A spec says what an argument is: the kind of every number and array inside it, and which
lengths are one. It is a plain nested tuple, so it is also the key of a specialisation.
"""

from __future__ import annotations

import ast
import dataclasses
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import srcgrad.frontend.arrays
import srcgrad.frontend.pythonic  # noqa: F401 - registers the handlers
from srcgrad.builder import INT, Meeting, const
from srcgrad.frontend.build import NeedStatic, Reader
from srcgrad.frontend.calls import lift
from srcgrad.frontend.iteration import TestWrites
from srcgrad.frontend.values import (
    DictCell,
    Gone,
    ListCell,
    Maybe,
    Poison,
    Record,
    Ref,
    Root,
    Static,
    Thing,
    Tuple,
    is_operand,
    is_point,
    kind_of,
)
from srcgrad.ir import Block, Const, Function, Index, Op, Operand, Stmt, Value
from srcgrad.source import FunctionSource, Place, location
from srcgrad.trees import Known, Node, Tree, spec_of
from srcgrad.types import Array, Dim, Scalar, put_lengths
from srcgrad.walk import consumed, every, inner_outs, outs, substitute

__all__ = ["Capture", "NeedStatic", "Reading", "contained", "identifier", "read"]


@dataclass(frozen=True, slots=True)
class Capture:
    """A captured number, array or container: a hidden argument called `leaf`."""

    place: Place
    spec: Tree
    leaf: str


@dataclass(slots=True)
class Reading:
    """A function read for one kind of arguments.

    `function` has one parameter for each leaf of the arguments and captures. `result`
    is the form of the result over the function's results. `written` are the parameters
    whose arrays the function changes; their final versions are the last results.
    `lost` says that an argument is a container that was changed, or that its memory was
    handed on to another name: which buffer it is in the end is not known while
    compiling. `statics` are the captured values that are compiled in.
    """

    function: Function
    result: Any
    captures: list[Capture]
    leaves: list[str]
    written: list[int]
    effects: bool
    results: int
    lost: bool = False
    meetings: Sequence[Meeting] = ()
    statics: list[tuple[Place, Any]] = field(default_factory=list)


def read(
    source: FunctionSource, specs: dict[str, Tree], names: tuple[str, ...] = (),
    fixed: dict[str, Any] | None = None, ones: dict[Meeting, int] | None = None,
) -> Reading:  # fmt: skip
    """Read a function.

    Args:
        source: The function's source.
        specs: The kind of every argument, by name.
        names: The arguments differentiated with respect to, for messages.
        fixed: Leaves whose value is compiled in, by leaf name.
        ones: Where lengths meet in a broadcast, which of the two is one.

    Raises:
        SrcgradError: Something in the function is outside the language.
        NeedStatic: The value of its `leaf` must be compiled in.
    """
    writing: set[ast.expr] = set()
    while True:
        entry = _Entry(source, specs, names, fixed or {}, ones)
        entry.reader.writing = writing
        try:
            return entry.run()
        except TestWrites as found:
            writing.add(found.test)
        except NeedStatic as need:
            need.captures = entry.captures
            need.leaf = entry.leaves[entry.params.index(need.value)]
            raise


class _Entry:
    def __init__(
        self, source: FunctionSource, specs: dict[str, Tree], names: tuple[str, ...],
        fixed: dict[str, Any], ones: dict[Meeting, int] | None = None,
    ) -> None:  # fmt: skip
        self.source, self.specs, self.fixed = source, specs, fixed
        self.reader = Reader(source, names, ones)
        self.reader.capture = self.capture
        self.params: list[Value] = []
        self.leaves: list[str] = []
        self.captures: list[Capture] = []
        self.arguments: dict[Root, int] = {}
        self.head: list[Stmt] = []
        self.lost = False

    def run(self) -> Reading:
        reader = self.reader
        where = location(self.source, self.source.node)
        things = {n: self.thing(s, n) for n, s in self.specs.items()}
        containers = dict(reader.state.heap)
        result = reader.function(self.source, things)
        reader.problems.raise_if_any()
        operands: list[Operand] = []
        try:
            form = flatten(reader, result, operands, self.own)
        except Gone as gone:
            reader.gone(gone.cell)
        for cell, before in containers.items():
            now = reader.state.heap.get(cell)
            listlike = isinstance(now, Ref) and now.root.listlike
            self.lost |= now is not before and (reader.wrote_list or not listlike)
        reader.problems.raise_if_any()
        body, results, written = self.finish(operands)
        name = self.source.name if self.source.name.isidentifier() else "function"
        function = Function(name, tuple(self.params), body, tuple(results), where)
        function = self.protect(function)
        self.settle(function)
        return Reading(
            function, form, self.captures, self.leaves, written, reader.effects,
            len(operands), self.lost, reader.build.meetings, reader.statics,
        )  # fmt: skip

    # arguments

    def thing(self, spec: Tree, name: str) -> Thing:
        """Return what an argument is bound to; make its parameters."""
        if not isinstance(spec, Node):
            match spec:
                case ("static", known):
                    none = known.value is None
                    return Static(None) if none else lift(self.reader, known.value)
                case ("scalar", dtype, python):
                    return self.number(dtype, python, name)
                case ("array", dtype, ones, *strided):
                    return self.array(dtype, ones, name, not strided)
            raise TypeError(spec)
        pairs = zip(spec.keys, spec.items, strict=True)
        parts = [self.thing(s, f"{name}.{k}") for k, s in pairs]
        return contained(self.reader, spec, parts, identifier(name))

    def number(self, dtype: str, python: bool, name: str) -> Thing:
        value = Value(identifier(name), Scalar(dtype, python))
        self.params.append(value)
        self.leaves.append(name)
        if name in self.fixed:
            return Const(self.fixed[name], value.type)  # type: ignore[arg-type]
        self.reader.leaves.add(value)
        return value

    def array(
        self, dtype: str, ones: tuple[int, ...], name: str, contiguous: bool
    ) -> Thing:
        dims, measures = [], []
        for axis, one in enumerate(ones or (1,)):  # rank 0: see Ref
            if one:
                dims.append(Dim(1))
            else:
                atom = Value("", INT)
                self.reader.outer_atoms.add(atom)
                measures.append((axis, atom))
                dims.append(Dim(0, ((atom, 1),)))
        called = identifier(name)
        value = Value(called, Array(dtype, tuple(dims), contiguous))
        for axis, atom in measures:
            self.head.append(Op("dim", (value,), (atom,), {"axis": axis}))
        self.params.append(value)
        self.leaves.append(name)
        root = Root(called, value.type)  # type: ignore[arg-type]
        self.reader.state.ver[root] = value
        self.arguments[root] = len(self.params) - 1
        path = () if ones else (Index((const(0),)),)
        return Ref(root, path, value.type if ones else Scalar(dtype))

    def capture(self, place: Place, name: str, value: Any) -> Thing:
        """Make a captured value a hidden argument."""
        spec = spec_of(value, name)
        taken = {leaf.partition(".")[0] for leaf in (*self.specs, *self.leaves)}
        taken |= {c.leaf for c in self.captures}
        shown = next(n for n in _numbered(name) if n not in taken)
        self.captures.append(Capture(place, spec, shown))
        before = set(self.reader.state.ver)
        thing = self.thing(spec, shown)
        for root in set(self.reader.state.ver) - before:
            root.captured = True
            self.arguments.pop(root, None)
        return thing

    # results

    def own(self, thing: Thing) -> Operand:
        """Return an array result as a new array of its own."""
        reader = self.reader
        if not isinstance(thing, Ref | ListCell):
            reader.problem("SG302", f"the result is a {kind_of(thing)}")
            return const(0)
        out: Operand = reader.build.op("copy", reader.operand(thing))
        return out

    def finish(self, operands: list[Operand]) -> tuple[Block, list[Operand], list[int]]:
        """Return the body, and the results with the final versions of what it wrote."""
        results = list(operands)
        written = []
        for root, position in self.arguments.items():
            final = self.reader.state.ver.get(root)
            self.lost |= final is None
            if final is not None and final is not self.params[position]:
                written.append(position)
                results.append(final)
        stmts = (*self.head, *self.reader.build.close().stmts)
        return Block(stmts), results, written

    def protect(self, function: Function) -> Function:
        """Copy every array argument that is written or handed on, at entry."""
        changed = {v for s in every(function.body) for v in consumed(s)}
        copies: list[Stmt] = []
        names: dict[Value, Operand] = {}
        for param in function.params:
            if param in changed:
                own = Value(param.name, param.type)
                plain = getattr(param.type, "contiguous", True)
                attrs: dict[str, object] = {} if plain else {"via": "layout"}
                copies.append(Op("copy", (param,), (own,), attrs, function.loc))
                names[param] = own
        stmts = function.body.stmts
        split = len(self.head)
        rest = substitute(Block(stmts[split:]), names)
        results = tuple(
            names.get(r, r) if isinstance(r, Value) else r for r in function.results
        )
        body = Block((*stmts[:split], *copies, *rest.stmts))
        return dataclasses.replace(function, body=body, results=results)

    def settle(self, function: Function) -> None:
        """Write dims without the values that turned out to carry nothing."""
        known = self.reader.aliases
        for _ in range(5):  # what stands for a value may be made of such values itself
            known = {atom: dim.put(known) for atom, dim in known.items()}
        for stmt in every(function.body) if known else ():
            for value in (*outs(stmt), *inner_outs(stmt)):
                value.type = put_lengths(value.type, known)


def contained(reader: Reader, node: Node, parts: list[Thing], name: str = "") -> Thing:
    """Return the thing that holds these parts, as a node of a tree does."""
    if node.kind == "tuple":
        return Tuple(tuple(parts), node.cls)
    heap = reader.state.heap
    if node.kind == "list":
        cell: ListCell | DictCell | Record = ListCell(name)
        heap[cell] = tuple(parts)
        return cell
    cell = Record(name, node.cls) if node.cls else DictCell(name)
    heap[cell] = dict(zip(node.keys, parts, strict=True))
    return cell


def flatten(
    reader: Reader, thing: Thing, operands: list[Operand],
    array: Callable[[Thing], Operand],
) -> Any:  # fmt: skip
    """Return the form of a thing over a flat list of operands, which it adds to.

    Arrays, and all that is no container of numbers, become operands by `array`.
    """
    heap = reader.state.heap
    if isinstance(thing, Maybe):
        thing = reader.bound(thing, "the result", None)
    kind, cls, parts = "", None, {}
    match thing:
        case Tuple():
            kind, cls, parts = "tuple", thing.cls, dict(enumerate(thing.items))
        case ListCell() if not isinstance(heap[thing], Ref):
            kind, parts = "list", dict(enumerate(heap[thing]))
        case DictCell():
            kind, parts = "dict", heap[thing]
        case Record():
            kind, cls, parts = "record", thing.cls, heap[thing]
        case Static():
            return ("static", Known(thing.value))
        case Poison():
            return ("static", Known(None))
    if kind:
        items = tuple(flatten(reader, t, operands, array) for t in parts.values())
        return Node(kind, cls, tuple(parts), items)
    scalar = is_operand(thing) or is_point(thing)
    operands.append(reader.operand(thing) if scalar else array(thing))
    return ("leaf", len(operands) - 1, *["array of rank 0"] * is_point(thing))


def identifier(name: str) -> str:
    """Return the name of a leaf as generated code may spell it."""
    return re.sub(r"\W", "_", name)


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}_{k}" for k in itertools.count(2))
