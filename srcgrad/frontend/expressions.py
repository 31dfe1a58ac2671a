"""Read expressions: names, operators, comparisons, short circuits, containers."""

from __future__ import annotations

import ast
import contextlib
import functools
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from srcgrad.builder import const
from srcgrad.frontend import (
    attributes,
    calls,
    choices,
    columns,
    indexing,
    iteration,
    lists,
)
from srcgrad.frontend import values as v
from srcgrad.frontend.state import Unjoinable, branch, kinds
from srcgrad.frontend.values import Ref, Static, Thing, Tuple
from srcgrad.ir import Const, Operand, Value
from srcgrad.ops import python
from srcgrad.ops.operators import BRANCHED, OPERATORS, ROW_OF, TURNED
from srcgrad.types import Array, ListOf, Scalar, is_complex

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader


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
            turned = negation(reader, condition(reader, operand))
            return reader.build.cast(turned, "bool", True)
        case ast.UnaryOp(op, operand):
            return unary(reader, op, reader.expression(operand))
        case ast.BoolOp(op, parts):
            return _short_circuit(reader, op, parts, reader.anything)
        case ast.Compare():
            return _comparison(reader, node)
        case ast.IfExp(test, body, orelse):
            cond = condition(reader, test)
            one, other = (functools.partial(reader.anything, x) for x in (body, orelse))
            return _choice(reader, cond, one, other)
        case ast.Call():
            return calls.call(reader, node)
        case ast.Subscript() | ast.Attribute():
            return located(reader, node)[1]()
        case ast.Slice():
            ends = (node.lower, node.upper, node.step)
            given = (reader.expression(x) if x else v.NONE for x in ends)
            return v.SliceValue(*given)
        case ast.Tuple(parts):
            return Tuple(tuple(elements(reader, parts)))
        case ast.List(parts):
            return _list(reader, parts)
        case ast.Dict():
            return _dict(reader, node)
        case ast.Lambda() | ast.FunctionDef():
            return calls.closure(reader, node)
        case ast.ListComp() | ast.GeneratorExp() | ast.DictComp():
            return iteration.comprehension(reader, node)
        case ast.NamedExpr(ast.Name(name), inner):
            named = reader.anything(inner)
            reader.bind(name, named)
            return named
        case ast.Yield(item):
            return reader.turns[-1](reader.anything(item) if item else v.NONE)
        case ast.JoinedStr(parts):
            return Static("".join(_text(reader, part) for part in parts))
        case ast.Set() | ast.SetComp():
            kind: Any = ast.List if isinstance(node, ast.Set) else ast.ListComp
            made = kind(*[part for _, part in ast.iter_fields(node)])
            items = reader.expression(ast.copy_location(made, node))
            return calls.apply(reader, Static(set), [items], {})
    raise reader.problem("SG107", "this expression is outside the language")


def located(
    reader: Reader, target: ast.expr
) -> tuple[Thing | None, Callable[[], Thing], Callable[[Thing], None]]:
    """Return what a target is a part of, how it is read, and how it is written."""
    match target:
        case ast.Name(name):
            lookup = functools.partial(reader.lookup, name)
            return None, lookup, functools.partial(reader.bind, name)
        case ast.Attribute(value, name):
            owner = reader.expression(value)
            given: Any = (reader, owner, name)
            ways: Any = attributes.get, attributes.put
        case ast.Subscript(value, index):
            owner = reader.expression(value)
            with reader.holding(owner):
                given = (reader, owner, reader.expression(index))
            ways = indexing.get, indexing.put
        case _:
            raise reader.problem("SG101", "this target is outside the language")
    return owner, functools.partial(ways[0], *given), functools.partial(ways[1], *given)


def _list(reader: Reader, parts: list[ast.expr]) -> Thing:
    """Read a list; what `*` stands for may be of a length that is not known."""
    if not any(isinstance(part, ast.Starred) for part in parts):
        return reader.container(v.ListCell(""), elements(reader, parts))
    made = reader.container(v.ListCell(""), [])
    with reader.holding(made):
        for part in parts:
            if isinstance(part, ast.Starred):
                with reader.at(part):
                    whole = calls.taken(reader, reader.expression(part.value))
                    count = lists.count_of(reader, whole)
                    lists.extend(reader, made, whole)
            else:
                lists.append(reader, made, reader.expression(part))
    if len(parts) == 1:
        made.count = count
    return made


def elements(reader: Reader, nodes: list[ast.expr]) -> list[Thing]:
    """Read the items of a tuple, a list or a call."""
    items: list[Thing] = []
    depth = len(reader.held)
    for node in nodes:
        if isinstance(node, ast.Starred):
            vars(node.value)["known"] = True  # how many items it has
            with reader.at(node):
                items += calls.items_of(reader, reader.expression(node.value))
        else:
            items.append(reader.anything(node))
            reader.held.append(items[-1])
    del reader.held[depth:]
    return items


def _text(reader: Reader, part: ast.expr) -> str:
    """Return a part of an f-string, which must be known; see `calls.call` for print."""
    if not isinstance(part, ast.FormattedValue):
        return str(part.value)  # type: ignore[attr-defined]
    with reader.at(part):
        thing = reader.expression(part.value)
        if isinstance(thing, Value) and thing.type.dtype != "int64":
            what = "an f-string of what is not known while compiling"
            help = "name it by what is known, or number it: `f'w{k}'`"
            raise reader.problem("SG107", what, help)
        known = calls.static(reader, thing)
    spec = "".join(_text(reader, p) for p in getattr(part.format_spec, "values", ()))
    shown: Any = {114: repr, 115: str, 97: ascii}.get(part.conversion)
    return format(shown(known) if shown else known, spec)


def _dict(reader: Reader, node: ast.Dict) -> Thing:
    contents: dict[Any, Thing] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            inner: Any = reader.expression(value)
            contents |= reader.state.heap[inner]
        else:
            with reader.at(key):
                known = calls.static(reader, reader.expression(key))
            contents[known] = reader.anything(value)
    return reader.container(v.DictCell(""), contents)


def binary(
    reader: Reader, op: ast.operator, left: Thing, right: Thing, *first: str
) -> Thing:
    """Apply a binary operator; with "i", in place where a class defines that."""
    row = ROW_OF[type(op)]
    if (own := _overloaded(reader, op, left, right, *first)) is not None:
        return own
    joined = _of_sequences(reader, row, left, right)
    if joined is not None:
        return joined
    if row == "mod" and isinstance(left, Static) and isinstance(left.value, str):
        return Static(left.value % calls.static(reader, right))
    if v.is_none(left) or v.is_none(right) or lists.unsuited(reader, row, left, right):
        return reader.raises("TypeError")
    a, b = reader.operand(left), reader.operand(right)
    _settled(reader, row, a, b)
    if row == "matmul" and not (a.type.rank and b.type.rank):
        raise reader.problem("SG402", "`@` needs arrays on both sides")
    if row == "pow" and isinstance(b, Const):
        # Python's int ** int is an int or a float, by the sign of the exponent.
        if isinstance(a, Const) and a.type.python and b.type.python:
            try:
                power = a.value**b.value
            except ArithmeticError as error:
                return reader.raises(type(error).__name__)
            if isinstance(power, int | float) and abs(power) < 2**62:
                return const(power)
        ints = a.type.dtype == b.type.dtype == "int64"
        if ints and a.type.python and b.type.python and b.value < 0:
            a = reader.build.op("cast", a, dtype="float64", python=True)
    in_plane(reader, row, a, b)
    return reader.thing(reader.build.op(row, a, b))


def _settled(reader: Reader, row: str, *operands: Operand) -> None:
    """Refuse arithmetic of truth values that are NumPy's on one path only."""
    known = [kinds(reader, x) for x in operands]
    unclear = any(Scalar("bool") in types and len(types) > 1 for types in known)
    truths = all(any(t.dtype == "bool" for t in types) for types in known)
    if unclear and truths and not row.startswith("bit"):
        what = "a truth value is NumPy's on one path and Python's own on another"
        raise reader.problem("SG402", what, "count with `int(...)`: they add otherwise")


def in_plane(reader: Reader, row: str, *operands: Operand) -> list[Operand]:
    """Return operands; refuse those that are real on one path, complex on another.

    What such functions make of a real number is not what they make of a complex one.
    """
    whole = row == "pow" and isinstance(operands[1], Const)
    if row not in BRANCHED or (whole and operands[1].type.dtype == "int64"):
        return [*operands]
    for x in operands:
        if len({is_complex(t) for t in kinds(reader, x)}) > 1:
            what = "a number is complex on one path and real on another"
            raise reader.problem("SG402", what, "make it `complex(...)` on both")
    return [*operands]


def _overloaded(
    reader: Reader, op: ast.AST, left: Thing, right: Thing, *first: str
) -> Thing | None:
    """Apply an operator as the class of an operand defines it."""
    if isinstance(op, ast.In):
        own = attributes.special(reader, right, "__contains__", left)
        return None if own is None else truth(reader, own)
    name = OPERATORS.get(type(op), "")
    ways = [(left, way + name, right) for way in (*first, "")]
    for one, way, other in (*ways, (right, TURNED.get(name, f"r{name}"), left)):
        own = attributes.special(reader, one, f"__{way}__", other)
        if own not in (None, Static(NotImplemented)):
            return own
    return None


def _of_sequences(reader: Reader, row: str, left: Thing, right: Thing) -> Thing | None:
    """Apply `+` and `*` of lists, tuples and texts: Python's own, on their items."""
    both: Any = (left, right)
    if row == "bitor" and all(isinstance(x, v.DictCell) for x in both):
        one, other = (reader.state.heap[x] for x in both)
        made = v.DictCell("", both[0].cls, both[0].factory)
        return reader.container(made, one | other)
    held: list[Any] = []
    for x in both if row in ("add", "mul") else ():
        match x:
            case Const() | Static():
                held.append(x.value)
            case Tuple():
                held.append(x.items)
            case v.ListCell() if isinstance(reader.state.heap[x], tuple):
                held.append([*reader.state.heap[x]])
    if len(held) == 2 and any(isinstance(x, tuple | list | str) for x in held):
        with contextlib.suppress(TypeError):
            made = getattr(operator, row)(*held)
            if isinstance(made, list):
                return reader.container(v.ListCell(""), made)
            return Tuple(made) if isinstance(made, tuple) else Static(made)
        if row == "add" and {list, tuple} == {*map(type, held)}:
            return reader.raises("TypeError")
    given = [x for x in both if isinstance(x, v.ListCell) or v.list_axes(x)]
    counts = [x for x in both if v.is_operand(x) and x.type.dtype != "float64"]
    match held:
        case [[Static(value=None)]] if counts and v.WHOLE not in reader.writing:
            reader.split = True
            slots = columns.slots(reader, "", counts[0])
            return reader.container(v.ListCell(""), slots)
        case [[one]] if counts and v.is_operand(one):
            count = reader.build.op("max2", const(0), counts[0])
            ref = reader.allocate(reader.build.op("full", one, count))
            return lists.of_array(reader, ref, 1, one.type.python)
    if row == "add" and len(given) == 2:
        return calls.apply(reader, Static(python.joined), given, {})
    if row == "mul" and given and counts:
        return calls.apply(reader, Static(python.repeated), [*given, *counts], {})
    return None


def augmented(reader: Reader, stmt: ast.AugAssign) -> None:
    """Read `target op= value`: in place for arrays and lists, rebinding for numbers."""
    owner, get, put = located(reader, stmt.target)
    current = get()
    with reader.holding(current):
        value = reader.expression(stmt.value)
    # Python binds the target anew in any case; an item of a list or an array stays.
    bound = not isinstance(stmt.target, ast.Subscript)
    again = bound or isinstance(owner, Tuple | v.Record)
    if isinstance(current, v.DictCell) and isinstance(stmt.op, ast.BitOr):
        lists.method(reader, current, "update", [value], {})
        if again:
            put(current)
        return
    if isinstance(current, v.ListCell) and isinstance(stmt.op, ast.Add | ast.Mult):
        if isinstance(stmt.op, ast.Add):
            lists.extend(reader, current, value)
        else:
            made, heap = binary(reader, stmt.op, current, value), reader.state.heap
            lists.changed(reader, current, True)
            heap[current] = heap[made] if isinstance(made, v.Cell) else made
        if again:
            put(current)
        return
    lists.check_row(reader, current)
    result = binary(reader, stmt.op, current, value, "i")
    if not isinstance(current, Ref) or not isinstance(current.type, Array | Scalar):
        put(result)
        return
    if owner is not None and isinstance(stmt.target, ast.Subscript):
        if current.root.memory not in v.roots_of(owner, reader.state.heap):
            put(result)  # what an index array picked is a copy
            return
    operand = reader.operand(result)
    if current.type.dtype.startswith("int") and operand.type.dtype.startswith("float"):
        raise reader.problem(
            "SG402", "an integer array cannot hold the result of this operation",
            "make the array a float array first: `.astype(float)`",
        )  # fmt: skip
    reader.store(current, operand)
    if again:
        put(current)


def unary(reader: Reader, op: ast.unaryop, value: Thing) -> Thing:
    """Apply `-`, `+` or `~`."""
    row = ROW_OF[type(op)]
    if (own := attributes.special(reader, value, f"__{row}__")) is not None:
        return own
    if v.is_none(value) or lists.unsuited(reader, row, value):
        return reader.raises("TypeError")
    operand = reader.operand(value)
    _settled(reader, row, operand)
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
    choices.negated(reader, cond, out)
    return out


def truth(reader: Reader, thing: Thing) -> Operand:
    """Return a thing's truth value."""
    build = reader.build
    out: Operand
    thing = choices.by_case(reader, thing)
    match thing:
        case Const() | Static():
            return const(bool(thing.value))
        case v.Record() | Tuple() if getattr(thing, "cls", None) is not None:
            for way in ("__bool__", "__len__"):
                if (own := attributes.special(reader, thing, way)) is not None:
                    return truth(reader, own)
            return const(isinstance(thing, v.Record) or bool(thing.items))
        case Ref(type=Array()) if not v.list_axes(thing):
            what = "the truth value of an array is ambiguous"
            help = "use `np.any(...)` or `np.all(...)`"
            return truth(reader, indexing.single(reader, thing, what, help))
        case v.OneOf():
            out = choices.asked(reader, thing, functools.partial(truth, reader))
        case Tuple() | v.Cell() | Ref(type=Array() | ListOf()):
            out = build.op("gt", calls.length(reader, thing), const(0))
        case _:
            out = reader.operand(thing)
            if out.type.dtype != "bool":
                out = build.op("truth", out)
    return out


def condition(reader: Reader, node: ast.expr) -> Operand:
    """Read a test: the parts of its `and` and `or` need not be of one kind."""
    with reader.at(node):
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return negation(reader, condition(reader, node.operand))
        if not isinstance(node, ast.BoolOp):
            ask = lambda: truth(reader, reader.anything(node))  # noqa: E731
            asked: Operand = choices.decided(reader, ask)
            return asked
        read = functools.partial(condition, reader)
        return truth(reader, _short_circuit(reader, node.op, node.values, read))


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
        return reader.clash(("the expression",), clash)
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
        ask = lambda: truth(reader, choices.known(reader, first))  # noqa: E731
        cond: Operand = choices.decided(reader, ask)
    rest: list[Thing] = []

    def more() -> Thing:
        rest.append(_short_circuit(reader, op, nodes[1:], read))
        return rest[-1]

    def decided() -> Thing:
        same = isinstance(first, Operand) and first.type == cond.type
        return Const(not both, Scalar("bool", cond.type.python)) if same else first

    with reader.holding(first):
        arms = (more, decided) if both else (decided, more)
        result = _choice(reader, cond, *arms)
    if rest:
        choices.combined(reader, both, result, cond, rest[-1])
    return result


def _chain(
    reader: Reader, left: Thing, ops: list[ast.cmpop], rest: list[ast.expr]
) -> Thing:
    """Read a chain of comparisons; each operand is evaluated at most once."""
    with reader.holding(left):
        right = reader.anything(rest[0])
    result = compare(reader, ops[0], left, right)
    if len(ops) == 1:
        return result
    cond = truth(reader, result)
    return _choice(
        reader,
        cond,
        lambda: truth(reader, _chain(reader, right, ops[1:], rest[1:])),
        lambda: Const(False, Scalar("bool", cond.type.python)),
    )


def compare(reader: Reader, op: ast.cmpop, left: Thing, right: Thing) -> Thing:
    """Compare two things."""
    if isinstance(left, Const) or isinstance(right, Const):
        left, right = (choices.by_case(reader, x) for x in (left, right))
    for k, one in enumerate((left, right)):
        if isinstance(one, v.OneOf):
            if isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
                choices.settled(reader, one)
            turned = functools.partial(_compared, reader, op, right if k == 0 else left)
            return choices.asked(reader, one, functools.partial(turned, k == 0))
    if (own := _overloaded(reader, op, left, right)) is not None:
        return own
    known = [x.value for x in (left, right) if isinstance(x, Static)]
    sequences = isinstance(left, Tuple | v.ListCell) and isinstance(
        right, Tuple | v.ListCell
    )
    records = isinstance(left, v.Record) and isinstance(right, v.Record)
    positive = {ast.IsNot: ast.Is(), ast.NotIn: ast.In()}.get(type(op))
    if isinstance(op, ast.NotEq) and (known or sequences or records):
        positive = ast.Eq()
    if positive is not None:
        return negation(reader, truth(reader, compare(reader, positive, left, right)))
    match op:
        case ast.Is() if v.is_none(right) and any(left is x for x in reader.filled):
            help = "ask by the subscript, `x[k] is None`"
            raise reader.problem("SG402", "this item of a list may be None", help)
        case ast.Is() if len(known) == 2:
            return const(known[0] is known[1])
        case ast.Is() if v.is_operand(left) and v.is_operand(right):
            return _same_number(reader, left, right)
        case ast.Is():
            return const(_same_object(reader, left, right))
        case ast.In() if isinstance(right, v.DictCell):
            return const(calls.static(reader, left) in reader.state.heap[right])
        case ast.In() if len(known) == 2 or (known and isinstance(left, Const)):
            return const(calls.static(reader, left) in calls.static(reader, right))
        case ast.In():
            return calls.apply(reader, Static(python.contains), [right, left], {})
        case ast.Eq() if known:
            return const(left == right)
        case ast.Eq() if records and _compares_fields(left, right):
            return calls.apply(reader, Static(python.same_fields), [left, right], {})
        case ast.Eq() if records:
            return const(_same_object(reader, left, right))
        case ast.Eq() if sequences and type(left) is not type(right):
            return const(False)
        case ast.Eq() if sequences:
            return calls.apply(reader, Static(python.same_items), [left, right], {})
    if any(x is None for x in known):
        return reader.raises("TypeError")
    row = ROW_OF[type(op)]
    if sequences and type(left) is type(right):
        how = [const(row in ("gt", "ge")), const(row in ("le", "ge"))]
        return calls.apply(reader, Static(python.in_order), [left, right, *how], {})
    if known or sequences:
        what = f"{v.kind_of(left)} and {v.kind_of(right)} are not ordered"
        raise reader.problem("SG402", what)
    return reader.thing(
        reader.build.op(row, reader.operand(left), reader.operand(right))
    )


def _compared(
    reader: Reader, op: ast.cmpop, other: Thing, first: bool, thing: Thing
) -> Operand:
    """Compare one of several things with another one."""
    both = (thing, other) if first else (other, thing)
    return truth(reader, compare(reader, op, *both))


def _compares_fields(left: Any, right: Any) -> bool:
    """Tell whether two records are compared field by field."""
    made = getattr(left.cls, "__dataclass_params__", None)
    return left.cls is right.cls and made is not None and made.eq


def _comparison(reader: Reader, node: ast.Compare) -> Thing:
    """Read a comparison; an item of `[None] * n` is asked by `x[k] is None`."""
    match node:
        case ast.Compare(ast.Subscript(value, index), [op], [ast.Constant(None)]):
            owner = reader.expression(value)
            with reader.holding(owner):
                place = reader.expression(index)
            unset = columns.is_none(reader, owner, place)
            if unset is not None and isinstance(op, ast.Is | ast.IsNot):
                return unset if isinstance(op, ast.Is) else negation(reader, unset)
            left = indexing.get(reader, owner, place)
        case _:
            left = reader.anything(node.left)
    return _chain(reader, left, node.ops, node.comparators)


def _same_object(reader: Reader, left: Thing, right: Thing) -> bool:
    """Read `is` of things: what loops and arms hand on may be one of several."""
    one, two = (x.root if isinstance(x, Ref) else x for x in (left, right))
    parts = [bool(getattr(x, "path", ())) for x in (left, right)]
    if left is right or (one is two and not any(parts)):
        if one not in reader.reshaped:
            return True
    unknown = one is two and one in reader.reshaped
    unknown |= isinstance(left, Tuple) and isinstance(right, Tuple)
    if isinstance(one, v.Owner) and isinstance(two, v.Owner):
        # The whole is no part of itself, but two parts may be one.
        shared = two.memory in one.shares or one.memory in two.shares
        unknown = all(parts) if one is two else shared
        if not any(parts):
            unknown |= all(_from_outside(reader, x) for x in (one, two))
    if unknown:
        what = "whether these two are the same object is not known here"
        raise reader.problem("SG402", what, "keep or pass a flag that says so")
    return False


def _from_outside(reader: Reader, owner: Any) -> bool:
    """Tell what is, or may be, an argument, or a captured value, as a whole."""
    captured = getattr(owner, "captured", None) is not None
    return captured or owner.joined or any(owner is x for x in reader.given)


def _same_number(reader: Reader, left: Operand, right: Operand) -> Thing:
    """Read `is` of numbers: there is one True and one False, and no rule for others."""
    kinds = [(x.type.dtype, x.type.python) for x in (left, right)]
    if kinds[0] != kinds[1]:
        return const(False)
    if kinds[0][0] != "bool":
        what = "whether two numbers are the same object is not known"
        raise reader.problem("SG402", what, "compare them by `==`")
    if isinstance(left, Const) and isinstance(right, Const):
        return const(left.value == right.value)
    return reader.thing(reader.build.op("eq", left, right))
