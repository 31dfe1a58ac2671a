"""dicts, lists, tuples, namedtuples and dataclasses: as arguments and as locals."""

import functools
from collections import deque, namedtuple
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tests.cases import case
from tests.cases.inputs import near, positive

Body = namedtuple("Body", ["mass", "position", "velocity"])


@dataclass
class Layer:
    weight: Any
    bias: Any
    gain: float = 1.0


class Pair(NamedTuple):
    x: float
    y: float

    def __add__(self, other):
        return Pair(self.x + other.x, self.y + 2.0 * other.y)

    def __sub__(self, other):
        return Pair(self.x - other.y, self.y - other.x)

    def __rmul__(self, number):
        return Pair(number * self.x, 3.0 * number * self.y)

    def __imul__(self, number):
        return Pair(number * self.y, number * self.x)

    def __neg__(self):
        return Pair(-self.x, -5.0 * self.y)

    def __lt__(self, other):
        return self.x * self.x > other.y - 100.0

    def __getitem__(self, k):
        return self.x * self.y + k

    def __len__(self):
        return 7

    def __bool__(self):
        return self.x > 100.0


@dataclass
class Gauge:
    level: float

    @property
    def scaled(self):
        return 2.0 * self.level

    @scaled.setter
    def scaled(self, value):
        self.level = 5.0 * value

    def __getitem__(self, key):
        return 4.0 * self.level

    def __setitem__(self, key, value):
        self.level = 3.0 * value * self.level

    def __call__(self, x):
        return self.level * x * x

    def __eq__(self, other):
        return self.level > other.level - 1.0

    def __len__(self):
        return 0


@dataclass
class Meter:
    kept: np.ndarray
    writes: float

    @property
    def shown(self):
        return self.kept

    @shown.setter
    def shown(self, value):
        self.kept = 2.0 * value
        self.writes = self.writes + 1.0

    def __getitem__(self, key):
        return self.kept

    def __setitem__(self, key, value):
        self.kept = 3.0 * value
        self.writes = self.writes + key


@dataclass(frozen=True)
class Oscillator:
    stiffness: float
    damping: float
    steps: int
    start: Layer


def _mlp_params(rng):
    return {
        "w1": 0.5 * rng.normal(size=(3, 4)),
        "b1": rng.normal(size=4),
        "w2": 0.5 * rng.normal(size=(4, 2)),
        "b2": rng.normal(size=2),
    }


# dict parameters.
@case(
    lambda rng: (_mlp_params(rng), rng.normal(size=(5, 3)), rng.normal(size=(5, 2))),
    sample=True,
)
def dict_of_parameters(params, X, Y):
    h = np.tanh(X @ params["w1"] + params["b1"])
    out = h @ params["w2"] + params["b2"]
    penalty = (params["w1"] ** 2).sum() + (params["w2"] ** 2).sum()
    return ((out - Y) ** 2).mean() + 0.01 * penalty


# A list of pairs of arrays, walked by a loop.
@case(
    lambda rng: (
        [
            (0.5 * rng.normal(size=(3, 4)), rng.normal(size=4)),
            (0.5 * rng.normal(size=(4, 4)), rng.normal(size=4)),
            (0.5 * rng.normal(size=(4, 1)), rng.normal(size=1)),
        ],
        rng.normal(size=3),
    ),
    argnums=(0, 1),
)
def list_of_layers(layers, x):
    for w, b in layers[:-1]:
        x = np.tanh(x @ w + b)
    w, b = layers[-1]
    return (x @ w + b)[0]


# namedtuple parameters.
@case(
    lambda rng: (
        Body(1.5, rng.normal(size=2), rng.normal(size=2)),
        Body(0.7, rng.normal(size=2) + 4.0, rng.normal(size=2)),
    ),
    argnums=(0, 1),
)
def namedtuple_parameters(a, b):
    d = b.position - a.position
    attraction = -a.mass * b.mass / np.sqrt((d * d).sum() + 0.1)
    kinetic = 0.0
    for body in (a, b):
        kinetic += 0.5 * body.mass * body.velocity.dot(body.velocity)
    mass, _, velocity = b
    return kinetic + attraction + mass * velocity[0]


# dataclass parameters.
@case(lambda rng: (Layer(rng.normal(size=(2, 3)), rng.normal(size=2), 1.3),))
def dataclass_parameters(layer):
    x = np.array([1.0, -0.5, 0.25])
    y = layer.gain * (layer.weight @ x) + layer.bias
    return (np.sin(y) * layer.weight[:, 0]).sum() * layer.gain


# A dataclass in a dataclass, frozen, with an int field (its gradient is None).
@case(lambda rng: (Oscillator(1.2, 0.3, 5, Layer(0.4, positive(rng, 2), 0.5)),))
def nested_dataclass(o):
    x = o.start.weight
    v = o.start.gain
    for i in range(o.steps):
        v = v - 0.1 * (o.stiffness * x + o.damping * v)
        x = x + 0.1 * v * o.start.bias[i % 2]
    return x * x + v


# Nested structures with leaves of many kinds: ints, bools, strings, None.
@case(
    lambda rng: (
        {
            "layers": [rng.normal(size=2), {"scale": 0.8, "shape": (2, 3)}],
            "pair": (rng.normal(), np.array([1, 2])),
            "name": "demo",
            "train": True,
            "rest": None,
        },
    )
)
def nested_parameters(p):
    first, second = p["layers"]
    s = (first * p["pair"][1]).sum() * second["scale"]
    if p["train"] and p["rest"] is None:
        s = s * p["pair"][0] + second["shape"][1] * first[0]
    if p["name"] == "demo":
        s += first[1] ** 2
    return s


@case(
    lambda rng: ((rng.normal(size=3), rng.normal(), (rng.normal(), [0.5, 1.5])),),
)
def tuple_parameters(state):
    x, a, (b, weights) = state
    for w in weights:
        x = x * a + w * b
    return x.sum() * weights[0]


# A parameter used twice: two contributions to one leaf add.
@case(lambda rng: ({"shared": rng.normal(size=(3, 3)), "x": rng.normal(size=3)},))
def tied_weights(p):
    encode = p["shared"]
    decode = p["shared"].T
    h = np.tanh(encode @ p["x"])
    r = decode @ h - p["x"]
    return r @ r


# List append then loop.
@case(lambda rng: (rng.normal(size=5),))
def list_append_then_loop(x):
    states = []
    s = 0.1
    for v in x:
        s = np.tanh(s * v + 0.5)
        states.append(s)
    total = 0.0
    for i, t in enumerate(states):
        total += t * t * (i + 1)
    return total + states[-1] * states[0]


# Slices of a list that grows are lists of their own, which may grow.
@case(
    lambda rng: (0.5 * rng.normal(size=6), 0.3, 1, -1),
    argnums=(0, 1),
)
def slices_of_a_growing_list(x, a, i, j):
    s = [x[0]]
    for v in x[1:]:
        s.append(a * v + (1 - a) * s[-1])
    error = np.sum((np.array(s[:-1]) - x[1:]) ** 2)
    t = s[1:]
    t[0] = 7.0 * a
    t.append(x[2])
    for v in s[i:j]:
        error += v * t[-1]
    for v in s[j:i:-2]:
        error += v * v * t[0]
    return error + s[::-1][0] * s[-2:][0] + sum(s[:100]) * s[1]


# So are those of a list of numbers whose places are known at run time only.
@case(lambda rng: (rng.normal(size=4), 1))
def slice_of_a_list_is_written(x, i):
    s = [x[0], x[1], x[2]]
    s[i] = 2.0 * x[0]
    t = s[1:]
    t[0] = 7.0 * x[3]
    return s[1] * 3.0 + t[0] * x[2]


# List append and the builtin sum.
@case(lambda rng: (rng.normal(size=6),))
def list_append_and_sum(x):
    parts = []
    for i in range(1, len(x)):
        if i % 2:
            parts.append(x[i] * x[i - 1])
        else:
            parts.append(np.cos(x[i]))
    return sum(parts) * len(parts)


# Arrays are appended and stacked.
@case(lambda rng: (rng.normal(size=3), 0.5 * rng.normal(size=(3, 3))), argnums=(0, 1))
def trajectory_of_arrays(x, A):
    path = [x]
    for _ in range(4):
        path.append(np.tanh(A @ path[-1]) + x)
    P = np.stack(path)
    return (P[1:] * P[:-1]).sum() + np.array(path).mean()


# An appended array is the array itself: a later write shows in the list.
@case(lambda rng: (rng.normal(size=3),))
def appended_array_is_written_later(x):
    rows = []
    work = x * x
    for i in range(3):
        rows.append(work)
        work[i] *= x[0]
        if i == 1:
            work = work.copy()
    return (rows[0] * rows[2]).sum() + rows[1][2]


# The length of the list depends on the data.
@case(lambda rng: (near(rng, 0.4, 1.4, 0.3),))
def list_of_unknown_length(x):
    values = [x[0]]
    while values[-1] < 6.6:
        values.append(values[-1] * x[1] + x[2])
    return values[-1] + values[len(values) // 2] * values[1]


# List comprehension.
@case(lambda rng: (rng.normal(size=5),))
def list_comprehensions(x):
    squares = [v * v for v in x]
    pairs = [x[i] * x[j] for i in range(5) for j in range(i)]
    some = [np.sin(v) for i, v in enumerate(x) if i != 2]
    return sum(squares) + sum(pairs) * some[0] + np.sum(np.array(some) ** 2)


# `[0.0] * n` filled by index; a list of lists as a table.
@case(lambda rng: (rng.normal(size=4),))
def list_filled_by_index(x):
    n = len(x)
    y = [0.0] * n
    for i in range(n):
        y[i] = x[i] * x[i]
    y[1] += y[0]
    y[-1] *= y[1]
    table = [[0.0 for _ in range(n)] for _ in range(2)]
    for j in range(n):
        table[0][j] = y[j] * x[j]
        table[1][n - 1 - j] = table[0][j] + 1.0
    return sum(y) + sum([u * v for u, v in zip(table[0], table[1])])


# A stack: append and pop.
@case(lambda rng: (rng.normal(size=5),))
def stack_with_pop(x):
    stack = [1.0]
    for i in range(5):
        if len(stack) > 2:
            a = stack.pop()
            b = stack.pop()
            stack.append(a * b + x[i])
        else:
            stack.append(x[i] * stack[-1])
    s = 0.0
    while stack:
        s = s * 0.5 + stack.pop()
    return s


# Lists made anew in each iteration, of numbers and of arrays.
@case(lambda rng: (rng.normal(size=4),))
def lists_made_in_a_loop(x):
    s = 0.0
    for i in range(4):
        values = [np.sin(x[i]) * v for v in x]
        rows = []
        for j in range(3):
            rows.append(np.tanh(x * x[j]))
        s += max(values) * values[1] + (rows[i % 3] * rows[1]).sum()
    return s


# A list that grows by one or two arrays an iteration, read from its end.
@case(lambda rng: (near(rng, 0.7, -0.4, 0.9, 0.2),))
def list_read_from_its_end(x):
    rows = [x * 1.0]
    k = 0
    while k < 3:
        rows.append(rows[-1] * rows[0] + x[k])
        if x[k] > 0:
            rows.append(rows[-2] * 0.5)
        k += 1
    return (rows[len(rows) // 2] * rows[-1]).sum()


# A stack of arrays; a list as a truth value beside a comparison.
@case(lambda rng: (rng.normal(size=3),))
def stack_of_arrays(x):
    stack = [x * 1.0]
    s = 0.0
    k = 0
    while stack and k < 6:
        top = stack.pop()
        k += 1
        s += (top * top).sum()
        if k < 4:
            stack.append(top * x[0])
            stack.append(np.sin(top))
    return s


# A stack that starts empty and is popped in an inner loop.
@case(lambda rng: (near(rng, 0.9, 0.3, 1.2, 0.5, 0.1),))
def stack_popped_in_an_inner_loop(x):
    stack = []
    s = 0.0
    for v in x:
        stack.append(v * v)
        while len(stack) > 1 and stack[-1] < stack[-2]:
            p = stack.pop()
            q = stack.pop()
            stack.append(p * q + 1.0)
    for k in range(len(stack)):
        s += stack.pop() * (k + 1)
    return s


# A dict built and updated on the way.
@case(lambda rng: (rng.normal(size=4),))
def dict_as_scratchpad(x):
    state = {"level": x[0], "trend": 0.1}
    for v in x[1:]:
        last = state["level"]
        state["level"] = 0.6 * v + 0.4 * (last + state["trend"])
        state["trend"] = 0.3 * (state["level"] - last) + 0.7 * state["trend"]
    out = dict(level=state["level"] ** 2, trend=0.5)
    total = 0.0
    for key, value in state.items():
        total += value * out[key]
    return total + sum(out.values())


# namedtuple and dataclass made in the function.
@case(lambda rng: (rng.normal(size=2), rng.normal(size=2)), argnums=(0, 1))
def records_made_inside(p, v):
    body = Body(mass=2.0, position=p, velocity=v)
    for _ in range(3):
        force = -np.sin(body.position)
        speed = body.velocity + 0.2 * force / body.mass
        body = Body(body.mass, body.position + 0.2 * speed, speed)
    layer = Layer(body.position, body.velocity)
    layer.gain = body.position[0]
    layer.weight[1] *= 2.0
    return (layer.weight * layer.bias).sum() * layer.gain


# Classes with operators, subscripts, a truth value and a property of their own.
@case(lambda rng: (rng.normal(), rng.normal()), argnums=(0, 1))
def special_methods(a, b):
    p, q = Pair(a, b), Pair(b, 0.5)
    r = 2.0 * (p + q) - p
    r *= 3.0
    total = r[0] * (-r)[1] + len(r) * (a if p < q else b) + (0.0 if p else 7.0 * a)
    gauge = Gauge(a)
    gauge["offset"] = b
    gauge.scaled = total
    total = gauge.level if gauge else 2.0 * gauge.level
    return total + gauge["offset"] * gauge(b) + (gauge == gauge) * gauge.scaled


# The parameters are written: an entry replaced, an array updated in place.
@case(lambda rng: ({"w": rng.normal(size=3), "v": rng.normal(size=3), "lr": 0.1},))
def parameters_written(p):
    for _ in range(3):
        g = 2.0 * p["w"] * p["w"] - 1.0
        p["v"] = 0.9 * p["v"] - p["lr"] * g
        p["w"] += p["v"]
    return (p["w"] * p["v"]).sum()


# Several lists run side by side; their elements are unpacked pairs.
@case(lambda rng: (positive(rng, 4), [0.5, 1.0, 1.5, 2.0]), argnums=(0, 1))
def zipped_lists_of_pairs(x, times):
    samples = [(t, v * t) for t, v in zip(times, x)]
    s = 0.0
    for (t0, v0), (t1, v1) in zip(samples[:-1], samples[1:]):
        s += 0.5 * (t1 - t0) * (v0 + v1)
    return s + sum(times) * samples[2][1]


# Active scalars gathered into an array: vector, rotation matrix.
@case(lambda rng: (rng.normal(), rng.normal(size=2)), argnums=(0, 1))
def array_of_active_scalars(angle, p):
    c, s = np.cos(angle), np.sin(angle)
    R = np.array([[c, -s], [s, c]])
    q = R @ p
    t = np.array([q[0], 1.0, angle * q[1]])
    return (t * t).sum() + q[0]


# The first items of a growing list are integers, later ones are not.
@case(lambda rng: (rng.normal(size=4), 4))
def list_of_wider_items(x, n):
    s = 0
    out = []
    for i in range(n):
        out.append(i)
        for _ in range(2):
            out.append(s)
            s = s + x[i]
    t = 0.0
    for k in range(len(out)):
        t = t + out[k] * k
    return t


# Arms that append another number of items, of another type.
@case(lambda rng: (near(rng, 0.4, 0.7), 1))
def lists_of_two_arms(x, n):
    out = []
    if n > 2:
        out.append(1)
        out.append(2)
    else:
        out.append(x[0])
    s = 0.0
    for k in range(len(out)):
        s = s + out[k]
    return s * x[1]


# A tuple bound by one arm only, and one bound by a turn for the next.
@case(lambda rng: (near(rng, 0.4, 0.7, 0.6), 3))
def tuples_bound_on_one_path(x, n):
    if n > 2:
        t = (x * 2, x[0])
    for i in range(n):
        if i > 0:
            y = y + pair[0] * x[i] + pair[1][0]
        else:
            y = x[0]
        pair = (y * y, x * y)
    if n > 2:
        y = y + (t[0] * t[1]).sum()
    return y


# A list that is another one in each turn.
@case(lambda rng: ([0.0, 1.1, 2.3, 3.0], [1.0, 2.0, 3.0], 4), argnums=(0, 1))
def list_made_anew_in_each_turn(x0, ks, n):
    x = list(x0)
    for _ in range(n):
        f = [0.0] * len(x)
        for i, k in enumerate(ks):
            d = x[i + 1] - x[i] - 1.0
            f[i] += k * d
            f[i + 1] -= k * d
        x = [xi + 0.1 * fi for xi, fi in zip(x, f)]
    return sum(xi**2 for xi in x)


# The same for a dict of arrays that a helper makes.
@case(lambda rng: (rng.normal(size=3), 3))
def dict_made_anew_by_a_helper(w, n):
    def step(s, g):
        m = 0.9 * s["m"] + g
        return {"w": s["w"] - 0.1 * m, "m": m}

    state = {"w": w, "m": np.zeros(3)}
    for _ in range(n):
        state = step(state, np.sin(state["w"]))
    return state["w"] @ state["m"]


# Parameters in a list of arrays, updated by comprehension.
@case(lambda rng: (rng.normal(size=2), rng.normal(size=(2, 2)), 3), argnums=(0, 1))
def parameters_made_anew(a, b, n):
    ps = [a, b]
    for _ in range(n):
        gs = [2.0 * p * p for p in ps]
        ps = [p - 0.1 * g for p, g in zip(ps, gs)]
    return ps[0] @ ps[1] @ ps[0]


# Lists that change places, and are written.
@case(lambda rng: ([0.4, 0.7], [1.1, 1.2], 3), argnums=(0, 1))
def lists_swapped_and_written(x, y, n):
    for _ in range(n):
        x, y = y, x
        x[0] = x[0] * y[1]
    return x[0] * y[0] + x[1]


# A list that is kept when it is better; nothing is written.
@case(lambda rng: ([0.8, 1.7], 1.3, 5), argnums=(0, 1))
def best_list_is_kept(x, a, n):
    best = x
    for _ in range(n):
        x = [a * v for v in x]
        if x[0] < 2.0:
            best = x
    return best[0] * x[0] + best[1]


# One arm makes a new list, the other changes the old one.
@case(lambda rng: ([0.8, 0.7], 1.3, 5), argnums=(0, 1))
def new_list_or_old_one(x, a, n):
    for _ in range(n):
        if x[0] < 3.0:
            x = [x[0] * 2.0, x[1]]
        else:
            x[1] = x[1] * a
    return x[0] * x[1]


# The same name, two nested loops, and the list before the inner one.
@case(lambda rng: ([0.8, 0.7], 1.3, 3), argnums=(0, 1))
def lists_of_nested_loops(x, a, n):
    for _ in range(n):
        z = x
        for _ in range(2):
            x = [x[1] * a, x[0]]
        x = [x[0] + z[0], x[1]]
    return x[0] * x[1]


# After the branch both names are read, neither is written.
@case(lambda rng: (0.7, 1.2), argnums=(0, 1))
def second_name_of_a_list(a, c):
    x = [a, 2.0 * a]
    y = x
    if c < 0:
        pass
    else:
        x = [3.0 * a, c * a]
    return x[0] * y[0] + x[1] * y[1]


# The caller's containers are changed by the function, not by its gradient.
@case(lambda rng: ([0.8, 0.7], {"a": rng.normal(size=2)}), argnums=(0, 1))
def containers_of_the_caller(x, d):
    x[0] = x[0] * 2.0
    d["a"] = d["a"] * x[1]
    x.append(3.0)
    return x[0] * x[2] * d["a"].sum()


# `o.a += x` and `o[k] += x` write in place, then do what the object does with it.
@case(lambda rng: (rng.normal(size=4),))
def augmented_through_objects(x):
    meter = Meter(x * 1.0, 0.0)
    first = meter.kept
    meter.shown += x
    second = meter.kept
    meter[2] *= x
    meter.kept += x[0]
    return (first * x + second).sum() + (meter.kept * x).sum() + meter.writes * x[1]


# A stack is a list: read and written from its front, run over, cut, packed.
@case(lambda rng: (near(rng, 0.5, -0.9, 1.3, -0.7, 0.2, 0.8),))
def stack_used_as_a_list(x):
    stack, s = [x[0], x[1]], 0.0
    for i in range(len(x)):
        if x[i] > 0.1 and len(stack) > 1:
            s += stack.pop()
        else:
            stack.append(np.sin(x[i]))
        s += stack[0] * sum(stack[::2]) + stack[len(stack) // 2]
        stack[0] *= 1.1
        for k, item in enumerate(stack):
            stack[-1] += 0.1 * item * k
        stack.sort()
    return s + np.sum(np.array(stack) ** 2)


@case(lambda rng: (near(rng, 0.5, -0.9, 1.3, -0.7),))
def stack_of_arrays_used_as_a_list(x):
    stack, s = [x * 1.0, np.sin(x), x * x], 0.0
    for i in range(len(x)):
        if x[i] > 0.1 and len(stack) > 1:
            s += np.sum(stack.pop())
        stack[0][1] += x[i]
        for row in stack:
            s += np.sum(row * row)
            row *= 0.9
    return s + np.sum(stack[0] * np.array(stack)[-1])


# A list made in each turn has its item at its front, not at the number of the turn.
@case(lambda rng: (np.array([0.5, 2.0, 0.3, 4.0]) + 0.1 * rng.random(4),))
def stack_made_in_each_turn(x):
    s = 0.0
    for i in range(len(x)):
        left = [x[i] * 2.0]
        if x[i] > 1.0:
            left.pop()
        if left:
            s += left[-1] ** 2
        s += x[0] * len(left)
    return s


# A stack that is empty before the loop: its first turn has nothing to take off.
@case(lambda rng: (near(rng, 0.5, 0.9, 1.3, 0.7, 0.2, 1.1),))
def stack_of_what_is_smaller(x):
    stack, area = [], 0.0
    for v in x:
        while stack and stack[-1] > v:
            area += stack.pop() * v
        stack.append(v * 1.1)
    return area * stack[-1] + len(stack)


# A list grows, and data index it in the same turn.
@case(lambda rng: (rng.uniform(0.5, 1.5, size=4),))
def list_grows_before_it_is_read_by_place(x):
    history, total, y = [], 0.0, x.copy()
    for i in range(len(x)):
        history.append(y)
        y = 0.5 * y + np.sin(history[i // 2])
        for k in range(i):
            total += history[k][i] * y[k]
    values = []
    for i in range(len(x)):
        values.append(x[i] * total)
        if i > 1:
            total += values[i // 2]
    return total * values[2]


@case(lambda rng: (rng.standard_normal(6),))
def named_tuples_made_inside(x):
    stats = namedtuple("stats", ["n", "mean", "m2"], defaults=[0.0])

    def update(s, v):
        d = v - s.mean
        mean = s.mean + d / (s.n + 1)
        return stats(s.n + 1, mean, s.m2 + d * (v - mean))

    s, last = functools.reduce(update, x, stats(0, 0.0)), deque(maxlen=3)
    for v in x:
        last.append(v)
        if len(last) == last.maxlen:
            s = s._replace(m2=s.m2 + sum(last))
    return s.m2 / (s.n - 1) + s._replace(mean=x[0]).mean
