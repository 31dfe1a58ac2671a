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
from collections.abc import Iterable, Iterator
from itertools import compress
from typing import Any

from srcgrad import ir
from srcgrad.analyses.regions import Regions
from srcgrad.emit.kernel_bounds import Bounds
from srcgrad.emit.kernel_places import Places
from srcgrad.emit.kernel_scalars import is_sum
from srcgrad.emit.names import name_values
from srcgrad.emit.nest import Nest
from srcgrad.emit.spelling import ATOM
from srcgrad.emit.writer import Line
from srcgrad.types import Array, ListOf
from srcgrad.walk import every, outs


def emit_kernel(function: ir.Function) -> list[Line]:
    """Return the lines of a kernel, each with the statement it stems from.

    The kernel takes the parameters in order and returns its results as a tuple. It uses
    the names `np`, `math` and the runtime kernels that `used_runtime` finds.
    """
    bounds = Bounds(Regions(function))
    # What loops run between has a name, so that checks before them may use it.
    loops = [s for s in every(function.body) if isinstance(s, ir.For)]
    named = {p for s in loops for x in (s.start, s.stop) for p in _terms(bounds, x)}
    nest = Nest(function, bounds.regions, named)
    taken = {"np", "math"}
    naming = name_values(function, nest, taken, typed=True)
    writer = _Kernel(nest, naming, taken)
    params = ", ".join(naming[p] for p in function.params)
    writer.at = function.loc
    writer.line(f"def {function.name}_kernel({params}):")
    with writer.inside():
        writer.block(function.body.stmts)
        writer.begin(ir.NOWHERE)
        results = [writer.result(r) for r in function.results]
        # Numba does not take a tuple display of more than thirty expressions.
        parts = [results[k : k + 30] for k in range(0, len(results), 30)] or [[]]
        shown = [f"({', '.join(p)}{',' * (len(p) == 1)})" for p in parts]
        writer.line(f"return {' + '.join(shown)}")
    # The ends of a slice are for naught where only its checks were wanted.
    words = Counter(w for text, _ in writer.lines for w in re.findall(r"\w+", text))
    ends = (re.match(r" *(e\d+) = ", text) for text, _ in writer.lines)
    used = [end is None or words[end[1]] > 1 for end in ends]
    return [*compress(writer.lines, used)]


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


class _Kernel(Places):
    def result(self, x: ir.Operand) -> str:
        """Return a result as text: a number, or an array that is no view."""
        if ir.owned(x.type) and (x in self.nest.folded or x not in self.regions.buffer):
            return self.compute(x, self.regions.function.body.stmts[-1])
        return self.show(x).text

    def write(self, s: ir.Stmt) -> None:
        match s:
            case ir.Op() | ir.View() if len(outs(s)) == 1 and outs(s)[0].type.rank > 0:
                self.fresh_array(s, outs(s)[0])
            case ir.Op():
                names = ", ".join(self.naming[o] for o in s.outs)
                text = self.operation(s) if len(s.outs) == 1 else self.call(s)
                self.line(f"{names} = {text.text}")
            case ir.Read():
                text = self.element(s.base, s.path, s)
                self.line(f"{self.naming[s.out]} = {text.text}")
            case ir.Write() | ir.Accumulate():
                self.store(s, "+=" if isinstance(s, ir.Accumulate) else "=")
            case ir.Take():
                self.take(s)
            case ir.Push():
                assert isinstance(s.base.type, ListOf)
                if s.base.type.item.rank:
                    item = self.compute(s.value, s)
                else:
                    item = self.shown_as(s.value, s.base.type.dtype).text
                self.line(f"{self.naming[s.base]}.append({item})")
            case ir.Assert():
                name = s.exception if hasattr(builtins, s.exception) else "ValueError"
                if s.message.startswith("meeting"):
                    name = f"AssertionError({s.message!r})"
                elif name == "NotImplementedError":
                    name = f"{name}({s.message!r})"
                self.refuse(name, f"not {self.show(s.cond).at(ATOM)}")

    def fresh_array(self, s: ir.Op | ir.View, out: ir.Value) -> None:
        """Write `name = tree`, or the name of a part, for an array."""
        name = self.naming[out]
        self.nest.folded[out] = s  # so that it is written like any other tree
        if isinstance(s, ir.View) and not ir.gathers(s.path):
            spot = self.spot(out, (), s)
            self.line(f"{name} = {spot.name if spot.whole else self.view(out, ())}")
        else:
            self.compute(out, s, name)
        del self.nest.folded[out]

    def store(self, s: ir.Write | ir.Accumulate, sign: str) -> None:
        """Write a statement that changes a part of an array."""
        value: Any = s.value
        if not isinstance(self.scratch.place(s.base.type, s.path), Array):
            text = self.shown_as(value, s.base.type.dtype).text
            self.line(f"{self.element(s.base, s.path, s).text} {sign} {text}")
            return
        if self.overlaps(value, s.base, s.path):
            name, value = self.compute(value, s), ir.Value("z", value.type)
            spots = {value: self.all_of(name, value.type)}
        else:
            spots = self.leaves(value, s)
        target = self.spot(s.base, s.path, s)
        with self.nest_over(target, spots) as index:
            text = self.shown_as(value, target.dtype).text
            self.line(f"{target.element(index)} {sign} {text}")

    def take(self, s: ir.Take) -> None:
        """Write `value = x[path]; x[path] = 0`."""
        name = self.naming[s.value]
        if ir.owned(s.value.type):
            self.copy(self.spot(s.base, s.path, s), name, clear=True)
            return
        place = self.element(s.base, s.path, s).text
        self.line(f"{name} = {place}")
        self.line(f"{place} = {self.zero(s.value.type.dtype)}")
