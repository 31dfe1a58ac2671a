"""One function for one kind of arguments: read, differentiate, write, compile.

Everything here is made once and kept; a call only takes the arguments apart and runs
what was made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from srcgrad.adjoint.reverse import differentiate
from srcgrad.adjoint.tapes import Unkept
from srcgrad.clone import expand
from srcgrad.compile import plain
from srcgrad.emit.module import ModuleText, python_module
from srcgrad.errors import make_error
from srcgrad.frontend.entry import NeedStatic, Reading, Spec, read
from srcgrad.ir import Function
from srcgrad.passes import FINAL, drop_entry_checks, run_passes
from srcgrad.source import FunctionSource
from srcgrad.structures import float_leaves, named_parts
from srcgrad.types import is_float

__all__ = ["BODIES", "Specialisation", "specialise"]

T = TypeVar("T")

# What the rows of functions with rules of the user's stand for, see rules.py.
BODIES: dict[str, Function] = {}


@dataclass(slots=True)
class Specialisation:
    """A function for one kind of arguments.

    `wrt` are the positions of the parameters that gradients belong to, `fixed` the
    leaves whose values are compiled in.
    """

    source: FunctionSource
    specs: dict[str, Spec]
    reading: Reading
    wrt: tuple[int, ...]
    backend: str
    fixed: dict[str, Any]
    made: dict[Any, Any] = field(default_factory=dict)

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """Make a thing the first time it is asked for."""
        if key not in self.made:
            self.made[key] = make()
        made: T = self.made[key]
        return made

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

        def make() -> Function:
            results = self.reading.function.results[: self.reading.results]
            return run_passes(replace(self.reading.function, results=results))

        return self.once("pure", make)

    def adjoint(self, seeds: tuple[int, ...] = (0,)) -> Function:
        """Return the IR that computes results and gradients."""

        def make() -> Function:
            name = f"{self.primal.name}_grad"
            return run_passes(self.reversed(self.pure, seeds, name))

        return self.once(("adjoint", seeds), make)

    def reversed(
        self, function: Function, seeds: tuple[int, ...], name: str
    ) -> Function:
        """Return the adjoint of IR; lists that it cannot keep are refused."""
        try:
            return differentiate(function, self.wrt, seeds, name)
        except Unkept as unkept:
            raise make_error(
                "SG205",
                f"the list `{unkept}` grows inside a loop and is needed backward",
                helps=("store its items in an array made before the loop",),
                function=self.source.name,
            ) from unkept

    def second(self) -> Function:
        """Return the IR of the gradient's own adjoint, for Hessian-vector products."""

        def make() -> Function:
            first = self.adjoint()
            offset = self.reading.results
            seeds = tuple(range(offset, offset + len(self.wrt)))
            name = f"{self.primal.name}_hvp"
            return run_passes(self.reversed(first, seeds, name))

        return self.once("second", make)

    def tangent(self) -> Function:
        """Return the IR that computes results and tangents."""

        def make() -> Function:
            from srcgrad.adjoint.tangent import tangent

            return run_passes(tangent(self.pure, self.wrt, f"{self.primal.name}_jvp"))

        return self.once("tangent", make)

    # text and code

    def text(self, function: Function) -> ModuleText:
        """Return a function's readable text."""
        key = ("text", id(function))

        def make() -> ModuleText:
            shown = run_passes(drop_entry_checks(self.final(function)), FINAL)
            wrt = [self.reading.leaves[k] for k in self.wrt]
            return python_module(shown, self.source, self.reading, wrt)

        return self.once(key, make)

    def final(self, function: Function) -> Function:
        """Return a function without the lengths that only its adjoint would ask for."""
        key = ("final", id(function))
        return self.once(key, lambda: run_passes(expand(function, BODIES), FINAL))

    def code(self, function: Function) -> Callable[..., Any]:
        """Return a function of the IR as something to call."""

        def make() -> Callable[..., Any]:
            if self.backend == "python":
                return plain.load(self.text(function))
            from srcgrad.compile import numba

            return numba.load(self.final(function))

        return self.once(("code", id(function)), make)


def specialise(
    source: FunctionSource, specs: dict[str, Spec], argnames: Sequence[str],
    backend: str, fetch: Callable[[str, Any], Any], fixed: dict[str, Any],
) -> Specialisation:  # fmt: skip
    """Read a function for one kind of arguments.

    Args:
        source: The function's source.
        specs: The kind of each argument.
        argnames: The arguments that gradients belong to.
        backend: "python" or "numba".
        fetch: Returns the present value of a leaf by name, given the captures.
        fixed: Leaves that are compiled in already; grows when more must be.
    """
    for _ in range(20):
        try:
            reading = read(source, specs, tuple(argnames), fixed)
            break
        except NeedStatic as need:
            name = need.value.name
            fixed[name] = fetch(name, need.captures)
    else:
        raise make_error("SG205", "too many arguments must be known while compiling")
    wrt = wrt_positions(specs, argnames)
    return Specialisation(source, specs, reading, wrt, backend, dict(fixed))


def wrt_positions(specs: dict[str, Spec], argnames: Sequence[str]) -> tuple[int, ...]:
    """Return the parameters that are float leaves of the named arguments."""
    found: list[int] = []
    position = 0
    for name, spec in specs.items():
        parts = [(name, spec)]
        if name not in argnames and any(n.startswith(f"{name}[") for n in argnames):
            parts = list(named_parts(name, spec))
        for part, inner in parts:
            for is_wanted in float_leaves(inner):
                if part in argnames and is_wanted:
                    found.append(position)
                position += 1
    return tuple(found)
