"""Place boxes in layers so that few lines cross and most are straight.

The method is that of Sugiyama, Tagawa and Toda (1981): every box has a layer, lines
over several layers are cut by points in each, the order in each layer is that of the
mean place of the neighbours (Eades and Wormald's median as well), whichever crosses
least. Across the layers a box then lies as near to the median of its neighbours as the
boxes beside it allow, which is isotonic regression: nothing ever overlaps.

The layers follow each other along x, the boxes of one along y.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

_SWEEPS = 16


@dataclass(slots=True, eq=False)
class Box:
    """A rectangle to place: its size, and in the end where its middle is.

    `of` is what it stands for; a point of a line stands for nothing. One that is `last`
    lies at the end of its layer, others in the middle.
    """

    width: float
    height: float
    layer: int = 0
    of: Any = None
    last: bool = False
    x: float = 0.0
    y: float = 0.0

    @property
    def top(self) -> float:
        """The y where it begins."""
        return self.y - self.height / 2

    @property
    def bottom(self) -> float:
        """The y where it ends."""
        return self.y + self.height / 2


@dataclass(slots=True, eq=False)
class Line:
    """A line from the right of a box to the left of one in a later layer.

    `leaves` and `enters` say how far from the middle of the boxes it does; `points` are
    the boxes that it goes through in the end, the first and the last included.
    """

    source: Box
    target: Box
    leaves: float = 0.0
    enters: float = 0.0
    of: Any = None
    points: list[Box] = field(default_factory=list)

    @property
    def pieces(self) -> list[tuple[Box, float, Box, float]]:
        """The boxes of each piece between two layers, and where it meets them."""
        last = len(self.points) - 1
        return [
            (
                a,
                self.leaves if k == 0 else 0.0,
                b,
                self.enters if k + 1 == last else 0.0,
            )
            for k, (a, b) in enumerate(pairwise(self.points))
        ]


@dataclass(slots=True)
class Layout:
    """Where everything is: `edges` are the x where each layer begins and ends."""

    layers: list[list[Box]]
    lines: list[Line]
    edges: list[tuple[float, float]]
    width: float
    height: float


def place(
    boxes: Sequence[Box], lines: Sequence[Line], between: float, thin: float,
    gap: Callable[[list[tuple[float, float]]], float], whole: bool = False,
) -> Layout:  # fmt: skip
    """Place boxes whose layers are known.

    Args:
        boxes: The boxes; their `x` and `y` are set.
        lines: The lines; their `points` are set.
        between: The space between two boxes of a layer.
        thin: The height of the point of a line.
        gap: The space between two layers, from the y that its lines begin and end at.
        whole: Whether places are whole numbers.
    """
    count = 1 + max((box.layer for box in boxes), default=0)
    layers: list[list[Box]] = [[] for _ in range(count)]
    for box in boxes:
        layers[box.layer].append(box)
    for line in lines:
        line.points = [line.source]
        for k in range(line.source.layer + 1, line.target.layer):
            line.points.append(Box(0.0, thin, k))
            layers[k].append(line.points[-1])
        line.points.append(line.target)
    pieces = [piece for line in lines for piece in line.pieces]
    parted: list[list[Piece]] = [[] for _ in range(count)]
    for piece in pieces:
        parted[piece[0].layer].append(piece)
    layers = _ordered(layers, parted)
    _settle(layers, pieces, between, whole)
    top = min((box.top for layer in layers for box in layer), default=0.0)
    for box in (box for layer in layers for box in layer):
        box.y -= top
    height = max((box.bottom for layer in layers for box in layer), default=0.0)
    edges, x = list[tuple[float, float]](), 0.0
    for number, layer in enumerate(layers):
        width = max((box.width for box in layer), default=0.0)
        edges.append((x, x + width))
        for box in layer:
            box.x = x + width - box.width / 2 if box.last else x + width / 2
        ends = [(a.y + p, b.y + q) for a, p, b, q in parted[number]]
        x += width + (gap(ends) if number + 1 < count else 0.0)
    return Layout(layers, list(lines), edges, x, height)


Piece = tuple[Box, float, Box, float]


def _ordered(
    layers: list[list[Box]], parted: Sequence[Sequence[Piece]]
) -> list[list[Box]]:
    """Return the layers in the order with the fewest crossings that was found."""
    before: dict[Box, list[tuple[Box, float, float]]] = {}
    after: dict[Box, list[tuple[Box, float, float]]] = {}
    for a, p, b, q in chain.from_iterable(parted):
        after.setdefault(a, []).append((b, q, p))
        before.setdefault(b, []).append((a, p, q))
    best, fewest = layers, crossings(layers, parted)
    now, place = [[*layer] for layer in layers], _places(layers)
    for sweep in range(_SWEEPS):
        beside = after if sweep % 2 else before

        def wish(box: Box, beside: Any = beside) -> float:
            found = beside.get(box)
            if not found:
                return float(place[box])
            # Where a line meets a box decides between equal neighbours.
            met = [place[other] + 1e-3 * p - 1e-6 * q for other, p, q in found]
            return float(sum(met)) / len(met)

        for layer in now[-2::-1] if sweep % 2 else now[1:]:
            layer.sort(key=wish)
            place.update((box, k) for k, box in enumerate(layer))
        count = crossings(now, parted)
        if count < fewest:
            best, fewest = [[*layer] for layer in now], count
    return best


def _places(layers: Sequence[Sequence[Box]]) -> dict[Box, int]:
    return {box: k for layer in layers for k, box in enumerate(layer)}


def crossings(
    layers: Sequence[Sequence[Box]], parted: Sequence[Sequence[Piece]]
) -> int:
    """Return how many pairs of lines cross, from the pieces behind each layer."""
    place, count = _places(layers), 0
    for pieces in parted:
        ends = sorted(((place[a], p), (place[b], q)) for a, p, b, q in pieces)
        for k, (left, right) in enumerate(ends):
            count += sum(one < right and first > left for first, one in ends[k + 1 :])
    return count


def _settle(
    layers: Sequence[Sequence[Box]],
    pieces: Sequence[Piece],
    between: float,
    whole: bool,
) -> None:
    """Set the y of all boxes."""
    before: dict[Box, list[tuple[Box, float]]] = {}
    after: dict[Box, list[tuple[Box, float]]] = {}
    for a, p, b, q in pieces:
        after.setdefault(a, []).append((b, q - p))
        before.setdefault(b, []).append((a, p - q))
    for layer in layers:
        _spread(layer, [0.0] * len(layer), between, whole)
    for sweep in range(_SWEEPS + 1):
        down = sweep % 2 == 0
        for layer in layers if down else layers[::-1]:
            wishes = []
            for box in layer:
                # In the end a box without lines on this side looks to the other.
                near, far = (before, after) if down else (after, before)
                found = near.get(box) or far.get(box) or []
                wishes.append(_median([b.y + d for b, d in found], box.y))
            _spread(layer, wishes, between, whole)


def _median(values: list[float], otherwise: float) -> float:
    values.sort()
    if not values:
        return otherwise
    middle = len(values) // 2
    return (values[middle] + values[-middle - 1]) / 2


def _spread(
    layer: Sequence[Box], wishes: Sequence[float], between: float, whole: bool
) -> None:
    """Set the y of a layer's boxes as near to what they wish as their sizes allow.

    With the room that they need taken off, their places may not decrease: neighbours
    that would are pooled, and share the mean of their wishes.
    """
    room, offsets = 0.0, list[float]()
    for k, box in enumerate(layer):
        if k:
            room += (layer[k - 1].height + box.height) / 2 + between
        offsets.append(room)
    pools: list[list[float]] = []  # the mean wish of a pool, and how many share it
    for wish, offset in zip(wishes, offsets, strict=True):
        pools.append([wish - offset, 1.0])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, m), (b, n) = pools[-2:]
            pools[-2:] = [[(a * m + b * n) / (m + n), m + n]]
    found = [mean for mean, n in pools for _ in range(int(n))]
    for box, mean, offset in zip(layer, found, offsets, strict=True):
        box.y = float(round(mean)) + offset if whole else mean + offset
