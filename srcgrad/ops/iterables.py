# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="call-overload"
"""What `itertools`, `functools` and `operator` mean, in plain Python; see `prelude`.

`numbered(count, item, *parts)` is looped over once and gives `item(0)`, `item(1)`, ...
of `parts`. `nth(iterable, k)` is an item, `count_of(iterable)` how many there are.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np

from srcgrad.ops.prelude import (
    count_of,
    fixed,
    is_fixed,
    means,
    nth,
    numbered,
    own,
    refused,
    same,
    typed,
    zipped,
)
from srcgrad.ops.python import missing
from srcgrad.ops.sets import Changing
from srcgrad.ops.table import Unsupported

# What takes a generator and uses it up at once; and what does not: what that means.
_EAGER = {
    "builtins": "sum min max list tuple sorted set frozenset dict",
    "itertools": "product combinations permutations combinations_with_replacement",
    "math": "fsum prod", "functools": "reduce", "collections": "deque Counter",
}  # fmt: skip
EAGER = {f"{home}.{n}" for home, names in _EAGER.items() for n in names.split()}
LAZY: dict[str, Any] = {}


def is_generated(x):
    """Tell what a generator function returns."""


def collected(items):
    made = []
    for x in items:
        made.append(x)
    return made


def turned(rows):
    """Return what `zip(*rows)` gives of rows of one length."""
    n, count = len(rows), len(rows[0]) if len(rows) > 0 else 0
    return numbered(count, lambda k: [rows[i][k] for i in range(n)], rows)


def _lazily(name):
    def enter(function):
        LAZY[name] = function
        return function

    return enter


@_lazily("builtins.enumerate")
def each_counted(iterable, start=0):
    for x in iterable:
        yield start, x
        start += 1


@_lazily("builtins.zip")
def each_beside(*iterables, strict=False):
    place = [is_generated(x) for x in iterables].index(True)
    before, after = iterables[:place], iterables[place + 1 :]
    if strict or any([is_generated(x) for x in after]):
        refused("`zip` takes one generator here", "make lists of others: `list(...)`")
    k = 0
    for x in iterables[place]:
        for other in (*before, *after):
            if k == count_of(other):
                return
        yield (*[nth(p, k) for p in before], x, *[nth(p, k) for p in after])
        k += 1


@_lazily("builtins.any")
def any_of(iterable):
    for x in iterable:
        if x:
            return True
    return False


@_lazily("builtins.all")
def all_of(iterable):
    for x in iterable:
        if not x:
            return False
    return True


def next_of(iterator):
    """Return which item comes next, and what it is one of; that goes on by one."""


@_lazily("builtins.next")
@means("builtins.next")
def following(iterator, default=missing, /):
    if is_generated(iterator):  # that uses it up, so no other call will find more
        for x in iterator:
            return x
    else:
        k, items = next_of(iterator)
        return _next_item(k, items, default)
    if default is missing:
        raise StopIteration
    return default


def _next_item(k, items, default):
    if default is not missing:
        return nth(items, k) if k < count_of(items) else default
    if k >= count_of(items):
        raise StopIteration
    return nth(items, k)


@means("builtins.iter")
def iterator(iterable, /):
    return numbered(count_of(iterable), lambda k: nth(iterable, k), iterable)


@_lazily("builtins.map")
def each_made(function, iterable):
    for x in iterable:
        yield function(x)


@_lazily("itertools.starmap")
def each_spread(function, iterable):
    for x in iterable:
        yield function(*x)


@_lazily("itertools.islice")
def each_of_part(iterable, start, stop=missing, step=1):
    first, last = (0, start) if stop is missing else (start or 0, stop)
    k, by = 0, step or 1
    for x in iterable if last is None or first < last else ():
        if k >= first and (k - first) % by == 0:
            yield x
        k += 1
        if last is not None and k >= last:
            return


@means("builtins.map")
def map_items(function, *iterables):
    return numbered(
        count_of(zipped(*iterables)),
        lambda k: function(*[nth(part, k) for part in iterables]),
        *iterables,
    )


@means("itertools.starmap")
def map_tuples(function, iterable):
    count = count_of(iterable)
    return numbered(count, lambda k: function(*nth(iterable, k)), iterable)


@means("builtins.filter")
def fitting(function, iterable):
    for x in iterable:
        if x if function is None else function(x):
            yield x


@means("itertools.filterfalse")
def not_fitting(predicate, iterable):
    for x in iterable:
        if not (x if predicate is None else predicate(x)):
            yield x


@means("itertools.takewhile")
def first_fitting(predicate, iterable):
    for x in iterable:
        if not predicate(x):
            return
        yield x


@means("itertools.dropwhile")
def without_fitting(predicate, iterable):
    begun = False
    for x in iterable:
        begun = begun or not predicate(x)
        if begun:
            yield x


@means("itertools.chain")
def chain(*iterables):
    for iterable in iterables:
        yield from iterable


@means("itertools.chain.from_iterable")
def chain_all(iterables):
    for iterable in iterables:
        yield from iterable


@means("itertools.product")
def product(*iterables, repeat=1):
    parts = [_kept(part) for _ in range(repeat) for part in iterables]
    count = _product_of([count_of(part) for part in parts])
    return numbered(count, lambda k: _picked(parts, k), *parts)


@means("numpy.ndindex")
def each_index(*shape):
    lists = len(shape) == 1 and isinstance(shape[0], (tuple, list))
    return product(*[range(n) for n in (shape[0] if lists else shape)])


@means("numpy.ndenumerate")
def each_indexed(arr):
    return zip(each_index(np.shape(arr)), each_element(np.asarray(arr)), strict=True)


@means(".flat")
def each_element(a):
    ranges = [range(n) for n in np.shape(a)]
    return numbered(np.size(a), lambda k: a[_picked(ranges, k)], a)


def _kept(items):
    """Return items as they are now: a list may become an array in the loop."""
    return [*items] if isinstance(items, list) else items


def _product_of(counts):
    total = 1
    for count in counts:
        total = total * count
    return total


def _picked(parts, k):
    """Return one of each: the last changes fastest."""
    found: list[object] = []
    for part in parts[::-1]:
        found.insert(0, nth(part, k % count_of(part)))
        k = k // count_of(part)
    return tuple(found)


@means("itertools.pairwise")
def pairwise(iterable, /):
    before = None
    for x in iterable:
        if before is not None:
            yield before, x
        before = x


@means("itertools.combinations")
def combinations(iterable, r):
    items = _kept(iterable)
    n = count_of(items)
    if is_fixed(n):
        return _chosen(items, chosen_of(n, r))
    if r != 2:
        return refused("how many items there are must be known while compiling")
    one = [i for i in range(n) for j in range(i + 1, n)]
    other = [j for i in range(n) for j in range(i + 1, n)]
    pair = lambda k: (nth(items, one[k]), nth(items, other[k]))  # noqa: E731
    return numbered(len(one), pair, items)


@means("itertools.permutations")
def permutations(iterable, r=None):
    return _chosen(_kept(iterable), orders_of(count_of(iterable), r))


@means("itertools.combinations_with_replacement")
def with_replacement(iterable, r):
    return _chosen(_kept(iterable), repeated_of(count_of(iterable), r))


def _chosen(iterable, places):
    pick = lambda k: tuple([nth(iterable, i) for i in places[k]])  # noqa: E731
    return numbered(len(places), pick, iterable, places)


@fixed
def chosen_of(n, r):
    return tuple(itertools.combinations(range(n), r))


@fixed
def orders_of(n, r):
    return tuple(itertools.permutations(range(n), r))


@fixed
def repeated_of(n, r):
    return tuple(itertools.combinations_with_replacement(range(n), r))


@means("itertools.accumulate")
def accumulate(iterable, func=None, *, initial=None):
    begun = initial is not None
    if begun:
        total = initial
        yield total
    for x in iterable:
        if begun:
            total = total + x if func is None else func(total, x)
        else:
            total, begun = x, True
        yield total


@means("itertools.islice")
def part_of(iterable, start, stop=missing, step=1):
    first, last = (0, start) if stop is missing else (start or 0, stop)
    n, by = count_of(iterable), step or 1
    end = n if last is None else min(last, n)
    count = max(end - first + by - 1, 0) // by
    return numbered(count, lambda k: nth(iterable, first + k * by), iterable)


@means("itertools.repeat")
def repeat(object, times=2**31):
    return numbered(times, lambda k: object, object)


@means("itertools.count")
def count(start=0, step=1):
    return numbered(2**31, lambda k: start + k * step)


@means("itertools.cycle")
def cycle(iterable):
    items = _kept(iterable)
    n = count_of(items)
    return numbered(2**31, lambda k: nth(items, k % n), items)


@means("itertools.zip_longest")
def zip_longest(*iterables, fillvalue=None):
    counts = [count_of(part) for part in iterables]

    def row(k):
        pairs = zip(iterables, counts, strict=True)
        return tuple([nth(p, k) if k < n else fillvalue for p, n in pairs])

    return numbered(max(counts), row, *iterables)


@means("builtins.sorted")
def sort_items(iterable, /, *, key=None, reverse=False):
    if key is None and isinstance(iterable, Changing):
        return sort_items(iterable.items, reverse=reverse)
    if key is None and isinstance(iterable, (set, frozenset)):
        return [*ordered(iterable, reverse)]
    items = [*iterable]
    keys = items if key is None else [key(x) for x in items]
    known = _known_order(keys, reverse)
    places = _order(keys, reverse) if known is None else known
    return [items[k] for k in places]


def _order(keys, reverse):
    values = np.array(keys)
    if np.ndim(values) == 1:
        return _places(values, reverse)
    if np.ndim(values) > 2 or not isinstance(keys[0], (tuple, list)):
        return refused("what is sorted must be numbers, or tuples of numbers")
    places = np.arange(len(values))
    for k in range(values.shape[1] - 1, -1, -1):  # Python keeps the order of equals
        places = places[_places(values[places, k], reverse)]
    return places


def _places(values, reverse):
    return np.argsort(-values if reverse else values, kind="stable")


def _known_order(keys, reverse):
    """Return the places of keys in order, None if it is known at run time only."""
    if not is_fixed(len(keys)):
        return None
    if all([_is_known(x) for x in keys]):
        return places_of(keys, False, reverse)
    firsts = [x[0] if isinstance(x, tuple) and len(x) > 0 else x for x in keys]
    if not all([is_fixed(x) for x in firsts]):
        return None
    return places_of(firsts, any([isinstance(x, tuple) for x in keys]), reverse)


def _is_known(x):
    return all([is_fixed(part) for part in x]) if type(x) is tuple else is_fixed(x)


@fixed
def places_of(firsts, are_parts, reverse):
    """Return the places of items in order; of tuples the first items must decide."""
    if are_parts and len({*firsts}) < len(firsts):
        return None
    pairs = sorted(enumerate(firsts), key=lambda pair: pair[1], reverse=reverse)
    return tuple(place for place, _ in pairs)


@fixed
def ordered(items, reverse):
    """Return what a set holds in order: no two are equal."""
    return tuple(sorted(items, reverse=reverse))


@means("bisect.bisect_left")
def bisect_left(a, x, lo=0, hi=None, *, key=None):
    return _bisected(a, lo, hi, lambda y: (y if key is None else key(y)) < x)


@means("bisect.bisect_right", "bisect.bisect")
def bisect_right(a, x, lo=0, hi=None, *, key=None):
    return _bisected(a, lo, hi, lambda y: not x < (y if key is None else key(y)))


def _bisected(a, lo, hi, is_before):
    if lo < 0:
        raise ValueError
    first, last = lo, len(a) if hi is None else hi
    while first < last:
        middle = (first + last) // 2
        if is_before(a[middle]):
            first = middle + 1
        else:
            last = middle
    return first


@means(".tolist")
def listed(a):
    if np.ndim(a) > 1:
        return refused("`.tolist()` of a matrix is not known", "`[*row]` for each row")
    return [own(x) for x in a] if np.ndim(a) else own(a)


@means("functools.partial")
def partial(function, /, *args, **kwargs):
    return lambda *more, **others: function(*args, *more, **{**kwargs, **others})


@means("operator.itemgetter")
def item_getter(item, /, *items):
    if items:
        return lambda x: tuple([x[k] for k in (item, *items)])
    return lambda x: x[item]


@means("operator.attrgetter")
def attribute_getter(name, /):
    return lambda x: getattr(x, name)


@means("operator.methodcaller")
def method_caller(name, /, *args, **kwargs):
    return lambda x: getattr(x, name)(*args, **kwargs)


@means("numpy.vectorize")
def vectorize(pyfunc, otypes=""):
    return lambda *args: each_of(pyfunc, otypes, *args)


def each_of(function, dtypes, *args):
    """Return a function of numbers of the elements of arrays, broadcast."""
    read = _of_one_kind if not dtypes else lambda x: typed(x, first_of(dtypes))
    if max([np.ndim(a) for a in args]) == 0:
        return read(function(*args))
    wide = np.broadcast_arrays(*args)
    rows = [np.ravel(a) for a in wide]
    out = [read(function(*row)) for row in zip(*rows, strict=True)]
    return np.array(out).reshape(np.shape(wide[0]))


@fixed
def first_of(items):
    return items[0]


def _of_one_kind(x):
    # NumPy gives all the type of the first, Numba the one that they have together.
    type(x)
    return x


def each_block(function, signature, *args):
    """Return what a function writes for arrays, or for the rows of one more axis."""
    inner, outer = cores(signature)
    more = [np.ndim(a) - len(names) for a, names in zip(args, inner, strict=True)]
    if max(more) > 1:
        return refused("one axis more than the signature has is known here")
    if max(more) == 0:
        return _block(function, inner, outer, args)
    count = [len(a) for a, is_batched in zip(args, more, strict=True) if is_batched]
    for other in count:
        same(other, count[0], "the lengths of what is looped over differ")
    rows = []
    for k in range(count[0]):
        given = [a[k] if m else a for a, m in zip(args, more, strict=True)]
        rows.append(_block(function, inner, outer, given))
    return np.array(rows)


def _block(function, inner, outer, args):
    sizes: dict[str, int] = {}
    for a, names in zip(args, inner, strict=True):
        for name, n in zip(names, np.shape(a), strict=True):
            if name in sizes:
                same(n, sizes[name], "the lengths of a core differ")
            else:
                sizes[name] = n
    out = np.empty(tuple([sizes[name] for name in outer]) if outer else 1)
    function(*args, out)
    return out if outer else out[0]


@fixed
def cores(signature):
    """Return the names of the axes of each argument, and of the one result."""
    each = [re.findall(r"\w+", part) for part in re.findall(r"\(.*?\)", signature)]
    if len(re.findall(r"\(", signature.partition("->")[2])) > 1:
        raise Unsupported("a generalised function of several results is not known")
    return tuple(map(tuple, each[:-1])), tuple(each[-1])
