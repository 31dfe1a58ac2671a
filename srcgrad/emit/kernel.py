"""Write a function as the text that Numba compiles: loops, explicit dtypes, checks.

The structure is that of the readable text: the same trees, the same names but that no
two types share one. Array statements are loop nests (`kernel_arrays.py`), subscripts
are checked where they are not certain to be inside (`kernel_checks.py`), and where
plain Python would raise, the kernel raises too, without a message: its caller then runs
the user's own function to get the very exception.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from srcgrad.analyses.regions import Regions
from srcgrad.emit.kernel_checks import Frame
from srcgrad.emit.kernel_gather import Gathers
from srcgrad.emit.kernel_scalars import Line, dtype_text
from srcgrad.emit.names import in_order, name_values
from srcgrad.emit.nest import fold
from srcgrad.emit.spelling import NOT, SUM, Text
from srcgrad.ir import (
    Accumulate,
    Assert,
    Block,
    For,
    Function,
    If,
    Op,
    Operand,
    Push,
    Read,
    Stmt,
    Take,
    Value,
    View,
    While,
    Write,
    gathers,
    owned,
)
from srcgrad.types import Array, ListOf, Scalar

__all__ = ["emit_kernel", "used_runtime"]

_RAISES = frozenset(
    "ArithmeticError AssertionError IndexError KeyError NotImplementedError "
    "OverflowError RuntimeError TypeError ValueError ZeroDivisionError".split()
)


def emit_kernel(function: Function) -> list[Line]:
    """Return the lines of a kernel, each with the user line it stems from.

    The kernel takes the parameters in order and returns its results as a tuple. It uses
    the names `np`, `math` and the runtime kernels that `used_runtime` finds.
    """
    regions = Regions(function)
    nest = fold(function, regions)
    taken = {"np", "math"}
    naming = name_values(function, nest, taken, typed=True)
    writer = _Kernel(nest, naming, taken)
    params = ", ".join(naming[p] for p in function.params)
    writer.at = function.loc.line
    writer.line(f"def {function.name}_kernel({params}):")
    writer.indent += 1
    writer.block(function.body)
    writer.at = 0
    results = [writer.result(r) for r in function.results]
    # Numba does not take a tuple display of more than thirty expressions.
    parts = [results[k : k + 30] for k in range(0, len(results), 30)] or [[]]
    shown = [f"({', '.join(p)}{',' * (len(p) == 1)})" for p in parts]
    writer.line(f"return {' + '.join(shown)}")
    return writer.lines


def used_runtime(lines: Iterable[Line]) -> set[str]:
    """Return the names of the runtime kernels that a text calls.

    >>> sorted(used_runtime([("    y = rt_sign(x) + rt_sum1_float64(v)", 3)]))
    ['rt_sign', 'rt_sum1_float64']
    """
    return {n for text, _ in lines for n in re.findall(r"\brt_\w+(?=\()", text)}


class _Kernel(Gathers):
    def block(self, block: Block) -> None:
        """Write the statements of a block."""
        for stmt in block.stmts:
            self.stmt(stmt)

    def result(self, x: Operand) -> str:
        """Return a result as text: a number, or an array that is no view."""
        if not owned(x.type):
            return self.show(x).text
        assert isinstance(x, Value)
        if x in self.nest.folded or x not in self.regions.buffer:
            return self.compute(x, self.regions.function.body.stmts[-1])
        return self.naming[x]

    def stmt(self, s: Stmt) -> None:
        """Write one statement."""
        self.at = s.loc.line
        self.here.clear()
        match s:
            case Op():
                if not all(o in self.nest.folded for o in s.outs):
                    self.bind(s)
            case View():
                if s.out not in self.nest.folded:
                    self.view(s)
            case Read():
                if s.out not in self.nest.folded:
                    text = self.element(s.base, s.path, s).text
                    self.line(f"{self.naming[s.out]} = {text}")
            case Write() | Accumulate():
                self.update(s)
            case Take():
                self.clear(s)
            case Push():
                self.push(s)
            case Assert():
                self.assertion(s)
            case For():
                self.loop(s)
            case While():
                self.repeat(s)
            case If():
                self.branch(s)

    def bind(self, s: Op) -> None:
        """Write `name = operation`."""
        if s.row == "new_list":
            self.new_list(s)
            return
        if len(s.outs) > 1:
            names = ", ".join(self.naming[o] for o in s.outs)
            self.line(f"{names} = {self.call(s).text}")
            return
        if s.out.type.rank > 0:
            self.fresh_array(s)
            return
        text = self.operation(s).text
        self.line(f"{self.naming[s.out]} = {text}")

    def view(self, s: View) -> None:
        """Name a part of an array."""
        name = self.naming[s.out]
        if gathers(s.path):
            self.gather(s, name)
            return
        self.nest.folded[s.out] = s
        try:
            leaf = self.leaf(s.out, s)
        finally:
            del self.nest.folded[s.out]
        self.line(f"{name} = {leaf.name if leaf.whole else self.viewed(leaf)}")

    def update(self, s: Write | Accumulate) -> None:
        """Write `x[path] = value` or `+=`."""
        target = self.scratch.place(s.base.type, s.path)
        if isinstance(target, Array):
            self.store(s)
            return
        value = self.showed(s.value, target.dtype).text
        place = self.element(s.base, s.path, s).text
        if isinstance(s, Accumulate) and value.startswith("-") and value[1:].isalnum():
            self.line(f"{place} -= {value[1:]}")
            return
        self.line(f"{place} {'+=' if isinstance(s, Accumulate) else '='} {value}")

    def clear(self, s: Take) -> None:
        """Write `value = x[path]; x[path] = 0`."""
        if owned(s.value.type):
            self.take(s)
            return
        place = self.element(s.base, s.path, s).text
        self.line(f"{self.naming[s.value]} = {place}")
        self.line(f"{place} = {self.zero(s.value.type.dtype)}")

    def push(self, s: Push) -> None:
        """Append a number, or a copy of an array."""
        name = self.naming[s.base]
        assert isinstance(s.base.type, ListOf)
        if isinstance(s.base.type.item, Scalar):
            value = self.showed(s.value, s.base.type.item.dtype).text
        else:
            value = self.compute(s.value, s)
        self.line(f"{name}.append({value})")

    def new_list(self, s: Op) -> None:
        """Make an empty list whose items Numba knows the type of."""
        name = self.naming[s.out]
        assert isinstance(s.out.type, ListOf)
        item = s.out.type.item
        dtype = dtype_text(item.dtype)
        if isinstance(item, Array):
            zeros = ", ".join("0" for _ in item.dims)
            shape = zeros if item.rank == 1 else f"({zeros})"
            first = f"rt_empty({shape}, {dtype})"
        else:
            plain = {"float64": "0.0", "int64": "0", "bool": "False"}
            first = plain.get(item.dtype, f"{dtype}(0)")
        self.line(f"{name} = [{first}]")
        self.line(f"{name}.pop()")

    def assertion(self, s: Assert) -> None:
        """Raise unless a condition holds; the message is for the plain run."""
        name = s.exception if s.exception in _RAISES else "ValueError"
        if s.message.startswith("meeting"):
            name = f"AssertionError({s.message!r})"
        self.line(f"if not {self.showed(s.cond, 'bool').at(NOT)}:")
        self.line(f"    raise {name}")

    # control flow

    def loop(self, s: For) -> None:
        """Write a `for`."""
        self.assign([(c.inn, c.init) for c in s.carries])
        kept = [*self.keep(s.start), *self.keep(s.stop)]
        start, stop = self.show(s.start), self.show(s.stop)
        ends = start.at(SUM), stop.at(SUM)
        step = self.show(s.step).text
        bounds = f"{start.text}, {stop.text}"
        if step != "1":
            bounds += f", {step}"
        elif start.text == "0":
            bounds = stop.text
        if s.trips is not None:
            self.line(f"{self.naming[s.trips]} = 0")
        frame = Frame(s, *ends, len(self.lines), self.indent, len(self.proved))
        self.frames.append(frame)
        self.line(f"for {self.naming[s.var]} in range({bounds}):")
        self.body(s)
        self.frames.pop()
        for value in kept:
            del self.kept[value]

    def body(self, s: For | While) -> None:
        """Write what a loop repeats."""
        line = self.at
        self.indent += 1
        self.enter()
        if isinstance(s, While):
            self.block(s.test)
            self.at = line
            self.here.clear()
            self.line(f"if not {self.showed(s.cond, 'bool').at(NOT)}:")
            self.line("    break")
        if s.trips is not None:
            self.line(f"{self.naming[s.trips]} += 1")
        self.block(s.body)
        self.at = line
        self.here.clear()
        leave = None if s.exit is None else self.showed(s.exit, "bool")
        if leave is not None and s.carries:
            leave = self.hoist(leave)
            if leave.text in {self.naming[c.inn] for c in s.carries}:
                name = self.fresh("t")
                self.line(f"{name} = {leave.text}")
                leave = Text(name)
        self.assign([(c.inn, c.yld) for c in s.carries])
        if leave is not None:
            self.line(f"if {leave.text}:")
            self.line("    break")
        if not self.lines[-1][0].startswith("    " * self.indent):
            self.line("pass")
        self.leave()
        self.indent -= 1

    def repeat(self, s: While) -> None:
        """Write a `while`; its test is computed inside."""
        self.assign([(c.inn, c.init) for c in s.carries])
        if s.trips is not None:
            self.line(f"{self.naming[s.trips]} = 0")
        self.line("while True:")
        self.body(s)

    def branch(self, s: If) -> None:
        """Write an `if`."""
        line = self.at
        self.line(f"if {self.showed(s.cond, 'bool').text}:")
        if not self.arm(s.then, [(m.out, m.then) for m in s.merges]):
            self.line("    pass")
        self.at = line
        mark = len(self.lines)
        self.line("else:")
        if not self.arm(s.orelse, [(m.out, m.orelse) for m in s.merges]):
            del self.lines[mark:]

    def arm(self, block: Block, pairs: list[tuple[Value, Operand]]) -> bool:
        """Write one arm of an `if`; tell whether it does anything."""
        start, line = len(self.lines), self.at
        self.indent += 1
        self.enter()
        self.block(block)
        self.at = line
        self.here.clear()
        self.assign(pairs)
        self.leave()
        self.indent -= 1
        return len(self.lines) > start

    def assign(self, pairs: Sequence[tuple[Value, Operand]]) -> None:
        """Write the assignments of carried or merged values, all at once."""
        todo = []
        for target, source in pairs:
            if owned(target.type):
                assert isinstance(source, Value)
                text = self.naming[source]
            else:
                text = self.showed(source, target.type.dtype).text
            if self.naming[target] != text:
                todo.append((self.naming[target], text))
        mentions = [set(re.findall(r"[^\W\d]\w*", text)) for _, text in todo]
        for group in in_order([name for name, _ in todo], mentions):
            left = ", ".join(todo[k][0] for k in group)
            self.line(f"{left} = {', '.join(todo[k][1] for k in group)}")
