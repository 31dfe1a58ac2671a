# first_above, functions.py:74 | gradient with respect to x, limit
import numpy as np


def first_above_grad(x, limit, d_first_above=1.0):
    # forward
    t_saved = []  # 76
    returned = False  # 76
    value = 0.0  # 76
    total = np.float64(0.0)  # 76
    trips = 0  # 76
    for i in range(x.shape[0]):  # 76
        trips += 1  # 76
        v = x[i]  # 76
        total += v * v  # 77
        returned = total > limit  # 78
        t_saved.append(returned)  # 78
        if returned:  # 78
            value = total - limit  # 78
            break  # 76
    if not returned:  # 76
        value = total  # 76
    # backward
    if returned:  # 76: for v in x:
        d_value = d_first_above
        d_total = 0.0
    else:
        d_value = 0.0
        d_total = d_first_above
    d_x = np.zeros_like(x)
    d_limit = 0.0
    for i in range(trips - 1, -1, -1):
        if t_saved[i]:  # 78: if total > limit:
            d_limit -= d_value
            d_total += d_value
            d_value = 0.0
        v = x[i]
        d_v = 2 * d_total * v
        d_x[i] += d_v
    return value, (d_x, d_limit)
