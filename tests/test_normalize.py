"""Functions without jumps do what the functions with jumps did.

The normalised tree is printed with `if <exit flag>: break` at the end of each loop body
that has one, run, and compared with the original: hand-written functions on a grid of
arguments, random skeletons of control flow by what they did and in which order.
"""

import ast
import itertools
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from srcgrad.frontend.normalize.jumps import exit_name, normalize_jumps
from tests.conftest import CompareGolden

PROGRAMS = (Path(__file__).parent / "normalize_programs.txt").read_text()
LISTS = [[], [0], [1, 2, 3], [3, 2, 1], [2, 2, 5, 0], [4, 1, 3, 1, 2], [0, 1, 2, 3, 4]]
FUNCTIONS = [s for s in ast.parse(PROGRAMS).body if isinstance(s, ast.FunctionDef)]


MADE = re.compile(r"(?<![\w.)\]}\"'])\.((?:exit|ended|skip|returned|value)\d+)")


def to_text(function: ast.FunctionDef) -> str:
    """Return runnable Python for people and tests: dots as `_`, exits as `break`."""
    return MADE.sub(r"_\1", ast.unparse(with_breaks(function)))


def with_breaks(stmt: Any) -> Any:
    """Return a copy of a statement whose loops say how they are left."""
    changes: dict[str, list[ast.stmt]] = {
        part: [with_breaks(inner) for inner in getattr(stmt, part)]
        for part in ("body", "orelse")
        if hasattr(stmt, part)
    }
    name = getattr(stmt, "exit_name", None)
    if name:
        test = ast.Name(name, ast.Load())
        changes["body"].append(ast.If(test, [ast.Break()], []))
    new = type(stmt)(**{**dict(ast.iter_fields(stmt)), **changes}) if changes else stmt
    return ast.copy_location(new, stmt)


def made(text: str) -> Callable[..., Any]:
    """Return the function that a text defines."""
    space: dict[str, Any] = {}
    exec(compile(text, "<normalised>", "exec"), space)
    del space["__builtins__"]
    function: Callable[..., Any]
    (function,) = space.values()
    return function


def outcome(function: Callable[..., Any], *args: Any) -> tuple[Any, ...]:
    """Return all that can be seen of a call: result or exception, and its effects."""
    try:
        result = function(*args)
    except Exception as error:
        # A variable of ours must never be what is unbound.
        return type(error), str(error), args
    return result, args


def check_shape(function: ast.FunctionDef) -> None:
    """Check what the builder counts on."""
    for node in ast.walk(function):
        assert not isinstance(node, ast.Break | ast.Continue)
        if isinstance(node, ast.FunctionDef):
            returns = [s for s in statements(node.body) if isinstance(s, ast.Return)]
            assert returns in ([], node.body[-1:])
        if isinstance(node, ast.For | ast.While):
            assert not node.orelse
            name = exit_name(node)
            assert not name or name.startswith(".")
        if isinstance(node, ast.stmt | ast.expr):
            assert node.lineno >= 1
            assert node.end_lineno is not None


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a function, those of inner functions left out."""
    for stmt in body:
        yield stmt
        if not isinstance(stmt, ast.FunctionDef):
            for part in ("body", "orelse"):
                yield from statements(getattr(stmt, part, []))


def test_there_are_enough_programs() -> None:
    """Count the functions, names taken once."""
    assert len({function.name for function in FUNCTIONS}) == len(FUNCTIONS) >= 60


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.name)
def test_program(function: ast.FunctionDef) -> None:
    """Compare a hand-written function with its normalised text."""
    before = ast.dump(function, include_attributes=True)
    normal = normalize_jumps(function)
    assert ast.dump(function, include_attributes=True) == before
    check_shape(normal)
    text = to_text(normal)
    assert to_text(normalize_jumps(normal)) == text
    first, second = made(ast.unparse(function)), made(text)
    for a, n in itertools.product(LISTS, range(-1, 6)):
        assert outcome(first, list(a), n) == outcome(second, list(a), n), text


class World:
    """What a random skeleton sees: coins, ranges and marks, all of them written down.

    It ends a run that has gone on for long, so that endless loops can be compared too.
    """

    def __init__(self, seed: int) -> None:
        self.coins = random.Random(seed)
        self.log: list[int] = []

    def mark(self, number: int) -> None:
        """Note that a place was passed."""
        self.log.append(number)
        if len(self.log) > 150:
            raise TimeoutError

    def coin(self, number: int) -> bool:
        """Decide a test."""
        self.mark(number)
        return self.coins.random() < 0.45

    def turns(self, number: int) -> range:
        """Decide how often a loop runs."""
        self.mark(number)
        return range(self.coins.randrange(4))


class Writer:
    """Write random functions made of control flow and marks."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.number = 0

    def place(self) -> int:
        """Return a number no other place has."""
        self.number += 1
        return self.number

    def function(self) -> str:
        """Return the text of a function."""
        body = self.block(self.random.choice([2, 3, 3, 4]), in_loop=False)
        return "\n".join(["def f(w):", *indented(body)])

    def block(self, depth: int, *, in_loop: bool) -> list[str]:
        """Return a few statements."""
        lines: list[str] = []
        for _ in range(self.random.choice([1, 1, 2, 2, 3])):
            lines += self.statement(depth, in_loop=in_loop)
        return lines

    def statement(self, depth: int, *, in_loop: bool) -> list[str]:
        """Return one statement, a compound one while depth lasts."""
        number = self.place()
        kinds = ["mark", "jump"] + ["if", "if", "for", "while"] * (depth > 0)
        match self.random.choice(kinds):
            case "if":
                return self.conditional(depth, in_loop=in_loop)
            case "for":
                head = f"for i{number} in w.turns({number}):"
                return self.loop(head, f"w.mark(i{number})", depth, in_loop=in_loop)
            case "while":
                test = self.random.choice([f"w.coin({number})"] * 3 + ["True", "1"])
                if self.random.random() < 0.1:
                    test = f"(v := w.coin({number}))"
                mark = f"w.mark({self.place()})"
                return self.loop(f"while {test}:", mark, depth, in_loop=in_loop)
            case "jump":
                kinds = ["break", "continue"] * 2 if in_loop else []
                kinds += ["return", f"return {number}", f"raise ValueError({number})"]
                return [self.random.choice(kinds)]
        return [f"w.mark({number})"]

    def conditional(self, depth: int, *, in_loop: bool) -> list[str]:
        """Return an `if` with any number of arms."""
        lines = [f"if w.coin({self.place()}):"]
        lines += indented(self.block(depth - 1, in_loop=in_loop))
        while self.random.random() < 0.2:
            lines.append(f"elif w.coin({self.place()}):")
            lines += indented(self.block(depth - 1, in_loop=in_loop))
        if self.random.random() < 0.4:
            lines += ["else:", *indented(self.block(depth - 1, in_loop=in_loop))]
        return lines

    def loop(self, head: str, mark: str, depth: int, *, in_loop: bool) -> list[str]:
        """Return a loop, sometimes with an `else`."""
        lines = [head, *indented([mark, *self.block(depth - 1, in_loop=True)])]
        if self.random.random() < 0.3 and ":=" not in head:
            lines += ["else:", *indented(self.block(depth - 1, in_loop=in_loop))]
        return lines


def indented(lines: list[str]) -> list[str]:
    """Return lines one level deeper."""
    return ["    " + line for line in lines]


def run(function: Callable[..., Any], seed: int) -> tuple[list[int], Any]:
    """Return what a skeleton did in the world of this seed, and how it ended."""
    world = World(seed)
    try:
        return world.log, function(world)
    except Exception as error:
        return world.log, (type(error), str(error))


def test_program_texts(golden: CompareGolden) -> None:
    """Show every change of what is written, for the hand-written functions."""
    texts = [to_text(normalize_jumps(function)) for function in FUNCTIONS]
    golden("normalize/programs.txt", "\n\n".join(texts))


@pytest.mark.parametrize("part", range(6))
def test_random_skeletons(part: int) -> None:
    """Compare 500 random functions with their normalised texts, four runs each."""
    for seed in range(500 * part, 500 * part + 500):
        text = Writer(seed).function()
        original = ast.parse(text).body[0]
        assert isinstance(original, ast.FunctionDef)
        normal = normalize_jumps(original)
        check_shape(normal)
        shown = to_text(normal)
        first, second = made(text), made(shown)
        for coins in range(4):
            expected = run(first, coins)
            assert run(second, coins) == expected, f"{seed}\n{text}\n\n{shown}"


def test_the_rest_of_a_block_moves_into_an_arm() -> None:
    """Compare texts: the remainder of a block moves into the arm that reaches it."""
    text = """
def f(a, n):
    for x in a:
        if x == 0: continue
        if x > n: return x
        n += 1
        if n > 9: break
    if n > 3: return n
    return 0
"""
    expected = """
def f(a, n):
    _returned1 = False
    for x in a:
        _skip2 = False
        _exit2 = False
        _returned1 = False
        if x == 0:
            _skip2 = True
        elif x > n:
            _exit2 = True
            _skip2 = True
            _returned1 = True
            _value1 = x
        else:
            n += 1
            if n > 9:
                _exit2 = True
                _skip2 = True
        if _exit2:
            break
    if _returned1:
        pass
    elif n > 3:
        _returned1 = True
        _value1 = n
    else:
        _returned1 = True
        _value1 = 0
    return _value1
"""
    assert normal_text(text) == expected.strip()


def test_a_last_test_is_the_flag() -> None:
    """Show the simplest loop that is left early."""
    text = """
def f(n):
    while True:
        n += 1
        if n > 9: break
    return n
"""
    expected = """
def f(n):
    while True:
        n += 1
        _exit1 = n > 9
        if _exit1:
            break
    return n
"""
    assert normal_text(text) == expected.strip()


def test_code_without_jumps_stays() -> None:
    """Show that nothing is made where nothing jumps."""
    text = """
def f(a, n):
    for x in a:
        if x > n:
            raise ValueError(x)
        n += x
    while n > 3:
        n -= 1
    return n
"""
    assert normal_text(text) == text.strip()


def normal_text(text: str) -> str:
    """Return the normalised text of a function."""
    function = ast.parse(text).body[0]
    assert isinstance(function, ast.FunctionDef)
    return to_text(normalize_jumps(function))
