"""Random programs on both backends, and whether they deserve the name.

A failure prints seed, text and reason; `python -m tests.programs --seeds 17 18` runs
seed 17 again, `--show 17` prints its text.
"""

import re
from collections import Counter
from typing import Any

import hypothesis
import numpy as np
import pytest

from tests import oracles
from tests.harness import Backend, Outcome, quiet
from tests.programs import (
    ARGNUMS,
    arguments,
    check_program,
    check_source,
    generate,
    load,
    programs,
    reason,
)

BLOCK = 20


def judge(seeds: range, backend: Backend, *, second: bool) -> None:
    """Assert that none of the programs is wrong or crashes and that most are accepted.

    The IR is verified after every pass.
    """
    outcomes: dict[int, Outcome] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRCGRAD_DEBUG", "1")
        for seed in seeds:
            outcomes[seed] = check_program(seed, backend, second=second)
    wrong = {seed: found for seed, found in outcomes.items() if not found.ok}
    if wrong:
        first = min(wrong)
        pytest.fail(
            f"seeds {sorted(wrong)} on {backend}; seed {first}: {wrong[first].kind}\n"
            f"{wrong[first].detail}\n\n{generate(first)}",
            pytrace=False,
        )
    refused = [seed for seed, found in outcomes.items() if found.kind == "refused"]
    reasons = Counter(reason(outcomes[seed]) for seed in refused)
    assert 2 * len(refused) <= len(outcomes), f"too many are refused: {reasons}"


@pytest.mark.parametrize("start", range(0, 100, BLOCK))
def test_programs_on_python(start: int) -> None:
    """Value and gradient; Hessian-vector product of the first block."""
    judge(range(start, start + BLOCK), "python", second=start == 0)


def test_list_of_arrays_made_in_an_arm_is_read_once() -> None:
    # What the arm knew of lengths made it another list than the one before it.
    judge(range(7772, 7773), "python", second=False)


@pytest.mark.parametrize("seed", [170, 220, 350, 630, 690])
def test_program_on_numba(seed: int) -> None:
    """Value and gradient of those whose kernels have the fewest lines, 150 to 260."""
    judge(range(seed, seed + 1), "numba", second=False)


@pytest.mark.long
@pytest.mark.parametrize("start", range(0, 200, 50))
def test_programs_on_numba(start: int) -> None:
    """Value and gradient of every tenth; a kernel of 600 lines compiles in 15 s."""
    judge(range(start, start + 50, 10), "numba", second=False)


@pytest.mark.long
@pytest.mark.parametrize("start", range(100, 2000, BLOCK))
def test_many_programs_on_python(start: int) -> None:
    """Value, gradient and Hessian-vector product of the rest of two thousand."""
    judge(range(start, start + BLOCK), "python", second=True)


@pytest.mark.long
@pytest.mark.parametrize("start", range(200, 2000, 100))
def test_many_programs_on_numba(start: int) -> None:
    """Value, gradient and Hessian-vector product of every tenth of the rest."""
    judge(range(start, start + 100, 10), "numba", second=True)


@hypothesis.settings(
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=40,
    suppress_health_check=list(hypothesis.HealthCheck),
)
@hypothesis.given(source=programs())
def test_drawn_programs(source: str) -> None:
    """Programs as Hypothesis draws them; one that fails it shrinks."""
    outcome = check_source(source, "python", second=True)
    assert outcome.ok, f"{outcome.kind}: {outcome.detail}\n\n{source}"


# The generator and the oracles under test


def test_generator_is_deterministic() -> None:
    """The same seed gives the same text, another one another text."""
    texts = [generate(seed) for seed in range(10)]
    assert texts == [generate(seed) for seed in range(10)]
    assert len(set(texts)) == 10


# What duals do not know: all other programs are judged by them, too.
_BEYOND_DUALS = re.compile(
    r"median|quantile|ptp|trapezoid|interp|einsum|cumsum|sort|roll|flip|clip|convolve"
    r"|pad|diff|concatenate|accumulate|hypot|add\.at|prod|var\(|np\.array\(\[[^0-9]|twice"
)
_DUAL = [n for n in range(200) if not _BEYOND_DUALS.search(generate(n))][:20]


@pytest.mark.parametrize("seed", _DUAL)
def test_oracles_agree(seed: int) -> None:
    """Duals and differences, which share nothing, find the same derivatives."""
    function, args = load(generate(seed)), arguments(seed)
    v = oracles.random_direction(args, ARGNUMS, np.random.default_rng(seed))

    def exact(inputs: tuple[Any, ...]) -> oracles.Dual:
        return oracles.exact_derivatives(function, inputs, ARGNUMS, v, v)

    def slope_at(step: float) -> float:
        return exact(oracles.moved(args, ARGNUMS, v, step)).first

    with quiet():
        dual = exact(args)
        slope, error = oracles.directional(function, args, ARGNUMS, v)
        bend, doubt = oracles.differentiate(slope_at)
    scale = max(1.0, abs(dual.first), abs(dual.mixed))
    assert abs(slope - dual.first) <= 1e-8 * scale + 10 * error
    assert abs(bend - dual.mixed) <= 1e-7 * scale + 10 * doubt


# What a text contains: the generator is judged by how often each of these occurs.
_ARRAY = r"(?:[xyzuAB]|[vwe]\d+)"
CONSTRUCTS = {
    "element =": rf"^ +{_ARRAY}\[[^:\]]+\] = ",
    "element +=": rf"^ +{_ARRAY}\[[^:\]]+\] \+= ",
    "element -=": rf"^ +{_ARRAY}\[[^:\]]+\] -= ",
    "element *=": rf"^ +{_ARRAY}\[[^:\]]+\] \*= ",
    "slice =": rf"^ +{_ARRAY}\[[^\]]*:[^\]]*\] = ",
    "slice +=": rf"^ +{_ARRAY}\[[^\]]*:[^\]]*\] \+= ",
    "slice -=": rf"^ +{_ARRAY}\[[^\]]*:[^\]]*\] -= ",
    "slice *=": rf"^ +{_ARRAY}\[[^\]]*:[^\]]*\] \*= ",
    "slice /=": rf"^ +{_ARRAY}\[[^\]]*:[^\]]*\] /= ",
    "whole array op=": rf"^ +{_ARRAY} [-+*/]= ",
    "row write": r"^ +[AB]\[[^:\],]+\] [-+*/]?= ",
    "column write": r"^ +[AB]\[[^\]]*:[^\]]*, [^:\]]+\] [-+*/]?= ",
    "matrix element write": r"^ +[AB]\[[^:\],]+, [^:\],]+\] [-+*/]?= ",
    "matrix rebinding": r"^ +[AB] = ",
    "vector rebinding": r"^ +[xyzuvw]\d* = (?!\w+(?:\[.*\])?$)",
    "rebinding in a block": r"^     +[xyzuvw]\d* = (?!\w+(?:\[.*\])?$)",
    "swap of arrays": r"^ +([xyzuvwAB]\d*), (\w+) = \(\2, \1\)$",
    "conditional swap": r"^ +if .*\n +([xyzuvwAB]\d*), (\w+) = \(\2, \1\)$",
    "swap of elements": rf"^ +{_ARRAY}\[.*\], {_ARRAY}\[.*\] = ",
    "swap by temporary": r"^ +h\d+ = ",
    "tuple of scalars": r"^ +[stp]\d*, [stp]\d* = ",
    "nested unpacking": r"^ +\([stp]",
    "chained assignment": r"^ +\w+ = \w+ = ",
    "view": r"^ +v\d+ = \w+\[",
    "reversed view": r"^ +v\d+ = .*:-1\]",
    "view of a row": r"^ +v\d+ = [AB]\[",
    "write through a view": r"^ +v\d+(?:\[.*\])? [-+*/]?= (?!\w+\[[^()]*\]$)",
    "alias": r"^ +w\d+ = \w+$",
    "for constant": r"for \w in range\(\d\):",
    "for variable": r"for \w in range\((?:1, )?k\):",
    "for downwards": r"for \w in range\(.*-1\):",
    "for with step": r"for \w in range\(.*2\):",
    "for zero-trip": r"for \w in range\((?:0|3, 1|2, 5, -1|k, 0)\):",
    "for triangular": r"for \w in range\([^)]*\b[ijlg]\d*\b",
    "for from data": r"for \w in range\(int",
    "for len or shape": r"for \w in range\((?:len|\w+\.shape)",
    "for over array": r"for e\d+ in (?!items|[AB]:)",
    "for over rows": r"for e\d+ in [AB]:",
    "for over list": r"for e\d+ in items",
    "enumerate": r"enumerate\(",
    "zip": r"zip\(",
    "enumerate(zip)": r"enumerate\(zip\(",
    "value of last iteration": r"^ +old\d+ = ",
    "while": r"while c\d+ <",
    "while True": r"while True:",
    "break": r"^ +break$",
    "continue": r"^ +continue$",
    "return in a block": r"^     +return ",
    "if": r"^ +if ",
    "elif": r"^ +elif ",
    "else": r"^ +else:",
    "for else or while else": r"^( +)(?:for|while) .*\n(?:\1 {4}.*\n)+\1else:",
    "three levels": r"^( {16,}) *\S",
    "nested loops": r"^( +)(?:for|while) .*\n(?:\1 {4}.*\n)*?\1 +(?:for|while) ",
    "ternary": r" if .* else ",
    "min or max of two": r"\b(?:max|min)\((?!\w+\))[^()]*,",
    "and": r" and ",
    "or": r" or ",
    "chained comparison": r"-0\.4 < .* <= ",
    "integer test": r"% 2 == 0|if .*> 1\b",
    "value helper": r"= .*(?:fold|clamp|smooth)\(",
    "keyword argument": r"limit=[-\d]",
    "mutating helper": r"^ +relax\(",
    "mutating expression": r"= .*drain\(",
    "list append": r"\.append\(",
    "list pop": r"\.pop\(",
    "list of vectors": r"items\d+(?:\[[-\d]+\]\[|\[-1\], y)",
    "sum": r"np\.sum|\.sum\(\)",
    "mean": r"np\.mean\(",
    "max": r"np\.max|\.max\(",
    "dot": r"np\.dot\((?!\w+ @ y)",
    "matrix product": r" @ (?!y, x)",
    "axis reduction": r"axis=",
    "where": r"np\.where\(",
    "maximum": r"np\.maximum\(",
    "ragged slice": r"\[(?:[ijlg]\d*|m):|:(?:[ijlg]\d*|m)\]",
    "index from data": r"^ +m = \(",
    "overlapping shift": r"\[1:\] \+= 0\.3 \* [AB]\[:-1\]|:, :-1\]",
    "argument written": r"^ +[xyA](?:\[.*\])? [-+*/]?= ",
    "loop variable as number": r"\* \(?[ijl]\b",
}


def constructs(source: str) -> set[str]:
    """Return the names of the constructs that a program contains."""
    body = source[source.index("def program") :]
    return {name for name, p in CONSTRUCTS.items() if re.search(p, body, re.MULTILINE)}


def test_every_construct_is_frequent() -> None:
    """No part of the grammar has fallen asleep."""
    count = 200
    found = Counter(name for n in range(count) for name in constructs(generate(n)))
    rare = {name: found[name] for name in CONSTRUCTS if found[name] < 0.02 * count}
    assert not rare
