"""Computation graphs: their numbers are those of the backward, and can be read.

Each drawn gradient is held against a difference quotient or the chain rule by hand; no
label of a picture lies on another, on a node or on a line.
"""

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad.errors import ArgumentError, SrcgradError
from srcgrad.graphs import Drawing, graph, watch
from srcgrad.graphs.model import Graph, Wire
from srcgrad.graphs.watch import WatchedSweep
from srcgrad.ir import Const
from srcgrad.ops import ROWS
from srcgrad.types import Scalar


def squared(x: Any, w: Any, target: Any) -> Any:
    """Be the tutorials' first example."""
    y = x * w
    return (y - target) ** 2


def product(x: Any, y: Any, w: Any) -> Any:
    return (x + y) * w


def relu(z: Any) -> Any:
    return max(z, 0.0)


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def network(x: Any, target: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    """Be the tutorials' network of two layers."""
    h = relu(w1 * x + b1)
    y = sigmoid(w2 * h + b2)
    return (y - target) ** 2


def perceptron(params: Any, images: Any, labels: Any) -> Any:
    h = np.maximum(images @ params["w1"] + params["b1"], 0)
    z = h @ params["w2"] + params["b2"]
    z = z - z.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(labels.size), labels])


def looped(x: Any, n: Any) -> Any:
    y = 1.0
    for _ in range(n):
        y = y * x + 0.5
    z = y * 2 if y > 3 else y * x
    return z * x


def stopped(x: Any, w: Any) -> Any:
    s = 0.0
    for i in range(len(x)):
        if x[i] > 2:
            break
        t = x[i] * w
        s += t * t
    return s


def prefix(x: Any) -> Any:
    y = x.copy()
    for i in range(1, len(x)):
        y[i] = y[i] * y[i - 1]
    return y.sum()


def halved(x: Any) -> Any:
    while x > 1.0:
        x = x * 0.5
    return x * x


def twice(x: Any) -> Any:
    return relu(relu(x) * 3.0) + x


def joined(x: Any) -> Any:
    """End in a loop that is run forward and backward turn by turn."""
    s = 0.0
    for i in range(len(x)):
        s += np.exp(math.sin(x[i]) * x[i])
    return s


def nested(x: Any) -> Any:
    """Have a loop in a loop that is run forward and backward turn by turn."""
    s = 0.0
    for i in range(len(x)):
        y = x[i]
        for _ in range(3):
            y = y * y
        s += y
    return s


RNG = np.random.default_rng(0)
PARAMS = {
    "w1": RNG.normal(size=(4, 5)), "b1": np.zeros(5),
    "w2": RNG.normal(size=(5, 3)), "b2": np.zeros(3),
}  # fmt: skip
TWO = (2.0, 1.0, 0.5, 0.1, 0.3, -0.2)
PROGRAMS: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (squared, (2.0, 3.0, 2.0)),
    (product, (1.0, 2.0, 3.0)),
    (network, TWO),
    (perceptron, (PARAMS, RNG.normal(size=(6, 4)), np.array([0, 1, 2, 0, 1, 2]))),
    (looped, (1.3, 4)),
    (stopped, (np.array([1.0, 2.0, 3.0]), 2.0)),
    (prefix, (np.array([2.0, 3.0, 4.0]),)),
    (halved, (37.0,)),
    (twice, (0.7,)),
    (joined, (np.array([0.3, 0.6]),)),
    (nested, (np.array([0.9, 1.1]),)),
]


def wires(drawing: Drawing) -> list[tuple[str, str, str]]:
    """Return what stands on the edges: from where, the value, the gradient."""
    return [(w.source.label, w.forward, w.backward) for w in drawing.graph.wires]


def test_tutorial_example() -> None:
    assert wires(graph(squared, 2.0, 3.0, 2.0)) == [
        ("x", "2", "24"), ("w", "3", "16"), ("target", "2", "-8"),
        ("*", "6", "8"), ("-", "4", "8"), ("** 2", "16", "1"),
    ]  # fmt: skip
    assert wires(graph(product, 1.0, 2.0, 3.0)) == [
        ("x", "1", "3"), ("y", "2", "3"), ("w", "3", "3"), ("+", "3", "3"),
        ("*", "9", "1"),
    ]  # fmt: skip


def test_two_layer_network() -> None:
    drawing = graph(network, *TWO)
    found = {a: (v, g) for a, v, g in wires(drawing)}
    assert found["w1"] == ("0.5", "-0.1397")
    assert found["b1"] == ("0.1", "-0.06984")
    assert found["w2"] == ("0.3", "-0.2561")
    assert found["b2"] == ("-0.2", "-0.2328")
    assert found["** 2"] == ("0.2186", "1")
    assert [n.label for n in drawing.graph.nodes if n.kind == "helper"] == [
        "relu",
        "sigmoid",
    ]


def test_each_call_of_a_helper_is_a_box() -> None:
    closed = graph(twice, 0.7)
    labels = ["x", "relu", "* 3.0", "relu", "+", "twice"]
    assert [n.label for n in closed.graph.nodes] == labels
    x = closed.graph.wires[0]
    assert (x.backward, [end.part for end in x.ends]) == ("4", ["3", "1"])
    opened = graph(twice, 0.7, unfold={"relu"})
    inner = [n.inner for n in opened.graph.nodes if n.inner]
    found = [[n.label for n in g.nodes] for g in inner]
    assert found == [["x", "max(·, 0.0)", "result"], ["z", "max(·, 0.0)", "result"]]


def test_last_turn_of_a_loop() -> None:
    drawing = graph(looped, 1.3, 4, unfold=["loop"])
    (inner,) = (n.inner for n in drawing.graph.nodes if n.inner)
    y = [1.0]
    for _ in range(4):
        y.append(y[-1] * 1.3 + 0.5)
    slope = 2 * 1.3  # of the result with respect to the last y
    assert [(w.source.label, w.forward, w.backward) for w in inner.wires] == [
        ("y", f"{y[3]:.4g}", f"{slope * 1.3:.4g}"),
        ("x", "1.3", f"{slope * y[3]:.4g}"),
        ("*", f"{y[3] * 1.3:.4g}", f"{slope:.4g}"),
        ("+ 0.5", f"{y[4]:.4g}", f"{slope:.4g}"),
    ]


def test_loop_joined_to_its_backward_shows_its_last_turn() -> None:
    x = np.array([0.3, 0.6])
    drawing = graph(joined, x, unfold=True)
    (inner,) = (n.inner for n in drawing.graph.nodes if n.inner)
    found = {w.source.label: (w.forward, w.backward) for w in inner.wires}
    product = math.sin(0.6) * 0.6
    slope = f"{math.exp(product):.4g}"
    assert found["exp"] == (slope, "1")
    assert found["*"] == (f"{product:.4g}", slope)


def test_loop_in_a_joined_loop_shows_its_last_turn() -> None:
    drawing = graph(nested, np.array([0.9, 1.1]), unfold=True)
    outer = next(n.inner for n in drawing.graph.nodes if n.inner)
    inner = next(n.inner for n in outer.nodes if n.inner)
    last = 1.1**4
    assert [(w.forward, w.backward) for w in inner.wires] == [
        (f"{last:.4g}", f"{2 * last:.4g}"),
        (f"{last * last:.4g}", "1"),
    ]


def test_while_shows_its_last_turn() -> None:
    drawing = graph(halved, 37.0, unfold=True)
    (inner,) = (n.inner for n in drawing.graph.nodes if n.inner)
    last = 37.0 / 2**6
    assert [(w.forward, w.backward) for w in inner.wires] == [
        (f"{2 * last:.4g}", f"{last:.4g}"),
        (f"{last:.4g}", f"{2 * last:.4g}"),
    ]


def test_arm_that_is_not_run_has_no_numbers() -> None:
    drawing = graph(looped, 1.3, 4, unfold=["branch"])
    (branch,) = (n for n in drawing.graph.nodes if n.kind == "branch")
    assert branch.label == "if y > 3 → True"
    assert branch.inner is not None
    then, other = (arm.inner for arm in branch.inner.nodes)
    assert then is not None
    assert other is not None
    assert [w.forward for w in then.wires] == ["5.95", "11.9"]
    assert [w.forward + w.backward for w in other.wires] == ["", "", ""]


def test_arm_has_the_numbers_of_its_own_last_run() -> None:
    """See the turn before the loop is left: 4 and the square of 2 * 2."""
    drawing = graph(stopped, np.array([1.0, 2.0, 3.0]), 2.0, unfold=True)
    (loop,) = (n.inner for n in drawing.graph.nodes if n.inner)
    (branch,) = (n.inner for n in loop.nodes if n.inner)
    then, other = (arm.inner for arm in branch.nodes if arm.inner)
    assert [w.forward for w in then.wires] == ["20"]
    assert {w.source.label: w.forward for w in other.wires} == {
        "x": "[1 2 3]", "w": "2", "s": "4", "[i]": "2", "*": "4", "· * ·": "16",
        "+": "20",
    }  # fmt: skip


def test_parts_add_up_or_are_not_shown() -> None:
    drawing = graph(looped, 1.3, 4)
    x = drawing.graph.wires[0]
    assert [end.part for end in x.ends] == ["", "", "11.9"]  # a loop keeps a sum
    both = graph(lambda x: np.sin(x) * x + x, 0.8).graph.wires[0]
    parts = [0.8 * math.cos(0.8), math.sin(0.8), 1.0]
    assert [end.part for end in both.ends] == [f"{p:.4g}" for p in parts]
    assert both.backward == f"{sum(parts):.4g}"


@pytest.mark.parametrize(("function", "args"), PROGRAMS, ids=lambda x: str(x)[10:18])
def test_inputs_have_their_gradients(function: Any, args: Any) -> None:
    drawing = graph(function, *args)
    floats = tuple(k for k, x in enumerate(args) if not isinstance(x, int))
    floats = tuple(k for k in floats if getattr(args[k], "dtype", "float64") != "int64")
    given = srcgrad.grad(function, argnums=floats, backend="python")(*args)
    leaves = [x for g in given for x in (g.values() if isinstance(g, dict) else [g])]
    shown = [w.backward for w in drawing.graph.wires if w.source.kind == "input"]
    expected = [
        f"{g:.4g}" if np.ndim(g) == 0
        else f"[{' '.join(f'{x:.4g}' for x in g)}]" if g.size <= 3
        else f"norm {np.linalg.norm(g):.4g}"
        for g in leaves
    ]  # fmt: skip
    assert [s for s in shown if s] == expected


@pytest.mark.parametrize(("function", "args"), PROGRAMS, ids=lambda x: str(x)[10:18])
def test_gradients_are_difference_quotients(function: Any, args: Any) -> None:
    drawing = graph(function, *args)
    names = [n.label for n in drawing.graph.nodes if n.kind == "input"]
    for k, x in enumerate(args):
        if isinstance(x, float):
            more, less = ([*args[:k], x + d, *args[k + 1 :]] for d in (1e-6, -1e-6))
            slope = (function(*more) - function(*less)) / 2e-6
            name = function.__code__.co_varnames[k]
            wire = drawing.graph.wires[names.index(name)]
            assert float(wire.backward) == pytest.approx(slope, rel=2e-3)


def test_numbers_are_those_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw a rule that is wrong as wrong: nothing is computed a second time."""
    monkeypatch.setitem(ROWS["sin"].vjp, "x", lambda g, x, **_: 7 * g)
    assert wires(graph(lambda x: np.sin(x) * 2.0, 0.5))[0] == ("x", "0.5", "14")


def test_drawing_that_differs_from_the_run_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Faulty(WatchedSweep):
        def give(self, target: Any, g: Any) -> None:
            super().give(target, self.build.op("mul", g, Const(2.0, Scalar("float64"))))

    monkeypatch.setattr(watch, "WatchedSweep", Faulty)
    with pytest.raises(SrcgradError, match="the drawn backward differs"):
        graph(squared, 2.0, 3.0, 2.0)


def test_options_of_a_gradient_are_its_own() -> None:
    made = srcgrad.grad(squared, argnums=1, backend="python")
    found = {a: g for a, _, g in wires(made.graph(2.0, 3.0, target=2.0))}
    assert (found["x"], found["w"], found["target"]) == ("", "16", "")


def test_gradient_of_a_gradient() -> None:
    drawing = graph(srcgrad.grad(srcgrad.grad(lambda x: x**3)), 2.0)
    assert drawing.title == "gradient of <lambda>"
    assert wires(drawing)[0] == ("x", "2", "12")


def test_method() -> None:
    class Plain:
        def __init__(self) -> None:
            self.k = 3.0

        def energy(self, x: Any) -> Any:
            return self.k * x * x

    plain = Plain().energy
    assert ("x", "2", "12") in wires(graph(plain, 2.0))
    assert ("x", "2", "12") in wires(graph(srcgrad.grad(plain), 2.0))


def test_structure_alone() -> None:
    for drawing in (
        graph(squared),
        graph(squared, 2.0, 3.0, 2.0, values=False),
        srcgrad.grad(squared, backend="python").graph(),
    ):
        assert {v + g for _, v, g in wires(drawing)} == {""}
    arrays = graph(prefix, np.ones(3), values=False)
    assert wires(arrays)[0] == ("x", "float64[:]", "")


def test_of_an_array_only_the_value_is_drawn() -> None:
    drawing = graph(lambda x: np.sin(x), np.zeros(3))
    assert wires(drawing) == [("x", "[0 0 0]", ""), ("sin", "[0 0 0]", "")]
    assert "no gradient: the result is not one number" in drawing.ascii()


def test_bad_arguments() -> None:
    with pytest.raises(ArgumentError, match=r"pass 2\.0 in place of 2"):
        graph(squared, 2, 3, 2)
    with pytest.raises(ArgumentError, match="pass example arguments"):
        graph(perceptron)
    with pytest.raises(ArgumentError, match="a function is needed, not int"):
        graph(3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="called so by position"):
        graph(lambda values: values.sum(), values=np.ones(2))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="positional argument"):
        graph(product, 1.0, 2.0, 3.0, 4.0)
    with pytest.raises(IndexError, match="out of bounds"):
        graph(lambda x: np.sqrt(x[4]), np.ones(3))
    with pytest.raises(ValueError, match="none of the endings"):
        graph(squared, 2.0, 3.0, 2.0).save("picture.png")


def test_value_that_enters_a_loop_twice_has_one_part() -> None:
    def kept(x: Any) -> Any:
        best = x
        for _ in range(3):
            x = 2.0 * x
            if x < 5.0:
                best = x
        return best * x

    wire = graph(kept, 1.0).graph.wires[0]
    assert [end.part for end in wire.ends] == ["64"]
    assert wire.backward == "64"


def test_use_that_is_not_known_leaves_no_part_of_the_sum() -> None:
    """Read an element and use the whole: what the read gives is not kept apart."""

    def read(x: Any) -> Any:
        return x[0] * np.sum(x * x)

    def outer(x: Any) -> Any:
        return read(x) + x[1]

    drawing = graph(outer, np.array([2.0, 3.0]), unfold=True)
    (inner,) = (n.inner for n in drawing.graph.nodes if n.inner)
    assert [w.backward for w in inner.wires if w.source.kind == "door"] == [""]
    assert drawing.graph.wires[0].backward == "[21 13]"


def test_caller_keeps_its_arrays() -> None:
    x = np.array([2.0, 3.0, 4.0])

    def written(x: Any) -> Any:
        x[0] = x[1] * 2
        return x.sum()

    graph(written, x)
    graph(lambda x: [written(x), x], x)
    assert x.tolist() == [2.0, 3.0, 4.0]


# pictures


def drawings() -> list[Drawing]:
    found = [graph(f, *args, unfold=u) for f, args in PROGRAMS for u in (False, True)]
    return [*found, graph(network), graph(lambda a: a * 2.0 if "<&>" else a, 1.0)]


@pytest.fixture(scope="module")
def drawn() -> list[Drawing]:
    return drawings()


Rect = tuple[float, float, float, float]


def overlap(one: Rect, two: Rect) -> bool:
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


def rects_of(root: ET.Element) -> tuple[list[tuple[Rect, str]], list[Rect], list[Rect]]:
    """Return the places of texts, of nodes and of frames in a picture."""
    texts, nodes, frames = list[tuple[Rect, str]](), list[Rect](), list[Rect]()
    for element in root:
        kind = element.get("class", "")
        tag = element.tag.rpartition("}")[2]
        if tag == "text":
            size = 12 if {*kind.split()} & {"value", "slope", "note"} else 14
            x, y = float(element.get("x", "")), float(element.get("y", ""))
            width = 0.6 * size * len(element.text or "")
            left = x if "start" in kind else x - width / 2
            place = (left, y - size / 2, left + width, y + size / 2)
            texts.append((place, kind))
        elif tag == "rect" and kind != "paper":
            x, y, w, h = (
                float(element.get(k, "")) for k in ("x", "y", "width", "height")
            )
            (frames if kind == "frame" else nodes).append((x, y, x + w, y + h))
    return texts, nodes, frames


def points_of(path: str) -> list[tuple[float, float]]:
    """Return points on a line."""
    found: list[tuple[float, float]] = []
    for kind, body in re.findall(r"([MHCh])([^MHCh]*)", path):
        n = [float(t) for t in re.findall(r"-?[\d.]+", body)]
        if kind == "M":
            found.append((n[0], n[1]))
            continue
        x, y = found[-1]
        for t in np.linspace(0, 1, 40):
            if kind == "C":
                a, b, c, d = (
                    (1 - t) ** 3,
                    3 * t * (1 - t) ** 2,
                    3 * t**2 * (1 - t),
                    t**3,
                )
                found.append((a * x + b * n[0] + c * n[2] + d * n[4],
                              a * y + b * n[1] + c * n[3] + d * n[5]))  # fmt: skip
            else:
                found.append((x + t * (n[0] - (x if kind == "H" else 0.0)), y))
    return found


def test_nothing_in_a_picture_overlaps(drawn: list[Drawing]) -> None:
    for drawing in drawn:
        root = ET.fromstring(drawing.svg())
        texts, nodes, frames = rects_of(root)
        width, height = float(root.get("width", "")), float(root.get("height", ""))
        labels = [t for t, kind in texts if kind]  # others are in their nodes
        for k, label in enumerate(labels):
            assert 0 <= label[0] < label[2] <= width
            assert 0 <= label[1] < label[3] <= height
            others = [*labels[k + 1 :], *nodes]
            assert not [r for r in others if overlap(label, r)], drawing.title
        inside = [t for t, kind in texts if not kind]
        outer = [r for r in nodes if not any(
            r != s and s[0] <= r[0] and r[2] <= s[2] and s[1] <= r[1] and r[3] <= s[3]
            for s in nodes)]  # fmt: skip
        assert len(inside) == len(outer)
        for text, node in zip(inside, outer, strict=True):
            assert node[0] <= text[0]
            assert text[2] <= node[2]
        for k, node in enumerate(outer):
            assert not [r for r in outer[k + 1 :] if overlap(node, r)], drawing.title
        for k, frame in enumerate(frames):
            for other in frames[k + 1 :]:
                within = frame[0] < other[0] and other[2] < frame[2]
                around = other[0] < frame[0] and frame[2] < other[2]
                assert within or around or not overlap(frame, other)
        for element in root:
            if element.get("class") == "line":
                for x, y in points_of(element.get("d", "")):
                    hit = (x - 0.2, y - 0.2, x + 0.2, y + 0.2)
                    assert not [t for t in labels if overlap(t, hit)], drawing.title
                    small = [(a + 1, b + 1, c - 1, d - 1) for a, b, c, d in outer]
                    assert not [r for r in small if overlap(r, hit)], drawing.title


def test_text_is_within_its_width(drawn: list[Drawing]) -> None:
    for drawing in drawn:
        rows = drawing.ascii().splitlines()
        assert max(map(len, rows)) <= 100, drawing.title
        drawing.ascii(plain=True).encode("ascii")


def test_every_label_is_in_the_text(drawn: list[Drawing]) -> None:
    def labels(graph: Graph) -> list[str]:
        ways: list[Wire] = [w for g in graph.every() for w in g.wires]
        found = [row for w in ways for row in w.above.split("\n") if row]
        found += [f" {w.backward}" for w in ways if w.backward]
        found += [f" {e.part}" for w in ways if w.split for e in w.ends if e.part]
        nodes = [n for g in graph.every() for n in g.nodes]
        return found + [n.label for n in nodes]

    for drawing in drawn:
        text, picture = (
            drawing.ascii(),
            "".join(ET.fromstring(drawing.svg()).itertext()),
        )
        for label in labels(drawing.graph):
            assert label in text, drawing.title
            assert label in picture, drawing.title


def test_lines_of_the_text_are_connected(drawn: list[Drawing]) -> None:
    """Follow every line of the text: it goes on in the next cell, or ends at a node."""
    ways = {(0, 1): ("─╶┌└├┬┴┼", "─╴┐┘┤┬┴┼"), (1, 0): ("│╷┌┐├┤┬┼", "│╵└┘├┤┴┼")}
    back = {(-r, -c): (ends, starts) for (r, c), (starts, ends) in ways.items()}
    for drawing in drawn:
        rows = drawing.ascii().splitlines()[2:]
        cells = {(r, c): x for r, row in enumerate(rows) for c, x in enumerate(row)}
        nodes, depth = set[tuple[int, int]](), 0
        for at, x in cells.items():  # row by row
            depth += x in "[("
            nodes |= {at} if depth else set()
            depth -= x in "])"
        frames = {at for at, x in cells.items() if x in "╌┆"}
        frames |= {(r, c + d) for r, c in frames for d in (-1, 1)}
        for at, x in cells.items():
            if at in nodes or at in frames:
                continue
            for (r, c), (starts, ends) in {**ways, **back}.items():
                there = at[0] + r, at[1] + c
                if x in starts and there not in nodes and there not in frames:
                    where = (drawing.title, *there)
                    title = rows[there[0]].find("╌") > 0  # of a frame
                    assert cells.get(there, " ") in ends or title, where


def test_other_languages(drawn: list[Drawing], tmp_path: Path) -> None:
    for drawing in drawn:
        dot, mermaid = drawing.dot(), drawing.mermaid()
        assert dot.count("{") == dot.count("}")
        assert mermaid.count("subgraph") == mermaid.count(" end\n")
        names = {*re.findall(r"\b(n\d+) \[label", dot)}
        arrows = re.findall(r"(n\d+) -> (n\d+)", dot)
        assert {n for pair in arrows for n in pair} <= names
        for label in re.findall(r"label=<(.*)>\]", dot):
            ET.fromstring(f"<p>{label}</p>")
        assert re.findall(r"(n\d+) -->(?:\|[^|]*\|)? (n\d+)", mermaid) == arrows
    for ending in ("svg", "html", "dot", "gv", "mmd", "txt"):
        drawn[0].save(tmp_path / f"picture.{ending}")
        assert (tmp_path / f"picture.{ending}").read_text().strip()
    assert "unfolded" in drawn[4].html()
    assert drawn[0]._repr_svg_() == drawn[0].svg()
    assert "nodes" in repr(drawn[0])


def test_text_is_escaped() -> None:
    def less(x: Any) -> Any:
        return x * 2.0 if x < 3.0 else x

    drawing = graph(less, 1.0, unfold=True)
    ET.fromstring(drawing.svg())
    assert "if x &lt; 3.0" in drawing.svg()
    assert "#60;" in drawing.mermaid()
