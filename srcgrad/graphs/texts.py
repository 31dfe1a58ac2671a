"""Write a computation graph for other programs: Graphviz's dot, and Mermaid."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from srcgrad.graphs.model import Graph, Node

_VALUE, _SLOPE = "#1b4f9c", "#b3261e"


def _arrows(graph: Graph) -> Iterator[tuple[Node, Node, str, str]]:
    """Yield ends of arrows in all boxes, with value and gradient."""
    for part in graph.every():
        for wire in part.wires:
            for end in wire.ends:
                back = end.part if wire.split else wire.backward
                for source in wire.doors or [wire.source]:
                    for target in end.doors or [end.node]:
                        yield source, target, wire.above, back


def _named(graph: Graph) -> dict[Node, str]:
    nodes = (node for part in graph.every() for node in part.nodes)
    return {node: f"n{k}" for k, node in enumerate(nodes, 1)}


def draw_dot(graph: Graph, title: str) -> str:
    """Return a graph in the language of Graphviz."""
    names = _named(graph)
    rows = [f"digraph {_quoted(title)} {{", "  rankdir=LR;"]
    rows.append("  node [fontname=monospace, shape=box, style=rounded];")
    rows.append("  edge [fontname=monospace, fontsize=10];")

    def block(part: Graph, indent: str) -> None:
        for node in part.nodes:
            if node.inner is not None:
                rows.append(f"{indent}subgraph cluster_{names[node]} {{")
                rows.append(f"{indent}  label={_quoted(node.label)}; style=dashed;")
                block(node.inner, indent + "  ")
                rows.append(f"{indent}}}")
                continue
            look = ", peripheries=2" if node.foldable else ""
            look = look if node.kind in _BOXES else ", shape=ellipse"
            rows.append(f"{indent}{names[node]} [label={_quoted(node.label)}{look}];")

    block(graph, "  ")
    for source, target, value, back in _arrows(graph):
        parts = [f'<font color="{_VALUE}">{_lines(value)}</font>'] if value else []
        if back:
            parts.append(f'<font color="{_SLOPE}">← {_lines(back)}</font>')
        label = f" [label=<{'<br/>'.join(parts)}>]" if parts else ""
        rows.append(f"  {names[source]} -> {names[target]}{label};")
    return "\n".join([*rows, "}"]) + "\n"


_BOXES = ("operation", "helper", "loop", "branch", "arm")


def _quoted(text: str) -> str:
    inner = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inner}"'


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br/>")


def draw_mermaid(graph: Graph) -> str:
    """Return a graph in the language of Mermaid."""
    names = _named(graph)
    rows = ["flowchart LR"]

    def block(part: Graph, indent: str) -> None:
        for node in part.nodes:
            label = f'"{_coded(node.label)}"'
            if node.inner is not None:
                rows.append(f"{indent}subgraph {names[node]} [{label}]")
                block(node.inner, indent + "  ")
                rows.append(f"{indent}end")
                continue
            open, close = ("[[", "]]") if node.foldable else ("[", "]")
            if node.kind not in _BOXES:
                open, close = "([", "])"
            rows.append(f"{indent}{names[node]}{open}{label}{close}")

    block(graph, "  ")
    for source, target, value, back in _arrows(graph):
        text = "<br/>".join(
            [_coded(value)] * bool(value) + [f"← {_coded(back)}"] * bool(back)
        )
        label = f'|"{text}"|' if text else ""
        rows.append(f"  {names[source]} -->{label} {names[target]}")
    return "\n".join(rows) + "\n"


def _coded(text: str) -> str:
    """Return text as Mermaid takes it: by number whatever means something to it."""
    plain = (c if c.isalnum() or c in " .,=_+-/→×·…" else f"#{ord(c)};" for c in text)
    return "".join("<br/>" if c == "#10;" else c for c in plain)
