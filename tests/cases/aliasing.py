"""Views, overlaps and shared arrays: who sees which write."""

import numpy as np

from tests.cases import case
from tests.cases.inputs import near, positive


# Writes through a slice view.
@case(lambda rng: (rng.normal(size=6),))
def write_through_slice_view(x):
    y = x * x
    v = y[2:5]
    v[0] = x[0] * x[1]
    v *= 2.0
    v[1:] += v[:-1]
    return (y * y).sum()


# `row = A[i]; row /= row.sum()` (JAX and autograd silently wrong).
@case(lambda rng: (positive(rng, 3, 4),), sample=True)
def row_normalised_in_place(A):
    for i in range(A.shape[0]):
        row = A[i]
        row /= row.sum()
    return (A * A).sum() + A[0, 0] * A[2, 3]


# `row = A[i]; row *= row[0]`: row[0] is read once, before the write.
@case(lambda rng: (rng.normal(size=(3, 4)),))
def row_scaled_by_its_first(A):
    B = A.copy()
    for i in range(3):
        row = B[i]
        row *= row[0]
    return (B * B * A).sum()


@case(lambda rng: (positive(rng, 3, 3),))
def iterated_rows_are_views(A):
    B = A * 1.0
    for row in B:
        row[0] = row[1] * row[2]
        row -= row.mean()
    return (B * A).sum()


# Overlapping shifts `y[1:] = y[:-1]*2`.
@case(lambda rng: (rng.normal(size=5),))
def overlapping_shift_store(x):
    y = x * x
    y[1:] = y[:-1] * 2.0
    y[:-2] = y[2:]
    y[1:] = y[:-1]
    return (y * np.array([1.0, -1.0, 2.0, 0.5, 3.0])).sum()


# `y[1:] += y[:-1]` (the right side is the old array).
@case(lambda rng: (rng.normal(size=5),), sample=True)
def overlapping_shift_add(x):
    y = x.copy()
    y[1:] += y[:-1]
    y[2:] -= y[:-2] * y[1:-1]
    return (y * y).sum()


# Turns of two loops meet at sums of their variables, and at names below zero.
@case(lambda rng: (rng.normal(size=(3, 3)),))
def meeting_on_antidiagonals(a):
    n = len(a)
    total = np.zeros(2 * n)
    out = 0.0
    for i in range(n):
        for j in range(n):
            total[i + j] += a[i, j] * a[i, j]
    for i in range(n):
        for j in range(n):
            out += total[i + j] * a[i, j]
    return out


@case(lambda rng: (rng.normal(size=4),))
def meeting_under_two_names(a):
    n = len(a)
    total = np.zeros(n)
    out = 0.0
    for i in range(-n, n):
        total[i] += a[i] * a[i]
    for i in range(-n, n):
        out += total[i] * a[i]
    return out


# Shifted parts read an array of which one loop has made the first elements.
@case(lambda rng: (rng.normal(size=8), rng.normal(size=8)), argnums=(0, 1))
def shifts_of_a_half_filled_array(x, w):
    z = np.zeros(8)
    z[:3] = 2.0 * x[:3]
    y = np.zeros(8)
    y[1:] += z[:-1] * w[1:]
    y[:-1] += z[1:] * w[:-1]
    return np.sum(y * x)


# `y[1:] *= y[:-1]` on [2, 3, 4, 5] gives [2, 6, 12, 20], not a running product.
@case(lambda rng: (near(rng, 2.0, 3.0, 4.0, 5.0),))
def overlapping_shift_multiply(x):
    y = x.copy()
    y[1:] *= y[:-1]
    return y[3] + y[1] * y[0] + y[2]


# An array operated on by its own reverse and its own transpose.
@case(lambda rng: (rng.normal(size=5), rng.normal(size=(3, 3))), argnums=(0, 1))
def overlap_with_own_reverse(x, A):
    y = x * 2.0
    y += y[::-1]
    y *= y[::-1]
    B = A * A
    B += B.T
    B[:, 1:] -= B[:, :-1]
    return (y * x).sum() + (B * A).sum()


# `y += y`, `y *= y`, `y[:] = y`.
@case(lambda rng: (rng.normal(size=4),))
def array_with_itself(x):
    y = x + 1.0
    y += y
    y *= y
    y[:] = y
    y -= 0.5 * y
    y[1:3] *= y[1:3]
    return y.sum()


# Reversed, strided views as targets.
@case(lambda rng: (rng.normal(size=7),))
def reversed_and_strided_targets(x):
    y = np.zeros(7)
    y[::-1] = x * x
    y[::2] *= x[:4]
    y[5::-2] += x[:3]
    r = y[::-1]
    r[0] = x[1] * r[6]
    r[1:4] = r[:3]
    s = r[::-2]
    s += x[2]
    return (y * y).sum()


# Transposed, reshaped, ravelled views as targets.
@case(lambda rng: (rng.normal(size=(2, 3)),))
def transposed_and_reshaped_targets(A):
    B = A * A
    T = B.T
    T[2] = T[0] * T[1]
    flat = B.reshape(-1)
    flat[1:3] += flat[3:5]
    R = B.reshape(3, 2)
    R[:, 0] *= 2.0
    B.ravel()[5] = A[0, 0] * A[1, 1]
    return (B * B).sum()


# Diagonal views as targets.
@case(lambda rng: (rng.normal(size=(4, 4)), rng.normal(size=4)), argnums=(0, 1))
def diagonal_targets(A, d):
    B = A.copy()
    B.reshape(-1)[::5] *= d
    B.ravel()[::5] += 1.0
    for i in range(4):
        B[i, i] = B[i, i] * d[i]
    edge = B.reshape(-1)[3:-1:3]
    edge[:] = edge[::-1] * d
    return (B @ B).sum()


# A view that was taken before a write sees it; a copy does not.
@case(lambda rng: (rng.normal(size=5),))
def view_sees_later_write(x):
    y = x * 1.0
    view = y[1:4]
    copy = y[1:4].copy()
    y[2] = x[0] * x[4]
    y *= 2.0
    return (view * copy).sum() + view[1] ** 2


# One array passed twice to a helper that writes.
@case(lambda rng: (rng.normal(size=4),))
def one_array_passed_twice(x):
    def shift_into(target, source):
        for i in range(1, 4):
            target[i] = target[i] + source[i - 1] * 0.5

    y = x * x
    shift_into(y, y)
    shift_into(y[::-1], y)
    return (y * y).sum()


# A view taken before its base is rebound.
@case(lambda rng: (rng.normal(size=5),))
def view_of_a_rebound_base(x):
    y = x * x
    head = y[:2]
    y = np.sin(x)
    head *= 3.0
    y[0] = head[1] * y[1]
    return (y * y).sum() + head.sum() ** 2


# Stride-0 broadcast views: one element behind many places.
@case(lambda rng: (rng.normal(size=3), rng.normal(size=(4, 3))), argnums=(0, 1))
def broadcast_view_sees_write(x, W):
    y = x * x
    wide = np.broadcast_to(y, (4, 3))
    s = (wide * W).sum()
    y[1] = x[0] * x[2]
    return s + (wide * W * W).sum()


# A diagonal is a view: writes to the matrix show in it.
@case(lambda rng: (rng.normal(size=(3, 3)),))
def diagonal_view_sees_write(A):
    y = A * 1.0
    d = np.diagonal(y)
    s = (d * d).sum()
    y[1, 1] = y[0, 0] * y[0, 1]
    return s * d.sum()


# `flip` and its kin are views that can be written.
@case(lambda rng: (rng.normal(size=(3, 3)),))
def flipped_views_are_written(A):
    y = A * 1.0
    z = np.fliplr(y)
    z[0, 1:] = y[0, 0] * y[1, 1]
    np.flip(y)[2] *= z[1]
    return (y * y * z).sum()


# Arrays inside tuples, lists, dicts mutated later.
@case(lambda rng: (rng.normal(size=4),))
def array_in_containers_mutated_later(x):
    y = x * x
    z = np.cos(x)
    pair = (y, z)
    rows = [y, z, y]
    table = {"y": y, "sum": y.sum()}
    y[0] = x[1] * x[2]
    rows[1][2] = 5.0 * x[3]
    table["y"] *= 2.0
    pair[1][1:] += rows[2][:-1]
    return (pair[0] * rows[1]).sum() + table["sum"] * table["y"][0]


# View of a view of a view.
@case(lambda rng: (rng.normal(size=(4, 6)),))
def view_chain(A):
    B = A * A
    block = B[1:, ::2]
    lower = block[1:]
    column = lower[:, 1]
    column[0] = A[0, 0] * A[3, 5]
    lower.T[0] *= column
    block[0, ::-1] += lower[1]
    return (B * A).sum()


# A row chosen at run time is written through; another name reads the same row.
@case(lambda rng: (near(rng, [0.2, 1.0, 0.4], [1.0, 0.6, 0.4], [0.1, 1.4, 0.9]),))
def row_chosen_by_data(A):
    B = A * 2.0
    for _ in range(4):
        k = int(np.argmax(B[:, 1]))
        row = B[k]
        other = B[(k + 1) % 3]
        row[1] = row[0] * 0.5 + other[2] * 0.1
        other += 0.1 * row
    return (B * B).sum()


# Views swapped by name, then written.
@case(lambda rng: (rng.normal(size=6),))
def views_swapped_by_name(x):
    y = x * 1.0
    left = y[:3]
    right = y[3:]
    for i in range(3):
        left, right = right, left
        left[i] = right[0] * left[1] + x[i]
    return (y * y).sum()


# `[:]`, `.T` and a reshape share; `np.array`, `+ 0`, fancy reads, `flatten` do not.
@case(lambda rng: (rng.normal(size=4),))
def what_shares_and_what_copies(x):
    y = x * x
    same = y[:]
    turned = y.reshape(2, 2).T
    fresh = np.array(y)
    plus = y + 0.0
    picked = y[np.array([0, 1, 2, 3])]
    flat = y.flatten()
    y[1] = x[0] * x[2]
    same[2] *= 3.0
    shared = (same[:2] * turned[0]).sum()
    own = (fresh * plus + picked * flat).sum()
    return shared + 0.5 * own


# A turned array is copied by `ascontiguousarray`; a reshape that splits axes shares.
@case(lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=6)), argnums=(0, 1))
def c_order_of_turned(A, x):
    B = A * A
    fresh = np.ascontiguousarray(B.T)
    fresh[0, 0] = 5.0 * x[1]
    same = B.T.reshape(B.shape[::-1])
    same[1, 1] *= x[0]
    every = np.ascontiguousarray(x[::2])
    every *= every
    return (B * B).sum() + (fresh * same).sum() + every.sum()


# `x[k, ...]`, `.squeeze()` and `.reshape(())` are views of rank 0, not numbers.
@case(lambda rng: (rng.normal(size=4),))
def views_of_rank_zero(x):
    y = x * x
    a = y[0, ...]
    b = y[1:2].reshape(())
    c = np.squeeze(y[2:3], axis=0)
    total = y.sum(keepdims=True)
    d = total.squeeze()
    y[:3] = x[1:] * 3.0
    a += x[3]
    c *= b
    d += a
    return y[0] * y[2] + total[0] * b + np.atleast_1d(d)[0]


# What is new with an axis more is an array, no list: its slices share.
@case(lambda rng: (rng.normal(size=4),))
def slices_of_reshaped_share(x):
    y = x * x
    upper = y.reshape(2, 2)[:1]
    column = y[:, None][1:]
    column *= x[0]
    upper[0, 1] += x[3]
    y[0] = x[1] * x[2]
    return (y * y).sum() + (upper * x[:2]).sum() + column[2, 0]


# An array in a list is no list: `asarray` gives it itself.
@case(lambda rng: (rng.normal(size=4),))
def asarray_of_listed_arrays(x):
    rows = [x * 1.0, x * x]
    for k in range(2):
        y = np.asarray(rows[k])
        y[0] = 5.0 * x[1]
        np.ravel(rows[k])[1] += x[k]
    return rows[0].sum() + (rows[1] * x).sum()


# `A.T.ravel()` has to copy: a write to it leaves A alone; `A.ravel()` does not copy.
@case(lambda rng: (rng.normal(size=(3, 2)),))
def ravel_of_transposed_copies(A):
    B = A * A
    t = B.T.ravel()
    t[0] = 5.0 * A[1, 1]
    r = B.ravel()
    r[5] = A[0, 0] * A[0, 1]
    u = B.T.reshape(-1)
    u *= 2.0
    return (B * B).sum() + t @ r + u[1] * u[2]


# Two views of one base overlap in a single statement.
@case(lambda rng: (rng.normal(size=8),))
def two_views_overlap(x):
    y = x * x
    a = y[:5]
    b = y[2:7]
    a += b
    b *= a
    a[:] = b[::-1]
    return (y * x).sum()


# The caller's array is not contiguous: transposed, strided, reversed, read only.
@case(lambda rng: (rng.normal(size=(4, 3)).T, rng.normal(size=8)[::-2]), argnums=(0, 1))
def arguments_are_views(A, v):
    s = 0.0
    for i in range(A.shape[0]):
        s += A[i] @ v * A[i, 0]
    A[0, :] = v * v
    v[1:] *= A[1, 1:]
    return s + (A * A).sum() + v.sum()


def _read_only(rng):
    x = rng.normal(size=5)
    x.flags.writeable = False
    return (x, np.broadcast_to(rng.normal(size=3), (5, 3)))


@case(_read_only)
def arguments_are_read_only(x, W):
    y = x.copy()
    y[0] *= x[1]
    return (y @ W).sum() * x[2]


@case(lambda rng: (np.asfortranarray(rng.normal(size=(3, 4))), rng.normal(size=4)))
def argument_in_fortran_order(A, w):
    flat = A.ravel()
    B = A.reshape(4, 3)
    return (A @ w).sum() * flat[1] + (B[2] * B[0]).sum()


# Old columns are shifted out while new ones come in (a delay line).
@case(lambda rng: (rng.normal(size=6), rng.normal(size=3)), argnums=(0, 1))
def delay_line(x, h):
    line = np.zeros(3)
    s = 0.0
    for v in x:
        line[1:] = line[:-1]
        line[0] = v
        out = line @ h
        s = s + out * out
    return s


# A loop writes one row from the previous one through two live views.
@case(lambda rng: (rng.normal(size=4), rng.uniform(0.2, 0.6)), argnums=(0, 1))
def rows_from_previous_rows(x, k):
    U = np.zeros((4, 4))
    U[0] = x
    for t in range(3):
        old = U[t]
        new = U[t + 1]
        new[:] = old
        new[1:-1] += k * (old[2:] - 2 * old[1:-1] + old[:-2]) * old[1:-1]
        new[0] = new[1] * old[0]
    return (U * U).sum()


# Two names of one array after one arm, of two after the other: a write is seen in one.
@case(lambda rng: (rng.normal(size=3), 1.0))
def two_names_on_one_path(x, c):
    if c > 0:
        p = x * 2
        q = p
    else:
        p = x * 3
        q = x * 4
    p[0] = 5.0
    return q.sum() + p.sum()


# A turn leaves two carried names with one array.
@case(lambda rng: (rng.normal(size=3), 3.0))
def two_names_after_a_turn(x, n):
    a = x * 1.0
    b = x * 2.0
    for i in range(int(n)):
        a[0] = 7.0 + i
        b = b * 2.0
        t = a + b
        a = t
        b = t
    return (a * b).sum()


# What was appended in one turn is written in the next.
@case(lambda rng: (rng.normal(size=3), 3.0), refused="one memory on one path")
def written_after_it_was_appended(x, n):
    rows = []
    x = x * 1.0
    for i in range(int(n)):
        x[0] = 0.5 * i
        x = x * 1.5
        rows.append(x)
    s = 0.0
    for k in range(int(n)):
        s = s + rows[k].sum()
    return s


# Both names of an array are bound anew by each turn.
@case(lambda rng: (rng.normal(size=4), 3))
def two_names_bound_anew(x, n):
    a = x * 1.0
    b = a
    for _ in range(n):
        a = a + 1.0
        b = b * 2.0
    return (a * b).sum()


# One name is bound to a part of what another one is bound to, anew in each turn.
@case(lambda rng: (rng.normal(size=3), 3.0), refused="one memory on one path")
def part_of_another_carried_name(x, n):
    w = x * 1.0
    p = x * 2.0
    s = 0.0
    for i in range(int(n)):
        w[0] = w[0] * 2.0
        s += p[0]
        w = w * 1.5
        p = w[:2]
    return s


# A list that grows gets a second name on one path, and grows under that name.
@case(lambda rng: (rng.normal(size=3) ** 2,), refused="one memory on one path")
def appended_under_another_name(x):
    one, two = [], []
    for v in x:
        one.append(v)
        two.append(v * 2.0)
    if x[0] > 0.0:
        chosen = one
    else:
        chosen = two
    chosen.append(3.0 * x[0])
    s = 0.0
    for v in one:
        s += v * v
    return s


# A turn leaves a name with a container from outside on one path.
@case(lambda rng: (rng.normal(size=3) ** 2,), refused="one memory on one path")
def container_of_outside_on_one_path(x):
    kept = [2.0 * x[0]]
    y = [3.0 * x[1]]
    for v in x:
        y[0] = y[0] * 2.0
        y = kept if v > 0.0 else [v * 3.0]
    return kept[0]


# NumPy's own copy of overlapping parts is right for these, and taken as it is.
@case(lambda rng: (rng.normal(size=7), rng.normal(size=(4, 4))))
def parts_copied_over_each_other(x, a):
    y, b = x * x, a * a
    y[2:] = y[:-2]
    y[::2] = y[::-2]
    y[1:4] = y[5:6]
    b[1, :] = b[:, 1]
    b[2, 3:] = b[3:, 2]
    b[1:, :3] = b[:-1, 1:]
    y[[4, 5]] = y[3:5]
    return np.sum(y * x) + np.sum(b * a * y[0])
