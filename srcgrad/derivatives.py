"""Derivatives beyond the gradient: Jacobians, Hessians, slopes of elements, batches.

Each is a function of the IR made out of another's, as a gradient is: it is printed,
compiled, differentiated and called inside other functions like one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial, reduce
from itertools import compress, repeat
from typing import Any

import numpy as np

from srcgrad.adjoint.split import split
from srcgrad.adjoint.tangent import tangent
from srcgrad.analyses.activity import active_values
from srcgrad.arguments import Specs, Values
from srcgrad.assembly import ALL, Assembly, moving
from srcgrad.builder import const
from srcgrad.differentiated import Differentiated
from srcgrad.errors import make_error
from srcgrad.frontend.entry import Reading
from srcgrad.ir import Block, Function, Op, Operand, Value
from srcgrad.nested import derived, measured
from srcgrad.ops import ROWS
from srcgrad.options import Options, inherited, make_options
from srcgrad.passes import inline_calls, splice
from srcgrad.results import tree_copy
from srcgrad.source import returned
from srcgrad.specialise import NONE, Names, Ones, Program, Specialisation, pair
from srcgrad.trees import POINT, Lists, Node, Tree, leaves, relabel, spec_of
from srcgrad.types import is_complex, is_float
from srcgrad.walk import every, rewrite

Leaf = Callable[[str], Any]
Operands = tuple[Operand, ...]
Places = Sequence[int]
Marks = tuple[Any, ...]


class Derived(Differentiated):
    """A function that is made out of another: calling it returns its value.

    Attributes:
        settings: What it was made with besides the function and options.
    """

    shows = "value"

    def __init__(self, fun: Any, options: Options, **settings: Any) -> None:
        """Wrap a plain function, or one behind any door: what calling it means."""
        given = isinstance(fun, Differentiated)
        base = fun if given else Differentiated(fun, "value", options)
        super().__init__(base, "value", options)
        self._held, self._kept = base._held, base._kept
        self.inner, self.settings = base, settings

    def __repr__(self) -> str:
        return f"<srcgrad.{type(self).__name__.lower()} of {self.inner!r}>"

    def __reduce__(self) -> Any:
        """Pickle by reference where the name leads here, else by what it is made of."""
        found = super().__reduce__()
        if isinstance(found, str):
            return found
        parts = self.inner, self.options
        return partial(type(self), **self.settings), parts

    def with_options(self, **options: Any) -> Differentiated:
        """Return the same function with other options."""
        if "argnames" in options:
            options.setdefault("argnums", ())
        made = make_options({**asdict(self.options), **options})
        return type(self)(self.inner, made, **self.settings)

    def compile(self, *args: Any, **kwargs: Any) -> Differentiated:
        """Make the function for arguments of these kinds; return the object."""
        call = self.bind(args, kwargs, ())
        made = self.find(call)
        self._best(made, Program(made.primal), call, wait=True).compile(
            Program(made.primal), made.raw(call.leaves)
        )
        return self

    def specialised(
        self, specs: Specs, names: Sequence[str], leaf: Leaf, ones: Ones
    ) -> Specialisation:
        """Make the function for arguments of these kinds."""
        assert self.inner is not None
        made = derived(self, self.inner, specs, leaf, ones)
        made.draw_once("this derivative may run it several times")
        function, form = self.build(made)
        reading = replace(made.reading, function=function, result=form)
        return self.finished(made, specs, reading, ones)

    def finished(
        self, made: Specialisation, specs: Specs, reading: Reading, ones: Ones
    ) -> Specialisation:
        """Return what was made: results are new, and no argument is written."""
        reading = replace(
            reading, results=len(reading.function.results), written=[], changed=False,
            lost=False, shared=[], entwined=False,
        )  # fmt: skip
        return replace(
            made, specs=specs, arguments=self.signature.spread(specs), ones=ones,
            options=self.options, reading=reading, written=[], made={},
        )  # fmt: skip

    def build(self, made: Specialisation) -> tuple[Function, Tree]:
        """Return the function of the IR, and the form of its results."""
        raise NotImplementedError


class Chosen(Derived):
    """What is differentiated with respect to chosen arguments."""

    chooses = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the derivatives, or what else this was made for."""
        found = super().__call__(*args, **kwargs)
        if self.options.check_nan and self.kind == "value":
            slopes = found[0] if self.options.has_aux else found
            for name, _, slope in leaves(spec_of(slopes), slopes):
                if not np.all(np.isfinite(slope)):
                    what = f"a derivative of `{self.__name__}` is not finite"
                    where = f"it is in the result's `{name}`" if name else ""
                    raise make_error("SG701", what, helps=[where] * bool(name))
        return found

    def build(self, made: Specialisation) -> tuple[Function, Tree]:
        """Return the derivatives of each float of the value."""
        names = self.signature.chosen(made.specs, self.options)
        value, aux = made.reading.result, None
        if self.options.has_aux:
            value, aux = _with_aux(made)
        places = [leaf[1] for leaf in _leaves(value) if _is_float(made, leaf)]
        if not places:
            what = f"`{made.source.name}` returns no float: it has no derivative"
            raise _refusal(made, what)
        inner = self.inner
        if inner is not None and inner.kind == "value" and inner.inner is None:
            made.check_cut(names, places)
        whole = Assembly(made.pure.loc)
        args = [whole.parameter(p.name, p.type) for p in made.pure.params]
        pieces, form = self.derive(made, names, value, places)
        results = [x for piece in pieces for x in splice(whole.build, piece, args)]
        if aux is not None:
            others = splice(whole.build, made.pure, args)
            at = [leaf[1] for leaf in _leaves(aux)]
            moved = {k: len(results) + place for place, k in enumerate(at)}
            results += [others[k] for k in at]
            form = pair(form, relabel(aux, partial(_moved, moved)))
        name = f"{made.primal.name}_{type(self).__name__.lower()}"
        return whole.function(name, results), form

    def derive(
        self, made: Specialisation, names: Names, value: Tree, places: list[int]
    ) -> tuple[list[Function], Tree]:
        """Return functions whose results are the derivatives, and their form.

        `value` is the form of the value, `places` where its floats are.
        """
        raise NotImplementedError


class Counts(Chosen):
    """How many floats the chosen arguments have, and how many the value."""

    def derive(
        self, made: Specialisation, names: Names, value: Tree, places: list[int]
    ) -> tuple[list[Function], Tree]:
        """Return the function that counts, if shapes alone tell."""
        write, pure = Assembly(made.pure.loc), made.pure
        args = [write.parameter(p.name, p.type) for p in pure.params]
        build, totals = write.build, list[Operand]()
        inputs = [[*map(build.length, args[k].type.dims)] for k in made.wrt(names)]
        results = [pure.results[k] for k in places]
        for shapes in (inputs, write.lengths(pure, args, results, args)):
            sizes = (reduce(partial(build.op, "mul"), s, const(1)) for s in shapes)
            totals.append(reduce(partial(build.op, "add"), sizes, const(0)))
        return [write.function("counts", totals)], pair(("leaf", 0), ("leaf", 1))


class Jacobian(Chosen):
    """The derivatives of all elements of the value.

    Where `forward` is None that is decided by each call, by the numbers of elements;
    inside other functions, and where those depend on more than shapes, it is forward.
    """

    def __init__(self, fun: Any, options: Options, forward: bool | None) -> None:
        """Wrap a function."""
        super().__init__(fun, options, forward=forward)
        self.modes: dict[Any, Differentiated] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the derivatives, or what else this was made for."""
        if self.settings["forward"] is not None or self.kind != "value":
            return super().__call__(*args, **kwargs)
        return self.decided(args, kwargs)(*args, **kwargs)

    def compile(self, *args: Any, **kwargs: Any) -> Differentiated:
        """Make the function for arguments of these kinds; return the object."""
        if self.settings["forward"] is None:
            self.decided(args, kwargs).compile(*args, **kwargs)
            return self
        return super().compile(*args, **kwargs)

    def decided(self, args: Sequence[Any], kwargs: Values) -> Differentiated:
        """Return the Jacobian in the mode of fewer runs."""
        call = self.bind(args, kwargs, ())
        key = len(self._held), *call.specs.items(), *map(np.shape, call.leaves.values())
        if key not in self.modes:
            plain = replace(self.options, backend="python")
            count = Counts(self.inner, plain)._like(_held=self._held, _signature=None)
            try:
                found = count(*args, **kwargs)
                inputs, outputs = found[0] if plain.has_aux else found
            except LookupError:
                inputs, outputs = 0, 0
            made = type(self)(self.inner, self.options, forward=inputs <= outputs)
            own = {"_held": self._held, "_last": self._last}
            self.modes[key] = made._like(**own, _signature=None)
        return self.modes[key]

    def derive(
        self, made: Specialisation, names: Names, value: Tree, places: list[int]
    ) -> tuple[list[Function], Tree]:
        """Return a Jacobian for each float of the value and each of the arguments."""
        wrt = made.wrt(names)
        up, down = _in_plane(made, wrt, places)
        if up and down:
            what = f"`{made.source.name}` takes and returns real and complex numbers"
            raise _refusal(made, what, "take them apart")
        forward = up or (self.settings["forward"] is not False and not down)
        ranks = [p.type.rank for p in made.pure.params]

        def of(leaf: Tree) -> Tree:
            if not _is_float(made, leaf):
                return NONE
            at, rank = places.index(leaf[1]), made.pure.results[leaf[1]].type.rank

            def one(slope: Tree) -> Tree:
                if slope[0] == "static":
                    return slope
                k, *mark = slope[1:]
                place = k * len(places) + at if forward else at * len(wrt) + k
                whole = rank + (0 if POINT in mark else ranks[wrt[k]])
                return ("leaf", place, *_marks(leaf[2:], (*mark,), rank, whole))

            slopes = made.gradients(names, 0)
            slopes = slopes.items[0] if self.options.single else slopes
            if isinstance(slopes, Node) and len(leaf) > 2:
                leaf = self.not_listed(made, leaf)
            return relabel(slopes, one)

        if forward:
            return [_columns(made, k, places) for k in wrt], relabel(value, of)
        return [_rows(made, names, k) for k in places], relabel(value, of)

    def not_listed(self, made: Specialisation, leaf: Tree) -> Tree:
        """Return a result without lists, in which containers would have to stand."""
        kinds = (x[0] for s in made.specs.values() for _, x, _ in leaves(s))
        if isinstance(leaf[2], Lists) and "table" in kinds:
            raise _refusal(made, "derivatives in a list would be containers")
        return leaf[:2] if isinstance(leaf[2], Lists) else leaf


class Slopes(Chosen):
    """The derivative of the sum of all elements of the value."""

    def derive(
        self, made: Specialisation, names: Names, value: Tree, places: list[int]
    ) -> tuple[list[Function], Tree]:
        """Return the adjoint, with cotangents of one."""
        if _in_plane(made, made.wrt(names), places)[0]:
            what = f"`{made.source.name}` returns complex numbers for real ones"
            raise _refusal(made, what, "use `jacfwd`, or take `.real` and `.imag`")
        adjoint = measured(made.adjoint(names, (*places,)))
        count, first = len(made.pure.params), made.reading.results
        write = Assembly(adjoint.loc)
        args = [write.parameter(p.name, p.type) for p in made.pure.params]
        done = write.lengths(made.pure, args, [made.pure.results[k] for k in places])
        seeds = [
            write.ones(x.type, n)
            for x, n in zip(adjoint.params[count:], done, strict=True)
        ]
        found = splice(write.build, adjoint, [*args, *seeds])[first:]
        form = made.gradients(names, 0)
        form = form.items[0] if self.options.single else form
        return [write.function("slopes", found)], form


def _rows(made: Specialisation, names: Names, k: int) -> Function:
    """Return the Jacobians of a result: one run forward, one back for each element."""
    joint = inline_calls(made.adjoint(names, (k,), False, True))
    count, first = len(made.pure.params), made.reading.results
    apart = split(joint, count, first)
    forward, back = apart or (made.pure, joint)
    given = forward.results[first:] if apart else forward.params
    write = Assembly(joint.loc, forward)
    build, type = write.build, joint.params[count].type
    lengths = [build.length(d) for d in forward.results[k].type.dims]
    inputs = [(forward.params[at], _points(made)[at]) for at in made.wrt(names)]
    states = []
    for x, point in inputs if lengths else ():
        own = () if point else map(build.length, x.type.dims)
        states.append(write.empty(x.type.dtype, [*lengths, *own], "jacobian"))

    def turn(at: Operands, states: list[Value]) -> list[Operand]:
        seed = write.unit(type, lengths, at)
        slopes = splice(build, back, [*given, seed])[0 if apart else first :]
        pairs = zip(slopes, inputs, strict=True)
        slopes = [write.element(g) if point else g for g, (_, point) in pairs]
        return [*map(write.store, states, repeat(at), slopes)] if states else slopes

    return write.function("jacobian", write.loops(lengths, states, turn))


def _marks(result: Marks, slope: Marks, rank: int, whole: int) -> Marks:
    """Return what marks derivatives: the lists of the result, then the argument's."""
    both = [(m, k) for ms, k in ((result, 0), (slope, rank)) for m in ms]
    lists = [(m, k) for m, k in both if isinstance(m, Lists)]
    if not lists:
        return (slope or result) if not whole else ()
    axes = tuple(k + axis for m, k in lists for axis in m.axes)
    return (Lists(axes, all(m.python for m, _ in lists)),)


def _columns(made: Specialisation, k: int, places: list[int]) -> Function:
    """Return the Jacobians of results with respect to an argument: all of its units.

    What does not depend on the direction stands before the loops.
    """
    whole = measured(inline_calls(made.pure))
    moved = tangent(whole, [k])
    seed, x, point = moved.params[-1], whole.params[k], _points(made)[k]
    floats = [r for r in whole.results if is_float(r.type)]
    slopes = dict(zip(floats, moved.results[-len(floats) :], strict=True))
    again = moving(moved, [seed])
    still = [s for s in moved.body.stmts if s not in again]
    begin = replace(moved, params=whole.params, body=Block((*still,)))
    write = Assembly(moved.loc, begin)
    build, results = write.build, [whole.results[at] for at in places]
    lengths = [] if point else [build.length(d) for d in x.type.dims]
    outer = write.lengths(whole, whole.params, results) if lengths else []
    wide = str(np.result_type(x.type.dtype, np.complex64))
    dtypes = [wide if is_complex(r.type) else x.type.dtype for r in results]
    pairs = zip(dtypes, outer, strict=False)
    states = [write.empty(d, [*own, *lengths], "jacobian") for d, own in pairs]

    def turn(at: Operands, states: list[Value]) -> list[Operand]:
        unit = write.unit(x.type, lengths or [const(1)], at or [const(0)])
        block = Block(tuple(s for s in moved.body.stmts if s in again))
        for stmt in rewrite(block, {seed: unit}).stmts:
            build.emit(stmt)
        found = [unit if slopes[r] is seed else slopes[r] for r in results]
        found = [*map(build.cast, found, dtypes)]
        if not states:
            return found
        parts = [(*(ALL,) * r.type.rank, *at) for r in results]
        return [*map(write.store, states, parts, found)]

    return write.function("jacobian", write.loops(lengths, states, turn))


def _in_plane(made: Specialisation, wrt: Places, places: Places) -> tuple[bool, bool]:
    """Tell whether real numbers give complex ones, and complex ones real ones.

    Only a run forward has the derivatives of the first in one number, only a run
    backward those of the others; complex ones of complex ones must be holomorphic.
    """
    gives = {is_complex(made.pure.results[k].type) for k in places}
    takes = [is_complex(made.pure.params[k].type) for k in wrt]
    for k in compress(wrt, takes) if True in gives else ():
        _require_holomorphic(made, k, places)
    return False in takes and True in gives, True in takes and False in gives


def _require_holomorphic(made: Specialisation, k: int, places: Places) -> None:
    """Refuse what conjugates on the way, or takes complex numbers apart."""
    whole = measured(inline_calls(made.pure))
    moved, floats = tangent(whole, [k]), [r for r in whole.results if is_float(r.type)]
    slopes = dict(zip(floats, moved.results[-len(floats) :], strict=True))
    ends = [slopes[whole.results[at]] for at in places]
    ends = [end for end in ends if is_complex(end.type)]
    live = active_values(moved, moved.params[-1:], ends)
    for s in (s for s in every(moved.body) if isinstance(s, Op) and s.outs[0] in live):
        row, at = ROWS[s.row], [k for k, x in enumerate(s.args) if x in live]
        own = {row.param(k) for k in at if is_complex(s.args[k].type)}
        if own if not is_complex(s.outs[0].type) else own & row.conjugates:
            what = f"`{made.source.name}` is not holomorphic: here complex numbers are "
            helps = ("pass real and imaginary parts as numbers of their own",)
            what += "conjugated, or a real one is made of them"
            raise make_error("SG302", what, s.loc, helps=helps)


def _points(made: Specialisation) -> list[bool]:
    """Tell of each leaf of the arguments whether it is an array of rank 0."""
    found = (leaf for s in made.arguments.values() for _, leaf, _ in leaves(s))
    return [leaf[0] == "array" and not leaf[2] for leaf in found]


def _leaves(form: Tree) -> Iterator[Tree]:
    """Yield the leaves of a form that are results."""
    if isinstance(form, Node):
        for item in form.items:
            yield from _leaves(item)
    elif form[0] == "leaf":
        yield form


def _is_float(made: Specialisation, leaf: Tree) -> bool:
    return leaf[0] == "leaf" and is_float(made.pure.results[leaf[1]].type)


def _moved(places: dict[int, int], leaf: Tree) -> Tree:
    return ("leaf", places[leaf[1]], *leaf[2:]) if leaf[0] == "leaf" else leaf


def _with_aux(made: Specialisation) -> tuple[Tree, Tree]:
    form = made.reading.result
    if isinstance(form, Node) and form.kind == "tuple" and len(form.items) == 2:
        return form.items
    what = f"`{made.source.name}` must return `(value, aux)` because of has_aux"
    raise _refusal(made, what)


def _refusal(made: Specialisation, what: str, *helps: str) -> Exception:
    """Return the error of a function that returns what it must not."""
    place, name = returned(made.source), made.source.name
    return make_error("SG302", what, place, helps=helps, function=name)


# what users call


def jacobian(
    fun: Callable[..., Any], argnums: Any = 0, mode: str = "auto", **options: Any
) -> Differentiated:
    """Return the function that computes all derivatives of all elements of `fun`.

    Args:
        fun: A plain function of numbers, arrays and containers; or one behind any door,
            then what calling it returns is differentiated.
        argnums: The position of the argument to differentiate with respect to, or a
            tuple of positions.
        mode: "rev" runs backward for each element of the result, "fwd" forward for each
            of the arguments; "auto" takes the fewer runs.
        **options: The options of `grad`; those not given are the function's own.

    Returns:
        A `Differentiated`. For each float of the result it returns a tree like the
        argument, whose arrays have the axes of the result, then those of the argument;
        with several `argnums` a tuple of trees. It is complex where numbers are: of
        complex results by real arguments, of real results by complex arguments as
        `grad` has it, and of both where the function is holomorphic.

    Raises:
        SrcgradError: The function cannot be differentiated, or returns no float.

    >>> slopes = jacobian(lambda x: x[1:] * x[:-1], backend="python")
    >>> slopes(np.array([2.0, 3.0, 5.0]))
    array([[3., 2., 0.],
           [0., 5., 3.]])
    """
    modes = {"auto": None, "fwd": True, "rev": False}
    if mode not in modes:
        helps = ("modes are 'auto', 'fwd' and 'rev'",)
        raise make_error("SG306", f"there is no mode {mode!r}", helps=helps)
    own = inherited(fun, {"argnums": argnums, **options})
    return Jacobian(fun, own, forward=modes[mode])


def jacrev(fun: Callable[..., Any], argnums: Any = 0, **options: Any) -> Differentiated:
    """Return the Jacobian, computed backward: a run for each element of the result.

    Everything is as for `jacobian`.

    >>> jacrev(lambda x: x * x, backend="python")(np.array([2.0, 3.0]))
    array([[4., 0.],
           [0., 6.]])
    """
    return jacobian(fun, argnums, "rev", **options)


def jacfwd(fun: Callable[..., Any], argnums: Any = 0, **options: Any) -> Differentiated:
    """Return the Jacobian, computed forward: a run for each element of the argument.

    Everything is as for `jacobian`.

    >>> jacfwd(lambda t: np.array([t, t * t]), backend="python")(3.0)
    array([1., 6.])
    """
    return jacobian(fun, argnums, "fwd", **options)


def hessian(
    fun: Callable[..., Any], argnums: Any = 0, **options: Any
) -> Differentiated:
    """Return the function that computes the second derivatives of a scalar.

    It is the Jacobian, forward, of the gradient.

    Args:
        fun: A plain function with a real scalar result.
        argnums: As for `grad`; a tuple gives a tuple of tuples, a container of arrays a
            container of such containers.
        **options: The options of `grad`.

    >>> hessian(lambda x: x[0] ** 2 * x[1], backend="python")(np.array([2.0, 3.0]))
    array([[6., 4.],
           [4., 0.]])
    """
    own = inherited(fun, {"argnums": argnums, **options})
    return Jacobian(Differentiated(fun, "grad", own), own, forward=True)


def elementwise_grad(
    fun: Callable[..., Any], argnums: Any = 0, **options: Any
) -> Differentiated:
    """Return the derivative of each element of `fun` by the same element of `x`.

    It is the gradient of the sum of the result: where an element of the result depends
    on other elements of the argument, their derivatives are added.

    Args:
        fun: A function that works element by element.
        argnums: As for `grad`.
        **options: The options of `grad`.

    >>> elementwise_grad(lambda x: x**3, backend="python")(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    return Slopes(fun, inherited(fun, {"argnums": argnums, **options}))


def linearize(
    fun: Callable[..., Any], *primals: Any, **options: Any
) -> tuple[Any, Callable[..., Any]]:
    """Return `(value, push)`; `push(*tangents)` is the derivative in a direction there.

    Args:
        fun: A plain function; its result is made of numbers and arrays.
        *primals: Its arguments.
        **options: The options of `grad` but `argnums`.

    >>> value, push = linearize(lambda x: x * x, 3.0, backend="python")
    >>> float(value), float(push(1.0)), float(push(2.0))
    (9.0, 6.0, 12.0)
    """
    made, held = (
        Differentiated(fun, "value", inherited(fun, options)),
        tree_copy(primals),
    )

    def push(*tangents: Any) -> Any:
        return made.jvp(tree_copy(held), tangents)[1]  # what it draws is drawn again

    return made.jvp(primals, (None,) * len(held))[0], push
