# logistic, functions.py:36 | gradient with respect to r, x
import numpy as np


def logistic_grad(r, x, n, d_logistic=1.0):
    # forward
    x_saved = np.empty(max(0, n))  # 37
    for k in range(n):  # 37
        x_saved[k] = x  # 37
        x = r * x * (1 - x)  # 38
    # backward
    d_r = 0.0
    d_x = d_logistic
    for k in range(n - 1, -1, -1):  # 37: for _ in range(n):
        x_2 = x_saved[k]
        t = 1 - x_2  # 38: x = r * x * (1 - x)
        d_r += d_x * t * x_2
        d_x *= t * r - r * x_2
    return x, (d_r, d_x)
