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

import linecache
import os
import re
import tokenize
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LINES_PER_PROBLEM = 15
PROBLEMS_SHOWN = 10


@dataclass(frozen=True, slots=True, order=True)
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
        return f"{shown_path(self.file)}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about the user's program.

    Attributes:
        code: a key of `CODES`, such as "SG204".
        message: one sentence that stands alone.
        location: where, or None if the problem is not in the text (an argument).
        note: why, printed next to the caret.
        helps: what the user can do, one sentence each.
        labels: other places that matter, each with what to say about it.
        function: the function that holds the place, if it is not the differentiated
            one but a helper of it.
    """

    code: str
    message: str
    location: Location | None = None
    note: str = ""
    helps: Sequence[str] = ()
    labels: Sequence[tuple[Location, str]] = ()
    function: str = ""


CODES: dict[str, type[SrcgradError]] = {}


class SrcgradError(Exception):
    """The base of every error that srcgrad raises about the user's program.

    Attributes:
        problems: all findings, the first one decides the class.
        function: the name of the differentiated function, or "".
        names: the names of the arguments differentiated with respect to.
    """

    # The text is the only argument: the builtins that share the class print it as it
    # is, and pickle and copy rebuild the error from it.
    problems: tuple[Problem, ...] = ()
    function: str = ""
    names: tuple[str, ...] = ()

    def __init_subclass__(cls, codes: str = "") -> None:
        """Register the codes of problems that a class is for."""
        CODES.update(dict.fromkeys(codes.split(), cls))


class SourceUnavailableError(SrcgradError, OSError, codes="SG001 SG003 SG004"):
    """The source text is not there, or is not what the function was made from."""


class UnsupportedSyntaxError(
    SrcgradError, SyntaxError, codes="SG101 SG102 SG103 SG104 SG105 SG106 SG107"
):
    """A statement or expression lies outside the language."""


class UnsupportedFunctionError(
    SrcgradError, NotImplementedError, codes="SG201 SG202 SG203 SG204 SG205 SG206 SG507"
):
    """A call on the active path has no meaning or no derivative rule."""


class NonDifferentiableError(SrcgradError, TypeError, codes="SG501 SG502"):
    """Every path from the argument to the result is cut."""


class TypeInferenceError(SrcgradError, TypeError, codes="SG402 SG407"):
    """A name holds kinds of values that cannot be joined."""


class ArgumentError(
    SrcgradError, TypeError, codes="SG002 SG301 SG303 SG304 SG305 SG306"
):
    """An argument, or the choice of arguments, cannot be differentiated."""


class OutputError(SrcgradError, TypeError, codes="SG302"):
    """The result is not a real scalar."""


class MutationError(SrcgradError, ValueError, codes="SG403 SG408"):
    """A write would reach memory that the gradient must not change."""


class UnboundVariableError(SrcgradError, UnboundLocalError, codes="SG401"):
    """A name is read where no path has bound it."""


class TapeBudgetError(SrcgradError, MemoryError, codes="SG601"):
    """What the backward sweep keeps exceeds the memory budget."""


class NonFiniteGradientError(SrcgradError, FloatingPointError, codes="SG701"):
    """A derivative became nan or infinite while `check_nan` was on."""


class GradientCheckError(SrcgradError, AssertionError, codes="SG703 SG704"):
    """A checked gradient or value differs from its reference."""


class BackendError(SrcgradError, RuntimeError, codes="SG900 SG901"):
    """A fault of srcgrad itself, such as text that Numba refuses."""


def error_of(
    problems: Sequence[Problem], function: str = "", names: Iterable[str] = ()
) -> SrcgradError:
    """Return the error of some problems, in the class of the first one.

    >>> place = Location("model.py", 3, 5, 3, 10)
    >>> problem = Problem("SG302", "the result has shape (1,)", place)
    >>> print(error_of([problem], "loss", ["w"]))
    error[SG302]: the result has shape (1,)
     --> model.py:3:5, in loss (with respect to w)
    """
    names = tuple(names)
    shown = [_render(problem, function, names) for problem in problems[:PROBLEMS_SHOWN]]
    if len(problems) > PROBLEMS_SHOWN:
        shown.append(f"... and {len(problems) - PROBLEMS_SHOWN} more")
    error = CODES[problems[0].code]("\n\n".join(shown))
    error.problems, error.function, error.names = tuple(problems), function, names
    return error


def make_error(
    code: str, message: str, location: Location | None = None, *, note: str = "",
    helps: Sequence[str] = (), function: str = "", names: Iterable[str] = (),
) -> SrcgradError:  # fmt: skip
    """Return the error of one problem, in the class that its code stands for.

    >>> type(make_error("SG601", "the tape needs 8 GB")).__name__
    'TapeBudgetError'
    """
    return error_of([Problem(code, message, location, note, helps)], function, names)


def internal_error(
    message: str, location: Location | None = None, *, code: str = "SG900",
    function: str = "", helps: Sequence[str] = (),
) -> SrcgradError:  # fmt: skip
    """Return the error that says a fault is ours and how to report it.

    >>> print(internal_error("a saved value is missing", function="loss"))
    error[SG900]: a saved value is missing
     --> in loss
    help: this is a bug of srcgrad, not of your program
    help: please report it with this text, and what `python -m srcgrad info` prints
    """
    report = "please report it with this text, and what `python -m srcgrad info` prints"
    helps = ("this is a bug of srcgrad, not of your program", *helps, report)
    return make_error(code, message, location, helps=helps, function=function)


def suggest(name: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """Return help lines that name what was probably meant: none or one.

    >>> suggest("np.tahn", ["np.tanh", "np.tan", "np.sum"])
    ('did you mean `np.tan` or `np.tanh`?',)
    """
    import difflib  # rarely needed, and 3 ms

    by_last_part: dict[str, str] = {}
    for candidate in sorted(set(candidates) - {name}):
        by_last_part.setdefault(candidate.rpartition(".")[2].lower(), candidate)
    wanted = name.rpartition(".")[2].lower()
    close = difflib.get_close_matches(wanted, by_last_part, n=2, cutoff=0.7)
    meant = " or ".join(f"`{by_last_part[key]}`" for key in close)
    return (f"did you mean {meant}?",) if meant else ()


def shown_path(file: str) -> str:
    """Return the path as the user would type it: relative below the work folder."""
    try:
        relative = os.path.relpath(file) if os.path.isabs(file) else file
    except (ValueError, OSError):  # another drive; the work folder is gone
        return file
    return file if relative.startswith(os.pardir) else relative


def without_comment(line: str) -> str:
    """Return a line of code without the comment and the blanks at its end.

    >>> without_comment("    y = '#'  # done")
    "    y = '#'"
    """
    code = line.lstrip()
    try:
        for token in tokenize.generate_tokens(iter([code]).__next__):
            if token.type == tokenize.COMMENT:
                return line[: len(line) - len(code) + token.start[1]].rstrip()
    except (tokenize.TokenError, SyntaxError):
        pass  # an open bracket: the statement goes on in the next line
    return line.rstrip()


# The text of one problem.

Spot = tuple[Location, str, str]  # where, what to say there, the mark to underline with


def _render(problem: Problem, function: str, names: tuple[str, ...]) -> str:
    """Return the text of a problem, never more than LINES_PER_PROBLEM."""
    own = problem.location or Location()
    spots: list[Spot] = [(own, problem.note, "^")]
    spots += [(place, text, "-") for place, text in problem.labels]
    spots = [spot for spot in spots if spot[0].line]
    width = max((len(str(place.line)) for place, _, _ in spots), default=1)
    head = f"error[{problem.code}]: {problem.message}".splitlines()
    respect = f"with respect to {', '.join(names)}" if names else ""
    where = [str(own)] if own.line else []
    if problem.function and problem.function != function:
        # The place is in a helper: say whose derivative needed it.
        whose = " ".join(filter(None, [function, respect]))
        where.append(f"in {problem.function}" + f" (called by {whose})" * bool(whose))
    elif function:
        where.append(f"in {function}" + f" ({respect})" * bool(respect))
    if where:
        head.append(f"{' ' * width}--> {', '.join(where)}")
    helps = "\n".join(f"help: {text}" for text in problem.helps).splitlines()
    # Places beyond the first few are dropped before any advice is.
    for count in range(len(spots), -1, -1):
        text = [*head, *_snippet(spots[:count], width), *helps]
        if len(text) <= LINES_PER_PROBLEM or count < 2:
            break
    return "\n".join(text[:LINES_PER_PROBLEM])


def _snippet(spots: list[Spot], width: int) -> list[str]:
    """Return source lines with their underlines; one that is gone leaves its note."""
    gutter, shown = f"{' ' * width} |", (spots[0][0].file if spots else "", 0)
    home, lines, missing = shown[0], [f"{' ' * width} |"], []
    for place, text, mark in sorted(spots, key=lambda s: (s[0].file != home, s[0])):
        source = linecache.getline(place.file, place.line).rstrip("\r\n")
        if not source.strip():
            missing += [f"note: {text}"] if text else []
            continue
        if place.file != shown[0]:
            lines.append(f"{' ' * width}::: {place}")
        if (place.file, place.line) != shown:
            lines.append(f"{place.line:>{width}} | {_printable(source).rstrip()}")
        shown = place.file, place.line
        end = source[: place.end_column - 1]
        if place.end_line > place.line:
            end = without_comment(source)
        before = _columns(source[: place.column - 1])
        carets = mark * max(_columns(end) - before, 1)
        lines.append(f"{gutter} {' ' * before}{carets} {text}".rstrip())
    return [*(lines if len(lines) > 1 else ()), *missing]


def _printable(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text.expandtabs(4))


def _columns(text: str) -> int:
    """Return how many terminal columns the text takes: wide characters count twice.

    >>> _columns("ab"), _columns(chr(9) + "b"), _columns(chr(0x6F22)), _columns("é")
    (2, 5, 2, 1)
    """
    flat = ("Mn", "Me", "Cf")  # combining characters and the like
    shown = [c for c in _printable(text) if unicodedata.category(c) not in flat]
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in shown)
