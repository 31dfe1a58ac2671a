"""Lists whose length is known at run time only."""

import numpy as np

from tests.cases import case
from tests.cases.inputs import near

LEVELS = [1.0, 2.0, 3.0]
ROWS = [[1.0, 2.0], [3.0, 4.0]]


def _x(rng):
    return near(rng, 0.7, -0.4, 0.9, 0.2, 1.1)


# Arrays in a list that grows, joined along an axis.
@case(lambda rng: (_x(rng), 3))
def growing_lists_joined(x, n):
    rows, squares, numbers, square = [], [], [], np.outer(x, x)
    for i in range(n):
        rows.append(np.array([x[0] * i, x[1]]))
        squares.append(square * i)
        numbers.append(x[i] * i)
    w = np.arange(2.0 * n)
    total = np.concatenate(rows) @ w + (np.vstack(rows).T @ w[:n]).sum()
    total += (np.column_stack(rows) @ w[:n]).sum() + np.hstack(rows) @ w
    total += (np.stack(squares, axis=-1) @ w[:n]).sum() * np.hstack(numbers).sum()
    total += (np.concatenate(squares, axis=1) ** 2).sum() * np.vstack(numbers)[1, 0]
    total += (np.hstack(squares) * np.column_stack(squares)).sum()
    return total + (np.vstack(squares)[:, 0] @ np.arange(15.0)) * np.column_stack(numbers)[0, 1]


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
