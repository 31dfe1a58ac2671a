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

Statements that follow an `if` move into the arm that reaches them; where both do, and
one jumps on some of its paths, a flag guards them. Every jump sets all flags there are;
those that nobody reads are not alive, and nothing comes of them. The variables that are
made have a dot in their names, so no name of the user's can be the same:

    .exit    the turn was the last one of its loop
    .skip    the rest of a turn is not run (there is a `continue`)
    .returned, .value    the function is left, and with what

A made variable is bound wherever it is read, on every path that gets there.
"""

from __future__ import annotations

import ast
import copy
import itertools
from collections.abc import Collection, Iterable, Iterator
from typing import TypeVar

from srcgrad.frontend.normalize.statements import Attempt, plainer

Node = TypeVar("Node", bound=ast.AST)
Loop = ast.For | ast.While
RETURNING = ".value"  # among what was found: a turn must not see what none has returned

# How control can leave a block; VALUE goes with RETURN.
END, BREAK, CONTINUE, RETURN, VALUE = "end", "break", "continue", "return", "value"


def normalize_jumps(
    function: ast.FunctionDef, writing: Collection[object] = ()
) -> ast.FunctionDef:
    """Return the function without jumps; inner functions are treated likewise.

    Args:
        function: a function that `frontend.accepted` found nothing wrong with. It is
            not changed; expressions and simple statements are shared with the result.
        writing: tests of `while` that were found to write to an array or a list.
    """
    return _Rewriter(itertools.count(1), writing).function(function)


def exit_name(loop: ast.AST) -> str:
    """Return the variable that says, at the end of a turn, whether the loop is left."""
    return getattr(loop, "exit_name", "")


def _ways(stmts: Iterable[ast.stmt]) -> set[str]:
    """Return how control can leave a block; dead statements do not count."""
    found = {END}
    for stmt in stmts:
        if END not in found:
            break
        found.remove(END)
        match stmt:
            case ast.Break():
                found.add(BREAK)
            case ast.Continue():
                found.add(CONTINUE)
            case ast.Return():
                found |= {RETURN, VALUE} if stmt.value else {RETURN}
            case ast.Raise():
                pass
            case ast.If():
                found |= _ways(stmt.body) | _ways(stmt.orelse)
            case ast.For() | ast.While():
                inner = _ways(stmt.body)
                found |= inner - {BREAK, CONTINUE, END}
                found |= {END} if BREAK in inner else set()
                found |= set() if _is_endless(stmt) else _ways(stmt.orelse)
            case _:
                found.add(END)
    return found


def _is_endless(stmt: Loop) -> bool:
    """Tell a loop whose test is a constant: only a jump can leave it."""
    if not isinstance(stmt, ast.While) or exit_name(stmt):
        return False
    return isinstance(stmt.test, ast.Constant) and bool(stmt.test.value)


class _Rewriter:
    """Rewrite one function; `exit` and `skip` are the flags of the loop around."""

    def __init__(self, numbers: Iterator[int], writing: Collection[object]) -> None:
        self.numbers, self.writing = numbers, writing
        self.trying = 0  # how many `try` are around

    def function(self, function: ast.FunctionDef) -> ast.FunctionDef:
        """Return the function with one `return` at its end, or none."""
        body = plainer(function.body, self.numbers)
        ways = _ways(body)
        self.has_value = VALUE in ways
        if self.has_value and END in ways:
            body.append(at(ast.Return(ast.Constant(None)), function))
        # A return at the end, if it is the only one, is no jump.
        early = not isinstance(body[-1], ast.Return) or RETURN in _ways(body[:-1])
        number = next(self.numbers) if early and RETURN in ways else 0
        self.value = f".value{number}"
        self.returned = f".returned{number}" if number else ""
        body = self.block(body, self.returned, self.returned)
        if number:
            body.insert(0, assign(self.returned, False, function))
        if self.has_value:
            match body[-1]:
                case ast.Assign(targets=[ast.Name(id=self.value)], value=value):
                    body[-1] = at(ast.Return(value), body[-1])
                case _:
                    result = ast.Name(self.value, ast.Load())
                    body.append(at(ast.Return(result), self.last_return))
        return _like(function, body=body or [at(ast.Pass(), function)])

    def block(self, stmts: list[ast.stmt], exit: str, skip: str) -> list[ast.stmt]:
        """Return a block in which control only goes forward."""
        done: list[ast.stmt] = []
        for count, stmt in enumerate(stmts):
            ways, rest = _ways([stmt]), stmts[count + 1 :]
            match stmt:
                case ast.Return() | ast.Break() | ast.Continue():
                    return done + self.jump(stmt, exit, skip)
                case ast.If():
                    arms, jumps = [stmt.body, stmt.orelse], ways - {END}
                    ends = [END in _ways(arm) for arm in arms]
                    if jumps and not all(ends):  # one arm reaches what follows
                        arms[ends[1]] = arms[ends[1]] + rest
                        rest = []
                    after = self.block(rest, exit, skip) if END in ways else []
                    if jumps and after:
                        flag = skip if CONTINUE in ways else exit
                        after = [_unless(flag, after, stmt)]
                    tries = isinstance(getattr(stmt.test, "value", None), Attempt)
                    self.trying += tries
                    body, orelse = (self.block(arm, exit, skip) for arm in arms)
                    self.trying -= tries
                    body = body or [at(ast.Pass(), stmt)]
                    return [*done, _like(stmt, body=body, orelse=orelse), *after]
                case ast.For() | ast.While():
                    if rest and isinstance(rest[0], ast.Return):
                        stmt = _like(stmt, body=_left(stmt.body, ast.dump(rest[0])))
                        ways = _ways([stmt])
                    made, after = self.loop(stmt)
                    after += rest if END in ways else []
                    return done + made + self.block(after, exit, skip)
                case ast.FunctionDef():
                    done.append(_Rewriter(self.numbers, self.writing).function(stmt))
                case _:
                    done.append(stmt)
            if END not in ways:
                break
        return done

    def jump(self, stmt: ast.stmt, exit: str, skip: str) -> list[ast.stmt]:
        """Return what stands for a jump: nothing more than a value and some flags."""
        flags, made = [skip] if isinstance(stmt, ast.Continue) else [exit, skip], []
        if isinstance(stmt, ast.Return):
            self.last_return = stmt
            flags.append(self.returned)
            if self.has_value:
                value = stmt.value or at(ast.Constant(None), stmt)
                made = [assign(self.value, value, stmt)]
        else:  # what left a loop by a return has set `returned`
            flags = [flag for flag in flags if flag != self.returned]
        left = [assign(f, True, stmt) for f in dict.fromkeys(flags) if f]
        return made + left if self.trying else left + made  # the value may raise

    def loop(self, stmt: Loop) -> tuple[list[ast.stmt], list[ast.stmt]]:
        """Return a loop that is left at its end, and what follows it."""
        kinds, endless = _ways(stmt.body), _is_endless(stmt)
        orelse = [] if endless else stmt.orelse
        # A test may bind a name, or write to an array or a list.
        effect = isinstance(stmt, ast.While) and (
            stmt.test in self.writing
            or any(isinstance(part, ast.NamedExpr) for part in ast.walk(stmt.test))
        )
        number = next(self.numbers) if effect or kinds & {BREAK, CONTINUE} else 0
        if isinstance(stmt, ast.While) and effect:
            # `while True: if not test: break; ...`
            asked = f".ended{number}"
            ran_out: ast.expr = ast.Name(asked, ast.Load())
            leave = [assign(asked, True, stmt), at(ast.Break(), stmt)]
            first = at(ast.If(_not(stmt.test), leave, []), stmt.test)
            always = at(ast.Constant(True), stmt.test)
            stmt = _like(stmt, test=always, body=[first, *stmt.body], orelse=[])
            kinds.add(BREAK)
        exit = self.returned if RETURN in kinds else ""
        exit = f".exit{number}" if BREAK in kinds else exit
        skip = f".skip{number}" if CONTINUE in kinds else exit
        if not effect:
            asked, ran_out = exit, _not(at(ast.Name(exit, ast.Load()), stmt))
        none_yet: list[ast.stmt] = []
        if RETURN in kinds and RETURNING in self.writing:
            none_yet.append(at(ast.Delete([ast.Name(self.value, ast.Del())]), stmt))
        body, returned = none_yet + self.block(stmt.body, exit, skip), self.returned
        for flag in dict.fromkeys([returned if RETURN in kinds else "", exit, skip]):
            # False is what it is; said again, nothing has to know it.
            body = _with_flag(flag, body, stmt) if flag else body
        loop = _like(stmt, body=body or [at(ast.Pass(), stmt)], orelse=[])
        # The builder looks for the flag here; a loop seen a second time keeps its own.
        loop.exit_name = exit or exit_name(stmt)  # type: ignore[union-attr]
        after: list[ast.stmt] = []
        if RETURN in kinds:
            # Where a `return` left the loop, the loop around is left too.
            gone = at(ast.Break(), stmt)
            left = ast.Name(self.returned, ast.Load())
            only = endless and BREAK not in kinds
            after = [gone if only else at(ast.If(left, [gone], none_yet), stmt)]
        if not orelse or not exit:
            return [loop], after + orelse
        after.append(at(ast.If(ran_out, orelse, []), stmt))
        return [assign(asked, False, stmt), loop], after


def _left(stmts: list[ast.stmt], result: str) -> list[ast.stmt]:
    """Return statements of a loop with `break` for a `return` that follows it, too."""
    made: list[ast.stmt] = []
    for stmt in stmts:
        if isinstance(stmt, ast.If):
            body, orelse = (_left(arm, result) for arm in (stmt.body, stmt.orelse))
            stmt = _like(stmt, body=body, orelse=orelse)
        left = isinstance(stmt, ast.Return) and ast.dump(stmt) == result
        made.append(at(ast.Break(), stmt) if left else stmt)
    return made


def _with_flag(flag: str, body: list[ast.stmt], loop: Loop) -> list[ast.stmt]:
    """Return a loop body that binds a flag on every path.

    A test that ends the body becomes the flag: `if s > 9: break` is `.exit = s > 9`.
    """
    nodes = [node for stmt in body for node in ast.walk(stmt)]
    if sum(isinstance(node, ast.Name) and node.id == flag for node in nodes) == 1:
        match body[-1]:
            case ast.Assign(targets=[ast.Name(id=name)]) if name == flag:
                return body
            case ast.If(test, [ast.Assign(targets=[ast.Name(id=name)])], []):
                if name == flag and _is_truth_value(test):
                    return [*body[:-1], assign(flag, test, body[-1])]
    return [assign(flag, False, loop), *body]


def _is_truth_value(test: ast.expr) -> bool:
    """Tell a test that is a truth value, not a number taken for one."""
    match test:
        case ast.BoolOp():
            return all(map(_is_truth_value, test.values))
        case ast.Compare() | ast.UnaryOp(op=ast.Not()) | ast.Constant(value=bool()):
            return True
    return False


# Small parts of trees.


def at(node: Node, place: ast.AST) -> Node:
    """Return a new node, placed where the statement it came from stands."""
    return ast.fix_missing_locations(ast.copy_location(node, place))


def _like(stmt: Node, **changes: object) -> Node:
    """Return a copy of one node with other fields."""
    made = copy.copy(stmt)
    vars(made).update(changes)
    return made


def _not(test: ast.expr) -> ast.expr:
    return at(ast.UnaryOp(ast.Not(), test), test)


def assign(name: str, value: ast.expr | bool, place: ast.AST) -> ast.stmt:
    """Return the statement that binds a made variable."""
    made = ast.Constant(value) if isinstance(value, bool) else value
    return at(ast.Assign([ast.Name(name, ast.Store())], made), place)


def _unless(flag: str, body: list[ast.stmt], place: ast.AST) -> ast.If:
    """Return `if not flag: body`."""
    test = ast.UnaryOp(ast.Not(), ast.Name(flag, ast.Load()))
    return at(ast.If(test, body, []), place)
