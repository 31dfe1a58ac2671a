"""Check the catalogue with NumPy alone: python -m tests.cases.selfcheck [seeds].

Each case is run twice on fresh inputs; its result must be the same finite real scalar.
Gradients by fourth-order differences at two steps must agree (so the case is
differentiable there and tame enough for a harness), each differentiated argument must
matter, and `expected` must agree with the differences, or lie between the one-sided
ones at a kink. Cases with `raises` must raise exactly that.
"""

import inspect
import math
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import fields, is_dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from tests.cases import CASES, Case

Vector = np.ndarray[Any, np.dtype[np.float64]]
STEPS = (1e-3, 2.5e-4)
SINGLE_STEPS = (2e-2, 1e-2)


def children(tree: Any) -> list[Any] | None:
    """Return the parts of a container, None for a leaf."""
    if isinstance(tree, dict):
        return list(tree.values())
    if isinstance(tree, list | tuple):
        return list(tree)
    if is_dataclass(tree):
        return [getattr(tree, field.name) for field in fields(tree)]
    return None


def rebuild(tree: Any, parts: list[Any]) -> Any:
    """Return a container like `tree` with other parts."""
    if isinstance(tree, dict):
        return dict(zip(tree, parts, strict=True))
    if hasattr(tree, "_fields"):
        return type(tree)(*parts)
    if is_dataclass(tree) and not isinstance(tree, type):
        names = [field.name for field in fields(tree)]
        return replace(tree, **dict(zip(names, parts, strict=True)))
    return type(tree)(parts)


def is_float(leaf: Any) -> bool:
    """Return whether a leaf takes part in differentiation."""
    return isinstance(leaf, float | np.floating) or (
        isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f"
    )


def flatten(tree: Any) -> Vector:
    """Return all floats of a tree in one vector.

    >>> flatten({"a": np.ones(2), "b": [3.0, 4, None]})
    array([1., 1., 3.])
    """
    parts = children(tree)
    if parts is not None:
        return np.concatenate([np.empty(0), *map(flatten, parts)])
    return np.ravel(np.float64(tree)) if is_float(tree) else np.empty(0)


def unflatten(tree: Any, values: Iterator[float]) -> Any:
    """Return a fresh tree of the same structure and dtypes with other floats."""
    parts = children(tree)
    if parts is not None:
        return rebuild(tree, [unflatten(part, values) for part in parts])
    if isinstance(tree, np.ndarray):
        if not is_float(tree):
            return tree.copy()
        new = [next(values) for _ in range(tree.size)]
        return np.array(new, dtype=tree.dtype).reshape(tree.shape)
    return type(tree)(next(values)) if is_float(tree) else tree


def inputs(case: Case, seed: int) -> tuple[Any, ...]:
    """Return fresh arguments; ints that are differentiated become floats."""
    args = list(case.make(np.random.default_rng(seed)))
    for k in positions(case):
        if isinstance(args[k], int):
            args[k] = float(args[k])
    return tuple(args)


def positions(case: Case) -> tuple[int, ...]:
    """Return argnums as a tuple."""
    return case.argnums if isinstance(case.argnums, tuple) else (case.argnums,)


def call(case: Case, args: tuple[Any, ...]) -> Any:
    """Return the plain function's result, its printing thrown away."""
    with redirect_stdout(StringIO()):
        return case.function(*args)


def along(case: Case, seed: int) -> tuple[Callable[[Vector], float], Vector]:
    """Return the case as a function of one vector, and the vector."""
    active = [inputs(case, seed)[k] for k in positions(case)]

    def value(x: Vector) -> float:
        args = list(inputs(case, seed))
        values = iter(x.tolist())
        for k in positions(case):
            args[k] = unflatten(args[k], values)
        return float(call(case, tuple(args)))

    return value, flatten(active)


def differences(f: Callable[[Vector], float], x: Vector, h: float) -> Vector:
    """Return the gradient by fourth-order central differences."""
    out = np.empty(x.size)
    for i in range(x.size):
        e = np.zeros(x.size)
        e[i] = h
        near, far = f(x + e) - f(x - e), f(x + 2 * e) - f(x - 2 * e)
        out[i] = (8 * near - far) / (12 * h)
    return out


def one_sided(f: Callable[[Vector], float], x: Vector, h: float) -> tuple[Vector, ...]:
    """Return the left and right derivative along each coordinate, nan if outside."""

    def value(point: Vector) -> float:
        try:
            return f(point)
        except (ValueError, TypeError):  # math.sqrt(-1), (-1.0) ** 0.5
            return math.nan

    steps = np.eye(x.size) * h
    left = np.array([(f(x) - value(x - e)) / h for e in steps])
    right = np.array([(value(x + e) - f(x)) / h for e in steps])
    return left, right


def is_single(case: Case, args: tuple[Any, ...]) -> bool:
    """Return whether float32 takes part, so that differences are coarse."""
    return case.rtol > 1e-9 or any(
        getattr(a, "dtype", None) == np.float32 for a in args
    )


def check_smooth(case: Case, seed: int) -> Iterator[str]:
    """Yield what is wrong with a case that should be differentiable."""
    single = is_single(case, inputs(case, seed))
    f, x = along(case, seed)
    coarse, fine = (differences(f, x, h) for h in (SINGLE_STEPS if single else STEPS))
    scale = np.abs(fine).max(initial=0.0) + 1e-3 * abs(f(x)) + 1e-6
    gap = np.abs(coarse - fine).max(initial=0.0) / scale
    if not gap < (2e-3 if single else 1e-6):
        yield f"differences disagree by {gap:.1e}"
    start = 0
    for k in positions(case):
        count = flatten(inputs(case, seed)[k]).size
        part = fine[start : start + count]
        start += count
        if case.expected is None and not np.abs(part).max(initial=0.0) > 1e-5 * scale:
            yield f"argument {k} does not matter"
    if case.expected is not None:
        exact = flatten(case.expected(*inputs(case, seed)))
        if exact.shape != x.shape or not np.allclose(exact, fine, 1e-7, 1e-7):
            yield f"expected {exact}, differences give {fine}"


def check_kink(case: Case, seed: int) -> Iterator[str]:
    """Yield what is wrong with the expected gradient at a kink."""
    assert case.expected is not None
    f, x = along(case, seed)
    exact = flatten(case.expected(*inputs(case, seed)))
    if exact.shape != x.shape:
        yield f"expected has {exact.size} numbers, the arguments {x.size}"
        return
    near, nearer = one_sided(f, x, 1e-6), one_sided(f, x, 1e-8)
    (l1, r1), (l2, r2) = near, nearer
    for i, want in enumerate(exact):
        if math.isinf(want):
            wide, close = (np.nan_to_num([s[i] for s in d]) for d in (near, nearer))
            if np.abs(close).max() <= min(5 * np.abs(wide).max(), 1e300):
                yield f"component {i} should grow without bound"
        elif not math.isnan(want) and np.allclose(
            [l1[i], r1[i]], [l2[i], r2[i]], 1e-3, 1e-3
        ):
            low, high = sorted((l2[i], r2[i]))
            if not low - 1e-5 <= want <= high + 1e-5:
                yield f"component {i}: {want} is not in [{low:.6g}, {high:.6g}]"


def check_value(case: Case, seed: int) -> Iterator[str]:
    """Yield what is wrong with the value."""
    first, second = (call(case, inputs(case, seed)) for _ in range(2))
    if isinstance(first, bool) or not isinstance(first, float | np.floating):
        yield f"result is {type(first).__name__}, not a real scalar"
    elif first != second and not math.isnan(first):
        yield f"two runs give {first} and {second}"
    elif case.smooth and not math.isfinite(first):
        yield f"result is {first}"


def check_raises(case: Case, seed: int) -> Iterator[str]:
    """Yield what is wrong with a case that must fail."""
    try:
        call(case, case.make(np.random.default_rng(seed)))
    except Exception as error:
        if type(error) is not case.raises:
            yield f"raised {error!r}"
    else:
        yield "raised nothing"


def check(case: Case, seed: int) -> Iterator[str]:
    """Yield all that is wrong with one case at one seed."""
    if case.raises is not None:
        yield from check_raises(case, seed)
        return
    wrong = list(check_value(case, seed))
    yield from wrong
    if not wrong:
        yield from (check_smooth if case.smooth else check_kink)(case, seed)


def check_files() -> Iterator[str]:
    """Yield files that are too long or too wide, and modules never imported."""
    modules = {Path(inspect.getfile(case.make)).name for case in CASES}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        lines = path.read_text().splitlines()
        if len(lines) >= 600 or any(len(line) > 88 for line in lines):
            yield f"{path.name}: {len(lines)} lines, width {max(map(len, lines))}"
        if path.stem not in ("__init__", "inputs", "selfcheck"):
            if path.name not in modules:
                yield f"{path.name} has no case"


def module_of(case: Case) -> str:
    """Return the file the case is written in."""
    return Path(inspect.getfile(case.make)).stem


def main(seeds: int) -> int:
    """Print every fault and the counts; return the number of faults."""
    faults = [*check_files()]
    for case in CASES:
        slow = case.refused == "checkpointing"
        for seed in range(1 if slow else seeds):
            try:
                found = list(check(case, seed))
            except Exception as error:
                found = [f"{type(error).__name__}: {error}"]
            faults += [
                f"{module_of(case)}.{case.name} (seed {seed}): {f}" for f in found
            ]
    print(*faults, sep="\n")
    for name, count in Counter(map(module_of, CASES)).items():
        print(f"{count:5d}  {name}")
    for title, number in {
        "cases": len(CASES),
        "smooth, accepted": sum(
            c.smooth and not (c.raises or c.refused) for c in CASES
        ),
        "with expected": sum(c.expected is not None for c in CASES),
        "raise": sum(c.raises is not None for c in CASES),
        "refused": sum(c.refused is not None for c in CASES),
        "sample": sum(c.sample for c in CASES),
        "faults": len(faults),
    }.items():
        print(f"{number:5d}  {title}")
    return len(faults)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3) > 0)
