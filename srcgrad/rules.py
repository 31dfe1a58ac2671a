"""Derivative rules of the user's own, as functions in plain NumPy.

A function with a rule becomes a row of the table when it is called with arguments of a
kind: its rule is read like any function, and written into the adjoint where the row's
cotangent is asked for. When nothing is to be differentiated any more, the function's
own statements take the row's place.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from srcgrad.adjoint.terms import Term
from srcgrad.clone import result_type, splice
from srcgrad.differentiated import Differentiated
from srcgrad.errors import make_error
from srcgrad.frontend import calls
from srcgrad.frontend.library import known_names
from srcgrad.frontend.values import Thing
from srcgrad.nested import bound_call
from srcgrad.ops.table import ROWS, Row
from srcgrad.options import make_options
from srcgrad.source import read_source
from srcgrad.specialise import BODIES
from srcgrad.trees import Node, type_of_leaf
from srcgrad.walk import free_values

__all__ = ["CustomVjp", "custom_vjp", "register_vjp"]

_COUNT = itertools.count()
_RULES: dict[int, CustomVjp] = {}


class CustomVjp:
    """A function with a derivative rule of its own; calling it runs the function.

    Attributes:
        primal: The plain function.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        """Wrap a function; `defvjp` gives it its rule."""
        functools.update_wrapper(self, function, updated=())
        self.primal = function
        self._value = Differentiated(function, "value", make_options({}))
        self._rule: Differentiated | None = None
        self._rows: dict[Any, str] = {}
        self._kept: list[Any] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the plain function."""
        return self.primal(*args, **kwargs)

    def defvjp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set the rule and return it, so that this is a decorator.

        Args:
            rule: `rule(g, z, *args)`: the cotangent and the value of the result and
                the arguments; it returns one cotangent for each argument, a tuple if
                there are several, None for what is not differentiated.
        """
        read_source(rule)
        self._rule = Differentiated(rule, "value", make_options({}))
        self._rows = {}
        return rule

    def __srcgrad__(
        self, reader: Any, args: list[Thing], kwargs: dict[str, Thing], node: Any
    ) -> Thing:
        """Write the function as a row of its own where it is called."""
        name = self._value.function_source.name
        if self._rule is None:
            raise reader.problem(
                "SG204", f"`{name}` has no rule: call its `defvjp`", node
            )
        call = bound_call(self._value, reader, args, kwargs, node)
        if any(isinstance(s, Node) for s in call.specs.values()):
            raise self._refuse(reader, name, "takes numbers and arrays only", node)
        made = self._value.make(call.specs, (), call.static)
        if made.reading.result != ("leaf", 0) or made.reading.written:
            what = "returns one number or array, and writes no argument"
            raise self._refuse(reader, name, what, node)
        out = type_of_leaf(made.reading.function.results[0].type)
        cotangent = (*out[:2], False) if out[0] == "scalar" else out
        parameters = list(self._rule.signature.parameters)
        kinds = [cotangent, out, *call.specs.values()]
        if len(parameters) != len(kinds):
            count = len(parameters)
            what = f"has a rule of {count} arguments: g, z and its own belong there"
            raise self._refuse(reader, name, what, node)
        specs = dict(zip(parameters, kinds, strict=True))
        leaf_of = dict(zip(parameters[2:], call.specs, strict=True))
        rule = self._rule.make(specs, (), lambda n: call.static(leaf_of[n]))
        parts = _cotangents(rule.reading.result, call.specs)
        if parts is None:
            what = "has a rule that must return one cotangent for each argument"
            raise self._refuse(reader, name, what, node)
        operands = call.operands(made.reading, rule.reading)
        key = (id(made), id(rule), len(operands))
        if key not in self._rows:
            own = len(made.reading.leaves)
            row = _row(name, made.reading.function, rule.reading.function, parts,
                       len(call.leaves), own, len(operands))  # fmt: skip
            self._rows[key] = row
            self._kept.append((made, rule))  # and with them their identities
        thing: Thing = reader.thing(reader.build.op(self._rows[key], *operands))
        return thing

    def _refuse(self, reader: Any, name: str, what: str, node: Any) -> Exception:
        problem: Exception = reader.problem(
            "SG205", f"a function with a rule of its own {what}: `{name}`", node
        )
        return problem


def custom_vjp(function: Callable[..., Any]) -> CustomVjp:
    """Return a function that has a derivative rule of its own.

    Args:
        function: A plain function of numbers and arrays that returns one number or
            array. Used as a decorator; `defvjp` of the result sets the rule.

    Raises:
        SourceUnavailableError: The function has no source text.

    >>> @custom_vjp
    ... def double(x):
    ...     return 2 * x
    >>> @double.defvjp
    ... def double_vjp(g, z, x):
    ...     return 10 * g
    >>> from srcgrad import grad
    >>> float(grad(lambda x: double(x), backend="python")(1.0))
    10.0
    """
    read_source(function)
    return CustomVjp(function)


def register_vjp(function: Callable[..., Any], rule: Callable[..., Any]) -> None:
    """Give a plain Python function a derivative rule, wherever it is called.

    Args:
        function: A Python function of numbers and arrays whose source can be read; it
            returns one number or array.
        rule: As for `custom_vjp`.

    Raises:
        SourceUnavailableError: The function is compiled code: its value cannot be read.
        ArgumentError: The function is in the table of operations already.
    """
    name = f"{function.__module__}.{getattr(function, '__qualname__', '')}"
    if name in known_names():
        raise make_error("SG305", f"`{name}` has a rule already")
    made = CustomVjp(read_source(function).function)
    made.defvjp(rule)
    _RULES[id(function)] = made  # keeps the function, and with it its identity, alive
    calls.HOOKS[id(function)] = made.__srcgrad__


def _cotangents(form: Any, specs: dict[str, Any]) -> list[int | None] | None:
    """Return the result of a rule for each operand; None if they do not fit."""
    forms = form.items if isinstance(form, Node) else (form,)
    if len(forms) != len(specs):
        return None
    parts: list[int | None] = []
    for one, spec in zip(forms, specs.values(), strict=True):
        if isinstance(one, Node):
            return None
        if spec[0] != "static":
            parts.append(one[1] if one[0] == "leaf" else None)
    return parts


def _row(
    name: str, function: Any, rule: Any, parts: Sequence[int | None],
    count: int, own: int, total: int,
) -> str:  # fmt: skip
    """Enter a row for one kind of arguments and return its name.

    Of its operands the first `count` are arguments, those up to `own` are what the
    function captures, and the rest up to `total` what the rule captures.
    """
    row = f"custom_{name if name.isidentifier() else 'function'}_{next(_COUNT)}"
    needs_value = rule.params[1] in free_values(rule.body.stmts, rule.results)

    def infer(shapes: Any, types: Sequence[Any], attrs: Any) -> Any:
        return result_type(shapes, function, types[:own])

    def pull(g: Term, z: Term, x: Sequence[Term]) -> list[Term | None]:
        given = [g.value, z.value, *(t.value for t in (*x[:count], *x[own:]))]
        found: list[Term | None] = [None] * total
        results = splice(g.build, rule, given)
        for k, part in enumerate(parts):
            if part is not None:
                found[k] = Term(results[part], g.build)
        return found

    def with_value(g: Term, z: Term, x: Sequence[Term]) -> list[Term | None]:
        return pull(g, z, x)

    def without_value(g: Term, x: Sequence[Term]) -> list[Term | None]:
        return pull(g, g, x)

    chosen = with_value if needs_value else without_value
    ROWS[row] = Row(
        row, ("*x",), "custom", infer, vjp={"x": chosen}, spell=name, cost=50
    )
    BODIES[row] = function
    return row
