# root, functions.py:49 | gradient with respect to a
import numpy as np


def root_grad(a, d_root=1.0):
    # forward
    x_saved = []  # 51
    x = a  # 51
    trips = 0  # 51
    while abs(x * x - a) > 1e-09:  # 51
        trips += 1  # 51
        x_saved.append(x)  # 51
        x = 0.5 * (x + a / x)  # 52
    # backward
    d_a = 0.0
    d_x = d_root
    for k in range(trips - 1, -1, -1):  # 51: while abs(x * x - a) > 1e-9:
        x_2 = x_saved[k]
        d_x_2 = 0.5 * d_x  # 52: x = 0.5 * (x + a / x)
        d_a += d_x_2 / x_2
        d_x *= 0.5 - np.divide(0.5, x_2) * (a / x_2)
    d_a += d_x
    return x, (d_a,)
