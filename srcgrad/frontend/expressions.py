"""Read expressions: names, operators, comparisons, short circuits, containers."""

from __future__ import annotations

import ast
import functools
import operator
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from srcgrad.builder import const
from srcgrad.frontend import attributes, calls, indexing
from srcgrad.frontend import values as v
from srcgrad.frontend.state import Unjoinable, branch
from srcgrad.frontend.values import Ref, Static, Thing, Tuple
from srcgrad.ir import Const, Operand
from srcgrad.types import Array, ListOf, Scalar

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader

_BINARY: dict[type, str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div",
    ast.FloorDiv: "floordiv", ast.Mod: "mod", ast.Pow: "pow", ast.BitAnd: "bitand",
    ast.BitOr: "bitor", ast.BitXor: "bitxor",
    ast.LShift: "lshift", ast.RShift: "rshift",
}  # fmt: skip
_UNARY: dict[type, str] = {ast.USub: "neg", ast.UAdd: "pos", ast.Invert: "invert"}
_COMPARE: dict[type, str] = {
    ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq",
    ast.NotEq: "ne",
}  # fmt: skip


def evaluate(reader: Reader, node: ast.expr) -> Thing:
    """Read one expression and return what it stands for."""
    match node:
        case ast.Constant(value):
            return calls.lift(reader, value)
        case ast.Name(name):
            return reader.lookup(name)
        case ast.BinOp(left, op, right):
            first = reader.expression(left)
            with reader.holding(first):
                second = reader.expression(right)
            return binary(reader, op, first, second)
        case ast.UnaryOp(ast.Not(), operand):
            return negation(reader, condition(reader, operand))
        case ast.UnaryOp(op, operand):
            return _unary(reader, _UNARY[type(op)], reader.expression(operand))
        case ast.BoolOp(op, parts):
            return _short_circuit(reader, op, parts, reader.expression)
        case ast.Compare(left, ops, others):
            return _chain(reader, reader.expression(left), ops, others)
        case ast.IfExp(test, body, orelse):
            cond = condition(reader, test)
            arms = (
                (lambda: reader.expression(body)),
                (lambda: reader.expression(orelse)),
            )
            return _choice(reader, cond, *arms)
        case ast.Call():
            return calls.call(reader, node)
        case ast.Attribute():
            return attributes.attribute(reader, node)
        case ast.Subscript():
            return indexing.subscript(reader, node)
        case ast.Slice():
            return indexing.slice_value(reader, node)
        case ast.Tuple(parts):
            return Tuple(tuple(elements(reader, parts)))
        case ast.List(parts):
            return new_list(reader, elements(reader, parts))
        case ast.Dict():
            return _dict(reader, node)
        case ast.Lambda() | ast.FunctionDef():
            return calls.closure(reader, node)
        case ast.ListComp() | ast.GeneratorExp() | ast.DictComp():
            return calls.comprehension(reader, node)
        case ast.NamedExpr(ast.Name(name), inner):
            named = reader.expression(inner)
            reader.bind(name, named)
            return named
        case ast.JoinedStr():
            return Static(ast.unparse(node))
    raise reader.problem("SG107", "this expression is outside the language")


def elements(reader: Reader, nodes: list[ast.expr]) -> list[Thing]:
    """Read the items of a tuple, a list or a call."""
    items: list[Thing] = []
    depth = len(reader.held)
    for node in nodes:
        if isinstance(node, ast.Starred):
            with reader.at(node):
                items += calls.items_of(reader, reader.expression(node.value))
        else:
            items.append(reader.expression(node))
            reader.held.append(items[-1])
    del reader.held[depth:]
    return items


def new_list(reader: Reader, items: list[Thing]) -> v.ListCell:
    """Return a new list with these items."""
    cell = v.ListCell("")
    reader.state.heap[cell] = tuple(items)
    return cell


def _dict(reader: Reader, node: ast.Dict) -> Thing:
    contents: dict[Any, Thing] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            inner: Any = reader.expression(value)
            contents |= reader.state.heap[inner]
        else:
            with reader.at(key):
                known = calls.static(reader, reader.expression(key))
            contents[known] = reader.expression(value)
    cell = v.DictCell("")
    reader.state.heap[cell] = contents
    return cell


def binary(reader: Reader, op: ast.operator, left: Thing, right: Thing) -> Thing:
    """Apply a binary operator."""
    if isinstance(op, ast.MatMult):
        return calls.matmul(reader, left, right)
    row = _BINARY.get(type(op))
    if row is None:
        raise reader.problem("SG107", "this operator is outside the language")
    sequence = _sequence_operator(reader, row, left, right)
    if sequence is not None:
        return sequence
    if isinstance(left, Static) and isinstance(right, Static):
        numbers = bool | int | float | str
        if isinstance(left.value, numbers) and isinstance(right.value, numbers):
            apply = operator.truediv if row == "div" else getattr(operator, row)
            return calls.lift(reader, apply(left.value, right.value))
    a, b = reader.operand(left), reader.operand(right)
    if row == "pow" and isinstance(b, Const):
        # Python's int ** int is an int or a float, by the sign of the exponent.
        if isinstance(a, Const):
            power = a.value**b.value
            if isinstance(power, int | float) and abs(power) < 2**62:
                return const(power)
        ints = a.type.dtype == b.type.dtype == "int64"
        if ints and a.type.python and b.type.python and b.value < 0:
            a = reader.build.op("cast", a, dtype="float64", python=True)
    return reader.thing(reader.build.op(row, a, b))


def _sequence_operator(
    reader: Reader, row: str, left: Thing, right: Thing
) -> Thing | None:
    """Apply `+` and `*` of lists and tuples."""
    match row, left, right:
        case "add", Tuple(), Tuple():
            return Tuple(left.items + right.items)
        case "add", v.ListCell(), v.ListCell():
            both = [calls.items_of(reader, side) for side in (left, right)]
            return new_list(reader, both[0] + both[1])
        case ("mul", Tuple(), Const() as count) | ("mul", Const() as count, Tuple()):
            items = left.items if isinstance(left, Tuple) else right.items  # type: ignore[union-attr]
            return Tuple(items * int(count.value))
        case ("mul", v.ListCell() as one, count) | ("mul", count, v.ListCell() as one):
            listed = calls.items_of(reader, one)
            if isinstance(count, Const):
                return new_list(reader, listed * int(count.value))
            if v.is_operand(count) and len(listed) == 1 and v.is_operand(listed[0]):
                ref = reader.allocate(reader.build.op("full", listed[0], count))
                ref.root.listlike = 1
                return ref
    lists = [x for x in (left, right) if isinstance(x, v.ListCell) or v.list_axes(x)]
    counted = any(v.is_operand(x) and x.type.dtype != "float64" for x in (left, right))
    if (row == "add" and len(lists) == 2) or (row == "mul" and lists and counted):
        what = "lists whose length is not known are not joined or repeated"
        raise reader.problem("SG203", what, "use `np.concatenate`")
    return None


def augmented(reader: Reader, stmt: ast.AugAssign) -> None:
    """Read `target op= value`: in place for arrays and lists, rebinding for numbers."""
    target = stmt.target
    owner = index = None
    if isinstance(target, ast.Name):
        current = reader.lookup(target.id)
    elif isinstance(target, ast.Subscript):
        owner, index = indexing.target(reader, target)
        current = indexing.get(reader, owner, index)
    else:
        current = attributes.attribute(reader, target)
    value = reader.expression(stmt.value)
    if isinstance(current, v.ListCell) and isinstance(stmt.op, ast.Add):
        calls.extend(reader, current, value)
        return
    result = binary(reader, stmt.op, current, value)
    in_place = isinstance(current, Ref) and isinstance(current.type, Array | Scalar)
    if owner is not None and index is not None:
        in_place = indexing.in_place(reader, owner, current, index)
    if in_place and isinstance(current, Ref):
        operand = reader.operand(result)
        if current.type.dtype.startswith("int") and operand.type.dtype.startswith(
            "float"
        ):
            raise reader.problem(
                "SG402", "an integer array cannot hold the result of this operation",
                "make the array a float array first: `.astype(float)`",
            )  # fmt: skip
        reader.store(current, operand)
    elif owner is not None and index is not None:
        indexing.put(reader, owner, index, result)
    else:
        reader.assign(target, result)


def _unary(reader: Reader, row: str, value: Thing) -> Thing:
    """Apply `-`, `+` or `~`."""
    operand = reader.operand(value)
    if row == "pos" and isinstance(operand, Const):
        return operand
    if row == "invert" and (operand.type.dtype != "bool" or operand.type.python):
        minus = reader.build.op("neg", operand)
        return reader.thing(reader.build.op("sub", minus, const(1)))
    return reader.thing(reader.build.op(row, operand))


def negation(reader: Reader, cond: Operand) -> Operand:
    """Return `not cond`."""
    if isinstance(cond, Const):
        return const(not cond.value)
    out: Operand = reader.build.op("not_", cond)
    return out


def truth(reader: Reader, thing: Thing) -> Operand:
    """Return a thing's truth value."""
    build = reader.build
    out: Operand
    match thing:
        case Const() | Static():
            return const(bool(thing.value))
        case v.Record():
            return const(True)
        case Ref(root=root, type=Array()) if not root.listlike:
            what, help = (
                "the truth value of an array is ambiguous",
                "use `np.any(...)` or `np.all(...)`",
            )
            return truth(reader, indexing.single(reader, thing, what, help))
        case Tuple() | v.Cell() | Ref(type=Array() | ListOf()):
            out = build.op("gt", calls.length(reader, thing), const(0))
        case _:
            out = reader.operand(thing)
            if out.type.dtype != "bool":
                out = build.op("truth", out)
    return out


def condition(reader: Reader, node: ast.expr) -> Operand:
    """Read a test: the parts of its `and` and `or` need not be of one kind."""
    if isinstance(node, ast.BoolOp):
        thing = _short_circuit(
            reader, node.op, node.values, functools.partial(condition, reader)
        )
    else:
        thing = reader.expression(node)
    with reader.at(node):
        return truth(reader, thing)


def _choice(
    reader: Reader,
    cond: Operand,
    then: Callable[[], Thing],
    orelse: Callable[[], Thing],
) -> Thing:
    """Evaluate what a condition chooses."""
    if isinstance(cond, Const):
        return (then if cond.value else orelse)()
    try:
        result = branch(reader, cond, then, orelse, None)
    except Unjoinable as clash:
        return reader.clash("the expression", clash)
    return v.Poison() if result is None else result


def _short_circuit(
    reader: Reader, op: ast.boolop, nodes: list[ast.expr],
    read: Callable[[ast.expr], Thing],
) -> Thing:  # fmt: skip
    """Read `and` / `or`: the second operand is evaluated only if it decides."""
    first = read(nodes[0])
    if len(nodes) == 1:
        return first
    both = isinstance(op, ast.And)
    with reader.at(nodes[0]):
        cond = truth(reader, first)

    def more() -> Thing:
        return _short_circuit(reader, op, nodes[1:], read)

    def decided() -> Thing:
        same = isinstance(first, Operand) and first.type == cond.type
        return const(not both) if same else first

    with reader.holding(first):
        return _choice(reader, cond, *((more, decided) if both else (decided, more)))


def _chain(
    reader: Reader, left: Thing, ops: list[ast.cmpop], rest: list[ast.expr],
) -> Thing:  # fmt: skip
    """Read a chain of comparisons; each operand is evaluated at most once."""
    with reader.holding(left):
        right = reader.expression(rest[0])
    result = compare(reader, ops[0], left, right)
    if len(ops) == 1:
        return result

    def more() -> Thing:
        return truth(reader, _chain(reader, right, ops[1:], rest[1:]))

    return _choice(reader, truth(reader, result), more, lambda: const(False))


def compare(reader: Reader, op: ast.cmpop, left: Thing, right: Thing) -> Thing:
    """Compare two things."""
    equal = isinstance(op, ast.Eq | ast.Is | ast.In)
    if isinstance(op, ast.Is | ast.IsNot):
        same = left is right or (isinstance(left, Ref) and left == right)
        if isinstance(left, Static) and isinstance(right, Static):
            same = left.value is right.value
        return const(same == equal)
    if isinstance(op, ast.In | ast.NotIn):
        found = _membership(reader, left, right)
        return found if equal else negation(reader, found)
    plain = isinstance(op, ast.Eq | ast.NotEq)
    if isinstance(left, Static) or isinstance(right, Static):
        if not plain:
            what = f"{v.kind_of(left)} and {v.kind_of(right)}"
            raise reader.problem("SG402", f"{what} are not ordered")
        return const((left == right) == equal)
    if isinstance(left, Tuple) and isinstance(right, Tuple):
        if not plain:
            raise reader.problem("SG107", "tuples are compared with == only")
        alike: Operand = const(False)
        if len(left.items) == len(right.items):
            pairs = zip(left.items, right.items, strict=True)
            alike = _joined(reader, "logical_and", pairs)
        return alike if equal else negation(reader, alike)
    a, b = reader.operand(left), reader.operand(right)
    return reader.thing(reader.build.op(_COMPARE[type(op)], a, b))


def _membership(reader: Reader, left: Thing, right: Thing) -> Operand:
    if isinstance(right, v.DictCell):
        return const(calls.static(reader, left) in reader.state.heap[right])
    if isinstance(left, Static) and isinstance(right, Static):
        return const(left.value in right.value)
    pairs = ((left, item) for item in calls.items_of(reader, right))
    return _joined(reader, "logical_or", pairs)


def _joined(reader: Reader, row: str, pairs: Iterable[tuple[Thing, Thing]]) -> Operand:
    """Return whether both things of all pairs are equal, or of any."""
    decides = row == "logical_or"
    result: Operand = const(not decides)
    for a, b in pairs:
        same = truth(reader, compare(reader, ast.Eq(), a, b))
        if isinstance(same, Const):
            if bool(same.value) == decides:
                return const(decides)
        elif isinstance(result, Const):
            result = same
        else:
            result = reader.build.op(row, result, same)
    return result


def assign_attribute(reader: Reader, target: ast.Attribute, value: Thing) -> None:
    """Store into a field of an object."""
    owner = reader.expression(target.value)
    if not isinstance(owner, v.Record):
        what = v.kind_of(owner)
        raise reader.problem("SG101", f"an attribute of a {what} cannot be set")
    heap = reader.state.heap
    heap[owner] = {**heap[owner], target.attr: value}
