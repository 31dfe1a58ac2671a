# huber, functions.py:67 | gradient with respect to r, delta
import numpy as np


def huber_grad(r, delta, d_huber=1.0):
    # forward
    a = abs(r)  # 68
    t = a <= delta  # 69
    if t:  # 69
        value = 0.5 * r * r  # 69
    else:  # 69
        value = delta * (a - 0.5 * delta)  # 69
    # backward
    if t:  # 69: if a <= delta:
        d_r = 0.5 * d_huber * r  # 70: return 0.5 * r * r
        d_r += 0.5 * (d_huber * r)
        d_delta = 0.0
        d_a = 0.0
    else:
        d_delta = d_huber * (a - 0.5 * delta)  # 71: return delta * (a - 0.5 * delta)
        d_a = d_huber * delta
        d_r = 0.0
        d_delta -= 0.5 * d_a
    d_r += d_a * np.sign(r) if not t else 0  # 68: a = abs(r)
    return value, (d_r, d_delta)
