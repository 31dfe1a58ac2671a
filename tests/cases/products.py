"""Products in loops: those of all turns are one product, where nothing else changes."""

import numpy as np

from tests.cases import case
from tests.cases.inputs import definite


@case(lambda rng: (rng.normal(size=(3, 4, 5)), rng.normal(size=(5, 5))), argnums=(0, 1))
def rows_times_a_matrix_in_place(x, w):
    for r in range(x.shape[0]):
        for q in range(x.shape[1]):
            x[r, q, :] = x[r, q, :] @ w
    return np.sum(x * x)


@case(lambda rng: (rng.normal(size=(6, 5)),))
def columns_times_later_columns(x):
    m = x.shape[1]
    x -= np.mean(x, axis=0)
    out = np.zeros((m, m))
    for i in range(m):
        out[i:m, i] = x[:, i] @ x[:, i:m] / (m - 1.0)
    for i in range(m - 1):
        out[i, i + 1 :] = x[:, i + 1 :].T @ x[:, i]
    return np.sum(out * out)


@case(lambda rng: (rng.normal(size=(6, 4)), rng.normal(size=(7, 4))), argnums=(0, 1))
def rows_times_earlier_rows(x, y):
    out = np.zeros((6, 7))
    for i in range(2, 5):
        out[i, : i + 2] = 0.5 * (y[: i + 2] @ x[i])
        out[i - 1, : i - 1] += x[i] @ y[: i - 1].T
    return np.sum(out * out * out)


@case(lambda rng: (rng.normal(size=(5, 5)), rng.normal(size=(5, 4))), argnums=(0, 1))
def rows_below_are_as_they_were(a, b):
    for i in range(b.shape[0]):
        for j in range(b.shape[1]):
            b[i, j] += np.dot(a[i + 1 :, i], b[i + 1 :, j])
    return np.sum(b * b)


@case(lambda rng: (rng.normal(size=(5, 5)), rng.normal(size=(5, 4))), argnums=(0, 1))
def rows_above_are_new(a, b):
    for i in range(b.shape[0]):
        for j in range(b.shape[1]):
            b[i, j] += np.dot(a[:i, i], b[:i, j])
    return np.sum(b * b)


@case(lambda rng: (rng.normal(size=(4, 4)), rng.normal(size=(4, 4))), argnums=(0, 1))
def column_that_one_turn_writes(a, b):
    for i in range(b.shape[0]):
        for j in range(b.shape[1]):
            b[i, j] += a[i:, j] @ b[i:, 0]
    return np.sum(b * b)


@case(lambda rng: (rng.normal(size=(4, 3)), definite(rng, 3)), argnums=(0, 1))
def row_times_a_matrix_from_the_row_before(x, w):
    for i in range(1, 4):
        x[i] = x[i] + 0.1 * (x[i - 1] @ w)
    return np.sum(x * x)


@case(lambda rng: (rng.normal(size=(5, 3)), definite(rng, 3)), argnums=(0, 1))
def rows_written_from_the_other_end(x, w):
    for i in range(5):
        x[4 - i] = x[i] @ w
    return np.sum(x * x)


@case(lambda rng: (rng.normal(size=(4, 3)), definite(rng, 3)), argnums=(0, 1))
def row_changed_before_it_is_multiplied(x, w):
    for i in range(4):
        x[i] *= x[i, 0]
        x[i] = x[i] @ w
    return np.sum(x * x)


@case(lambda rng: (rng.normal(size=(4, 3)), definite(rng, 3)), argnums=(0, 1))
def rows_counted_from_the_end(x, w):
    for i in range(-2, 2):
        x[i] = x[i] @ w
        x[-i - 1] = x[-i - 1] * 0.5
    return np.sum(x * x)


@case(lambda rng: (rng.normal(size=(4, 3)), definite(rng, 3)), argnums=(0, 1))
def rows_around_the_end(x, w):
    out = np.zeros((4, 3))
    for i in range(-2, 2):
        out[i] = x[i] @ w
    return np.sum(out * out * out)


@case(lambda rng: (rng.normal(size=(4, 3)), definite(rng, 3)), argnums=(0, 1))
def products_that_are_changed_or_kept(x, w):
    out, kept = np.zeros((4, 3)), []
    for i in range(4):
        y = x[i] @ w
        y += 1.0
        y *= x[i]
        out[i] = y
    for i in range(x.shape[0]):
        z = x[i] @ w[0]
        kept.append(z * z)
    for i in range(4):
        z = x[i] @ w
        kept.append(z[1])
        out[i] += z[::-1]
        out[i, 0] += z[-1] + z[1:].sum()
    for i in range(4):
        z = x[i] @ w
        out[i] += z
        z[1] *= z[0]
        kept.append(z[1])
    return np.sum(out * out) + sum(kept)


@case(lambda rng: (rng.normal(size=(4, 3)), definite(rng, 3)), argnums=(0, 1))
def products_until_one_is_large(x, w):
    out = np.zeros((4, 3))
    for i in range(4):
        out[i] = x[i] @ w
        if out[i, 0] > 0.3:
            break
    return np.sum(out * out)


@case(lambda rng: (rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), definite(rng, 3)),
      argnums=(0, 1, 2))  # fmt: skip
def products_of_buffers_that_change_places(x, y, w):
    for k in range(3):
        for i in range(x.shape[0]):
            y[i] = x[i] @ w + 0.1 * k
        x, y = y, x
    return np.sum(x * y)


@case(lambda rng: (rng.normal(size=(4, 3)), definite(rng, 3)), argnums=(0, 1))
def matrix_that_changes_in_the_loop(x, w):
    out = np.zeros((4, 3))
    for i in range(4):
        out[i] = x[i] @ w
        w[0] *= 0.5
    return np.sum(out * out)


@case(lambda rng: (rng.normal(size=(2, 4, 3)), rng.normal(size=(3,))), argnums=(0, 1))
def matrices_times_a_vector(x, v):
    out = np.zeros((2, 4))
    for i in range(2):
        out[i] = x[i] @ v
    for j in range(x.shape[1]):
        out[0, j] *= v @ x[1, j]
    return np.sum(out * out)


@case(lambda rng: (rng.normal(size=(4, 3)), rng.normal(size=(5, 3))), argnums=(0, 1))
def rows_times_a_turned_matrix(x, w):
    out = np.zeros((4, 5))
    for i in range(4):
        out[i] = x[i] @ w.T + w @ x[i]
    return np.sum(out * out)


@case(lambda rng: (rng.normal(size=(6, 4)), rng.normal(size=(3, 4, 4))), argnums=(0, 1))
def matrices_times_rows(x, w):
    out = np.zeros((3, 6, 4))
    for i in range(x.shape[0]):
        for j in range(w.shape[0]):
            out[j, i] += w[j] @ x[i]
            out[j, i] *= out[j, i]
    return np.sum(out)


@case(lambda rng: (rng.normal(size=(6, 3)), rng.normal(size=(3, 3)), 4), argnums=(0, 1))
def only_the_first_rows(x, w, n):
    out = np.zeros((6, 3))
    for i in range(n):
        out[i] = x[i] @ w
    for i in range(n - 5):
        out[i] += x[i] @ w
    return np.sum(out * out)


@case(
    lambda rng: (rng.normal(size=(3, 3)), rng.normal(size=(3, 3)), 4), raises=IndexError
)
def more_rows_than_there_are(x, w, n):
    out = np.zeros((9, 3))
    for i in range(n):
        out[i] = x[i] @ w
    return np.sum(out * out)


@case(lambda rng: (rng.normal(size=(3, 3)), rng.normal(size=(4, 3))), raises=ValueError)
def rows_that_do_not_fit(x, w):
    out = np.zeros((3, 3))
    for i in range(x.shape[0]):
        out[i] = x[i] @ w
    return np.sum(out * out)


@case(lambda rng: (1.5, rng.normal(size=(5, 5)), rng.normal(size=(5, 9))),
      argnums=(0, 1, 2))  # fmt: skip
def triangle_added_column_by_column(alpha, c, a):
    for i in range(a.shape[0]):
        c[i, : i + 1] *= 0.5
        for k in range(a.shape[1]):
            c[i, : i + 1] += alpha * a[i, k] * a[: i + 1, k]
    return np.sum(c * c)


@case(lambda rng: (rng.normal(size=4), rng.normal(size=(4, 11)), rng.normal(size=11)),
      argnums=(0, 1, 2))  # fmt: skip
def columns_added_and_taken_away(y, x, s):
    w = y * y
    for k in range(1, x.shape[1] - 1):
        y -= w * x[:, k] * s[k] - s[k] * x[:, k] * 0.5 - -(2.0 * s[k] * x[:, k])
    for k in range(s.shape[0]):
        y[1:] = x[1:, k] * (0.1 * s[k]) + y[1:]
    return np.sum(y * y)


@case(lambda rng: (rng.normal(size=(9, 4)), rng.normal(size=(3, 9))), argnums=(0, 1))
def rows_added_by_numbers(x, s):
    out = np.zeros((3, 4))
    for i in range(3):
        for k in range(2, x.shape[0]):
            out[i, :] += s[i, k] * x[k]
    return np.sum(out * out * out)


@case(lambda rng: (rng.normal(size=9), rng.normal(size=(9, 9)), rng.normal(size=9)),
      argnums=(0, 1, 2))  # fmt: skip
def columns_added_below(y, x, s):
    for k in range(y.shape[0]):
        y[k:] += s[k] * x[k:, k]
    return np.sum(y * y)


@case(lambda rng: (rng.normal(size=9), rng.normal(size=(9, 9)), rng.normal(size=9)),
      argnums=(0, 1, 2))  # fmt: skip
def columns_added_to_what_is_a_factor(y, x, s):
    for k in range(y.shape[0]):
        y += s[k] * x[:, k] * y[0]
    for k in range(y.shape[0]):
        y += 0.01 * y[k] * x[:, k]
    return np.sum(y)


@case(lambda rng: (rng.normal(size=(9, 9)), rng.normal(size=9)), argnums=(0, 1))
def rows_added_to_one_of_them(x, s):
    for k in range(x.shape[0]):
        x[4] += s[k] * x[k]
    return np.sum(x * x)


@case(lambda rng: (rng.normal(size=9), rng.normal(size=(9, 9)), rng.normal(size=9)),
      argnums=(0, 1, 2))  # fmt: skip
def columns_added_by_numbers_that_change(y, x, s):
    for k in range(y.shape[0]):
        y += s[k] * x[:, k]
        s *= 0.9
    return np.sum(y * y)


@case(lambda rng: (rng.normal(size=9), rng.normal(size=(1, 9)), rng.normal(size=9)),
      argnums=(0, 1, 2))  # fmt: skip
def columns_of_one_number(y, x, s):
    for k in range(x.shape[1]):
        y += s[k] * x[:, k]
    return np.sum(y * y)


@case(lambda rng: (rng.normal(size=3), rng.normal(size=(3, 9)), rng.normal(size=9)),
      argnums=(0, 1, 2))  # fmt: skip
def columns_added_in_no_turn(y, x, s):
    for k in range(x.shape[1], s.shape[0]):
        y += s[k] * x[:, k]
    return np.sum(y * y)


@case(lambda rng: (rng.normal(size=3).astype("f4"), rng.normal(size=(3, 9)),
                   rng.normal(size=9)), argnums=(1, 2), rtol=1e-5)  # fmt: skip
def columns_added_to_short_floats(y, x, s):
    for k in range(x.shape[1]):
        y += s[k] * x[:, k]
    return np.sum(y * y)


@case(lambda rng: (rng.normal(size=3), rng.normal(size=(3, 9)), rng.normal(size=8)),
      raises=IndexError)  # fmt: skip
def more_columns_than_numbers(y, x, s):
    for k in range(x.shape[1]):
        y += s[k] * x[:, k]
    return np.sum(y * y)


@case(lambda rng: (rng.normal(size=3), rng.normal(size=(2, 9)), rng.normal(size=9)),
      raises=ValueError)  # fmt: skip
def columns_of_another_length(y, x, s):
    for k in range(x.shape[1]):
        y += s[k] * x[:, k]
    return np.sum(y * y)


@case(lambda rng: (rng.normal(size=3), rng.normal(size=(3, 9)), rng.normal(size=9), 10),
      raises=IndexError)  # fmt: skip
def more_turns_than_columns(y, x, s, n):
    for k in range(n):
        y += s[k] * x[:, k]
    return np.sum(y * y)


@case(lambda rng: (rng.normal(size=(4, 3)), rng.normal(size=(3, 3))), argnums=(0, 1))
def rows_times_a_matrix_of_a_list(x, w):
    found = []
    for k in range(3):
        found.append(w * (k + 1.0))
    out = np.zeros((4, 3))
    for i in range(4):
        out[i] = np.tanh(x[i] @ found[1])
    return np.sum(out * out)
