"""Names that exchange their arrays while something else still reaches one of these."""

import numpy as np

from tests.cases import case


# What a loop runs over is written under either name.
@case(lambda rng: (rng.normal(size=6), rng.normal(size=6), 0.7), argnums=(0, 1, 2))
def exchanged_while_run_over(x, y, s):
    t = 0.0
    for k, (e, d) in enumerate(zip(x, y[::-1])):
        x[k] = 0.5 * d + np.cos(e)
        if x[0] > y[k - 1]:
            x, y = y, x
        y[1:] += 0.1 * x[:-1]
        t += e * d
    return t * s + np.sum(x * x[::-1]) - y[0] * x[5]


# New arrays, and parts of such, take the place of what is run over.
@case(lambda rng: (rng.normal(size=6), rng.normal(size=6), 0.7), argnums=(0, 1, 2))
def replaced_while_run_over(x, y, s):
    t = s
    for e in x:
        x[3] *= np.cos(e)
        y[1] += 0.3 * x[3]
        t += e * y[1]
        if y[1] > 0.2:
            x = np.tanh(y * t)
        elif t > 0.5:
            y = np.convolve(x, [0.5, -0.2])[1:]
        x[1:3] += e
    return t + np.sum(x * y)


# Other names, views and a list see what is written under the exchanged ones.
@case(lambda rng: (rng.normal(size=6), rng.normal(size=6), 0.7), argnums=(0, 1, 2))
def exchanged_with_other_names(x, y, s):
    w, v, pair = x, y[1:4], [x, y]
    for e in w:
        x, y = y, x
        w[2] = e * s
        v *= 0.9
        if e > 0:
            w = y
        pair[1][3] += v[0] * x[1]
        x[0] += v[1]
    return np.sum(w * x) + np.sum(v * y[:3]) * w[0] + np.sum(pair[0] ** 2)


# Parts of one are stored into the other, and sums of both into either.
@case(lambda rng: (rng.normal(size=6), rng.normal(size=6), 0.7), argnums=(0, 1, 2))
def stored_into_each_other(x, y, s):
    order = np.array([2, 0, 3, 2])
    for e in x:
        x[1:] = y[:-1]
        y[order] += 0.1 * x[2:]
        x[:] = y[::-1]
        x, y = y, x
        x += y
        y *= x[::-1]
        x /= 1.0 + y * y
        y[y > 0.4] *= 0.5 * e
    return np.sum(x * y) * s


# Matrices, walked by rows, reshaped and turned.
@case(lambda rng: (rng.normal(size=4), rng.normal(size=4), 0.7), argnums=(0, 1, 2))
def matrices_exchanged(x, y, s):
    a, b = np.outer(x, y), np.outer(y, y) * s
    flat, turned = a.reshape(-1), b.T
    for row in a:
        row[1] = s * row[0]
        a[1] += 0.1 * b[2]
        if row[2] > 0.0:
            a, b = b, a
        b[:, 1] *= row[3]
        turned[2] += 0.1 * flat[4:8]
    return np.sum(a * b) + a[1, 2] * flat[9] + np.sum(turned @ x)


# A helper writes to both; a name is bound on some turns only.
@case(lambda rng: (rng.normal(size=6), rng.normal(size=6), 0.7), argnums=(0, 1, 2))
def handed_to_a_helper(x, y, s):
    t = 0.0
    for i, e in enumerate(y):
        t += mixed(x, y, s) * e
        if t > e or i == 2:
            x, y = y, x
            q = x
        t += mixed(y[1:], x[:-1], 0.3)
        if i > 3:
            q[2] = t
    return t + np.sum(q * y)


def mixed(u, v, c):
    for i in range(len(u)):
        u[i] = 0.5 * v[i - 1] + c * u[i]
    return u[2]


# Three names in a ring, in loops inside each other, in float32.
@case(
    lambda rng: (rng.normal(size=4).astype("float32"), np.ones(4, "float32"), 3),
    argnums=(0, 1),
)
def exchanged_in_a_ring(x, y, n):
    z = x + y
    for _ in range(n):
        for e in z:
            x, y, z = z, x, y
            x[1:] += 0.2 * e * y[:-1]
            y[:1] = np.sin(x[2:3])
        z *= 0.8
    return np.sum(x) + np.dot(y, z)


# A `while` whose test reads one of them.
@case(lambda rng: (rng.normal(size=6), rng.normal(size=6), 0.7), argnums=(0, 1, 2))
def exchanged_until_a_test(x, y, s):
    c, w = 0, x[::-1]
    while c < 5 and np.sum(x) < 50.0:
        c += 1
        w[c] = np.sin(y[c]) * s
        if c == 4:
            break
        x, y = y, np.cos(x) * y[0]
        y[c] = w[0]
    return np.sum(x * y) + np.sum(w)


# A growing list whose items are stored into each other, by parts with two steps.
@case(lambda rng: (rng.normal(size=5), 3), argnums=0)
def items_of_a_growing_list_shifted(x, n):
    rows = []
    for i in range(n):
        rows.append(x * i)
        rows[-1][1:] = rows[-1][:-1]
        rows[0][:3] = rows[-1][2:]
        rows[-1][:] = rows[0][::-1]
    return np.sum(rows[1] ** 2) + rows[n - 1] @ rows[0]


# Rows of lists that change places: nobody else has a name for them.
@case(lambda rng: (rng.random((3, 3)) + 0.1, rng.random(3)), argnums=(0, 1))
def elimination_in_lists(a, b):
    n = len(b)
    m = [[*a[i], b[i]] for i in range(n)]
    for c in range(n):
        p = max(range(c, n), key=lambda r: abs(m[r][c]))
        m[c], m[p] = m[p], m[c]
        for r in range(c + 1, n):
            f = m[r][c] / m[c][c]
            for k in range(c, n + 1):
                m[r][k] -= f * m[c][k]
    x = [0.0] * n
    for i in range(n - 1, -1, -1):
        x[i] = (m[i][n] - sum(m[i][k] * x[k] for k in range(i + 1, n))) / m[i][i]
    return sum(t * t for t in x)


@case(lambda rng: (rng.random((4, 3)),))
def rows_put_in_order(x):
    points, arrays, k = [], [row * 2.0 for row in x], int(np.argmin(x[:, 1]))
    for a, b, c in x:
        points.append([a, b * c])
    for i in range(len(points)):
        for j in range(len(points) - 1 - i):
            if points[j][0] > points[j + 1][0]:
                points[j], points[j + 1] = points[j + 1], points[j]
    points[0], points[1], points[2] = points[1], points[2], points[0]
    arrays[0], arrays[k] = arrays[k], arrays[0]
    total = 0.0
    for k, (point, row) in enumerate(zip(points, arrays, strict=True)):
        row *= 2.0
        total += (k + 1) * (point[0] * point[1] + row @ row * row[0])
    return total


# What has a name besides stays what it was.
@case(lambda rng: ([[1.0, 2.0], [3.0, 4.5], [0.3, 0.2]],))
def rows_with_other_names(given):
    k, rows, own = 0, [given[0], given[1]], [[], []]
    for i in range(len(given)):
        if given[i][0] < given[k][0]:
            k = i
    rows[0], rows[1] = rows[1], rows[0]
    given[0][0] = given[k][1] * 5
    first = own[0]
    for t in given[1]:
        own[0].append(t)
        own[1].append(t * t)
    own[0], own[1] = own[1], own[0]
    for t in given[2]:
        first.append(t**3)
    total = rows[1][0] * rows[0][1] + given[1][0]
    return total + sum(own[1]) * own[0][0] + len(own[1])


# The first items of the keys are the same: the others decide.
@case(lambda rng: (rng.random((5, 2)),))
def texts_in_order(x):
    found = {}
    for name, column in zip(("len", "wid"), x.T, strict=True):
        found.setdefault(f"{name}_mean", column.mean())
        found[f"{name}_std"] = column.std(ddof=1)
    total = 0.0
    for k, name in enumerate(sorted(found, key=lambda s: (len(s), s)), start=1):
        total += found.pop(name) / k
    return total + len(found)
