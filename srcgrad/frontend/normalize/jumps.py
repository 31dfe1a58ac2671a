"""Remove `break`, `continue`, loop `else` and early `return`.

What comes out has one `return`, as the last statement, and loops that run to the end of
their body. A loop that can be left early names a boolean variable, `node.exit_name`;
its value at the end of a turn says whether that turn was the last:

    for x in a:                     for x in a:      # exit_name = ".exit1"
        if x < 0:                       .exit1 = False
            continue                    if x < 0:
        s += x                              pass
        if s > 9:                       else:
            break                           s += x
                                            if s > 9:
                                                .exit1 = True

Statements that follow an `if` move into the arm that reaches them. A flag is made only
where an arm jumps on some of its paths. The variables that are made have a dot in their
names, so no name of the user's can be the same:

    .exit    the turn was the last one of its loop
    .skip    the rest of a block is not run (a `continue` somewhere inside)
    .returned, .value    the function is left, and with what

A made variable is bound wherever it is read, on every path that gets there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

__all__ = ["exit_name", "normalize_jumps", "to_text"]

Node = TypeVar("Node", bound=ast.AST)
Loop = ast.For | ast.While

BREAK, CONTINUE, RETURN = "break", "continue", "return"
NO_JUMPS: frozenset[str] = frozenset()
MADE_NAME = re.compile(r"(?<![\w.)\]}\"'])\.((?:exit|skip|returned|value)\d+)")


def normalize_jumps(
    function: ast.FunctionDef, writing: Collection[ast.expr] = ()
) -> ast.FunctionDef:
    """Return the function without jumps; inner functions are treated likewise.

    Args:
        function: a function that `frontend.accepted` found nothing wrong with. It is
            not changed; expressions and simple statements are shared with the result.
        writing: tests of `while` that were found to write to an array or a list.

    >>> text = '''
    ... def f(a):
    ...     for x in a:
    ...         if x > 3:
    ...             return x
    ...     return 0
    ... '''
    >>> print(to_text(normalize_jumps(ast.parse(text).body[0])))
    def f(a):
        _returned1 = False
        for x in a:
            _returned1 = False
            if x > 3:
                _value2 = x
                _returned1 = True
            if _returned1:
                break
        if not _returned1:
            _value2 = 0
        return _value2
    """
    return _Rewriter(_Names(), writing).function(function)


def exit_name(loop: ast.stmt) -> str | None:
    """Return the variable that says, at the end of a turn, whether the loop is left."""
    name: str | None = getattr(loop, "exit_name", None)
    return name


def to_text(function: ast.FunctionDef) -> str:
    """Return runnable Python for people and tests: dots as `_`, exits as `break`."""
    return MADE_NAME.sub(r"_\1", ast.unparse(_with_breaks(function)))


def _with_breaks(stmt: Node) -> Node:
    """Return a copy of a statement whose loops say how they are left."""
    changes: dict[str, list[ast.stmt]] = {
        part: [_with_breaks(inner) for inner in getattr(stmt, part)]
        for part in ("body", "orelse")
        if hasattr(stmt, part)
    }
    name = getattr(stmt, "exit_name", None)
    if name:
        test = _at(ast.Name(name, ast.Load()), stmt)
        changes["body"].append(_at(ast.If(test, [_at(ast.Break(), stmt)], []), stmt))
    return _like(stmt, **changes) if changes else stmt


# What a statement can do.


def _completes(stmts: Iterable[ast.stmt]) -> bool:
    """Tell whether control can reach the end of a block."""
    return all(map(_stmt_completes, stmts))


def _stmt_completes(stmt: ast.stmt) -> bool:
    """Tell whether control can go on to the next statement."""
    match stmt:
        case ast.Return() | ast.Break() | ast.Continue() | ast.Raise():
            return False
        case ast.If():
            return _completes(stmt.body) or _completes(stmt.orelse)
        case ast.For() | ast.While():
            if BREAK in _jumps(stmt.body):
                return True
            return not _is_endless(stmt) and _completes(stmt.orelse)
        case _:
            return True


def _is_endless(stmt: Loop) -> bool:
    """Tell a loop whose test is a constant: only a jump can leave it."""
    if not isinstance(stmt, ast.While) or exit_name(stmt):
        return False
    return isinstance(stmt.test, ast.Constant) and bool(stmt.test.value)


def _jumps(stmts: Iterable[ast.stmt]) -> frozenset[str]:
    """Return the kinds of jumps that can leave a block; dead statements have none."""
    found = NO_JUMPS
    for stmt in stmts:
        found |= _stmt_jumps(stmt)
        if not _stmt_completes(stmt):
            break
    return found


def _stmt_jumps(stmt: ast.stmt) -> frozenset[str]:
    """Return the kinds of jumps that can leave a statement other than at its end."""
    match stmt:
        case ast.Break():
            return frozenset({BREAK})
        case ast.Continue():
            return frozenset({CONTINUE})
        case ast.Return():
            return frozenset({RETURN})
        case ast.If():
            return _jumps(stmt.body) | _jumps(stmt.orelse)
        case ast.For() | ast.While():
            orelse = NO_JUMPS if _is_endless(stmt) else _jumps(stmt.orelse)
            return (_jumps(stmt.body) & {RETURN}) | orelse
        case _:
            return NO_JUMPS


# What is written for them.


@dataclass(slots=True)
class _Names:
    """Number the variables that are made, through a function and its inner ones."""

    count: int = 0

    def make(self, kind: str) -> str:
        """Return a name that is not taken."""
        self.count += 1
        return f".{kind}{self.count}"


@dataclass(frozen=True, slots=True)
class _Flow:
    """Where a block stands, as far as jumps out of it are concerned.

    Attributes:
        sets: the flags to set at a jump of each kind.
        exit: the flag that every `break` and `return` of the present loop sets.
        returned_is_bound: `.returned` was set to False on the way here.
    """

    sets: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {RETURN: ()})
    exit: str | None = None
    returned_is_bound: bool = False

    def also(self, flag: str, kinds: Iterable[str]) -> _Flow:
        """Return the flow in which jumps of these kinds set one more flag."""
        more = {kind: (*self.sets[kind], flag) for kind in kinds}
        return replace(self, sets={**self.sets, **more})


class _Rewriter:
    """Rewrite one function; `returned` and `value` are made when first needed."""

    def __init__(self, names: _Names, writing: Collection[ast.expr]) -> None:
        self.names, self.writing = names, writing
        self.returned_name = ""
        self.value_name = ""
        self.returns_value = False
        self.last_return: ast.stmt | None = None

    def function(self, function: ast.FunctionDef) -> ast.FunctionDef:
        """Return the function with one `return` at its end, or none."""
        self.returns_value = any(map(_returns_value, function.body))
        body = list(function.body)
        if self.returns_value and _completes(body):
            body.append(_at(ast.Return(_at(ast.Constant(None), function)), function))
        body = self.block(body, _Flow())
        if self.last_return and self.returns_value:
            body = self.with_return(body, self.last_return)
        return _like(function, body=_filled(body, function))

    def with_return(self, body: list[ast.stmt], place: ast.stmt) -> list[ast.stmt]:
        """Return the body with its `return`, directly if the value is made last."""
        match body[-1]:
            case ast.Assign(targets=[ast.Name(id=self.value_name)], value=value):
                return [*body[:-1], _at(ast.Return(value), body[-1])]
        value = _at(ast.Name(self.value_name, ast.Load()), place)
        return [*body, _at(ast.Return(value), place)]

    def block(self, stmts: Sequence[ast.stmt], flow: _Flow) -> list[ast.stmt]:
        """Return a block in which control only goes forward."""
        done: list[ast.stmt] = []
        for count, stmt in enumerate(stmts):
            rest = stmts[count + 1 :]
            match stmt:
                case ast.Return() | ast.Break() | ast.Continue():
                    return done + self.jump(stmt, flow)
                case ast.If() if _stmt_jumps(stmt):
                    return done + self.branch(stmt, rest, flow)
                case ast.For() | ast.While() if stmt.orelse or _stmt_jumps(stmt):
                    return done + self.leaky_loop(stmt, rest, flow)
                case ast.For() | ast.While():
                    done += self.loop(stmt, flow)
                case ast.If():
                    body = _filled(self.block(stmt.body, flow), stmt)
                    orelse = self.block(stmt.orelse, flow)
                    done.append(_like(stmt, body=body, orelse=orelse))
                case ast.FunctionDef():
                    done.append(_Rewriter(self.names, self.writing).function(stmt))
                case _:
                    done.append(stmt)
            if not _stmt_completes(stmt):
                break
        return done

    def jump(self, stmt: ast.stmt, flow: _Flow) -> list[ast.stmt]:
        """Return what stands for a jump: nothing more than a value and some flags."""
        if not isinstance(stmt, ast.Return):
            kind = BREAK if isinstance(stmt, ast.Break) else CONTINUE
            return _set(flow.sets[kind], stmt)
        self.last_return = stmt
        flags = _set(flow.sets[RETURN], stmt)
        if not self.returns_value:
            return flags
        self.value_name = self.value_name or self.names.make("value")
        value = stmt.value or _at(ast.Constant(None), stmt)
        return [_assign(self.value_name, value, stmt), *flags]

    def branch(
        self, stmt: ast.If, rest: Sequence[ast.stmt], flow: _Flow
    ) -> list[ast.stmt]:
        """Return an `if` with a jump inside, and the statements that follow it."""
        body, orelse = list(stmt.body), list(stmt.orelse)
        then_completes, else_completes = _completes(body), _completes(orelse)
        if rest and then_completes and else_completes:
            return self.guarded(stmt, rest, flow)
        if then_completes:
            body += rest
        elif else_completes:
            orelse += rest
        then = _filled(self.block(body, flow), stmt)
        return [_like(stmt, body=then, orelse=self.block(orelse, flow))]

    def guarded(
        self, stmt: ast.If, rest: Sequence[ast.stmt], flow: _Flow
    ) -> list[ast.stmt]:
        """Return an `if` that jumps on some paths, and the rest under a flag."""
        kinds = _stmt_jumps(stmt)
        before: list[ast.stmt] = []
        inner = after = flow
        if flow.exit and CONTINUE not in kinds:
            flag = flow.exit  # every jump inside leaves the loop and sets it anyway
        elif kinds == {RETURN}:
            flag = self.returned()
            if not flow.returned_is_bound:
                before.append(_assign(flag, False, stmt))
            inner = after = replace(flow, returned_is_bound=True)
            if flag not in flow.sets[RETURN]:
                inner = inner.also(flag, kinds)
        else:
            flag = self.names.make("skip")
            before.append(_assign(flag, False, stmt))
            inner = flow.also(flag, kinds)
        then = _filled(self.block(stmt.body, inner), stmt)
        branch = _like(stmt, body=then, orelse=self.block(stmt.orelse, inner))
        return [*before, branch, *_unless(flag, self.block(rest, after), stmt)]

    def returned(self) -> str:
        """Return the flag that says the function is being left."""
        self.returned_name = self.returned_name or self.names.make("returned")
        return self.returned_name

    def loop(
        self, stmt: Loop, flow: _Flow, *, exit_is_read: bool = False
    ) -> list[ast.stmt]:
        """Return a loop without its `else`, after what must be bound before it."""
        if self.has_effect(stmt):
            stmt = _with_test_inside(stmt, [])
        kinds = _jumps(stmt.body)
        before: list[ast.stmt] = []
        exits: tuple[str, ...] = ()
        if RETURN in kinds:
            exits = (self.returned(),)
            if not flow.returned_is_bound:
                before.append(_assign(self.returned(), False, stmt))
        on_return = exits
        if BREAK in kinds:
            exits = (self.names.make("exit"),)
            on_return += exits
            if exit_is_read:  # the loop may have no turn at all
                before.append(_assign(exits[0], False, stmt))
        flag = exits[0] if exits else None
        sets = {CONTINUE: (), BREAK: exits, RETURN: on_return}
        body = self.block(stmt.body, _Flow(sets, flag, RETURN in kinds))
        for bound in dict.fromkeys((*on_return, *exits)):
            # False is what they are here anyway; said again, nothing has to know it.
            body = _with_flag(bound, body, stmt)
        loop = _like(stmt, body=_filled(body, stmt), orelse=[])
        # The builder looks for the flag here; a loop seen a second time keeps its own.
        loop.exit_name = flag or exit_name(stmt)  # type: ignore[union-attr]
        return [*before, loop]

    def has_effect(self, loop: Loop) -> bool:
        """Tell whether a test binds a name, or writes to an array or a list."""
        if not isinstance(loop, ast.While):
            return False
        parts = ast.walk(loop.test)
        return loop.test in self.writing or any(
            isinstance(part, ast.NamedExpr) for part in parts
        )

    def leaky_loop(
        self, stmt: Loop, rest: Sequence[ast.stmt], flow: _Flow
    ) -> list[ast.stmt]:
        """Return a loop with an `else` or a `return` inside, and what follows it."""
        kinds = _jumps(stmt.body)
        after, orelse = list(rest), [] if _is_endless(stmt) else stmt.orelse
        can_be_left = bool(kinds & {BREAK, RETURN})
        before: list[ast.stmt] = []
        if orelse and can_be_left and self.has_effect(stmt):
            ended = self.names.make("skip")
            before = [_assign(ended, False, stmt)]
            stmt = _with_test_inside(stmt, _set([ended], stmt))
            test = _at(ast.Name(ended, ast.Load()), stmt)
            after = [_at(ast.If(test, orelse, []), stmt), *rest]
            orelse = []
        done = before + self.loop(stmt, flow, exit_is_read=bool(orelse))
        if orelse and can_be_left:
            flag = exit_name(done[-1])
            assert flag is not None
            after = [*_unless(flag, orelse, stmt), *rest]
        elif orelse:
            after = [*orelse, *rest]
        if RETURN not in kinds:
            return done + self.block(after, flow)
        flow = replace(flow, returned_is_bound=True)
        returned = self.returned()
        flags = _set([f for f in flow.sets[RETURN] if f != returned], stmt)
        if _is_endless(stmt) and BREAK not in kinds:
            return done + flags
        if not flags and not rest:
            # The `else` asks for the exit flag, which a `return` sets as well.
            return done + self.block(after, flow)
        following = self.block(after, flow)
        if not flags:
            return done + _unless(returned, following, stmt)
        gone = _at(ast.Name(returned, ast.Load()), stmt)
        return [*done, _at(ast.If(gone, flags, following), stmt)]


# Small parts of trees.


def _at(node: Node, place: ast.AST) -> Node:
    """Return a new node, placed where the statement it came from stands."""
    return ast.copy_location(node, place)


def _like(stmt: Node, **changes: object) -> Node:
    """Return a copy of one node with other fields."""
    fields = {name: getattr(stmt, name, None) for name in stmt._fields}
    return _at(type(stmt)(**{**fields, **changes}), stmt)


def _filled(body: list[ast.stmt], place: ast.AST) -> list[ast.stmt]:
    """Return a block that is not empty."""
    return body or [_at(ast.Pass(), place)]


def _assign(name: str, value: ast.expr | bool, place: ast.AST) -> ast.stmt:
    """Return the statement that binds a made variable."""
    if isinstance(value, bool):
        value = _at(ast.Constant(value), place)
    return _at(ast.Assign([_at(ast.Name(name, ast.Store()), place)], value), place)


def _set(flags: Iterable[str], place: ast.AST) -> list[ast.stmt]:
    """Return the statements that set flags."""
    return [_assign(flag, True, place) for flag in flags]


def _unless(flag: str, body: list[ast.stmt], place: ast.AST) -> list[ast.stmt]:
    """Return `if not flag: body`, nothing for an empty body."""
    if not body:
        return []
    test = _at(ast.Name(flag, ast.Load()), place)
    return [_at(ast.If(_at(ast.UnaryOp(ast.Not(), test), place), body, []), place)]


def _with_flag(flag: str, body: list[ast.stmt], loop: Loop) -> list[ast.stmt]:
    """Return a loop body that binds a flag on every path.

    A test that ends the body becomes the flag: `if s > 9: break` is `.exit = s > 9`.
    """
    if [name for stmt in body for name in _names(stmt)].count(flag) == 1:
        match body[-1]:
            case ast.Assign(targets=[ast.Name(id=name)]) if name == flag:
                return body
            case ast.If(test, [ast.Assign(targets=[ast.Name(id=name)])], []):
                if name == flag and _is_truth_value(test):
                    return [*body[:-1], _assign(flag, test, body[-1])]
    return [_assign(flag, False, loop), *body]


def _names(stmt: ast.stmt) -> Iterator[str]:
    """Return every name in a statement, as often as it stands there."""
    return (node.id for node in ast.walk(stmt) if isinstance(node, ast.Name))


def _is_truth_value(test: ast.expr) -> bool:
    """Tell a test that is a truth value, not a number taken for one."""
    match test:
        case ast.Compare() | ast.UnaryOp(op=ast.Not()) | ast.Constant(value=bool()):
            return True
        case ast.BoolOp():
            return all(map(_is_truth_value, test.values))
        case _:
            return False


def _with_test_inside(stmt: Loop, last: list[ast.stmt]) -> ast.While:
    """Return `while True: if not test: break; ...`, where a test may have effects."""
    assert isinstance(stmt, ast.While)
    test = _at(ast.UnaryOp(ast.Not(), stmt.test), stmt.test)
    leave = [*last, _at(ast.Break(), stmt.test)]
    endless = _at(ast.Constant(True), stmt.test)
    body = [_at(ast.If(test, leave, []), stmt.test), *stmt.body]
    return _like(stmt, test=endless, body=body, orelse=[])


def _returns_value(stmt: ast.stmt) -> bool:
    """Tell whether a `return` with a value stands in a statement."""
    if isinstance(stmt, ast.Return):
        return stmt.value is not None
    inner = [*getattr(stmt, "body", ()), *getattr(stmt, "orelse", ())]
    return not isinstance(stmt, ast.FunctionDef) and any(map(_returns_value, inner))
