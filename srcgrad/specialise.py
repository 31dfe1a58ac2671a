"""One function for one kind of arguments: read, differentiate, write, compile.

Everything here is made once and kept; a call only takes the arguments apart and runs
what was made.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from srcgrad.adjoint.reverse import differentiate
from srcgrad.adjoint.split import split
from srcgrad.adjoint.tangent import tangent
from srcgrad.adjoint.tapes import Unkept
from srcgrad.analyses.cuts import find_cut
from srcgrad.analyses.regions import Regions
from srcgrad.arguments import Signature, float_parameters
from srcgrad.clone import expand
from srcgrad.compile import plain
from srcgrad.emit.module import ModuleText, python_module
from srcgrad.errors import make_error
from srcgrad.frontend.entry import NeedStatic, Reading, identifier, read
from srcgrad.ir import Function, Op, Value, owned
from srcgrad.meetings import Ones
from srcgrad.options import Options
from srcgrad.passes import FINAL, drop_entry_checks, run_passes
from srcgrad.passes.elide_copies import MAY_ALIAS
from srcgrad.source import FunctionSource, location
from srcgrad.trees import Known, Node, Tree, leaves, spec_of
from srcgrad.types import is_float
from srcgrad.walk import every

__all__ = ["BODIES", "Specialisation", "specialise"]

T = TypeVar("T")

# What the rows of functions with rules of the user's stand for, see rules.py.
BODIES: dict[str, Function] = {}


@dataclass(slots=True)
class Specialisation:
    """A function for one kind of arguments.

    `wrt` are the positions of the parameters that gradients belong to, `fixed` the
    leaves whose values are compiled in, `written` the parameters that are written to.
    """

    source: FunctionSource
    specs: dict[str, Tree]
    reading: Reading
    wrt: tuple[int, ...]
    options: Options
    fixed: dict[str, Any]
    written: Sequence[int]
    made: dict[Any, Any] = field(default_factory=dict)

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """Make a thing the first time it is asked for."""
        if key not in self.made:
            self.made[key] = make()
        made: T = self.made[key]
        return made

    def fresh(self, leaf: Callable[[str], Any]) -> bool:
        """Tell whether what was compiled in, and the kind of captures, still holds."""
        if any(place.fetch() is not value for place, value in self.reading.statics):
            return False
        present: dict[str, Any] = {}
        for capture in self.reading.captures:
            value = capture.place.fetch()
            if spec_of(value, capture.leaf) != capture.spec:
                return False
            if self.fixed:
                found = leaves(capture.spec, value, capture.leaf)
                present.update((name, v) for name, _, v in found)
        return all(
            (present[name] if name in present else leaf(name)) == value
            for name, value in self.fixed.items()
        )

    def shared(self, leaves: Sequence[Any]) -> tuple[int, int] | None:
        """Return the places of two arrays that may be one, if one is written to."""
        arrays = [k for k, x in enumerate(leaves) if isinstance(x, np.ndarray)]
        for k in self.written:
            for other in arrays:
                if k != other and np.may_share_memory(leaves[k], leaves[other]):
                    return k, other
        return None

    @property
    def flags(self) -> dict[str, bool]:
        """What the user chose for the kernel."""
        bounds = bool(self.options.boundscheck)
        return {"fastmath": self.options.fastmath, "boundscheck": bounds}

    @property
    def seeds(self) -> tuple[int, ...]:
        """The positions of the float results of the function."""
        results = self.reading.function.results[: self.reading.results]
        return tuple(k for k, r in enumerate(results) if is_float(r.type))

    # IR

    @property
    def primal(self) -> Function:
        """The IR of the function itself."""
        return self.once("primal", lambda: run_passes(self.reading.function))

    @property
    def pure(self) -> Function:
        """The IR without the final versions of the arrays that are written."""
        results = self.reading.function.results[: self.reading.results]
        whole = replace(self.reading.function, results=results)
        return self.once("pure", lambda: run_passes(whole))

    def adjoint(self, seeds: tuple[int, ...] = (0,)) -> Function:
        """Return the IR that computes results and gradients."""
        name = f"{self.primal.name}_grad"
        return self.once(
            ("adjoint", seeds), lambda: self._reversed(self.pure, seeds, name)
        )

    def split(self) -> tuple[Function, Function] | None:
        """Return forward sweep and pullback apart; None if one function must do."""
        joint, count = self.adjoint(self.seeds), len(self.pure.params)

        def make() -> tuple[Function, Function] | None:
            found = split(joint, count, self.reading.results)
            return found and (run_passes(found[0]), run_passes(found[1]))

        return self.once("split", make)

    def second(self) -> Function:
        """Return the IR of the gradient's own adjoint, for Hessian-vector products."""
        first, name = self.adjoint(), f"{self.primal.name}_hvp"
        seeds = tuple(self.reading.results + k for k in range(len(self.wrt)))
        return self.once("second", lambda: self._reversed(first, seeds, name))

    def tangent(self) -> Function:
        """Return the IR that computes results and tangents."""
        name = f"{self.primal.name}_jvp"
        return self.once(
            "tangent", lambda: run_passes(tangent(self.pure, self.wrt, name))
        )

    def _reversed(
        self, function: Function, seeds: tuple[int, ...], name: str
    ) -> Function:
        try:
            return run_passes(differentiate(function, self.wrt, seeds, name))
        except Unkept as unkept:
            raise make_error(
                "SG205",
                f"the list `{unkept}` grows inside a loop and is needed backward",
                helps=("store its items in an array made before the loop",),
                function=self.source.name,
            ) from unkept

    def checked_adjoint(
        self, names: Sequence[str], has_aux: bool,
        run: Callable[[], Any] | None = None, first: bool = True,
    ) -> Function:  # fmt: skip
        """Return the IR of the gradient, once the function is seen to have one."""

        def check() -> bool:
            form = self.reading.result
            if run is not None and not isinstance(form, Node) and form[0] == "static":
                run()
            what, *helps = _flaw(form, self.reading.function, has_aux)
            about: dict[str, Any] = {"function": self.source.name, "names": names}
            if what:
                what = f"`{self.source.name}` {what}"
                place = _return_line(self.source)
                raise make_error("SG302", what, place, helps=helps, **about)
            cut = find_cut(self.pure, self.wrt) if first else None
            if cut is not None:
                what = f"every path from `{', '.join(names)}` to the result is cut by "
                note = "its derivative is zero everywhere"
                raise make_error(
                    "SG502", f"{what}`{cut[0]}`", cut[1], note=note, **about
                )
            return True

        self.once(("checked", has_aux), check)
        return self.adjoint()

    # text and code

    def text(self, function: Function) -> ModuleText:
        """Return a function's readable text."""

        def make() -> ModuleText:
            shown = run_passes(drop_entry_checks(self.final(function)), FINAL)
            wrt = [identifier(self.reading.leaves[k]) for k in self.wrt]
            return python_module(shown, self.source, self.reading, wrt)

        return self.once(("text", function), make)

    def final(self, function: Function) -> Function:
        """Return a function without the lengths that only its adjoint would ask for."""
        return self.once(
            ("final", function), lambda: run_passes(expand(function, BODIES), FINAL)
        )

    def own(self, function: Function) -> tuple[bool, ...]:
        """Tell for each result whether it is memory that nobody else holds."""
        return self.once(("own", function), lambda: _own(self.final(function)))

    def code(self, function: Function) -> Callable[..., Any]:
        """Return a function of the IR as something to call."""

        def make() -> Callable[..., Any]:
            if self.options.runner == "python":
                return plain.load(self.text(function), self.options.cache)
            from srcgrad.compile import numba

            return numba.load(self.final(function), self.options.cache, **self.flags)

        return self.once(("code", function), make)


def specialise(
    source: FunctionSource, signature: Signature, specs: dict[str, Tree],
    names: Sequence[str], options: Options, leaf: Callable[[str], Any],
    ones: Ones = (),
) -> Specialisation:  # fmt: skip
    """Read a function for one kind of arguments; `ones`: see meetings.py."""
    kinds = signature.grouped(specs)
    fixed: dict[str, Any] = {}
    for _ in range(20):
        try:
            reading = read(source, kinds, tuple(names), fixed, dict(ones))
            break
        except NeedStatic as need:
            present = {
                name: value
                for capture in need.captures
                for name, _, value in leaves(
                    capture.spec, capture.place.fetch(), capture.leaf
                )
            }
            known = need.leaf in present
            fixed[need.leaf] = present[need.leaf] if known else leaf(need.leaf)
    else:
        raise make_error("SG205", "too many arguments must be known while compiling")
    wrt = float_parameters(specs, names)
    return Specialisation(source, specs, reading, wrt, options, fixed, reading.written)


def _own(function: Function) -> tuple[bool, ...]:
    regions = Regions(function)
    lent = [p for p in function.params if owned(p.type)]
    for stmt in every(function.body):
        if isinstance(stmt, Op) and stmt.row in MAY_ALIAS:
            lent += [o for o in stmt.outs if owned(o.type)]
    taken = {regions.buffer[value].family() for value in lent}
    found: list[bool] = []
    for result in function.results:
        here = regions.buffer.get(result) if isinstance(result, Value) else None
        found.append(here is not None and here.family() not in taken)
        if here is not None:
            taken.add(here.family())
    return tuple(found)


# does it have a gradient?


def _flaw(form: Tree, function: Function, has_aux: bool) -> tuple[str, ...]:
    """Return what is wrong with a result that must be a real scalar, and advice."""
    pair = isinstance(form, Node) and form.kind == "tuple" and len(form.items) == 2
    if has_aux:
        if not pair:
            kind = _kind(form, function)
            return (f"must return `(value, aux)` because of has_aux, not {kind}",)
        form = form.items[0]
    if not isinstance(form, Node) and form[0] == "leaf":
        type = function.results[form[1]].type
        if type.rank == 0 and is_float(type):
            return ("",)
        if type.rank == 0:
            return (f"returns a {type.dtype}, not a float",)
    what = f"must return a real scalar, not {_kind(form, function)}"
    if form == ("static", Known(None)):
        return what, "`return` the number that is to be differentiated"
    if pair and not has_aux:
        return what, "`has_aux=True` differentiates the first and returns the second"
    return what, "return one number: `[0]`, `.sum()`", "or use `jacobian`"


def _kind(form: Tree, function: Function) -> str:
    """Return what a result is, in words."""
    if isinstance(form, Node):
        return f"a {form.cls.__name__ if form.cls else form.kind}"
    if form[0] == "leaf":
        type = function.results[form[1]].type
        dims = [":" if d.known is None else str(d.known) for d in type.dims]
        shape = f"({', '.join(dims)}{',' * (len(dims) == 1)})"
        return f"an array of shape {shape}" if type.rank else f"a {type.dtype}"
    value = form[1].value
    return "None" if value is None else f"a {type_name(value)}"


def type_name(value: Any) -> str:
    """Return the name of a value's class."""
    return type(value).__name__


def _return_line(source: FunctionSource) -> Any:
    """Return the place of the last return of the function itself."""
    node = source.node
    if isinstance(node, ast.Lambda):
        return location(source, node.body)
    stack: list[ast.AST] = list(node.body)
    last: ast.AST = node
    while stack:
        stmt = stack.pop()
        if isinstance(stmt, ast.Return):
            if last is node or stmt.lineno > last.lineno:  # type: ignore[attr-defined]
                last = stmt
        if not isinstance(stmt, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            stack.extend(ast.iter_child_nodes(stmt))
    return location(source, last)
