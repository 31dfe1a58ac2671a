# loss, functions.py:24 | gradient with respect to w, b
import numpy as np


def loss_grad(w, b, X, y, d_loss=1.0):
    # forward
    h = np.tanh(X @ w + b)  # 25
    r = h - y  # 26
    # backward
    d_r = 2 * d_loss / (X.shape[0] * w.shape[1]) * r  # 27: return np.mean(r * r)
    d_a = d_r * (1 - h * h)  # 25: h = np.tanh(X @ w + b)
    d_b = np.sum(d_a, axis=0)
    d_w = X.T @ d_a
    return np.mean(r * r), (d_w, d_b)
