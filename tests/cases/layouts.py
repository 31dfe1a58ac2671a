"""Matrices that loops walk down, and such as are also walked along."""

import numpy as np

from tests.cases import case


# Columns made orthogonal: all matrices are walked down.
@case(lambda rng: (rng.normal(size=(4, 3)),))
def columns_made_orthogonal(a):
    q, r = np.zeros_like(a), np.zeros((3, 3))
    for k in range(3):
        r[k, k] = np.sqrt(np.dot(a[:, k], a[:, k]))
        q[:, k] = a[:, k] / r[k, k]
        for j in range(k + 1, 3):
            r[k, j] = np.dot(q[:, k], a[:, j])
            a[:, j] -= q[:, k] * r[k, j]
    return np.sum(r * r * r) + np.sum(q * np.arange(12.0).reshape(4, 3))


# A matrix that is walked down in the innermost loops, another as a whole at the end.
@case(lambda rng: (rng.normal(size=(4, 3)), 3), argnums=0)
def columns_carried_on(a, n):
    b = np.zeros_like(a)
    for k in range(n):
        for j in range(3):
            for i in range(4):
                b[i, j] = b[i, j] * a[i, j] + a[i, k] * b[i, j - 1] + 0.5
    return np.sum(b * b) + np.sum(b @ a.T)


# Two matrices that change places, both walked down.
@case(lambda rng: (rng.normal(size=(4, 3)), 3), argnums=0)
def columns_change_places(a, n):
    old, new = a.copy(), np.zeros((4, 3))
    for k in range(n):
        for j in range(3):
            for i in range(4):
                new[i, j] = old[i, j] * a[i, k] - old[i - 1, j]
        old, new = new, old
    return np.sum(old * old * a)


# A matrix walked along and down in one loop stays as it is.
@case(lambda rng: (rng.normal(size=(4, 4)), 2), argnums=0)
def walked_both_ways(a, n):
    for k in range(n):
        for i in range(4):
            for j in range(4):
                a[i, j] += a[j, i] * a[i, k]
    return np.sum(a * a)


# A matrix that a loop takes as a whole stays as it is.
@case(lambda rng: (rng.normal(size=(3, 4)), 2), argnums=0)
def taken_as_a_whole(a, n):
    b, s = a.copy(), 0.0
    for k in range(n):
        for j in range(4):
            for i in range(3):
                b[i, j] = b[i, j] * a[i, k]
        s += np.sum(np.linalg.norm(b[1])) + np.sum(b @ a.T)
    return s


# A loop downwards beyond zero: subscripts count from the end.
@case(lambda rng: (rng.normal(size=6),))
def downwards_beyond_zero(x):
    s = 0.0
    for i in range(2, -4, -1):
        for j in range(3):
            s += x[i + j] * x[j] * (i + 0.5)
    return s


# Room that an arm needs for itself alone.
@case(lambda rng: (np.array([0.5, -1.0, 2.0, 1.5]),))
def room_in_an_arm(x):
    s = 0.0
    for i in range(4):
        if x[i] > 0:
            y = np.empty(3)
            for j in range(3):
                y[j] = np.sin(x[j] * x[i])
            s += y[0] * y[2] + np.sum(y * y[1])
        elif i > 1:
            z = x * x[i]
            z[1:] *= z[:-1]
            s += z[3] * z[2]
    return s


# What an arm makes is read in the next turn.
@case(lambda rng: (np.array([0.5, -1.0, 2.0, 1.5]),))
def kept_for_the_next_turn(x):
    old, s = np.ones(3), 0.0
    for i in range(4):
        if x[i] > 0:
            new = np.empty(3)
            for j in range(3):
                new[j] = old[2 - j] * x[j] + x[i]
            old = new
        s += old[0] * old[1] * old[2]
    return s


# Room whose size is a length only where it is made.
@case(lambda rng: (np.array([0.5, -1.0, 2.0, 1.5]), 3))
def room_where_it_is_known(x, n):
    s = 0.0
    for i in range(4):
        if i < n:
            y = x[i] * x[: n - i]
            y[0] = y[n - i - 1] * x[0]
            s += y[0]
    return s


# The innermost loops run over the middle axis, the outermost over the last one.
@case(lambda rng: (rng.uniform(0.5, 1.5, size=(3, 4, 5)), rng.normal(size=(4, 4, 5)),
                   rng.normal(size=(3, 4))), argnums=(0, 1, 2))  # fmt: skip
def columns_of_the_air(u, w, g):
    ni, nj, nk = u.shape
    c, d = np.empty_like(u), np.zeros((ni, nj, nk))
    c[:, :, 0] = g * u[:, :, 0]
    for k in range(1, nk):
        a = 0.1 * (w[1:, :, k] + w[:-1, :, k])
        c[:, :, k] = g * u[:, :, k] / (3.0 + a * c[:, :, k - 1])
        d[:, :, k] = (u[:, :, k] - d[:, :, k - 1] * a) * c[:, :, k] + u[:, :, k - 1]
    for k in range(nk - 2, -1, -1):
        d[:, :, k] -= c[:, :, k] * d[:, :, k + 1] + u[:, :, k] * u[:, :, k + 1]
    return np.sum(d * d)


@case(lambda rng: (rng.normal(size=(2, 3, 2, 4)),))
def four_axes_walked_in_another_order(x):
    y = np.zeros((2, 3, 2, 4))
    total = 0.0
    for l in range(4):
        for j in range(3):
            for k in range(2):
                for i in range(2):
                    t = x[i, j, k, l] * x[1 - i, j, k, l]
                    y[i, j, k, l] = t * x[i, j, k, 3 - l]
                    total += y[i, j, k, l] * np.sin(y[i, 2 - j, k, l]) * (i + 1)
    return total + np.sum(y)


@case(lambda rng: (rng.normal(size=(2, 1, 2, 1, 2)),))
def five_axes_walked_backward(x):
    total = 0.0
    for a in range(2):
        for b in range(2):
            for k in range(3):
                for c in range(2):
                    total += np.sin(x[c, 0, b, 0, a] * (k + 1)) * x[c, 0, 1 - b, 0, a]
    return total


# What the only turn of a loop has checked holds behind it; what none has does not.
@case(lambda rng: (rng.normal(size=4), rng.normal(size=4), rng.normal(size=1), 0))
def checked_in_the_only_turn(x, y, z, n):
    s = x * 0.0
    for k in range(1):
        s += x * y * (k + 1)
    for k in range(n):
        s += (x + z) * k
    t = x * z
    for k in range(2):
        t = t * (s + y) + z
    return np.sum(t * y)


# Parts of a view that is not contiguous are not either.
@case(lambda rng: (rng.normal(size=6), rng.normal(size=(4, 6))), argnums=(0, 1))
def parts_of_reversed_views(x, a):
    s = np.sum(x[3::-1][1:]) * np.sum(x[::2][:2]) + np.max(x[4:0:-1][1:])
    b = a[:, ::2]
    return s * np.sum(b[1]) + np.sum(b[2:][0] * x[:3]) + np.prod(a.T[1:3][1])


# A scaled matrix that two products read; the matrix is another one between them.
@case(lambda rng: (rng.normal(size=(3, 3)), rng.normal(size=3), 1.5))
def scaled_before_a_change(a, x, s):
    a = a.copy()
    b = s * a
    y = b @ x
    a[0] = y
    return np.sum(np.sin(b @ y)) + np.sum(a * a)


# Shifted sums of an array that was read in the order of another one.
@case(lambda rng: (rng.normal(size=6), rng.normal(size=6), rng.normal(size=5)))
def steps_in_order(x, y, g):
    z = x * y
    steps = np.sort(np.diff(z) + g)
    return np.sum(np.cos(steps) * z[1:] * steps)
