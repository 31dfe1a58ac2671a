"""Read expressions: names, operators, comparisons, short circuits, containers."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from srcgrad.builder import const
from srcgrad.frontend import attributes, calls, indexing, stacks
from srcgrad.frontend.state import Unjoinable, branch
from srcgrad.frontend.values import (
    Cell,
    DictCell,
    ListCell,
    Record,
    Ref,
    Static,
    Thing,
    Tuple,
    is_operand,
    is_point,
    kind_of,
)
from srcgrad.ir import Const, Operand, Value
from srcgrad.types import Array, Scalar

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader

__all__ = [
    "assign_attribute",
    "augmented",
    "binary",
    "compare",
    "condition",
    "evaluate",
    "truth",
]

_NUMBERS = (bool, int, float, str)
_BINARY: dict[type, str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div",
    ast.FloorDiv: "floordiv", ast.Mod: "mod", ast.Pow: "pow", ast.BitAnd: "bitand",
    ast.BitOr: "bitor", ast.BitXor: "bitxor",
    ast.LShift: "lshift", ast.RShift: "rshift",
}  # fmt: skip
_STATIC: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul,
    "div": operator.truediv, "floordiv": operator.floordiv, "mod": operator.mod,
    "pow": operator.pow,
}  # fmt: skip
_COMPARE: dict[type, str] = {
    ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq",
    ast.NotEq: "ne",
}  # fmt: skip


def evaluate(reader: Reader, node: ast.expr) -> Thing:
    """Read one expression and return what it stands for."""
    match node:
        case ast.Constant():
            return constant(node.value)
        case ast.Name():
            return reader.lookup(node.id, node)
        case ast.BinOp():
            return _binop(reader, node)
        case ast.UnaryOp():
            return unary(reader, node)
        case ast.BoolOp():
            return short_circuit(reader, node, list(node.values))
        case ast.Compare():
            return comparison(reader, node)
        case ast.IfExp():
            return ternary(reader, node)
        case ast.Call():
            return calls.call(reader, node)
        case ast.Attribute():
            return attributes.attribute(reader, node)
        case ast.Subscript():
            return indexing.subscript(reader, node)
        case ast.Tuple():
            return Tuple(tuple(_elements(reader, node.elts)))
        case ast.List():
            return new_list(reader, _elements(reader, node.elts))
        case ast.Dict():
            return _dict(reader, node)
        case ast.Lambda() | ast.FunctionDef():
            return calls.closure(reader, node)
        case ast.ListComp() | ast.GeneratorExp():
            return calls.comprehension(reader, node)
        case ast.DictComp():
            return calls.dict_comprehension(reader, node)
        case ast.NamedExpr():
            value = evaluate(reader, node.value)
            reader.bind(node.target.id, value)
            return value
        case ast.JoinedStr():
            return Static(ast.unparse(node))
        case ast.Slice():
            return indexing.slice_value(reader, node)
        case _:
            raise reader.problem(
                "SG107", "this expression is outside the language", node
            )


def constant(value: Any) -> Thing:
    """Return a literal as a thing."""
    if isinstance(value, bool | int | float):
        return const(value)
    return Static(value)


def _elements(reader: Reader, nodes: list[ast.expr]) -> list[Thing]:
    items: list[Thing] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            inner = evaluate(reader, node.value)
            items += calls.items_of(reader, inner, node)
        else:
            items.append(evaluate(reader, node))
            reader.held.append(items[-1])
    held = sum(not isinstance(n, ast.Starred) for n in nodes)
    del reader.held[len(reader.held) - held :]
    return items


def new_list(reader: Reader, items: list[Thing]) -> ListCell:
    """Return a new list with these items."""
    cell = ListCell("")
    reader.state.heap[cell] = tuple(items)
    return cell


def _dict(reader: Reader, node: ast.Dict) -> Thing:
    cell = DictCell("")
    contents: dict[Any, Thing] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            inner = evaluate(reader, value)
            contents.update(reader.state.heap[inner])  # type: ignore[index]
        else:
            contents[calls.static(reader, evaluate(reader, key), key)] = evaluate(
                reader, value
            )
    reader.state.heap[cell] = contents
    return cell


def _binop(reader: Reader, node: ast.BinOp) -> Thing:
    left = evaluate(reader, node.left)
    with reader.holding(left):
        right = evaluate(reader, node.right)
    return binary(reader, node.op, left, right, node)


def binary(
    reader: Reader, op: ast.operator, left: Thing, right: Thing, node: ast.AST
) -> Thing:
    """Apply a binary operator."""
    if isinstance(op, ast.MatMult):
        return calls.matmul(reader, left, right, node)
    row = _BINARY.get(type(op))
    if row is None:
        raise reader.problem("SG107", "this operator is outside the language", node)
    sequence = _sequence_operator(reader, row, left, right, node)
    if sequence is not None:
        return sequence
    known = (left, right)
    if all(isinstance(t, Static) and isinstance(t.value, _NUMBERS) for t in known):
        assert isinstance(left, Static)
        assert isinstance(right, Static)
        return constant(_STATIC[row](left.value, right.value))
    a, b = reader.operand(left, node), reader.operand(right, node)
    if row == "pow":
        return reader.thing(_power(reader, a, b, node))
    return reader.thing(reader.build.op(row, a, b))


def _power(reader: Reader, a: Operand, b: Operand, node: ast.AST) -> Operand:
    """Python's int ** int is an int or a float, by the sign of the exponent."""
    build = reader.build
    if isinstance(a, Const) and isinstance(b, Const):
        result = a.value**b.value
        if isinstance(result, int | float) and abs(result) < 2**62:
            return const(result)
    ints = a.type.dtype == b.type.dtype == "int64"
    if ints and b.type.python and isinstance(b, Const) and b.value < 0:
        if a.type.python:
            a = build.op("cast", a, dtype="float64", python=True)
    out: Operand = build.op("pow", a, b)
    return out


def _sequence_operator(
    reader: Reader, row: str, left: Thing, right: Thing, node: ast.AST
) -> Thing | None:
    """`+` and `*` of lists and tuples."""
    if isinstance(left, Tuple) and isinstance(right, Tuple) and row == "add":
        return Tuple(left.items + right.items)
    if isinstance(left, ListCell) and isinstance(right, ListCell) and row == "add":
        items = calls.items_of(reader, left, node) + calls.items_of(reader, right, node)
        return new_list(reader, items)
    if row != "mul":
        return None
    if isinstance(right, ListCell | Tuple):
        left, right = right, left
    if isinstance(left, Tuple) and isinstance(right, Const):
        return Tuple(left.items * int(right.value))
    if isinstance(left, ListCell) and is_operand(right):
        items = calls.items_of(reader, left, node)
        if isinstance(right, Const):
            return new_list(reader, items * int(right.value))
        if len(items) == 1 and is_operand(items[0]):
            assert isinstance(right, Value)
            assert isinstance(items[0], Const | Value)
            out = reader.build.op("full", items[0], right)
            ref = reader.allocate(out)
            ref.root.listlike = True
            return ref
    return None


def augmented(reader: Reader, stmt: ast.AugAssign) -> None:
    """Read `target op= value`: in place for arrays and lists, rebinding for numbers."""
    target = stmt.target
    if isinstance(target, ast.Name):
        current = reader.lookup(target.id, target)
        value = evaluate(reader, stmt.value)
        if isinstance(current, ListCell) and isinstance(stmt.op, ast.Add):
            calls.extend(reader, current, value, stmt)
            return
        if isinstance(current, Ref) and isinstance(current.type, Array | Scalar):
            _in_place(reader, current, stmt, value)
            return
        reader.bind(target.id, binary(reader, stmt.op, current, value, stmt))
        return
    if isinstance(target, ast.Subscript):
        owner, index = indexing.target(reader, target)
        current = indexing.get(reader, owner, index, target)
        value = evaluate(reader, stmt.value)
        if indexing.in_place(reader, owner, current, index):
            assert isinstance(current, Ref)
            _in_place(reader, current, stmt, value)
            return
        indexing.put(
            reader, owner, index, binary(reader, stmt.op, current, value, stmt), target
        )
        return
    assert isinstance(target, ast.Attribute)
    current = attributes.attribute(reader, target)
    value = evaluate(reader, stmt.value)
    if isinstance(current, Ref):
        _in_place(reader, current, stmt, value)
    else:
        assign_attribute(reader, target, binary(reader, stmt.op, current, value, stmt))


def _in_place(reader: Reader, ref: Ref, stmt: ast.AugAssign, value: Thing) -> None:
    result = binary(reader, stmt.op, ref, value, stmt)
    operand = reader.operand(result, stmt)
    if ref.type.dtype.startswith("int") and operand.type.dtype.startswith("float"):
        raise reader.problem(
            "SG402", "an integer array cannot hold the result of this operation", stmt,
            helps=("make the array a float array first: `.astype(float)`",),
        )  # fmt: skip
    reader.store(ref, operand, stmt)


def unary(reader: Reader, node: ast.UnaryOp) -> Thing:
    """Apply `-`, `+`, `not` or `~`."""
    if isinstance(node.op, ast.Not):
        return negation(reader, condition(reader, node.operand))
    value = evaluate(reader, node.operand)
    row = {ast.USub: "neg", ast.UAdd: "pos", ast.Invert: "invert"}[type(node.op)]
    operand = reader.operand(value, node)
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


def truth(reader: Reader, thing: Thing, node: ast.AST) -> Operand:
    """Return a thing's truth value."""
    if isinstance(thing, Const):
        return const(bool(thing.value))
    if isinstance(thing, Static):
        return const(bool(thing.value))
    if isinstance(thing, Tuple):
        return const(bool(thing.items))
    if isinstance(thing, Cell):
        contents = reader.state.heap.get(thing)
        if isinstance(contents, Ref) or stacks.is_stack(thing, contents):
            return reader.build.op("gt", calls.length(reader, thing, node), const(0))  # type: ignore[no-any-return]
        return const(bool(contents) or isinstance(thing, Record))
    if isinstance(thing, Ref) and not is_point(thing):
        if thing.root.listlike or not isinstance(thing.type, Array):
            size = calls.length(reader, thing, node)
            return reader.build.op("gt", size, const(0))  # type: ignore[no-any-return]
        if all(d.known == 1 for d in thing.type.dims):
            items = reader.build.read(
                reader.version(thing.root), (*thing.path, indexing.first(thing.type))
            )
            return truth(reader, items, node)
        raise reader.problem(
            "SG402", "the truth value of an array is ambiguous", node,
            helps=("use `np.any(...)` or `np.all(...)`",),
        )  # fmt: skip
    operand = reader.operand(thing, node)
    if operand.type.dtype == "bool":
        return operand
    out: Operand = reader.build.op("truth", operand)
    return out


def condition(reader: Reader, node: ast.expr) -> Operand:
    """Read a test: the parts of its `and` and `or` need not be of one kind."""
    thing: Thing
    if isinstance(node, ast.BoolOp):
        thing = short_circuit(reader, node, list(node.values), condition)
    else:
        thing = evaluate(reader, node)
    return truth(reader, thing, node)


def short_circuit(
    reader: Reader, node: ast.BoolOp, values: list[ast.expr],
    read: Callable[[Reader, ast.expr], Thing] = evaluate,
) -> Thing:  # fmt: skip
    """Read `and` / `or`: the second operand is evaluated only if it decides."""
    first = read(reader, values[0])
    if len(values) == 1:
        return first
    both = isinstance(node.op, ast.And)
    cond = truth(reader, first, values[0])
    if isinstance(cond, Const):
        if bool(cond.value) == both:
            return short_circuit(reader, node, values[1:], read)
        return first

    def more() -> Thing:
        return short_circuit(reader, node, values[1:], read)

    def decided() -> Thing:
        if is_operand(first) and first.type == cond.type:  # type: ignore[union-attr]
            return const(not both)
        return first

    arms = (more, decided) if both else (decided, more)
    with reader.holding(first):
        result = branch(reader, cond, arms[0], arms[1], None)
    assert result is not None
    return result


def comparison(reader: Reader, node: ast.Compare) -> Thing:
    """Read a chain of comparisons; each operand is evaluated at most once."""
    left = evaluate(reader, node.left)
    return _chain(reader, left, list(node.ops), list(node.comparators), node)


def _chain(
    reader: Reader,
    left: Thing,
    ops: list[ast.cmpop],
    rest: list[ast.expr],
    node: ast.AST,
) -> Thing:
    with reader.holding(left):
        right = evaluate(reader, rest[0])
    result = compare(reader, ops[0], left, right, node)
    if len(ops) == 1:
        return result
    cond = truth(reader, result, node)
    if isinstance(cond, Const):
        return _chain(reader, right, ops[1:], rest[1:], node) if cond.value else cond
    joined = branch(
        reader,
        cond,
        lambda: truth(reader, _chain(reader, right, ops[1:], rest[1:], node), node),
        lambda: const(False),
        None,
    )
    assert joined is not None
    return joined


def compare(
    reader: Reader, op: ast.cmpop, left: Thing, right: Thing, node: ast.AST
) -> Thing:
    """Compare two things."""
    if isinstance(op, ast.Is | ast.IsNot):
        return const(_identical(left, right) == isinstance(op, ast.Is))
    if isinstance(op, ast.In | ast.NotIn):
        return _membership(reader, op, left, right, node)
    if isinstance(left, Static) or isinstance(right, Static):
        same = isinstance(left, Static) and left == right
        if isinstance(op, ast.Eq | ast.NotEq):
            return const(same == isinstance(op, ast.Eq))
        raise reader.problem(
            "SG402", f"{kind_of(left)} and {kind_of(right)} are not ordered", node
        )
    if isinstance(left, Tuple) and isinstance(right, Tuple):
        return _tuples(reader, op, left, right, node)
    a, b = reader.operand(left, node), reader.operand(right, node)
    return reader.thing(reader.build.op(_COMPARE[type(op)], a, b))


def _tuples(
    reader: Reader, op: ast.cmpop, left: Tuple, right: Tuple, node: ast.AST
) -> Thing:
    if not isinstance(op, ast.Eq | ast.NotEq):
        raise reader.problem("SG107", "tuples are compared with == only", node)
    if len(left.items) != len(right.items):
        return const(isinstance(op, ast.NotEq))
    result: Operand = const(True)
    for a, b in zip(left.items, right.items, strict=True):
        same = truth(reader, compare(reader, ast.Eq(), a, b, node), node)
        if isinstance(result, Const):
            result = same if result.value else result
        elif same != const(True):
            result = reader.build.op("logical_and", result, same)
    return result if isinstance(op, ast.Eq) else negation(reader, result)


def _identical(left: Thing, right: Thing) -> bool:
    if isinstance(left, Static) and isinstance(right, Static):
        return left.value is right.value
    if isinstance(left, Ref) and isinstance(right, Ref):
        return left.root is right.root and left.path == right.path
    return left is right


def _membership(
    reader: Reader, op: ast.cmpop, left: Thing, right: Thing, node: ast.AST
) -> Thing:
    wanted = isinstance(op, ast.In)
    if isinstance(right, DictCell):
        key = calls.static(reader, left, node)
        return const((key in reader.state.heap[right]) == wanted)
    if isinstance(left, Static) and isinstance(right, Static):
        return const((left.value in right.value) == wanted)
    result: Operand = const(False)
    for item in calls.items_of(reader, right, node):
        same = truth(reader, compare(reader, ast.Eq(), left, item, node), node)
        if isinstance(same, Const):
            if same.value:
                return const(wanted)
        elif isinstance(result, Const):
            result = same
        else:
            result = reader.build.op("logical_or", result, same)
    return result if wanted else negation(reader, result)


def ternary(reader: Reader, node: ast.IfExp) -> Thing:
    """Read `a if c else b`."""
    cond = condition(reader, node.test)
    if isinstance(cond, Const):
        return evaluate(reader, node.body if cond.value else node.orelse)
    try:
        result = branch(
            reader,
            cond,
            lambda: evaluate(reader, node.body),
            lambda: evaluate(reader, node.orelse),
            None,
        )
    except Unjoinable as clash:
        return reader.clash("the expression", clash)
    assert result is not None
    return result


def assign_attribute(reader: Reader, target: ast.Attribute, value: Thing) -> None:
    """Store into a field of an object."""
    owner = evaluate(reader, target.value)
    if not isinstance(owner, Record):
        raise reader.problem(
            "SG101", f"an attribute of a {kind_of(owner)} cannot be set", target
        )
    fields = dict(reader.state.heap[owner])
    fields[target.attr] = value
    reader.state.heap[owner] = fields
