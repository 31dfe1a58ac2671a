"""The test of the tester: each mechanism is broken once, and the harness must notice.

A mutation rewrites the source of one function of the engine. The cases named with it
pass every check as the engine stands, and at least one of them fails with it broken.
"""

import dataclasses
import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad.adjoint import control, statement, storage, tapes
from srcgrad.analyses import finality
from srcgrad.builder import Builder, const
from srcgrad.compile import plain
from srcgrad.emit import names, nest
from srcgrad.frontend import build, entry
from srcgrad.ops.table import ROWS
from srcgrad.passes.elide_copies import _Plan
from srcgrad.passes.privatise import _Coverage
from tests.cases import CASES, Case
from tests.harness import check_case
from tests.oracles import Array

CASE = {case.name: case for case in CASES}


# Functions that show one mechanism alone, where the catalogue has none so bare.


def mixed(x: Array, y: Array) -> Any:
    """Multiply a single by a double array."""
    return (x * y).sum()


def seen_through_a_copy(x: Array) -> Any:
    """Read what a list shares with an array that is written."""
    rows = []
    for _ in range(2):
        rows.append(x)
    x[0] = 0.5
    return rows[0].sum() + rows[1].sum() + x[1]


def first_and_second() -> tuple[Callable[..., Any], ...]:
    """Return two functions of one name."""

    def same(x: Array) -> Any:
        return x.sum()

    first = same

    def same(x: Array) -> Any:  # type: ignore[no-redef]
        return (x * x).sum()

    return first, same


def three(rng: np.random.Generator) -> tuple[Any, ...]:
    """Return a vector."""
    return (rng.normal(size=3),)


CASE["mixed"] = Case(
    "mixed", mixed, lambda rng: (rng.normal(size=3).astype("f4"), rng.normal(size=3))
)
CASE["seen_through_a_copy"] = Case("seen_through_a_copy", seen_through_a_copy, three)
for name, function in zip(("first", "second"), first_and_second(), strict=True):
    CASE[name] = Case(name, function, three)


@dataclasses.dataclass(frozen=True)
class Mutation:
    """Say which function is changed how, and which cases must not survive it."""

    name: str
    owner: Any
    function: str
    old: str
    new: str
    cases: tuple[str, ...]


MUTATIONS = (
    Mutation(
        "rule", ROWS, "sin",
        "cos(x)", "sin(x)",
        ("trigonometry",),
    ),
    Mutation(
        "unbroadcast", Builder, "fit",
        '"sum", g, axis=axes, keepdims=True', '"max", g, axis=axes, keepdims=True',
        ("pairwise_distances",),
    ),
    Mutation(
        "accumulate", statement.Statements, "give",
        'self.build.op("add", old, g, name=d_name(owner))', "g",
        ("operators_broadcast",),
    ),
    Mutation(
        "restore", statement.Statements, "undo",
        "stmt in self.plan.restores", "False",
        ("delay_line",),
    ),
    Mutation(
        "save", tapes.Recorder, "store",
        "self.numbers, self.build", "dict.fromkeys(self.numbers, const(0)), self.build",
        ("logistic_map",),
    ),
    Mutation(
        "one turn ahead", storage.Storage, "part_of_tape",
        "turns[inner], const(1)", "turns[inner], const(0)",
        ("two_states_that_change_places",),
    ),
    Mutation(
        "loops of a tape", tapes.Recorder, "lay_out",
        "s for s in tape.loops if s in behind", "s for s in ()",
        ("kept_only_in_some_outer_turns",),
    ),
    Mutation(
        "counting up", storage.Storage, "count_on",
        "gone = number if", "gone = const(0) if",
        ("position_that_counts_up",),
    ),
    Mutation(
        "own turn", storage, "may_change",
        "shared + (there.order > here.order)", "shared",
        ("slice_that_its_own_turn_overwrites",),
    ),
    Mutation(
        "end of a slice", finality, "_span",
        "last = None", "pass",
        ("slice_with_an_end_below_zero",),
    ),
    Mutation(
        "view", storage.Storage, "need_path",
        "mapped(path, ", "mapped(path[:-1], ",
        ("overlap_with_own_reverse",),
    ),
    Mutation(
        "merge", control.Control, "joined",
        "Merge(out, a, b)", "Merge(out, b, a)",
        ("continue_on_data",),
    ),
    Mutation(
        "carry", control.Control, "loop",
        "end = slot.end()", "end = inn",
        ("logistic_map",),
    ),
    Mutation(
        "cast", Builder, "cast",
        "x.type.dtype == dtype", "True",
        ("mixed",),
    ),
    Mutation(
        "order of reverse", control.Control, "block",
        "left.pop()", "left.pop(0)",
        ("swap_by_temporary",),
    ),
    Mutation(
        "mask", statement.Statements, "reverse_op",
        "out in self.masks", "False",
        ("masked_sqrt_at_zero",),
    ),
    Mutation(
        "last element", storage.Storage, "lying",
        "self.lasts(base, stmt.path, stmt)", "True",
        ("closure_writes_captured_array",),
    ),
    Mutation(
        "clearing", statement.Statements, "reverse_store",
        "g, self.buffers[owner] = self", "g, _ = self",
        ("constant_store_then_square",),
    ),
    Mutation(
        "undone in its turn", storage.Storage, "later",
        "regions.joined.isdisjoint(turns)", "True",
        ("scratch_without_a_slope",),
    ),
    Mutation(
        "spared loops", control.Control, "is_still",
        "g is None or", "True or",
        ("loops_before_both_arms",),
    ),
    Mutation(
        "known before", control.Control, "arranged",
        "any(not waiting.isdisjoint(free(s)) for s in here)", "False",
        ("sum_that_is_squared",),
    ),
    Mutation(
        "entry copy", entry.Entry, "protected",
        "param in changed", "False",
        ("argument_mutated",),
    ),
    Mutation(
        "exit of a loop", control.Control, "turns",
        'build.op("sub", trips, const(1))', "trips",
        ("break_on_data",),
    ),
    Mutation(
        "needless copy", _Plan, "is_only_read",
        "family not in self.regions.changed(meanwhile)", "True",
        ("view_sees_later_write",),
    ),
    Mutation(
        "folding", nest.Nest, "_may_fold",
        "not (self.reads[out] & self.regions.changed(between))", "True",
        ("overlapping_shift_add",),
    ),
    Mutation(
        "names", names._Interference, "define",
        "self.edges[mine] |= after", "self.edges[mine] |= 0",
        ("tuple_swap_with_arithmetic",),
    ),
    Mutation(
        "sharing", build.Reader, "share",
        "other.memory.shares.add(copy)", "pass",
        ("seen_through_a_copy",),
    ),
    Mutation(
        "rows read before they are written", _Coverage, "reads",
        "front[k] - subscript - _ONE", "front[k] - subscript",
        ("scratch_read_at_the_place_that_is_due",),
    ),
    Mutation(
        "axes that are not filled", _Coverage, "fills",
        "end == self.beyond(turn, s.body.stmts[-1])", "True",
        ("scratch_filled_in_one_arm", "scratch_read_ahead", "scratch_with_gaps"),
    ),
    Mutation(
        "cache key", plain, "load",
        """text.text, *environment(native=False))
    entry = (open_entry if cache else Entry)(key, text.name, text.text)""",
        """text.name, *environment(native=False))
    entry = open_entry(key, text.name, kept.setdefault(key, text.text))""",
        ("first", "second"),
    ),
)  # fmt: skip


def install(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace one piece of the source of a function, or of a rule."""
    if mutation.owner is ROWS:
        row = ROWS[mutation.function]
        vjp = {
            k: str(v).replace(mutation.old, mutation.new) for k, v in row.vjp.items()
        }
        assert vjp != row.vjp, f"the rule of {row.name} has changed: adapt this"
        monkeypatch.setitem(ROWS, row.name, dataclasses.replace(row, vjp=vjp))
        return
    whole = getattr(mutation.owner, mutation.function)
    text = textwrap.dedent(inspect.getsource(whole))
    assert text.count(mutation.old) == 1, f"{mutation.function} has changed: adapt this"
    text = text.replace(mutation.old, mutation.new)
    scope = {**vars(inspect.getmodule(whole)), "const": const, "kept": {}}
    exec(f"from __future__ import annotations\n{text}", scope)
    monkeypatch.setattr(mutation.owner, mutation.function, scope[mutation.function])


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep what a broken engine writes out of the cache."""
    monkeypatch.setenv("SRCGRAD_CACHE_DIR", str(tmp_path))


def complaint(mutation: Mutation) -> str:
    """Return what the harness has to say about the cases; a refusal is no fault."""
    for name in mutation.cases:
        try:
            check_case(CASE[name], "python")
        except (AssertionError, srcgrad.errors.BackendError) as error:
            return str(error) or "an assertion failed"
        except srcgrad.errors.SrcgradError:
            continue
    return ""


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_broken_mechanism_is_noticed(
    mutation: Mutation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The cases pass as the engine stands, and fail with the mechanism broken."""
    assert complaint(mutation) == ""
    monkeypatch.setenv("SRCGRAD_CACHE_DIR", str(tmp_path / "broken"))
    install(mutation, monkeypatch)
    assert complaint(mutation), f"nothing notices a broken {mutation.name}"
