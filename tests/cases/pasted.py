"""Programs in the styles of public code: classes, caches, lists, options as text."""

import copy
from collections import OrderedDict, namedtuple
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from tests.cases import case


# `reversed` of a range beside others: the items themselves are turned around.
@case(lambda rng: (0.5 + rng.random(4),))
def reversed_ranges_beside_others(x):
    s = 0.0
    for k, i in enumerate(reversed(range(len(x)))):
        s += (k + 1) * x[i]
    for i, t in zip(reversed(range(1, len(x) + 1)), x, strict=True):
        s += i * t * t
    a, b, c = reversed(range(3))
    for k, t in zip(reversed(range(3)), [x[0], (x[1], 2.0), "last"], strict=True):
        s += k * (t[0] * t[1] if k == 1 else t if k else 1.0)
    for i in reversed(range(0, len(x), 2)):
        s = s * 0.5 + x[i]
    for k, i in enumerate(reversed(range(len(x), 0, -1))):
        s = s * 0.5 + x[i - 1] * k
    return s + x[a] + 10.0 * x[b] + 100.0 * x[c]


class Link(NamedTuple):
    mass: float
    centre: np.ndarray
    inertia: np.ndarray


# Which item of unlike ones is meant is known when the length of `q` is.
@case(lambda rng: (rng.normal(size=3), rng.normal(size=3)), argnums=(0, 1))
def links_by_number(q, rates):
    links = [
        Link(1.0, np.array([-0.1, 0, 0]), 0.01 * np.eye(3)),
        Link(2.0, np.array([-0.2, 0.1, 0]), 0.02 * np.eye(3)),
        Link(0.5, np.array([-0.3, 0, 0.2]), 0.03 * np.eye(3)),
    ]
    n, forces = len(q), []
    for i in range(n):
        L = links[i]
        forces.append(L.mass * q + L.inertia @ rates * rates[i])
    f, moment = np.zeros(3), np.zeros(3)
    for i in reversed(range(n)):
        f = 0.5 * f + forces[i]
        moment = moment + np.cross(links[i].centre, f)
    return f.sum() + moment @ moment


def _decay(t, a, b, c=0.5):
    return a * np.exp(-b * t) + c


@case(lambda rng: (np.array([5.0, 0.5, 0.8]), rng.normal(size=6)), argnums=(0, 1))
def model_of_starred_parameters(params, y):
    t = np.linspace(0.0, 2.0, len(y))
    residual = y - _decay(t, *params)
    return 0.5 * np.sum(residual**2) + _decay(0.3, *params[:2]) + max(*params)


class Controller:
    def __init__(self, kp=1.0, ki=0.0, kd=0.0, *, goal=0, limits=(None, None)):
        self.gains = kp, ki, kd
        self.goal = goal
        self.low, self.high = limits
        self.integral = 0
        self.last = None

    def __call__(self, x, dt=None):
        if dt is None:
            dt = 1e-2
        elif dt <= 0:
            raise ValueError(f"dt is {dt}")
        kp, ki, kd = self.gains
        error = self.goal - x
        change = x - (self.last if (self.last is not None) else x)
        self.integral = _clamped(self.integral + ki * error * dt, self.low, self.high)
        self.last = x
        return _clamped(kp * error + self.integral - kd * change / dt, self.low, 90)


def _clamped(x, low, high):
    if x is None:
        return None
    elif (high is not None) and (x > high):
        return high
    elif (low is not None) and (x < low):
        return low
    return x


# A field is None before the first turn: that turn is written out.
@case(lambda rng: (np.array([2.0, 0.5, 0.1]), 20.0), argnums=(0, 1))
def none_before_the_first_turn(gains, temperature):
    control = Controller(*gains, goal=30, limits=(0, None))
    cost = 0.0
    for _step in range(12):
        power = control(temperature, 0.1)
        temperature = temperature + 0.1 * power - 0.002 * (temperature - 20.0)
        cost += (temperature - 30.0) ** 2
    return cost


@case(lambda rng: (rng.normal(size=11),))
def none_before_the_first_item(x):
    last, best, s = None, None, 0.0
    for t in x:
        if last is not None:
            s += t * last**2
        if best is None or t < best:
            best = t
        last = t
    return s * last + best


# A handler that only raises is CPython's; so is one inside a loop.
@case(lambda rng: (np.eye(3) + 0.1, rng.normal(size=3)), argnums=(0, 1))
def handlers_that_raise(K, y):
    def factor(A):
        try:
            return np.linalg.cholesky(A)
        except np.linalg.LinAlgError as error:
            error.args = ("not positive definite",)
            raise

    s = 0.0
    for k in range(2):
        try:
            L = factor(K + k * np.eye(3))
            z = np.linalg.solve(L, y)
        except ValueError as error:
            message = "no shape of y fits"
            raise RuntimeError(message) from error
        else:
            s += z @ z
        finally:
            s += np.log(np.diag(L)).sum()
    return s


@case(lambda rng: (rng.normal(size=5), 3))
def lists_of_zeros(x, k):
    n = len(x)
    a, b, c = [0] * n, [1.0] + [0] * k, [1, 2, 3, 4, 5]
    d, e = [0 for _ in range(n)], [[0] * 3 for _ in range(n)]
    for i in range(n):
        a[i] = x[i] ** 2
        if i < k:
            b[i] = a[i] * 2
        if x[i] > 0:
            c[i] = x[i]
        d[i] += x[i] * c[i]
        for j in range(3):
            e[i][j] = x[i] * x[j]
    return sum(a) * sum(b) + sum(c) * sum(d) + sum([sum(row) for row in e])


class Layer(object):  # noqa: UP004
    def __init__(self, name):
        self.name, self.cache = name, None

    def forward(self, x):
        raise NotImplementedError


class Affine(Layer):
    def __init__(self, w, b):
        super(Affine, self).__init__("affine")  # noqa: UP008
        self.w, self.b = w, b

    def forward(self, x):
        self.cache = x.shape
        return np.dot(x.reshape(x.shape[0], -1), self.w) + self.b


class Relu(Layer):
    def __init__(self):
        super(Relu, self).__init__("relu")  # noqa: UP008
        self.mask = None

    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out


def _cross_entropy(y, t):
    if y.ndim == 1:
        t, y = t.reshape(1, t.size), y.reshape(1, y.size)
    if t.size == y.size:  # one-hot
        t = t.argmax(axis=1)
    return -np.sum(np.log(y[np.arange(len(y)), t] + 1e-7)) / len(y)


# What a name is depends on lengths: those of the arguments become known.
@case(
    lambda rng: (
        {"w": rng.normal(size=(4, 3)), "b": rng.normal(size=3), "v": rng.random((3, 2))},
        rng.normal(size=(3, 2, 2)),
    ),
    argnums=(0, 1),
)
def layers_in_an_ordered_dict(params, x):
    layers = OrderedDict()
    layers["affine"] = Affine(params["w"], params["b"])
    layers["relu"] = Relu()
    layers["last"] = Affine(params["v"], 0.1)
    for layer in layers.values():
        x = layer.forward(x)
    y = np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)
    return _cross_entropy(y, np.array([[0, 1], [1, 0], [1, 0]]))


# A cache of tuples, which grows with the length of an argument.
@case(lambda rng: (rng.normal(size=(2, 5)), rng.normal(size=(3, 5))), argnums=(0, 1))
def caches_of_tuples(x, w):
    caches, h = [], np.zeros(3)
    for t in range(x.shape[1]):
        gate = np.tanh(w[:, t] * x[0, t] + h)
        caches.append((h, gate, {"x": x[:, t]}))
        h = gate * h + x[1, t]
    total = 0.0
    for before, gate, more in caches:
        total += before @ gate + more["x"].sum() ** 2
    return total + np.sum(caches[-1][1])


@case(lambda rng: (rng.normal(size=8), 2.0), argnums=(0, 1))
def questions_about_dtypes(x, power):
    if np.iscomplexobj(x) or not np.isrealobj(power):
        raise TypeError
    z = np.fft.fft(np.asarray(x, dtype=float) if not np.iscomplexobj(x) else x)
    size = np.abs(z) if np.issubdtype(z.dtype, np.complexfloating) else z
    if np.issubdtype(x.dtype, np.floating) and not np.issubdtype(np.int32, np.floating):
        size = size**power
    return np.sum(size) + np.iscomplexobj(z)


@case(
    lambda rng: (rng.normal(size=4), 0.3, 0.7, np.float32(rng.normal(size=3))),
    argnums=(0, 1, 2, 3),
    rtol=1e-7,
)
def normal_distribution(x, mean, width, single):
    s = norm.pdf(x).sum() + norm.logpdf(x, mean, width) @ x + norm.sf(x[0], loc=mean)
    s += norm.cdf(mean) * norm.logcdf(x, scale=width).sum() + norm.logsf([mean, 2.0])[0]
    s += norm.ppf(0.5 + 0.1 * mean, mean, width) * norm.isf(np.abs(x) % 1.0).sum()
    nothing = np.isnan(norm.pdf(x, 0.0, -width)).sum() + np.isnan(norm.ppf(2.0))
    wide = norm.cdf(single).dtype == np.float64
    return s + norm.pdf(single).sum() + nothing + wide


@case(lambda rng: (rng.normal(size=5),))
def arrays_of_ranges(x):
    n = len(x)
    a = np.array(range(n)) + np.asarray(range(1, n + 1)) ** 2
    s = (x * a).sum() + x[range(n - 1)].sum() * np.sum(range(n))
    return s + np.array([[k**i for i in range(3)] for k in range(n)]).T @ x @ np.ones(3)


@case(
    lambda rng: (rng.normal(size=5), {"a": rng.normal(size=3), "b": 2.0}),
    argnums=(0, 1),
)
def shallow_and_deep_copies(x, p):
    y, q, z = copy.deepcopy(x), copy.copy(p), copy.copy(x)
    y[0] *= 3.0
    z *= 2.0
    q["b"] = q["b"] * x[1]
    held = copy.copy((x[0], copy.deepcopy(3.0), copy.deepcopy(None)))
    return (x * y * z).sum() + q["b"] * p["b"] + (q["a"] ** 2).sum() + held[0] * held[1]


Move = namedtuple("Move", ["state", "action", "reward", "after"])


# Generators that are unpacked, sets of known things, columns that hold None.
@case(lambda rng: (rng.normal(size=(6, 2)), 0.8), argnums=(0, 1))
def words_sets_and_batches(vectors, weight):
    words = ["the", "cat", "on", "the", "mat"]
    places = {w: i for i, w in enumerate(sorted(set(words)))}
    first, second, *_ = (vectors[places[w]] for w in words)
    near = {(i, j) for i, j in [(0, 1), (1, 2)]}
    s = first @ second
    for i in range(len(vectors)):
        for j in range(i):
            s += weight * vectors[i] @ vectors[j] * ((j, i) in near) ** 2
    batch = [Move(vectors[0], 0, 1.0, None), Move(vectors[1], 1, weight, None)]
    states, actions, rewards, _ = map(np.array, zip(*batch, strict=True))
    return s + (states[np.arange(2), actions] * rewards).sum()


# Arrays in a list of unknown length are replaced; a field begins as an array of None.
@case(lambda rng: (rng.normal(size=(6, 2)), np.array([0.4, 0.6])), argnums=(0, 1))
def covariances_in_a_list(x, weights, kept=None):
    k, d = len(weights), x.shape[1]
    sigma, kept = [np.eye(d) for _ in range(k)], np.array([[None] * d]).T
    s = 0.0
    for _ in range(2):
        r = np.zeros((len(x), k))
        for j in range(k):
            form = np.sum(x @ np.linalg.inv(sigma[j]) * x, axis=1)
            r[:, j] = weights[j] * np.exp(-0.5 * form)
        r = r / r.sum(axis=1, keepdims=True)
        for j in range(k):
            sigma[j] = (r[:, j] * x.T) @ x / r[:, j].sum() + 0.1 * np.eye(d)
        kept = r.copy()
        s += np.sum(kept**2)
    return s + np.linalg.det(sigma[0])
