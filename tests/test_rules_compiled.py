"""Every row of the table through Numba: value and adjoint, many rows in one kernel.

Compiling is what costs, so the rows of a group are the statements of one function. The
readable text, which `test_rules.py` holds to NumPy, says what has to come out.
"""

import cmath
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from srcgrad import runtime
from srcgrad.adjoint.reverse import differentiate
from srcgrad.emit.kernel import emit_kernel, used_runtime
from srcgrad.ir import Function, Operand, Value
from srcgrad.ops import ROWS
from srcgrad.passes import KERNEL, run_passes
from tests.maker import Maker, Program, copies, floats, make
from tests.rule_samples import DRAWS, Sample, samples
from tests.test_rules import compiled, directions, moving, told

# `print` writes; what `empty` holds is nobody's business; lists stay inside a kernel.
LEFT_OUT = {"empty", "empty_like", "extents", "new_list", "zeros_items"}
GROUP = 12


def chosen(name: str, count: int) -> list[Sample]:
    """Return samples of a row: arrays rather than numbers, and different ones."""
    found = samples(name)
    arrays = [s for s in found if "float" not in s.specs and "float64" not in s.specs]
    return (arrays or found)[:: max(len(arrays or found) // count, 1)][:count]


def group(names: Sequence[str], count: int) -> tuple[Function, list[Any]]:
    """Return a function whose results are those of all samples, and its arguments."""
    parts: list[tuple[Sample, int]] = []
    specs: list[str] = []
    args: list[Any] = []
    for name in names:
        for sample in chosen(name, count):
            parts.append((sample, len(specs)))
            own = [s for s in sample.specs if s[0] != "="]
            specs += own
            args += sample.arguments(sample.function(), 5)

    def program(b: Maker, *given: Value) -> list[Operand]:
        return [s.apply(b, given[at:]) for s, at in parts]

    built: Program = program
    return make(built, specs, "rows"), args


def as_compiled(f: Function) -> Any:
    """Return the kernel of a function, compiled."""
    from numba import njit

    lines = emit_kernel(run_passes(f, KERNEL))
    space: dict[str, Any] = {"np": np, "math": math, "cmath": cmath}
    for name in used_runtime(lines):
        space[name] = getattr(runtime.compiled(), name.removeprefix("rt_"))
    text = "\n".join(line for line, _ in lines)
    exec(compile(text, f"<{f.name}>", "exec"), space)
    kernel = njit(error_model="numpy")(space[f"{f.name}_kernel"])
    kernel.__doc__ = text
    return kernel


def check_group(names: Sequence[str], count: int) -> None:
    """Compare kernels with readable text, result by result."""
    f, args = group(names, count)
    value = compiled(f)
    want = value(*args)
    kinds = [f]
    ws = directions([want[k] for k in floats(f)], 17)
    if moving(f) and floats(f):
        kinds.append(run_passes(differentiate(f, moving(f), floats(f))))
    for kind in kinds[-1:]:
        given = [*args, *(ws if kind is not f else [])]
        readable, kernel = compiled(kind), as_compiled(kind)
        with told(names, readable):
            due, got = readable(*given), kernel(*copies(given))
            for k, (a, b) in enumerate(zip(got, due, strict=True)):
                assert np.shape(a) == np.shape(b), kind.results[k]
                if isinstance(b, np.ndarray):
                    assert a.dtype == b.dtype, kind.results[k]
                scale = np.max(np.abs(b), initial=0.0)
                np.testing.assert_allclose(
                    a, b, 1e-12, 1e-13 * scale, err_msg=str(kind.results[k])
                )


TESTED = [n for n in ROWS if n not in LEFT_OUT | DRAWS]
GROUPS = [TESTED[k : k + GROUP] for k in range(0, len(TESTED), GROUP)]


@pytest.mark.parametrize("names", GROUPS, ids=[f"{g[0]}-{g[-1]}" for g in GROUPS])
def test_rows_on_numba(names: list[str]) -> None:
    """One sample of each row."""
    check_group(names, 1)


@pytest.mark.long
@pytest.mark.parametrize("name", TESTED)
def test_row_on_numba(name: str) -> None:
    """Eight samples of a row."""
    check_group([name], 8)
