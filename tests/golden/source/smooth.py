# smooth, functions.py:42 | gradient with respect to u
import numpy as np


def smooth_grad(u, c, n, d_smooth=1.0):
    # forward
    n_u = u.shape[0]
    u = u.copy()  # 42
    for _ in range(n):  # 43
        for i in range(1, n_u - 1):  # 44
            u[i] = c * u[i - 1] + (1 - 2 * c) * u[i] + c * u[i + 1]  # 45
    # backward
    d_u = 2 * d_smooth * u  # 46: return np.sum(u * u)
    for _ in range(n - 1, -1, -1):  # 43: for _ in range(n):
        for i in range(n_u - 2, 0, -1):  # 44: for i in range(1, len(u) - 1):
            t = d_u[i]  # 45: u[i] = c * u[i - 1] + (1 - 2 * c) * u[i] + c * u[i + 1]
            d_u[i + 1] += t * c
            d_u[i] = t * (1 - 2 * c)
            d_u[i - 1] += t * c
    return np.sum(u * u), (d_u,)
