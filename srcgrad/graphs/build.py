"""Make the graph of a function from its IR, and write on it what was noted."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np

from srcgrad import ir
from srcgrad.emit.spelling import Text, path_text, row_text
from srcgrad.emit.spelling import number as literal
from srcgrad.graphs.model import (
    End,
    Graph,
    Node,
    Wire,
    detailed,
    kind_of,
    number,
    shown,
)
from srcgrad.graphs.watch import Chain, Helper, Key, Run, entering
from srcgrad.ir import Operand, Stmt, Value
from srcgrad.ops.table import ROWS
from srcgrad.types import is_float
from srcgrad.walk import every, free, outs

Unfold = bool | Collection[Any]
Doors = dict[Value, list[Node]]
Ends = Sequence[tuple[Operand, str]]
_LABEL = 28
_UNKNOWN = object()  # a part that is not kept apart from others
_KINDS = {ir.For: "loop", ir.While: "loop", ir.If: "branch", ir.Call: "helper"}
_MODULES = re.compile(r"\b(?:np|math|special)\.(?:linalg\.)?")
_KEYWORDS = r"(?P<rest>(?:\w+=[^·]*)?)"
_CALL = re.compile(rf"(?P<f>[\w.]+)\((?:·(?:, |(?=\))))*{_KEYWORDS}\)")
_METHOD = re.compile(rf"·\.(?P<f>\w+)\({_KEYWORDS}\)")
_INFIX = re.compile(r"·? ?(?P<f>[^·]+?) ?·?")


def build_graph(run: Run, unfold: Unfold = False) -> Graph:
    """Return the graph of what was read and run.

    Args:
        run: The function, and what was noted.
        unfold: Which boxes show what is in them: all, none, or those named: a helper by
            its name, a loop or branch by its line.
    """
    maker = _Maker(run, unfold)
    function, reading = run.function, run.made.reading
    names = dict(zip(function.params, reading.leaves, strict=False))
    results = function.results[: reading.results]
    own = run.title if run.title.isidentifier() else "result"
    several = len(results) > 1
    ends = [(x, f"result {k}" if several else own) for k, x in enumerate(results, 1)]
    return maker.graph(function.body.stmts, names, ends, 0)


class _Maker:
    """Makes graphs of blocks; `made` is who makes each value."""

    def __init__(self, run: Run, unfold: Unfold) -> None:
        self.run, self.unfold = run, unfold
        self.made: dict[Value, Stmt] = {}
        for stmt in every(run.function.body):
            self.made.update(dict.fromkeys(outs(stmt), stmt))
        self.known: dict[Value, bool] = {}
        self.scope: tuple[Stmt, int] | None = None

    def quiet(self, x: Operand) -> bool:
        """Tell whether a value is written into labels, and has no wire.

        Whole numbers are, and index arrays that are made of nothing else.
        """
        if isinstance(x, ir.Const) or is_float(x.type):
            return isinstance(x, ir.Const)
        if x.type.rank and x not in self.known:
            stmt = self.made.get(x)
            self.known[x] = isinstance(stmt, ir.Op) and not self.sources(stmt)
        return not x.type.rank or self.known[x]

    # text

    def spell(self, x: Operand, depth: int = 4) -> Text:
        """Return a value as the user would write it."""
        if isinstance(x, ir.Const):
            return literal(x.value)
        stmt = self.made.get(x)
        if x.name or not depth:
            return Text(x.name.lstrip(".") or "…")
        if isinstance(stmt, ir.Op) and stmt.row == "dim":
            return Text(
                f"{self.spell(stmt.args[0], 1).text}.shape[{stmt.attrs['axis']}]"
            )
        if isinstance(stmt, ir.Op):
            parts = [self.spell(a, depth - 1) for a in stmt.args]
            types = [a.type for a in stmt.args]
            return row_text(ROWS[stmt.row], parts, types, stmt.attrs, {})
        if isinstance(stmt, ir.Read | ir.View):
            return path_text(self.spell(stmt.base, 1).text, stmt.path, self.spell)
        return Text(x.hint or "…")

    def operand(self, x: Operand) -> Text:
        """Return a dot for a wire, and what is quiet in full."""
        return self.spell(x) if self.quiet(x) else Text("·")

    def label(self, stmt: Stmt) -> str:
        """Return what a statement does."""
        match stmt:
            case ir.Op(row="cast", args=(ir.Const() as x,)):
                return number(x.value)
            case ir.Op():
                args, types = map(self.operand, stmt.args), [a.type for a in stmt.args]
                text = row_text(ROWS[stmt.row], [*args], types, stmt.attrs, {}).text
                return _short(text, len({*stmt.args}) < len(stmt.args))
            case ir.Read() | ir.View():
                text = path_text("", stmt.path, self.spell).text.lstrip(".")
                return _MODULES.sub("", text) or "view"
            case ir.Write() | ir.Accumulate():
                place = path_text(stmt.base.name, stmt.path, self.spell).text
                sign = "=" if isinstance(stmt, ir.Write) else "+="
                value = self.operand(stmt.value).text.replace("·", "")
                return f"{place or '[...]'} {sign} {value}".rstrip()
            case ir.Take():
                return path_text("take", stmt.path, self.spell).text
            case ir.Push():
                return "append"
            case ir.For():
                parts = [self.spell(x).text for x in (stmt.start, stmt.stop, stmt.step)]
                parts = parts[:2] if parts[2] == "1" else parts
                parts = parts[1:] if len(parts) == 2 and parts[0] == "0" else parts
                return f"for {stmt.var.name or '_'} in range({', '.join(parts)})"
            case ir.While():
                return f"while {self.spell(stmt.cond).text}"
            case ir.If():
                return f"if {self.spell(stmt.cond).text}"
            case ir.Call():
                return stmt.function.name
        return type(stmt).__name__

    # structure

    def graph(
        self, stmts: Sequence[Stmt], entering: dict[Value, str],
        leaving: Ends, depth: int, door: str = "", region: Stmt | None = None,
        carried: Collection[Value] = (),
    ) -> Graph:  # fmt: skip
        """Return the graph of statements, with nodes for what enters and leaves.

        `depth` is the number of helpers that are open around them, `region` the loop
        or branch that they are the inside of; what is `carried` from turn to turn is
        the inside's own.
        """
        graph, wires = Graph(), dict[Value, Wire]()
        parts: dict[Value, list[Any]] = {}
        units = self.units(stmts, depth)
        read = {x for unit in units for x in self.reads(unit)}
        read.update(y for x, _ in leaving for y in self.loud(x))
        for x, name in entering.items():
            if x in read:
                node = Node(door or "input", name)
                graph.nodes.append(node)
                graph.enters[x] = [node]
                wires[x] = self.wire(x, node, name)
        for unit in units:
            made = [x for x in self.outs(unit) if not self.quiet(x) and x in read]
            if not made:
                continue
            node, doors = self.node(unit, depth, made)
            graph.nodes.append(node)
            for x, found in self.reads(unit).items():
                if x in wires:
                    total = self.total(found)
                    parts.setdefault(x, []).append(total)
                    part = self.gradient(x, total)
                    wires[x].ends.append(End(node, part, doors.get(x, [])))
            for x in made:
                wires[x] = self.wire(x, node, x.name.lstrip("."))
                wires[x].doors = doors.get(x, [])
        for result, name in leaving:
            node = Node(door or "output", name)
            graph.nodes.append(node)
            graph.leaves.append(node)
            for y in self.loud(result):
                if y in wires:
                    given = self.part(region, y, "inner") if region else None
                    parts.setdefault(y, []).append(given)
                    wires[y].ends.append(End(node, self.gradient(y, given)))
        graph.wires = [w for w in wires.values() if w.ends]
        for x, wire in wires.items():
            # What is of the outside may have other uses there.
            foreign = wire.source.kind == "door" and x not in carried
            if wire.ends and (foreign or not wire.backward):
                wire.backward = self.gradient(x, self.total(parts.get(x, [])))
        return graph

    def units(self, stmts: Sequence[Stmt], depth: int) -> list[Any]:
        """Return statements, those of one call of a helper together."""
        groups: dict[Helper, list[Stmt]] = {}
        found: list[Any] = []
        for stmt in stmts:
            chain = self.chain(stmt)
            if len(chain) <= depth:
                found.append(stmt)
            elif chain[depth] in groups:
                groups[chain[depth]].append(stmt)
            else:
                found.append(groups.setdefault(chain[depth], [stmt]))
        return found

    def chain(self, stmt: Stmt) -> Chain:
        homes = self.run.homes
        return next((homes[x] for x in outs(stmt) if x in homes), ())

    def outs(self, unit: Any) -> list[Value]:
        stmts = unit if isinstance(unit, list) else [unit]
        return [x for s in stmts for x in outs(s)]

    def loud(self, x: Operand) -> list[Value]:
        """Return the wires that a value is made of: itself, if it is one."""
        if isinstance(x, ir.Const):
            return []
        if not self.quiet(x):
            return [x]
        return self.sources(self.made.get(x))

    def sources(self, stmt: Stmt | None) -> list[Value]:
        """Return the wires that a number in a label is made of."""
        if not isinstance(stmt, ir.Op | ir.Read | ir.View):
            return []
        if isinstance(stmt, ir.Op) and stmt.row in ("dim", "length"):
            return []
        return [y for a in free(stmt) for y in self.loud(a)]

    def reads(self, unit: Any) -> dict[Value, list[Any]]:
        """Return the wires that a unit takes, each with its parts of the gradient."""
        stmts = unit if isinstance(unit, list) else [unit]
        own = {*self.outs(unit)}
        parts: dict[Value, list[Any]] = {}
        for stmt in stmts:
            for y in dict.fromkeys(y for x in free(stmt) for y in self.loud(x)):
                if y not in own:
                    parts.setdefault(y, []).append(self.part(stmt, y))
        return parts

    # numbers

    def part(self, stmt: Stmt, x: Value, kind: str = "part") -> Any:
        """Return what a statement gave to the cotangent of a value; None: nothing."""
        notes = self.run.backward
        if (stmt, x) in notes.unclear:
            return _UNKNOWN
        found = notes.found((kind, stmt, x, 0), True)
        if found is None and not isinstance(stmt, ir.Op | ir.Assert):
            return _UNKNOWN
        for k in count(1):
            more = notes.found((kind, stmt, x, k), True)
            if more is None:
                break
            if notes.was_joined(stmt):  # these are of others too
                return _UNKNOWN
            found = found + more
        return found

    def total(self, parts: Sequence[Any]) -> Any:
        """Return the sum of parts, unknown if one is."""
        if any(p is _UNKNOWN for p in parts):
            return _UNKNOWN
        known = [p for p in parts if p is not None]
        return sum(known[1:], known[0]) if known else None

    def gradient(self, x: Value, g: Any) -> str:
        """Return a cotangent as text, broadcast to its value."""
        value = self.value(x)
        if g is None or g is _UNKNOWN or not is_float(x.type):
            return ""
        if isinstance(value, np.ndarray) and not isinstance(g, list):
            try:
                g = np.broadcast_to(g, value.shape)
            except ValueError:
                return ""  # of a part
        return shown(g, shape=False)

    def value(self, x: Value) -> Any:
        """Return a value as it was when the block around was run last."""
        if self.scope is not None and x in entering(*self.scope):
            key: Key = ("value", self.scope[0], x, self.scope[1])
        else:
            key = ("value", None, x, 0)
        return self.run.forward.found(key, False)

    @contextmanager
    def inside(self, stmt: Stmt, k: int = 0) -> Iterator[None]:
        """Be in a block of a loop or branch."""
        before, self.scope = self.scope, (stmt, k)
        yield
        self.scope = before

    def wire(self, x: Value, source: Node, name: str) -> Wire:
        """Return the wire of a value, with all that is known of it."""
        value, run = self.value(x), self.run
        if value is None:
            return Wire(source, name, kind_of(x.type))
        whole = run.gradients.get(x)
        if whole is None:
            whole = run.backward.found(("whole", None, x, 0), True)
        detail = f"{name or 'value'}: {detailed(value)}"
        if whole is not None:
            detail += f"\ngradient: {detailed(whole)}"
        return Wire(source, name, shown(value), self.gradient(x, whole), detail)

    # boxes

    def opens(self, name: str, line: int) -> bool:
        """Tell whether a box is unfolded."""
        if isinstance(self.unfold, bool):
            return self.unfold
        return name in self.unfold or line in self.unfold

    def node(self, unit: Any, depth: int, made: Sequence[Value]) -> tuple[Node, Doors]:
        """Return the node of a statement or of a helper's call, and its doors."""
        if isinstance(unit, list):
            node = Node("helper", self.chain(unit[0])[depth].name, unit[0].loc.line)
            if not self.opens(node.label, node.line):
                return node, {}
            enters = {x: self.named(x) for x in self.reads(unit)}
            leaves: Ends = [(x, self.named(x, "result")) for x in made]
            node.inner = self.graph(unit, enters, leaves, depth + 1, "door")
            return node, _doors(node.inner.enters, made, node.inner.leaves)
        node = Node(
            _KINDS.get(type(unit), "operation"), self.label(unit), unit.loc.line
        )
        if len(node.label) > _LABEL:
            node.detail, node.label = (
                node.label,
                f"{node.label[: _LABEL - 2]}…{node.label[-1]}",
            )
        if isinstance(unit, ir.If) and isinstance(unit.cond, Value):
            taken = self.value(unit.cond)
            node.label += f" → {bool(taken)}" * (taken is not None)
        if isinstance(unit, ir.Loop) and self.opens("loop", node.line):
            return node, self.open_loop(node, unit, depth, made)
        if isinstance(unit, ir.If) and self.opens("branch", node.line):
            return node, self.open_branch(node, unit, depth, made)
        return node, {}

    def named(self, x: Value, otherwise: str = "value") -> str:
        """Return what a value is called where it enters or leaves a box."""
        return x.name.lstrip(".") or x.hint or otherwise

    def open_loop(
        self, node: Node, stmt: ir.Loop, depth: int, made: Sequence[Value]
    ) -> Doors:
        """Put one turn of a loop into its box."""
        carried = {c.inn: c for c in stmt.carries if not self.quiet(c.inn)}
        enters = {x: self.named(x) for x in [*carried, *self.reads(stmt)]}
        handed = [c for c in carried.values() if c.out in made]
        ends = [(c.yld, self.named(c.out)) for c in handed]
        head = stmt.test.stmts if isinstance(stmt, ir.While) else ()
        inside = (*head, *stmt.body.stmts)
        with self.inside(stmt):
            inner = self.graph(inside, enters, ends, depth, "door", stmt, carried)
        node.inner = inner
        doors = _doors(inner.enters, [c.out for c in handed], inner.leaves)
        for c in carried.values():
            for x in self.loud(c.init):
                doors[x] = doors.get(x, []) + doors.get(c.inn, [])
        return doors

    def open_branch(
        self, node: Node, stmt: ir.If, depth: int, used: Sequence[Value]
    ) -> Doors:
        """Put both arms of a branch into its box, side by side."""
        node.inner = Graph()
        doors: Doors = {}
        merges = [m for m in stmt.merges if m.out in used]
        for name, block, arm in (("then", stmt.then, 0), ("else", stmt.orelse, 1)):
            ends = [((m.then, m.orelse)[arm], self.named(m.out)) for m in merges]
            read = {y: None for x in free(stmt) for y in self.loud(x)}
            enters = {x: self.named(x) for x in read}
            part = Node("arm", name)
            with self.inside(stmt, arm):
                part.inner = self.graph(block.stmts, enters, ends, depth, "door", stmt)
            node.inner.nodes.append(part)
            found = _doors(
                part.inner.enters, [m.out for m in merges], part.inner.leaves
            )
            for x, held in found.items():
                doors[x] = doors.get(x, []) + held
        return doors


def _doors(enters: Doors, made: Sequence[Value], leaves: Sequence[Node]) -> Doors:
    """Return the nodes in a box that stand for the values around it."""
    found = {x: [*nodes] for x, nodes in enters.items()}
    return {**found, **{x: [n] for x, n in zip(made, leaves, strict=True)}}


def _short(text: str, repeated: bool) -> str:
    """Return the text of an operation without the dots that say nothing.

    >>> _short("np.tanh(·)", False), _short("· ** 2", False), _short("2 - ·", False)
    ('tanh', '** 2', '2 -')
    >>> _short("np.sum(·, axis=0)", False), _short("· * ·", True), _short("-·", False)
    ('sum(axis=0)', '· * ·', 'neg')
    >>> _short("np.maximum(·, 0)", False), _short("·.sum()", False)
    ('maximum(·, 0)', 'sum')
    """
    text = _MODULES.sub("", text)
    if repeated:
        return text
    for form in (_CALL, _METHOD):
        if found := form.fullmatch(text):
            return f"{found['f']}({found['rest']})" if found["rest"] else found["f"]
    found = _INFIX.fullmatch(text)
    return {"-·": "neg"}.get(text, found["f"] if found else text)
