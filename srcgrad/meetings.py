"""Lengths that meet in a broadcast: where one of them is 1 at run time only.

Generated code takes two lengths that are not known while compiling for equal, and
checks it. Where that fails and plain Python does not, the function is made again with
one of the two known to be 1.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from srcgrad.builder import Meeting
from srcgrad.errors import internal_error

__all__ = ["MadeAgain", "Meetings", "Ones", "made_again"]

M = TypeVar("M", bound=Callable[..., Any])
Ones = tuple[tuple[Meeting, int], ...]
_ATTEMPTS = 30


class MadeAgain(Exception):
    """The function is to be made again; `result` is that of the plain run."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result


class Meetings:
    """What calls have taught: for each kind of arguments, which lengths are one."""

    def __init__(self) -> None:
        self.ones: dict[Any, Ones] = {}

    def known(self, specs: dict[str, Any]) -> Ones:
        """Return what is known about arguments of these kinds."""
        return self.ones.get(tuple(specs.items()), ())

    def learn(self, made: Any, error: Exception, result: Any) -> None:
        """Try the first length that met as one, then the second, then none again.

        Args:
            made: The specialisation that failed.
            error: What it raised.
            result: What the plain run returned.

        Raises:
            MadeAgain: Lengths that met differ, which plain Python does not mind.
        """
        word, _, number = str(error).partition(" ")
        if not isinstance(error, AssertionError) or word != "meeting":
            return
        place: Meeting = made.reading.meetings[int(number)]
        ones = dict(self.known(made.specs))
        side = ones.pop(place, -1) + 1
        if side < 2:
            ones[place] = side
        self.ones[tuple(made.specs.items())] = tuple(sorted(ones.items()))
        raise MadeAgain(result)


def made_again(method: M) -> M:
    """Call a method again as long as a specialisation does not fit the lengths."""

    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        for _ in range(_ATTEMPTS):
            try:
                return method(self, *args, **kwargs)
            except MadeAgain:
                continue
        raise internal_error("no lengths fit this call", function=self.__name__)

    return call  # type: ignore[return-value]
