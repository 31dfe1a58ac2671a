"""SEMANTICS.md item by item: the case, or the test, that holds each of its lines.

A name is a function of `tests/cases`, on which `tests/harness.py` checks value,
gradient, cotangents, the dot-product test, repeated runs and second order; with `::` it
is a test, of this file where it says no other. `pytest -m long tests/test_semantics.py`
runs every case named here on Numba, second order included.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import srcgrad
from tests.cases import CASES, Case
from tests.harness import check_case

HERE = Path(__file__).parent

# Section 1: where compiled text alone would differ from NumPy.
TRAPS = """
y[1:] *= y[:-1] overlaps | overlapping_shift_multiply overlapping_shift_add
x[7] on 3 elements | reads_past_the_end writes_past_the_end index_array_out_of_range
  | negative_index_too_far test_extremes.py::test_backends_agree_at_the_ends
a name unbound on this path | read_before_bound loop_variable_of_no_trip
a global changed after the first call | ::test_globals_are_read_at_each_call
a write to a read-only array | write_to_read_only_argument write_to_broadcast_view
np.float64(1)/0 | numpy_scalar_division_by_zero
1/0, //, % by zero | python_division_by_zero integer_division_by_zero
  | python_division_by_active_zero float_remainder_by_zero zero_to_a_negative_power
a = b = x[0]*2; a += 1 | several_targets_scalar several_targets_array
integer power, -7 // 2, -7 % 3 | integer_rules integer_arrays float_remainders
overflow | subscripts_that_wrap test_kernel.py::test_int_beyond_64_bits_is_named
  | test_kernel.py::test_checks_before_loops_do_not_wrap
grade 1, bit for bit on python | test_cases.py::test_case_on_python
  | test_spellings.py::test_spelling
grade 2, exact operations on numba | ::test_exact_operations_give_numpys_bits
grade 3, each operation on numba | test_rules_compiled.py::test_rows_on_numba
  | test_vmath.py::test_accuracy test_runtime.py::test_sums_are_as_accurate_as_numpy
grade 3, whole cases on numba | test_cases.py::test_every_case_on_numba
dtype, shape, container | test_cases.py::test_case_on_python
"""

# Section 2: conventions at kinks and ties.
KINKS = """
np.maximum at a tie | maximum_with_zero_at_zero maximum_tie minimum_tie
  | fmax_and_fmin_tie
where(x > 0, x, 0) and nn.relu at 0 | where_relu_at_zero test_nn.py::test_kinks
np.max of [1, 1, 0] | max_tie max_tie_with_axis min_tie_of_three max_with_an_equal_start
x[np.argmax(x)], if v > m: m = v | element_at_argmax_tie maximum_by_loop_tie
Python's max and min | python_max_zero_first python_max_zero_last
  | python_min_takes_the_first
nn.max_pool2d at a tie | pool_by_hand_tie test_nn.py::test_max_pool2d_ties_and_nan
nn.leaky_relu at 0 | leaky_slope_at_zero test_nn.py::test_kinks
abs at 0 | abs_at_zero python_abs_at_zero abs_by_hand nested_kinks
sqrt, x**0.5, log at 0, arcsin at 1 | sqrt_at_zero root_power_at_zero log_at_zero
  | python_roots_at_zero arcsin_at_one infinite_slope_kept
x**0, x**1, x**2, x**2.0, (0, 0) | power_zero power_one power_two
  | power_of_run_time_exponents power_zero_to_the_zero
x**y at (-2, 2) | negative_base negative_base_active_exponent
x*log(x) at 0 | x_log_x_at_zero
where(x > 0, sqrt(x), 0) and the like | masked_sqrt_at_zero masked_x_log_x_at_zero
  | masked_chain_at_zero masked_division_at_zero branch_protects_root clip_cuts_infinity
norm of a zero vector | norm_of_zero_vector norms_of_rows_one_zero
  | norm_of_difference_with_itself
hypot(0, 0) | hypot_at_origin
clip(x, 0, 1) at 0 and 1 | clip_at_its_bounds
prod and cumprod with zeros | prod_with_a_zero prod_with_zeros_along_axis
  | cumprod_with_a_zero cumprod_with_two_zeros
std of [1, 1] | std_of_equal_values nanstd_of_equal_values
median of an even count | median_of_even_count median_of_equal_values
sort with ties | sort_with_ties
det of a singular matrix | det_of_singular_matrix det_of_singular_diagonal
eigh and svd where undefined | eigh_degenerate svd_degenerate
  | ::test_check_nan_names_what_is_undefined
sinc(0) | sinc_at_zero
an unused nan | unused_nan
"""

# Section 3: hard programs.
PROGRAMS = """
# Control flow
scalar product overwritten in a loop | product_overwritten
break on data | break_on_data break_before_use
continue on data | continue_on_data continue_in_while
Newton by while with a cap | newton_with_cap
while True left in the middle | while_true_left_in_middle
early return, also from inside a loop | early_return_by_case early_return_from_loop
  | return_from_nested_loops
inner break with another count each time | inner_break_counts break_in_both_loops
triangular loops, accumulator reset per row | triangular_ragged
zero-trip loops | zero_trip_for zero_trip_while zero_trip_inner
trip count from data | trip_count_from_data trip_counts_from_an_array
loop variable used after the loop | loop_variable_after_loop
defined in iteration k, used in k+1 | defined_in_previous_iteration
if/elif/else binding one name | branches_bind_one_name
index variable overwritten, a subscript | index_variable_overwritten
negative step | negative_step steps_of_other_sizes
ternary | ternary_in_sum ternary_chain_and_branch_value
chained comparison | chained_comparison
and/or short circuit | short_circuit_protects_division boolean_mix or_gives_a_default
for/else | for_else_not_broken for_else_in_outer_loop
while/else | while_else_runs_out while_else_broken
# Storage
element swap by temporary | swap_by_temporary
tuple swap with arithmetic | tuple_swap_with_arithmetic
ping-pong buffers swapped by name | ping_pong_buffers
nested unpacking | nested_unpacking
a = b = expr, then a += c, scalars | several_targets_scalar
a = b = expr, then a += c, arrays | several_targets_array
constant store, then whole-array square | constant_store_then_square
store overwritten again | store_overwritten
Gauss-Seidel in place, no storage | gauss_seidel_in_place
  | ::test_linear_sweeps_keep_nothing
in-place Cholesky, LU, Thomas | cholesky_in_place lu_in_place thomas_in_place
in-place prefix recurrence | prefix_recurrence
one name reused as scalar, array, int | name_reused
argument mutated by the function | argument_mutated arguments_written_from_each_other
function returning its argument | returns_its_argument helper_returns_its_argument
  | ::test_result_that_is_the_argument
# Aliasing
writes through a slice view | write_through_slice_view
row = A[i]; row /= row.sum() | row_normalised_in_place
row = A[i]; row *= row[0] | row_scaled_by_its_first
overlapping shifts | overlapping_shift_store overlapping_shift_add
reversed and strided views as targets | reversed_and_strided_targets
transposed, reshaped, ravelled targets | transposed_and_reshaped_targets
  | ravel_of_transposed_copies
diagonal views as targets | diagonal_targets diagonal_view_sees_write
one array twice to a helper that writes | one_array_passed_twice
y += y, y *= y, y[:] = y | array_with_itself
a view taken before its base is rebound | view_of_a_rebound_base
stride-0 broadcast views | broadcast_view_sees_write
arrays in containers mutated later | array_in_containers_mutated_later
  | appended_array_is_written_later
# Indexing
scatter-add with duplicates by loop | scatter_add_by_loop
scatter-add with duplicates by np.add.at | scatter_add_at
fancy y[idx] += v | fancy_add_keeps_the_last fancy_store_keeps_the_last
gather with duplicates | gather_with_duplicates
boolean-mask store and multiply | mask_store_and_multiply negative_set_to_zero
accumulate into a slice | accumulate_into_slice
negative indices | negative_indices periodic_by_negative_index
None | new_axes
Ellipsis | ellipsis_read_and_written
mixed int and slice | mixed_int_and_slice
empty slices | empty_slices slices_beyond_the_ends
index array modified before reverse use | index_array_modified
CSR loops | csr_matvec
# Broadcast and reduction
in-place from lower rank | in_place_from_lower_rank
adjoints reduced to the operand's shape | operators_broadcast rank_three_and_four
log-sum-exp by hand, integers promoted | logsumexp_by_hand
  | logsumexp_of_promoted_integers
float32 throughout | single_elementwise single_in_loops single_matrices
  | single_reductions single_scalars
complex intermediates, real loss | complex_intermediates fourier_power
# Functions
helper called twice | helper_called_twice
helper called recursively | recursive_power recursion_over_halves mutual_recursion
keyword and default arguments | helper_keywords_and_defaults own_defaults
helper with early return | helper_returns_early
helper that mutates, returns None | helper_mutates_argument helper_writes_through_view
closure over an active value | closure_over_active_value closure_sees_rebinding
lambda | lambdas
function as an argument | function_as_argument closure_as_argument
list append, then loop | list_append_then_loop
dict parameters | dict_of_parameters
dataclass parameters | dataclass_parameters nested_dataclass
namedtuple parameters | namedtuple_parameters
iterating over an active array | over_elements over_rows
enumerate(zip(a, a[::-1])) | enumerate_zip_reversed
.sum() .dot .T .reshape .copy .max(axis=) | chains_of_methods
import numpy | product_overwritten defined_in_previous_iteration
import numpy as xp, from numpy import | exponentials logarithms roots_and_reciprocals
math.sin | math_elementary math_and_numpy_side_by_side
global array read | globals_read global_copied_then_written
global mutated: refused | global_mutated
# Scale
10^6 steps, bounded memory | million_steps oscillator_many_steps
  | test_checkpoint.py::test_a_million_steps_in_sixteen_megabytes
gradient of the gradient | test_cases.py::test_case_on_python
  | test_api.py::test_grad_of_grad ::test_named_case_on_numba
parallel loops whose forward gathers | parallel_gather parallel_rows
  | test_parallel.py::test_parts_know_nothing_of_each_other
  | test_parallel_compiled.py::test_threads_compute_what_one_computes
"""

# Section 4: promises.
PROMISES = """
the value is the plain run's | test_cases.py::test_case_on_python
  | ::test_exact_operations_give_numpys_bits
  | test_check.py::test_verify_finds_a_wrong_value
the caller's arrays stay | test_cases.py::test_case_on_python
  | test_api.py::test_gradient_never_writes_the_callers_arrays
  | test_api.py::test_value_that_raises_has_written_what_python_writes
  | raised_by_the_user writes_past_the_end
shape, dtype and structure | test_cases.py::test_case_on_python
  | test_api.py::test_gradient_has_the_structure_of_the_argument
  | test_shapes_and_dtypes.py::test_ranks test_shapes_and_dtypes.py::test_layouts
deterministic, also with threads | test_cases.py::test_case_on_python
  | test_parallel_compiled.py::test_results_do_not_depend_on_threads
re-entrant | test_api.py::test_threads ::test_compiled_functions_are_reentrant
the cache serves no other code | ::test_what_is_edited_is_compiled_again
  | test_files.py::test_other_texts_are_never_served
  | test_files.py::test_environment_changes_with_the_runtime
  | test_files.py::test_environment_names_versions_and_processor
  | test_files.py::test_a_second_signature_is_not_written
  | test_api.py::test_a_helper_that_changes_recompiles
  | test_api.py::test_captured_values_that_decide_the_text_recompile
a damaged cache is rebuilt | test_files.py::test_damage_is_seen_and_repaired
  | test_files.py::test_a_flipped_bit_is_rebuilt_not_run
the plain run's exceptions | test_api.py::test_exceptions_are_pythons
  | test_parallel_compiled.py::test_exceptions_of_threads_are_pythons
  | test_wrong_arguments.py::test_what_numpy_raises_is_not_answered
<J v, w> = <v, J' w> | test_cases.py::test_case_on_python
  | test_tangent.py::test_tangent_agrees_with_adjoint
a cotangent scales exactly | test_cases.py::test_case_on_python
two contributions add | tied_weights gather_with_duplicates
"""

CASE = {case.name: case for case in CASES}


def named(table: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each item of a table with the names of what holds it."""
    lines = [line for line in table.splitlines() if line and not line.startswith("#")]
    for item in "\n".join(lines).replace("\n  |", "").splitlines():
        what, _, names = item.partition(" | ")
        yield what, names.split()


ITEMS = [item for table in (TRAPS, KINKS, PROGRAMS, PROMISES) for item in named(table)]
NAMES = dict.fromkeys(name for _, names in ITEMS for name in names)
NAMED = [CASE[name] for name in NAMES if name in CASE]


def exists(name: str) -> bool:
    """Return whether there is a case, or a test, of this name."""
    file, colons, test = name.rpartition("::")
    if not colons:
        return name in CASE
    text = (HERE / (file or Path(__file__).name)).read_text()
    return f"\ndef {test}(" in text


def test_each_item_is_held() -> None:
    """Each item has names, and what they name is there."""
    assert [what for what, names in ITEMS if not names] == []
    assert [name for name in NAMES if not exists(name)] == []


@pytest.mark.long
@pytest.mark.parametrize("case", NAMED, ids=lambda case: case.name)
def test_named_case_on_numba(case: Case) -> None:
    """All checks, second order included."""
    check_case(case, "numba", second_order=True)


# What no case of the catalogue can say.

factor = 2.0
table = {"weights": np.array([1.0, 2.0, 3.0])}
both = pytest.mark.parametrize("backend", ["python", "numba"])


@both
def test_globals_are_read_at_each_call(
    backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def f(x: Any) -> Any:
        return np.sum(x * table["weights"]) * factor

    gradient = srcgrad.value_and_grad(f, backend=backend)
    for value, weights in ((2.0, [1.0, 2.0, 3.0]), (-3.0, [1.0, 0.0, 5.0])):
        monkeypatch.setitem(globals(), "factor", value)
        monkeypatch.setitem(table, "weights", np.array(weights))
        got = gradient(np.ones(3))
        assert got[0] == f(np.ones(3))
        assert got[1].tolist() == [value * w for w in weights]


def exact_operations(x: Any, A: Any) -> Any:
    """Compute with + - * / and sqrt, comparisons, choices and subscripts alone."""
    u, s = x * x, 0.3
    for k in range(200):
        s = 3.7 * s * (1.0 - s) + 1e-3 * x[k % 7] / (1.0 + s**2)
    for _ in range(20):
        u[1:-1] = u[1:-1] + 0.2 * (u[2:] - 2.0 * u[1:-1] + u[:-2]) * u[1:-1]
    for i in range(1, 7):
        for j in range(1, 7):
            A[i, j] = (A[i - 1, j] + A[i, j - 1] + A[i, j] * A[i, j]) / 3.0
    total, turns = 0.0, 0
    for v in u:
        total += np.sqrt(abs(v)) if v < 0.5 else v * v - s
        turns += 1 if v > x[turns % 7] else 2
    y = np.where(x > 0.0, x * s + u * total, u / x - x) + np.abs(A[3]) * 0.1
    y = np.maximum(y, np.sqrt(x * x + 0.1)) - np.minimum(x, u) * turns
    return y, u, A, s, total + turns // 3 * 0.1


def test_exact_operations_give_numpys_bits() -> None:
    """Neither fused nor reordered: 200 steps of a chaotic map would show it."""
    rng = np.random.default_rng(3)
    compiled = srcgrad.differentiable(exact_operations, backend="numba")
    calls: list[Any] = [compiled, lambda *args: srcgrad.vjp(compiled, *args)[0]]
    for call in calls:
        for _ in range(3):
            x, A = rng.uniform(-1, 1, 7), rng.uniform(-1, 1, (7, 7))
            due = exact_operations(x, A.copy())
            for got, want in zip(call(x, A.copy()), due, strict=True):
                assert np.asarray(got).tobytes() == np.asarray(want).tobytes()


@pytest.mark.filterwarnings("ignore")
def test_check_nan_names_what_is_undefined() -> None:
    def first_vector(A: Any) -> Any:
        values, vectors = np.linalg.eigh(A)
        return vectors[0, 0] + values[0]

    with pytest.raises(FloatingPointError, match=r"np\.linalg\.eigh"):
        srcgrad.grad(first_vector, backend="python", check_nan=True)(np.eye(2))


def test_linear_sweeps_keep_nothing() -> None:
    for name in ("gauss_seidel_in_place", "accumulate_into_slice", "csr_matvec"):
        case = CASE[name]
        args = case.make(np.random.default_rng(0))
        made = srcgrad.grad(case.function, argnums=case.argnums, backend="python")
        assert "_saved" not in made.source(*args), name


@both
def test_result_that_is_the_argument(backend: Any) -> None:
    def doubled_in_place(x: Any) -> Any:
        x *= 2.0
        return x

    x = np.arange(3.0)
    out, pullback = srcgrad.vjp(doubled_in_place, x, backend=backend)
    assert (x.tolist(), out.tolist()) == ([0.0, 1.0, 2.0], [0.0, 2.0, 4.0])
    w = np.array([1.0, -1.0, 0.5])
    (back,) = pullback(w)
    back[:] = 9.0  # a new array: neither the cotangent nor an argument
    assert pullback(w)[0].tolist() == (2.0 * w).tolist() == [2.0, -2.0, 1.0]
    tangent = srcgrad.jvp(doubled_in_place, (x,), (w,), backend=backend)[1]
    assert tangent.tolist() == [2.0, -2.0, 1.0]


def busy(x: Any, n: int) -> Any:
    """Write, keep values in tapes and in a list that grows."""
    y, found = x.copy(), []
    for k in range(n):
        y[1:] *= np.sin(y[:-1]) + 1.0
        if y[k % 5] > 0.0:
            found.append(y[k % 5] * x[0])
    return np.sum(y * y) + sum(found)


@both
def test_compiled_functions_are_reentrant(backend: Any) -> None:
    call = srcgrad.value_and_grad(busy, backend=backend)
    rng = np.random.default_rng(5)
    jobs = [(rng.normal(size=5 + k), 3 + k) for k in range(4)]
    due = [call(*job) for job in jobs]
    wrong: list[int] = []

    def work(k: int) -> None:
        for _ in range(30):
            value, gradient = call(*jobs[k])
            if value != due[k][0] or gradient.tolist() != due[k][1].tolist():
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k % 4,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


PROGRAM = """
import sys
import numpy as np
import srcgrad
from helpers import helper

CONSTANT = {constant}


@srcgrad.grad(backend=sys.argv[1])
def f(x):
    return np.sum(helper(x) * {source} * CONSTANT)


print(f(np.array({argument})).sum())
"""


@pytest.mark.parametrize(
    "backend", ["python", pytest.param("numba", marks=pytest.mark.long)]
)
def test_what_is_edited_is_compiled_again(backend: str, tmp_path: Path) -> None:
    """Processes that share a cache on disk: source, helper, constant, signature."""
    told = {"constant": "2.0", "source": "x", "argument": "[1.0, 3.0]"}
    edits: list[tuple[dict[str, str], str, float]] = [
        ({}, "x * x", 60.0),  # 3 * x**2 * 2 of 1 and 3
        ({"source": "3"}, "x * x", 48.0),
        ({}, "x * 5", 60.0),
        ({"constant": "np.array([1.0, 3.0])"}, "x * 5", 60.0),
        ({"argument": "[1, 3], np.float32"}, "x * 5", 60.0),
        ({"argument": "[[1.0, 3.0], [0.0, 0.0]]"}, "x * 5", 120.0),
    ]
    for change, helper, due in edits:
        told |= change
        (tmp_path / "program.py").write_text(PROGRAM.format(**told))
        text = f"def helper(x):\n    return {helper}\n"
        (tmp_path / "helpers.py").write_text(text)
        done = subprocess.run(
            [sys.executable, "-B", "program.py", backend], cwd=tmp_path,
            capture_output=True, text=True, check=False, env=in_cache(tmp_path),
        )  # fmt: skip
        assert done.stdout.strip() == str(due), (told, helper, done.stderr)


def in_cache(folder: Path) -> dict[str, str]:
    """Return the environment of a process with a cache of the test's own."""
    place = {"SRCGRAD_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(HERE.parent)}
    return {**os.environ, **place}
