"""Report what is wrong at the user's own line, in one shape for every error.

A `Problem` is one finding: a code, a sentence, the place, why, and what to do. An error
carries one or several of them. The text is made when the error is made, so that it
still shows the right line after the file was edited or the error crossed a process:

    error[SG204]: `scipy.signal.lfilter` has no derivative rule
      --> model.py:14:9, in loss (with respect to w, b)
       |
    14 |     t = lfilter(b, a, s)
       |         ^^^^^^^^^^^^^^^^ the result depends on `t` through line 15
    help: write the filter as a loop over s: loops compile

Every class is also the builtin that a user would catch.
"""

from __future__ import annotations

import difflib
import io
import linecache
import os
import tokenize
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = [
    "CODES", "ArgumentError", "BackendError", "Code", "GradientCheckError", "Label",
    "Location", "MutationError", "NonDifferentiableError", "NonFiniteGradientError",
    "OutputError", "Problem", "Problems", "SourceUnavailableError", "SrcgradError",
    "TapeBudgetError", "TypeInferenceError", "UnboundVariableError",
    "UnsupportedFunctionError", "UnsupportedSyntaxError", "internal_error",
    "make_error", "render", "suggest",
]  # fmt: skip

LINES_PER_PROBLEM = 15
PROBLEMS_SHOWN = 10
TAB_WIDTH = 4


@dataclass(frozen=True, slots=True)
class Location:
    """A span of the user's source, as an editor counts it.

    Lines and columns start at 1, columns count characters (not bytes), and
    `end_column` is the column just past the last character. Line 0 means nowhere.
    """

    file: str = ""
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        """Return `file:line:column`, the file as `shown_path` writes it."""
        return f"{shown_path(self.file)}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that belongs to a problem, with what to say about it."""

    location: Location
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about the user's program.

    Attributes:
        code: a key of `CODES`, such as "SG204".
        message: one sentence that stands alone.
        location: where, or None if the problem is not in the text (an argument).
        note: why, printed next to the caret.
        helps: what the user can do, one sentence each.
        labels: other places that matter, underlined with dashes.
        function: the function that holds the place, if it is not the differentiated
            one but a helper of it.
    """

    code: str
    message: str
    location: Location | None = None
    note: str = ""
    helps: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()
    function: str = ""


class SrcgradError(Exception):
    """The base of every error that srcgrad raises about the user's program.

    Attributes:
        problems: all findings, the first one decides the class.
        function: the name of the differentiated function, or "".
        names: the names of the arguments differentiated with respect to.

    >>> place = Location("model.py", 3, 5, 3, 10)
    >>> problem = Problem("SG302", "the result has shape (1,)", place)
    >>> print(OutputError(problem, "loss", ["w"]))
    error[SG302]: the result has shape (1,)
     --> model.py:3:5, in loss (with respect to w)
    """

    problems: tuple[Problem, ...]
    function: str
    names: tuple[str, ...]
    rendered: str

    def __init__(
        self,
        problems: Problem | Iterable[Problem],
        function: str = "",
        names: Iterable[str] = (),
    ) -> None:
        """Render the problems now, while their lines can still be read."""
        found = (problems,) if isinstance(problems, Problem) else tuple(problems)
        self.problems = found
        self.function = function
        self.names = tuple(names)
        self.rendered = render(found, function, self.names)
        # OSError and SyntaxError keep what they print in fields of their own, which
        # their __init__ fills; with one argument they add no file and line to it.
        super().__init__(self.rendered)

    def __str__(self) -> str:
        """Return the whole text, all problems of the function."""
        return self.rendered

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to rebuild the error without reading its lines again."""
        return _restore, (type(self), self.rendered), dict(self.__dict__)


def _restore(kind: type[SrcgradError], rendered: str) -> SrcgradError:
    """Return an error whose attributes pickle and copy are about to fill in."""
    error = kind(())
    super(SrcgradError, error).__init__(rendered)  # SyntaxError keeps a copy in `msg`
    return error


class SourceUnavailableError(SrcgradError, OSError):
    """The source text is not there, or is not what the function was made from."""


class UnsupportedSyntaxError(SrcgradError, SyntaxError):
    """A statement or expression lies outside the language."""


class UnsupportedFunctionError(SrcgradError, NotImplementedError):
    """A call on the active path has no meaning or no derivative rule."""


class NonDifferentiableError(SrcgradError, TypeError):
    """Every path from the argument to the result is cut."""


class TypeInferenceError(SrcgradError, TypeError):
    """A name holds kinds of values that cannot be joined."""


class ArgumentError(SrcgradError, TypeError):
    """An argument, or the choice of arguments, cannot be differentiated."""


class OutputError(SrcgradError, TypeError):
    """The result is not a real scalar."""


class MutationError(SrcgradError, ValueError):
    """A write would reach memory that the gradient must not change."""


class UnboundVariableError(SrcgradError, UnboundLocalError):
    """A name is read where no path has bound it."""


class TapeBudgetError(SrcgradError, MemoryError):
    """What the backward sweep keeps exceeds the memory budget."""


class NonFiniteGradientError(SrcgradError, FloatingPointError):
    """A derivative became nan or infinite while `check_nan` was on."""


class GradientCheckError(SrcgradError, AssertionError):
    """A checked gradient or value differs from its reference."""


class BackendError(SrcgradError, RuntimeError):
    """A fault of srcgrad itself, such as text that Numba refuses."""


class Code(NamedTuple):
    """The class and the title that belong to a code."""

    kind: type[SrcgradError]
    title: str


CODES: dict[str, Code] = {
    "SG001": Code(SourceUnavailableError, "no source text"),
    "SG002": Code(ArgumentError, "not a plain function"),
    "SG003": Code(SourceUnavailableError, "source edited since import"),
    "SG004": Code(SourceUnavailableError, "source cannot be told apart"),
    "SG101": Code(UnsupportedSyntaxError, "statement outside the language"),
    "SG102": Code(UnsupportedSyntaxError, "starred argument of unknown length"),
    "SG103": Code(UnsupportedSyntaxError, "recursion"),
    "SG104": Code(UnsupportedSyntaxError, "inner function sees a rebound name"),
    "SG105": Code(UnsupportedSyntaxError, "write to a global or outer variable"),
    "SG106": Code(UnsupportedSyntaxError, "exception used as control flow"),
    "SG107": Code(UnsupportedSyntaxError, "expression outside the language"),
    "SG201": Code(UnsupportedFunctionError, "unknown function"),
    "SG202": Code(UnsupportedFunctionError, "unknown keyword"),
    "SG203": Code(UnsupportedFunctionError, "method of an unknown type"),
    "SG204": Code(UnsupportedFunctionError, "no derivative rule"),
    "SG205": Code(UnsupportedFunctionError, "rule covers other arguments only"),
    "SG206": Code(UnsupportedFunctionError, "function runs in plain Python only"),
    "SG301": Code(ArgumentError, "integer array differentiated"),
    "SG302": Code(OutputError, "result is not a scalar"),
    "SG303": Code(ArgumentError, "argnums or argnames"),
    "SG304": Code(ArgumentError, "complex argument"),
    "SG305": Code(ArgumentError, "argument of an unknown kind"),
    "SG306": Code(ArgumentError, "unknown option"),
    "SG401": Code(UnboundVariableError, "name is never bound"),
    "SG402": Code(TypeInferenceError, "type differs between paths"),
    "SG403": Code(MutationError, "aliasing cannot be decided"),
    "SG407": Code(TypeInferenceError, "variable changes shape in a loop"),
    "SG408": Code(MutationError, "captured value written"),
    "SG501": Code(NonDifferentiableError, "gradient is zero everywhere"),
    "SG502": Code(NonDifferentiableError, "every path is cut"),
    "SG507": Code(UnsupportedFunctionError, "random draw without a generator"),
    "SG601": Code(TapeBudgetError, "memory budget exceeded"),
    "SG701": Code(NonFiniteGradientError, "derivative not finite"),
    "SG703": Code(GradientCheckError, "value differs from plain NumPy"),
    "SG704": Code(GradientCheckError, "gradient differs from its reference"),
    "SG900": Code(BackendError, "internal error"),
    "SG901": Code(BackendError, "generated text refused"),
}


class Problems:
    """Collect the problems of one function, to report all of them at once.

    Args:
        function: the name of the differentiated function.
        names: the names of the arguments differentiated with respect to.

    >>> problems = Problems("loss", ["w"])
    >>> problems.raise_if_any()
    >>> problems.add("SG303", "argnums 3 is out of range: `loss` takes 2 arguments")
    >>> try:
    ...     problems.raise_if_any()
    ... except TypeError as error:
    ...     print(error)
    error[SG303]: argnums 3 is out of range: `loss` takes 2 arguments
     --> in loss (with respect to w)
    """

    def __init__(self, function: str = "", names: Iterable[str] = ()) -> None:
        """Start with no problem."""
        self.function = function
        self.names = tuple(names)
        self._found: list[Problem] = []

    def add(
        self,
        code: str,
        message: str,
        location: Location | None = None,
        *,
        note: str = "",
        helps: Iterable[str] = (),
        labels: Iterable[Label] = (),
        function: str = "",
    ) -> None:
        """Add a problem; the first one of a place speaks for the others."""
        if code not in CODES:
            raise KeyError(code)
        problem = Problem(
            code, message, location, note, tuple(helps), tuple(labels), function
        )
        known = [p.location for p in self._found if p.location is not None]
        if location not in known and problem not in self._found:
            self._found.append(problem)

    def mark(self) -> int:
        """Return a place to rewind to when what follows is read again."""
        return len(self._found)

    def rewind(self, mark: int) -> None:
        """Forget the problems found since a mark."""
        del self._found[mark:]

    def __len__(self) -> int:
        """Return how many different problems were found."""
        return len(self._found)

    def __iter__(self) -> Iterator[Problem]:
        """Return the problems in the order they were added."""
        return iter(self._found)

    def raise_if_any(self) -> None:
        """Raise all problems together, in the class of the first one."""
        if self._found:
            kind = CODES[self._found[0].code].kind
            raise kind(self._found, self.function, self.names)


def make_error(
    code: str,
    message: str,
    location: Location | None = None,
    *,
    note: str = "",
    helps: Iterable[str] = (),
    labels: Iterable[Label] = (),
    function: str = "",
    names: Iterable[str] = (),
) -> SrcgradError:
    """Return the error of one problem, in the class that its code stands for.

    >>> type(make_error("SG601", "the tape needs 8 GB")).__name__
    'TapeBudgetError'
    """
    problem = Problem(code, message, location, note, tuple(helps), tuple(labels))
    return CODES[code].kind(problem, function, names)


def internal_error(
    message: str,
    location: Location | None = None,
    *,
    function: str = "",
    names: Iterable[str] = (),
    text_file: str = "",
) -> BackendError:
    """Return the error that says a fault is ours and how to report it.

    >>> print(internal_error("a saved value is missing", function="loss"))
    error[SG900]: a saved value is missing
     --> in loss
    help: this is a bug of srcgrad, not of your program
    help: please report it with this text, and what `python -m srcgrad info` prints
    """
    helps = ["this is a bug of srcgrad, not of your program"]
    if text_file:
        helps.append(f"the generated text is kept in {text_file}")
    helps.append(
        "please report it with this text, and what `python -m srcgrad info` prints"
    )
    code = "SG901" if text_file else "SG900"
    problem = Problem(code, message, location, helps=tuple(helps))
    return BackendError(problem, function, names)


def suggest(name: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """Return help lines that name what was probably meant: none or one.

    >>> suggest("np.tahn", ["np.tanh", "np.tan", "np.sum"])
    ('did you mean `np.tan` or `np.tanh`?',)
    >>> suggest("np.zzz", ["np.tanh"])
    ()
    """
    by_last_part: dict[str, str] = {}
    for candidate in sorted(set(candidates) - {name}):
        by_last_part.setdefault(candidate.rpartition(".")[2].lower(), candidate)
    wanted = name.rpartition(".")[2].lower()
    close = difflib.get_close_matches(wanted, list(by_last_part), n=2, cutoff=0.7)
    if not close:
        return ()
    return (f"did you mean {' or '.join(f'`{by_last_part[key]}`' for key in close)}?",)


def shown_path(file: str) -> str:
    """Return the path as the user would type it: relative below the work folder.

    >>> shown_path(os.path.join(os.getcwd(), "model.py")), shown_path("<cell 3>")
    ('model.py', '<cell 3>')
    """
    if not os.path.isabs(file):
        return file
    try:
        relative = os.path.relpath(file)
    except (ValueError, OSError):  # another drive; the work folder is gone
        return file
    return file if relative.startswith(os.pardir) else relative


def render(
    problems: Iterable[Problem], function: str = "", names: Iterable[str] = ()
) -> str:
    """Return the text of all problems: ten in full, then a count.

    >>> print(render([Problem("SG303", "no argument `v`", helps=("it is `w`",))]))
    error[SG303]: no argument `v`
    help: it is `w`
    """
    found, about = list(problems), tuple(names)
    shown = [_render_one(problem, function, about) for problem in found]
    parts = ["\n".join(lines) for lines in shown[:PROBLEMS_SHOWN]]
    if len(found) > PROBLEMS_SHOWN:
        parts.append(f"... and {len(found) - PROBLEMS_SHOWN} more")
    return "\n\n".join(parts)


def _render_one(problem: Problem, function: str, names: tuple[str, ...]) -> list[str]:
    """Return the lines of one problem, never more than LINES_PER_PROBLEM."""
    spots = _spots(problem)
    width = max((len(str(spot.location.line)) for spot in spots), default=1)
    head = f"error[{problem.code}]: {problem.message}".splitlines()
    where = _whereabouts(problem, function, names)
    if where:
        head.append(f"{' ' * width}--> {where}")
    helps = [
        line if count else f"help: {line}"
        for text in problem.helps
        for count, line in enumerate(text.splitlines())
    ]
    body = _snippet(spots, width)
    # Places beyond the first few are dropped before any advice is.
    while len(spots) > 1 and len(head) + len(body) + len(helps) > LINES_PER_PROBLEM:
        spots.pop()
        body = _snippet(spots, width)
    return (head + body + helps)[:LINES_PER_PROBLEM]


def _whereabouts(problem: Problem, function: str, names: tuple[str, ...]) -> str:
    """Return `file:line:column, in loss (with respect to w, b)`, as far as known."""
    place = problem.location
    parts = [str(place)] if place and place.line else []
    respect = f"with respect to {', '.join(names)}" if names else ""
    if problem.function and problem.function != function:
        # The place is in a helper: say whose derivative needed it.
        whose = " ".join(filter(None, [function, respect]))
        parts.append(f"in {problem.function}" + (f" (called by {whose})" * bool(whose)))
    elif function:
        parts.append(f"in {function}" + (f" ({respect})" * bool(respect)))
    return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class _Spot:
    """A place to underline: with `^` if it is the problem's own, else with `-`."""

    location: Location
    text: str
    mark: str


def _spots(problem: Problem) -> list[_Spot]:
    """Return what to underline, the problem's own place first."""
    own = problem.location
    spots = [_Spot(own, problem.note, "^")] if own else []
    spots += [_Spot(label.location, label.text, "-") for label in problem.labels]
    return [spot for spot in spots if spot.location.line]


def _snippet(spots: list[_Spot], width: int) -> list[str]:
    """Return source lines with their underlines, in the order of the file."""
    if not spots:
        return []
    home = spots[0].location.file
    gutter = f"{' ' * width} |"
    ordered = sorted(
        spots,
        key=lambda spot: (
            spot.location.file != home,
            spot.location.file,
            spot.location.line,
            spot.location.column,
        ),
    )
    lines: list[str] = []
    missing: list[str] = []
    previous: tuple[str, int] | None = None
    for spot in ordered:
        place = spot.location
        source = linecache.getline(place.file, place.line).rstrip("\r\n")
        if not source.strip():
            if spot.text:
                shown = "" if place.file == home else f"{place}: "
                missing.append(f"note: {shown}{spot.text}")
            continue
        if not lines:
            lines.append(gutter)
        if place.file != (previous[0] if previous else home):
            lines.append(f"{' ' * width}::: {place}")
        if (place.file, place.line) != previous:
            lines.append(f"{place.line:>{width}} | {_printable(source).rstrip()}")
        lines.append(f"{gutter} {_underline(source, spot)}".rstrip())
        previous = (place.file, place.line)
    return lines + missing


def _underline(source: str, spot: _Spot) -> str:
    """Return blanks, carets under the span within its first line, and the note."""
    place = spot.location
    start = min(max(place.column - 1, 0), len(source))
    if place.end_line > place.line:
        end = _end_of_code(source)
    else:
        end = min(place.end_column - 1, len(source))
    before = _columns(source[:start])
    carets = max(_columns(source[:end]) - before, 1)
    return f"{' ' * before}{spot.mark * carets} {spot.text}".rstrip()


def _end_of_code(source: str) -> int:
    """Return where the code of a line ends, before a comment and blanks."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(source.lstrip()).readline):
            if token.type == tokenize.COMMENT:
                indent = len(source) - len(source.lstrip())
                return len(source[: indent + token.start[1]].rstrip())
    except (tokenize.TokenError, SyntaxError):
        pass  # an open bracket: the statement goes on in the next line
    return len(source.rstrip())


def _columns(text: str) -> int:
    """Return how many terminal columns the text takes, as `_printable` writes it.

    >>> _columns("ab"), _columns(chr(9) + "b"), _columns(chr(0x6F22)), _columns("é")
    (2, 5, 2, 1)
    """
    return sum(_width(character) for character in _printable(text))


def _printable(text: str) -> str:
    """Return the text with tabs as blanks and without control characters."""
    shown: list[str] = []
    column = 0
    for character in text:
        if character == "\t":
            character = " " * (TAB_WIDTH - column % TAB_WIDTH)
        elif unicodedata.category(character) == "Cc":
            character = " "
        shown.append(character)
        column += sum(map(_width, character))
    return "".join(shown)


def _width(character: str) -> int:
    """Return 2 for wide characters, 0 for combining ones, else 1."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
