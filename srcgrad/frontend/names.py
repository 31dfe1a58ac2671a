"""Which names a piece of source assigns, and which are alive after each statement.

Only names that are alive across a loop or an `if` are carried or merged; temporaries of
a loop body stay inside it.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable

from srcgrad.frontend.normalize.jumps import exit_name, normalize_jumps
from srcgrad.frontend.normalize.statements import Attempt

Names = frozenset[str]


def assigned(nodes: Iterable[ast.AST], certain: bool = False) -> Names:
    """Return the names bound by these statements, nested functions left aside.

    With `certain`, what a `:=` binds counts only if it is evaluated in any case.
    """
    names: set[str] = set()
    for node in nodes:
        match node:
            case ast.IfExp(test=part) | ast.BoolOp(values=[part, *_]) if certain:
                names |= assigned([part], certain)
            case ast.Compare(left, _, [right, *_]) if certain:
                names |= assigned([left, right], certain)
            case ast.FunctionDef(name):
                names.add(name)
            case ast.Lambda() | ast.ListComp() | ast.GeneratorExp() | ast.DictComp():
                pass
            case ast.Import(aliases) | ast.ImportFrom(_, aliases):
                names.update((a.asname or a.name).split(".")[0] for a in aliases)
            case ast.Name(name, ast.Store()):
                names.add(name)
            case _:
                parts = ast.iter_child_nodes(node)
                names |= {exit_name(node)} | assigned(parts, certain)
    return frozenset(names - {""})


def loaded(node: ast.AST) -> Names:
    """Return the names read anywhere in a node, nested functions included."""
    nodes = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
    return frozenset(n.id for n in nodes if isinstance(n.ctx, ast.Load))


class Liveness:
    """Names alive after each statement of a function, and at the head of each loop.

    `bound` are the names that it binds anywhere, `outer` those that it binds for a
    function around it, `boxed` what functions inside it bind so.
    """

    def __init__(self, body: list[ast.stmt]) -> None:
        nodes = [node for stmt in body for node in ast.walk(stmt)]
        scopes = [n for n in nodes if isinstance(n, ast.FunctionDef | ast.Lambda)]
        inner = {part for scope in scopes for part in ast.walk(scope)}
        said = [n for n in nodes if isinstance(n, ast.Nonlocal)]
        self.boxed = Names(x for n in said if n in inner for x in n.names)
        self.outer = Names(x for n in said if n not in inner for x in n.names)
        self.bound = assigned(body) - self.outer
        self.captured = self.boxed.union(*map(loaded, scopes))
        self.after: dict[int, Names] = {}
        self.head: dict[int, Names] = {}
        self._block(body, self.captured)

    def _block(self, stmts: list[ast.stmt], after: Names) -> Names:
        for stmt in reversed(stmts):
            self.after[id(stmt)] = after
            after = self._stmt(stmt, after) | self.captured
        return after

    def _stmt(self, stmt: ast.stmt, after: Names) -> Names:
        match stmt:
            case ast.If(ast.Constant(Attempt()), body, handlers):
                handled = self._block(handlers, after)
                return self._block(body, after | handled) | handled
            case ast.If():
                arms = self._block(stmt.body, after) | self._block(stmt.orelse, after)
                return arms | loaded(stmt.test)
            case ast.For():
                targets = assigned([stmt.target])
                return self._loop(stmt, after, targets) | loaded(stmt.iter)
            case ast.While():
                return self._loop(stmt, after | loaded(stmt.test), Names())
            case ast.AugAssign(ast.Name(name)):
                return after | {name} | loaded(stmt.value)
        return (after - assigned([stmt], certain=True)) | loaded(stmt)

    def _loop(self, stmt: ast.For | ast.While, head: Names, targets: Names) -> Names:
        end = {exit_name(stmt)} - {""}
        before = None
        while head != before:
            before = head
            head |= self._block(stmt.body, head | end) - targets
        self.head[id(stmt)] = head
        return head


@functools.lru_cache(maxsize=256)
def prepared(
    function: ast.FunctionDef, writing: frozenset[object]
) -> tuple[list[ast.stmt], Liveness]:
    """Return the regular statements of a function, and what is alive after each."""
    body = normalize_jumps(function, writing).body
    return body, Liveness(body)
