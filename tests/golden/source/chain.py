# chain, functions.py:19 | gradient with respect to x, w1, b1, w2, b2
import numpy as np


def chain_grad(x, target, w1, b1, w2, b2, d_chain=1.0):
    # forward
    z = w1 * x + b1  # 20
    t = z > 0  # 16
    t_2 = np.float64(z if t else 0)  # 16
    t_3 = np.exp(-(w2 * t_2 + b2))  # 12
    t_4 = 1 + t_3  # 12
    t_5 = 1 / t_4  # 12
    t_6 = t_5 - target  # 20
    loss = t_6**2  # 20
    # backward
    d_b2 = 2 * d_chain * t_6 / t_4 * t_5 * t_3  # 12: return 1 / (1 + np.exp(-z))
    d_w2 = d_b2 * t_2  # 20: loss = (sigmoid(w2 * relu(w1 * x + b1) + b2) - target) ** 2
    d_b1 = d_b2 * w2 if t else 0  # 16: return np.where(z > 0, z, 0)
    d_w1 = d_b1 * x if t else 0
    d_x = d_b1 * w1 if t else 0
    return loss, (d_x, d_w1, d_b1, d_w2, d_b2)
