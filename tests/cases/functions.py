"""Helpers, closures, lambdas, defaults, keywords, globals, returns."""

import math
from collections import OrderedDict, deque

import numpy as np
from numpy import cos, sin

from tests.cases import case
from tests.cases.inputs import away, near, positive

RATE = 0.3
WEIGHTS = np.array([0.5, -1.0, 2.0, 1.5])
SETTINGS = {"power": 2, "scale": 1.25, "shift": np.array([0.1, 0.2, 0.3, 0.4])}
COUNTER = np.zeros(1)


def softplus(x):
    return np.log1p(np.exp(x))


def scaled(x, factor=2.0, *, shift=0.0):
    return x * factor + shift


# Helper called twice.
@case(lambda rng: (rng.normal(size=4),))
def helper_called_twice(x):
    y = softplus(x)
    z = softplus(y * x)
    return (y * z).sum()


# Helper called with keyword and default arguments.
@case(lambda rng: (rng.normal(size=3), rng.normal()), argnums=(0, 1))
def helper_keywords_and_defaults(x, a):
    y = scaled(x) + scaled(x, a)
    z = scaled(shift=a, x=x[0], factor=x[1]) * scaled(a, shift=x[2])
    return (y * y).sum() + z


def clipped_root(v):
    if v <= 0.0:
        return 0.0
    if v > 4.0:
        return 2.0 + 0.25 * (v - 4.0)
    return math.sqrt(v)


# Helper with early return.
@case(lambda rng: (near(rng, 0.8, -0.5, 6.0, 2.5),))
def helper_returns_early(x):
    s = 0.0
    for v in x:
        s = s * 0.9 + clipped_root(v * 1.1)
    return s * x[1]


def normalise_rows(A, floor=0.0):
    for i in range(A.shape[0]):
        A[i] /= A[i].sum() + floor


# Helper that mutates its argument and returns None.
@case(lambda rng: (positive(rng, 3, 3),), sample=True)
def helper_mutates_argument(A):
    B = A * A
    normalise_rows(B)
    normalise_rows(B.T, floor=0.5)
    return (B * A).sum()


def double_head(v):
    v[0] = v[0] * v[1]
    v *= 2.0


# The helper is handed a view: a slice, a row, a reversed column.
@case(lambda rng: (rng.normal(size=(3, 4)),))
def helper_writes_through_view(A):
    B = A.copy()
    double_head(B[0])
    double_head(B[:, 2][::-1])
    for row in B:
        double_head(row[1:])
    return (B * A).sum()


def first_of(v, w):
    return v


# Helper returning its argument: the result is the same array.
@case(lambda rng: (rng.normal(size=4),))
def helper_returns_its_argument(x):
    y = x * x
    z = first_of(y, x)
    z[1] = 3.0 * x[0]
    y *= 2.0
    return (z * x).sum() + y[1] ** 2


def polar(a, b):
    r = np.sqrt(a * a + b * b)
    return r, np.arctan2(b, a)


# Helper returning a tuple, one part unused; helper calling helper.
@case(lambda rng: (near(rng, 0.7, 0.4), near(rng, 1.2, 0.9)), argnums=(0, 1))
def helper_returns_tuple(p, q):
    r, angle = polar(p[0], p[1])
    other, _ = polar(q[0], q[1])
    both = polar(r, other)
    return both[0] * angle + both[-1]


def mixed_step(x, s):
    t = x * s
    x = softplus(t)
    return x - scaled(s, factor=0.1)


# The helper's local names are those of the caller.
@case(lambda rng: (near(rng, 0.6)[0], near(rng, 0.9)[0]), argnums=(0, 1))
def helper_shares_local_names(x, s):
    t = x + 1.0
    for _ in range(3):
        s = mixed_step(t, s)
    return s * t * x


def running_product(v, start, stop):
    p = 1.0
    for i in range(start, stop):
        p = p * v[i]
        if p > 3.0:
            break
    return p


# A helper with a loop of its own is called from a loop.
@case(lambda rng: (near(rng, 0.9, 1.4, 1.3, 0.6, 1.7),))
def helper_with_loop_in_loop(x):
    s = 0.0
    for i in range(5):
        for j in range(i, 6):
            s += running_product(x, i, j) * 0.1
    return s


# Closure over an active value.
@case(lambda rng: (rng.normal(size=4), rng.normal()), argnums=(0, 1), sample=True)
def closure_over_active_value(x, a):
    scale = np.exp(a)

    def bend(v):
        return np.tanh(scale * v) + x[0]

    return (bend(x) * bend(x[::-1])).sum() + bend(a)


# The closure reads the name when it is called, not when it was made.
@case(lambda rng: (near(rng, 0.8, 1.3),))
def closure_sees_rebinding(x):
    factor = x[0]

    def times(v):
        return v * factor

    a = times(x[1])
    factor = x[1] * x[1]
    return a * times(x[0])


# The closure writes into an array of the caller.
@case(lambda rng: (rng.normal(size=5),))
def closure_writes_captured_array(x):
    y = np.zeros(5)

    def put(i, v):
        y[i] = y[i] + v * x[i]

    for i in range(5):
        put(i, x[i])
        put(4 - i, y[i])
    return (y * y).sum()


# Lambda.
@case(lambda rng: (rng.normal(size=3), rng.normal()), argnums=(0, 1))
def lambdas(x, a):
    square = lambda v: v * v  # noqa: E731
    line = lambda v, k=a: k * v + x[1]  # noqa: E731
    return square(x).sum() + line(x[0]) * line(x[2], 2.0) + square(line(a))


def apply_twice(f, v):
    return f(f(v))


# Function as an argument.
@case(lambda rng: (rng.normal(size=3),))
def function_as_argument(x):
    s = apply_twice(np.sin, x).sum()
    return s + apply_twice(lambda v: v * x[0], x[1]) + apply_twice(softplus, x[2])


def integrate(rate, y, steps):
    for _ in range(steps):
        y = y + 0.1 * rate(y)
    return y


@case(lambda rng: (positive(rng, 2),))
def closure_as_argument(p):
    def rate(y):
        return p[0] * y * (1.0 - y / p[1])

    return integrate(rate, 0.3, 5)


def power_of(x, n):
    if n == 0:
        return 1.0
    half = power_of(x, n // 2)
    return half * half * x if n % 2 else half * half


# Helper called recursively.
@case(lambda rng: (near(rng, 1.2, 0.7), 5))
def recursive_power(x, n):
    return power_of(x[0], n) * power_of(x[1], 3)


def tree_sum(v):
    n = len(v)
    if n == 1:
        return v[0] * v[0]
    return tree_sum(v[: n // 2]) * 0.5 + np.sin(tree_sum(v[n // 2 :]))


@case(lambda rng: (rng.normal(size=6),))
def recursion_over_halves(x):
    return tree_sum(x)


def even_step(x, n):
    return x if n == 0 else odd_step(x * x * 0.5, n - 1)


def odd_step(x, n):
    return x if n == 0 else even_step(sin(x), n - 1)


@case(lambda rng: (near(rng, 1.2), 5))
def mutual_recursion(x, n):
    return even_step(x[0], n)


# Keyword-only, default and None parameters of the function itself.
@case(lambda rng: (rng.normal(size=4), rng.normal()), argnums=(0, 1))
def own_defaults(x, a, scale=1.5, bias=None, mode="tanh", *, power=2):
    if bias is None:
        bias = x[0] * 0.5
    y = scale * x + bias
    if mode == "tanh":
        y = np.tanh(y)
    elif mode in ("relu", "softplus"):
        y = softplus(y)
    return (y**power).sum() * a


# Negative argnums.
@case(lambda rng: (2, rng.normal(size=3), rng.normal(size=3)), argnums=(-1, 1))
def differentiated_from_the_end(n, x, y):
    return (x**n * y).sum() + y[0] ** n


# `math.sin` and `from numpy import sin` side by side.
@case(lambda rng: (rng.normal(size=3),))
def math_and_numpy_side_by_side(x):
    s = math.sin(x[0]) * sin(x[1]) + cos(x).sum()
    t = math.exp(s * 0.1) + math.pi * np.pi * x[2]
    return t * math.atan2(x[0], 2.0) + np.e


# Global array read, global numbers, a global dict.
@case(lambda rng: (rng.normal(size=4),))
def globals_read(x):
    y = x * WEIGHTS + SETTINGS["shift"]
    s = (y ** SETTINGS["power"]).sum() * SETTINGS["scale"]
    return s - RATE * (WEIGHTS[1:] * x[:-1]).sum()


# `global` and `nonlocal` of names that are only read.
@case(lambda rng: (rng.normal(size=4),))
def outer_names_declared(x):
    global RATE  # noqa: PLW0602
    scale = x[0]

    def inner(y):
        nonlocal scale  # noqa: PLW0127
        return y * scale

    return (RATE * inner(x)).sum()


# A copy of a global array may be written.
@case(lambda rng: (rng.normal(size=4),))
def global_copied_then_written(x):
    w = WEIGHTS.copy()
    w[0] = x[1]
    w *= x
    return (w * WEIGHTS).sum()


# Global mutated (refuse).
@case(lambda rng: (rng.normal(size=4),), refused="captured global written")
def global_mutated(x):
    COUNTER[0] = x[0]
    return (x * x).sum() * COUNTER[0]


def make_loss(data, penalty):
    def loss_with_captured_data(w):
        r = data @ w - 1.0
        return (r * r).mean() + penalty * (w * w).sum()

    return loss_with_captured_data


# A function made by a function: data and number are captured.
case(lambda rng: (rng.normal(size=3),))(
    make_loss(np.array([[1.0, 0.5, -0.3], [0.2, 0.8, 0.4]]), 0.05)
)


# A helper chosen by the data, called on both sides of a conditional expression.
@case(lambda rng: (away(rng, 5),))
def helper_chosen_by_data(x):
    s = 0.0
    for v in x:
        s += softplus(v) if v > 0 else scaled(v, -0.5, shift=s)
    return s


# The helper's result is dropped; only its write counts. A comprehension calls one too.
@case(lambda rng: (rng.normal(size=4),))
def helper_result_dropped(x):
    def scale_in_place(v, a):
        v *= a
        return v.sum()

    y = x * 1.0
    scale_in_place(y, x[0])
    scale_in_place(y[1:], 2.0)
    softplus(x)
    return sum([softplus(v) for v in y]) + scale_in_place(x, x[3])


# Functions that return functions: each remembers the names of its own call.
@case(lambda rng: (near(rng, 1.2, 0.7),))
def functions_that_remember(x):
    def scaled(RATE):
        RATE = RATE + x[1]

        def inner(y):
            return RATE * y * y

        return inner

    def twice(f):
        return lambda y: f(f(y))

    one, other = scaled(2.0), scaled(0.3)
    return one(x[0]) + twice(twice(np.sin))(other(x[1]))


def shrunk(y, limit):
    for k in range(5):
        for j in range(3):
            y[j] *= 0.9
            if y[j] < limit:
                return y, k
        y[3] += k
    else:
        y[3] = 5.0
    return y, 7


def halved_until(y, limit):
    if limit > 0:
        for k in range(50):
            y[k % 4] *= 0.9
            if y[0] < limit:
                return y[::-1]
        y[2] = 3.0
    y[1] = 8.0
    return y


class Descent:
    def __init__(self, x):
        self.x, self.steps = x, 0

    def run(self):
        for _ in range(6):
            self.x = self.x * 0.9
            self.steps += 1
            if self.x[0] < 0.8:
                return self
        return self


# Loops that are left with what they change: no turn sees what none has returned.
@case(lambda rng: (near(rng, 1.0, 2.0, 3.0, 4.0),))
def left_with_arrays(x):
    y, k = shrunk(x.copy(), 0.7)
    z = halved_until(x**2, 0.6) + halved_until(x + 1, -1.0)
    walk = Descent(x).run()
    return (y * x).sum() * k + z @ x + walk.x.sum() * walk.steps


# Texts are read by letter; `*` and Python's containers take generators.
@case(lambda rng: (rng.normal(size=4),))
def letters_and_generators(x, code="abca"):
    place = {"a": 0, "b": 1, "c": 2}
    total = x[place[code[1]]] * x[place[code[-1]]] + len(code[1:])
    for i in range(4):
        if code[i] == "a":
            total += x[i] ** 2
    pair = (lambda one, two: one * two)(*(v * v for v in (x[0], x[1])))
    named = OrderedDict((n, v) for n, v in zip("wxyz", x))
    last = deque((v * v for v in (x[0], x[1], x[2])), maxlen=2)
    return total + pair + named["w"] * named["z"] + last[0] * last[1]
