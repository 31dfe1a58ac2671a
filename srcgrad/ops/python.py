# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="call-overload"
"""What Python's own functions mean, in plain Python; see `prelude`."""

from __future__ import annotations

import builtins
import dataclasses
import functools
import math
from collections import OrderedDict, defaultdict, deque, namedtuple
from functools import reduce
from types import FunctionType

import numpy as np

from srcgrad.ops.prelude import (
    alone,
    count_of,
    fixed,
    is_fixed,
    means,
    new_deque,
    new_dict,
    own,
    parted,
    refused,
    rows,
    same,
    zipped,
)

_COPIED = (
    "copies are known of numbers, arrays, lists, tuples and dicts",
    "make the object again out of copies of its parts",
)

# Methods that put items in and take them out, without asking what is equal to what;
# those that change nothing, and those whose first argument is a place.
LISTS = {"pop", "insert", "reverse", "clear", "copy", "__setitem__", "__delitem__"}
ITEMS = {"index", "count", "remove"}  # of items that are known while compiling
ENDS = {"popleft": ("pop", 0), "appendleft": ("insert", 0)}  # of a deque
READS = {"get", "copy", "items", "keys", "values"}
DICTS = {"pop", "setdefault", "update", "clear", "__setitem__", *READS}
PLACES = {"pop", "insert", "get", "setdefault", "__setitem__", "__delitem__"}


@means("builtins.list")
def to_list(items=(), /):
    return [*items]


@means("builtins.tuple")
def to_tuple(items=(), /):
    return (*items,) if is_fixed(count_of(items)) else [*items]


@means("builtins.dict")
def to_dict(start=None, /, **items):
    if start is None:
        return {**items}
    if isinstance(start, dict):
        return {**start, **items}
    return {**{key: value for key, value in start}, **items}


@means("numpy.array")
def array(object, dtype=None, *, copy=True, ndmin=0):
    if not copy:
        return refused("`copy` is known as True only")
    if _is_none(object):
        return array_of_none(object)
    made = np.asarray(object, dtype)
    made = rows.copy(made) if made is object else made
    return made if np.ndim(made) >= ndmin else made[(None,) * (ndmin - np.ndim(made))]


def _is_none(x):
    """Tell lists of None alone: what is put in its place later is what counts."""
    if type(x) in (list, tuple) and is_fixed(len(x)) and len(x) > 0:
        return _is_none(x[0])
    return x is None


@fixed
def array_of_none(object):
    return np.array(object)


@means("collections.deque")
def to_deque(iterable=(), maxlen=None):
    made = new_deque(maxlen)
    for x in iterable:
        made.append(x)
    return made


@means("collections.defaultdict")
def to_defaultdict(default_factory=None, /, *start, **items):
    made = new_dict(defaultdict, default_factory)
    for key, value in {**dict(*start), **items}.items():
        made[key] = value
    return made


@means("collections.OrderedDict")
def to_ordered_dict(*start, **items):
    made = new_dict(OrderedDict, None)
    for key, value in {**dict(*start), **items}.items():
        made[key] = value
    return made


@means("collections.namedtuple")
@fixed
def named_tuple(typename, field_names, *, rename=False, defaults=None, module=None):
    fields = field_names if isinstance(field_names, str) else tuple(field_names)
    return _named(typename, fields, rename, defaults and tuple(defaults))


@functools.cache
def _named(typename, fields, rename, defaults):
    """Return one class for all that is read of a function."""
    return namedtuple(typename, fields, rename=rename, defaults=defaults)


@means("copy.copy")
def shallow(x):
    if isinstance(x, np.ndarray):
        return np.copy(x)
    if isinstance(x, (list, dict, set, deque)):
        return x.copy()
    whole = isinstance(x, tuple) or is_unchanging(type(x))
    return x if whole else refused(*_COPIED)


@means("copy.deepcopy")
def deep(x, memo=None):
    if memo is not None:
        return refused(*_COPIED)
    alone(x)
    return _deep(x)


def _deep(x):
    if isinstance(x, np.ndarray):
        return np.copy(x)
    if isinstance(x, dict):
        made = x.copy()
        for key in x:
            made[key] = _deep(x[key])
        return made
    if isinstance(x, list):
        return [_deep(item) for item in x]
    if type(x) is tuple:
        return tuple([_deep(item) for item in x])
    if isinstance(x, (tuple, set, deque)) or not is_unchanging(type(x)):
        return refused(*_COPIED)
    return x


@fixed
def is_unchanging(cls):
    """Tell the classes whose objects are their own copies."""
    numbers = (int, float, complex, np.number, np.bool_)
    return issubclass(cls, (*numbers, str, range, type(None), FunctionType))


@means("builtins.zip")
def zip_items(*iterables, strict=False):
    for other in iterables[1:] if strict else ():
        same(len(other), len(iterables[0]), "zip() arguments differ in length")
    return zipped(*iterables)


@means("functools.reduce")
def reduce_items(function, iterable, *initial):
    total, rest = (initial[0], iterable) if initial else parted(iterable)
    for x in rest:
        total = function(total, x)
    return total


@means("math.log")
def log(x, base=None):
    if base is None:
        return rows.log(x, via="math")
    return rows.log(x, via="math") / rows.log(base, via="math")


@means("builtins.pow")
def power(base, exp):
    return base**exp


@means("math.pow")
def float_power(x, y):
    return rows.pow(float(x), float(y), via="math")


@means("builtins.divmod")
def divide(x, y):
    return x // y, x % y


@means("math.hypot")
def hypot(*coordinates):
    if len(coordinates) == 2:
        return rows.hypot(*coordinates, via="math")
    return rows.length_of(*coordinates)


@means("math.dist")
def distance(p, q, /):
    if is_fixed(len(p)) and is_fixed(len(q)):
        return math.hypot(*[a - b for a, b in zip_items(p, q, strict=True)])
    same(len(p), len(q), "both points must have the same number of dimensions")
    return rows.length_of_all(np.asarray(p) - np.asarray(q))


@means("math.fsum")
def exact_sum(seq, /):
    return rows.fsum(np.asarray(seq))


@means("statistics.fmean")
def mean_of_floats(data):
    return rows.fsum(np.asarray(data)) / len(data)


@means("math.isclose")
def is_close(a, b, *, rel_tol=1e-09, abs_tol=0.0):
    if rel_tol < 0.0 or abs_tol < 0.0:
        raise ValueError
    apart, finite = abs(a - b), not (math.isinf(a) or math.isinf(b))
    near = apart <= abs(rel_tol * b) or apart <= abs(rel_tol * a) or apart <= abs_tol
    return a == b or (finite and near)


@means("math.modf")
def fraction(x, /):
    whole = own(rows.trunc(float(x)))
    rest = own(rows.fmod(x, 1.0, via="np"))
    return math.copysign(0.0, x) if math.isinf(x) else rest, whole


@means("math.frexp")
def mantissa(x, /):
    number = float(x)
    part, exponent = np.frexp(number)
    return own(part), int(exponent)


@means("math.ldexp")
def scaled(x, i, /):
    number = float(x)
    out = own(np.ldexp(number, i))
    if math.isinf(out) and math.isfinite(number):
        raise OverflowError
    return out


@means("math.comb")
def combinations(n, k, /):
    if n < 0 or k < 0:
        raise ValueError
    chosen = 1
    for i in range(builtins.min(k, n - k)):
        chosen = chosen * (n - i) // (i + 1)
    return chosen if k <= n else 0


@means("math.factorial")
def factorial(x, /):
    if x < 0:
        raise ValueError
    product = 1
    for i in range(2, x + 1):
        product *= i
    return product


@means("math.gcd")
def common_divisor(a, b, /):
    a, b = abs(a), abs(b)
    while b:
        a, b = b, a % b
    return a


@means("builtins.sum")
def sum_items(iterable, start=0):
    return reduce(_plus, iterable, start)


def _plus(total, x):
    # `0 + x` is x.
    return x if is_fixed(total) and _is_zero(total) else total + x


@fixed
def _is_zero(x):
    return isinstance(x, int) and x == 0


@means("math.prod")
def multiply_items(iterable, start=1):
    return reduce(lambda product, x: product * x, iterable, start)


missing = object()


def _best_of(args, key, default, larger, better):
    items = args if len(args) > 1 else args[0]
    if default is not missing and len(items) == 0:
        return default
    if key is None:
        return reduce(larger, items)
    return reduce(lambda x, y: y if better(key(y), key(x)) else x, items)


@means("builtins.max")
def largest(*args, key=None, default=missing):
    return _best_of(args, key, default, _larger, lambda x, y: x > y)


def _larger(x, y):
    if isinstance(x, (tuple, list)):
        return y if y > x else x
    return builtins.max(x, y) if is_fixed(x) and is_fixed(y) else rows.max2(x, y)


@means("builtins.min")
def smallest(*args, key=None, default=missing):
    return _best_of(args, key, default, _smaller, lambda x, y: x < y)


def _smaller(x, y):
    if isinstance(x, (tuple, list)):
        return y if y < x else x
    return builtins.min(x, y) if is_fixed(x) and is_fixed(y) else rows.min2(x, y)


@means("builtins.any")
def is_any(iterable):
    return reduce(_either, iterable, False)


def _either(x, y):
    if is_fixed(x):
        return x if x else bool(y)
    if is_fixed(y):
        return y if y else x
    return rows.logical_or(x, bool(y))


@means("builtins.all")
def are_all(iterable):
    return reduce(_both, iterable, True)


def _both(x, y):
    if is_fixed(x):
        return bool(y) if x else x
    if is_fixed(y):
        return x if y else y
    return rows.logical_and(x, bool(y))


def list_part(items, start, stop, step):
    return [items[k] for k in range(*_ends(len(items), start, stop, step))]


def range_part(index, *parts):
    """Return `range(*parts)[index]`."""
    numbers = range(*parts)
    n = len(numbers)
    start = parts[0] if len(parts) > 1 else 0
    step = parts[2] if len(parts) > 2 else 1
    if isinstance(index, slice):
        first, last, by = _ends(n, index.start, index.stop, index.step)
        return range(start + first * step, start + last * step, by * step)
    place = index + n if index < 0 else index
    if place < 0 or place >= n:
        raise IndexError
    return start + place * step


def _ends(n, start, stop, step):
    """Return the range of places that a slice of so many items stands for."""
    by = 1 if step is None else step
    if by > 0:
        low, first, last = 0, 0, n
    else:
        low, first, last = -1, n - 1, -1
    if start is not None:
        first = max(start + n, low) if start < 0 else min(start, n + low)
    if stop is not None:
        last = max(stop + n, low) if stop < 0 else min(stop, n + low)
    return first, last, by


def joined(items, more):
    return [*items, *more]


def repeated(items, times):
    return [x for _ in range(times) for x in items]


def turned(items):
    return [items[k] for k in range(len(items) - 1, -1, -1)]


def _place(k, n):
    return max(k + n, 0) if k < 0 else min(k, n)


def inserted(items, k, x):
    place = _place(k, len(items))
    made = [items[i] for i in range(place)]
    made.append(x)
    for i in range(place, len(items)):
        made.append(items[i])
    return made


def taken_out(items, k):
    if isinstance(k, slice):
        if k.step is not None:
            return refused("items are deleted one by one, or side by side")
        first = 0 if k.start is None else _place(k.start, len(items))
        after = len(items) if k.stop is None else _place(k.stop, len(items))
    else:
        first = k + len(items) if k < 0 else k
        after = first + 1
        if first < 0 or first >= len(items):
            raise IndexError
    made = [items[i] for i in range(first)]
    for i in range(max(first, after), len(items)):
        made.append(items[i])
    return made


def removed(items, x):
    return taken_out(items, place_in(items, x))


def cleared(items):
    return items[:0]


def last_of(items, limit):
    return [items[k] for k in range(max(len(items) - limit, 0), len(items))]


def row_between(items, ends, k):
    """Return the row of a number, of all of which the items stand side by side."""
    n = len(ends) - 1
    place = k + n if k < 0 else k
    if place < 0 or place >= n:
        raise IndexError
    return [items[i] for i in range(ends[place], ends[place + 1])]


def first_of(items, x, limit):
    """Return what a deque holds that something is put in front of."""
    made = [x]
    for k in range(builtins.min(len(items), limit - 1)):
        made.append(items[k])
    return made[:limit]


def stack_place(below, top, count, index):
    if index < 0:
        if count < -index:
            raise IndexError
        above = -index - 1
    else:
        if count <= index:
            raise IndexError
        above = count - 1 - index
    place = top
    for _ in range(above):
        place = below[place]
    return place


def stack_places(below, top, count):
    found = [top for _ in range(count)]
    for k in range(count - 2, -1, -1):
        found[k] = below[found[k + 1]]
    return found


def unstacked(values, below, top, count):
    return [values[place] for place in stack_places(below, top, count)]


def rest_of(items, before, after):
    end = len(items) - after
    if end < before:
        raise ValueError
    return [x for x in items[before:end]]


def places_below(items):
    return [k - 1 for k in range(len(items))]


def contains(items, x):
    return builtins.any([x == y for y in items])


@fixed
def compared(cls):
    return [f.name for f in dataclasses.fields(cls) if f.compare]


def same_fields(one, other):
    names = compared(type(one))
    return builtins.all([getattr(one, n) == getattr(other, n) for n in names])


def without(mapping, keys):
    """Return a dict without some of its keys."""
    left = {**mapping}
    for key in keys:
        del left[key]
    return left


def same_items(one, other):
    pairs = zip(one, other, strict=False)
    return len(one) == len(other) and builtins.all([x == y for x, y in pairs])


def in_order(one, other, falling, equal):
    if falling:
        one, other = other, one
    for x, y in zip(one, other, strict=False):
        if x != y:
            return x < y
    return len(one) <= len(other) if equal else len(one) < len(other)


@means("numpy.errstate")
def errstate(**ways):
    known = [way for way in ways.values() if way not in ("ignore", "warn", "print")]
    return refused("`np.errstate` raises nothing here") if known else None


def entered(manager):
    what = "`with` is known for np.errstate and warnings.catch_warnings"
    return None if manager is None else refused(what)


def all_bound(*values):
    return True


def place_in(items, x, start=0):
    first = max(start + len(items), 0) if start < 0 else start
    for k, item in enumerate(items):  # by its place the list would become an array
        if k >= first and item == x:
            return k
    raise ValueError


def count_in(items, x):
    return builtins.sum([item == x for item in items])


def widened(items):
    """Return a new list whose integers are floats."""
    if not isinstance(items, list):
        return items
    return [widened(x) if isinstance(x, list) else float(x) for x in items]


def extended(items, more):
    for x in more:
        items.append(x)
