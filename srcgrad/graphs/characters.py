"""Draw a computation graph with characters, from left to right or from the top down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import floor

from srcgrad.graphs.layout import Layout
from srcgrad.graphs.model import End, Graph, Node, Wire
from srcgrad.graphs.scene import Scene, Size, arrange

# Which neighbours a cell is joined to: along the layers, and across them.
_AHEAD, _BACK, _MORE, _LESS = 1, 2, 4, 8
# The characters for right, left, down, up, in the order of these bits.
_LINES = " ╶╴─╷┌┐┬╵└┘┴│├┤┼"
_PLAIN = str.maketrans("─│┌┐└┘├┤┬┴┼╴╶╵╷←↑→×·…╌┆", "-|+++++++++--||<^>x.~-:")


class CharacterStyle:
    """Sizes in characters; `down`: layers follow each other from the top down."""

    thin, whole = 1.0, True

    def __init__(self, down: bool) -> None:
        self.down = down
        self.between = 2.0 if down else 0.0
        self.left, self.right = (1.0, 1.0) if down else (2.0, 2.0)
        self.top, self.bottom = (2.0, 2.0) if down else (1.0, 1.0)

    def turned(self, width: int, height: int) -> Size:
        """Return a size on the screen as one along and across; odd across."""
        along, across = (height, width) if self.down else (width, height)
        return along, across + 1 - across % 2

    def node(self, node: Node) -> Size:
        return self.turned(len(named(node)), 1)

    def frame(self, node: Node, width: float, height: float) -> Size:
        along, across = (int(width), int(height))
        wide, high = (across, along) if self.down else (along, across)
        return self.turned(max(wide + 4, len(node.label) + 6), high + 2)

    def wire(self, wire: Wire) -> tuple[float, float, float]:
        return self.label(wire.above, wire.backward)

    def part(self, end: End) -> tuple[float, float, float]:
        return self.label("", end.part)

    def label(self, above: str, below: str) -> tuple[float, float, float]:
        """Return the size of a label, and where its line is from the middle."""
        over, under = self.rows(above, below)
        long, other = (max(map(len, rows), default=0) for rows in (over, under))
        rows = max(len(over), len(under))
        if not self.down:
            return max(long, other) + 2, 2 * rows + 1, 0
        along, across = self.turned(long + other + 3, max(rows, 1))
        return along, across, long + 1 - across // 2

    def rows(self, above: str, below: str) -> tuple[list[str], list[str]]:
        """Return the rows of text on both sides of a line."""
        arrow = "↑ " if self.down else "← "
        return above.split("\n") if above else [], [arrow + below] if below else []

    def gap(self, ends: list[tuple[float, float]]) -> float:
        count = 1 + max((net[2] for net in _nets(ends)), default=-1)
        return max(1, count) if self.down else count + 2


def named(node: Node) -> str:
    """Return how a node is written."""
    if node.kind in ("input", "output", "door"):
        return f"({node.label})"
    if node.label.startswith("[") and node.label.endswith("]"):
        return node.label
    return f"[+ {node.label}]" if node.foldable else f"[{node.label}]"


Net = tuple[list[float], list[float], int]  # where it begins and ends, and its track


def _nets(ends: Sequence[tuple[float, float]]) -> list[Net]:
    """Return lines between two layers as nets, each with a track across them.

    Lines of one beginning are a net, and so are other lines of one end. A track lies
    behind those of nets that must have turned before.
    """
    targets: dict[float, set[float]] = defaultdict(set)
    for a, b in ends:
        targets[a].add(b)
    groups: dict[tuple[int, float], tuple[set[float], set[float]]] = {}
    for a, b in sorted(set(ends)):
        key = (0, a) if len(targets[a]) > 1 else (1, b)
        begin, end = groups.setdefault(key, (set(), set()))
        begin.add(a)
        end.add(b)
    bent = [g for g in groups.values() if g[0] | g[1] != g[0] & g[1]]
    found = [
        (sorted(a), sorted(b), -1) for a, b in groups.values() if (a, b) not in bent
    ]
    tracks: list[list[tuple[float, float]]] = []
    placed: list[tuple[set[float], set[float], int]] = []
    while bent:
        # One that begins where another ends turns before that other begins there.
        free = [
            g for g in bent if not any(g[1] & h[0] - h[1] for h in bent if h is not g)
        ]
        group = (free or bent)[0]
        bent.remove(group)
        low, high = min(group[0] | group[1]), max(group[0] | group[1])
        least = max((t + 1 for a, _, t in placed if a & group[1]), default=0)
        for number in range(least, len(tracks) + least + 1):
            if number >= len(tracks):
                tracks += [[] for _ in range(number + 1 - len(tracks))]
            if all(high < a or b < low for a, b in tracks[number]):
                break
        tracks[number].append((low, high))
        placed.append((*group, number))
        found.append((sorted(group[0]), sorted(group[1]), number))
    return found


class _Canvas:
    def __init__(self, down: bool) -> None:
        self.down = down
        self.bits: dict[tuple[int, int], int] = defaultdict(int)
        self.text: dict[tuple[int, int], str] = {}  # by row and column

    def join(self, along: int, across: int, bits: int) -> None:
        self.bits[along, across] |= bits

    def run(self, start: int, stop: int, across: int) -> None:
        """Draw a line along the layers."""
        for along in range(start, stop):
            self.join(along, across, _AHEAD | _BACK)

    def write(self, row: int, column: int, text: str) -> None:
        for k, character in enumerate(text):
            self.text[row, column + k] = character

    def lines(self) -> list[str]:
        """Return the rows of the picture."""
        found: dict[tuple[int, int], str] = {}
        for (along, across), bits in self.bits.items():
            if self.down:  # ahead is down, and more is right
                swapped = {_AHEAD: 4, _BACK: 8, _MORE: 1, _LESS: 2}
                bits = sum(to for bit, to in swapped.items() if bits & bit)
            place = (along, across) if self.down else (across, along)
            found[place] = _LINES[bits]
        found |= self.text
        rows = 1 + max((row for row, _ in found), default=0)
        columns = 1 + max((column for _, column in found), default=0)
        whole = [[found.get((r, c), " ") for c in range(columns)] for r in range(rows)]
        return ["".join(row).rstrip() for row in whole]


def _at(x: float) -> int:
    return floor(x + 1e-9)


def draw_characters(graph: Graph, down: bool, plain: bool = False) -> list[str]:
    """Return the rows of a picture of a graph."""
    style, canvas = CharacterStyle(down), _Canvas(down)
    for scene, (x, y) in arrange(graph, style).every(0.0, 0.0, style):
        _draw_frames(canvas, scene, x, y)
        _draw_lines(canvas, scene.layout, x, y)
        for layer in scene.layout.layers:
            for box in layer:
                along, across = _at(x + box.x - box.width / 2), _at(y + box.top)
                row, column = (along, across) if down else (across, along)
                match box.of:
                    case Node() as node if node not in scene.inner:
                        canvas.write(row, column, named(node))
                    case Wire() | End() as of:
                        _draw_label(canvas, style, of, along, y + box.y, across)
    rows = canvas.lines()
    return [row.translate(_PLAIN) for row in rows] if plain else rows


def _draw_label(
    canvas: _Canvas, style: CharacterStyle, of: Wire | End, along: int, middle: float,
    across: int,
) -> None:  # fmt: skip
    """Write what stands beside a line, and the line."""
    above, below = (of.above, of.backward) if isinstance(of, Wire) else ("", of.part)
    width, _, line = style.label(above, below)
    place = _at(middle + line)
    canvas.run(along, along + int(width), place)
    over, under = style.rows(above, below)
    if not style.down:
        for k, text in enumerate(over):
            canvas.write(place - len(over) + k, along + 1, text)
        for k, text in enumerate(under):
            canvas.write(place + 1 + k, along + 1, text)
        return
    for k, text in enumerate(over):
        canvas.write(along + k, place - 1 - len(text), text)
    for k, text in enumerate(under):
        canvas.write(along + k, place + 2, text)


def _draw_frames(canvas: _Canvas, scene: Scene, x: float, y: float) -> None:
    for node in scene.inner:
        box = scene.boxes[node]
        along, across = _at(x + box.x - box.width / 2), _at(y + box.top)
        row, column = (along, across) if canvas.down else (across, along)
        size = (box.width, box.height) if canvas.down else (box.height, box.width)
        high, wide = int(size[0]), int(size[1])
        canvas.write(row, column, f"┌╌ {node.label} ".ljust(wide - 1, "╌") + "┐")
        canvas.write(row + high - 1, column, "└" + "╌" * (wide - 2) + "┘")
        for k in range(row + 1, row + high - 1):
            canvas.write(k, column, "┆")
            canvas.write(k, column + wide - 1, "┆")


def _draw_lines(canvas: _Canvas, layout: Layout, x: float, y: float) -> None:
    gaps: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for line in layout.lines:
        for a, p, b, q in line.pieces:
            one, two = _at(y + a.y + p), _at(y + b.y + q)
            gaps[a.layer].append((one, two))
            canvas.run(
                _at(x + a.x + a.width / 2), _at(x + layout.edges[a.layer][1]), one
            )
            canvas.run(
                _at(x + layout.edges[b.layer][0]), _at(x + b.x - b.width / 2), two
            )
            if a.of is None:
                canvas.run(_at(x + layout.edges[a.layer][0]), _at(x + a.x), one)
    for layer, ends in gaps.items():
        start = _at(x + layout.edges[layer][1])
        stop = _at(x + layout.edges[layer + 1][0])
        for begins, arrives, track in _nets(ends):
            at = start + track + (not canvas.down)
            if track < 0:
                canvas.run(start, stop, int(begins[0]))
                continue
            for across in begins:
                canvas.run(start, at, int(across))
                canvas.join(at, int(across), _BACK)
            for across in arrives:
                canvas.run(at + 1, stop, int(across))
                canvas.join(at, int(across), _AHEAD)
            low, high = min(begins + arrives), max(begins + arrives)
            for across in range(int(low), int(high)):
                canvas.join(at, across, _MORE)
                canvas.join(at, across + 1, _LESS)
