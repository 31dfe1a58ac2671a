"""The ways in which a function is read again that has been refused.

Names may be kept that are one of several things (see `choices`), and arrays that change
their names in one list (see `pools`); the first turn of a loop may be read apart. All
cost something when the function runs, or take more lines, so none is read so at once.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from srcgrad.frontend.values import Owner

# Among the ways: names may be one of several things, first turns are read apart, sets
# are lists.
CHOOSING, APART, CHANGING = ".choosing", ".apart", ".changing"


class Again(Exception):
    """A function is to be read again, in more ways."""


class Endless(Exception):
    """A function that was refused takes too long to read again."""


class Ways:
    """The ways that are `taken`: names stand for arrays that are in one list."""

    def __init__(self, taken: Collection[str]) -> None:
        self.taken, self.choosing = taken, CHOOSING in taken
        self.apart = APART in taken
        self.count, self.most = 0, math.inf  # statements read, and how many may be
        self.unlike = False  # something was met that has several kinds
        self.clashed = False  # a turn of a loop left what the next cannot begin with
        self.exchanged: set[str] = set()
        self.made_set = False

    def sets_change(self) -> bool:
        """Tell whether sets are lists, and note that one is made."""
        self.made_set = True
        return CHANGING in self.taken

    def step(self) -> None:
        """Count a statement."""
        self.count += 1
        if self.count > self.most:
            raise Endless

    def blame(self, owner: Owner) -> None:
        """Note the names of arrays that share memory, for which one is not read."""
        family = [owner]
        for one in family:
            family += one.shares.difference(family)
        names = (one.name for one in family if not getattr(one, "pool", False))
        self.exchanged.update(filter(None, names))

    def pooled(self, name: str) -> bool:
        """Tell whether the arrays that a name is bound to are kept in one list."""
        return name in self.taken

    def check(self, error: Exception) -> None:
        """Have a function that is refused read again, if that may help."""
        if self.made_set and CHANGING not in self.taken:
            raise Again(CHANGING) from error
        if self.unlike and not self.choosing:
            raise Again(CHOOSING) from error
        if new := self.exchanged.difference(self.taken):
            raise Again(*new) from error
        if self.clashed and not self.apart:
            raise Again(APART) from error
