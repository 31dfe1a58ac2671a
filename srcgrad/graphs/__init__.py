"""Draw the computation graph of a function: values forward, gradients backward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from srcgrad.differentiated import Differentiated
from srcgrad.errors import (
    OutputError,
    SrcgradError,
    TypeInferenceError,
    UnsupportedFunctionError,
    make_error,
)
from srcgrad.graphs.build import Unfold, build_graph
from srcgrad.graphs.characters import draw_characters
from srcgrad.graphs.model import Graph
from srcgrad.graphs.svg import draw_svg
from srcgrad.graphs.texts import draw_dot, draw_mermaid
from srcgrad.graphs.watch import Run, watched_run
from srcgrad.options import Options
from srcgrad.results import tree_copy
from srcgrad.specialise import Call
from srcgrad.trees import is_float_leaf, leaves

__all__ = ["Drawing", "graph"]


def graph(
    f: Callable[..., Any], *args: Any, unfold: Unfold = False, values: bool = True,
    **kwargs: Any,
) -> Drawing:  # fmt: skip
    """Draw the computation graph of a function.

    Nodes are operations, edges are values. On an edge stands the value, from left to
    right, and the gradient of the result with respect to it, from right to left, both
    measured while the backward that `grad(f, backend="python").source(*args)` shows is
    run. A value with several uses has the sum on its own edge, and the parts on those
    to its uses, if the backward keeps them apart: a loop adds to a running sum, so what
    it reads and has other uses has no part. In an unfolded loop the numbers are those
    of the last turn, or of the last that ran that arm of a branch; an arm that never
    ran has none.

    Args:
        f: A plain function, or what `grad` and its relatives return: then the gradients
            are with respect to its own `argnums`, else to all arguments with floats.
        *args: Example arguments; they are not changed. Without any, the graph has no
            numbers: it is drawn for the arguments of the last call, or for floats.
        unfold: Which boxes show what is in them: `True` for all, or a collection of
            names of helpers, of line numbers, and of "loop" and "branch".
        values: Whether to run anything; if not, arguments only say their kinds.
        **kwargs: More arguments.

    Returns:
        A `Drawing`. It prints as text, and notebooks show it as a picture.

    Raises:
        SrcgradError: The function cannot be differentiated, or takes no floats.

    >>> def loss(x, w, target):
    ...     return (x * w - target) ** 2
    >>> print(graph(loss, 2.0, 3.0, 2.0))
    loss: value →, ← gradient
    <BLANKLINE>
                             2
                  (target)─────────┐
          2                  ← -8  │       4              16
    (x)─────────┐            6     ├─[-]─────────[** 2]─────────(loss)
          ← 24  ├───[*]────────────┘       ← 8            ← 1
          3     │            ← 8
    (w)─────────┘
          ← 16
    """
    return _drawn(f, args, kwargs, unfold, values)


def _drawn(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any],
    unfold: Unfold, values: bool,
) -> Drawing:  # fmt: skip
    """Return the drawing of a function; without a gradient if it has no number."""
    if not isinstance(values, bool):
        help = "give a parameter of your function that is called so by position"
        raise make_error("SG306", "`values` is True or False", helps=(help,))
    given = bool(args or kwargs)
    try:
        d, call, names = _prepared(f, args, kwargs)
        return Drawing(watched_run(d, call, names, values and given), unfold)
    except OutputError:
        if isinstance(f, Differentiated):
            raise
        note = "no gradient: the result is not one number"
        args, kwargs = tree_copy((args, kwargs))  # the plain function may write to them
        call = _bound(d, args, kwargs, ())
        return Drawing(watched_run(d, call, (), values and given), unfold, note)
    except SrcgradError as error:
        unknown = isinstance(error, UnsupportedFunctionError | TypeInferenceError)
        if given or not unknown or (isinstance(f, Differentiated) and f._last):
            raise
        what = "without arguments a graph is drawn for floats, which are refused here"
        helps = ("pass example arguments", "`values=False` draws without running them")
        raise make_error("SG305", what, helps=helps) from error


def _prepared(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Differentiated, Call, tuple[str, ...]]:
    """Return a function on the python backend, its arguments, and which are floats."""
    if not isinstance(f, Differentiated):
        d = Differentiated(f, "grad", Options(argnums=(), backend="python"))
        call = _bound(d, args, kwargs, ())
        kinds = call.specs.items()
        found = [n for n, s in kinds if any(is_float_leaf(x) for _, x, _ in leaves(s))]
        if not found:
            what = f"no argument of `{d.signature.source.name}` is a float"
            helps = ("pass 2.0 in place of 2, or an array of floats",)
            raise make_error("SG305", what, helps=helps)
        call.names = tuple(found)
        return d, call, call.names
    plain = {**asdict(f.options), "backend": "python", "memory_budget": None}
    d = Differentiated(f.inner or f.primal, "grad", Options(**plain))
    d = d._like(_held=f._held, _kept=f._kept)  # it may be a method
    if not args and not kwargs and f._last:
        made = f._last[0]
        names = d.signature.chosen(made.specs, d.options)
        specs = d.signature.floats(made.specs, names)
        return d, Call({}, specs, names, made.fixed), names
    call = _bound(d, args, kwargs, None)
    return d, call, call.names


def _bound(
    d: Differentiated, args: Any, kwargs: Any, names: tuple[str, ...] | None
) -> Call:
    """Bind arguments; if there are none, a float for each."""
    if args or kwargs:
        return d.bind(args, kwargs, names)
    needed = [n for n in d.signature.kinds if n not in d.signature.source.defaults]
    return d.bind([1.0] * len(needed), {}, names)


class Drawing:
    """A computation graph, drawn in several languages.

    Attributes:
        graph: Its nodes and edges, with boxes folded or not as asked for.
        title: The name of the function.
    """

    def __init__(self, run: Run, unfold: Unfold, note: str = "") -> None:
        """Take what was read and noted of a function."""
        self._run, self._note = run, note
        self.title = run.title
        self.graph: Graph = build_graph(run, unfold)

    @cached_property
    def _legend(self) -> str:
        """What a reader must know besides."""
        nodes = (node for part in self.graph.every() for node in part.nodes)
        kinds = {node.kind for node in nodes if node.inner is not None}
        ran = bool(self._run.forward.codes)
        return self._note or ("in loops: what ran last" * ("loop" in kinds and ran))

    def ascii(self, width: int = 100, plain: bool = False) -> str:
        """Return the graph as text.

        Args:
            width: The columns that there are: what is wider from left to right is drawn
                from the top down, and is still wider only if no other way is found.
            plain: Whether to use ASCII alone.
        """
        down = False
        rows = draw_characters(self.graph, down, plain)
        if max(map(len, rows)) > width:
            down = True
            rows = draw_characters(self.graph, down, plain)
        ran = bool(self._run.forward.codes)
        way = ("value ↓, ↑ gradient" if down else "value →, ← gradient") if ran else ""
        head = ": ".join(filter(None, [self.title, way]))
        head = " | ".join(filter(None, [head, self._legend]))
        if plain:
            head = head.replace("value ↓, ↑", "value v, ^").replace("→, ←", ">, <")
        return "\n".join([head, "", *rows])

    __str__ = ascii

    def __repr__(self) -> str:
        count = len(self.graph.nodes)
        return f"<srcgrad drawing of {self.title}: {count} nodes>"

    def svg(self) -> str:
        """Return the graph as an SVG picture, for light and dark surroundings."""
        return draw_svg(self.graph, self.title, self._legend)

    def _repr_svg_(self) -> str:
        return self.svg()

    def dot(self) -> str:
        """Return the graph in the language of Graphviz."""
        return draw_dot(self.graph, self.title)

    def mermaid(self) -> str:
        """Return the graph in the language of Mermaid."""
        return draw_mermaid(self.graph)

    def html(self) -> str:
        """Return a page with the picture, and with all boxes unfolded if there are any.

        The page loads nothing.
        """
        nodes = [node for part in self.graph.every() for node in part.nodes]
        more = ""
        if any(node.foldable and node.inner is None for node in nodes):
            whole = Drawing(self._run, True, self._note).svg()
            more = f"<details><summary>unfolded</summary>\n{whole}</details>\n"
        style = "<style>:root { color-scheme: light dark; font-family: sans-serif }"
        head = f'<meta charset="utf-8">\n<title>{escape(self.title)}</title>\n{style}'
        return f"<!DOCTYPE html>\n{head}</style>\n{self.svg()}{more}"

    def save(self, path: str | Path) -> None:
        """Write the graph to a file, in the language that its ending says.

        Args:
            path: It ends in .svg, .html, .dot, .gv, .mmd or .txt.

        Raises:
            ValueError: It ends otherwise.
        """
        ways = {".svg": self.svg, ".html": self.html, ".dot": self.dot, ".gv": self.dot,
                ".mmd": self.mermaid, ".txt": self.ascii}  # fmt: skip
        way = ways.get(Path(path).suffix.lower())
        if way is None:
            known = ", ".join(ways)
            raise ValueError(f"`{path}` has none of the endings {known}")
        Path(path).write_text(way().rstrip("\n") + "\n", encoding="utf-8")
