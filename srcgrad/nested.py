"""Gradients of gradients: a gradient is a function of the IR like any other.

`derived` reads the gradient that a `Differentiated` stands for as if it were a plain
function; `splice_call` writes it where it is called, into the function being read.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from srcgrad.arguments import float_parameters, named_leaves
from srcgrad.clone import splice
from srcgrad.differentiated import Differentiated
from srcgrad.frontend import calls
from srcgrad.frontend.entry import Reading, contained
from srcgrad.frontend.values import (
    DictCell,
    ListCell,
    Record,
    Ref,
    Static,
    Thing,
    Tuple,
    is_point,
)
from srcgrad.ir import Block, Const, Op, Operand, Value
from srcgrad.specialise import Specialisation
from srcgrad.trees import (
    Known,
    Node,
    Tree,
    is_float_leaf,
    leaves,
    relabel,
    type_of_leaf,
)
from srcgrad.types import Array, Scalar
from srcgrad.walk import every, substitute

__all__ = ["Call", "bound_call", "derived", "gradient_reading", "splice_call"]

Specs = dict[str, Tree]
_NONE = ("static", Known(None))


def derived(
    outer: Differentiated, inner: Differentiated, specs: Specs, names: tuple[str, ...],
    leaf: Callable[[str], Any],
) -> Specialisation:  # fmt: skip
    """Return the specialisation of a function that is itself a gradient."""
    made, reading = gradient_reading(inner, specs, leaf)
    wrt = float_parameters(specs, names)
    return replace(
        made, specs=specs, reading=reading, wrt=wrt, options=outer.options, made={}
    )


def gradient_reading(
    inner: Differentiated, specs: Specs, leaf: Callable[[str], Any]
) -> tuple[Specialisation, Reading]:
    """Return what was made for a function, and its gradient as a reading."""
    names = inner.signature.chosen(specs, inner.options)
    made = inner.make(specs, names, leaf)
    if inner.kind == "value":
        return made, made.reading
    key = ("derived", inner.kind, names)
    return made, made.once(key, lambda: _read(inner, made, names))


def _read(
    inner: Differentiated, made: Specialisation, names: tuple[str, ...]
) -> Reading:
    """Return the gradient as a function with a form of its own."""
    adjoint, reading = inner.checked_adjoint(made, names), made.reading
    *params, seed = adjoint.params
    unit: dict[Any, Operand] = {seed: Const(1.0, seed.type)}
    body = _without_units(substitute(adjoint.body, unit))
    count = itertools.count(reading.results)

    def gradient(leaf: Any) -> Any:
        return ("leaf", next(count)) if is_float_leaf(leaf) else _NONE

    forms = {n: relabel(s, gradient) for n, s in made.specs.items() if n in names}
    form = _pair(*(forms[n] for n in names))
    if inner.options.single:
        form = forms[names[0]]
    if inner.kind == "value_and_grad":
        form = _pair(reading.result, form)
    elif inner.options.has_aux:
        form = _pair(form, reading.result.items[1])
    used: list[Operand] = []  # results that the form never names are left out

    def keep(leaf: Any) -> Any:
        if leaf[0] == "leaf":
            result = adjoint.results[leaf[1]]
            used.append(unit.get(result, result))
            return ("leaf", len(used) - 1)
        return leaf

    form = relabel(form, keep)
    function = replace(
        adjoint, params=tuple(params), body=body, results=tuple(used), cut=None
    )
    return replace(
        reading, function=function, result=form, written=[], results=len(used),
        lost=False,
    )  # fmt: skip


def _pair(*items: Tree) -> Tree:
    return Node("tuple", None, tuple(range(len(items))), items)


# inside another function


@dataclass(slots=True)
class Call:
    """A call that is being read.

    Attributes:
        specs: The kind of every argument.
        leaves: The numbers and arrays in them by name, in the order of the parameters.
    """

    reader: Any
    node: Any
    specs: Specs
    leaves: dict[str, Thing]

    def static(self, name: str) -> Any:
        """Return the value of a leaf that must be known while compiling."""
        return calls.static(self.reader, self.leaves[name], self.node)

    def operands(self, *readings: Reading) -> list[Operand]:
        """Return the leaves as operands, then what functions capture."""
        things = list(self.leaves.values())
        for reading in readings:
            for c in reading.captures:
                thing = calls.captured(self.reader, c.place, c.leaf, self.node)
                tree = _opened(self.reader, thing, self.node)
                things += [leaf[-1] for _, leaf, _ in leaves(tree)]
        return [self._operand(thing) for thing in things]

    def _operand(self, thing: Thing) -> Operand:
        value: Operand = self.reader.operand(thing, self.node)
        if isinstance(thing, Ref) and thing.path:
            value = self.reader.build.op("copy", value)
        return value


def bound_call(
    inner: Differentiated, reader: Any, args: list[Thing], kwargs: dict[str, Thing],
    node: Any,
) -> Call:  # fmt: skip
    """Bind the arguments of a call, ints at differentiated places as floats."""
    source, signature = inner.function_source, inner.signature
    args = [*(calls.lift(reader, value, node) for value in signature.held), *args]
    things = calls.bind_arguments(
        reader, source.node.args, args, kwargs,
        calls.default_things(reader, source, node), source.name, node,
    )  # fmt: skip
    opened = {name: _opened(reader, thing, node) for name, thing in things.items()}
    trees = dict(signature.spread(opened))
    level: Differentiated | None = inner
    while level is not None and level.kind != "value":
        for name in signature.chosen(trees, level.options):
            trees[name] = _as_float(reader, trees[name], name)
        level = level.inner
    specs = {
        name: relabel(tree, lambda leaf: leaf[:-1]) for name, tree in trees.items()
    }
    found = {n: leaf[-1] for n, leaf, _ in named_leaves(trees, dict.fromkeys(trees))}
    return Call(reader, node, specs, found)


def splice_call(
    inner: Differentiated, reader: Any, args: list[Thing], kwargs: dict[str, Thing],
    node: Any,
) -> Thing:  # fmt: skip
    """Write the gradient's statements where it is called; return its result."""
    call = bound_call(inner, reader, args, kwargs, node)
    made, reading = gradient_reading(inner, call.specs, call.static)
    operands = call.operands(reading)
    arrays = [x for x in operands if x.type.rank]
    if made.written and len(set(arrays)) < len(arrays):
        what = f"`{made.source.name}` writes to an array that it is given twice"
        raise reader.problem("SG403", what, node, helps=("pass a copy",))
    reader.statics.extend(reading.statics)
    reader.effects = reader.effects or reading.effects
    return _thing(
        reader, reading.result, splice(reader.build, reading.function, operands)
    )


def _as_float(reader: Any, leaf: Tree, name: str) -> Tree:
    """Take an int at a differentiated place as a float."""
    if isinstance(leaf, Node) or is_float_leaf(leaf):
        return leaf
    if leaf[:-1] != ("scalar", "int64", True):
        raise reader.problem("SG301", f"`{name}` holds no floats: no gradient")
    number: Any = leaf[-1]
    if isinstance(number, Const):
        number = Const(float(number.value), Scalar("float64", True))
    else:
        number = reader.build.op("cast", number, dtype="float64", python=True)
    return ("scalar", "float64", True, number)


def _opened(reader: Any, thing: Thing, node: Any) -> Tree:
    """Return a thing as a spec whose leaves have one item more, the thing there."""
    heap = reader.state.heap
    kind, cls, parts = "", None, {}
    match thing:
        case Const() if thing.type.dtype == "bool":
            return ("static", Known(bool(thing.value)), thing)
        case Const() | Value():
            return (*type_of_leaf(thing.type), thing)
        case Ref() if is_point(thing):
            return ("scalar", thing.type.dtype, False, reader.operand(thing))
        case Ref() if isinstance(thing.type, Array):
            dims = tuple(reader.build.resolve(d) for d in thing.type.dims)
            return (*type_of_leaf(replace(thing.type, dims=dims)), thing)
        case Static():
            return ("static", Known(thing.value), thing)
        case Tuple():
            kind, cls, parts = "tuple", thing.cls, dict(enumerate(thing.items))
        case ListCell() if not isinstance(heap[thing], Ref):
            kind, parts = "list", dict(enumerate(heap[thing]))
        case DictCell():
            kind, parts = "dict", heap[thing]
        case Record():
            kind, cls, parts = "record", thing.cls, heap[thing]
        case _:
            what = (
                "a gradient that is taken inside takes numbers, arrays and containers"
            )
            raise reader.problem("SG205", what, node)
    items = tuple(_opened(reader, t, node) for t in parts.values())
    return Node(kind, cls, tuple(parts), items)


def _thing(reader: Any, form: Tree, results: Sequence[Operand]) -> Thing:
    """Return a result as a thing, from its form."""
    if not isinstance(form, Node):
        if form[0] == "leaf":
            return reader.thing(results[form[1]])  # type: ignore[no-any-return]
        return calls.lift(reader, form[1].value)
    parts = [_thing(reader, item, results) for item in form.items]
    return contained(reader, form, parts)


def _without_units(block: Block) -> Block:
    """Read `x` where `1.0 * x` was read."""
    names: dict[Value, Operand] = {}
    for stmt in every(block):
        if isinstance(stmt, Op) and stmt.row == "mul":
            x, y = (names.get(a, a) for a in stmt.args)  # type: ignore[arg-type]
            for one, other in ((x, y), (y, x)):
                unit = isinstance(one, Const) and one.value == 1
                if unit and other.type == stmt.out.type:
                    names[stmt.out] = other
    return substitute(block, names)
