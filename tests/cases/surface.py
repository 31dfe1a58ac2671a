"""Python's own surface: classes, functions as values, iterables, matching, containers."""

import functools
import itertools
import math
import operator
import warnings
from collections import defaultdict, deque, namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial, reduce
from itertools import accumulate, chain, combinations, pairwise, product
from typing import Any, NamedTuple

import numpy as np

from tests.cases import case
from tests.cases.inputs import near

# functions as values


def twice(f: Callable[[Any], Any], x: Any) -> Any:
    return f(f(x))


def axpb(a, b, x):
    return a * x + b


class Gain:
    def __init__(self, k):
        self.k = k

    def apply(self, x):
        return self.k * np.sin(x)

    def __call__(self, x):
        return self.k * x * x


GAIN = Gain(1.7)


@case(lambda rng: (near(rng, 0.8)[0], near(rng, 0.5)[0]), argnums=(0, 1))
def functions_handed_to_a_helper(x, a):
    def compose(f, g):
        return lambda t: f(g(t))

    y = twice(lambda t: t * t + a, x) + twice(np.sin, x)
    y += twice(partial(axpb, a, 0.3), x) if a > 9 else twice(partial(axpb, a, x), x)
    y += twice(GAIN.apply, x) + twice(GAIN, a) + Gain.apply(GAIN, a)
    chosen = math.sin if x > 0.5 else math.cos
    return y + compose(np.sin, np.exp)(x) * chosen(a)


@case(lambda rng: (near(rng, 0.8)[0], np.cos, GAIN.apply, partial(axpb, 2.0, 0.3)))
def functions_as_arguments(x, f, method, part):
    for step in (f, method, part, lambda t: t * x):
        x = step(x) + 0.1 * x
    return x


def counted(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        return 2.0 * f(*args, **kwargs)

    return wrapper


@counted
def decorated(x, *, power=2):
    return x**power


@functools.lru_cache
def coefficient(n):
    return 1 / (n + 2)


@case(lambda rng: (near(rng, 0.8)[0],))
def decorated_helpers(x):
    return decorated(x) + decorated(x, power=3) * coefficient(3)


# classes


class Layer:
    scale = 2.0

    def __init__(self, w, b):
        self.w = w
        self.b = b

    def act(self, x):
        return x

    def forward(self, x):
        return self.act(self.w * x + self.b) * self.scale

    def __call__(self, x):
        return self.forward(x)

    @property
    def size(self):
        return (self.w * self.w).sum() + self.b**2

    @classmethod
    def scaled(cls, w, k):
        return cls(w * k, k)


class Tanh(Layer):
    def __init__(self, w, b, power=1):
        super().__init__(w, b)
        self.power = power
        self.seen = 0.0

    def act(self, x):
        self.seen = self.seen + super().act(x).sum()
        return np.tanh(x) ** self.power


@case(lambda rng: (rng.normal(size=3), rng.normal(), 0.4), argnums=(0, 1))
def objects_made_inside(w, b, x):
    layers = [Layer(w, b), Tanh(w, b, power=3), Tanh.scaled(w, b)]
    total = 0.0
    for layer in layers:
        total += layer(x).sum() + layer.size
    return total * layers[1].seen + layers[2].seen


@case(
    lambda rng: (Tanh(rng.normal(size=3), 0.3, 2), rng.normal(size=3)), argnums=(0, 1)
)
def object_as_parameter(model, x):
    return (model(x) * model.forward(x * x)).sum() + model.size


class Memory:
    def __init__(self, w):
        self.w, self.h, self.n = w, np.zeros(2), 0

    def step(self, x):
        self.h = np.tanh(self.w * self.h + x)
        self.n += 1
        return self.h


@case(lambda rng: (rng.normal(), rng.normal(size=(5, 2))), argnums=(0, 1))
def object_with_state(w, x):
    memory, total = Memory(w), 0.0
    for row in x:
        total += memory.step(row)[0]
    return total + (memory.h**2).sum() / memory.n


class Dual:
    __slots__ = ("d", "v")

    def __init__(self, v, d=0.0):
        self.v, self.d = v, d

    def __add__(self, other):
        other = other if isinstance(other, Dual) else Dual(other)
        return type(self)(self.v + other.v, self.d + other.d)

    def __mul__(self, other):
        other = other if isinstance(other, Dual) else Dual(other)
        return Dual(self.v * other.v, self.v * other.d + self.d * other.v)

    __rmul__ = __mul__

    def __neg__(self):
        return Dual(-self.v, -self.d)

    def __abs__(self):
        return self if self.v > 0 else -self

    def __float__(self):
        return float(self.v)

    def __getitem__(self, k):
        return (self.v, self.d)[k]

    def sin(self):
        return Dual(math.sin(self.v), math.cos(self.v) * self.d)


@case(lambda rng: (near(rng, 0.9)[0],))
def operators_of_a_class(x):
    z = Dual(x, 1.0)
    y = (2.0 * z * z + 3.0).sin() + abs(-z)
    return y.d + y[0] * float(y)


class Range(NamedTuple):
    low: float
    high: float = 2.0

    def width(self):
        return self.high - self.low


Point = namedtuple("Point", "x y")


@dataclass
class Chain:
    weights: list = field(default_factory=list)

    def add(self, w):
        self.weights.append(w)
        return self

    def __call__(self, x):
        for w in self.weights:
            x = np.tanh(w * x)
        return x


@case(lambda rng: (near(rng, 0.9)[0],))
def named_fields_made_inside(x):
    span = Range(x)._replace(high=x * x)
    low, high = span
    q = Point(x, y=span.width())
    return q.x * sum(q) + low * high + Chain().add(x).add(0.5 * x)(1.0)


# functions that write into their arguments


def scale_rows(a, w):
    for row, k in zip(a, w, strict=True):
        row *= k


def collect(items, table, x):
    items.append(x)
    table["sum"] = table["sum"] + x
    table["n"] += 1


@case(lambda rng: (rng.normal(size=(3, 2)), rng.normal(size=3)), argnums=(0, 1))
def helpers_called_for_their_effect(a, w):
    b, items, table = a * a, [], {"sum": 0.0, "n": 0}
    scale_rows(b, w)
    for k in range(3):
        collect(items, table, b[k, 0])
    return (b**2).sum() + table["sum"] / table["n"] + items[-1] * items[0]


# iterables


@case(lambda rng: (rng.normal(size=4),))
def itertools_over_an_array(x):
    s = sum(a * b for a, b in product(x, (1.0, 2.0)))
    for i, j in product(range(3), repeat=2):
        s += x[i] * x[j] * i
    s += sum((b - a) ** 2 for a, b in pairwise(x)) * sum(t * t for t in accumulate(x))
    for i, j in combinations(range(len(x)), 2):
        s += np.sin(x[i] * x[j])
    for t in chain(x, [x[0] * 2], (1.0,)):
        s += t * t
    s += sum(itertools.islice(x, 1, 3)) * sum(itertools.repeat(x[0], 3))
    return s + sum(a * k for k, a in zip(itertools.count(1), x, strict=False))


@case(lambda rng: (near(rng, 0.5, -0.8, 1.2, -2.0),))
def itertools_of_several_kinds(x):
    a, b, c, d = x
    s = sum(p * q for p, q in combinations([a, b, c], 2))
    s += sum(p - 2 * q for p, q in itertools.permutations([a, 2.0], 2))
    s += sum(itertools.takewhile(lambda t: t > -1, x))
    s += sum(p * q for p, q in zip(x, itertools.cycle([1.0, -1.0]), strict=False))
    s += sum(p * q for p, q in itertools.zip_longest(x, [c, d], fillvalue=0.5))
    s += sum(itertools.starmap(pow, [(a, 2), (b, 3)]))
    s += sum(accumulate([1.0, a, b], lambda p, q: p * q + 0.1))
    s += sum(filter(lambda t: t > 0, x)) * sum(map(operator.mul, x, x[::-1]))
    return s + reduce(lambda p, q: p * 0.5 + q, x) * reduce(operator.mul, x, 2.0)


@case(lambda rng: (near(rng, 0.5, -0.8, 1.2, -2.0),))
def sorted_and_chosen(x):
    up, down = sorted(x), sorted(x, reverse=True)
    s = up[0] * up[2] ** 2 + down[0] * 3 + max(x, key=abs) * min(x, key=lambda t: t * t)
    s += sum(k * t for k, t in enumerate(sorted(x, key=lambda t: -abs(t)), start=1))
    table = {"b": x[0], "a": x[1] * x[2]}
    for k, (_, t) in enumerate(sorted(table.items())):
        s += t * k
    listed = [x[2] * 2, x[0], x[1]]
    listed.sort(reverse=True)
    return s + listed[0] * listed[2] + max([], default=2.0) * len({3, 1, 1})


@case(lambda rng: (rng.normal(size=4),))
def functions_of_operator(x):
    second = operator.itemgetter(1)
    s = operator.add(x[0], x[1]) * operator.mul(second(x), 2.0) - operator.neg(x[2])
    s += operator.truediv(x[0], 3.0) + operator.attrgetter("y")(Point(x, x[3]))
    return s + operator.getitem(x, slice(1, 3)).sum() + sum(x.tolist()) * 0.5


# containers


@case(lambda rng: (rng.normal(size=4),))
def lists_that_grow_by_sums(x):
    squares, tail = [], [x[0]]
    for t in x:
        squares = squares + [t * t]
    while len(tail) < 6:
        tail = tail + [tail[-1] * 0.9]
    every = [*x, 1.0, *squares]
    return sum(squares) * sum(tail) + sum(t * k for k, t in enumerate(every))


@case(lambda rng: (rng.normal(size=5),))
def deques_and_dicts(x):
    window, total = deque([0.0, 0.0], maxlen=2), 0.0
    for t in x:
        window.append(t)
        total += window[0] * window[1]
    todo = deque([x[0], x[1]])
    todo.appendleft(x[2])
    total += todo.popleft() * todo.pop()
    groups = defaultdict(list)
    for name, t in zip("aba", [x[0], x[1], x[2]], strict=True):
        groups[name].append(t)
    table = dict(a=total) | {"b": x[3]}
    table.update(c=x[4], b=x[3] ** 2)
    table |= {f"w{k}": x[k] * k for k in range(2)}
    del table["w0"]
    return sum(table.values()) * table["w1"] + groups["a"][1] * len(groups)


@case(lambda rng: (rng.normal(size=4), np.array([2, 0, 1])))
def small_statements(x, order):
    listed, picked = [1, 2, 2], np.s_[1:]
    listed.remove(1)
    y = x[picked] * (2 if 2 in listed else 3)
    with np.errstate(divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = np.where(y > 0, np.sqrt(np.abs(y)), y)
    try:
        total = y[order].sum() * listed.count(2)
    finally:
        kept = y[0]
    del y
    return total * kept + sum(z for t in x if (z := t * t) > 0.1)


# matching


def area(shape):
    match shape:
        case {"kind": "box", "size": [a, b]}:
            return a * b
        case Point(x=0, y=h) | Point(x=h, y=0):
            return h
        case Point(w, h) if w > h:
            return w * h * 2
        case Range() as span:
            return span.width()
        case (first, *rest):
            return first + sum(rest)
        case float(r):
            return np.pi * r * r
        case _:
            raise ValueError(f"no shape: {shape}")


@case(lambda rng: (near(rng, 0.9)[0], 2))
def matched(x, k):
    shapes = [{"kind": "box", "size": [x, 2.0]}, Point(2.0, x), Range(x), (x, x, 1.0)]
    total = area(x)
    for shape in shapes:
        total = total * 1.1 + area(shape)
    match k:
        case 1:
            total *= 2
        case 2 | 3 if x > 0.5:
            total *= x
        case n:
            total *= n
    match int(10 * x) // 5:
        case 0:
            return total
        case 1 | 2:
            return total * x
    return -total


# recursion


def fibonacci(n, a, b):
    if n < 2:
        return a if n == 0 else b
    return fibonacci(n - 1, a, b) + fibonacci(n - 2, a * 0.9, b)


@case(lambda rng: (near(rng, 0.9)[0], near(rng, 0.4)[0], 5), argnums=(0, 1))
def recursion_over_numbers(a, b, n):
    return fibonacci(n, a, b) * fibonacci(3, b, a)


def simpson(f, a, b):
    return (b - a) / 6 * (f(a) + 4 * f((a + b) / 2) + f(b))


def adaptive(f, a, b, tolerance, whole):
    c = (a + b) / 2
    left, right = simpson(f, a, c), simpson(f, c, b)
    rest = left + right - whole
    if abs(rest) <= 15 * tolerance:
        return left + right + rest / 15
    return adaptive(f, a, c, tolerance / 2, left) + adaptive(
        f, c, b, tolerance / 2, right
    )


# How deep the calls go is decided by the data.
@case(lambda rng: (near(rng, 1.3)[0],))
def adaptive_quadrature(w):
    def f(t):
        return np.exp(-w * t * t)

    return adaptive(f, 0.0, 2.0, 1e-4, simpson(f, 0.0, 2.0))


def hanoi(a, n, k):
    if n > 0:
        hanoi(a, n - 1, (k + 1) % 3)
        a[k] = a[k] * 1.1 + a[(k + 1) % 3] * a[k]
        hanoi(a, n - 1, (k + 2) % 3)


def both(x, n):
    if n == 0:
        return x, 1.0
    a, b = both(x * 0.9, n - 1)
    return a * b + x, b * x


def matrix_power(A, n):
    if n == 0:
        return np.eye(2)
    B = matrix_power(A, n // 2)
    return B @ B @ A if n % 2 else B @ B


@case(lambda rng: (near(rng, 0.9, 0.3, -0.4), 3))
def recursion_that_writes_and_unpacks(x, n):
    y = x * 1.0
    hanoi(y, n, 0)
    a, b = both(x[0], n)
    return (y * y).sum() + a * b


@case(lambda rng: (0.5 * rng.normal(size=(2, 2)), 5))
def recursion_over_matrices(A, n):
    return (matrix_power(A, n) ** 2).sum()


def fourier(re, im):
    if len(re) == 1:
        return re, im
    a, b = fourier(re[::2], im[::2])
    c, d = fourier(re[1::2], im[1::2])
    angle = 2 * np.pi * np.arange(len(c)) / len(re)
    r = np.cos(angle) * c + np.sin(angle) * d
    i = np.cos(angle) * d - np.sin(angle) * c
    return np.concatenate([a + r, a - r]), np.concatenate([b + i, b - i])


def leaves_of(tree):
    if isinstance(tree, list):
        return sum(leaves_of(branch) ** 2 for branch in tree)
    return tree


# The lengths, or the structure, decide how deep the calls go.
@case(lambda rng: (rng.normal(size=8), [0.5, [1.5, [0.3, 0.7]], 0.2]), argnums=(0, 1))
def recursion_over_parts(x, tree):
    re, im = fourier(x, np.zeros_like(x))
    return (re**2 * np.arange(8)).sum() + (im**3).sum() + leaves_of(tree)


class Plain:
    def twice(self, x):
        return 2 * x


class Bare(Plain):
    def twice(self, x):
        return super().twice(x) ** 2


# A slice of a list takes as many items as it is given, or is taken out.
@case(lambda rng: (near(rng, 0.9, 0.3, -0.4, 1.2),))
def slices_of_lists(x):
    a, b = [x[0], x[1], x[2], x[3]], [x[0], x[1], x[2], x[3]]
    a[1:3] = [x[3] * x[0]]
    a[:0] = [x[2], x[1]]
    b[::2] = x[1], x[3] ** 2
    del a[-1], b[1:3]
    s = 0.0
    for p in itertools.islice(itertools.cycle([x[0], x[1]]), 3):
        s = s * x[3] + p
    for p, q in itertools.combinations([x[0], x[1], x[2]], 2):
        s = s * p + q
    weighed = sum(u**2 * k for k, u in enumerate(a + b)) + len(a)
    return s * weighed + Bare().twice(x[0])
