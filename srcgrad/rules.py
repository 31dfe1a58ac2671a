"""Derivative rules of the user's own, as functions in plain NumPy.

Where a function with a rule is called its statements are written, and what they return
goes through a row of the table that is made for the rule: its value is its first
operand, and its cotangent goes past that to the arguments, by the rule, which is read
like any function. When nothing is to be differentiated any more, the row is a copy.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.differentiated import Differentiated
from srcgrad.errors import make_error
from srcgrad.frontend import calls
from srcgrad.frontend.library import known_names
from srcgrad.frontend.values import Thing
from srcgrad.ir import Function
from srcgrad.nested import Call, Wrapped, thing_like
from srcgrad.ops.table import ROWS, Row
from srcgrad.ops.terms import Term
from srcgrad.options import Options
from srcgrad.passes import splice
from srcgrad.source import Place, read_source
from srcgrad.trees import POINT, Node, type_of_leaf
from srcgrad.walk import uses

_COUNT = itertools.count()
_RULES: dict[int, CustomVjp] = {}


class CustomVjp(Wrapped):
    """A function with a derivative rule of its own, which `defvjp` sets."""

    _rule: Differentiated | None = None

    def defvjp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set the rule and return it, so that this is a decorator.

        Args:
            rule: `rule(g, z, *args)`: the cotangent and the value of the result and
                the arguments; it returns one cotangent for each argument, a tuple if
                there are several, None for what is not differentiated.
        """
        read_source(rule)
        self._rule = Differentiated(rule, "value", Options())
        return rule

    def __srcgrad__(
        self, reader: Any, args: list[Thing], kwargs: dict[str, Thing]
    ) -> Thing:
        """Write the function as a row of its own where it is called."""
        name = self._value.signature.source.name

        def refuse(what: str) -> Exception:
            what = f"a function with a rule of its own {what}: `{name}`"
            problem: Exception = reader.problem("SG205", what)
            return problem

        calls.watched(reader, Place(self, "_rule", True))
        if self._rule is None:
            what = f"`{name}` has no rule: call its `defvjp`"
            raise reader.problem("SG204", what)
        call = Call(self._value, reader, args, kwargs)
        specs = list(call.specs.values())
        if any(isinstance(s, Node) for s in specs):
            raise refuse("takes numbers and arrays only")
        made = self._value.make(call.specs, (), call.static)
        result, changes = made.reading.result, made.reading.changed
        one = result[:2] == ("leaf", 0) and POINT not in result
        if not one or made.reading.written or changes:
            raise refuse("returns one number or array, and writes no argument")
        out = type_of_leaf(made.reading.function.results[0].type)
        cotangent = (*out[:2], False) if out[0] == "scalar" else out
        takes = list(self._rule.signature.kinds)
        if len(takes) != len(specs) + 2:
            what = f"has a rule of {len(takes)} arguments"
            raise refuse(f"{what}: g, z and its own belong there")
        kinds = dict(zip(takes, [cotangent, out, *specs], strict=True))
        own = dict(zip(takes[2:], call.specs, strict=True))
        rule = self._rule.make(kinds, (), lambda n: call.static(own[n]))
        form = rule.reading.result
        forms = form.items if isinstance(form, Node) else (form,)
        if len(forms) != len(specs) or any(isinstance(f, Node) for f in forms):
            raise refuse("has a rule that must return one cotangent for each argument")
        given, body = call.operands(made.reading), made.reading.function
        (value,) = splice(reader.build, body, given)
        if "row" not in rule.made:
            # The place of each argument's cotangent among the results of the rule.
            pairs = zip(forms, specs, strict=True)
            moved = [form for form, spec in pairs if spec[0] != "static"]
            places = [form[1] if form[0] == "leaf" else None for form in moved]
            rule.made["row"] = _row(name, rule.reading.function, places)
        operands = value, *call.operands(rule.reading)
        thing: Thing = reader.thing(reader.build.op(rule.made["row"], *operands))
        call.share(made.reading, given, [thing])
        return thing_like(reader, result, thing)


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


def straight_through(fun: Callable[..., Any]) -> CustomVjp:
    """Return `fun`, whose derivative is taken to be that of the identity.

    Args:
        fun: A function of one number or array that returns a float, or floats of the
            same shape, such as `np.round` or `np.sign`; used as a decorator, too.

    Raises:
        ValueError: The result has another shape.

    >>> from srcgrad import grad
    >>> hard = straight_through(np.round)
    >>> f = grad(lambda x: hard(x) ** 2, backend="python")
    >>> float(f(2.7))
    6.0
    """

    def through(x: Any) -> Any:
        z = fun(x) * 1.0
        if np.shape(z) != np.shape(x):
            raise ValueError("straight_through: the result has another shape")
        return z

    def rule(g: Any, z: Any, x: Any) -> Any:
        return g

    made = CustomVjp(through)
    made.defvjp(rule)
    functools.update_wrapper(made, fun, updated=())
    return made


def _row(name: str, rule: Function, places: list[int | None]) -> str:
    """Enter a row for a rule and return its name.

    Its operands are the value, the arguments, and what the rule captures; `places` says
    where the cotangent of each argument is among the rule's results.
    """
    row = f"custom_{name if name.isidentifier() else 'function'}_{next(_COUNT)}"
    used = uses(rule)

    def pull(g: Term, z: Term, x: Sequence[Term]) -> list[Term | None]:
        pairs = zip(rule.params, (g, z, *x), strict=True)
        given = [term.value if p in used else g.value for p, term in pairs]
        results = splice(g.build, rule, given)
        found = [None if k is None else Term(results[k], g.build) for k in places]
        return found + [None] * (len(x) - len(places))

    ROWS[row] = Row(
        row, ("y", "*x"), "custom", lambda _, types, attrs: types[0], vjp={"x": pull},
        cost=50,
    )  # fmt: skip
    return row
