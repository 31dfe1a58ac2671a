"""Draw a computation graph as SVG: light and dark, without anything to load."""

from __future__ import annotations

from html import escape

from srcgrad.graphs.model import End, Graph, Node, Wire
from srcgrad.graphs.scene import Scene, Size, arrange

_FONT, _SMALL = 14.0, 12.0
_WIDE = 0.61  # of a character of a monospaced font, in sizes of the font
_MARGIN = 20.0
_ROW = 16.0

_STYLE = """\
.srcgrad { --paper: #ffffff; --ink: #1f2430; --line: #7d8597; --node: #eef2fb;
  --rim: #5b6b91; --box: #f7f4ea; --value: #1b4f9c; --slope: #b3261e; }
@media (prefers-color-scheme: dark) { .srcgrad { --paper: #14171f; --ink: #e6e9f0;
  --line: #7f889c; --node: #232a3b; --rim: #8fa2d4; --box: #26241b; --value: #8ab8ff;
  --slope: #ff9a90; } }
.srcgrad text { font-family: ui-monospace, monospace; font-size: 14px;
  fill: var(--ink); text-anchor: middle; dominant-baseline: central; }
.srcgrad .value, .srcgrad .slope, .srcgrad .note { font-size: 12px; }
.srcgrad .value { fill: var(--value); }
.srcgrad .slope { fill: var(--slope); }
.srcgrad .start { text-anchor: start; }
.srcgrad .line { fill: none; stroke: var(--line); stroke-width: 1.4; }
.srcgrad .node { fill: var(--node); stroke: var(--rim); stroke-width: 1.4; }
.srcgrad .folded { stroke-width: 1.4; }
.srcgrad .frame { fill: var(--box); stroke: var(--rim); stroke-dasharray: 5 4; }
.srcgrad .end { fill: none; stroke: var(--rim); stroke-width: 1.4; }
.srcgrad .paper { fill: var(--paper); }
.srcgrad .head { fill: var(--line); }"""


class SvgStyle:
    """Sizes in pixels."""

    between, thin, whole = 14.0, 6.0, False
    left, right, top, bottom = 16.0, 16.0, 34.0, 16.0

    def node(self, node: Node) -> Size:
        width = _wide(node.label)
        if node.kind == "operation":
            return max(36.0, width + 22), 36.0
        return max(30.0, width + 26), 36.0 if node.foldable else 30.0

    def frame(self, node: Node, width: float, height: float) -> Size:
        title = _wide(node.label, _SMALL) + 24
        return max(width + 32, title), height + 50

    def wire(self, wire: Wire) -> tuple[float, float, float]:
        return *_room(wire.above, wire.backward), 0.0

    def part(self, end: End) -> tuple[float, float, float]:
        return *_room("", end.part), 0.0

    def gap(self, ends: list[tuple[float, float]]) -> float:
        steep = max((abs(b - a) for a, b in ends), default=0.0)
        return 10.0 + min(0.3 * steep, 50.0)


def _wide(text: str, size: float = _FONT) -> float:
    return _WIDE * size * len(text)


def _room(above: str, below: str) -> Size:
    """Return the size of a label whose line goes through its middle."""
    over, under = above.split("\n"), _back(below).split("\n")
    width = max(_wide(row, _SMALL) for row in over + under)
    return width + 14, 2 * _ROW * max(len(over), len(under)) + 4


def _back(text: str) -> str:
    return f"← {text}" if text else ""


def draw_svg(graph: Graph, title: str, legend: str) -> str:
    """Return a graph as an SVG document."""
    style = SvgStyle()
    scene = arrange(graph, style)
    left, top = _MARGIN, _MARGIN + 30
    lines: list[str] = []
    shapes: list[str] = []
    for inside, (x, y) in scene.every(left, top, style):
        _frames(inside, x, y, lines)
        _lines(inside, x, y, lines)
        _boxes(inside, x, y, shapes)
    keys = [("ink", title), ("value", "value →"), ("slope", "← gradient")]
    keys += [("ink", legend)] if legend else []
    heads, at = list[str](), _MARGIN
    for kind, text in keys:
        size = _FONT if text == title else _SMALL
        heads.append(_text(at, _MARGIN, text, f"{kind} start" + " note" * (size < 14)))
        at += _wide(text, size) + 22
    width = max(scene.layout.width + 2 * left, at)
    height = scene.layout.height + top + _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="srcgrad" role="img" '
        f'width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}">'
    )
    rows = [head, f"<title>{escape(title)}</title>", f"<style>{_STYLE}</style>"]
    rows.append('<rect class="paper" width="100%" height="100%" rx="8"/>')
    return "\n".join([*rows, *heads, *lines, *shapes, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{named}>{escape(text)}</text>'


def _rect(x: float, y: float, size: Size, kind: str, round: float, about: str) -> str:
    """Return a rectangle around a middle."""
    width, height = size
    title = f"<title>{escape(about)}</title>" if about else ""
    return (
        f'<rect class="{kind}" x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" '
        f'width="{width:.1f}" height="{height:.1f}" rx="{round:.0f}">{title}</rect>'
    )


def _frames(scene: Scene, x: float, y: float, out: list[str]) -> None:
    """Draw the frames of unfolded boxes; what is in them comes later."""
    for node in scene.inner:
        box = scene.boxes[node]
        out.append(
            _rect(x + box.x, y + box.y, (box.width, box.height), "frame", 10, "")
        )
        left = x + box.x - box.width / 2 + 12
        out.append(_text(left, y + box.top + 15, node.label, "note start"))


def _lines(scene: Scene, x: float, y: float, out: list[str]) -> None:
    layout = scene.layout
    for line in layout.lines:
        start = line.source.x + line.source.width / 2
        path = [f"M{x + start:.1f},{y + line.source.y + line.leaves:.1f}"]
        for a, p, b, q in line.pieces:
            one, two = layout.edges[a.layer][1], layout.edges[b.layer][0]
            first, second = y + a.y + p, y + b.y + q
            middle = x + (one + two) / 2
            path.append(f"H{x + one:.1f}")
            if abs(first - second) > 0.05:
                path.append(
                    f"C{middle:.1f},{first:.1f} {middle:.1f},{second:.1f} "
                    f"{x + two:.1f},{second:.1f}"
                )
        end, low = x + line.target.x - line.target.width / 2, y + line.target.y
        path.append(f"H{end:.1f}")
        out.append(f'<path class="line" d="{" ".join(path)}"/>')
        if isinstance(line.target.of, Node):
            tip = low + line.enters
            shape = f"M{end:.1f},{tip:.1f} l-8,-4 v8 z"
            out.append(f'<path class="head" d="{shape}"/>')


def _boxes(scene: Scene, x: float, y: float, out: list[str]) -> None:
    for layer in scene.layout.layers:
        for box in layer:
            size, middle = (box.width, box.height), (x + box.x, y + box.y)
            match box.of:
                case Node() as node if node not in scene.inner:
                    out.append(_node(node, *middle, size))
                case Wire() as wire:
                    out += _label(wire.above, wire.backward, wire.detail, *middle, size)
                case End() as end:
                    out += _label("", end.part, "", *middle, size)


def _node(node: Node, x: float, y: float, size: Size) -> str:
    about = ": ".join(
        filter(None, [f"line {node.line}" * (node.line > 0), node.detail])
    )
    if node.kind in ("input", "output", "door"):
        shape = _rect(x, y, size, "end", size[1] / 2, about)
    else:
        shape = _rect(x, y, size, "node", 8, about)
    if node.foldable:
        inner = (size[0] - 7, size[1] - 7)
        shape += _rect(x, y, inner, "end", 5, "")
    return shape + _text(x, y, node.label)


def _label(
    above: str, below: str, about: str, x: float, y: float, size: Size
) -> list[str]:
    """Return the label of a line: values over it, gradients under it."""
    width, _ = size
    found = [f'<path class="line" d="M{x - width / 2:.1f},{y:.1f} h{width:.1f}"/>']
    title = f"<title>{escape(about)}</title>" if about else ""
    over, under = above.split("\n"), _back(below).split("\n")
    rows = [(text, "value", k - len(over)) for k, text in enumerate(over)]
    for text, kind, k in [*rows, *((t, "slope", k) for k, t in enumerate(under))]:
        if text:
            row = _text(x, y + (k + 0.5) * _ROW + (2 if k >= 0 else -1), text, kind)
            found.append(row.replace("</text>", f"{title}</text>"))
    return found
