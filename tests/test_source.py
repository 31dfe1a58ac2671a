"""The text of a function is found, and is the function's own, or it is refused."""

import ast
import doctest
import functools
import importlib.util
import linecache
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from srcgrad.errors import (
    ArgumentError,
    SourceUnavailableError,
    SrcgradError,
    UnsupportedSyntaxError,
)
from srcgrad.source import (
    FunctionSource,
    location,
    read_source,
    statement_text,
    unbound,
)

SCALE = 2.0


def run(text: str, name: str) -> dict[str, Any]:
    """Return the names that a text defines, its lines known under this file name."""
    text = textwrap.dedent(text)
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space: dict[str, Any] = {"__name__": "made"}
    exec(compile(text, name, "exec"), space)
    return space


def load(file: Path) -> Any:
    """Import a file under a name of its own."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def body_text(source: FunctionSource) -> str:
    """Return the expression of a lambda, or the last statement of a `def`."""
    node = source.node
    last = node.body if isinstance(node, ast.Lambda) else node.body[-1]
    return ast.get_source_segment("".join(source.lines), last) or ""


def test_a_function_of_this_file() -> None:
    """Check file, lines and text of a function in a function."""

    def helper(x: float, y: float = 2.0) -> float:
        # A comment.
        return x * y

    source = read_source(helper)
    lines = Path(__file__).read_text().splitlines()
    assert source.file == __file__
    assert source.name == "helper"
    assert (
        lines[source.line - 1] == "    def helper(x: float, y: float = 2.0) -> float:"
    )
    assert source.text.splitlines() == lines[source.line - 1 : source.line + 2]
    assert source.defaults == {"y": 2.0}
    assert source.function.__globals__ is globals()
    assert location(source, source.node).column == 5
    assert body_text(source) == "return x * y"


def test_a_function_with_asserts() -> None:
    """Check that what pytest makes of `assert` does not count as an edit."""

    def checked(x: float) -> float:
        assert x > 0, "positive"
        return x

    assert body_text(read_source(checked)) == "return x"


def test_closures_are_read_when_asked() -> None:
    """Check that captured variables are those of now, and may be missing."""
    factor = 2.0

    def scaled(x: float) -> float:
        return x * factor * later

    source = read_source(scaled)
    assert source.captures() == {"factor": 2.0}
    factor, later = 3.0, 1.0
    assert source.captures() == {"factor": 3.0, "later": 1.0}


def test_decorators_do_not_count() -> None:
    """Check that the function is found below decorators of any kind."""

    def mark(*_: object) -> Callable[[Any], Any]:
        return lambda function: function

    @mark(
        lambda x: x,
    )
    @mark(1)
    def decorated(x: float) -> float:
        return x + 1

    source = read_source(decorated)
    assert source.text.startswith("    def decorated")
    assert statement_text(source, source.line) == "def decorated(x: float) -> float:"


def test_lambdas_of_one_line() -> None:
    """Check that each of several lambdas is found, equal and nested ones too."""
    # fmt: off
    one, two, three = lambda x: x + 1, lambda x: x + 2, lambda y: y + 1
    same = [lambda x: x * 2, lambda x: x * 2, lambda x: x * 2.0]
    outer: Any = lambda x: (lambda y: x + y)  # noqa: E731
    # fmt: on
    assert [body_text(read_source(f)) for f in (one, two, three)] == [
        "x + 1",
        "x + 2",
        "y + 1",
    ]  # fmt: skip
    places = [location(read_source(f), read_source(f).node).column for f in same]
    assert places == [13, 30, 47]
    assert read_source(same[2]).text == "lambda x: x * 2.0"
    assert body_text(read_source(outer)) == "lambda y: x + y"
    assert body_text(read_source(outer(1))) == "x + y"
    assert read_source(outer(1)).captures() == {"x": 1}


def test_a_lambda_over_several_lines() -> None:
    """Check the text of a lambda that spans lines inside a call."""
    found = dict(
        a=lambda x, y: (
            x + y  # both
        ),
        b=2,
    )
    source = read_source(found["a"])
    assert ast.unparse(source.node) == "lambda x, y: x + y"
    assert statement_text(source, source.line) == "lambda x, y: x + y"


def test_methods_written_as_functions() -> None:
    """Check private names in a class, where the compiler changes them."""

    class Holder:
        def plain(x: Any) -> Any:
            return x.__hidden

        @staticmethod
        def fixed(x: float) -> float:
            return x

    assert body_text(read_source(Holder.plain)) == "return x.__hidden"
    assert body_text(read_source(Holder.fixed)) == "return x"


def test_the_right_one_of_two_definitions() -> None:
    """Check that a function defined twice is told apart by its line."""
    space = run(
        """
        def f(x):
            return x
        first = f
        def f(x):
            return x
        """,
        "twice.py",
    )
    assert read_source(space["first"]).line == 2
    assert read_source(space["f"]).line == 5


@pytest.mark.parametrize("name", ["<ipython-input-1-abc>", "/tmp/ipykernel_1/2.py"])
def test_notebook_cells(name: str) -> None:
    """Check functions whose text only linecache knows."""
    space = run("import numpy as np\ndef f(x):\n    return np.sin(x)\n", name)
    source = read_source(space["f"])
    assert (source.file, source.line) == (name, 2)


def test_doctests() -> None:
    """Check a function typed in a doctest, as documentation shows them."""
    text = """
    >>> def f(x):
    ...     return x * x
    >>> read_source(f).text.splitlines()[-1]
    '    return x * x'
    >>> read_source(lambda x: x + 1).text
    'lambda x: x + 1'
    """
    space = {"read_source": read_source}
    test = doctest.DocTestParser().get_doctest(text, space, "typed", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(test).failed == 0


def test_numba_functions() -> None:
    """Check that the plain function inside a dispatcher is read."""
    import numba

    def slow(x: float) -> float:
        return x * SCALE

    fast = numba.njit(slow)
    assert read_source(fast).function is slow
    assert body_text(read_source(fast)) == "return x * SCALE"


def test_string_text_that_is_less_indented() -> None:
    """Check a function whose string would defeat removing the indentation."""
    text = '''def outer():
    def f(x):
        """Say
nothing."""
        return x
    return f
'''
    space = run(text, "strings.py")
    source = read_source(space["outer"]())
    assert body_text(source) == "return x"
    assert location(source, source.node).column == 5


def test_columns_are_characters() -> None:
    """Check columns behind tabs, wide and combining characters."""
    space = run('def f(é):\n\treturn g("漢字", é) + é\n', "wide.py")
    source = read_source(space["f"])
    (statement,) = source.node.body  # type: ignore[misc]
    last = statement.value.right  # type: ignore[union-attr]
    place = location(source, last)
    assert (place.line, place.column, place.end_column) == (2, 22, 23)
    assert location(source, ast.Add()).line == 1


STATEMENTS = '''
def f(a, b):
    """Say."""
    y = np.where(  # choose
        a > 0,
        [a, b],
        (b,),
    )  # done
    t = (
        y,
    )
    z = a[
        1:, None
    ].sum(
    ) \\
        + b
    if a: y = 1  # both
    elif b > 0:  # other
        y = 2
    else:
        y = 3
    for i in range(  # three
        3
    ):

        # long
        y += i; z += 1
    while (
        y > 1 and
        z
    ): y -= 1
    def g(x): return x
    @np.vectorize
    def h(
        x, y=2,
    ) -> int:
        return x
    raise ValueError("""a
      b""")
'''


def test_statement_texts() -> None:
    """Check the one line that stands for each statement."""
    source = read_source(run(STATEMENTS, "statements.py")["f"])
    lines = range(source.line, source.line + len(source.text.splitlines()))
    shown = {line: statement_text(source, line) for line in lines}
    assert shown[2] == "def f(a, b):"
    assert shown[4] == shown[7] == "y = np.where(a > 0, [a, b], (b,))"
    assert shown[9] == shown[11] == "t = (y,)"
    assert shown[12] == "z = a[1:, None].sum() + b"
    assert shown[17] == "if a: y = 1"
    assert shown[18] == "elif b > 0:"
    assert [shown[line] for line in (19, 20, 21)] == ["y = 2", "else:", "y = 3"]
    assert shown[22] == shown[23] == "for i in range(3):"
    assert shown[27] == "y += i; z += 1"
    assert shown[28] == "while y > 1 and z:"
    assert shown[31] == "y -= 1"
    assert shown[32] == "def g(x): return x"
    assert shown[34] == "def h(x, y=2) -> int:"
    assert shown[38] == r"raise ValueError('a\n      b')"


def test_globals_that_are_read() -> None:
    """Check which globals a function reads, inner functions included."""

    def f(x: Any) -> Any:
        z = [np.sin(v) for v in x]

        def inner(w: float) -> float:
            return w + SCALE + len(z)

        return inner(x.run) + not_there  # type: ignore[name-defined] # noqa: F821

    found = read_source(f).captures()
    assert found == {"SCALE": SCALE, "np": np}


def test_an_edited_file_is_refused(tmp_path: Path) -> None:
    """Check that a changed function is refused, and a changed neighbour is not."""
    file = tmp_path / "edited.py"
    file.write_text("def f(x):\n    return x + 1\ndef g(x):\n    return x\n")
    module = load(file)
    file.write_text("def f(x):\n    return x - 1\ndef g(x):\n    return x\n# more\n")
    with pytest.raises(SourceUnavailableError) as caught:
        read_source(module.f)
    assert caught.value.problems[0].code == "SG003"
    assert "edited since" in str(caught.value)
    assert body_text(read_source(module.g)) == "return x"
    file.write_text("def f(x:\n")
    linecache.checkcache()
    with pytest.raises(SourceUnavailableError, match="SG003"):
        read_source(module.g)
    file.unlink()
    linecache.clearcache()
    with pytest.raises(SourceUnavailableError, match="SG001"):
        read_source(module.g)


def test_a_reloaded_file_is_read_again(tmp_path: Path) -> None:
    """Check that an old text in the cache does not stand in the way of a new one."""
    file = tmp_path / "again.py"
    file.write_text("def f(x):\n    return x + 1\n")
    assert body_text(read_source(load(file).f)) == "return x + 1"
    file.write_text("def f(x):\n    return x * 123456\n")
    os.utime(file, (1, 1))
    assert body_text(read_source(load(file).f)) == "return x * 123456"


def test_constants_are_compared_with_their_types(tmp_path: Path) -> None:
    """Check edits that Python's == would not see."""
    for before, after in (("1", "1.0"), ("True", "1"), ("0.0", "-0.0")):
        file = tmp_path / f"constant{before}.py"
        file.write_text(f"def f(x):\n    return x, ({before}, 'a')\n")
        module = load(file)
        file.write_text(f"def f(x):\n    return x, ({after}, 'a')\n")
        with pytest.raises(SourceUnavailableError, match="SG003"):
            read_source(module.f)


def test_stars_are_compared(tmp_path: Path) -> None:
    """Check an edit that only the flags of the code tell."""
    file = tmp_path / "stars.py"
    file.write_text("def f(x, *rest):\n    return x, rest\n")
    module = load(file)
    file.write_text("def f(x, **rest):\n    return x, rest\n")
    with pytest.raises(SourceUnavailableError, match="SG003"):
        read_source(module.f)


def test_imports_that_change_the_code(tmp_path: Path) -> None:
    """Check calls on modules, which CPython compiles by the imports around them."""
    file = tmp_path / "imports.py"
    file.write_text(
        "from __future__ import annotations\n"
        "if True:\n    import numpy as np\n"
        "try:\n    import math\nexcept ImportError:\n    pass\n"
        "def f(x: Unknown):\n    return np.sin(x) + math.sin(x) + x.sum()\n"
    )
    assert read_source(load(file).f).line == 8


@pytest.mark.parametrize("flag", [[], ["-X", "no_debug_ranges"], ["-O"]])
def test_interpreter_flags(flag: list[str], tmp_path: Path) -> None:
    """Check that nothing hangs on columns being recorded."""
    file = tmp_path / "main.py"
    file.write_text(
        "from srcgrad.source import read_source\n"
        "def f(x):\n    assert x\n    return x\n"
        "a, b = lambda x: x + 1, lambda x: x + 2\n"
        "print(read_source(f).line, read_source(a).text, read_source(b).text)\n"
    )
    root = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, *flag, str(file)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert done.stdout == "2 lambda x: x + 1 lambda x: x + 2\n", done.stderr


class Callable_:
    """Objects that are called but are no functions."""

    def __call__(self, x: float) -> float:
        """Return the argument."""
        return x

    def method(self, x: float) -> float:
        """Return the argument."""
        return x


@functools.wraps(body_text)
def wrapper(*args: Any) -> Any:
    """Stand for what a decorator leaves behind."""
    return args


REFUSED: dict[str, tuple[object, type[SrcgradError], str]] = {
    "class": (Callable_, ArgumentError, "is a class"),
    "number": (3.0, ArgumentError, "not float"),
    "wraps": (wrapper, ArgumentError, "wrapped by a decorator"),
    "builtin": (abs, SourceUnavailableError, "compiled code"),
    "ufunc": (np.sin, SourceUnavailableError, "compiled code"),
    "numpy": (np.sum, SourceUnavailableError, "compiled code"),
    "descriptor": (str.upper, SourceUnavailableError, "compiled code"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plain_function(name: str) -> None:
    """Check that each is refused with a reason and with advice."""
    value, kind, words = REFUSED[name]
    with pytest.raises(kind, match=words) as caught:
        read_source(value)
    assert "help: " in str(caught.value)


def test_methods_objects_and_partials_are_their_functions() -> None:
    """Check that what holds arguments leads to the function inside."""
    made = Callable_()
    assert read_source(made.method).name == "method"
    assert read_source(made).name == "__call__"
    partial = functools.partial(functools.partial(run, "x = 1"), a=2)
    assert read_source(partial).name == "run"
    assert unbound(partial) == (run, ("x = 1",), {"a": 2})
    assert unbound(made.method)[1] == (made,)


@pytest.mark.parametrize("name", ["<stdin>", "<string>", "/nowhere/gone.py"])
def test_no_text(name: str) -> None:
    """Check functions whose text nobody has."""
    space: dict[str, Any] = {}
    exec(compile("def f(x):\n    return x\n", name, "exec"), space)
    with pytest.raises(OSError, match="SG001"):
        read_source(space["f"])


def test_async_functions() -> None:
    """Check that `async def` is refused as syntax."""

    async def waits(x: float) -> float:
        return x

    with pytest.raises(UnsupportedSyntaxError, match="async"):
        read_source(waits)


def test_import_hooks(tmp_path: Path) -> None:
    """Check code that a hook has added to, and that lambdas in a line are refused."""
    file = tmp_path / "hooked.py"
    file.write_text("def f(x):\n    return x\na, b = lambda x: x, lambda x: x + 1\n")
    os.utime(file, (1, 1))
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            check = ast.parse("type_check(x)", mode="eval").body
            if isinstance(node, ast.Lambda):
                node.body = ast.BoolOp(ast.Or(), [check, node.body])
            else:
                node.body.insert(0, ast.Expr(check))
    space: dict[str, Any] = {"__spec__": SimpleNamespace(loader=object())}
    exec(compile(ast.fix_missing_locations(tree), str(file), "exec"), space)
    assert body_text(read_source(space["f"])) == "return x"
    with pytest.raises(SourceUnavailableError, match="SG004"):
        read_source(space["a"])
    space["__spec__"] = None
    with pytest.raises(SourceUnavailableError, match="SG003"):
        read_source(space["f"])
