# steepness, functions.py:107 | gradient with respect to x
import numpy as np


def steepness_grad(x, d_steepness=1.0):
    # forward
    t = np.cos(x)  # 104
    d_x = np.sin(x) + x * t  # 104
    # backward
    d_d_x = d_steepness * (2 * d_x)  # 108: return np.sum(slope(x) ** 2)
    d_x_2 = d_d_x * t  # 104: return np.sum(x * np.sin(x))
    d_x_2 -= d_d_x * x * np.sin(x)
    d_x_2 += d_d_x * np.cos(x)
    return np.sum(d_x**2), (d_x_2,)
