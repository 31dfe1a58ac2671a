"""Turn a graph into boxes and lines, lay them out, and boxes within boxes likewise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from srcgrad.graphs.layout import Box, Layout, Line, place
from srcgrad.graphs.model import End, Graph, Node, Wire

Size = tuple[float, float]


class Style(Protocol):
    """What a kind of drawing says of sizes; all along and across the layers."""

    between: float
    thin: float
    whole: bool
    left: float
    right: float
    top: float
    bottom: float

    def node(self, node: Node) -> Size:
        """Return the size of a node without an inside."""

    def frame(self, node: Node, width: float, height: float) -> Size:
        """Return the size of a box around an inside, with its margins."""

    def wire(self, wire: Wire) -> tuple[float, float, float]:
        """Return the size of a label, and where its line is from the middle."""

    def part(self, end: End) -> tuple[float, float, float]:
        """Return the size of the label of a part, and where its line is."""

    def gap(self, ends: list[tuple[float, float]]) -> float:
        """Return the space that lines between two layers need."""


@dataclass(slots=True, eq=False)
class Scene:
    """A graph laid out, and what is in its unfolded boxes."""

    graph: Graph
    layout: Layout
    boxes: dict[Node, Box]
    inner: dict[Node, Scene] = field(default_factory=dict)

    def height_of(self, door: Node, style: Style) -> float | None:
        """Return where a node inside lies, from the top of this scene."""
        if door in self.boxes:
            return self.boxes[door].y
        for node, scene in self.inner.items():
            found = scene.height_of(door, style)
            if found is not None:
                return found + self.boxes[node].top + style.top
        return None

    def every(self, x: float, y: float, style: Style) -> Iterator[tuple[Scene, Size]]:
        """Yield this scene and those inside, each with where it begins."""
        yield self, (x, y)
        for node, scene in self.inner.items():
            box = self.boxes[node]
            left = x + box.x - box.width / 2 + style.left
            yield from scene.every(left, y + box.top + style.top, style)


def arrange(graph: Graph, style: Style) -> Scene:
    """Lay out a graph, the insides of its boxes first."""
    rank = _ranks(graph)
    inner = {n: arrange(n.inner, style) for n in graph.nodes if n.inner is not None}
    boxes: dict[Node, Box] = {}
    for node in graph.nodes:
        size = style.node(node)
        if node in inner:
            found = inner[node].layout
            size = style.frame(node, found.width, found.height)
        boxes[node] = Box(*size, 3 * rank[node], node, node.kind == "input")
    scene = Scene(graph, Layout([], [], [], 0, 0), boxes, inner)

    def doors(node: Node, found: list[Node]) -> list[float]:
        places = [inner[node].height_of(d, style) for d in found] if found else []
        middle = boxes[node].height / 2 - style.top
        return [y - middle for y in places if y is not None] or [0.0]

    every, lines = [*boxes.values()], list[Line]()
    for wire in graph.wires:
        width, height, line = style.wire(wire)
        label = Box(width, height, 3 * rank[wire.source] + 1, wire)
        every.append(label)
        for y in doors(wire.source, wire.doors):
            lines.append(Line(boxes[wire.source], label, y, line, wire))
        for end in wire.ends:
            start, leaves = label, line
            if wire.split and end.part:
                width, height, own = style.part(end)
                start = Box(width, height, 3 * rank[end.node] - 1, end)
                every.append(start)
                lines.append(Line(label, start, line, own, wire))
                leaves = own
            for y in doors(end.node, end.doors):
                lines.append(Line(start, boxes[end.node], leaves, y, end))
    used = {layer: k for k, layer in enumerate(sorted({box.layer for box in every}))}
    for box in every:
        box.layer = used[box.layer]
    thin, between = style.thin, style.between
    scene.layout = place(every, lines, between, thin, style.gap, style.whole)
    return scene


def _ranks(graph: Graph) -> dict[Node, int]:
    """Return how far each node is from the inputs, inputs near to where they go."""
    rank = dict.fromkeys(graph.nodes, 0)
    place = {node: k for k, node in enumerate(graph.nodes)}
    targets: dict[Node, list[Node]] = {node: [] for node in graph.nodes}
    for wire in sorted(graph.wires, key=lambda w: place[w.source]):
        for end in wire.ends:
            targets[wire.source].append(end.node)
    for node in graph.nodes:
        for other in targets[node]:
            rank[other] = max(rank[other], rank[node] + 1)
    last = max(rank.values(), default=0)
    fed = {other for found in targets.values() for other in found}
    for node in graph.nodes:
        if node not in fed and node.kind != "door" and targets[node]:
            rank[node] = min(rank[other] for other in targets[node]) - 1
        elif node in graph.leaves:
            rank[node] = last
    return rank
