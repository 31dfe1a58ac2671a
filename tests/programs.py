"""Random programs: the tester that finds what hand-written cases do not.

`generate(seed)` writes the text of a numeric function full of writes through views,
swaps, rebindings, loops, jumps and branches; `check_program(seed, backend)` compares
its compiled value, gradient and Hessian-vector product with independent oracles. The
grammar is the tables of templates below: a `{letter}` stands for a part, see
`_Writer.part`; the same letter with the same digit is the same text. All choices go
through one `Chooser`, so that a seed or Hypothesis can drive them (0 is the simplest).

    python -m tests.programs --seeds 0 2000 --backend python --second
    python -m tests.programs --show 17
"""

import argparse
import ast
import copy
import hashlib
import importlib.util
import os
import random
import re
import string
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from hypothesis import strategies as st

from tests.harness import KINDS, Backend, Outcome, check_function

T = TypeVar("T")
Row = tuple[int, str, str]  # weight, the feature it belongs to, template

ROWS, COLUMNS = 4, 6  # of the matrix; vectors have COLUMNS elements
ARGNUMS = (0, 1, 2, 3)
LIMIT = 1e6

# Every program uses a random subset: bugs hide behind features that crowd them out.
FEATURES = (
    "views matrix slices reductions where ternary swaps rebinding breaks while loops "
    "helpers mutators lists matmul iteration ragged alias indices tuples returns else "
    "scratch fancy comprehensions functions numpy"
).split()

SCALARS: tuple[Row, ...] = (
    (4, "", "0.5 * {s} - 0.3 * {s2}"),
    (3, "", "np.sin({s})"),
    (2, "", "np.tanh({s} + {a})"),
    (3, "", "{s} * np.cos({s2})"),
    (1, "", "{a} * {a2} * 0.4"),
    (2, "", "{s} / (1.5 + {a} * {a})"),
    (1, "", "np.exp(-{a} * {a})"),
    (1, "", "np.sqrt(1.0 + {a} * {a})"),
    (1, "", "math.log(1.5 + {a} * {a})"),
    (1, "", "0.3 * {a} ** 2"),
    (1, "", "np.tanh({a}) ** 3"),
    (1, "", "-{s}"),
    (1, "", "abs({s})"),
    (1, "", "{a} + 0.1 * {k}"),
    (3, "ternary", "{s} if {t} else {s2}"),
    (1, "ternary", "max({s}, {s2})"),
    (1, "ternary", "min({s}, {c})"),
    (2, "reductions", "0.2 * np.sum({v})"),
    (1, "reductions", "0.2 * ({v}).sum()"),
    (1, "reductions", "np.mean({v})"),
    (1, "reductions", "({v}).max()"),
    (1, "reductions", "np.max({v})"),
    (1, "reductions", "np.min({v})"),
    (2, "reductions", "np.tanh(np.dot({v}, {v2}))"),
    (1, "matmul", "np.tanh({v} @ {v2})"),
    (1, "matmul", "np.tanh({w} @ {m} @ {u})"),
    (2, "ragged", "0.2 * np.sum({n}[{i}:])"),
    (1, "ragged", "0.2 * np.sum({n}[:{i}] * {n2}[:{i}])"),
    (3, "helpers", "fold({v}, {s})"),
    (1, "helpers", "clamp({s})"),
    (1, "helpers", "clamp({s}, limit={c})"),
    (1, "mutators", "0.2 * drain({n}, {a})"),
    (1, "comprehensions", "0.2 * sum([q * {a} for q in {n}])"),
    (1, "comprehensions", "0.2 * sum(q * np.cos(r) for q, r in zip({n}, {n2}))"),
    (1, "comprehensions", "0.3 * max([q * {c} for q in {n}])"),
    (1, "functions", "twice(np.sin, {s})"),
    (1, "functions", "twice(lambda q: 0.5 * q + 0.3 * {a}, {s})"),
    (1, "functions", "twice(clamp, {s})"),
    (1, "fancy", "0.2 * np.sum({M}[order, order])"),
    (1, "fancy", "0.2 * np.sum({x}[order] * {w})"),
    (1, "numpy", "0.3 * np.median({v})"),
    (1, "numpy", "0.3 * np.quantile({v}, 0.3)"),
    (1, "numpy", "np.ptp({v})"),
    (1, "numpy", "0.3 * np.var({v})"),
    (1, "numpy", "0.2 * np.trapezoid({v})"),
    (1, "numpy", "0.3 * np.prod(np.cos({v}))"),
    (1, "numpy", "np.interp({a}, np.linspace(-1.0, 1.0, 6), {u})"),
    (1, "numpy", "0.2 * np.einsum('i,i', {v}, {v2})"),
    (1, "numpy", "{n}[np.argmax({n2})]"),
)
VECTORS: tuple[Row, ...] = (
    (3, "", "0.6 * {v} + 0.3 * {v2}"),
    (2, "", "{v} - 0.4 * {v2}"),
    (3, "", "np.sin({v})"),
    (1, "", "np.tanh({v})"),
    (2, "", "{c} * {v}"),
    (3, "", "{v} * np.cos({v2})"),
    (1, "", "0.3 * {n} * {n}"),
    (2, "", "np.tanh({s}) * {v}"),
    (2, "", "{v} + 0.3 * {s}"),
    (1, "", "{v} / (1.5 + {n} * {n})"),
    (1, "", "np.exp(-{n} * {n})"),
    (1, "", "np.sqrt(1.0 + {n} ** 2)"),
    (1, "", "({n}).copy()"),
    (3, "where", "np.where({v} > {c}, {v2}, {v3})"),
    (1, "where", "np.where({v} < {v2}, {s}, {v})"),
    (2, "where", "np.maximum({v}, {v2})"),
    (1, "where", "np.abs({v})"),
    (2, "helpers", "smooth({v}, {a})"),
    (1, "comprehensions", "np.array([np.sin(q) + {a} for q in {n}])"),
    (1, "comprehensions", "np.array([q * {a} if q > {c} else {b} for q in {n}])"),
    (1, "fancy", "{n}[np.argsort({n2}, kind='stable')]"),
    (1, "fancy", "{n}[np.arange(len({n2})) // 2]"),
    (1, "numpy", "0.3 * np.cumsum({v})"),
    (1, "numpy", "np.sort({v})"),
    (1, "numpy", "np.roll({v}, 1)"),
    (1, "numpy", "np.flip({v})"),
    (1, "numpy", "np.clip({v}, -0.9, 0.8)"),
    (1, "numpy", "np.convolve({v}, [0.5, -0.2])[1:]"),
    (1, "numpy", "np.pad({v}, 1, mode='edge')[:-2]"),
    (1, "numpy", "np.diff({v}, prepend={a})"),
    (1, "numpy", "np.concatenate(({v}[:1], {v2}[1:]))"),
    (1, "numpy", "np.interp({v}, np.linspace(-1.0, 1.0, 6), {u})"),
    (1, "numpy", "np.maximum.accumulate({v})"),
    (1, "numpy", "np.hypot({v}, 0.5)"),
)
PRODUCTS = {
    ROWS: ("0.2 * ({m} @ {u})", "0.2 * {m}.sum(axis=1)", "0.2 * np.dot({m}, {u})"),
    COLUMNS: ("0.2 * ({w} @ {m})", "0.2 * ({m}.T @ {w})", "np.mean({m}, axis=0)"),
}
TESTS: tuple[Row, ...] = (
    (4, "", "{b} > {c}"),
    (2, "", "{s} < {b}"),
    (2, "", "{k} % 2 == 0"),
    (2, "", "{k} > 1"),
    (1, "", "abs({b}) > 0.4"),
    (1, "", "-0.4 < {b} <= {c}"),
    (1, "", "{b} > {c} and {b2} < {s}"),
    (1, "", "{b} < {c} or {k} == 1"),
    (1, "", "{b} > 0.2 and 1.0 / {b} > {b2}"),
    (1, "", "not {b} > {c}"),
    (1, "reductions", "np.sum({v}) > {c}"),
    (1, "reductions", "np.max({v}) > {s}"),
)
ON_SCALAR: tuple[Row, ...] = (
    (4, "", "{S} = {s}"),
    (3, "", "{S} += 0.4 * {s}"),
    (1, "", "{S} -= 0.4 * {s}"),
    (2, "", "{S} *= np.cos({s})"),
    (1, "", "{S} = 0.7 * {S} + 0.2 * {S} * {s}"),
    (3, "tuples", "{S}, {S2} = 0.8 * {S2}, {S} - 0.3 * {s}"),
    (2, "tuples", "{S} = {S2} = {s}"),
    (2, "tuples", "({S}, {S2}), {S3} = ({s}, {S3}), 0.5 * {S}"),
)
ON_ELEMENT: tuple[Row, ...] = (
    (3, "", "{E} = {s}"),
    (2, "", "{E} += 0.4 * {s}"),
    (1, "", "{E} -= 0.4 * {s}"),
    (2, "", "{E} *= np.cos({s})"),
    (2, "", "{E} = 0.5 * {E} + 0.3 * {s}"),
    (1, "", "{E} = {c}"),
)
ON_ARRAY: tuple[Row, ...] = (
    (3, "", "{X} += 0.3 * {v}"),
    (2, "", "{X} -= 0.3 * {v}"),
    (2, "", "{X} *= np.cos({v})"),
    (1, "", "{X} *= {c}"),
    (1, "", "{X} += 0.2 * {s}"),
    (2, "", "{X} /= 1.2 + {n} * {n}"),
    (4, "", "{Y} = {v}"),
    (1, "", "{Y} = {s}"),
    (1, "", "{Y} = 0.9 * {Y} * np.cos({a})"),
)
ON_MATRIX: tuple[Row, ...] = (
    (1, "", "{M} *= {c}"),
    (1, "", "{M} += 0.1 * {u}"),
    (1, "", "{M} -= 0.1 * np.outer({w}, {u})"),
    (2, "", "{M}[1:] += 0.3 * {M}[:-1]"),
    (1, "", "{M}[:, 1:] = 0.6 * {M}[:, :-1] + 0.2 * {m}[:, 1:]"),
    (1, "", "{M}[:] = np.sin({m})"),
    (1, "", "{M}[{r}] *= {M}[{r}, 0]"),
    (1, "rebinding", "{M} = np.tanh({M}) + 0.2 * {m}"),
    (1, "rebinding", "{M} = 0.5 * {m} - 0.2 * {w}[:, None]"),
)
RAGGED = (
    "{V}[{i}:] *= {c}",
    "{V}[:{i}] += 0.3 * {a}",
    "{V}[{i}:] -= 0.3 * {n}[{i}:]",
    "{V}[:{i}] = 0.5 * {V}[:{i}][::-1]",
    "{V}[{i}:{i} + 2] = {s}",
)
FANCY = (
    "{x}[order] = {w}",
    "{x}[order] += 0.3 * {w}",
    "{x}[order] *= {c}",
    "{x}[{x} > {c}] *= 0.7",
    "{x}[{x} < {b}] = {s}",
    "{x}[np.abs({x}) > 0.5] -= 0.2 * {a}",
    "{x}[np.argsort({x}, kind='stable')[1:3]] += 0.2 * {a}",
    "np.add.at({x}, order, {w})",
)
FILLING = ("6", "6", "len(x)", "1, 6", "5", "5, -1, -1", "0, 6, 2", "k")
HELPERS = {
    "fold": """
def fold(u, c):
    total = c
    for i in range(len(u)):
        if u[i] > 0.6:
            total = total * np.cos(c)
        total = 0.7 * total + 0.2 * u[i]
    return total
""",
    "clamp": """
def clamp(c, limit=0.5):
    if c > limit:
        return limit + 0.1 * np.sin(c)
    return c
""",
    "smooth": """
def smooth(u, c):
    r = u.copy()
    r[1:] += 0.3 * c * u[:-1]
    return np.tanh(r)
""",
    "relax": """
def relax(u, c):
    for i in range(1, len(u)):
        u[i] = 0.6 * u[i] + 0.3 * np.sin(u[i - 1] * c)
""",
    "twice": """
def twice(f, c):
    return f(0.5 * f(c))
""",
    "drain": """
def drain(u, c):
    taken = np.sum(u) * np.sin(c)
    u *= 0.8
    return taken
""",
}
CONSTANTS = ("0.5", "0.3", "0.7", "0.9", "-0.4", "1.1", "-0.8", "0.15")
STATEMENTS: tuple[Row, ...] = (
    (6, "", "on_scalar"),
    (5, "", "on_element"),
    (3, "", "on_vector"),
    (4, "slices", "on_slice"),
    (3, "matrix", "on_matrix"),
    (4, "rebinding", "rebind"),
    (3, "swaps", "swap"),
    (2, "swaps", "swap_elements"),
    (3, "views", "view"),
    (1, "alias", "alias"),
    (2, "mutators", "mutate"),
    (5, "lists", "use_list"),
    (2, "ragged", "write_ragged"),
    (2, "indices", "index"),
    (3, "fancy", "write_fancy"),
    (4, "breaks", "jump"),
    (10, "loops", "for_range"),
    (5, "iteration", "for_each"),
    (4, "while", "while_capped"),
    (3, "scratch", "fill_scratch"),
    (7, "", "branch"),
)
BLOCKS = {"fill_scratch", "for_range", "for_each", "while_capped", "branch"}
# What a turn that only adds to the total does: these change names of its own alone.
INSIDE = {"on_scalar", "on_element", "on_vector", "jump", *BLOCKS}
INSIDE -= {"for_each", "fill_scratch"}


class Chooser(Protocol):
    """Make the choices of a program; low is the simplest."""

    def integer(self, low: int, high: int) -> int:
        """Return an int between `low` and `high`, both included."""


class Seeded:
    """Choose by a seeded generator."""

    def __init__(self, seed: int | str) -> None:
        self.random = random.Random(seed)

    def integer(self, low: int, high: int) -> int:
        """Return the next random int."""
        return self.random.randint(low, high)


class Drawn:
    """Choose by drawing from Hypothesis, which then shrinks the program."""

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int]) -> None:
        self.draw = draw

    def integer(self, low: int, high: int) -> int:
        """Return the int that Hypothesis draws."""
        return self.draw(st.integers(low, high))


@dataclass
class Scope:
    """Hold what is bound at a point of the program.

    `ints` gives bounds, so that subscripts hold; `memory` numbers the buffer of each
    array name, so that names which share one can be preferred or left alone.
    """

    scalars: list[str]
    vectors: dict[str, int]
    matrices: list[str]
    ints: dict[str, tuple[int, int]]
    lists: dict[str, int]  # length of the vectors in it, 0 for scalars
    memory: dict[str, int]
    depth: int = 0
    loops: int = 0
    work: int = 1
    parent: "Scope | None" = None
    own: set[str] | None = None  # what may be changed, if not everything

    def changeable(self) -> list[str]:
        """Return the arrays of one axis that may be changed."""
        return [v for v in self.vectors if self.own is None or v in self.own]

    def inner(self, trips: int | None = None) -> "Scope":
        """Return the scope of a block; of a loop's body if `trips` are given."""
        new = copy.copy(self)
        new.scalars, new.matrices = self.scalars[:], self.matrices[:]
        new.vectors, new.ints = self.vectors.copy(), self.ints.copy()
        new.lists, new.memory = self.lists.copy(), self.memory.copy()
        new.depth, new.parent = self.depth + 1, self
        if trips is not None:
            new.loops, new.work = self.loops + 1, self.work * max(trips, 1)
        return new

    def shared(self, name: str) -> bool:
        """Return whether another name may reach the same memory."""
        return list(self.memory.values()).count(self.memory[name]) > 1


@dataclass
class _Writer:
    """Write one program with `least` to `most` statements at the top."""

    chooser: Chooser
    least: int
    most: int
    lines: list[str] = field(default_factory=list)
    features: set[str] = field(default_factory=set)
    names: Counter[str] = field(default_factory=Counter)

    # Choices

    def pick(self, options: Sequence[T]) -> T:
        return options[self.chooser.integer(0, len(options) - 1)]

    def often(self, out_of: int) -> bool:
        """Return False once in `out_of`; True is the simpler choice."""
        return self.chooser.integer(0, out_of - 1) < out_of - 1

    def once_in(self, count: int) -> bool:
        """Return True once in `count`; True is the simpler choice."""
        return self.chooser.integer(0, count - 1) == 0

    def choose_row(self, table: Sequence[Row]) -> str:
        rows = [row for row in table if not row[1] or row[1] in self.features]
        place = self.chooser.integer(0, sum(row[0] for row in rows) - 1)
        for weight, _, template in rows:
            if place < weight:
                return template
            place -= weight
        raise AssertionError("the weights do not add up")

    def fresh(self, letter: str) -> str:
        self.names[letter] += 1
        return f"{letter}{self.names[letter]}"

    # Expressions

    def fill(
        self, template: str, scope: Scope, depth: int, size: int, **given: str
    ) -> str:
        """Return a template with its parts written; vectors in it have `size`."""
        parts = dict(given)
        for _, key, _, _ in string.Formatter().parse(template):
            if key is not None and key not in parts:
                parts[key] = self.part(key[0], scope, depth, size)
        return template.format(**parts)

    def part(self, kind: str, scope: Scope, depth: int, size: int) -> str:
        """Write one part: s, t, v, u, w are expressions, the others are short.

        s scalar, t test, v vector of the size at hand, u of COLUMNS, w of ROWS; a
        scalar atom, b one that is no constant, n vector name or view, m matrix, c
        constant, k int expression, i int within a vector, r row number, x name of a
        vector of COLUMNS.
        """
        below = depth - 1
        match kind:
            case "s":
                return f"({self.scalar(scope, below)})"
            case "t":
                return f"({self.test(scope, below)})"
            case "v":
                return f"({self.vector(scope, below, size)})"
            case "u":
                return f"({self.vector(scope, below, COLUMNS)})"
            case "w":
                return f"({self.vector(scope, below, ROWS)})"
            case "m" | "M":
                return self.pick(scope.matrices)
            case "x":
                return self.pick([n for n, k in scope.vectors.items() if k == COLUMNS])
            case "a" | "b":
                return self.atom(scope, constant=kind == "a")
            case "n":
                return self.vector_atom(scope, size)
            case "k":
                return f"({self.integer(scope)})"
            case "i":
                inside = [n for n, (low, high) in scope.ints.items() if low >= 0]
                return self.pick([*inside, "2"])
            case "r":
                return self.subscript(scope, ROWS)
        return self.pick(CONSTANTS)

    def scalar(self, scope: Scope, depth: int) -> str:
        if depth <= 0 or self.once_in(4):
            return self.atom(scope)
        size = self.pick((COLUMNS, COLUMNS, 3, ROWS))
        return self.fill(self.choose_row(SCALARS), scope, depth, size)

    def test(self, scope: Scope, depth: int) -> str:
        return self.fill(self.choose_row(TESTS), scope, max(depth, 1), COLUMNS)

    def vector(self, scope: Scope, depth: int, size: int, bare: bool = True) -> str:
        """Write a vector; with `bare` False one that shares no memory."""
        if bare and (depth <= 0 or self.once_in(4)):
            return self.vector_atom(scope, size)
        depth = max(depth, 1)
        if "matmul" in self.features and size in PRODUCTS and not self.often(5):
            return self.fill(self.pick(PRODUCTS[size]), scope, depth, size)
        return self.fill(self.choose_row(VECTORS), scope, depth, size)

    def atom(self, scope: Scope, constant: bool = True) -> str:
        kinds = ["scalar", "scalar", "element", "element"]
        kinds += ["constant"] if constant else []
        kinds += ["matrix"] if "matrix" in self.features else []
        kinds += ["list"] if 0 in scope.lists.values() else []
        match self.pick(kinds):
            case "element":
                name = self.pick(list(scope.vectors))
                return f"{name}[{self.subscript(scope, scope.vectors[name])}]"
            case "matrix":
                row, column = (self.subscript(scope, n) for n in (ROWS, COLUMNS))
                return f"{self.pick(scope.matrices)}[{row}, {column}]"
            case "list":
                lists = [name for name, size in scope.lists.items() if size == 0]
                return f"{self.pick(lists)}[{self.pick(('0', '-1', '1'))}]"
            case "constant":
                return self.pick(CONSTANTS)
        return self.pick(scope.scalars)

    def integer(self, scope: Scope) -> str:
        name = self.pick(list(scope.ints))
        return self.pick((name, name, f"{name} + 1", f"2 * {name} - 1"))

    def subscript(self, scope: Scope, size: int) -> str:
        """Write a subscript that holds for `size` elements."""
        options = []
        for name, (low, high) in scope.ints.items():
            shifts = {name: 0, f"{name} + 1": 1, f"{name} - 1": -1}
            good = [
                text
                for text, shift in shifts.items()
                if low + shift >= -size and high + shift < size
            ]
            if low >= 0 and high < size:
                good += [f"{size - 1} - {name}", f"-{name} - 1"]
            options += (good or [f"({name} + 1) % {size}"]) * (1 + scope.loops)
        constant = str(self.chooser.integer(-size, size - 1))
        return constant if not self.often(3) or not options else self.pick(options)

    def sliced(self, name: str, length: int, size: int) -> str:
        """Write a view of `size` elements of a vector name that has `length`."""
        if size == length:
            options = [name, name, name, f"{name}[::-1]", f"{name}[:]"]
            return self.pick(options if "slices" in self.features else options[:1])
        start = self.chooser.integer(0, length - size)
        stop = start + size
        options = [f"{name}[{start or ''}:{'' if stop == length else stop}]"]
        if stop < length:
            options.append(f"{name}[{start}:{stop - length}]")
        options.append(f"{name}[{stop - 1}:{start - 1 if start else ''}:-1]")
        options += [f"{name}[::2]"] if (length + 1) // 2 == size else []
        options += [f"{name}[1::2]"] if length // 2 == size else []
        return self.pick(options)

    def vector_atom(self, scope: Scope, size: int) -> str:
        """Write a name, a view or a stored vector of `size` elements."""
        exact = [name for name, length in scope.vectors.items() if length == size]
        if exact and self.often(3):
            return self.sliced(self.pick(exact), size, size)
        options = [
            self.sliced(name, length, size)
            for name, length in [self.pick(list(scope.vectors.items()))]
            if length >= size
        ]
        if "matrix" in self.features:
            options.append(self.line_of_matrix(scope, size))
        options += [f"{n}[0]" for n, length in scope.lists.items() if length == size]
        return self.pick(options or [self.sliced("x", COLUMNS, size)])

    def line_of_matrix(self, scope: Scope, size: int) -> str:
        """Write a row or column of a matrix, or a slice of it, of `size` elements."""
        matrix = self.pick(scope.matrices)
        if size <= ROWS and self.chooser.integer(0, 1):
            cut = self.sliced("", ROWS, size) or "[:]"
            column = self.subscript(scope, COLUMNS)
            return f"{matrix}[{cut[1:-1]}, {column}]"
        cut = self.sliced("", COLUMNS, size)
        row = self.subscript(scope, ROWS)
        if cut and self.chooser.integer(0, 1):
            return f"{matrix}[{row}, {cut[1:-1]}]"
        return f"{matrix}[{row}]{cut}"

    # Statements

    def write(self, scope: Scope, *lines: str) -> None:
        self.lines.extend("    " * (scope.depth + 1) + line for line in lines)

    def block(self, scope: Scope, most: int = 3) -> None:
        for _ in range(self.chooser.integer(1, most)):
            self.statement(scope)

    def statement(self, scope: Scope) -> None:
        deep = scope.depth >= 3 or scope.work > 60 or len(self.lines) > 40
        rows = [row for row in STATEMENTS if not (deep and row[2] in BLOCKS)]
        if scope.own is not None:
            rows = [row for row in rows if row[2] in INSIDE]
        getattr(self, self.choose_row(rows))(scope)

    def depth(self) -> int:
        return self.chooser.integer(2, 3)

    def settable(self, scope: Scope) -> list[str]:
        if scope.own is not None:
            return [name for name in scope.scalars if name in scope.own]
        return [name for name in scope.scalars if name != "s" or self.often(2)] or ["s"]

    def on_scalar(self, scope: Scope) -> None:
        names = self.settable(scope)
        if not self.often(5) and len(scope.scalars) < 7:
            new = self.fresh("t")
            self.write(scope, f"{new} = {self.scalar(scope, self.depth())}")
            scope.scalars.append(new)
            scope.own = scope.own and scope.own | {new}
            return
        start = self.chooser.integer(0, len(names) - 1)
        given = [names[(start + k) % len(names)] for k in range(3)]
        row = self.choose_row(ON_SCALAR)
        if len(set(given)) < 3 and "{S2}" in row:
            row = "{S} = {s}"
        first, second, third = given
        text = self.fill(
            row, scope, self.depth(), COLUMNS, S=first, S2=second, S3=third
        )
        self.write(scope, text)

    def on_element(self, scope: Scope) -> None:
        if "matrix" in self.features and not self.often(3) and scope.own is None:
            row, column = (self.subscript(scope, n) for n in (ROWS, COLUMNS))
            element = f"{self.pick(scope.matrices)}[{row}, {column}]"
        else:
            name = self.pick(scope.changeable())
            element = f"{name}[{self.subscript(scope, scope.vectors[name])}]"
        row = self.choose_row(ON_ELEMENT)
        self.write(scope, self.fill(row, scope, self.depth(), COLUMNS, E=element))

    def on_vector(self, scope: Scope) -> None:
        name = self.pick(scope.changeable())
        self.on_array(scope, name, f"{name}[:]", scope.vectors[name])

    def on_slice(self, scope: Scope) -> None:
        if "matrix" in self.features and not self.often(3):
            size = self.pick((COLUMNS, ROWS, ROWS, 3))
            view = self.line_of_matrix(scope, size)
        else:
            name, length = self.pick(list(scope.vectors.items()))
            size = self.chooser.integer(min(2, length), max(length - 1, 1))
            view = self.sliced(name, length, size)
        self.on_array(scope, view, view, size)

    def on_array(self, scope: Scope, name: str, whole: str, size: int) -> None:
        row = self.choose_row(ON_ARRAY)
        self.write(scope, self.fill(row, scope, self.depth(), size, X=name, Y=whole))

    def on_matrix(self, scope: Scope) -> None:
        if len(scope.matrices) == 1 and not self.often(4):
            scope.matrices.append("B")
            scope.memory["B"] = self.new_memory()
            self.write(scope, f"B = {self.pick(('A.copy()', '0.6 * A'))}")
            return
        matrix = self.pick(scope.matrices)
        row = self.choose_row(ON_MATRIX)
        self.write(scope, self.fill(row, scope, self.depth(), COLUMNS, M=matrix))

    def new_memory(self) -> int:
        self.names["memory"] += 1
        return self.names["memory"]

    def rebindable(self, scope: Scope) -> list[str]:
        """Return vector names to bind anew: in blocks seldom ones that share memory."""
        names = list(scope.vectors)
        if scope.depth == 0 or not self.often(8):
            return names
        return [name for name in names if not scope.shared(name)]

    def rebind(self, scope: Scope) -> None:
        names = self.rebindable(scope)
        if not names:
            return self.on_vector(scope)
        self.bind(scope, self.pick(names))

    def bind(self, scope: Scope, name: str) -> None:
        """Bind a vector name to a new array."""
        size = scope.vectors[name]
        fresh = self.vector(scope, self.depth(), size, bare=False)
        if size == COLUMNS and not self.often(8):
            fresh = self.pick(("np.zeros(6)", "np.zeros_like(x)"))
        self.write(scope, f"{name} = {fresh}")
        scope.memory[name] = self.new_memory()

    def swap(self, scope: Scope) -> None:
        names = self.rebindable(scope)
        pairs = [
            (one, other)
            for place, one in enumerate(names)
            for other in names[place + 1 :]
            if scope.vectors[one] == scope.vectors[other]
            and scope.memory[one] != scope.memory[other]
        ]
        pairs += [("A", "B")] if len(scope.matrices) == 2 else []
        if not pairs:
            return self.swap_elements(scope)
        one, other = self.pick(pairs)
        text = f"{one}, {other} = {other}, {one}"
        if self.often(3):
            self.write(scope, text)
            memory = scope.memory
            memory[one], memory[other] = memory[other], memory[one]
        else:
            self.write(scope, f"if {self.test(scope, 1)}:", f"    {text}")

    def swap_elements(self, scope: Scope) -> None:
        name, size = self.pick(list(scope.vectors.items()))
        one, other = (f"{name}[{self.subscript(scope, size)}]" for _ in range(2))
        if self.often(3):
            self.write(scope, f"{one}, {other} = {other}, {one}")
        else:
            kept = self.fresh("h")
            self.write(
                scope, f"{kept} = {one}", f"{one} = {other}", f"{other} = {kept}"
            )

    def view(self, scope: Scope) -> None:
        new = self.fresh("v")
        if "matrix" in self.features and not self.often(2):
            size = self.pick((COLUMNS, COLUMNS, ROWS, 3))
            text, memory = self.line_of_matrix(scope, size), scope.memory["A"]
        else:
            name, length = self.pick(list(scope.vectors.items()))
            size = self.chooser.integer(min(3, length), length)
            text, memory = self.sliced(name, length, size), scope.memory[name]
        self.write(scope, f"{new} = {text}")
        scope.vectors[new], scope.memory[new] = size, memory
        self.write_shared(scope, new, size)
        base = text.partition("[")[0]
        if base in scope.vectors and not self.often(5):
            self.bind(scope, base)
            self.write_shared(scope, new, size)

    def alias(self, scope: Scope) -> None:
        name, new = self.pick(list(scope.vectors)), self.fresh("w")
        self.write(scope, f"{new} = {name}")
        scope.vectors[new] = scope.vectors[name]
        scope.memory[new] = scope.memory[name]
        self.write_shared(scope, self.pick((new, name)), scope.vectors[new])

    def write_shared(self, scope: Scope, name: str, size: int) -> None:
        """Write often through a name that others share memory with, then read it."""
        if not self.once_in(3):
            self.on_array(scope, name, f"{name}[:]", size)
        if scope.depth and not self.once_in(2):
            element = f"{name}[{self.subscript(scope, size)}]"
            self.write(scope, f"{self.pick(self.settable(scope))} += 0.3 * {element}")

    def mutate(self, scope: Scope) -> None:
        size = self.pick((COLUMNS, COLUMNS, ROWS, 3))
        self.write(scope, f"relax({self.vector_atom(scope, size)}, {self.atom(scope)})")

    def use_list(self, scope: Scope) -> None:
        if not scope.lists or (len(scope.lists) < 2 and not self.often(4)):
            new, size = self.fresh("items"), self.pick((0, 0, COLUMNS))
            self.write(
                scope, f"{new} = [{self.item(scope, size)}, {self.item(scope, size)}]"
            )
            scope.lists[new] = size
            return
        name, size = self.pick(list(scope.lists.items()))
        self.write(scope, f"{name}.append({self.item(scope, size)})")
        if not self.often(4):
            target = self.pick(self.settable(scope))
            last = "" if size == 0 else f"[{self.subscript(scope, size)}]"
            self.write(scope, f"{target} += 0.3 * {name}.pop(){last}")

    def item(self, scope: Scope, size: int) -> str:
        if size:
            return self.vector(scope, 1, size, bare=False)
        return self.scalar(scope, self.depth())

    def write_ragged(self, scope: Scope) -> None:
        name = self.pick([n for n, size in scope.vectors.items() if size == COLUMNS])
        text = self.fill(self.pick(RAGGED), scope, 2, COLUMNS, V=name)
        self.write(scope, text)

    def write_fancy(self, scope: Scope) -> None:
        """Write what index arrays, some with an index twice, and masks pick."""
        names = [n for n, size in scope.vectors.items() if size == COLUMNS]
        name = self.pick(names)
        self.write(scope, self.fill(self.pick(FANCY), scope, 2, COLUMNS, x=name))

    def index(self, scope: Scope) -> None:
        self.write(scope, f"m = ({self.integer(scope)} + m) % {COLUMNS}")

    # Blocks

    def jump(self, scope: Scope) -> None:
        """Write a jump behind a test; outside of loops now and then a return."""
        word = self.pick(("break", "continue"))
        if scope.loops == 0 or not self.often(8):
            if "returns" not in self.features or self.often(2):
                return self.on_element(scope)
            word = f"return {self.fill('{s} + 0.2 * np.sum({u})', scope, 2, COLUMNS)}"
        self.write(scope, f"if {self.test(scope, 2)}:")
        inner = scope.inner()
        if not self.often(2):
            self.on_scalar(inner)
        self.write(inner, word)
        self.pick((self.on_scalar, self.on_element, self.on_vector))(scope)

    def ranges(self, scope: Scope) -> Iterator[tuple[str, int, int, bool]]:
        """Yield (range arguments, lowest, highest, whether it runs at least once)."""
        stop = self.chooser.integer(2, COLUMNS)
        yield f"{stop}", 0, stop - 1, True
        yield f"1, {stop}", 1, stop - 1, True
        yield f"{stop - 1}, -1, -1", 0, stop - 1, True
        yield "k", 0, 4, True
        yield "1, k", 1, 4, True
        yield "0, 6, 2", 0, 4, True
        yield "5, 0, -2", 1, 5, True
        yield "len(x)", 0, COLUMNS - 1, True
        yield f"{self.pick(scope.matrices)}.shape[0]", 0, ROWS - 1, True
        yield f"int(3.0 * abs({self.atom(scope)})) % 4", 0, 2, False
        for text in ("0", self.pick(("3, 1", "2, 5, -1", "k, 0"))):
            yield text, 0, 0, False
        for name, (low, high) in scope.ints.items():
            if low >= 0 and high < COLUMNS and name != "k":
                for _ in range(2):
                    yield f"{name}", 0, max(high - 1, 0), False
                    yield f"{name} + 1", 0, high, True
                    yield f"{name}, {COLUMNS}", low, COLUMNS - 1, True
                    yield f"{name}, -1, -1", 0, high, True

    def for_range(self, scope: Scope) -> None:
        text, low, high, runs = self.pick(list(self.ranges(scope)))
        name = "ijl"[min(scope.loops, 2)]
        inner = scope.inner(trips=high - low + 1)
        inner.ints[name] = (low, high)
        self.write(scope, f"for {name} in range({text}):")
        if self.often(8):
            self.block(inner)
        else:
            target, old = self.pick(self.settable(scope)), self.fresh("old")
            self.write(inner, f"if {name} > {low}:", f"    {target} += 0.3 * {old}")
            self.write(inner, f"{old} = {self.scalar(inner, 2)}")
            self.block(inner)
        self.after_loop(scope)
        above: Scope | None = scope
        if runs:
            scope.ints.setdefault(name, (low, high))
        while above is not None:
            if name in above.ints:
                old_low, old_high = above.ints[name]
                above.ints[name] = (min(low, old_low), max(high, old_high))
            above = above.parent

    def after_loop(self, scope: Scope) -> None:
        """Write now and then an `else` of the loop."""
        if "else" in self.features and not self.often(6):
            self.write(scope, "else:")
            self.block(scope.inner(), most=1)

    def for_each(self, scope: Scope) -> None:
        """Write a loop over arrays, rows, pairs or a list."""
        one, other, number = self.fresh("e"), self.fresh("e"), self.fresh("g")
        inner = scope.inner(trips=COLUMNS)
        left, right = (self.vector_atom(scope, COLUMNS) for _ in range(2))
        kinds = ["array", "enumerate", "zip", "both"]
        kinds += ["rows"] if "matrix" in self.features else []
        kinds += ["list", "list"] if scope.lists else []
        match self.pick(kinds):
            case "array":
                header, scalars = f"{one} in {left}", [one]
            case "enumerate":
                header, scalars = f"{number}, {one} in enumerate({left})", [one]
                inner.ints[number] = (0, COLUMNS - 1)
            case "zip":
                header, scalars = (
                    f"{one}, {other} in zip({left}, {right})",
                    [one, other],
                )
            case "both":
                pair = f"zip({left}, {right})"
                header = f"{number}, ({one}, {other}) in enumerate({pair})"
                inner.ints[number] = (0, COLUMNS - 1)
                scalars = [one, other]
            case "rows":
                matrix = self.pick(scope.matrices)
                header, scalars = f"{one} in {matrix}", []
                inner.vectors[one] = COLUMNS
                inner.memory[one] = scope.memory[matrix]
            case _:
                name, size = self.pick(list(scope.lists.items()))
                header, scalars = f"{one} in {name}", [] if size else [one]
                del inner.lists[name]
                if size:
                    inner.vectors[one], inner.memory[one] = size, self.new_memory()
        inner.scalars += scalars
        self.write(scope, f"for {header}:")
        if left in scope.vectors and left in header and self.often(2):
            # The loop reads on in what its body has written.
            later = f"{left}[{self.subscript(inner, COLUMNS)}]"
            row = self.choose_row(ON_ELEMENT)
            self.write(inner, self.fill(row, inner, 2, COLUMNS, E=later))
        self.block(inner)
        self.after_loop(scope)

    def while_capped(self, scope: Scope) -> None:
        """Write a `while` that counts, tested at its head or left in its middle."""
        count, cap = self.fresh("c"), self.chooser.integer(1, 5)
        inner = scope.inner(trips=cap)
        self.write(scope, f"{count} = 0")
        if self.often(3):
            self.write(scope, f"while {count} < {cap} and ({self.test(scope, 2)}):")
            self.write(inner, f"{count} += 1")
        else:
            self.write(scope, "while True:")
            self.write(inner, f"{count} += 1")
            self.pick((self.on_scalar, self.on_element, self.on_vector))(inner)
            test = self.test(inner, 2)
            self.write(inner, f"if {count} > {cap} or {test}:", "    break")
        inner.ints[count] = (1, cap + 1)
        self.block(inner)
        scope.ints[count] = (0, cap + 1)
        self.after_loop(scope)

    def fill_scratch(self, scope: Scope) -> None:
        """Write a loop whose turns fill an array that was made before, or nearly."""
        name, turn, place = self.fresh("b"), self.fresh("q"), self.fresh("q")
        self.write(scope, f"{name} = {self.pick(('np.zeros(6)', 'np.full(6, 0.5)'))}")
        text = f"for {turn} in range({self.chooser.integer(2, 3)}):"
        self.write(scope, text)
        outer = scope.inner(trips=3)
        outer.ints[turn] = (0, 2)
        filling = self.pick(FILLING)
        self.write(outer, f"for {place} in range({filling}):")
        inner = outer.inner(trips=6)
        inner.ints[place] = (0, COLUMNS - 1)
        value = self.scalar(inner, self.depth())
        before = self.pick(("", "", f" + 0.2 * {name}[{place} - 1]"))
        self.write(inner, f"{name}[{place}] = {value}{before}")
        if not self.often(3):
            self.write(inner, f"if {self.test(inner, 1)}:", "    break")
        outer.vectors[name], outer.memory[name] = COLUMNS, self.new_memory()
        self.block(outer, most=2)
        target = self.pick(self.settable(scope))
        used = self.pick((f"np.sum({name})", f"{name}[-1] * {name}[0]"))
        self.write(outer, f"{target} += 0.2 * {used}")
        if not self.often(3):
            scope.vectors[name], scope.memory[name] = COLUMNS, outer.memory[name]

    def branch(self, scope: Scope) -> None:
        self.write(scope, f"if {self.test(scope, 2)}:")
        self.block(scope.inner(), most=2)
        if not self.often(4):
            self.write(scope, f"elif {self.test(scope, 2)}:")
            self.block(scope.inner(), most=2)
        if self.chooser.integer(0, 1):
            self.write(scope, "else:")
            self.block(scope.inner(), most=2)

    # The whole

    def prologue(self) -> Scope:
        scope = Scope(
            scalars=["s", "t", "p"],
            vectors={"z": COLUMNS, "u": COLUMNS, "x": COLUMNS, "y": COLUMNS},
            matrices=["A"],
            ints={"k": (2, 5)},
            lists={},
            memory={name: self.new_memory() for name in "zuxyA"},
        )
        self.write(scope, f"t = {self.pick(('0.5 * s', 'x[0] + 0.2', '0.3', '1'))}")
        self.write(scope, f"p = {self.pick(('0.4', 'y[2] * s', '0', '0.0'))}")
        self.write(scope, f"z = {self.pick(('0.7 * x', 'x + y', 'x.copy()'))}")
        options = ("y.copy()", "np.sin(y)", "np.zeros(6)", "np.zeros_like(y)")
        self.write(scope, f"u = {self.pick(options)}")
        if "indices" in self.features:
            self.write(scope, "m = 1")
            scope.ints["m"] = (0, COLUMNS - 1)
        if "fancy" in self.features:
            self.write(scope, "order = np.array([2, 0, 3, 2])")
        if "lists" in self.features:
            self.use_list(scope)
        return scope

    def epilogue(self, scope: Scope) -> None:
        """Write a result that tells apart all elements of all that is left."""
        terms = [f"{0.9 - 0.1 * n:.1f} * {a}" for n, a in enumerate(scope.scalars)]
        for n, (name, size) in enumerate(scope.vectors.items()):
            other = "y" if name != "y" else "x"
            cut = "" if size == COLUMNS else f"[:{size}]"
            terms.append(f"{0.3 + 0.1 * (n % 5):.1f} * np.sum({name} * {other}{cut})")
        terms += [f"0.2 * np.dot({name} @ y, x[:4])" for name in scope.matrices]
        terms += [f"0.3 * {n}[-1]" for n, size in scope.lists.items() if size == 0]
        terms += [
            f"0.2 * np.dot({n}[-1], y)" for n, size in scope.lists.items() if size
        ]
        self.write(scope, f"total = {terms[0]}")
        for start in range(1, len(terms), 3):
            self.write(scope, "total += " + " + ".join(terms[start : start + 3]))
        if self.often(3):
            self.adding_loop(scope)
        self.write(scope, f"return {self.pick(('total', '0.5 * total', 'total / 3'))}")

    def adding_loop(self, scope: Scope) -> None:
        """Write a loop that adds to the total and often hands on nothing else."""
        inner = scope.inner(trips=4)
        if self.once_in(4):
            count = self.fresh("c")
            self.write(scope, f"{count} = 0", f"while {count} < 4:")
            self.write(inner, f"{count} += 1")
            inner.ints[count] = (1, 4)
        else:
            self.write(scope, f"for h in range({self.pick(('4', '5, 1, -1', 'k'))}):")
            inner.ints["h"] = (0, 5)
        number, vector = self.fresh("t"), self.fresh("v")
        self.write(inner, f"{number} = {self.scalar(inner, 2)}")
        # By a sum of products it is new memory.
        self.write(
            inner, f"{vector} = 0.5 * {self.vector(inner, 2, COLUMNS)} + 0.1 * x"
        )
        inner.scalars.append(number)
        inner.vectors[vector], inner.memory[vector] = COLUMNS, self.new_memory()
        if self.often(5):
            inner.own = {number, vector}
        self.block(inner)
        self.block(inner)
        if self.once_in(3):
            self.write(inner, f"if {self.test(inner, 2)}:")
            self.write(inner.inner(), f"total += {self.scalar(inner, 2)}")
        self.write(inner, f"total += 0.3 * {number} + 0.1 * np.sum({vector})")

    def program(self) -> str:
        """Return the text of a whole module."""
        self.features = {name for name in FEATURES if not self.once_in(3)}
        scope = self.prologue()
        for _ in range(self.chooser.integer(self.least, self.most)):
            self.statement(scope)
        self.epilogue(scope)
        body = "\n".join(self.lines)
        named = {*re.findall(r"\w+", body)}
        helpers = "".join(text for name, text in HELPERS.items() if name in named)
        text = f"import math\nimport numpy as np\n{helpers}\n"
        return ast.unparse(ast.parse(f"{text}def program(x, y, A, s, k):\n{body}\n"))


# Programs and their arguments


def generate(seed: int | Chooser) -> str:
    """Return the text of a program, the same for the same seed.

    Programs of a seed that fail, or leave the finite numbers below LIMIT, are thrown
    away and the next one is tried; with a Chooser there is one try, of a smaller one.
    """
    if not isinstance(seed, int):
        return _Writer(seed, 1, 7).program()
    for attempt in range(100):
        source = _Writer(Seeded(f"{seed}/{attempt}"), 4, 8).program()
        if well_behaved(source, arguments(seed)):
            return source
    raise RuntimeError(f"no well-behaved program for seed {seed}")


def programs() -> st.SearchStrategy[str]:
    """Return the Hypothesis strategy of programs that run at `arguments(0)`."""

    @st.composite
    def written(draw: Any) -> str:
        return generate(Drawn(draw))

    return written().filter(lambda source: well_behaved(source, arguments(0)))


def arguments(seed: int) -> tuple[Any, ...]:
    """Return fresh arguments (x, y, A, s, k) for a program."""
    rng = np.random.default_rng(seed)
    x, y = 0.8 * rng.standard_normal((2, COLUMNS))
    matrix = 0.6 * rng.standard_normal((ROWS, COLUMNS))
    return x.copy(), y.copy(), matrix, float(rng.standard_normal()), 2 + seed % 4


def well_behaved(source: str, args: tuple[Any, ...]) -> bool:
    """Return whether the plain run of a program gives a finite, moderate float."""
    names: dict[str, Any] = {}
    exec(compile(source, "<program>", "exec"), names)
    try:
        with np.errstate(all="ignore"):
            value = names["program"](*args)
    except (ArithmeticError, LookupError, NameError, TypeError, ValueError):
        return False
    return isinstance(value, float) and abs(value) < LIMIT


_FOLDER = tempfile.TemporaryDirectory(prefix="srcgrad-programs-")


def load(source: str, name: str = "program") -> Callable[..., Any]:
    """Return the function `program` of a text, from a module that lies in a file."""
    digest = hashlib.blake2b(source.encode(), digest_size=6).hexdigest()
    module_name = f"{name}_{digest}"
    if module_name not in sys.modules:
        path = Path(_FOLDER.name, f"{module_name}.py")
        path.write_text(source, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(module_name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        spec.loader.exec_module(module)
    return sys.modules[module_name].program  # type: ignore[no-any-return]


# Judging them


def check_program(seed: int, backend: Backend, *, second: bool = False) -> Outcome:
    """Return what became of the program of a seed on a backend."""
    return check_source(generate(seed), backend, seed=seed, second=second)


def check_source(
    source: str, backend: Backend, *, seed: int = 0, second: bool = False
) -> Outcome:
    """Return what became of a program's text at `arguments(seed)`."""
    function = load(source, f"program_{seed}")
    return check_function(function, arguments(seed), ARGNUMS, backend, second=second)


def reason(outcome: Outcome) -> str:
    """Return the line by which outcomes of one cause are counted together."""
    lines = [line for line in outcome.detail.splitlines() if line.strip()] or [""]
    line = lines[-1] if outcome.kind == "crash" else lines[0]
    return re.sub(r"`[^`]*`|\d+(\.\d+)?", "_", line)[:110]


def report(outcomes: dict[int, Outcome]) -> str:
    """Return the table of outcomes, with the reasons and seeds of all but the right."""
    lines = []
    for kind in KINDS:
        seeds = [seed for seed, outcome in outcomes.items() if outcome.kind == kind]
        lines.append(f"{kind:15}{len(seeds):6}")
        if kind == "right":
            continue
        by_reason = defaultdict(list)
        for seed in seeds:
            by_reason[reason(outcomes[seed])].append(seed)
        for text, group in sorted(by_reason.items(), key=lambda item: -len(item[1])):
            shown = " ".join(map(str, group[:12])) + (" ..." if group[12:] else "")
            lines.append(f"    {len(group):5}  {text}\n           seeds {shown}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run programs as the command line says; return 1 if any is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.programs")
    parser.add_argument("--seeds", nargs=2, type=int, default=(0, 200))
    parser.add_argument("--backend", choices=("python", "numba"), default="python")
    parser.add_argument("--second", action="store_true", help="Hessian products too")
    parser.add_argument("--show", type=int, help="print the program of a seed and stop")
    options = parser.parse_args(argv)
    if options.show is not None:
        print(generate(options.show))
        return 0
    outcomes = {}
    for seed in range(*options.seeds):
        outcome = check_program(seed, options.backend, second=options.second)
        outcomes[seed] = outcome
        if not outcome.ok:
            print(f"seed {seed}: {outcome.kind}: {reason(outcome)}", flush=True)
    print(report(outcomes))
    failed = [seed for seed, outcome in outcomes.items() if not outcome.ok]
    if failed:
        first = outcomes[failed[0]]
        print(f"\nseed {failed[0]}, {first.kind}: {first.detail}\n")
        print(generate(failed[0]))
    return 1 if failed else 0


if __name__ == "__main__":
    # Thousands of programs seen once would only fill the user's cache.
    os.environ.setdefault("SRCGRAD_CACHE", "0")
    sys.exit(main())
