"""What all optimisers share: state, steps in place, and steps to new trees."""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad import runtime
from srcgrad.optim.parameters import (
    Path,
    Tree,
    beside,
    fit,
    is_parameter,
    is_plain,
    overlap,
    owner,
    rebuilt,
    shown_path,
    vector,
)
from srcgrad.trees import tree_map

Vector = np.ndarray[Any, Any]
State = dict[str, Any]
Rate = float | Callable[[int], float]
Decay = Any  # a float, or a function of a parameter's path that returns one

_BLOCK = 1 << 15  # items that are copied and stepped while the cache holds them


@functools.cache
def kernel(name: str) -> Callable[..., Any]:
    """Return a kernel of `runtime/optimisers.py`; without Numba, NumPy does its work.

    >>> p = np.array([1.0])
    >>> kernel("sgd")(p, np.array([2.0]), 0.0, 0.25)
    >>> p
    array([0.5])
    """
    if importlib.util.find_spec("numba"):
        from srcgrad.compile.machine import start

        start()
        compiled: Callable[..., Any] = getattr(runtime.compiled(), name)
        return compiled
    return in_numpy(name)


def in_numpy(name: str) -> Callable[..., Any]:
    """Return what a kernel does, in plain NumPy: the same numbers, bit for bit."""
    from srcgrad.runtime import optimisers

    if name == "square_sum":
        return lambda x, scale: float(np.sum((x.astype(np.float64) * scale) ** 2))
    item = getattr(optimisers, f"{name}_item")

    def run(own: Vector, other: Vector, *rest: Any) -> None:
        slots = [x for x in rest if isinstance(x, np.ndarray)]
        with np.errstate(all="ignore"):
            found = item(own, other, *rest)
        for target, new in zip([own, *slots], found, strict=True):
            target[...] = new

    return run


@dataclass(slots=True)
class Leaf:
    """A leaf of the parameters, its gradient, and what the state holds for it.

    Without a gradient it stays as it is.
    """

    path: Path
    value: Any
    gradient: Vector | None
    slots: list[Any]


Rule = tuple[Callable[..., Any], Sequence[float]]


@dataclass(frozen=True)
class Stepper:
    """Advance a tree by a kernel, with state that has the structure of the tree."""

    def slots(self) -> dict[str, float]:
        """Return the names of the trees in the state, and what they begin with."""
        raise NotImplementedError

    def rule(self, step: int) -> tuple[str, tuple[float, ...]]:
        """Return the kernel of a step and its numbers; the first step is 0."""
        raise NotImplementedError

    def init(self, params: Tree) -> State:
        """Return the state before the first step: a plain dict of trees of arrays.

        Args:
            params: The parameters: arrays of float32 or float64 and floats, in lists,
                tuples, dicts, namedtuples and dataclasses.

        Returns:
            `{"step": array of rank 0, ...}` with a tree like the parameters for each
            thing that is kept.

        Raises:
            TypeError: A leaf is an int, or an array of another dtype, or there is
                nothing to train.
        """
        trained = [is_parameter(x, "params", p) for p, x, _ in beside(params, (), [""])]
        if not any(trained):
            raise TypeError("params: there is no float and no array of floats to train")

        def filled(start: float) -> Callable[[Any], Any]:
            def make(leaf: Any) -> Any:
                if not is_parameter(leaf, "params"):
                    return None
                dtype = np.asarray(leaf).dtype.newbyteorder("=")
                return np.full(np.shape(leaf), start, dtype)

            return make

        trees = {n: tree_map(filled(x), params) for n, x in self.slots().items()}
        return {"step": np.zeros((), np.int64), **trees}

    def update(self, grads: Tree, state: State, params: Tree) -> tuple[Tree, State]:
        """Return new parameters and a new state; nothing that is given changes.

        Args:
            grads: The gradient, in the structure, shapes and dtypes of the parameters.
                None, for a leaf or a container, leaves what belongs to it as it is.
            state: What `init` or the step before returned.
            params: The parameters.

        Raises:
            ValueError: Structures or shapes differ.
            TypeError: Dtypes differ, or something cannot be trained. The message names
                the place: `params['conv1'][0]: shape (3, 3), its gradient has (3, 4)`.
        """
        leaves, step = self._matched(grads, state, params)
        rules = self._rules(step, leaves)
        found = (stepped(*rule, leaf) for rule, leaf in zip(rules, leaves, strict=True))
        columns = zip(*found, strict=True)
        new, *trees = (rebuilt(params, column) for column in columns)
        kept = dict(zip(self.slots(), trees, strict=True))
        return new, {"step": np.array(step + 1), **kept}

    def step(self, grads: Tree, state: State, params: Tree) -> None:
        """Do the same in place: the arrays of `params` and `state` change.

        The numbers are those of `update`, bit for bit. Nothing changes if anything is
        refused.

        Raises:
            ValueError: As `update`; or an array cannot be written, or is at two places.
            TypeError: As `update`; or a parameter is a float, which cannot change.
        """
        leaves, step = self._matched(grads, state, params)
        rules = self._rules(step, leaves)
        names = ["params", *(f"state[{n!r}]" for n in self.slots())]
        check_writable(leaves, names, state["step"])
        for rule, leaf in zip(rules, leaves, strict=True):
            if leaf.gradient is not None:
                step_leaf(*rule, [leaf.value, *leaf.slots], leaf.gradient)
        state["step"][...] = step + 1

    def _rules(self, step: int, leaves: Sequence[Leaf]) -> list[Rule]:
        """Return the kernel and its numbers for each leaf; floats all: it is typed."""
        name, numbers = self.rule(step)
        rule = kernel(name), [float(x) for x in numbers]
        return [rule] * len(leaves)

    def _matched(
        self, grads: Tree, state: State, params: Tree
    ) -> tuple[list[Leaf], int]:
        """Return the leaves that are to be stepped, and the number of the step."""
        kept = list(self.slots())
        if not isinstance(state, dict) or state.keys() != {"step", *kept}:
            raise ValueError(self._other_state(state, kept))
        trees = [grads, *(state[n] for n in kept)]
        names = ["params", "grads", *(f"state[{n!r}]" for n in kept)]
        leaves = []
        for path, value, (gradient, *slots) in beside(params, trees, names):
            if is_parameter(value, "params", path):
                slots = [
                    fit(value, slot, ("params", name), path, name)
                    for slot, name in zip(slots, names[2:], strict=True)
                ]
                if gradient is not None:
                    both = "params", "grads"
                    gradient = fit(value, gradient, both, path, "gradient")
            elif gradient is not None:
                where = shown_path("params", path)
                what = f"{where} is a {type(value).__name__}, which is not trained"
                raise TypeError(f"{what}, but has a gradient")
            leaves.append(Leaf(path, value, gradient, slots))
        if all(leaf.gradient is None for leaf in leaves):
            raise ValueError("grads has no gradient of any parameter")
        return leaves, count(state["step"])

    def _other_state(self, state: Any, kept: Sequence[str]) -> str:
        name = type(self).__name__
        if not isinstance(state, dict):
            what = f"the state is a {type(state).__name__}, no dict"
        else:
            has = ", ".join(map(repr, state)) or "nothing"
            what = f"the state holds {has}; {name} keeps 'step'"
            what += "".join(f", {n!r}" for n in kept)
        return f"{what}: make it with `init`, and give (grads, state, params)"


def count(step: Any) -> int:
    """Return the number of steps done, from the state."""
    if np.shape(step) != () or not np.issubdtype(np.asarray(step).dtype, np.integer):
        raise TypeError(f"state['step'] is {step!r}: it is the number of steps done")
    return int(step)


def stepped(run: Callable[..., Any], numbers: Sequence[float], leaf: Leaf) -> list[Any]:
    """Return parameter and slots after a step, as new arrays or floats."""
    given = [leaf.value, *leaf.slots]
    if leaf.gradient is None:
        return [x.copy() if isinstance(x, np.ndarray) else x for x in given]
    old, gradient = [vector(np.asarray(x)) for x in given], vector(leaf.gradient)
    new = [np.empty_like(x) for x in old]
    for first in range(0, old[0].size, _BLOCK):
        part = slice(first, first + _BLOCK)
        for source, target in zip(old, new, strict=True):
            target[part] = source[part]
        own, *slots = (x[part] for x in new)
        run(own, gradient[part], *slots, *numbers)
    shaped: list[Any] = [x.reshape(np.shape(leaf.value)) for x in new]
    if not isinstance(leaf.value, np.ndarray):
        number = shaped[0][()]
        shaped[0] = float(number) if type(leaf.value) is float else number
    return shaped


def step_leaf(
    run: Callable[..., Any],
    numbers: Sequence[float],
    targets: list[Vector],
    gradient: Vector,
) -> None:
    """Step one parameter and its slots in place."""
    for x in targets:
        if overlap(gradient, x):
            gradient = gradient.copy()
            break
    flat = [vector(x) for x in targets]
    run(flat[0], vector(gradient), *flat[1:], *numbers)
    for target, x in zip(targets, flat, strict=True):
        if not is_plain(target):
            target[...] = x.reshape(target.shape)


def check_writable(leaves: list[Leaf], names: Sequence[str], step: Any) -> None:
    """Refuse what cannot change in place, or would change twice.

    Args:
        leaves: What is to be stepped.
        names: What the trees are called that parameter and slots are in.
        step: What the state holds for the number of steps.
    """
    arrays = [
        (name, leaf.path, array)
        for leaf in leaves
        if leaf.gradient is not None
        for name, array in zip(names, (leaf.value, *leaf.slots), strict=True)
    ]
    for name, path, array in arrays:
        if not isinstance(array, np.ndarray):
            what = f"is a {type(array).__name__}, which cannot change in place"
            help = "use `update`, or make it an array: `np.array(x)`"
            raise TypeError(f"{shown_path(name, path)} {what}: {help}")
        if not array.flags.writeable:
            where = shown_path(name, path)
            raise ValueError(f"{where} is read-only: use `update`, or copy it")
    owners = [id(x) if x.base is None else owner(x) for _, _, x in arrays]
    if len(set(owners)) < len(owners):
        held: dict[int, list[tuple[str, Vector]]] = {}
        for key, (name, path, array) in zip(owners, arrays, strict=True):
            held.setdefault(key, []).append((shown_path(name, path), array))
        for views in held.values():
            check_apart(views)
    if not isinstance(step, np.ndarray):
        kind = type(step).__name__
        raise TypeError(f"state['step'] is of {kind}: `step` needs `np.array(n)`")


def check_apart(views: list[tuple[str, Vector]]) -> None:
    """Refuse views of one memory that overlap; neighbours by address are enough."""
    bounds = [np.lib.array_utils.byte_bounds(array) for _, array in views]
    order = sorted(range(len(views)), key=bounds.__getitem__)
    last = order[0]
    for k in order[1:]:
        if bounds[k][0] < bounds[last][1]:
            (one, a), (two, b) = views[last], views[k]
            if np.shares_memory(a, b):
                both = f"{one} and {two} share memory"
                raise ValueError(f"{both}, which would be stepped twice: copy one")
        if bounds[k][1] > bounds[last][1]:
            last = k


def check_number(
    owner: str, name: str, value: Any, low: float, high: float = math.inf
) -> None:
    """Refuse an option that is no number in `[low, high)`, with one sentence."""
    kinds = (int, float, np.integer, np.floating)
    number = isinstance(value, kinds) and not isinstance(value, bool)
    if not number or not low <= value < high:
        upto = f" and below {high:g}" if high < math.inf else ", finite"
        range = f"a number of at least {low:g}{upto}"
        raise ValueError(f"{owner}: {name} is {value!r}; it must be {range}")


def check_count(owner: str, name: str, value: Any) -> None:
    """Refuse an option that is no number of steps, with one sentence."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < 1:
        raise ValueError(f"{owner}: {name} is {value!r}; it must be an int, at least 1")
