"""Write a function as the text that Numba compiles: loops, explicit dtypes, checks.

The structure is that of the readable text: the same trees, the same names but that no
two types share one. Array statements are loop nests (`kernel_places.py`), subscripts
are checked where they are not certain to be inside (`kernel_scalars.py`), and where
plain Python would raise, the kernel raises too, without a message: its caller then runs
the user's own function to get the very exception.
"""

from __future__ import annotations

import builtins
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from typing import Any

from srcgrad import ir
from srcgrad.analyses.bounds import Bounds
from srcgrad.analyses.regions import regions_of
from srcgrad.builder import DIFFER, const
from srcgrad.emit.kernel_scalars import Frame, Name, Scalars, is_sum, total
from srcgrad.emit.names import Naming, name_values
from srcgrad.emit.nest import Nest
from srcgrad.emit.spelling import ATOM, Text, path_text
from srcgrad.emit.writer import Line
from srcgrad.ir import Operand, Value
from srcgrad.ops.table import ROWS
from srcgrad.types import Dim, ListOf, is_generator
from srcgrad.walk import every, free, operands


def emit_kernel(function: ir.Function) -> list[Line]:
    """Return the lines of a kernel, each with the statement it stems from.

    The kernel takes the parameters in order and returns its results as a tuple. It uses
    the names `np`, `math` and the runtime kernels that `used_runtime` finds.
    """
    bounds = Bounds(regions_of(function))
    # What loops run between has a name, so that checks before them may use it.
    loops = [s for s in every(function.body) if isinstance(s, ir.For)]
    named = {p for s in loops for x in (s.start, s.stop) for p in _terms(bounds, x)}
    nest = Nest(function, bounds.regions, named)
    taken = {"np", "math"}
    naming = name_values(function, nest, taken, typed=True)
    writer = _Kernel(nest, naming, taken)
    writer.name = function.name
    params = ", ".join(naming[p] for p in function.params)
    writer.at = function.loc
    writer.line(f"def {function.name}_kernel({params}):")
    with writer.inside():
        writer.block(function.body.stmts)
        writer.begin(ir.NOWHERE)
        results = [writer.show(r).text for r in function.results]
        writer.line(f"return {_tuple(results)}")
    writer.lines[:0] = writer.parts
    # The ends of a slice are for naught where only its checks were wanted.
    words = Counter(w for text, _ in writer.lines for w in re.findall(r"\w+", text))
    ends = (re.match(r" *(e\d+) = ", text) for text, _ in writer.lines)
    users = {*naming.names.values()}
    used = [e is None or e[1] in users or words[e[1]] > 1 for e in ends]
    return [*compress(writer.lines, used)]


def _tuple(items: Sequence[str]) -> str:
    """Return a tuple as text: Numba takes thirty items in one display."""
    parts = [items[k : k + 30] for k in range(0, len(items), 30)] or [[]]
    shown = [f"({', '.join(p)}{',' * (len(p) == 1)})" for p in parts]
    return " + ".join(shown)


def _terms(bounds: Bounds, x: ir.Operand) -> Iterator[Any]:
    made = bounds.made(x)
    if x.name or not isinstance(made, ir.Op) or not is_sum(bounds, made):
        yield x
        return
    for arg in made.args:
        yield from _terms(bounds, arg)


def used_runtime(lines: Iterable[Line]) -> set[str]:
    """Return the names of the runtime kernels that a text calls.

    >>> sorted(used_runtime([("y = rt_sign(x) + rt_sum1_float64(v)", ir.NOWHERE)]))
    ['rt_sign', 'rt_sum1_float64']
    """
    called = re.compile(r"(?<!def )\brt_\w+(?=\()")
    return {name for text, _ in lines for name in called.findall(text)}


class _Kernel(Scalars):
    """The statements of a kernel, which works on elements and calls."""

    name: str

    def __init__(self, nest: Nest, naming: Naming, taken: set[str]) -> None:
        super().__init__(nest, naming, taken)
        self.parts: list[Line] = []  # functions that threads run

    def loop(self, s: ir.For) -> None:
        """Write a `for`; what threads repeat is a function with what it reads."""
        if not s.parallel:
            super().loop(s)
            return
        outside = self.lines, self.frames, self.indent
        made = self.taken - {*self.naming.names.values(), "np", "math"}
        body: list[Line] = []
        self.lines, self.frames, self.indent = body, [Frame(s, 0, 0, 0)], 0
        with self.inside():
            self.turn(s)
        self.lines, self.frames, self.indent = outside
        name = self.fresh(f"{self.name}_part")
        words = {w for text, _ in body for w in re.findall(r"\w+", text)}
        given = [self.naming[x] for x in self.leaves(free(s))]
        given += sorted(made)  # temporaries of what comes before
        given = [x for x in dict.fromkeys(given) if x in words]
        head = f"def {name}({', '.join([self.naming[s.var], *given])}):"
        self.parts += [(head, s.loc), *body, ("", s.loc), ("", s.loc)]
        self.line(f"rt_prange({name}, {self.show(s.stop).text}, {_tuple(given)})")

    def leaves(self, xs: Iterable[Any]) -> Iterator[Any]:
        """Yield what has a name among values and what those are made of."""
        for x in xs:
            made = self.regions.definition.get(x)
            written = isinstance(made, ir.Op) and made.row == "extents"
            made = made if written else self.folded(x)
            if made is not None:
                yield from self.leaves(operands(made))
            elif isinstance(x, Value):
                yield x

    def write(self, s: ir.Stmt) -> None:
        match s:
            case ir.Op(row="extents"):
                pass  # it is written where it is used
            case ir.Op():
                self.line(f"{self.naming[s.out]} = {self.operation(s).text}")
            case ir.Read() | ir.View():
                place = self.element(s.base, s.path, s).text
                self.line(f"{self.naming[s.out]} = {place}")
            case ir.Write() if is_generator(s.base.type):
                self.advance(s)
            case ir.Write() | ir.Accumulate():
                place = self.element(s.base, s.path, s).text
                sign = "+=" if isinstance(s, ir.Accumulate) else "="
                text = self.shown_as(s.value, s.base.type.dtype)
                self.line(f"{place} {sign} {text.text}")
            case ir.Take():
                dtype = s.base.type.dtype
                zero = const(0.0 if dtype.startswith("float") else 0)
                place = self.element(s.base, s.path, s).text
                self.line(f"{self.naming[s.value]} = {place}")
                self.line(f"{place} = {self.shown_as(zero, dtype).text}")
            case ir.Push():
                name, item = (
                    self.naming[s.base],
                    self.shown_as(s.value, s.base.type.dtype),
                )
                push = (
                    f"{name}.append(" if ir.owned(s.value.type) else f"rt_push({name}, "
                )
                self.line(f"{push}{item.text})")
            case ir.Assert():
                name = s.exception if hasattr(builtins, s.exception) else "ValueError"
                if s.message.startswith(DIFFER):
                    name = f"AssertionError({s.message!r})"
                elif name in ("NotImplementedError", "MemoryError"):
                    name = f"{name}({s.message!r})"
                cond = self.show(s.cond).at(ATOM)
                if cond != "True":  # it was computed, and raised nothing
                    self.refuse(name, f"not {cond}")

    def element(self, base: Value, path: ir.Path, at: ir.Stmt) -> Text:
        # Numba's lists check their subscripts themselves; views were checked before.
        step, name = path[-1], Text(self.naming[base])
        listed = isinstance(base.type, ListOf)
        if isinstance(at, ir.View) and isinstance(step, ir.Reshape):
            whole = self.element(base, path[:-1], at).text if path[1:] else name.text
            shape = _tuple([self.show(n).text for n in step.shape])
            return Text(f"rt_reshaped({whole}, {shape})")
        if isinstance(at, ir.View) or (listed and len(path) == 1):
            return path_text(name.text, path, self.show)
        assert isinstance(step, ir.Index)
        if len(path) > 1:
            name = path_text(name.text, path[:-1], self.show)
        items = []
        for axis, item in enumerate(step.items):
            assert isinstance(item, Operand)
            form = self.form(item)
            if not step.sure:
                form = self.subscript(item, self.extent(base, axis), at)
            text, seen = total(form), form.const >= 0
            seen = seen and all(f > 0 and self.is_upward(a) for a, f in form.terms)
            if not seen and self.is_innermost() and (step.sure or self.sure(form, at)):
                text = f"rt_index({text})"
            items.append(text)
        return Text(f"{name.text}[{', '.join(items)}]")

    def is_innermost(self) -> bool:
        """Tell whether a loop is being written that may be vectorised."""
        inner = every(self.frames[-1].loop.body) if self.frames else ()
        return bool(self.frames) and not any(isinstance(s, ir.Loop) for s in inner)

    def is_upward(self, x: Any) -> bool:
        """Tell whether LLVM sees that an integer is not negative."""
        x = x.value if isinstance(x, Name) else x
        made: Any = self.regions.definition.get(x)
        if isinstance(made, ir.Op) and made.row == "mul":
            return self.is_upward(made.args[1])  # where a row of a sum begins
        upward = isinstance(made, ir.For) and made.var is x and made.step == const(1)
        return upward and isinstance(made.start, ir.Const) and made.start.value >= 0

    def extent(self, base: Value, axis: int) -> Dim:
        """Return the length of an axis."""
        dim = base.type.dims[axis]
        text = f"{self.naming[base]}.shape[{axis}]"
        return dim if dim.known is not None else self.named(text, base, dim)

    def call(self, op: ir.Op) -> Text:
        row = ROWS[op.row]
        if op.row == "subscript":
            return self.from_beginning(op.args[0], self.form(op.args[1]), op)
        if row.kernel is None:
            raise NotImplementedError(f"{row.name} has no kernel")
        names = []
        for k, arg in enumerate(op.args):
            made = self.regions.definition.get(arg)
            if isinstance(made, ir.Op) and made.row == "extents":
                names.append(self.call(made).text)
            elif row.param(k) in row.shape_only and arg.type.rank > 0:
                names.append(f"{self.show(arg).text}.shape")
            else:
                names.append(self.hoist(self.show(arg)).text)
        return Text(row.kernel(names, [a.type for a in op.args], op.attrs))
