# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="override"
"""What counters mean, and sets that change or whose items only the run time knows.

Such a set is read as a list, in a function that is refused with sets known as a whole.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from srcgrad.ops.prelude import fixed, made_of, means, new_dict, refused, sets_change

_ORDER = (
    "the order of a set is not the same in each run",
    "run over `sorted(...)` of it",
)
_INEXACT = float, complex, np.inexact, np.ndarray


class Changing(set[Any]):
    """A set as a list of its items, in the order in which they were put in."""

    items: list[Any]

    def add(self, item):
        if isinstance(item, _INEXACT):
            refused("a set of floats is not known", "use a list, or `np.unique(x)`")
        if item not in self:
            self.items.append(item)

    def discard(self, item):
        self.items = [x for x in self.items if x != item]

    def remove(self, item):
        if item not in self:
            raise KeyError
        self.discard(item)

    def clear(self):
        self.items = []

    def copy(self):
        return made_of(Changing, items=[*self.items])

    def pop(self):
        return refused(*_ORDER)

    def update(self, *others):
        for other in others:
            for x in listed(other):
                self.add(x)

    def union(self, *others):
        made = self.copy()
        made.update(*others)
        return made

    def difference(self, other):
        rest = listed(other)
        return made_of(Changing, items=[x for x in self.items if x not in rest])

    def intersection(self, other):
        rest = listed(other)
        return made_of(Changing, items=[x for x in self.items if x in rest])

    def issubset(self, other):
        return len(self.difference(other)) == 0

    def isdisjoint(self, other):
        return len(self.intersection(other)) == 0

    def __contains__(self, item):
        found = False
        for x in self.items:
            if x == item:
                found = True
        return found

    def __len__(self):
        return len(self.items)

    def __iter__(self):
        return refused(*_ORDER)

    def __eq__(self, other):
        return len(self) == len(listed(other)) and self.issubset(other)

    def __le__(self, other):
        return self.issubset(other)

    def __ge__(self, other):
        return made_of(Changing, items=listed(other)).issubset(self)

    def __or__(self, other):
        return self.union(other)

    def __and__(self, other):
        return self.intersection(other)

    def __sub__(self, other):
        return self.difference(other)

    def __ior__(self, other):
        self.update(other)
        return self

    def __isub__(self, other):
        self.items = self.difference(other).items
        return self


Changing.__name__ = "set"  # in messages


def listed(items):
    """Return the items of a set, or of what else there is."""
    return items.items if isinstance(items, Changing) else [*items]


@means("builtins.set", "builtins.frozenset")
def to_set(items=(), /):
    if not sets_change():
        return set_of([*items])
    made = made_of(Changing, items=[])
    made.update(items)
    return made


@fixed
def set_of(items):
    return set(items)


@means("collections.Counter")
def to_counter(iterable=(), /, **items):
    made = new_dict(Counter, int)
    made.update(iterable, **items)
    return made


def _counted(counter, iterable=(), /, **items):
    for key, times in _times(iterable, items):
        counter[key] += times


def _counted_off(counter, iterable=(), /, **items):
    for key, times in _times(iterable, items):
        counter[key] -= times


def _times(iterable, items):
    """Return what is counted, and how often."""
    pairs = isinstance(iterable, dict)
    found = [*iterable.items()] if pairs else [(x, 1) for x in iterable]
    return [*found, *items.items()]


def _most_common(counter, n=None):
    found = sorted(counter.items(), key=lambda item: item[1], reverse=True)
    return found if n is None else found[:n]


def _total(counter):
    return sum(counter.values())


COUNTS = {
    "update": _counted, "subtract": _counted_off, "most_common": _most_common,
    "total": _total,
}  # fmt: skip
