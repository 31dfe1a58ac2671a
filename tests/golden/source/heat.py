# heat, functions.py:83 | gradient with respect to u, c
import numpy as np


def heat_grad(u, c, n, d_heat=1.0):
    # forward
    n_u = u.shape[0]
    u = u.copy()  # 83
    v = np.zeros_like(u)  # 84
    t_saved = np.empty((max(0, n), max(0, n_u - 2)))  # 85
    for k in range(n):  # 85
        t = u[:-2] - 2 * u[1:-1] + u[2:]  # 86
        t_saved[k] = t  # 86
        v[1:-1] = u[1:-1] + c * t  # 86
        u, v = v, u  # 85
    # backward
    d_u = 2 * d_heat * u  # 88: return np.sum(u * u)
    d_v = np.zeros_like(v)
    d_c = 0.0
    for k in range(n - 1, -1, -1):  # 85: for _ in range(n):
        # 86: v[1:-1] = u[1:-1] + c * (u[:-2] - 2 * u[1:-1] + u[2:])
        d_a = d_u[1:-1].copy()
        d_u[1:-1] = 0.0
        d_v[1:-1] += d_a
        d_a_2 = d_a * c
        d_v[2:] += d_a_2
        d_v[:-2] += d_a_2
        d_v[1:-1] -= 2 * d_a_2
        d_c += np.sum(d_a * t_saved[k])
        d_u, d_v = d_v, d_u
    return np.sum(u * u), (d_u, d_c)
