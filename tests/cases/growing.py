"""Lists whose length is known at run time only: of tuples, records, dicts and lists."""

from collections import deque, namedtuple
from dataclasses import dataclass

import numpy as np

from tests.cases import case
from tests.cases.inputs import near

State = namedtuple("State", ["t", "y"])
TABLE = [(0, 1.5), (2, 2.5)]
LEVELS = [1.0, 2.0, 3.0]
ROWS = [[1.0, 2.0], [3.0, 4.0]]


@dataclass
class Particle:
    x: float
    v: float


@dataclass
class Blob:
    place: np.ndarray
    mass: float


def _x(rng):
    return near(rng, 0.7, -0.4, 0.9, 0.2, 1.1)


# A path of pairs is extended at its end, then read in all the common ways.
@case(lambda rng: (_x(rng), 7))
def path_of_pairs(x, n):
    path = [(0.0, x[0])]
    while path[-1][0] < 0.1 * n - 0.05:
        t, y = path[-1]
        path.append((t + 0.1, y * x[1] + x[2]))
    times, values = zip(*path)
    whole = np.array(path)
    total = sum(t * y for t, y in path) + sum(p[1] for p in path[2:])
    for k, (t, y) in enumerate(path):
        total += k * t * y
    for (s, u), (t, v) in zip(path[:-1], path[1:]):
        total += 0.5 * (t - s) * (u + v) ** 2
    total += np.array([p[1] for p in path]).sum() + (whole[:, 0] * whole[:, 1]).sum()
    return total + sum(values) * sum(times) + path[2][1] * len(path)


# Tuples in tuples, arrays beside numbers, texts; some are left out, one is replaced.
@case(lambda rng: (_x(rng), 6))
def tuples_of_many_kinds(x, n):
    path, named = [], []
    y = x[:2] * 1.0
    for i in range(n):
        y = np.tanh(y * x[2]) + x[3]
        if i != 2:
            path.append((i, (y, x[0] * i)))
        named.append(("level", i if i < 3 else 0.5, y[0]))
    path[-1] = (7, (x[:2], x[4]))
    path[1][1][0][0] = x[3] * x[4]
    total = 0.0
    for i, (v, a) in path:
        total += i * (v * v).sum() * a
    for name, i, a in reversed(named):
        total += i * a if name == "level" else a
    return total


# Namedtuples, objects, dicts and short lists.
@case(lambda rng: (_x(rng), 5))
def records_that_grow(x, n):
    states, objects, dicts, rows = [State(0.0, x[0])], [], [], []
    for i in range(n):
        s = states[-1]
        states.append(State(s.t + 0.1, s.y * x[1] + x[2]))
        objects.append(Particle(x[0] * i, x[1] + i))
        dicts.append({"step": i, "loss": x[3] * i})
        rows.append([x[4] * i, x[1] ** 2])
    total = sum(s.y**2 for s in states) * states[2].y
    total += sum(p.x * p.v for p in objects) + objects[-1].v
    total += sum(d["step"] * d["loss"] ** 2 for d in dicts)
    return total + sum(a * b for a, b in rows) + (np.array(rows) ** 2).sum()


# A stack and a queue of tuples.
@case(lambda rng: (_x(rng), 5))
def stack_and_queue_of_tuples(x, n):
    stack, s = [(x[0], 0)], 0.0
    while stack:
        v, d = stack.pop()
        s += v * v
        if d < n:
            stack.append((v * x[1], d + 1))
            stack.append((np.sin(v), d + 2))
    queue = deque([(x[2], 0)])
    while queue:
        v, d = queue.popleft()
        s += v * d
        if d < n:
            queue.append((v * x[3], d + 1))
            queue.append((np.cos(v), d + 2))
    return s


# Items of several types by an index: each field keeps its own.
@case(lambda rng: (_x(rng), [(1, 2.0), (0, 4.0)], 6), argnums=(0, 1))
def mixed_items_by_index(x, pairs, n):
    objects = [Particle(x[0], 1.0), Particle(x[1], 2.0), Particle(x[2], x[3])]
    s = 0.0
    for i in range(n):
        k, w = pairs[i % 2]
        s += w * x[k] * TABLE[i % 2][1] * x[TABLE[i % 2][0]]
        for j in range(i):
            s += objects[i % 3].x * objects[j % 3].v
    k = 0
    found = [(x[0], 0)]
    while k < n:
        v, d = found[k]
        found.append((v * x[1] + 1.0, d + 1))
        k += 1
    return s + found[k][0] * found[-1][1]


# Lists of unlike lengths in two arms, and from turn to turn.
@case(lambda rng: (_x(rng), 1, 3), argnums=0)
def lists_of_unlike_lengths(x, few, n):
    if few > 2:
        values, pairs = [x[0], x[1] * x[0]], [(x[0], 1)]
    else:
        values, pairs = [1, x[1], x[2] * x[1]], [(x[0], 2), (x[1], 3)]
    rows = [x] if few else [x, x * x]
    some = []
    if n > few:
        some = [x[3], x[4]]
    front = [x[0]]
    for i in range(n):
        new = []
        for v in front:
            new.append(v * x[1])
            if i % 2:
                new.append(np.sin(v))
        front = new + [2]
    total = sum(v * v for v in values) + values[-1] * len(values) + sum(some)
    total += sum((r * r).sum() for r in rows) + sum(v * k for v, k in pairs)
    return total + sum(v * k for k, v in enumerate(front))


# `[None] * n`, filled in any order.
@case(lambda rng: (_x(rng), 6))
def list_of_none_is_filled(x, n):
    ys, back, pairs, memo = [None] * n, [None] * n, [None] * n, [None] * 12
    ys[0] = x[0]
    for i in range(1, n):
        ys[i] = ys[i - 1] * x[1] + x[2]
        pairs[i] = (ys[i], i)
    pairs[0] = (x[4], 1)
    for i in range(n - 1, -1, -1):
        back[i] = ys[i] ** 2
        ys[i] = ys[i] * x[3]
    memo[0] = memo[1] = x[0]
    for i in range(2, 12):
        if memo[i] is None:
            memo[i] = memo[i - 1] * x[1] + memo[i - 2]
    total = sum(a * k for a, k in pairs) + memo[11] + len(back)
    return total + np.array(ys).sum() * ys[-1] + sum(u * v for u, v in zip(ys, back))


# The same of arrays, whose elements are written.
@case(lambda rng: (_x(rng), 4))
def list_of_none_holds_arrays(x, n):
    weights, hidden = [None] * n, [None] * (n + 1)
    hidden[0] = x
    for i in range(n):
        weights[i] = np.outer(x, x) * 0.1 * i
        h = np.tanh(weights[i] @ hidden[i])
        hidden[i + 1] = h
    weights[1][0, 1] = x[2]
    total = (np.stack(weights) ** 2).sum()
    for w, h in zip(weights, hidden[1:]):
        total += (w @ h).sum()
    return total


# Tables as lists of lists.
@case(lambda rng: (_x(rng), 4))
def tables_of_lists(x, n):
    m = len(x)
    table = [[0.0] * (m + 1) for _ in range(n + 1)]
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            step = x[j - 1] * i + 0.5 * table[i - 1][j]
            table[i][j] = step + table[i - 1][j - 1] * x[0]
    half = n // 2
    rows = [[x[0]] * half for _ in range(n)]
    for i in range(n):
        rows[i] = [x[1] * j * i for j in range(half)]
    return table[n][m] + sum(sum(r) for r in rows) + sum(table[1])


# Methods of lists that grow.
@case(lambda rng: (_x(rng), 5))
def methods_of_growing_lists(x, n):
    a = [x[i] * x[0] for i in range(n)]
    a.insert(0, x[1])
    a.insert(-1, x[2])
    a.reverse()
    first, second = a.pop(0), a.pop(-2)
    del a[1]
    b = a.copy()
    b.insert(9, x[4])
    del b[1:3]
    c = a + b + [x[3]]
    c.sort()
    d = [x[0], x[1]] * n
    d.remove(x[1])
    last = d[:]
    last.clear()
    last.append(x[2] * d.count(x[0]))
    place = c.index(max(c))
    pairs = [(v, k) for k, v in enumerate(c)]
    pairs.insert(1, (x[0], 3))
    pairs.reverse()
    pairs.extend([(x[1], 4), (x[2], 5)])
    best = max(pairs, key=lambda p: p[0])
    total = last[0] * len(last) + sum(v * k for k, v in enumerate(a)) + first * second + place * c[place]
    total += sum(v * k for k, v in enumerate(c)) + sum(v * k for k, v in enumerate(d))
    ordered = sorted(pairs, key=lambda p: p[1], reverse=True)
    return total + sum(v * k * k for v, k in ordered) + best[0] + len(b)


# Tuples in order, of known number and not; equal ones stay as they stand.
@case(lambda rng: (_x(rng), 5))
def tuples_in_order(x, n):
    pairs = []
    for i in range(n):
        pairs.append((i % 2, x[i]))
    s = sum(k * v for k, (_, v) in enumerate(sorted(pairs)))
    pairs.sort(key=lambda p: (-p[0], p[1]), reverse=True)
    s += sum(k * v for k, (_, v) in enumerate(pairs)) * max(pairs)[1]
    first, best = min((x[1], 2.0), (x[0], 3.0)), (-9.0, 0)
    for i in range(n):
        best = max(best, (x[i], i))
        if (1, x[i]) >= pairs[-1]:
            s += x[i] ** 3
    return s * first[1] + best[0] * best[1] + sorted([[x[0], x[1]], [x[2], x[3]]])[0][1]


# A stack that is looped over, read from its front, cut and written.
@case(lambda rng: (_x(rng), 5))
def stack_read_as_a_list(x, n):
    stack, s = [], 0.0
    for i in range(n):
        stack.append((x[i], i))
    while len(stack) > 2:
        v, k = stack.pop()
        s += v * stack[0][0] + sum(a * b * k for a, b in stack)
        if k == n - 1:
            stack[1] = (v * v, 2)
    return s + sum(a * b for a, b in stack[1:]) + np.array(stack)[0, 0] ** 2


# Rows that are lists stay lists: `*` repeats them, `+` joins them.
@case(lambda rng: (_x(rng), 4))
def rows_that_are_lists(x, n):
    table, rows = [[x[0]] * n for _ in range(n)], []
    for i in range(n):
        row = [0.0] * n
        row[1] = x[i] * i
        rows.append((row, i))
    table[0] = [x[1], x[2] * x[0]] * (n // 2)
    table.append([x[3]] * n)
    joined = table[0] + rows[2][0] * 2
    return sum(v * k for k, v in enumerate(joined)) + len(joined) * table[-1][0]


# Windows: the last items of a deque, of a list.
@case(lambda rng: (_x(rng), 9))
def windows_of_lists(x, n):
    last, window, s = deque(maxlen=3), [], 0.0
    for i in range(n):
        last.append(x[i % 5] * i)
        window.append(x[i % 5] + i)
        if len(window) > 4:
            window.pop(0)
        s += sum(last) ** 2 / len(last) + sum(window) * last[0]
    return s


def _curve(t, a, b, c):
    return a * np.exp(-b * t) + c


# `*` of an array and its parts.
@case(lambda rng: (_x(rng)[:3], 4))
def arguments_from_an_array(p, n):
    t = np.linspace(0.0, 1.0, 5)
    s = (_curve(t, *p) ** 2).sum() + _curve(0.5, *p * p)
    for i in range(n):
        s += State(*(p * i)[:2]).y + (lambda a, b: a * b)(*p[1:])
    return s


# Arrays in a list that grows, joined along an axis.
@case(lambda rng: (_x(rng), 3))
def growing_lists_joined(x, n):
    rows, squares, numbers = [], [], []
    for i in range(n):
        rows.append(np.array([x[0] * i, x[1]]))
        squares.append(np.outer(x[:2], x[2:]) * i)
        numbers.append(x[i] * i)
    w = np.arange(2.0 * n)
    total = np.concatenate(rows) @ w + (np.vstack(rows).T @ w[:n]).sum()
    total += (np.column_stack(rows) @ w[:n]).sum() + np.hstack(rows) @ w
    total += (np.stack(squares, axis=-1) @ w[:n]).sum() * np.hstack(numbers).sum()
    total += (np.concatenate(squares, axis=1) ** 2).sum() * np.vstack(numbers)[1, 0]
    total += (np.hstack(squares) * np.column_stack(squares)).sum()
    return total + (np.vstack(squares)[:, 0] @ w[: 2 * n]) * np.column_stack(numbers)[0, 1]


# Lists in lists that are made in each turn, and by a helper.
@case(lambda rng: (_x(rng), 3))
def pairs_made_in_each_turn(x, n):
    def walk(start, n):
        out = []
        for i in range(n):
            start = start * x[1] + 1.0
            out.append((i, start))
            if start > 50.0:
                return out
        return out

    runs = []
    for i in range(n):
        run = [(x[0] * j, x[2] * i) for j in range(n)]
        runs.append((i, sum(a * b for a, b in run), walk(x[i], n)[-1][1]))
    return sum(i * a * b for i, a, b in runs)


# Copies of what is changed later are items of their own; arrays in items are views.
@case(lambda rng: (_x(rng), 4))
def items_and_their_copies(x, n):
    log, rows, blobs = [], [], [Blob(x * i, x[0]) for i in range(n)]
    state, row = {"a": x[0], "b": 1.0}, [x[0], x[1]]
    for i in range(n):
        state["a"] = state["a"] * x[1]
        row[0] = row[0] + x[2]
        log.append(dict(state))
        log.append({**state, "b": x[3]})
        rows.append(list(row))
    blobs[2].place[0] = x[3] * 9.0
    for blob in blobs:
        blob.place[1] = blob.mass * 3.0
    total = sum(d["a"] * d["b"] for d in log) + sum(a * b for a, b in rows)
    return total + sum((b.place**2).sum() * b.mass for b in blobs)


# Copies of copies hold what the first holds, sorted lists too.
@case(lambda rng: (_x(rng), 4.0), refused="one memory on one path")
def array_in_a_copy_of_a_copy(x, n):
    y = x * 2
    first = [y for _ in range(int(n))]
    third = first[:][:]
    y[0] = x[1]
    return sum(v.sum() for v in third)


@case(lambda rng: (_x(rng), 4.0), refused="one memory on one path")
def array_in_a_sorted_list(x, n):
    rows = [x * i for i in range(int(n))]
    row = rows[1]
    rows.sort(key=lambda r: -r[0])
    row[0] = x[1]
    return sum(k * r.sum() for k, r in enumerate(rows))




# One object that stands in all places of a list, and is changed.
@case(lambda rng: (_x(rng), 4.0), refused="one memory on one path")
def one_object_in_all_places(x, n):
    p, out = Particle(x[0], x[1]), []
    for _ in range(int(n)):
        p.x = p.x + x[2]
        out.append(p)
    return sum(q.x * q.v for q in out)


# An item that was read, and is then changed in the list.
@case(lambda rng: (_x(rng), 4.0), refused="one memory on one path")
def item_changed_in_the_list(x, n):
    out = [[x[0] * i, x[1]] for i in range(int(n))]
    row = out[1]
    out[1][0] = x[2]
    return row[0] * x[0]


# Numbers and rows of a list outside are written at a place that is not known.
@case(lambda rng: (_x(rng), 4), refused="captured global written")
def captured_list_written(x, n):
    for i in range(n):
        LEVELS[i % 2] = x[0]
    return LEVELS[0] * LEVELS[1]


@case(lambda rng: (_x(rng), 4), refused="captured global written")
def captured_rows_written(x, n):
    for i in range(n):
        row = ROWS[i % 2]
        row[0] = x[0] * x[0]
    return ROWS[0][0]


# Each turn makes a shorter list: cotangents of its arrays differ in number.
@case(lambda rng: (rng.normal(size=(4, 2)), 0.35), argnums=(0, 1))
def point_by_de_casteljau(control_points, t):
    points = [np.array(p) for p in control_points]
    while len(points) > 1:
        points = [(1 - t) * p0 + t * p1 for p0, p1 in zip(points[:-1], points[1:])]
    return np.linalg.norm(points[0])


# A list becomes an array in each turn, before it has all its items.
@case(lambda rng: (rng.uniform(1, 2, size=4),))
def packed_while_it_grows(x):
    sums, total = [], 0.0
    for i in range(len(x)):
        sums.append(x[i] * 2)
        z = np.array(sums)
        sums[-1] = z.sum()
        total += z @ z
    return total + sum(sums)


@case(lambda rng: (rng.standard_normal(6),))
def limited_in_arms(x):
    last, rows, s = deque(maxlen=2), deque(maxlen=3), 0.0
    for k in range(len(x)):
        if last:
            s += last[-1] * last[0] + rows[-1][0]
        for i, (a, row) in enumerate(zip(reversed(last), rows)):
            s += i * a * row[1]
        if x[k] > -0.3:
            last.append(x[k] * 2)
            rows.append(x[:2] * x[k])
    return s


@case(lambda rng: (rng.standard_normal(6),))
def a_list_where_none_was(x):
    kept, other = None, None
    for v in x:
        if v > 0.0:
            if kept is None:
                kept = []
            kept.append(v)
        elif other is None:
            other = [v]
        else:
            other.append(v * v)
    s = 0.0 if other is None else sum(other)
    return s if kept is None else s + sum(v * v for v in kept)


# A list that an arm lets go of has grown there before.
@case(lambda rng: (rng.normal(size=5), 0))
def longer_in_an_arm_and_let_go(x, k):
    y, z = [x[0], x[1]], [x[2]]
    if k < 0:
        y.append(x[0])
        y.insert(1, x[1])
    else:
        y.append(x[1] * 2.0)
        y.append(x[1] * 3.0)
        y.insert(2, x[3])
    for i in range(len(x)):
        z.append(x[i])
        if x[i] > k:
            z.append(x[0])
            z.insert(1, x[1])
        else:
            z += z[:2]
    total = 0.0
    for kept in (y, z):
        for a, b in zip(kept, kept[1:]):
            total += a * b
    return total


# The arm of an arm lets go of the list that the outer one has made longer.
@case(lambda rng: (near(rng, 0.3, 0.5, 0.7), 0.0))
def longer_in_an_arm_and_let_go_in_another(x, limit):
    z = [x[1]]
    if x[1] > limit:
        z.append(x[0] * 0.5)
        if x[2] > limit:
            z = [x[2], x[0]]
    return z[0] * z[-1]
