"""Which names a piece of source assigns, and which are alive after each statement.

Only names that are alive across a loop or an `if` are carried or merged; temporaries of
a loop body stay inside it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

__all__ = ["Liveness", "assigned", "loaded"]

Names = frozenset[str]
_SCOPES = (ast.FunctionDef, ast.Lambda)


def assigned(nodes: Iterable[ast.AST]) -> Names:
    """Return the names bound by these statements, nested functions left aside."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
            continue
        if isinstance(
            node, ast.Lambda | ast.ListComp | ast.GeneratorExp | ast.DictComp
        ):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            names.update((a.asname or a.name).split(".")[0] for a in node.names)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        exit_name = getattr(node, "exit_name", None)
        if exit_name:
            names.add(exit_name)
        names |= assigned(ast.iter_child_nodes(node))
    return frozenset(names)


def loaded(node: ast.AST) -> Names:
    """Return the names read anywhere in a node, nested functions included."""
    return frozenset(
        n.id
        for n in ast.walk(node)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    )


class Liveness:
    """Names alive after each statement, and at the head of each loop.

    Args:
        body: The normalised statements of a function.
    """

    def __init__(self, body: list[ast.stmt]) -> None:
        captured: set[str] = set()
        for stmt in body:
            for node in ast.walk(stmt):
                if isinstance(node, _SCOPES):
                    captured |= loaded(node)
        self.captured = frozenset(captured)
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
            case ast.If():
                arms = self._block(stmt.body, after) | self._block(stmt.orelse, after)
                return arms | loaded(stmt.test)
            case ast.For() | ast.While():
                return self._loop(stmt, after)
            case ast.AugAssign(target=ast.Name(id=name)):
                return after | {name} | loaded(stmt.value)
            case ast.FunctionDef():
                return (after - {stmt.name}) | loaded(stmt)
            case _:
                return (after - assigned([stmt])) | loaded(stmt)

    def _loop(self, stmt: ast.For | ast.While, after: Names) -> Names:
        exit_name = getattr(stmt, "exit_name", None)
        end = frozenset({exit_name}) if exit_name else frozenset()
        if isinstance(stmt, ast.For):
            targets, header = assigned([stmt.target]), loaded(stmt.iter)
        else:
            targets, header = frozenset[str](), loaded(stmt.test)
        head = after | header if isinstance(stmt, ast.While) else after
        while True:
            body = self._block(stmt.body, head | end) - targets
            grown = head | body
            if grown == head:
                break
            head = grown
        self.head[id(stmt)] = head
        return head | header
