"""Read a function for given kinds of arguments: the frontend's door.

A spec says what an argument is: the kind of every number and array inside it, and which
lengths are one. It is a plain nested tuple, so it is also the key of a specialisation.
"""

from __future__ import annotations

import ast
import dataclasses
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import srcgrad.frontend.arrays
import srcgrad.frontend.pythonic  # noqa: F401 - registers the handlers
from srcgrad import ir
from srcgrad.builder import INT, const
from srcgrad.frontend import values as v
from srcgrad.frontend.build import NeedStatic, Reader
from srcgrad.frontend.calls import lift
from srcgrad.frontend.iteration import TestWrites
from srcgrad.source import FunctionSource, Place, location
from srcgrad.trees import Known, Node, Tree, spec_of
from srcgrad.types import Array, Dim, Scalar, put_lengths
from srcgrad.walk import consumed, every, inner_outs, outs, substitute


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

    function: ir.Function
    result: Any
    captures: list[Capture]
    leaves: list[str]
    written: list[int]
    effects: bool
    results: int
    lost: bool = False
    statics: list[tuple[Place, Any]] = field(default_factory=list)


def read(
    source: FunctionSource, specs: dict[str, Tree], names: tuple[str, ...] = (),
    fixed: dict[str, Any] | None = None, ones: dict[str, int] | None = None,
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
        fixed: dict[str, Any], ones: dict[str, int] | None = None,
    ) -> None:  # fmt: skip
        self.source, self.specs, self.fixed = source, specs, fixed
        self.reader = Reader(source, names, ones)
        self.reader.capture = self.capture
        self.params: list[ir.Value] = []
        self.leaves: list[str] = []
        self.captures: list[Capture] = []
        self.arguments: dict[v.Root, int] = {}
        self.head: list[ir.Stmt] = []

    def run(self) -> Reading:
        reader, loc = self.reader, location(self.source, self.source.node)
        things = {n: self.thing(s, n) for n, s in self.specs.items()}
        containers = dict(reader.state.heap)
        result = reader.function(self.source, things)
        reader.problems.raise_if_any()
        operands: list[ir.Operand] = []
        try:
            form = flatten(reader, result, operands, self.own)
        except v.Gone as gone:
            reader.gone(gone.cell)
        reader.problems.raise_if_any()
        count, written, lost = len(operands), [], False
        for cell, before in containers.items():
            now = reader.state.heap.get(cell)
            listlike = isinstance(now, v.Ref) and now.root.listlike > 0
            lost |= now is not before and (reader.wrote_list or not listlike)
        for root, position in self.arguments.items():
            final = reader.state.ver.get(root)
            lost |= final is None
            if final is not None and final is not self.params[position]:
                written.append(position)
                operands.append(final)
        body = ir.Block((*self.head, *reader.build.close().stmts))
        name = self.source.name if self.source.name.isidentifier() else "function"
        function = ir.Function(name, tuple(self.params), body, tuple(operands), loc)
        function = self.protect(function)
        self.settle(function)
        return Reading(
            function, form, self.captures, self.leaves, written, reader.effects,
            count, lost, reader.statics,
        )  # fmt: skip

    def thing(self, spec: Tree, name: str) -> v.Thing:
        """Return what an argument is bound to; make its parameters."""
        match spec:
            case Node():
                pairs = zip(spec.keys, spec.items, strict=True)
                parts = [self.thing(s, f"{name}.{k}") for k, s in pairs]
                return contained(self.reader, spec, parts, identifier(name))
            case ("static", known):
                return lift(self.reader, known.value)
            case ("scalar", dtype, python):
                value = self.param(name, Scalar(dtype, python))
                if name in self.fixed:
                    return ir.Const(self.fixed[name], Scalar(dtype, python))
                self.reader.leaves.add(value)
                return value
        _, dtype, ones, *strided = spec
        atoms = [None if one else ir.Value("", INT) for one in ones or (1,)]
        dims = tuple(Dim(1) if a is None else Dim.of(a) for a in atoms)
        value = self.param(name, Array(dtype, dims, not strided))
        for axis, atom in enumerate(atoms):
            if atom is not None:
                self.reader.outer_atoms.add(atom)
                self.head.append(ir.Op("dim", (value,), (atom,), {"axis": axis}))
        root = v.Root(value.name, value.type)  # type: ignore[arg-type]
        self.reader.state.ver[root] = value
        self.arguments[root] = len(self.params) - 1
        if ones:
            return v.Ref(root, (), value.type)
        return v.Ref(root, (ir.Index((const(0),)),), Scalar(dtype))  # of rank 0

    def param(self, name: str, type: Scalar | Array) -> ir.Value:
        self.params.append(ir.Value(identifier(name), type))
        self.leaves.append(name)
        return self.params[-1]

    def capture(self, place: Place, name: str, value: Any) -> v.Thing:
        """Make a captured value a hidden argument."""
        spec = spec_of(value, name)
        taken = {leaf.partition(".")[0] for leaf in (*self.specs, *self.leaves)}
        taken |= {c.leaf for c in self.captures}
        names = (f"{name}_{k}" for k in itertools.count(2))
        shown = next(n for n in itertools.chain([name], names) if n not in taken)
        self.captures.append(Capture(place, spec, shown))
        before = set(self.reader.state.ver)
        thing = self.thing(spec, shown)
        for root in set(self.reader.state.ver) - before:
            root.captured = True
            self.arguments.pop(root, None)
        return thing

    def own(self, thing: v.Thing) -> ir.Operand:
        """Return an array result as a new array of its own."""
        if not isinstance(thing, v.Ref | v.ListCell):
            self.reader.problem("SG302", f"the result is a {v.kind_of(thing)}")
            return const(0)
        out: ir.Operand = self.reader.build.op("copy", self.reader.operand(thing))
        return out

    def protect(self, function: ir.Function) -> ir.Function:
        """Copy every array argument that is written or handed on, at entry."""
        changed = {x for s in every(function.body) for x in consumed(s)}
        copies: list[ir.Stmt] = []
        names: dict[ir.Value, ir.Operand] = {}
        for param in function.params:
            if param in changed:
                own = names[param] = ir.Value(param.name, param.type)
                plain = getattr(param.type, "contiguous", True)
                attrs: dict[str, object] = {} if plain else {"via": "layout"}
                copies.append(ir.Op("copy", (param,), (own,), attrs, function.loc))
        split = len(self.head)
        rest = substitute(ir.Block(function.body.stmts[split:]), names)
        results = tuple(
            names.get(r, r) if isinstance(r, ir.Value) else r for r in function.results
        )
        body = ir.Block((*self.head, *copies, *rest.stmts))
        return dataclasses.replace(function, body=body, results=results)

    def settle(self, function: ir.Function) -> None:
        """Write dims without the values that turned out to carry nothing."""
        known = self.reader.aliases
        for _ in range(5):  # what stands for a value may be made of such values itself
            known = {atom: dim.put(known) for atom, dim in known.items()}
        for stmt in every(function.body) if known else ():
            for value in (*outs(stmt), *inner_outs(stmt)):
                value.type = put_lengths(value.type, known)


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
        case v.ListCell() if isinstance(heap[thing], tuple):
            kind, parts = "list", dict(enumerate(heap[thing]))
        case v.DictCell() | v.Record():
            kind, parts = "record" if cls else "dict", heap[thing]
        case v.Static() | v.Poison():
            return ("static", Known(getattr(thing, "value", None)))
        case _:
            point = v.is_point(thing)
            scalar = v.is_operand(thing) or point
            operands.append(reader.operand(thing) if scalar else array(thing))
            return ("leaf", len(operands) - 1, *["array of rank 0"] * point)
    items = tuple(flatten(reader, t, operands, array) for t in parts.values())
    return Node(kind, cls, tuple(parts), items)


def contained(
    reader: Reader, node: Node, parts: list[v.Thing], name: str = ""
) -> v.Thing:
    """Return the thing that holds these parts, as a node of a tree does."""
    if node.kind == "tuple":
        return v.Tuple(tuple(parts), node.cls)
    heap = reader.state.heap
    if node.kind == "list":
        cell: v.ListCell | v.DictCell | v.Record = v.ListCell(name)
        heap[cell] = tuple(parts)
        return cell
    cell = v.Record(name, node.cls) if node.cls else v.DictCell(name)
    heap[cell] = dict(zip(node.keys, parts, strict=True))
    return cell


def identifier(name: str) -> str:
    """Return the name of a leaf as generated code may spell it."""
    return re.sub(r"\W", "_", name)
