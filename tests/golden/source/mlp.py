# mlp, functions.py:30 | gradient with respect to w1, b1, w2, b2
import numpy as np


def mlp_grad(w1, b1, w2, b2, X, y, d_mlp=1.0):
    # forward
    n = X.shape[0]
    t = X @ w1 + b1  # 31
    h = np.maximum(t, 0)  # 31
    r = h @ w2 + b2 - y  # 32
    # backward
    d_r = 2 * d_mlp / n * r  # 33: return np.sum(r * r) / len(y)
    d_b2 = np.sum(d_r, axis=0)  # 32: r = h @ w2 + b2 - y
    d_h = d_r @ w2.T
    d_w2 = h.T @ d_r
    # 31: h = np.maximum(X @ w1 + b1, 0)
    d_a = np.where(t > 0, d_h, np.where(t == 0, 0.5 * d_h, 0))
    d_b1 = np.sum(d_a, axis=0)
    d_w1 = X.T @ d_a
    return np.sum(r * r) / n, (d_w1, d_b1, d_w2, d_b2)
