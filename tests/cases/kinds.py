"""Names that are one of several things: texts that are states, None, unlike tuples."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tests.cases import case


# Helpers that return a text by case; look-ups and tests of it.
def regime(re):
    if re < 2000.0:
        return "laminar"
    if re < 4000.0:
        return "transition"
    return "turbulent"


PREFACTORS = {"laminar": 0.2, "transition": 0.5, "turbulent": 1.3}


@case(lambda rng: (np.array([1500.0, 3000.0, 9000.0]) + rng.normal(size=3),))
def friction_by_regime(numbers):
    total = 0.0
    for re in numbers:
        kind = regime(re)
        if kind == "laminar":
            f = 64.0 / re
        elif kind != "transition":
            f = 0.316 * re**-0.25
        else:
            f = 0.03 + 1e-6 * re
        total += f * PREFACTORS[regime(re * 0.9)] * math.sqrt(re)
        if kind in ("laminar", "other") or kind.startswith("tu"):
            total += f"{kind}-flow" == "laminar-flow" and f * f
    return total


# A text that a loop changes: a machine of three states.
@case(lambda rng: (np.array([0.1, 0.4, 1.2, 0.3, 0.2, 0.9, 0.5]),))
def machine_of_states(x):
    state, seen, total = "idle", None, 0.0
    for i in range(1, len(x)):
        if state == "idle":
            if x[i] > x[i - 1]:
                state = "rising"
        elif state == "rising":
            total += x[i] ** 2 if seen is None else x[i] * seen
            if x[i] < x[i - 1]:
                state, seen = "falling", x[i]
        else:
            total += 3.0 * x[i]
            if x[i] > x[i - 1]:
                state = "rising"
    return total if state != "idle" else total + x[0]


@case(lambda rng: (np.array([0.5, 0.3]) + 0.01 * rng.normal(size=2),))
def states_of_a_while(x):
    mode, u, k = "explicit", x[0], 0
    while mode != "done" and k < 20:
        k += 1
        if mode == "explicit":
            u = u * 0.9 + x[1]
            if abs(u) > 1.0:
                mode = "implicit"
            continue
        u = u / 1.5
        if abs(u) < 0.4:
            mode = "done"
    return u * k


# Root finders: None, tuples with a word, lists of other lengths.
def bisected(f, lo, hi, c):
    low, high = f(lo, c), f(hi, c)
    if low * high > 0:
        return None
    for _ in range(8):
        mid = 0.5 * (lo + hi)
        at = f(mid, c)
        if low * at <= 0:
            hi, high = mid, at
        else:
            lo, low = mid, at
    return lo - low * (hi - lo) / (high - low)


@case(lambda rng: (np.array([2.1, 100.0, 7.3]) + 0.01 * rng.normal(size=3),))
def roots_or_none(c):
    total = 0.0
    for v in c:
        root = bisected(lambda x, c: x * x - c, 0.0, 5.0, v)
        total += -v if root is None else root**3
        again = bisected(lambda x, c: x**3 - c, 0.0, 3.0, v)
        if not again:
            total += v * v
        elif root is not None and root > 1.0:
            total += root * again
    return total


def quadratic(a, b, c):
    disc = b * b - 4 * a * c
    if disc < 0:
        return None, "complex"
    if a > 5.0:
        return -b / (2 * a), "steep"
    return (-b + math.sqrt(disc)) / (2 * a), "real"


@case(lambda rng: (np.array([[1.0, 5, 1], [1, 1, 3], [9, 8, 0.1]]) + rng.random(),))
def roots_with_a_word(rows):
    total = 0.0
    for a, b, c in rows:
        root, word = quadratic(a, b, c)
        if word == "complex":
            total += b * c
        else:  # what the word tells of the other
            total += root * a * (2.0 if word == "steep" else 1.0)
    return total


def halves(x):
    if x[0] > 0:
        return x[:2], x[2:]
    return (x,)


@case(lambda rng: (rng.random((3, 4)) * np.array([[1], [-1], [1]]),))
def tuples_of_unlike_lengths(rows):
    total = 0.0
    for row in rows:
        found = halves(row)
        if len(found) == 2:
            a, b = found
            total += a.sum() * b.sum()
        for k, part in enumerate(halves(row)):
            total += part.sum() ** 2 * (k + 1)
        for weight, part in zip((2.0, 0.5), found):  # noqa: B905
            total += part[0] * weight
    return total


# `best = None`: numbers, rows, lists, tuples, and arrays that are written later.
@case(lambda rng: (rng.normal(size=(5, 3)),))
def best_of_rows(points):
    best, path, last, low = None, None, None, 0.0
    for i in range(len(points)):
        d = (points[i] ** 2).sum()
        if best is None or d < best[0]:
            best, path = (d, i), [points[i, 0], points[i, 1] * 2.0]
        if points[i, 0] > 0.0:
            low += 0.0 if last is None else (points[i] * last).sum()
            last = points[i].copy()
    if best is None or path is None:
        return points.sum()
    last = last * 2 if last is not None else points[0]
    return best[0] * path[0] + path[1] * last.sum() + low + points[best[1], 2]


@case(lambda rng: (rng.normal(size=4), rng.normal()), argnums=(0, 1))
def one_thing_or_another(x, s):
    y = x * s
    w = y if s > -9.0 else None
    if w is not None:
        w[0] = w[1] * 3
    weight = 1.0 if x[0] > 0 else x * x
    other = x[0] if s > 0 else "negative"
    total = np.sum(weight * y) + (s * s if isinstance(other, str) else other)
    shift = None if s > 50.0 else s
    return total * (shift or 1.0) + (y * y).sum()


# Fields of records, dicts and tuples; objects of two classes.
@dataclass
class Walk:
    """A state with a word in it."""

    x: float
    phase: str = "start"
    count: int = 0


def walk_on(s, u):
    if s.phase == "start" and u > 0:
        s.phase = "go"
    if s.phase == "go":
        s.x += u * s.x
        s.count += 1
        if s.x > 3:
            s.phase = "stop"
    return s


@case(lambda rng: (np.array([-0.5, 0.3, 0.8, 0.9, 0.85, 0.4]),))
def words_in_fields(x):
    s, kept, pair = Walk(1.0), {"mode": "low", "acc": 0.0}, ("none", 0.0)
    for u in x:
        s = walk_on(s, u)
        if kept["mode"] == "low":
            kept["acc"] += u
            kept["mode"] = "high" if u > 0.7 else "low"
        else:
            kept["acc"] += u * u
        if u > pair[1]:
            pair = ("some", u)
    name, value = pair
    total = s.x * 2.0 if s.phase == "stop" else s.x + x[0] * s.count
    return total + kept["acc"] + (value * x[0] if name == "some" else 0.0)


class Controller:
    """One that is off at first, and remembers."""

    def __init__(self, k):
        self.k, self.mode, self.last = k, "off", None

    def update(self, e):
        if self.mode == "off":
            if abs(e) > 0.5:
                self.mode = "on"
            return 0.0
        d = 0.0 if self.last is None else e - self.last
        self.last = e
        if abs(e) < 0.1:
            self.mode = "off"
        return self.k * e + 0.1 * d


class Square:
    """A shape by its side."""

    def __init__(self, side):
        self.side = side

    def area(self):
        return self.side**2


class Disc:
    """A shape by its radius."""

    def __init__(self, radius):
        self.radius = radius

    def area(self):
        return math.pi * self.radius**2


@case(lambda rng: (np.array([1.0, 0.5]) + 0.01 * rng.normal(size=2),))
def objects_of_unlike_kinds(x):
    control, y, shape = Controller(x[1]), x[0], Square(x[0])
    for _ in range(6):
        y = y - control.update(y)
        shape = Disc(x[1]) if isinstance(shape, Square) else Square(y)
    total = (Square(y) if y > 9.0 else Disc(y)).area() + shape.area()
    if control.mode == "on":
        total += 5.0 * y
    return total


class Attempt(NamedTuple):
    """What was found, and how."""

    value: float
    flag: str
    error: float | None


def attempted(x):
    if x > 1:
        return Attempt(math.log(x), "ok", None)
    return Attempt(x - 1, "clipped", 1 - x)


def settings(x):
    if x > 1:
        return {"slope": x * x, "ok": True}
    return {"error": x}


ACTIONS = {"add": lambda a, b: a + b, "mul": lambda a, b: a * b}


@case(lambda rng: (np.array([0.5, 1.5, 2.5, -0.3]),))
def chosen_by_a_word(x):
    total, act = x[0], np.tanh
    for v in x:
        total = ACTIONS["mul" if v > 1 else "add"](total, act(v))
        act = np.sin if v > 0.7 else np.tanh
        found, given = attempted(v), settings(v)
        total += found.value
        if found.flag != "ok":
            total += 10 * found.error**2
        total += given["error"] if "error" in given else given["slope"]
    return total


# A number with no sign, in three cases, and the reason why a loop was left.
def sign_of(v):
    if v > 1:
        return True
    if v < -1:
        return False
    return None


@case(lambda rng: (np.array([3.0, 0.5, -2.0, 1.1]) + 0.01 * rng.normal(size=4),))
def three_truths(x):
    total, why = 0.0, None
    for v in x:
        known = sign_of(v)
        total += v * v if known is None else 3 * v if known else -v
        if v < 0:
            why = "negative"
            break
    method = "both" if total > 0 and why is not None else why
    if method == "both":
        return total * x[0]
    return total if method is None else -total


# Lists of words and of None: those that grow by case, in loops, and by a number.
def methods_for(re, pr):
    methods = []
    if re < 2000.0:
        methods.append("laminar")
    else:
        if pr < 0.1:
            methods.append("metal")
        methods.append("Dittus")
    return methods


def nusselt(re, pr, method=None):
    if method is None:
        method = methods_for(re, pr)[0]
    if method == "laminar":
        return 3.66 * pr
    if method == "Dittus":
        return 0.023 * re**0.8 * pr**0.4
    if method == "metal":
        return 5 + re * pr
    raise ValueError(f"unknown method {method}")


@case(lambda rng: (np.array([[1e3, 0.7], [5e3, 0.7], [5e3, 0.01]]) + rng.random(),))
def methods_by_case(rows):
    total = 0.0
    for re, pr in rows:
        known = methods_for(re, pr)
        for method in known:
            total += nusselt(re, pr, method)
        if "metal" in known:
            total *= 2.0
        total += nusselt(re, pr) / len(known) + nusselt(re, pr, "laminar")
    return total


@case(
    lambda rng: (np.array([0.1, 0.4, 1.2, 0.35, 0.2, 0.9]), np.array([0, 2, 1, 1, 0, 2]))
)
def words_in_lists(x, k):
    seen, stack, found, names = ["idle"], ["a"], [], ["add", "mul", "sin"]
    state, total = "idle", 1.0
    for i in range(1, len(x)):
        if state != "up":
            state = "up" if x[i] > x[i - 1] else "down"
        elif x[i] < x[i - 1]:
            state = "down"
        seen.append(state)
        found.append(x[i] ** 2 if state == seen[-2] else None)
        if x[i] > 0.3:
            stack.append("b")
        elif len(stack) > 1:
            stack.pop()
        total += x[i] if stack[-1] == "a" else x[i] ** 3
        name = names[k[i]]
        if name != "mul":
            total = total + x[i] if name == "add" else math.sin(total)
        else:
            total *= x[i] + 1.0
    for i, word in enumerate(seen):
        total += {"idle": 0.5, "up": x[i] ** 2, "down": -x[i]}[word]
    for each in found:
        total += 0.0 if each is None else each * x[0]
    node = 0
    while node is not None and total < 1e3:
        total += x[node] ** 2
        node = node + 2 if node < 3 else None
    cut = 3 if seen[1] == "up" else None
    return total + (x[:cut] ** 2).sum() * seen.count("down")


@case(lambda rng: (rng.standard_normal((4, 2, 2)),))
def sum_of_arrays_found(x):
    found = []
    for a in x:
        if a[0, 0] > -9.0:
            found.append(a @ a.T)
    mean = sum(found) / len(found)
    return np.linalg.eigvalsh(mean)[0] + mean[0] @ x[0, 0]


# What the first turn makes is there in the others: it is read apart.
@case(lambda rng: (rng.normal(), 4))
def entries_that_the_first_turn_makes(x, n):
    found = {}
    for k in range(n):
        x = math.sin(x) + 0.1 * k
        found["x"] = x * 2
        if x > 5:
            break
    while found["x"] < 3.0:
        found["y"] = found.get("y", 1.0) * found["x"]
        found["x"] = found["x"] + 1.0
    return found["x"] * found["y"] + x
