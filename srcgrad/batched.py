"""Functions of one row as functions of many: a loop over the axes of the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from srcgrad.arguments import Specs, Values
from srcgrad.assembly import ALL, Assembly
from srcgrad.builder import INT, const
from srcgrad.derivatives import Derived
from srcgrad.differentiated import Differentiated
from srcgrad.errors import make_error
from srcgrad.frontend.entry import Reading, identifier
from srcgrad.ir import Function, Index, Operand, Value
from srcgrad.nested import gradient_reading, measured
from srcgrad.options import inherited
from srcgrad.passes import splice
from srcgrad.source import location, returned
from srcgrad.specialise import Ones, Specialisation
from srcgrad.trees import (
    Lists,
    Node,
    Tree,
    leaves,
    opened,
    relabel,
    spec_of,
    tree_map,
    type_of_leaf,
)
from srcgrad.types import Array, Dim, ListOf, Scalar

Axes = list[int | None]


def vmap(
    fun: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0, **options: Any
) -> Differentiated:
    """Return the function of many rows that calls `fun` for each, and stacks results.

    The loop is generated code, in which `fun` stands; it composes with gradients both
    ways, as `vmap(grad(f), in_axes=(None, 0))` for the gradient of each example.

    Args:
        fun: A plain function of one row, or one behind any door: then what calling it
            means is called.
        in_axes: Which axis of each array holds the rows: an int for all arguments, or
            a tuple with one item for each of them: an int, None for what is the same
            in each row, or a container of them like the argument. Numbers are the same
            in each row.
        out_axes: The axis that the rows of the result are stacked along; for a
            container an int for all of it, or a container of ints.
        **options: The options of `grad`; with `parallel` threads share the rows.

    Returns:
        A `Differentiated`; it writes to no argument, whatever `fun` does to its rows.

    Raises:
        ValueError: Arrays have different numbers of rows.
        SrcgradError: An array has no such axis, or rows would differ in shape.

    >>> rows = vmap(lambda x, k: x.sum() * k, in_axes=(0, None), backend="python")
    >>> rows(np.array([[1.0, 2.0], [3.0, 4.0]]), 10.0)
    array([30., 70.])
    """
    settings = {"in_axes": _checked(in_axes), "out_axes": _checked(out_axes)}
    return Vmap(fun, inherited(fun, options), **settings)


class Vmap(Derived):
    """A function called for each row: `vmap`."""

    def specialised(
        self, specs: Specs, names: Sequence[str], leaf: Callable[[str], Any], ones: Ones
    ) -> Specialisation:
        """Make the function for arguments of these kinds."""
        assert self.inner is not None
        axes, source = self.axes(specs), self.signature.source
        found = [x for name, spec in specs.items() for x in leaves(spec, None, name)]
        write = Assembly(location(source, source.node))
        params = [write.parameter(identifier(n), _type(of)) for n, of, _ in found]
        pairs = list(zip(params, axes, strict=True))
        lengths = [p.type.dims[k] for p, k in pairs if k is not None]
        for other in lengths[1:]:
            write.build.same(lengths[0], other, "numbers of rows", "ValueError")
        mapped = [n for (n, _, _), k in zip(found, axes, strict=True) if k is not None]

        def same(name: str) -> Any:
            if name in mapped:
                what = (
                    f"`{name}` decides what code is made, and differs from row to row"
                )
                raise self.refusal("SG205", what, "give it None in `in_axes`")
            return leaf(name)

        types = (_row_type(write, *pair) for pair in pairs)
        kinds = {n: relabel(s, lambda x: _row_kind(x, types)) for n, s in specs.items()}
        made, reading = gradient_reading(self.inner, kinds, same, ones)
        made.draw_once("`vmap` runs it for each row")
        function, form = self.loop(
            write, pairs, reading, write.build.length(lengths[0])
        )
        reading = replace(reading, function=function, result=form)
        return self.finished(made, specs, reading, ones)

    def loop(
        self, write: Assembly, pairs: list[tuple[Value, int | None]], reading: Reading,
        count: Operand,
    ) -> tuple[Function, Tree]:  # fmt: skip
        """Write the loop over the rows."""
        function, build = measured(reading.function), write.build
        results = function.results[: reading.results]
        if any(isinstance(r.type, ListOf) for r in results):
            what = "rows are no lists that grow"
            raise self.refusal("SG302", what, "return an array: `np.array(...)`")
        for p in function.params[len(pairs) :]:
            pairs = [*pairs, (write.parameter(p.name, p.type), None)]
        apart = [_like_row(write, p, k) for p, k in pairs if k is not None]
        like = iter(apart)
        given = [p if k is None else next(like) for p, k in pairs]
        try:
            lengths = write.lengths(function, given, results, apart)
        except LookupError:
            what = "the length of a result depends on the numbers in a row"
            helps = "only rows of one shape can be stacked"
            raise self.refusal("SG302", what, helps) from None
        form, places = self.stacked(reading)
        states = []
        for r, own, place in zip(results, lengths, places, strict=True):
            own.insert(place, count)
            states.append(write.empty(r.type.dtype, own, "rows"))

        def turn(at: tuple[Operand, ...], states: list[Value]) -> list[Operand]:
            rows = [p if k is None else _row(write, p, k, at) for p, k in pairs]
            found = splice(build, function, rows)[: reading.results]
            spots = [((ALL,) * place + at) for place in places]
            return [*map(write.store, states, spots, found)]

        name = f"{function.name}_rows"
        return write.function(name, write.loops([count], states, turn)), form

    def axes(self, specs: Specs) -> Axes:
        """Return the axis of each leaf of the arguments that holds the rows."""
        given, found = self.settings["in_axes"], list[int | None]()
        known = self.signature.spread(specs)
        names = self.signature.positional(specs)
        chosen: dict[str, Any] = dict.fromkeys(known)
        if isinstance(given, tuple):
            if len(given) > len(names):
                what = f"`in_axes` has {len(given)} items, for {len(names)} arguments"
                raise self.refusal("SG303", what)
            chosen.update(zip(names, given, strict=False))
        else:
            held = [*known][: len(self.signature.held)]
            chosen.update((name, given) for name in known if name not in held)
        for name, spec in known.items():
            for full, leaf, axis in self.beside(spec, chosen[name], name):
                rank = len(leaf[2]) if leaf[0] == "array" else 0
                if axis is None or not rank:
                    found.append(None)
                elif -rank <= axis < rank:
                    found.append(axis % rank)
                else:
                    what = f"`{full}` has no axis {axis} that could hold rows"
                    raise self.refusal("SG303", what)
        if all(axis is None for axis in found):
            what = f"no argument of `{self.__name__}` is an array with rows"
            raise self.refusal("SG303", what, "`in_axes` says which axis holds them")
        return found

    def stacked(self, reading: Reading) -> tuple[Tree, list[int]]:
        """Return the form of the results, and the axis that each has its rows on."""
        given, places = self.settings["out_axes"], list[int]()
        for _, leaf, axis in self.beside(reading.result, given, "the result"):
            rank = reading.function.results[leaf[1]].type.rank + 1
            if axis is None or not -rank <= axis < rank:
                what = f"a result of rank {rank} has no axis {axis}"
                raise self.refusal("SG303", what, "choose another in `out_axes`")
            places.append(axis % rank)

        def placed(leaf: Tree) -> Tree:
            """Count on the axes that are lists where those of the rows come before."""
            marks = [m for m in leaf[2:] if isinstance(m, Lists)]
            at = places[leaf[1]] if marks else 0
            lists = (tuple(k + (k >= at) for k in m.axes) for m in marks)
            return (*leaf[:2], *(Lists(axes, False) for axes in lists))

        return relabel(reading.result, placed), places

    def beside(
        self, tree: Tree, axes: Any, name: str
    ) -> Iterator[tuple[str, Tree, Any]]:
        """Yield each leaf of a spec or form with its name and axis."""
        if axes is None or isinstance(axes, int):
            for full, leaf, _ in leaves(tree, None, name):
                yield full, leaf, axes
            return
        node = opened(axes)
        if node is None or not isinstance(tree, Node) or {*node.keys} != {*tree.keys}:
            what = f"the axes {axes!r} do not fit `{name}`"
            raise self.refusal("SG303", what, "give one int, or a container like it")
        chosen = dict(zip(node.keys, node.items, strict=True))
        for key, item in zip(tree.keys, tree.items, strict=True):
            yield from self.beside(item, chosen[key], f"{name}.{key}")

    def plain(self, values: Values, in_place: bool = False) -> Any:
        """Run the user's function on copies of the rows, one after another."""
        assert self.inner is not None
        specs = {name: spec_of(v, name, True) for name, v in values.items()}
        axes, counts = self.axes(specs), dict[str, int]()
        found = (x for n, s in specs.items() for x in leaves(s, values[n], n))
        for (name, _, value), axis in zip(found, axes, strict=True):
            if axis is not None:
                counts[name] = value.shape[axis]
        count = min(counts.values())
        if count < max(counts.values()):
            shown = ", ".join(f"`{name}` {n}" for name, n in counts.items())
            raise ValueError(f"there are different numbers of rows: {shown}")
        for k in range(count):
            rows = iter(axes)
            self.inner.plain({n: _picked(v, rows, k) for n, v in values.items()})

    def refusal(self, code: str, what: str, *helps: str) -> Exception:
        """Return the error of a function that has no rows."""
        place = returned(self.signature.source) if code == "SG302" else None
        return make_error(code, what, place, helps=helps, function=self.__name__)


def _checked(axes: Any) -> Any:
    """Return axes, in which lists are tuples."""
    node = opened(axes)
    if node is not None:
        items = map(_checked, node.items)
        if node.kind in ("list", "tuple"):
            return tuple(items)
        return dict(zip(node.keys, items, strict=True))
    if isinstance(axes, bool) or not isinstance(axes, int | np.integer | None):
        what = f"an axis is an int or None, not {axes!r}"
        raise make_error("SG303", what)
    return axes if axes is None else int(axes)


def _type(leaf: Tree) -> Any:
    """Return the type of a parameter."""
    kind, dtype, ones, *strided = leaf
    if kind == "scalar":
        return Scalar(dtype, ones)
    dims = (Dim(1) if one else Dim.of(Value("", INT)) for one in ones or (1,))
    return Array(dtype, tuple(dims), kind == "table" or not strided)


def _path(axis: int, at: Operand) -> Any:
    return (Index((*(ALL,) * axis, at)),)


def _row(write: Assembly, x: Value, axis: int, at: tuple[Operand, ...]) -> Operand:
    """Return a row, or a number of an array of numbers."""
    path = _path(axis, *at)
    return write.build.view(x, path) if x.type.rank > 1 else write.build.read(x, path)


def _row_type(write: Assembly, x: Value, axis: int | None) -> Any:
    """Return the type of what a function is given in each turn."""
    return x.type if axis is None else write.build.place(x.type, _path(axis, const(0)))


def _like_row(write: Assembly, x: Value, axis: int) -> Operand:
    """Return what has the shape of a row."""
    type = _row_type(write, x, axis)
    lengths = map(write.build.length, type.dims)
    if type.rank:
        return write.empty(type.dtype, [*lengths])
    empty: Operand = write.build.placeholder(type)
    return empty


def _row_kind(leaf: Tree, types: Iterator[Any]) -> Tree:
    """Return the spec of what stands for a leaf in each turn."""
    if leaf[0] == "static":
        return leaf
    type, whole = next(types), _type(leaf)
    return leaf if type.rank == whole.rank else type_of_leaf(type)


def _picked(value: Any, axes: Iterator[int | None], k: int) -> Any:
    """Return a row of each array."""

    def one(leaf: Any) -> Any:
        if spec_of(leaf)[0] == "static":
            return leaf
        axis = next(axes)
        return leaf if axis is None else np.take(leaf, k, axis)

    return tree_map(one, value)
